//! Rows as resources: to each person their own, by list and by address, in every era, and each one recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bailiwick::store::audit::{Outcome, Verdict};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::isolation::{DATASETS, PEOPLE, Tables, caller, has};
use crate::support::revision::{REVISIONS, Speaker};
use crate::support::rows::Caller;
use crate::support::server::Server;
use crate::support::world::edit;

/// Every page of the list of resources.
async fn pages(caller: &Caller<'_>) -> Vec<Vec<Value>> {
    let (mut pages, mut params) = (Vec::new(), json!({}));
    loop {
        let answer = caller.client.modern("resources/list", params.clone()).token(&caller.token).send().await.json();
        let result = &answer["result"];
        assert_eq!(result["cacheScope"], "private", "{answer}");
        let page = result["resources"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        assert!(page.len() <= 100 && pages.len() < 100, "a page of {}", page.len());
        pages.push(page);
        let Some(cursor) = result["nextCursor"].as_str() else { return pages };
        params = json!({ "cursor": cursor });
    }
}

/// The keys of the listed rows, by dataset.
fn keys(resources: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in resources {
        let uri = resource["uri"].as_str().unwrap();
        if let Some((dataset, key)) = uri.strip_prefix("bailiwick://").map(|rest| rest.split_once('/').unwrap()) {
            let key = key.replace("%40", "@");
            assert!(keys.entry(dataset.to_owned()).or_default().insert(key), "{uri} is listed twice");
        }
    }
    keys
}

async fn read(caller: &Caller<'_>, uri: &str) -> Value {
    let answer = caller.client.modern("resources/read", json!({ "uri": uri })).token(&caller.token).send().await.json();
    let contents = answer["result"]["contents"].as_array().unwrap_or_else(|| panic!("{uri}: {answer}"));
    assert_eq!(contents.len(), 1);
    assert_eq!(contents[0]["uri"], uri);
    contents[0].clone()
}

fn address(dataset: &str, key: &str) -> String {
    format!("bailiwick://{dataset}/{}", key.replace('@', "%40"))
}

#[tokio::test]
async fn each_person_lists_the_rows_that_the_policy_leaves_and_reads_them() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    for who in &PEOPLE {
        let caller = caller(&server, who);
        let pages = pages(&caller).await;
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == 100), "pages are filled across datasets");
        let all: Vec<Value> = pages.into_iter().flatten().collect();
        assert_eq!(all[0]["uri"], "static://welcome");
        let listed = keys(&all);
        let there: BTreeSet<&str> = DATASETS.iter().map(|(name, _)| *name).filter(|name| has(who, name)).collect();
        assert_eq!(listed.keys().map(String::as_str).collect::<BTreeSet<_>>(), there, "{}", who.name);
        for (dataset, listed) in &listed {
            let expected = tables.seen(who, dataset);
            if expected.len() <= 1_000 {
                assert_eq!(*listed, expected, "{} and {dataset}", who.name);
            } else {
                assert!(listed.len() == 1_000 && listed.is_subset(&expected), "{} and {dataset}", who.name);
            }
        }
        let templates =
            caller.client.rpc("resources/templates/list", json!({})).token(&caller.token).send().await.json();
        let templates = templates["result"]["resourceTemplates"].as_array().unwrap().clone();
        let names: BTreeSet<&str> = templates.iter().map(|template| template["name"].as_str().unwrap()).collect();
        assert_eq!(names, there, "{}", who.name);
        for template in &templates {
            let expected = match template["name"].as_str().unwrap() {
                "invoice_lines" => "bailiwick://invoice_lines/{invoice_id}/{line_no}".to_owned(),
                name => format!("bailiwick://{name}/{{id}}"),
            };
            assert_eq!(template["uriTemplate"], expected);
        }
    }
}

