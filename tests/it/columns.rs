//! Columns that somebody may not read, from outside: what is shown, and that nothing else can be found out. Two servers whose
//! data differ in nothing but what is hidden from Bob must answer him alike, whatever he asks.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::support::rows::{Caller, open, texts};
use super::support::server::Server;
use super::support::world::edit;

/// Bob may not read any e-mail address or time, titles only of his own documents, salaries of his own and his people's.
const LINES: &str = "\
p, *, *, column:people/email, read, true, deny
p, *, *, column:documents/updated_at, read, true, deny
p, *, *, column:documents/title, read, r.obj.owner_id != r.sub.external_id, deny
";

fn hide(directory: &Path) {
    let file = directory.join("policies/policy.csv");
    let policy = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{policy}{LINES}")).unwrap();
}

fn bob(server: &Server) -> Caller<'_> {
    Caller { client: &server.client, token: server.token("bob") }
}

#[tokio::test]
async fn everybody_reads_the_salaries_that_the_policy_gives_and_is_told_which_are_hidden() {
    let server = Server::demo().await;
    let mut database = open(&server.directory.join("company.db")).await;
    for (person, tenant, auditor) in
        [("ada", "acme", false), ("bob", "acme", false), ("carol", "acme", true), ("dave", "globex", false)]
    {
        let user = format!("{person}@{tenant}.example");
        let given = if auditor {
            format!("SELECT id || '=' || coalesce(salary, 'null') FROM people WHERE tenant_id = '{tenant}'")
        } else {
            format!(
                "SELECT id || '=' || coalesce(salary, 'null') FROM people WHERE tenant_id = '{tenant}' AND (id = '{user}' OR manager_id = '{user}')"
            )
        };
        let caller = Caller { client: &server.client, token: server.token(person) };
        let rows = caller.rows("list_people", json!({}), 50).await;
        let shown = rows.iter().filter(|row| row["masked"].as_array().is_none_or(Vec::is_empty));
        let shown = shown.map(|row| format!("{}={}", row["id"].as_str().unwrap(), row["salary"])).collect();
        assert_eq!(texts(&mut database, &given).await, shown, "{person}");
        for row in rows.iter().filter(|row| row["masked"] == json!(["salary"])) {
            assert_eq!(row["salary"], Value::Null);
        }
        // Everybody at Globex reports to Dave.
        let sees_all = auditor || person == "dave";
        assert!(sees_all != rows.iter().any(|row| row["masked"] == json!(["salary"])), "{person}");
    }
}

/// Changes everything that Bob may not read, and nothing else.
async fn change_what_bob_may_not_read(directory: &Path) {
    let options = SqliteConnectOptions::new().filename(directory.join("company.db"));
    let mut database = options.connect().await.unwrap();
    for (statement, least) in [
        ("UPDATE people SET email = 'quokka' || rowid || '@else.where'", 20),
        (
            "UPDATE people SET salary = CASE WHEN rowid % 3 = 0 THEN NULL ELSE 1000000 - salary END \
             WHERE id <> 'bob@acme.example' AND manager_id IS NOT 'bob@acme.example'",
            20,
        ),
        ("UPDATE documents SET updated_at = '2031-01-01T00:00:' || substr('00' || id % 60, -2) || 'Z'", 500),
        ("UPDATE documents SET title = 'Quokka ' || (id * 7919 % 1000) WHERE owner_id <> 'bob@acme.example'", 500),
        ("INSERT INTO documents_fts (documents_fts) VALUES ('rebuild')", 0),
    ] {
        let changed = sqlx::query(statement).execute(&mut database).await.unwrap().rows_affected();
        assert!(changed >= least, "{changed}: {statement}");
    }
    database.close().await.unwrap();
}

/// Everything that can be asked of a dataset, about every column that it declares and some that it does not.
fn questions(dataset: &str, columns: &[&str], keys: &[Value]) -> Vec<(String, Value)> {
    let tool = |operation: &str| format!("{operation}_{dataset}");
    let mut questions = vec![(tool("list"), json!({ "limit": 200 })), (tool("list"), json!({ "limit": 7 }))];
    for column in columns {
        for test in [
            json!({ "eq": "x" }),
            json!({ "eq": "quokka" }),
            json!({ "ne": "x" }),
            json!({ "in": ["bob@acme.example", "x"] }),
            json!({ "contains": "Quokka" }),
            json!({ "contains": "e" }),
            json!({ "is_null": true }),
            json!({ "is_null": false }),
            json!({ "gt": 60_000 }),
            json!({ "lte": 60_000 }),
            json!({ "eq": 60_000 }),
            json!({ "gt": "2030-01-01T00:00:00Z" }),
            json!({ "lt": "2030-01-01T00:00:00Z" }),
        ] {
            questions.push((tool("count"), json!({ "filter": { *column: test } })));
            questions.push((tool("list"), json!({ "filter": { *column: test }, "limit": 3 })));
        }
        for order in [(*column).to_owned(), format!("-{column}")] {
            questions.push((tool("list"), json!({ "order": [order], "limit": 20 })));
        }
    }
    for query in ["quokka", "forecast", "budget plan", "bob", "else where", "2031", "x"] {
        questions.push((tool("search"), json!({ "query": query, "limit": 5 })));
    }
    questions.extend(keys.iter().map(|key| (tool("get"), json!({ "id": key }))));
    questions
}

