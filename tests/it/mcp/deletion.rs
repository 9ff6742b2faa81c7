//! The call of a deletion in a session, whose client can be asked in the middle of it.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::server::Server;
use crate::support::session::{SESSION, open_as};
use crate::support::wire::Wire;

/// A client that says that it can ask, in a session of this revision, and its open call of a deletion.
pub(super) struct Deletion<'a> {
    server: &'a Server,
    token: String,
    pub(super) session: String,
    wire: Wire,
}

impl<'a> Deletion<'a> {
    pub(super) async fn begin(server: &'a Server, revision: &str, id: &str) -> Self {
        let token = server.token("ada");
        let session = open_as(&server.client, &token, revision, json!({ "elicitation": {} })).await;
        let params = json!({ "name": "delete_documents", "arguments": { "id": id } });
        let body = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params }).to_string();
        let mut wire = Wire::connect(&server.base).await;
        let accept = "Accept: application/json, text/event-stream";
        wire.begin(&token, &format!("{SESSION}: {session}\r\n{accept}\r\nContent-Length: {}\r\n", body.len())).await;
        wire.send(&body).await;
        Self { server, token, session, wire }
    }

    pub(super) async fn question(&mut self) -> Value {
        self.event("elicitation/create").await
    }

    pub(super) async fn send(&self, message: &Value) -> Answer {
        self.server.client.post(message.to_string()).token(&self.token).header(SESSION, &self.session).send().await
    }

    /// What the call is answered, by its id.
    pub(super) async fn answer(&mut self) -> Value {
        self.event("\"id\":9").await["result"].take()
    }

    /// What is said of a call that did nothing.
    pub(super) async fn told(&mut self) -> String {
        let answer = self.answer().await;
        assert_eq!(answer["isError"], true, "{answer}");
        answer["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The event of its stream that has this in it.
    pub(super) async fn event(&mut self, with: &str) -> Value {
        let mut text = self.wire.until(with).await;
        loop {
            let whole = text.split("\n\n").filter(|event| event.contains(with)).find_map(|event| {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
                serde_json::from_str(data).ok()
            });
            match whole {
                Some(event) => return event,
                None => text.push_str(&self.wire.until("\n").await),
            }
        }
    }
}
