//! A client that does not read costs nobody but itself, and not for ever.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::server::Server;
use crate::support::wire::Wire;
use crate::support::world::edit;

const SHORT: &str = "[mcp]\nlegacy_sse = true\n[server]\nwrite_timeout = \"1s\"\nrequest_timeout = \"2s\"\n";
/// More answers than any buffer of the operating system holds.
const ASKED: usize = 600;

async fn demo() -> Server {
    Server::demo_with(|directory| edit(&directory.join("bailiwick.toml"), "[server]\n", SHORT)).await
}

#[tokio::test]
async fn who_reads_no_answers_is_left_after_a_while_and_others_are_served_meanwhile() {
    let server = demo().await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_documents", "arguments": { "limit": 200 } } })
    .to_string();
    let whole = server.client.post(call.clone()).token(&ada).send().await.text.len();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::narrow(&server.base).await;
        for _ in 0..ASKED {
            wire.begin(&ada, &format!("Content-Length: {}\r\n", call.len())).await;
            wire.send(&call).await;
        }
        slow.push(wire);
    }
    let begun = Instant::now();
    let (mut slowest, mut most) = (Duration::ZERO, 0);
    while begun.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        let answer = server.client.tool("whoami", json!({})).token(&bob).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        slowest = slowest.max(asked.elapsed());
        most = most.max(tokio::runtime::Handle::current().metrics().num_alive_tasks());
    }
    println!("the slowest of the others' calls took {slowest:?}; {before} tasks before, {most} at most");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(most < before + 40, "a connection has one request in hand: {most} tasks");
    for wire in &mut slow {
        assert!(wire.length_of_rest().await < ASKED * whole, "it was not waited for");
    }
    let decisions = server.stop_and_read_decisions().await;
    let listed = decisions.iter().filter(|decision| decision.record.object == "dataset:documents").count();
    assert!(listed < 4 * ASKED, "nothing is read for who does not read");
}

#[tokio::test]
async fn who_reads_no_stream_is_refused_more_and_then_left() {
    let server = demo().await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let mut wire = Wire::narrow(&server.base).await;
    let head = format!(
        "GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ada}\r\nAccept: text/event-stream\r\n\r\n"
    );
    wire.send(&head).await;
    let begun = wire.until("\n\n\r\n").await;
    let address = begun.split("data: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let post = async |id: usize, method: &str, params| {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        let call = server.client.method("POST", &address).header("Content-Type", "application/json");
        call.token(&ada).body(message).send().await.status
    };
    let hello =
        json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
    assert_eq!(post(0, "initialize", hello).await, 202);
    wire.until("protocolVersion").await;
    let begun = Instant::now();
    let (mut statuses, mut id) = (std::collections::BTreeMap::<u16, usize>::new(), 0);
    while !statuses.contains_key(&404) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is still there: {statuses:?}");
        id += 1;
        let call = post(id, "tools/call", json!({ "name": "list_documents", "arguments": { "limit": 200 } }));
        let other = server.client.tool("whoami", json!({})).token(&bob).send();
        let (status, other) = tokio::join!(call, other);
        *statuses.entry(status).or_default() += 1;
        assert_eq!(other.status, 200, "others are served meanwhile");
    }
    println!("what its messages were answered: {statuses:?}");
    assert!(statuses.keys().all(|status| matches!(status, 202 | 404 | 503)), "{statuses:?}");
    assert!(statuses.contains_key(&503), "the answers that wait for their reader are bounded: {statuses:?}");
}
