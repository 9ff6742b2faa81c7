//! Whoever does not read what they are told delays nobody else.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::subscriptions::{document, touch, writer};
use crate::isolation::{PEOPLE, Tables};
use crate::support::server::Server;
use crate::support::stream::Stream;
use crate::support::wire::Wire;
use crate::support::world::edit;

/// How many streams one person does not read.
const UNREAD: usize = 40;
/// How many rows each of them is told of: more than the buffers hold, since each time the long id of the stream is told too.
const ROWS: usize = 90;
const ID: usize = 60_000;

#[tokio::test]
async fn unread_streams_of_one_person_delay_no_notice_of_another() {
    let server = Server::demo_with(|directory| {
        let settings = format!("[mcp]\nlook_every = \"50ms\"\n\n[server]\nsessions_per_person = {UNREAD}\n");
        edit(&directory.join("bailiwick.toml"), "[server]\n", &settings);
    })
    .await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let tables = Tables::read(&server.directory).await;
    let of_ada: Vec<String> = tables.seen(&PEOPLE[0], "documents").into_iter().take(ROWS).collect();
    let of_bob = tables.seen(&PEOPLE[1], "documents").into_iter().find(|id| !of_ada.contains(id)).unwrap();

    let addresses: Vec<String> = of_ada.iter().map(|id| document(id)).collect();
    let params = json!({
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" }
        },
        "notifications": { "resourceSubscriptions": addresses, "toolsListChanged": true }
    });
    let id = "x".repeat(ID);
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": "subscriptions/listen", "params": params }).to_string();
    let mut unread = Vec::new();
    for _ in 0..UNREAD {
        let mut wire = Wire::narrow(&server.base).await;
        let headers = "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
                       Mcp-Method: subscriptions/listen\r\n";
        wire.begin(&ada, &format!("{headers}Content-Length: {}\r\n", body.len())).await;
        wire.send(&body).await;
        assert!(wire.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
        unread.push(wire);
    }
    let both = json!({ "resourceSubscriptions": [document(&of_bob)], "toolsListChanged": true });
    let mut stream = Stream::listening(&server, &bob, both).await;
    let mut database = writer(&server).await;
    for id in &of_ada {
        touch(&mut database, id, "2030-01-01T00:00:00Z").await;
    }
    let told = format!("{}\"", document(&of_bob));
    let mut slowest = Duration::ZERO;
    for round in 1..=6 {
        let changed = Instant::now();
        touch(&mut database, &of_bob, &format!("2031-01-01T00:00:{round:02}Z")).await;
        stream.until_times(&told, 1 + round).await;
        // The first waits until the others are full.
        if round > 1 {
            slowest = slowest.max(changed.elapsed());
        }
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let changed = Instant::now();
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    stream.until("notifications/tools/list_changed").await;
    assert!(changed.elapsed() < Duration::from_secs(3), "with the reload: {:?}", changed.elapsed());
    drop(unread);
}
