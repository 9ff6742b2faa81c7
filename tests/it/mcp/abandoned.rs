//! A client that goes away, a server that stops, and a policy that changes, in the middle of a query.

use std::path::Path;
use std::time::Duration;

use bailiwick::store::audit::{AuditReader, Outcome, Verdict};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::Instant;

use crate::support::revision::{REVISIONS, Speaker};
use crate::support::server::Server;
use crate::support::wire::Wire;
use crate::support::world::{World, edit, token};

const TABLES: &str = "CREATE TABLE endless (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL);
    CREATE TABLE few (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL)";

/// Numbers without an end: whoever looks for one that is not among them is busy until somebody stops the query. Put in place
/// once the server has started, because its checks would look for the end too.
pub(crate) const ENDLESS: &str = "DROP TABLE endless; CREATE VIEW endless AS WITH RECURSIVE numbers(n) AS
    (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT n AS id, 'acme' AS tenant_id FROM numbers";

/// The same with an end that is some seconds away.
pub(crate) const LONG: &str = "DROP TABLE endless; CREATE VIEW endless AS WITH RECURSIVE numbers(n) AS
    (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 10000000) SELECT n AS id, 'acme' AS tenant_id FROM numbers";

const DATASETS: &str = r#"
[[dataset]]
name = "endless"
key = "id"
tenant = { column = "tenant_id" }
data_room = "none"

[dataset.columns]
id = { type = "number" }
tenant_id = { type = "text", expose = false }

[[dataset]]
name = "few"
key = "id"
tenant = { column = "tenant_id" }
data_room = "none"

[dataset.columns]
id = { type = "number" }
tenant_id = { type = "text", expose = false }
"#;

async fn world(view: &'static str) -> World {
    world_with(view, "shutdown_grace = \"1s\"\n", "").await
}

/// The same with other lines in `[server]`, and another section.
pub(crate) async fn world_with(view: &'static str, server: &str, section: &str) -> World {
    let server = format!("{section}[server]\n{server}");
    world_changed(view, |directory| edit(&directory.join("bailiwick.toml"), "[server]\n", &server)).await
}

/// The same with its files changed before the start.
pub(crate) async fn world_changed(view: &'static str, change: impl FnOnce(&Path)) -> World {
    let world = World::with(|directory| {
        let made = directory.to_owned();
        let making = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&made, TABLES));
        });
        making.join().unwrap();
        let settings = directory.join("bailiwick.toml");
        let database = "[database]\nurl = \"sqlite:endless.db\"\nstatement_timeout = \"60s\"\n\n[audit]\n";
        edit(&settings, "[audit]\n", database);
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, text + DATASETS).unwrap();
        let policy = directory.join("policies/policy.csv");
        edit(&policy, "g, user:", "p, role:member, *, dataset:*, read, true, allow\ng, user:");
        change(directory);
    })
    .await;
    execute(&world.server.directory, view).await;
    world
}

async fn execute(directory: &Path, statements: &'static str) {
    let options = SqliteConnectOptions::new().filename(directory.join("endless.db")).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Begins a query that does not end.
async fn begin(server: &Server) -> Wire {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } } } })
    .to_string();
    let mut wire = Wire::connect(&server.base).await;
    wire.begin(&token(), &format!("Content-Length: {}\r\n", call.len())).await;
    wire.send(&call).await;
    // Answered after it, so the query has begun.
    for _ in 0..3 {
        assert_eq!(server.client.tool("whoami", json!({})).token(&token()).send().await.status, 200);
    }
    wire
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_query_and_leaves_a_record() {
    // More than there are connections to the database: were one query to go on, its connection would be missing.
    const CLIENTS: usize = 6;
    let world = world(ENDLESS).await;
    let audit = AuditReader::open(&world.server.directory.join("audit.db")).await.unwrap();
    let of_the_queries = async || {
        let decisions = audit.tail(100).await.unwrap().into_iter().map(|decision| decision.record);
        decisions.filter(|record| record.object == "dataset:endless").collect::<Vec<_>>()
    };
    for number in 0..CLIENTS {
        let wire = begin(&world.server).await;
        assert_eq!(of_the_queries().await.len(), number, "it is still being answered");
        drop(wire);
        let gone = Instant::now();
        while of_the_queries().await.len() == number {
            assert!(gone.elapsed() < Duration::from_secs(10), "nothing is recorded of it");
        }
    }
    for record in of_the_queries().await {
        assert_eq!((record.verdict, record.outcome), (Verdict::Allow, Outcome::Abandoned));
    }
    let call = world.server.client.tool("list_few", json!({})).token(&token());
    assert_eq!(call.send().await.structured()["rows"], json!([]));
}

