//! Questions that nobody answers, and clients that cannot ask one: what they are told, and what is recorded.

use std::time::Duration;

use bailiwick::store::audit::{AuditReader, Outcome};
use serde_json::json;
use tokio::time::Instant;

use super::confirmation::{document, is_there, strict_server, strict_server_with, yes};
use super::deletion::Deletion;
use crate::support::revision::{REVISIONS, STATELESS};
use crate::support::server::Server;

/// Waits until the deletions are recorded so.
async fn recorded(server: &Server, expected: &[Outcome]) {
    let audit = AuditReader::open(&server.directory.join("audit.db")).await.unwrap();
    let begun = Instant::now();
    loop {
        let records = audit.tail(100).await.unwrap().into_iter().map(|decision| decision.record);
        let found: Vec<_> = records.filter(|record| record.action == "delete").map(|record| record.outcome).collect();
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{found:?}, not {expected:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_gets_no_answer_has_an_end_and_so_has_its_call() {
    let server = strict_server_with("request_timeout = \"4s\"\n").await;
    let id = document(&server, "Kept").await;

    let mut refused = Deletion::begin(&server, "2025-11-25", &id).await;
    let question = refused.question().await;
    let error = json!({ "code": -32601, "message": "Method not found" });
    refused.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": error })).await;
    let told = refused.told().await;
    assert!(told.contains("it answered the question with the error -32601"), "{told}");
    let mut expected = vec![Outcome::Asked, Outcome::Unasked];
    recorded(&server, &expected).await;

    let mut left = Deletion::begin(&server, "2025-11-25", &id).await;
    left.question().await;
    drop(left);
    expected.extend([Outcome::Asked, Outcome::Abandoned]);
    recorded(&server, &expected).await;

    let mut cancelled = Deletion::begin(&server, "2025-11-25", &id).await;
    cancelled.question().await;
    let word = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } });
    cancelled.send(&word).await;
    expected.extend([Outcome::Asked, Outcome::Abandoned]);
    recorded(&server, &expected).await;

    let mut late = Deletion::begin(&server, "2025-11-25", &id).await;
    late.question().await;
    let told = late.told().await;
    assert!(told.starts_with("Nothing was changed: a person must confirm this, and did not within"), "{told}");
    expected.extend([Outcome::Asked, Outcome::TimedOut]);
    recorded(&server, &expected).await;
    assert!(is_there(&server, &id).await);

    let mut answered = Deletion::begin(&server, "2025-11-25", &id).await;
    let question = answered.question().await;
    answered.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": yes() })).await;
    expected.extend([Outcome::Asked, Outcome::Confirmed, Outcome::Begun, Outcome::Changed]);
    recorded(&server, &expected).await;
    assert!(!is_there(&server, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_revisions_that_have_questions_are_asked_and_in_their_own_words() {
    let server = strict_server().await;
    let id = document(&server, "Kept").await;
    let mut expected = Vec::new();
    for revision in REVISIONS.into_iter().filter(|revision| *revision != STATELESS) {
        let mut deletion = Deletion::begin(&server, revision, &id).await;
        if revision < "2025-06-18" {
            let told = deletion.told().await;
            assert!(told.contains("this client cannot ask one"), "{revision}: {told}");
            expected.push(Outcome::Unasked);
            continue;
        }
        let question = deletion.question().await;
        let mode = (revision >= "2025-11-25").then(|| json!("form"));
        assert_eq!(question["params"].get("mode"), mode.as_ref(), "{revision}: {question}");
        assert!(question["params"]["requestedSchema"]["properties"]["confirm"].is_object(), "{revision}: {question}");
        let no = json!({ "action": "decline" });
        deletion.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": no })).await;
        assert_eq!(deletion.told().await, "Nothing was changed: the person did not confirm it.", "{revision}");
        expected.extend([Outcome::Asked, Outcome::Declined]);
    }
    recorded(&server, &expected).await;
    assert!(is_there(&server, &id).await);
}
