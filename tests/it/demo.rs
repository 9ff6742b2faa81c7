//! What the demo shows: the main job, end to end.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::server::Server;

#[tokio::test]
async fn two_people_call_the_same_tool_and_get_different_rows() {
    let server = Server::demo().await;
    let mut seen = Vec::new();
    for person in ["ada", "bob", "carol", "dave", "eve"] {
        let token = server.token(person);
        let answer = server.client.tool("count_documents", json!({})).token(&token).send().await;
        let count = answer.structured()["count"].as_i64().unwrap();
        let page = server.client.tool("list_documents", json!({ "limit": 200 })).token(&token).send().await;
        let rows = page.structured()["rows"].as_array().unwrap().clone();
        assert!(!rows.is_empty(), "{person} sees something");
        seen.push((person, count, rows));
    }
    for (one, count, rows) in &seen {
        for (other, other_count, other_rows) in &seen {
            assert!(one == other || rows != other_rows, "{one} ({count}) and {other} ({other_count}) see the same");
        }
    }
}

#[tokio::test]
async fn a_third_person_sees_fewer_tools() {
    let server = Server::demo().await;
    let ada = server.client.tools(&server.token("ada")).await;
    let eve = server.client.tools(&server.token("eve")).await;
    assert!(eve.len() < ada.len(), "{eve:?} {ada:?}");
    assert!(eve.iter().all(|tool| ada.contains(tool)));
    assert!(ada.contains(&"echo".to_owned()) && !eve.contains(&"echo".to_owned()));
    let mut sorted = ada.clone();
    sorted.sort();
    assert_eq!(ada, sorted, "the order is stable");
}

#[expect(clippy::disallowed_methods, reason = "the promise is about real time")]
#[tokio::test]
async fn one_edited_line_changes_the_answer_within_a_second() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    let count = async || {
        let answer = server.client.tool("count_documents", json!({})).token(&bob).send().await;
        answer.structured()["count"].as_i64().unwrap()
    };
    let before = count().await;
    let text = fs::read_to_string(server.policy()).unwrap();
    let edited = text.replace("# g, user:bob@acme.example,", "g, user:bob@acme.example,");
    assert_ne!(text, edited);
    fs::write(server.policy(), edited).unwrap();
    let saved = Instant::now();
    while count().await == before {
        assert!(saved.elapsed() < Duration::from_secs(1), "the edit is not in force after a second");
    }
    assert!(count().await > before);
}
