//! HTTP with server-sent events (2024-11-05): the same people, the same answers, each stream its owner's.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::abandoned::{ENDLESS, LONG, world_with};
use crate::support::client::{Answer, Client};
use crate::support::server::Server;
use crate::support::stream::Stream;
use crate::support::world::{edit, token};

const ON: &str = "[mcp]\nlegacy_sse = true\n";

async fn demo_with(server: &str) -> Server {
    Server::demo_with(|directory| {
        let settings = format!("{ON}[server]\n{server}");
        edit(&directory.join("bailiwick.toml"), "[server]\n", &settings);
    })
    .await
}

/// An open stream, and where its messages go.
struct Sse {
    stream: Stream,
    address: String,
    token: String,
}

impl Sse {
    async fn open(server: &Server, token: &str) -> Self {
        let head = format!(
            "GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
        );
        let mut stream = Stream::send(server, head).await;
        stream.until("event: endpoint\ndata: /messages?sessionId=").await;
        stream.until("\n\n").await;
        let address = stream.text.split("data: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        Self { stream, address, token: token.to_owned() }
    }

    /// The same, initialized.
    async fn begin(server: &Server, token: &str) -> Self {
        let mut sse = Self::open(server, token).await;
        let hello = json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
        let welcome = sse.ask(&server.client, 0, "initialize", hello).await;
        assert_eq!(welcome["result"]["protocolVersion"], "2024-11-05", "{welcome}");
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(post(&server.client, &sse.address, &sse.token, &told).await.status, 202);
        sse
    }

    /// Asks, and reads the answer off the stream.
    async fn ask(&mut self, client: &Client, id: u64, method: &str, params: Value) -> Value {
        let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        message["params"] = params;
        let taken = post(client, &self.address, &self.token, &message).await;
        assert_eq!((taken.status, taken.text.as_str()), (202, ""), "{taken:?}");
        self.answer(id).await
    }

    async fn answer(&mut self, id: u64) -> Value {
        loop {
            let events = self.stream.text.lines().filter_map(|line| line.strip_prefix("data: "));
            let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
            if let Some(answer) = events.into_iter().find(|event| event["id"] == id) {
                return answer;
            }
            let more = self.stream.wire.more().await;
            assert!(!more.is_empty(), "closed after {}", self.stream.text);
            self.stream.text += &more;
        }
    }
}

async fn post(client: &Client, address: &str, token: &str, message: &Value) -> Answer {
    let call = client.method("POST", address).header("Content-Type", "application/json").body(message.to_string());
    call.token(token).send().await
}

fn is_unknown(answer: &Answer) {
    assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("unknown_session")), "{answer:?}");
}

#[tokio::test]
async fn it_is_off_unless_the_configuration_says_so() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    assert_eq!(server.client.get("/sse").token(&bob).send().await.status, 404);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(post(&server.client, "/messages?sessionId=x", &bob, &ping).await.status, 404);
}

#[tokio::test]
async fn two_people_list_and_call_and_get_two_answers() {
    let server = demo_with("").await;
    let mut of_ada = Sse::begin(&server, &server.token("ada")).await;
    let mut of_eve = Sse::begin(&server, &server.token("eve")).await;
    let client = &server.client;
    for (sse, name, has_echo) in [(&mut of_ada, "ada", true), (&mut of_eve, "eve", false)] {
        let tools = sse.ask(client, 1, "tools/list", json!({})).await;
        let tools = tools["result"]["tools"].as_array().unwrap().clone();
        assert_eq!(tools.iter().any(|tool| tool["name"] == "echo"), has_echo, "{name}");
        let me = sse.ask(client, 2, "tools/call", json!({ "name": "whoami" })).await;
        assert_eq!(me["result"]["structuredContent"]["external_user_id"], format!("{name}@acme.example"));
        assert_eq!(sse.ask(client, 3, "ping", json!({})).await["result"], json!({}));
    }
    let hidden = of_eve.ask(client, 4, "tools/call", json!({ "name": "echo", "arguments": { "text": "x" } })).await;
    assert_eq!(hidden["error"]["message"], "Unknown tool: echo", "the same gate");
    // Told of changes, as on every stream.
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    of_ada.stream.until("notifications/tools/list_changed").await;
    assert_eq!(of_eve.stream.times("list_changed"), 0, "she never had it");
    let decisions = server.stop_and_read_decisions().await;
    let denied = decisions.iter().find(|decision| decision.record.object == "tool:echo").unwrap();
    assert_eq!(denied.record.verdict, bailiwick::store::audit::Verdict::Deny);
}

