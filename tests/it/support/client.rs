//! An MCP client that shows everything it is answered.

use std::time::Duration;

use serde_json::{Value, json};

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON; of an event stream, the last event.
    pub(crate) fn json(&self) -> Value {
        let body = self.text.lines().filter_map(|line| line.strip_prefix("data: ")).rfind(|data| !data.is_empty());
        let body = body.unwrap_or(&self.text);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where a page goes on to by itself: the client that a decision hands the browser over to.
    pub(crate) fn handed_over(&self) -> &str {
        assert_eq!((self.status, self.header("location")), (200, ""), "{self:?}");
        let address = self.header("refresh").strip_prefix("0; url=");
        address.unwrap_or_else(|| panic!("it hands nothing over: {self:?}"))
    }

    /// What a tool answered.
    pub(crate) fn structured(&self) -> Value {
        let value = self.json();
        assert!(!value["result"]["isError"].as_bool().unwrap_or(false), "{value}");
        value["result"]["structuredContent"].clone()
    }

    /// What a tool said was wrong.
    pub(crate) fn tool_error(&self) -> String {
        let value = self.json();
        assert_eq!(value["result"]["isError"], true, "{value}");
        value["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The code and message of a JSON-RPC error.
    pub(crate) fn protocol_error(&self) -> (i64, String) {
        let value = self.json();
        let error = &value["error"];
        (error["code"].as_i64().unwrap_or_else(|| panic!("{value}")), error["message"].as_str().unwrap().to_owned())
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// One request under construction.
pub(crate) struct Call {
    request: reqwest::RequestBuilder,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    pub(crate) async fn send(self) -> Answer {
        self.answer().await.unwrap()
    }

    /// The answer, if the server lived to give the whole of it.
    pub(crate) async fn try_send(self) -> Option<Answer> {
        self.answer().await.ok()
    }

    async fn answer(self) -> reqwest::Result<Answer> {
        let response = self.request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { http, base: base.to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        Call { request: self.http.get(format!("{}{path}", self.base)) }
    }

    pub(crate) fn method(&self, method: &str, path: &str) -> Call {
        Call { request: self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)) }
    }

    /// A POST to `/mcp` with this body.
    pub(crate) fn post(&self, body: impl Into<reqwest::Body>) -> Call {
        let request =
            self.http.post(format!("{}/mcp", self.base)).header("Content-Type", "application/json").body(body);
        Call { request }
    }

    /// A single request of the older revisions, without a session.
    pub(crate) fn rpc(&self, method: &str, params: Value) -> Call {
        let mut body = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
        body["params"] = params;
        self.post(body.to_string())
    }

    /// The same in 2026-07-28.
    pub(crate) fn modern(&self, method: &str, mut params: Value) -> Call {
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
    pub(crate) fn tool(&self, name: &str, arguments: Value) -> Call {
        let mut params = json!({ "name": name });
        params["arguments"] = arguments;
        self.rpc("tools/call", params)
    }

    /// The names of the listed tools.
    pub(crate) async fn tools(&self, token: &str) -> Vec<String> {
        let answer = self.rpc("tools/list", json!({})).token(token).send().await;
        let list = answer.json()["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
        list.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}
