//! Changes that are not made: those that are too many, that a busy database keeps waiting, and whose client goes away.

use std::time::Duration;

use bailiwick::store::audit::{AuditReader, Outcome};
use serde_json::json;
use tokio::time::Instant;

use super::changes::{caller, document, everything, execute, server, writable};
use super::subscriptions::writer;
use crate::support::server::Server;
use crate::support::wire::Wire;
use crate::support::world::edit;

#[tokio::test(flavor = "multi_thread")]
async fn one_person_changes_so_much_in_a_minute_and_another_is_not_kept_from_it() {
    let server = Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[mcp]\nchanges_per_minute = 3\n\n[server]\n");
    })
    .await;
    let (ada, bob) = (caller(&server, "ada"), caller(&server, "bob"));
    let create = async || ada.call("create_documents", document(&json!({}))).await;
    for _ in 0..3 {
        create().await.structured();
    }
    let told = create().await.tool_error();
    assert!(told.starts_with("Nothing was changed: this person has made as many changes"), "{told}");
    assert!(told.contains("Try again in 2"), "{told}");
    let his = document(&json!({ "data_room_id": "sales", "owner_id": "bob@acme.example" }));
    bob.call("create_documents", his).await.structured();
    server.clock.advance(Duration::from_secs(20));
    create().await.structured();
    create().await.tool_error();
    let decisions = server.stop_and_read_decisions().await;
    let limited = decisions.iter().filter(|decision| decision.record.outcome == Outcome::Limited).count();
    assert_eq!(limited, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_database_is_said_to_be_busy_and_nothing_is_changed() {
    let server = Server::demo_with(|directory| {
        writable(directory);
        let settings = directory.join("bailiwick.toml");
        edit(&settings, "[database]\n", "[database]\nstatement_timeout = \"200ms\"\n");
    })
    .await;
    let ada = caller(&server, "ada");
    let mut db = writer(&server).await;
    execute(&mut db, "BEGIN IMMEDIATE").await;
    let error = ada.error("create_documents", document(&json!({}))).await;
    assert_eq!(error, "The database is busy with other changes, and nothing was changed. Try again in a moment.");
    execute(&mut db, "ROLLBACK").await;
    ada.call("create_documents", document(&json!({}))).await.structured();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_before_the_commit_has_changed_nothing_and_the_next_is_served() {
    let server = server().await;
    let ada = caller(&server, "ada");
    let mut db = writer(&server).await;
    let before = everything(&mut db).await;
    // Somebody else writes, so that the change waits for its transaction.
    execute(&mut db, "BEGIN IMMEDIATE").await;
    let params = json!({ "name": "create_documents", "arguments": document(&json!({ "title": "Half" })) });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let mut wire = Wire::connect(&server.base).await;
    wire.begin(&ada.token, &format!("Content-Length: {}\r\n", call.len())).await;
    wire.send(&call).await;
    let audit = AuditReader::open(&server.directory.join("audit.db")).await.unwrap();
    let outcomes = async || -> Vec<Outcome> {
        let decisions = audit.tail(100).await.unwrap().into_iter().map(|decision| decision.record);
        decisions.filter(|record| record.action == "create").map(|record| record.outcome).collect()
    };
    let until = async |expected: &[Outcome]| {
        let begun = Instant::now();
        while outcomes().await != expected {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}, not {expected:?}", outcomes().await);
            tokio::task::yield_now().await;
        }
    };
    until(&[Outcome::Begun]).await;
    drop(wire);
    until(&[Outcome::Begun, Outcome::Abandoned]).await;
    execute(&mut db, "ROLLBACK").await;
    assert_eq!(everything(&mut db).await, before);
    ada.call("create_documents", document(&json!({ "title": "Whole" }))).await.structured();
    let titles: Vec<String> = sqlx::query_scalar("SELECT title FROM documents WHERE title IN ('Half', 'Whole')")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(titles, ["Whole"]);
}