#[tokio::test]
async fn a_stream_is_its_owners_and_each_post_needs_a_token() {
    let server = demo_with("").await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let mut sse = Sse::begin(&server, &ada).await;
    let of_bob = Sse::open(&server, &bob).await;
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    let (id, mac) = sse.address.rsplit_once('.').unwrap();
    let other_mac = of_bob.address.rsplit_once('.').unwrap().1;
    let forged = [
        "/messages".to_owned(),
        "/messages?sessionId=".to_owned(),
        "/messages?sessionId=garbage".to_owned(),
        id.to_owned(),
        format!("{id}.{other_mac}"),
        format!("{id}.{mac}x"),
        of_bob.address.clone(),
    ];
    let garbage = post(&server.client, "/messages?sessionId=garbage.x", &ada, &ping).await;
    for address in &forged {
        is_unknown(&post(&server.client, address, &ada, &ping).await);
    }
    let foreign = post(&server.client, &sse.address, &bob, &ping).await;
    assert_eq!(
        (foreign.status, &foreign.text),
        (garbage.status, &garbage.text),
        "one answer for all that is not one's own"
    );
    for (method, path) in [("GET", "/sse"), ("POST", sse.address.as_str())] {
        let call = server.client.method(method, path).header("Content-Type", "application/json").body(ping.to_string());
        let refused = call.send().await;
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").contains("resource_metadata="), "{refused:?}");
        let call = server.client.method(method, path).header("Content-Type", "application/json").body(ping.to_string());
        let abroad = call.token(&ada).header("Origin", "https://evil.example").send().await;
        assert_eq!((abroad.status, &abroad.json()["error"]), (403, &json!("forbidden")));
        let call = server.client.method(method, path).header("Content-Type", "application/json").body(ping.to_string());
        let rebound = call.token(&ada).header("Host", "evil.example").send().await;
        assert_eq!(rebound.status, 403);
    }
    for (method, path, allow) in [("DELETE", "/sse", "GET"), ("GET", sse.address.as_str(), "POST")] {
        let refused = server.client.method(method, path).token(&ada).send().await;
        assert_eq!((refused.status, refused.header("allow")), (405, allow));
    }
    let mut modern = json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/list" });
    modern["params"] = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
    let refused = post(&server.client, &sse.address, &ada, &modern).await;
    assert_eq!(refused.protocol_error(), (-32600, "Requests of 2026-07-28 are answered at /mcp".to_owned()));
    let refused = post(&server.client, &sse.address, &ada, &json!({ "jsonrpc": "2.0" })).await;
    assert_eq!((refused.status, refused.protocol_error().0), (400, -32600), "{refused:?}");
    assert_eq!(sse.ask(&server.client, 9, "ping", json!({})).await["result"], json!({}), "and nobody ended it");
    assert!(!sse.stream.text.contains("\"id\":7"), "nothing of what was refused reached it");
}

