//! Batches: taken in the one revision that has them, each message as if it had come alone, and refused in the others.

use bailiwick::store::audit::Outcome;
use serde_json::{Value, json};

use crate::support::revision::{REVISIONS, Speaker};
use crate::support::server::Server;

fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    let mut request = json!({ "jsonrpc": "2.0", "id": id.into(), "method": method });
    request["params"] = params;
    request
}

#[tokio::test]
async fn each_message_of_a_batch_is_answered_as_if_it_had_come_alone() {
    let server = Server::demo().await;
    let speaker = Speaker::begin(&server.client, server.token("bob"), "2025-03-26").await;
    let messages = json!([
        request("list", "tools/list", json!({})),
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        request(2, "tools/call", json!({ "name": "whoami", "arguments": {} })),
        request(3, "no/such", json!({})),
        request(4, "tools/call", json!({ "name": 7 })),
        7,
        request(5, "tools/call", json!({ "name": "echo", "arguments": {} })),
    ]);
    // With a session and, since nothing then names another revision, without.
    for call in [speaker.post(messages.to_string()), server.client.post(messages.to_string()).token(&speaker.token)] {
        let answer = call.send().await;
        assert!(answer.status == 200 && answer.header("content-type") == "application/json", "{answer:?}");
        let answers = answer.json();
        let of = |id: Value| answers.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap();
        assert_eq!(answers.as_array().unwrap().len(), 6, "{answers}");
        assert!(of(json!("list"))["result"]["tools"].as_array().unwrap().len() > 10);
        assert_eq!(of(json!(2))["result"]["structuredContent"]["external_user_id"], "bob@acme.example");
        assert_eq!((&of(json!(3))["error"]["code"], &of(json!(4))["error"]["code"]), (&json!(-32601), &json!(-32602)));
        assert_eq!(of(json!(null))["error"]["code"], -32600);
        assert_eq!(of(json!(5))["result"]["isError"], true);
    }
    let told =
        json!([{ "jsonrpc": "2.0", "method": "notifications/x" }, { "jsonrpc": "2.0", "method": "notifications/y" }]);
    let answer = speaker.post(told.to_string()).send().await;
    assert_eq!((answer.status, answer.text.as_str()), (202, ""));

    let written = server.stop_and_read_decisions().await;
    let rows: Vec<_> = written.iter().map(|row| (row.record.object.as_str(), row.record.outcome)).collect();
    let once = [
        ("tools", Outcome::Answered { rows: Some(22) }),
        ("tool:whoami", Outcome::Answered { rows: None }),
        ("tool:echo", Outcome::BadArguments),
    ];
    assert_eq!(rows, [once, once].concat());
}

#[tokio::test]
async fn no_other_revision_has_batches_and_no_batch_opens_a_session() {
    let server = Server::demo().await;
    let ada = server.token("ada");
    let batch = json!([request(1, "tools/list", json!({}))]).to_string();
    for revision in REVISIONS.into_iter().filter(|revision| *revision != "2025-03-26") {
        let speaker = Speaker::begin(&server.client, ada.clone(), revision).await;
        let answer = speaker.post(batch.clone()).send().await;
        let text = format!("MCP {revision} has no batches; send one message at a time");
        assert_eq!((answer.status, answer.protocol_error()), (400, (-32600, text)));
    }
    let hello =
        json!({ "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "x", "version": "0" } });
    let opening = json!([request(1, "initialize", hello)]).to_string();
    let answer = server.client.post(opening).token(&ada).send().await;
    assert_eq!((answer.status, answer.protocol_error().0), (400, -32600), "{answer:?}");
    // In a session of somebody else it is as lost as anything.
    let theirs = Speaker::begin(&server.client, server.token("bob"), "2025-03-26").await;
    for session in [theirs.session.as_deref().unwrap(), "garbage"] {
        let answer = server.client.post(batch.clone()).token(&ada).header("Mcp-Session-Id", session).send().await;
        assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("unknown_session")), "{answer:?}");
    }
    assert!(server.stop_and_read_decisions().await.is_empty());
}
