//! Sessions of the revisions that have them.

use serde_json::{Value, json};

use super::client::{Answer, Client};

/// The header that names one.
pub(crate) const SESSION: &str = "Mcp-Session-Id";

/// Opens a session of the last revision that has them, and gives its id.
pub(crate) async fn open(client: &Client, token: &str) -> String {
    open_as(client, token, "2025-11-25", json!({})).await
}

/// The same, of this revision and by a client that can do so much.
pub(crate) async fn open_as(client: &Client, token: &str, revision: &str, capabilities: Value) -> String {
    let about = json!({ "name": "test", "version": "0" });
    let hello = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": about });
    let answer = client.rpc("initialize", hello).token(token).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let capabilities = &answer.json()["result"]["capabilities"];
    assert_eq!(capabilities["tools"]["listChanged"], true, "{answer:?}");
    assert_eq!(capabilities["resources"]["listChanged"], true, "{answer:?}");
    answer.header("mcp-session-id").to_owned()
}

pub(crate) async fn whoami(client: &Client, token: &str, session: &str) -> Answer {
    client.tool("whoami", json!({})).token(token).header(SESSION, session).send().await
}

/// Whether the server says that it has no such session.
pub(crate) fn is_unknown(answer: &Answer) {
    assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("unknown_session")), "{answer:?}");
}
