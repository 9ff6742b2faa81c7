//! Nothing of one person reaches another, through no tool and no argument, unless the policy says so.
//!
//! What the policy says is written out here by hand, in Rust over the raw tables, and shares no line with the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bailiwick::store::audit::{Decision, Outcome, Verdict};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::support::rows::{self, Caller};
use crate::support::server::Server;

/// What the policy knows of a person.
pub(crate) struct Who {
    pub(crate) name: &'static str,
    tenant: &'static str,
    user: &'static str,
    member: bool,
    accountant: bool,
    auditor: bool,
    rooms: &'static [&'static str],
    /// Without one, nobody is cleared.
    clearance: Option<u8>,
}

const GUEST: Who = Who {
    name: "eve",
    tenant: "acme",
    user: "eve@acme.example",
    member: false,
    accountant: false,
    auditor: false,
    rooms: &[],
    clearance: None,
};

pub(crate) const PEOPLE: [Who; 5] = [
    Who {
        name: "ada",
        user: "ada@acme.example",
        member: true,
        accountant: true,
        rooms: &["finance", "board"],
        clearance: Some(3),
        ..GUEST
    },
    Who {
        name: "bob",
        user: "bob@acme.example",
        member: true,
        rooms: &["sales", "engineering"],
        clearance: Some(1),
        ..GUEST
    },
    Who { name: "carol", user: "carol@acme.example", auditor: true, clearance: Some(2), ..GUEST },
    Who {
        name: "dave",
        tenant: "globex",
        user: "dave@globex.example",
        member: true,
        rooms: &["research", "operations"],
        clearance: Some(3),
        ..GUEST
    },
    GUEST,
];

/// Ada of the first company, with a token that the second company's part of the same issuer gave her: the same person, elsewhere.
pub(crate) const ADA_ELSEWHERE: Who =
    Who { name: "ada at globex", tenant: "globex", user: "ada@acme.example", clearance: Some(3), ..GUEST };

pub(crate) const DATASETS: [(&str, &[&str]); 5] = [
    ("data_rooms", &["id"]),
    ("documents", &["id"]),
    ("invoice_lines", &["invoice_id", "line_no"]),
    ("invoices", &["id"]),
    ("people", &["id"]),
];

struct Document {
    id: String,
    tenant: String,
    room: String,
    owner: String,
    classification: String,
}

impl Who {
    /// The name that a token gives this person.
    pub(crate) fn user(&self) -> &'static str {
        self.user
    }
}

/// The raw tables.
pub(crate) struct Tables {
    connection: SqliteConnection,
    documents: Vec<Document>,
    /// Id and tenant.
    rooms: Vec<(String, String)>,
    /// Id, tenant, name and title.
    people: Vec<(String, String, String, String)>,
    /// Id, tenant and owner.
    invoices: Vec<(String, String, String)>,
    /// Invoice and number.
    lines: Vec<(String, i64)>,
}

macro_rules! table {
    ($connection:expr, $sql:literal) => {
        sqlx::query_as($sql).fetch_all(&mut *$connection).await.unwrap()
    };
}

impl Tables {
    pub(crate) async fn read(directory: &Path) -> Self {
        let mut connection = rows::open(&directory.join("company.db")).await;
        let documents: Vec<(String, String, String, String, String)> = table!(
            &mut connection,
            "SELECT CAST(id AS TEXT), tenant_id, data_room_id, owner_id, classification FROM documents"
        );
        let document = |(id, tenant, room, owner, classification)| Document { id, tenant, room, owner, classification };
        Self {
            documents: documents.into_iter().map(document).collect(),
            rooms: table!(&mut connection, "SELECT id, tenant_id FROM data_rooms"),
            people: table!(&mut connection, "SELECT id, tenant_id, name, title FROM people"),
            invoices: table!(&mut connection, "SELECT id, tenant_id, owner_id FROM invoices"),
            lines: table!(&mut connection, "SELECT invoice_id, line_no FROM invoice_lines"),
            connection,
        }
    }