#[tokio::test]
async fn a_row_of_another_person_is_as_unknown_as_one_that_does_not_exist() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let mut pairs = 0;
    for one in &PEOPLE {
        let caller = caller(&server, one);
        for other in PEOPLE.iter().filter(|other| other.name != one.name) {
            for (dataset, _) in DATASETS {
                let (own, theirs) = (tables.seen(one, dataset), tables.seen(other, dataset));
                let foreign: Vec<String> = theirs.difference(&own).cloned().collect();
                let nobodys = match dataset {
                    "invoice_lines" => "A-99999/1",
                    _ => "999999999",
                };
                for key in [foreign.first(), foreign.last()].into_iter().flatten() {
                    pairs += 1;
                    for era in ["modern", "alone"] {
                        let ask = async |uri: &str| {
                            let params = json!({ "uri": uri });
                            let call = match era {
                                "modern" => caller.client.modern("resources/read", params),
                                _ => caller.client.rpc("resources/read", params),
                            };
                            call.token(&caller.token).send().await
                        };
                        let (hidden, none) = (address(dataset, key), address(dataset, nobodys));
                        let answers = (ask(&hidden).await, ask(&none).await);
                        let code = if era == "modern" { -32602 } else { -32002 };
                        assert_eq!(answers.0.protocol_error(), (code, format!("Unknown resource: {hidden}")), "{era}");
                        assert_eq!(answers.0.text.replace(&hidden, &none), answers.1.text, "{era}");
                        assert_eq!(answers.0.status, answers.1.status);
                        // A dataset that is hidden, one that there is not, and a key that no row could have.
                        for uri in ["bailiwick://nothing/1", "bailiwick://documents", "bailiwick://documents/1/2"] {
                            let answer = ask(uri).await;
                            assert_eq!(answer.text.replace(uri, &none), answers.1.text, "{era}: {uri}");
                        }
                    }
                }
            }
        }
    }
    assert!(pairs >= 80, "only {pairs} rows had to be hidden");
}

#[tokio::test]
async fn a_row_is_its_content_or_what_get_answers_and_nothing_that_is_hidden() {
    let server = Server::demo_with(|directory| {
        edit(
            &directory.join("policies/policy.csv"),
            "# Take the",
            "p, user:bob@acme.example, acme, column:documents/body, read, r.obj.classification == \"internal\", deny\n\
             p, user:carol@acme.example, acme, column:documents/body, read, true, deny\n# Take the",
        );
    })
    .await;
    let tables = Tables::read(&server.directory).await;
    let (ada, bob, carol) = (&PEOPLE[0], &PEOPLE[1], &PEOPLE[2]);
    let of_ada = caller(&server, ada);
    let mine = tables.seen(ada, "documents");
    let id = mine.first().unwrap();
    let got = of_ada.call("get_documents", json!({ "id": id })).await.structured()["row"].clone();
    let content = read(&of_ada, &address("documents", id)).await;
    assert_eq!((&content["text"], &content["mimeType"]), (&got["body"], &json!("text/plain")));
    let person = of_ada.call("get_people", json!({ "id": "ada@acme.example" })).await.structured()["row"].clone();
    let content = read(&of_ada, "bailiwick://people/ada%40acme.example").await;
    assert_eq!(content["mimeType"], "application/json");
    assert_eq!(serde_json::from_str::<Value>(content["text"].as_str().unwrap()).unwrap(), person);
    assert_eq!(
        read(&of_ada, "bailiwick://People/ada@acme.example").await["text"],
        content["text"],
        "as clients spell it"
    );

    // Hidden in the row: the rest of it, which says so. Hidden altogether: the rest, which does not.
    let of_bob = caller(&server, bob);
    let (mut hidden, mut shown) = (0, 0);
    for id in &tables.seen(bob, "documents") {
        let content = read(&of_bob, &address("documents", id)).await;
        if content["mimeType"] == "application/json" {
            let row: Value = serde_json::from_str(content["text"].as_str().unwrap()).unwrap();
            assert_eq!((&row["body"], &row["masked"]), (&Value::Null, &json!(["body"])), "{row}");
            hidden += 1;
        } else {
            shown += 1;
        }
    }
    assert!(hidden > 0 && shown > 0, "{hidden} and {shown}");
    let of_carol = caller(&server, carol);
    let listed = pages(&of_carol).await.into_iter().flatten();
    let documents: Vec<Value> =
        listed.filter(|entry| entry["uri"].as_str().unwrap().starts_with("bailiwick://documents/")).collect();
    assert!(documents.iter().all(|entry| entry["mimeType"] == "application/json" && entry["title"].is_string()));
    let content = read(&of_carol, documents[0]["uri"].as_str().unwrap()).await;
    assert!(!content["text"].as_str().unwrap().contains("\"body\"") && content["mimeType"] == "application/json");
}