/// The answer with what differs by chance taken out, and the cursor of the next page.
async fn asked(caller: &Caller<'_>, tool: &str, arguments: &Value) -> (String, Option<Value>) {
    let mut answer = caller.call(tool, arguments.clone()).await.json();
    let content = &mut answer["result"]["structuredContent"];
    let cursor = content.get_mut("next_cursor").map(Value::take).filter(|cursor| !cursor.is_null());
    // The text form repeats the structured one, cursor included.
    answer["result"]["content"] =
        if answer["result"]["isError"] == true { answer["result"]["content"].take() } else { Value::Null };
    (answer.to_string(), cursor)
}

#[tokio::test]
async fn what_is_hidden_changes_no_answer() {
    let one = Server::demo_with(hide).await;
    let other = Server::demo_with(hide).await;
    change_what_bob_may_not_read(&other.directory).await;
    let (mine, theirs) = (bob(&one), bob(&other));
    let mut asked_for = 0;
    for (dataset, columns) in [
        ("people", &["id", "tenant_id", "name", "title", "email", "salary", "manager_id", "masked", "nothing"][..]),
        (
            "documents",
            &["id", "data_room_id", "owner_id", "title", "body", "classification", "updated_at", "nothing"][..],
        ),
    ] {
        let all = mine.rows(&format!("list_{dataset}"), json!({}), 200).await;
        let keys: Vec<Value> = all.iter().map(|row| row["id"].clone()).step_by(9).chain([json!("gone")]).collect();
        for (tool, arguments) in questions(dataset, columns, &keys) {
            let (mut here, mut there) = (arguments.clone(), arguments.clone());
            // Pages are followed on both servers, each with its own cursors.
            for _ in 0..40 {
                let ((answer, next), (expected, other_next)) =
                    (asked(&theirs, &tool, &there).await, asked(&mine, &tool, &here).await);
                assert_eq!(answer, expected, "{tool} {arguments}");
                asked_for += 1;
                let (Some(next), Some(other_next)) = (next, other_next) else { break };
                (there["cursor"], here["cursor"]) = (next, other_next);
            }
        }
    }
    let lists = [&one, &other].map(|server| server.client.rpc("tools/list", json!({})).token(&server.token("bob")));
    let [one, other] = lists;
    assert_eq!(one.send().await.text, other.send().await.text);
    assert!(asked_for > 600, "{asked_for}");
}

#[tokio::test]
async fn the_difference_is_seen_by_whoever_may_read_it() {
    // The oracle of the test above: it would find nothing if the data did not differ, or if nothing were hidden.
    let one = Server::demo().await;
    let other = Server::demo().await;
    change_what_bob_may_not_read(&other.directory).await;
    let differs = async |tool: &str, arguments: Value| {
        asked(&bob(&one), tool, &arguments).await.0 != asked(&bob(&other), tool, &arguments).await.0
    };
    assert!(differs("list_people", json!({})).await);
    assert!(differs("count_documents", json!({ "filter": { "title": { "contains": "Quokka" } } })).await);
    assert!(differs("search_documents", json!({ "query": "quokka" })).await);
    assert!(differs("list_documents", json!({ "limit": 3 })).await);
}

#[tokio::test]
async fn a_line_about_a_column_is_in_force_within_a_second_and_the_tools_say_so() {
    let server = Server::demo().await;
    let caller = bob(&server);
    let emails = async || {
        caller.rows("list_people", json!({}), 200).await.iter().filter(|row| row.get("email").is_some()).count()
    };
    assert!(emails().await > 0);
    edit(&server.policy(), "# Who is what.", "p, *, *, column:people/email, read, true, deny\n\n# Who is what.");
    super::cli::process::wait_until("the column is gone", async || emails().await == 0).await;
    let tools = server.client.rpc("tools/list", json!({})).token(&caller.token).send().await.text;
    assert!(!tools.contains("email"), "{tools}");
}
