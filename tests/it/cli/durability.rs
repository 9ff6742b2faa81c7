//! Killed at any moment, the server has recorded every answer that somebody received.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::process::{Running, run};

/// When each round is ended, after its first answer.
const MOMENTS: [u64; 4] = [0, 7, 60, 210];

#[tokio::test]
async fn no_answer_that_was_received_is_unrecorded_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut received = BTreeSet::new();
    let mut running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "200"]);
    let port = running.port;
    for moment in MOMENTS {
        let (tell, mut told) = mpsc::unbounded_channel();
        let tokens = Arc::new([running.token("ada").await, running.token("eve").await]);
        let callers = (0..8).map(|caller| {
            let (client, tokens, tell) = (running.client.clone(), Arc::clone(&tokens), tell.clone());
            async move {
                for turn in 0.. {
                    let tool = ["count_documents", "whoami", "echo", "list_people"][(caller + turn) % 4];
                    let call = client.tool(tool, json!({})).token(&tokens[turn % 2]);
                    let Some(answer) = call.try_send().await else { return };
                    // Until the test has heard enough.
                    if tell.send(answer.header("x-request-id").to_owned()).is_err() {
                        return;
                    }
                }
            }
        });
        let calling = futures_util::future::join_all(callers);
        let killing = async {
            received.insert(told.recv().await.unwrap());
            tokio::time::sleep(Duration::from_millis(moment)).await;
            running.kill();
        };
        tokio::join!(calling, killing);
        drop(tell);
        while let Some(request) = told.recv().await {
            received.insert(request);
        }
        running = Running::start_on(directory.path(), port, &["demo", "--dir", ".", "--rows", "200"]);
    }
    assert!(received.len() > 4 * MOMENTS.len(), "only {} answers", received.len());
    println!("{} answers received over {} kills", received.len(), MOMENTS.len());
    let all = run(directory.path(), &["audit", "query", "--json", "--limit", "1000000"]);
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["request"].as_str().unwrap().to_owned();
    let recorded: BTreeSet<String> = all.out.lines().map(record).collect();
    let missing: Vec<_> = received.difference(&recorded).collect();
    assert!(missing.is_empty(), "{} of {} answers have no record", missing.len(), received.len());
    drop(running);
    for file in ["audit.db", "company.db"] {
        assert_eq!(integrity(&directory.path().join(file)).await, "ok", "{file}");
    }
}

async fn integrity(file: &std::path::Path) -> String {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.unwrap();
    sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap()
}
