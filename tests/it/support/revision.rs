//! Each revision of MCP as its clients speak it: in a session, or one request at a time.

use serde_json::{Value, json};

use super::client::{Answer, Call, Client};

/// The revision that has no sessions.
pub(crate) const STATELESS: &str = "2026-07-28";

/// Every revision that the server speaks.
pub(crate) const REVISIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS];

/// A client of one revision, for one person.
pub(crate) struct Speaker<'a> {
    pub(crate) client: &'a Client,
    pub(crate) token: String,
    pub(crate) revision: &'static str,
    /// Its session, where the revision has them.
    pub(crate) session: Option<String>,
}

impl<'a> Speaker<'a> {
    /// Begins as the revision has it.
    pub(crate) async fn begin(client: &'a Client, token: String, revision: &'static str) -> Self {
        let mut speaker = Self { client, token, revision, session: None };
        if revision != STATELESS {
            let hello = json!({
                "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "test", "version": "0" }
            });
            let opened = client.rpc("initialize", hello).token(&speaker.token).send().await;
            assert_eq!(opened.json()["result"]["protocolVersion"], revision, "{opened:?}");
            speaker.session = Some(opened.header("mcp-session-id").to_owned());
            let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
            assert_eq!(speaker.post(ready).send().await.status, 202);
        }
        speaker
    }

    pub(crate) fn is_stateless(&self) -> bool {
        self.revision == STATELESS
    }

    /// A body, with the headers of the revision that do not depend on it.
    pub(crate) fn post(&self, body: String) -> Call {
        self.with_headers(self.client.post(body))
    }

    /// A request.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Call {
        if self.is_stateless() {
            return self.client.modern(method, params).token(&self.token);
        }
        self.with_headers(self.client.rpc(method, params))
    }

    /// What a request is answered.
    pub(crate) async fn answer(&self, method: &str, params: Value) -> Answer {
        self.ask(method, params).send().await
    }

    fn with_headers(&self, call: Call) -> Call {
        let call = match &self.session {
            Some(session) => call.token(&self.token).header("Mcp-Session-Id", session),
            None => call.token(&self.token),
        };
        // The header came with 2025-06-18.
        if self.revision < "2025-06-18" { call } else { call.header("MCP-Protocol-Version", self.revision) }
    }
}