    /// The keys of the rows of a dataset that this person may see.
    pub(crate) fn seen(&self, who: &Who, dataset: &str) -> BTreeSet<String> {
        let own = |tenant: &str| tenant == who.tenant;
        let invoices = || {
            let seen = self.invoices.iter().filter(|(_, tenant, owner)| {
                own(tenant) && (who.accountant || who.auditor || who.member && owner == who.user)
            });
            seen.map(|(id, ..)| id.clone())
        };
        match dataset {
            "documents" => {
                let seen = self.documents.iter().filter(|document| {
                    let allowed = document.classification == "public"
                        || who.member && (who.rooms.contains(&document.room.as_str()) || document.owner == who.user)
                        || who.auditor;
                    let denied = document.classification == "secret" && who.clearance.is_none_or(|level| level < 3);
                    own(&document.tenant) && allowed && !denied
                });
                seen.map(|document| document.id.clone()).collect()
            }
            "data_rooms" => {
                let seen = self.rooms.iter().filter(|(id, tenant)| {
                    own(tenant) && (who.auditor || who.member && who.rooms.contains(&id.as_str()))
                });
                seen.map(|(id, _)| id.clone()).collect()
            }
            "people" => {
                let seen = self.people.iter().filter(|(_, tenant, ..)| own(tenant) && (who.member || who.auditor));
                seen.map(|(id, ..)| id.clone()).collect()
            }
            "invoices" => invoices().collect(),
            "invoice_lines" => {
                let invoices: BTreeSet<String> = invoices().collect();
                let seen = self.lines.iter().filter(|(invoice, _)| invoices.contains(invoice));
                seen.map(|(invoice, line)| format!("{invoice}/{line}")).collect()
            }
            other => panic!("no dataset {other}"),
        }
    }

    /// The documents that contain the words, whoever may see them.
    async fn found(&mut self, words: &str) -> BTreeSet<String> {
        sqlx::query_scalar("SELECT CAST(rowid AS TEXT) FROM documents_fts WHERE documents_fts MATCH $1")
            .bind(words)
            .fetch_all(&mut self.connection)
            .await
            .unwrap()
            .into_iter()
            .collect()
    }

    /// A word that a document has in its title, and few others have.
    async fn word_of(&mut self, id: &str) -> String {
        let title: String = sqlx::query_scalar("SELECT title FROM documents WHERE id = $1")
            .bind(id.parse::<i64>().unwrap())
            .fetch_one(&mut self.connection)
            .await
            .unwrap();
        let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 3);
        words.max_by_key(|word| word.len()).unwrap_or_else(|| panic!("no word in {title}")).to_owned()
    }
}

/// The arguments that get one row.
pub(crate) fn key_arguments(dataset: &str, key: &str) -> Value {
    match (dataset, key.split_once('/')) {
        ("invoice_lines", Some((invoice, line))) => {
            json!({ "invoice_id": invoice, "line_no": line.parse::<i64>().unwrap() })
        }
        _ => json!({ "id": key }),
    }
}

/// Filters that name these rows, at most 100 values in each.
fn naming(dataset: &str, keys: &BTreeSet<&String>) -> Vec<Value> {
    let (column, values) = match dataset {
        "invoice_lines" => {
            ("invoice_id", keys.iter().map(|key| key.split_once('/').unwrap().0).collect::<BTreeSet<_>>())
        }
        _ => ("id", keys.iter().map(|key| key.as_str()).collect()),
    };
    let values: Vec<&str> = values.into_iter().collect();
    values.chunks(100).map(|batch| json!({ column: { "in": batch } })).collect()
}

pub(crate) fn caller<'a>(server: &'a Server, who: &Who) -> Caller<'a> {
    Caller { client: &server.client, token: server.token(who.name) }
}

/// Nothing of the dataset is there for somebody who may see none of its rows under any circumstances.
pub(crate) fn has(who: &Who, dataset: &str) -> bool {
    dataset == "documents" || who.member || who.auditor
}

#[tokio::test]
async fn each_person_gets_the_rows_that_the_policy_leaves_and_their_number() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    for who in &PEOPLE {
        let caller = caller(&server, who);
        for (dataset, key) in DATASETS {
            if !has(who, dataset) {
                continue;
            }
            let expected = tables.seen(who, dataset);
            assert!(!expected.is_empty(), "{} and {dataset}", who.name);
            let listed = caller.keys(&format!("list_{dataset}"), json!({}), key).await;
            assert_eq!(listed, expected, "{} and {dataset}", who.name);
            assert_eq!(caller.count(&format!("count_{dataset}"), json!({})).await, expected.len());
        }
    }
}