#[tokio::test]
async fn a_call_that_is_cancelled_ends_its_query_and_leaves_a_record() {
    let world = world(ENDLESS).await;
    let audit = AuditReader::open(&world.server.directory.join("audit.db")).await.unwrap();
    let (client, token) = (&world.server.client, token());
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
    let session = client.rpc("initialize", hello).token(&token).send().await.header("mcp-session-id").to_owned();
    let notify = async |method: &str, params: serde_json::Value| {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string();
        let answer = client.post(body).token(&token).header("Mcp-Session-Id", &session).send().await;
        assert_eq!(answer.status, 202, "{answer:?}");
    };
    notify("notifications/initialized", json!({})).await;
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } },
            "_meta": { "progressToken": "p" } } })
    .to_string();
    let mut wire = Wire::connect(&world.server.base).await;
    wire.begin(&token, &format!("Mcp-Session-Id: {session}\r\nContent-Length: {}\r\n", call.len())).await;
    wire.send(&call).await;
    // Who asks for progress is told of it while the query runs.
    let told = wire.until("\"progress\":2").await;
    assert!(told.contains("notifications/progress") && told.contains("\"progressToken\":\"p\""), "{told}");
    notify("notifications/cancelled", json!({ "requestId": 7, "reason": "enough" })).await;
    let cancelled = Instant::now();
    let record = loop {
        let decisions = audit.tail(100).await.unwrap();
        let found =
            decisions.into_iter().map(|decision| decision.record).find(|record| record.object == "dataset:endless");
        if let Some(record) = found {
            break record;
        }
        assert!(cancelled.elapsed() < Duration::from_secs(10), "nothing is recorded of it");
    };
    assert_eq!((record.verdict, record.outcome), (Verdict::Allow, Outcome::Abandoned));
}

/// A session goes on when the client of one request in it goes away; the request does not.
#[tokio::test]
async fn a_client_that_goes_away_in_a_session_ends_its_query_and_leaves_a_record() {
    // More than there are connections to the database, as above.
    const REQUESTS: usize = 6;
    let world = world(ENDLESS).await;
    let audit = AuditReader::open(&world.server.directory.join("audit.db")).await.unwrap();
    let speaker = Speaker::begin(&world.server.client, token(), "2025-11-25").await;
    let session = speaker.session.clone().unwrap();
    let recorded = async || {
        let decisions = audit.tail(100).await.unwrap().into_iter().map(|decision| decision.record);
        decisions.filter(|record| record.object == "dataset:endless").collect::<Vec<_>>()
    };
    for number in 0..REQUESTS {
        let call = json!({ "jsonrpc": "2.0", "id": 100 + number, "method": "tools/call",
            "params": { "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } },
                "_meta": { "progressToken": number } } })
        .to_string();
        let mut wire = Wire::connect(&world.server.base).await;
        wire.begin(&token(), &format!("Mcp-Session-Id: {session}\r\nContent-Length: {}\r\n", call.len())).await;
        wire.send(&call).await;
        wire.until("notifications/progress").await;
        assert_eq!(recorded().await.len(), number, "it is still being answered");
        drop(wire);
        let gone = Instant::now();
        while recorded().await.len() == number {
            assert!(gone.elapsed() < Duration::from_secs(10), "nothing is recorded of it");
        }
    }
    for record in recorded().await {
        assert_eq!((record.verdict, record.outcome), (Verdict::Allow, Outcome::Abandoned));
    }
    let few = speaker.answer("tools/call", json!({ "name": "list_few", "arguments": {} })).await.structured();
    assert_eq!(few["rows"], json!([]), "in the same session");
}

/// The one answer that a client cannot tell from a lost connection is none.
#[tokio::test]
async fn a_call_that_takes_too_long_is_answered_so_in_every_revision_and_recorded_so() {
    let world = world_with(ENDLESS, "request_timeout = \"1s\"\n", "").await;
    let audit = AuditReader::open(&world.server.directory.join("audit.db")).await.unwrap();
    let endless = || json!({ "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } } });
    for revision in REVISIONS {
        let speaker = Speaker::begin(&world.server.client, token(), revision).await;
        let answer = speaker.answer("tools/call", endless()).await;
        let said = answer.tool_error();
        assert!(said.contains("a request may take 1s at most. Ask for less"), "{revision}: {said}");
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(1)), "{revision}: {answer:?}");
        let answer = speaker.answer("resources/list", json!({})).await;
        let (code, said) = answer.protocol_error();
        assert!(code == -32603 && said.contains("a request may take 1s at most"), "{revision}: {answer:?}");
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(1)), "{revision}: {answer:?}");
    }
    // A batch is one request: what it had no time for is not begun.
    let call = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": endless() });
    let batch = json!([call(1), call(2), call(3)]).to_string();
    let answers = world.server.client.post(batch).token(&token()).send().await.json();
    let answers = answers.as_array().unwrap_or_else(|| panic!("{answers}")).clone();
    let late = |answer: &serde_json::Value| answer["result"]["content"][0]["text"].to_string().contains("1s at most");
    assert!(answers.len() == 3 && answers.iter().all(late), "{answers:?}");

    let decisions = audit.tail(1_000).await.unwrap().into_iter().map(|decision| decision.record);
    let outcomes: Vec<Outcome> =
        decisions.filter(|record| record.object == "dataset:endless").map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::TimedOut; 2 * REVISIONS.len() + 1]);
}