#[tokio::test]
async fn a_stream_is_one_of_events_and_begins_with_initialize() {
    let server = demo_with("").await;
    let ada = server.token("ada");
    for accept in ["application/json", "text/html, application/json;q=0.9", "text/plain"] {
        let refused = server.client.get("/sse").token(&ada).header("Accept", accept).send().await;
        assert_eq!(
            (refused.status, &refused.json()["error"]),
            (406, &json!("not_acceptable")),
            "{accept}: {refused:?}"
        );
    }
    let mut sse = Sse::open(&server, &ada).await;
    for method in ["tools/list", "tools/call", "no/such"] {
        let early = json!({ "jsonrpc": "2.0", "id": 3, "method": method, "params": { "name": "whoami" } });
        let refused = post(&server.client, &sse.address, &ada, &early).await;
        let (code, says) = refused.protocol_error();
        assert!(refused.status == 400 && code == -32600 && says.contains("send `initialize` first"), "{refused:?}");
        assert_eq!(refused.json()["id"], 3);
    }
    let hello =
        json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
    let welcome = sse.ask(&server.client, 0, "initialize", hello).await;
    assert_eq!(welcome["result"]["protocolVersion"], "2024-11-05", "and it is as good as before: {welcome}");
}

#[tokio::test]
async fn a_stream_ends_with_its_connection_and_one_too_many_ends_the_oldest() {
    let server = demo_with("sessions_per_person = 2\n").await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let mut of_bob = Sse::begin(&server, &bob).await;
    let mut first = Sse::begin(&server, &ada).await;
    let mut second = Sse::begin(&server, &ada).await;
    let third = Sse::begin(&server, &ada).await;
    first.stream.until("0\r\n\r\n").await;
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    is_unknown(&post(&server.client, &first.address, &ada, &ping).await);
    assert_eq!(second.ask(&server.client, 7, "ping", json!({})).await["result"], json!({}));
    let Sse { stream, address, .. } = third;
    drop(stream);
    let gone = Instant::now();
    while post(&server.client, &address, &ada, &ping).await.status != 404 {
        assert!(gone.elapsed() < Duration::from_secs(10), "it is still there");
    }
    // One whose token has expired is told nothing any more and ends with the next thing there is to tell.
    server.clock.advance(Duration::from_hours(2));
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    of_bob.stream.until("0\r\n\r\n").await;
    assert_eq!(of_bob.stream.times("list_changed"), 0);
}

#[tokio::test]
async fn a_shutdown_answers_what_was_asked_before_it_ends_the_stream() {
    let world = world_with(LONG, "", ON).await;
    let mut sse = Sse::begin(&world.server, &token()).await;
    let idle = Sse::begin(&world.server, &token()).await;
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call",
        "params": { "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } } } });
    assert_eq!(post(&world.server.client, &sse.address, &sse.token, &call).await.status, 202);
    sse.ask(&world.server.client, 6, "ping", json!({})).await;
    let begun = Instant::now();
    let reading = async {
        let Sse { mut stream, .. } = idle;
        stream.until("0\r\n\r\n").await;
        let answer = sse.answer(5).await;
        sse.stream.until("0\r\n\r\n").await;
        answer
    };
    let (left, answer) = tokio::join!(world.stop(), reading);
    assert_eq!(answer["result"]["structuredContent"]["rows"], json!([]), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "within the grace: {:?}", begun.elapsed());
    let of_the_query = left.decisions.iter().filter(|decision| decision.record.object == "dataset:endless");
    let outcomes: Vec<_> = of_the_query.map(|decision| decision.record.outcome).collect();
    assert_eq!(outcomes, [bailiwick::store::audit::Outcome::Answered { rows: Some(0) }]);
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_answered_so_and_its_query_ends() {
    let world = world_with(ENDLESS, "request_timeout = \"1s\"\n", ON).await;
    let mut sse = Sse::begin(&world.server, &token()).await;
    let call = json!({ "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } } });
    let answer = sse.ask(&world.server.client, 5, "tools/call", call).await;
    let said = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(answer["result"]["isError"] == true && said.contains("a request may take 1s at most"), "{answer}");
    let few = json!({ "name": "list_few", "arguments": {} });
    let few = sse.ask(&world.server.client, 6, "tools/call", few).await;
    assert_eq!(few["result"]["structuredContent"]["rows"], json!([]), "on the same stream: {few}");
    let left = world.stop().await;
    let of_the_query = left.decisions.iter().find(|decision| decision.record.object == "dataset:endless").unwrap();
    assert_eq!(of_the_query.record.outcome, bailiwick::store::audit::Outcome::TimedOut);
}