#[tokio::test]
async fn each_person_has_the_tools_of_the_datasets_that_hold_rows_for_them_and_no_others() {
    let server = Server::demo().await;
    let all: BTreeSet<String> = server.client.tools(&server.token("ada")).await.into_iter().collect();
    for who in &PEOPLE {
        let caller = caller(&server, who);
        let tools: BTreeSet<String> = server.client.tools(&caller.token).await.into_iter().collect();
        let mut expected = BTreeSet::from(["whoami".to_owned()]);
        expected.extend(who.member.then(|| "echo".to_owned()));
        for (dataset, _) in DATASETS.into_iter().filter(|(dataset, _)| has(who, dataset)) {
            expected.extend(["list", "get", "count"].map(|operation| format!("{operation}_{dataset}")));
            expected.extend(["documents", "people"].contains(&dataset).then(|| format!("search_{dataset}")));
            let changes = ["create", "update", "delete"].into_iter().filter(|_| who.member && dataset == "documents");
            expected.extend(changes.map(|change| format!("{change}_{dataset}")));
        }
        assert_eq!(tools, expected, "{}", who.name);
        let nothing = caller.call("list_nothing", json!({})).await;
        for hidden in all.difference(&tools) {
            let answer = caller.call(hidden, json!({ "id": "1" })).await;
            let as_unknown = nothing.text.replace("list_nothing", hidden);
            assert_eq!((answer.status, answer.text), (nothing.status, as_unknown), "{} calls {hidden}", who.name);
        }
    }
}

#[tokio::test]
async fn no_row_of_one_person_reaches_another_by_its_key_or_by_a_filter() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let mut pairs = 0;
    for one in &PEOPLE {
        let caller = caller(&server, one);
        for other in PEOPLE.iter().filter(|other| other.name != one.name) {
            for (dataset, key) in DATASETS.into_iter().filter(|(dataset, _)| has(one, dataset)) {
                let (own, theirs) = (tables.seen(one, dataset), tables.seen(other, dataset));
                let foreign: BTreeSet<&String> = theirs.difference(&own).collect();
                let pair = format!("{} asks for {dataset} of {}", one.name, other.name);
                pairs += usize::from(!foreign.is_empty());
                let get = format!("get_{dataset}");
                let nobodys = match dataset {
                    "invoice_lines" => "A-99999/1",
                    _ => "999999999",
                };
                let nobodys = caller.call(&get, key_arguments(dataset, nobodys)).await;
                assert!(nobodys.tool_error().starts_with("Not found"), "{nobodys:?}");
                for id in foreign.iter().take(3).chain(foreign.last()) {
                    let answer = caller.call(&get, key_arguments(dataset, id)).await;
                    assert_eq!((answer.status, &answer.text), (nobodys.status, &nobodys.text), "{pair}: {id}");
                    let sizes = |answer: &crate::support::client::Answer| {
                        let names = answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
                        (names, answer.header("content-length").to_owned())
                    };
                    assert_eq!(sizes(&answer), sizes(&nobodys), "{pair}: {id}");
                }
                for filter in naming(dataset, &foreign) {
                    assert_eq!(caller.count(&format!("count_{dataset}"), filter.clone()).await, 0, "{pair}");
                    let listed = caller.rows(&format!("list_{dataset}"), json!({ "filter": filter }), 200).await;
                    assert!(listed.is_empty(), "{pair}: {listed:?}");
                }
                // Named among one's own, they do not come along.
                let shared: BTreeSet<&String> = theirs.intersection(&own).collect();
                let mixed: BTreeSet<&String> = foreign.iter().chain(&shared).copied().collect();
                let mut found = BTreeSet::new();
                for filter in naming(dataset, &mixed) {
                    found.extend(caller.keys(&format!("list_{dataset}"), json!({ "filter": filter }), key).await);
                }
                let shared: BTreeSet<String> = shared.into_iter().cloned().collect();
                assert_eq!(found, shared, "{pair}");
                for id in shared.iter().take(2) {
                    let row = caller.call(&get, key_arguments(dataset, id)).await.structured();
                    assert_eq!(rows::key_of(&row["row"], key), *id, "what both may see, each can get");
                }
            }
        }
    }
    assert!(pairs >= 40, "only {pairs} pairs had something to hide");
}

