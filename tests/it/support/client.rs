//! An MCP client that shows everything it is answered.

use std::time::Duration;

use serde_json::{Value, json};

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON; of an event stream, the last event.
    pub fn json(&self) -> Value {
        let body = self.text.lines().filter_map(|line| line.strip_prefix("data: ")).rfind(|data| !data.is_empty());
        let body = body.unwrap_or(&self.text);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What a tool answered.
    pub fn structured(&self) -> Value {
        let value = self.json();
        assert_eq!(value["result"]["isError"].as_bool().unwrap_or(false), false, "{value}");
        value["result"]["structuredContent"].clone()
    }

    /// What a tool said was wrong.
    pub fn tool_error(&self) -> String {
        let value = self.json();
        assert_eq!(value["result"]["isError"], true, "{value}");
        value["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The code and message of a JSON-RPC error.
    pub fn protocol_error(&self) -> (i64, String) {
        let value = self.json();
        let error = &value["error"];
        (error["code"].as_i64().unwrap_or_else(|| panic!("{value}")), error["message"].as_str().unwrap().to_owned())
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// One request under construction.
pub struct Call {
    request: reqwest::RequestBuilder,
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub async fn send(self) -> Answer {
        let response = self.request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}

impl Client {
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { http, base: base.to_owned() }
    }

    pub fn get(&self, path: &str) -> Call {
        Call { request: self.http.get(format!("{}{path}", self.base)) }
    }

    pub fn method(&self, method: &str, path: &str) -> Call {
        Call { request: self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)) }
    }

    /// A POST to `/mcp` with this body.
    pub fn post(&self, body: impl Into<reqwest::Body>) -> Call {
        let request =
            self.http.post(format!("{}/mcp", self.base)).header("Content-Type", "application/json").body(body);
        Call { request }
    }

    /// A single request of the older revisions, without a session.
    pub fn rpc(&self, method: &str, params: Value) -> Call {
        self.post(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
    }

    /// The same in 2026-07-28.
    pub fn modern(&self, method: &str, mut params: Value) -> Call {
        let name = params["name"].as_str().or(params["uri"].as_str()).map(ToOwned::to_owned);
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" }
        });
        let call = self.rpc(method, params).header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", method);
        let call = call.header("Accept", "application/json, text/event-stream");
        match name {
            Some(name) => call.header("Mcp-Name", &name),
            None => call,
        }
    }

    /// Calls a tool.
    pub fn tool(&self, name: &str, arguments: Value) -> Call {
        self.rpc("tools/call", json!({ "name": name, "arguments": arguments }))
    }

    /// The names of the listed tools.
    pub async fn tools(&self, token: &str) -> Vec<String> {
        let answer = self.rpc("tools/list", json!({})).token(token).send().await;
        let list = answer.json()["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
        list.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}
