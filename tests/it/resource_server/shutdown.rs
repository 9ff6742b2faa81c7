//! The end of a server: whoever is being answered is answered, what was decided is written.

use std::time::Duration;

use bailiwick::store::audit::Outcome;
use serde_json::json;
use tokio::time::Instant;

use crate::support::wire::Wire;
use crate::support::world::{World, edit, token};

#[tokio::test]
async fn a_request_in_flight_is_answered_and_recorded_and_open_streams_do_not_hold_the_end_up() {
    let world = World::new().await;
    let (client, base, token) = (world.server.client.clone(), world.server.base.clone(), token());
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
    let opened = client.rpc("initialize", hello).token(&token).send().await;
    let mut stream = Wire::connect(&base).await;
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nMcp-Session-Id: {}\r\nAccept: text/event-stream\r\n\r\n",
        opened.header("mcp-session-id")
    );
    stream.send(&head).await;
    stream.until("\r\n\r\n").await;

    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "echo", "arguments": { "text": "to the end" } } })
    .to_string();
    let (first, second) = call.split_at(20);
    let mut flight = Wire::connect(&base).await;
    flight.begin(&token, &format!("Content-Length: {}\r\n", call.len())).await;
    flight.send(first).await;
    // Answered on a connection of its own after the one above was accepted.
    assert_eq!(client.tool("whoami", json!({})).token(&token).send().await.status, 200);

    let began = Instant::now();
    let rest = async {
        // The stream ends because the server is stopping, and only then does the other request go on.
        stream.rest().await;
        flight.send(second).await;
        flight.until("to the end").await
    };
    let (left, answer) = tokio::join!(world.stop(), rest);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "the grace of ten seconds was not used up: {:?}",
        began.elapsed()
    );
    let echo = left.decisions.iter().find(|decision| decision.record.object == "tool:echo").unwrap();
    assert_eq!(echo.record.outcome, Outcome::Answered { rows: None });
    assert!(Wire::try_connect(&base).await.is_none(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_hold_the_end_up_beyond_the_grace() {
    let world = World::with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[server]\nshutdown_grace = \"1s\"\n");
    })
    .await;
    let mut slow = Wire::connect(&world.server.base).await;
    slow.begin(&token(), "Content-Length: 100\r\n").await;
    assert_eq!(world.server.client.tool("whoami", json!({})).token(&token()).send().await.status, 200);
    let began = Instant::now();
    let left = world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(left.decisions.len(), 1);
}