#[tokio::test]
async fn search_finds_within_the_scope_and_tells_nothing_of_the_rest() {
    let server = Server::demo().await;
    let mut tables = Tables::read(&server.directory).await;
    let mut hidden = 0;
    for one in &PEOPLE {
        let caller = caller(&server, one);
        let own = tables.seen(one, "documents");
        for other in PEOPLE.iter().filter(|other| other.name != one.name) {
            let foreign: Vec<String> = tables.seen(other, "documents").difference(&own).cloned().collect();
            for id in [foreign.first(), foreign.get(foreign.len() / 2)].into_iter().flatten() {
                let word = tables.word_of(id).await;
                let everywhere = tables.found(&format!("\"{word}\"")).await;
                let expected: BTreeSet<String> = everywhere.intersection(&own).cloned().collect();
                assert!(everywhere.contains(id));
                hidden += everywhere.len() - expected.len();
                let found = caller.keys("search_documents", json!({ "query": word }), &["id"]).await;
                assert_eq!(found, expected, "{} searches `{word}`", one.name);
                // What FTS5 would read as operators is only words here.
                for query in
                    [format!("{word} OR x"), format!("title:{word}"), format!("{word}* NOT y"), "\"".to_owned()]
                {
                    let found = caller.keys("search_documents", json!({ "query": query }), &["id"]).await;
                    assert!(found.is_subset(&own), "{} searches `{query}`", one.name);
                }
                let empty = caller.call("search_documents", json!({ "query": "nobodywrotethis" })).await;
                let filter = json!({ "id": { "eq": id } });
                let answer = caller.call("search_documents", json!({ "query": word, "filter": filter })).await;
                assert_eq!((answer.status, answer.text), (empty.status, empty.text));
            }
        }
        if has(one, "people") {
            for part in ["an", "ENGINEER", "Guest", "dave"] {
                let within = |text: &str| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
                let people = tables.people.iter().filter(|(_, tenant, ..)| tenant == one.tenant);
                let expected: BTreeSet<String> = people
                    .filter(|(_, _, name, title)| within(name) || within(title))
                    .map(|(id, ..)| id.clone())
                    .collect();
                let found = caller.keys("search_people", json!({ "query": part }), &["id"]).await;
                assert_eq!(found, expected, "{} searches `{part}`", one.name);
            }
        }
    }
    assert!(hidden > 0, "every word was found only where it may be");
}

#[tokio::test]
async fn a_cursor_of_one_person_is_garbage_in_the_hands_of_another() {
    let server = Server::demo().await;
    let questions = [
        ("list_documents", json!({ "limit": 2 })),
        ("search_documents", json!({ "limit": 1, "query": "the" })),
        ("list_people", json!({ "limit": 2 })),
        ("list_invoices", json!({ "limit": 2 })),
        ("list_invoice_lines", json!({ "limit": 2 })),
        ("list_data_rooms", json!({ "limit": 1 })),
        ("search_people", json!({ "limit": 1, "query": "a" })),
    ];
    let with = |arguments: &Value, cursor: &str| {
        let mut arguments = arguments.clone();
        arguments["cursor"] = cursor.into();
        arguments
    };
    let dataset = |tool: &str| tool.split_once('_').unwrap().1.to_owned();
    for one in &PEOPLE {
        let mine = caller(&server, one);
        for (tool, arguments) in questions.iter().filter(|(tool, _)| has(one, &dataset(tool))) {
            let garbage = mine.error(tool, with(arguments, "AAAA")).await;
            assert!(garbage.contains("invalid cursor"), "{garbage}");
            for other in PEOPLE.iter().filter(|other| other.name != one.name && has(other, &dataset(tool))) {
                let theirs = caller(&server, other).call(tool, arguments.clone()).await.structured();
                let Some(cursor) = theirs["next_cursor"].as_str() else {
                    panic!("{} has one page of {tool} {arguments}", other.name)
                };
                let refused = mine.error(tool, with(arguments, cursor)).await;
                assert_eq!(refused, garbage, "{} continues {tool} of {}", one.name, other.name);
            }
            let own = mine.call(tool, arguments.clone()).await.structured();
            let own = own["next_cursor"].as_str().unwrap();
            for (another, others_arguments) in questions.iter().filter(|(other, _)| other != tool) {
                if has(one, &dataset(another)) {
                    let refused = mine.error(another, with(others_arguments, own)).await;
                    assert_eq!(refused, garbage, "{} takes a cursor of {tool} to {another}", one.name);
                }
            }
            assert!(mine.call(tool, with(arguments, own)).await.structured()["rows"].is_array());
        }
    }
}