/// The column that is the content of a row may hold bytes: they come as a blob, with their own media type, to whom may read it.
#[tokio::test]
async fn a_column_of_bytes_is_a_blob_in_every_revision() {
    let server = Server::demo_with(|directory| {
        let made = directory.join("company.db");
        let making = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = SqliteConnectOptions::new().filename(made).connect().await.unwrap();
                let table = "CREATE TABLE pictures (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, pixels BLOB);
                    INSERT INTO pictures VALUES (1, 'acme', x'89504e47ff00'), (2, 'acme', NULL), (3, 'globex', x'00')";
                sqlx::raw_sql(table).execute(&mut connection).await.unwrap();
            });
        });
        making.join().unwrap();
        let settings = directory.join("bailiwick.toml");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, text + PICTURES).unwrap();
    })
    .await;
    for revision in REVISIONS {
        let speaker = Speaker::begin(&server.client, server.token("carol"), revision).await;
        let read = async |id: u8| {
            let uri = format!("bailiwick://pictures/{id}");
            let answer = speaker.answer("resources/read", json!({ "uri": uri })).await.json();
            answer["result"]["contents"][0].clone()
        };
        let picture = read(1).await;
        assert_eq!((&picture["blob"], &picture["mimeType"]), (&json!("iVBOR/8A"), &json!("image/png")), "{revision}");
        assert!(picture.get("text").is_none(), "{picture}");
        // Without its content a row is what `get_` answers of it.
        let empty = read(2).await;
        assert_eq!(empty["mimeType"], "application/json", "{revision}: {empty}");
        assert_eq!(read(3).await, Value::Null, "that of another company is not there");
    }
}

const PICTURES: &str = r#"
[[dataset]]
name = "pictures"
key = "id"
tenant = { column = "tenant_id" }
data_room = "none"
resource = { content = "pixels", media_type = "image/png" }

[dataset.columns]
id = { type = "number" }
tenant_id = { type = "text", expose = false }
pixels = { type = "bytes" }
"#;

#[tokio::test]
async fn a_cursor_of_the_list_is_garbage_in_the_hands_of_another() {
    let server = Server::demo().await;
    let list = async |token: &str, cursor: &str| {
        server.client.rpc("resources/list", json!({ "cursor": cursor })).token(token).send().await
    };
    let mut compared = 0;
    for one in &PEOPLE {
        let mine = server.token(one.name);
        let garbage = list(&mine, "AAAA").await;
        assert_eq!(garbage.protocol_error().0, -32602, "{garbage:?}");
        for other in PEOPLE.iter().filter(|other| other.name != one.name) {
            let first = server.client.rpc("resources/list", json!({})).token(&server.token(other.name)).send().await;
            let first = first.json();
            let Some(cursor) = first["result"]["nextCursor"].as_str() else { continue };
            let refused = list(&mine, cursor).await;
            assert_eq!((refused.status, refused.text), (garbage.status, garbage.text.clone()));
            compared += 1;
        }
        // One of a tool is none of the list.
        let rows = caller(&server, one).call("list_documents", json!({ "limit": 1 })).await.structured();
        let refused = list(&mine, rows["next_cursor"].as_str().unwrap()).await;
        assert_eq!(refused.text, garbage.text);
    }
    assert!(compared >= 12, "{compared}");
}