/// The others are asked for too.
#[tokio::test]
async fn a_dataset_that_cannot_be_read_takes_only_its_own_rows_from_the_list() {
    let quick = |directory: &Path| {
        edit(&directory.join("bailiwick.toml"), "statement_timeout = \"60s\"", "statement_timeout = \"500ms\"");
    };
    let world = world_changed(ENDLESS, quick).await;
    let server = &world.server;
    execute(&server.directory, "INSERT INTO few VALUES (1, 'acme'), (2, 'acme')").await;
    for revision in REVISIONS {
        let speaker = Speaker::begin(&server.client, token(), revision).await;
        let list = speaker.answer("resources/list", json!({})).await.json()["result"].clone();
        let uris: Vec<&str> =
            list["resources"].as_array().unwrap().iter().filter_map(|row| row["uri"].as_str()).collect();
        assert_eq!(uris, ["static://welcome", "bailiwick://few/1", "bailiwick://few/2"], "{revision}");
        assert_eq!(list["_meta"]["bailiwick/unread"], json!(["endless"]), "{revision}: {list}");
    }
    execute(&server.directory, "DELETE FROM few").await;
    let list = server.client.rpc("resources/list", json!({})).token(&token()).send().await;
    let (code, says) = list.protocol_error();
    assert!(code == -32603 && says.contains("The rows of `endless` could not be read"), "{list:?}");
}

#[tokio::test]
async fn progress_is_told_to_who_asks_for_it_without_a_session_too() {
    let world = world(ENDLESS).await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } },
            "_meta": { "progressToken": 5 } } })
    .to_string();
    let mut wire = Wire::connect(&world.server.base).await;
    wire.begin(&token(), &format!("Content-Length: {}\r\n", call.len())).await;
    wire.send(&call).await;
    let told = wire.until("\"progress\":1").await;
    assert!(told.contains("\"progressToken\":5") && told.contains("no answer yet"), "{told}");
}

#[tokio::test]
async fn a_shutdown_waits_for_its_grace_and_records_what_it_cuts_off() {
    let world = world(ENDLESS).await;
    let mut wire = begin(&world.server).await;
    let began = Instant::now();
    let left = world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let cut = left.decisions.iter().find(|decision| decision.record.object == "dataset:endless").unwrap();
    assert_eq!(cut.record.outcome, Outcome::Abandoned);
    assert!(!wire.rest().await.contains("\"rows\""), "nothing is answered unrecorded");
}

#[tokio::test]
async fn a_query_in_flight_finishes_under_the_policy_it_began_with() {
    let world = world(LONG).await;
    let audit = AuditReader::open(&world.server.directory.join("audit.db")).await.unwrap();
    let revision = async || {
        let me = world.server.client.tool("whoami", json!({})).token(&token()).send().await.structured();
        me["policy_revision"].as_str().unwrap().to_owned()
    };
    let old = revision().await;
    let mut wire = begin(&world.server).await;
    let policy = world.server.policy();
    edit(&policy, "p, role:member, *, dataset:*, read, true, allow\n", "");
    while revision().await == old {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = world.server.client.tool("list_endless", json!({})).token(&token()).send().await;
    assert!(refused.protocol_error().1.contains("Unknown tool"), "by the policy in force: {refused:?}");
    let of_the_query = async || {
        let decisions = audit.tail(100).await.unwrap().into_iter().map(|decision| decision.record);
        decisions
            .filter(|record| record.verdict == Verdict::Allow && record.object == "dataset:endless")
            .collect::<Vec<_>>()
    };
    assert!(of_the_query().await.is_empty(), "it is still being answered");

    let answer = wire.until("\"rows\"").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let records = of_the_query().await;
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0].revision, records[0].outcome), (&old, Outcome::Answered { rows: Some(0) }));
}