#[tokio::test]
async fn a_hidden_column_is_an_unknown_one() {
    let server = Server::demo().await;
    for who in &PEOPLE {
        let caller = caller(&server, who);
        for (dataset, hidden, made_up) in [
            ("people", "salary", "sxlxrx"),
            ("people", "tenant_id", "txnxnx_xd"),
            ("documents", "tenant_id", "txnxnx_xd"),
            ("invoices", "tenant_id", "txnxnx_xd"),
        ] {
            // An auditor reads every salary, the others some of them: `columns` says which.
            if !has(who, dataset) || hidden == "salary" && who.auditor {
                continue;
            }
            for arguments in [
                json!({ "filter": { hidden: { "gt": 100_000 } } }),
                json!({ "filter": { hidden: { "eq": "acme" } } }),
                json!({ "filter": { hidden: { "is_null": false } } }),
                json!({ "order": [hidden] }),
                json!({ "order": [format!("-{hidden}")] }),
            ] {
                let unknown: Value = serde_json::from_str(&arguments.to_string().replace(hidden, made_up)).unwrap();
                let tool = format!("list_{dataset}");
                let said = caller.error(&tool, arguments.clone()).await;
                let expected = caller.error(&tool, unknown).await.replace(made_up, hidden);
                assert_eq!(said, expected, "{} asks {tool} {arguments}", who.name);
                assert_eq!(said.matches(hidden).count(), 1, "the error names it but for what was asked: {said}");
                assert!(said.starts_with("unknown column"), "{said}");
            }
            if hidden != "salary" {
                let rows = caller.rows(&format!("list_{dataset}"), json!({}), 200).await;
                assert!(rows.iter().all(|row| row.get(hidden).is_none()), "{dataset} shows {hidden}");
            }
        }
        // In no schema and no description either.
        let tools = server.client.rpc("tools/list", json!({})).token(&caller.token).send().await.text;
        assert_eq!(tools.contains("salary"), has(who, "people"), "{}", who.name);
        assert!(!tools.contains("tenant_id"), "{}", who.name);
    }
}

#[tokio::test]
async fn one_persons_errors_read_like_anothers() {
    let server = Server::demo().await;
    for (dataset, arguments) in [
        ("documents", json!({ "filter": { "classification": { "eq": "topsecret" } } })),
        ("documents", json!({ "filter": { "updated_at": { "gt": "yesterday" } } })),
        ("documents", json!({ "filter": { "body": { "contians": "x" } } })),
        ("documents", json!({ "limit": 1_000 })),
        ("documents", json!({ "user": "ada@acme.example" })),
        ("invoices", json!({ "filter": { "amount": { "gt": "1" } } })),
        ("people", json!({ "order": ["nmae"] })),
    ] {
        let tool = format!("list_{dataset}");
        let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        // Whoever reads every salary can also order by it.
        for who in PEOPLE.iter().filter(|who| has(who, dataset) && !who.auditor) {
            said.entry(caller(&server, who).error(&tool, arguments.clone()).await).or_default().push(who.name);
        }
        assert_eq!(said.len(), 1, "{tool} {arguments}: {said:?}");
    }
}

/// The lines of the policy that speak of a dataset to somebody, read by eye rather than by the server's parser.
fn lines(policy: &str, who: &Who, object: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in policy.lines().enumerate() {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let ["p", subject, tenant, what, "read" | "call", when, _] = fields[..] else { continue };
        let is_meant = match subject {
            "verified" | "*" => true,
            "role:member" => who.member,
            "role:accountant" => who.accountant,
            "role:auditor" => who.auditor,
            other => panic!("who is {other}?"),
        };
        let covers = what == object
            || what == "dataset:*" && object.starts_with("dataset:")
            || what.starts_with("column:people/") && object == "dataset:people";
        // The one condition that the clearance alone can make false.
        let is_idle = when.contains("clearance < 3") && who.clearance.is_some_and(|level| level >= 3);
        if is_meant && covers && !is_idle && (tenant == "*" || tenant == who.tenant) {
            found.push(format!("policy.csv:{}", index + 1));
        }
    }
    found
}

/// What the audit must say of one call.
struct Expected {
    user: &'static str,
    tenant: &'static str,
    object: String,
    tool: Option<String>,
    action: &'static str,
    verdict: Verdict,
    lines: Vec<String>,
    outcome: Outcome,
}