#[tokio::test]
async fn a_tool_that_a_line_takes_away_takes_the_way_to_the_same_rows_along() {
    let server = Server::demo_with(|directory| {
        edit(
            &directory.join("policies/policy.csv"),
            "# Take the",
            "p, user:ada@acme.example, acme, tool:get_documents, call, true, deny\n\
             p, user:bob@acme.example, acme, tool:list_documents, call, true, deny\n# Take the",
        );
        edit(
            &directory.join("bailiwick.toml"),
            "search = { columns = [\"name\"",
            "resource = \"none\"\nsearch = { columns = [\"name\"",
        );
        edit(&directory.join("bailiwick.toml"), "resource = { title = \"name\" }\n", "");
    })
    .await;
    let tables = Tables::read(&server.directory).await;
    let (ada, bob) = (caller(&server, &PEOPLE[0]), caller(&server, &PEOPLE[1]));
    let of_ada: Vec<Value> = pages(&ada).await.into_iter().flatten().collect();
    let datasets: Vec<String> = keys(&of_ada).into_keys().collect();
    assert_eq!(datasets, ["data_rooms", "invoice_lines", "invoices"], "documents are taken away, people are none");
    let shared =
        tables.seen(&PEOPLE[0], "documents").intersection(&tables.seen(&PEOPLE[1], "documents")).next().cloned();
    let uri = address("documents", &shared.unwrap());
    let refused = ada.client.rpc("resources/read", json!({ "uri": uri })).token(&ada.token).send().await;
    assert_eq!(refused.protocol_error(), (-32002, format!("Unknown resource: {uri}")));
    // Bob cannot list, and what he knows of he can read.
    let of_bob: Vec<Value> = pages(&bob).await.into_iter().flatten().collect();
    assert!(!keys(&of_bob).contains_key("documents"));
    assert!(read(&bob, &uri).await["text"].is_string());
}

#[tokio::test]
async fn each_list_and_each_read_is_recorded_with_the_way_it_came() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let ada = caller(&server, &PEOPLE[0]);
    let id = tables.seen(&PEOPLE[0], "documents").first().unwrap().clone();
    let first = ada.client.rpc("resources/list", json!({})).token(&ada.token).send().await.json();
    let listed = first["result"]["resources"].as_array().unwrap().len();
    read(&ada, &address("documents", &id)).await;
    for uri in ["bailiwick://documents/999999999", "bailiwick://nothing/1"] {
        ada.client.rpc("resources/read", json!({ "uri": uri })).token(&ada.token).send().await.protocol_error();
    }
    let written = server.stop_and_read_decisions().await;
    let rows: Vec<_> = written
        .iter()
        .map(|row| (row.record.object.as_str(), row.record.tool.as_deref(), row.record.verdict, row.record.outcome))
        .collect();
    let answered = |rows| Outcome::Answered { rows: Some(rows) };
    assert_eq!(rows[0], ("resources", None, Verdict::Allow, answered(1)));
    let (mut given, end) = (1, rows.len() - 3);
    for (object, through, verdict, outcome) in &rows[1..end] {
        assert!(object.starts_with("dataset:"), "{object}");
        assert_eq!((*through, *verdict), (Some("resources/list"), Verdict::Allow));
        let Outcome::Answered { rows: Some(rows) } = outcome else { panic!("{outcome:?}") };
        given += usize::try_from(*rows).unwrap();
    }
    assert_eq!(given, listed, "every entry is in a record");
    assert_eq!(rows[end], ("dataset:documents", Some("resources/read"), Verdict::Allow, answered(1)));
    assert_eq!(rows[end + 1], ("dataset:documents", Some("resources/read"), Verdict::Allow, answered(0)));
    assert_eq!(rows[end + 2], ("resource:bailiwick://nothing/1", None, Verdict::Deny, Outcome::Refused));
    assert!(written[end].record.lines.iter().any(|line| line.contains("policy.csv")), "{:?}", written[end]);
}
