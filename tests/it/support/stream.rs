//! An open stream, read as it comes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::Server;
use super::session::SESSION;
use super::wire::Wire;

/// What is waited for at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that came on a stream.
pub(crate) struct Stream {
    pub(crate) wire: Wire,
    pub(crate) text: String,
}

impl Stream {
    pub(crate) async fn send(server: &Server, request: String) -> Self {
        Self::send_to(&server.base, request).await
    }

    /// Sends a request to a server at this address.
    pub(crate) async fn send_to(base: &str, request: String) -> Self {
        let mut wire = Wire::connect(base).await;
        wire.send(&request).await;
        let text = wire.until("\r\n\r\n").await;
        let head = text.to_lowercase();
        assert!(head.starts_with("http/1.1 200 ") && head.contains("text/event-stream"), "{text}");
        Self { wire, text }
    }

    /// The own stream of a session.
    pub(crate) async fn of_session(server: &Server, token: &str, session: &str) -> Self {
        Self::of_session_at(&server.base, token, session).await
    }

    pub(crate) async fn of_session_at(base: &str, token: &str, session: &str) -> Self {
        let head = format!(
            "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{SESSION}: {session}\r\nAccept: text/event-stream\r\n\r\n"
        );
        Self::send_to(base, head).await
    }

    /// The own stream of a session, taken up after an event.
    pub(crate) async fn after(server: &Server, token: &str, session: &str, event: &str) -> Self {
        let head = format!(
            "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{SESSION}: {session}\r\n\
             Last-Event-ID: {event}\r\nAccept: text/event-stream\r\n\r\n"
        );
        Self::send(server, head).await
    }

    /// A `subscriptions/listen` of 2026-07-28.
    pub(crate) async fn listening(server: &Server, token: &str, notifications: Value) -> Self {
        Self::listening_at(&server.base, token, notifications).await
    }

    pub(crate) async fn listening_at(base: &str, token: &str, notifications: Value) -> Self {
        let mut params = json!({ "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" }
        } });
        params["notifications"] = notifications;
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": params }).to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
             Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = Self::send_to(base, head).await;
        stream.until("notifications/subscriptions/acknowledged").await;
        stream
    }

    pub(crate) async fn until(&mut self, what: &str) {
        if !self.text.contains(what) {
            // The stream is kept alive by comments, so that a single read never takes long.
            let more = timeout(PATIENCE, self.wire.until(what)).await;
            self.text += &more.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}, after {}", self.text));
        }
    }

    /// Reads on until something has come so many times.
    pub(crate) async fn until_times(&mut self, what: &str, times: usize) {
        let reading = async {
            while self.times(what) < times {
                let more = self.wire.more().await;
                assert!(!more.is_empty(), "closed after {}", self.text);
                self.text += &more;
            }
        };
        let read = timeout(PATIENCE, reading).await;
        assert!(read.is_ok(), "not within {PATIENCE:?}: {what}, after {}", self.text);
    }

    pub(crate) fn times(&self, what: &str) -> usize {
        self.text.matches(what).count()
    }

    /// The id of the last event, once that has come whole.
    pub(crate) async fn last_event(&mut self) -> String {
        while !self.text.rsplit_once("data: ").is_some_and(|(_, last)| last.contains("\n\n")) {
            let more = self.wire.more().await;
            assert!(!more.is_empty(), "the stream ended without an event: {}", self.text);
            self.text += &more;
        }
        self.text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned()
    }
}