#[tokio::test]
async fn every_call_leaves_one_record_that_says_who_what_why_and_how_much() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let policy = fs::read_to_string(server.policy()).unwrap();
    let whoami = caller(&server, &PEOPLE[0]).call("whoami", json!({})).await.structured();
    let revision = whoami["policy_revision"].as_str().unwrap().to_owned();
    let mut expected = Vec::new();
    for who in &PEOPLE {
        let caller = caller(&server, who);
        for (dataset, _) in DATASETS {
            let seen = tables.seen(who, dataset);
            let object = format!("dataset:{dataset}");
            let mut given = lines(&policy, who, &object);
            if dataset == "invoice_lines" {
                let around = lines(&policy, who, "dataset:invoices").into_iter();
                given.extend(around.filter(|line| !given.contains(line)).collect::<Vec<_>>());
            }
            let mut note = |tool: &str, outcome: Outcome| {
                let visible = has(who, dataset);
                expected.push(Expected {
                    user: who.user,
                    tenant: who.tenant,
                    object: object.clone(),
                    tool: Some(tool.to_owned()),
                    action: "read",
                    verdict: if visible { Verdict::Allow } else { Verdict::Deny },
                    lines: if visible { given.clone() } else { Vec::new() },
                    outcome: if visible { outcome } else { Outcome::Refused },
                });
            };
            let answered = |rows: usize| Outcome::Answered { rows: Some(rows as u64) };
            let (list, get, count) = (format!("list_{dataset}"), format!("get_{dataset}"), format!("count_{dataset}"));
            caller.call(&list, json!({ "limit": 200 })).await;
            note(&list, answered(seen.len().min(200)));
            caller.call(&count, json!({})).await;
            note(&count, Outcome::Answered { rows: None });
            let own = seen.first().map_or("1/1", String::as_str);
            caller.call(&get, key_arguments(dataset, own)).await;
            note(&get, answered(1));
            let nobodys = if dataset == "invoice_lines" { "A-99999/1" } else { "999999999" };
            caller.call(&get, key_arguments(dataset, nobodys)).await;
            note(&get, answered(0));
            caller.call(&list, json!({ "filter": { "nothing": { "eq": "x" } } })).await;
            note(&list, Outcome::BadArguments);
            caller.call(&list, json!({ "cursor": "AAAA" })).await;
            note(&list, Outcome::BadArguments);
        }
        caller.call("echo", json!({ "text": "hello" })).await;
        expected.push(Expected {
            user: who.user,
            tenant: who.tenant,
            object: "tool:echo".to_owned(),
            tool: None,
            action: "call",
            verdict: if who.member { Verdict::Allow } else { Verdict::Deny },
            lines: if who.member { lines(&policy, who, "tool:echo") } else { Vec::new() },
            outcome: if who.member { Outcome::Answered { rows: None } } else { Outcome::Refused },
        });
        caller.call("drop_documents", json!({})).await;
        expected.push(Expected {
            user: who.user,
            tenant: who.tenant,
            object: "tool:drop_documents".to_owned(),
            tool: None,
            action: "use",
            verdict: Verdict::Deny,
            lines: Vec::new(),
            outcome: Outcome::Refused,
        });
    }

    let written = server.stop_and_read_decisions().await;
    let (first, written) = written.split_first().unwrap();
    assert_eq!(first.record.object, "tool:whoami");
    assert_eq!(written.len(), expected.len(), "one record for each call, no more and no fewer");
    let mut ids = BTreeSet::new();
    for (Decision { record, .. }, expected) in written.iter().zip(&expected) {
        let Expected { user, tenant, object, tool, action, verdict, lines, outcome } = expected;
        assert_eq!(record.external_user.as_deref(), Some(*user), "{record:?}");
        assert_eq!((&*record.tenant, &record.object, &record.tool), (*tenant, object, tool), "{record:?}");
        assert_eq!((&*record.action, record.verdict, record.outcome), (*action, *verdict, *outcome), "{record:?}");
        assert_eq!((&record.lines, &record.revision), (lines, &revision), "{record:?}");
        assert_eq!((&*record.reason, record.request.is_empty()), ("policy", false), "{record:?}");
        ids.insert(record.decision.clone());
    }
    assert_eq!(ids.len(), expected.len(), "every decision has an id of its own");
}
