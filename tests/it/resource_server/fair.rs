//! Nobody takes what others need: one person who asks for everything at once, and another who asks for a little.

use std::path::Path;
use std::time::Duration;

use bailiwick::store::audit::AuditReader;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::mcp::abandoned::{ENDLESS, world_changed};
use crate::support::capture::Capture;
use crate::support::client::Answer;
use crate::support::issuer::{SigningKey, Token};
use crate::support::revision::Speaker;
use crate::support::server::Server;
use crate::support::session;
use crate::support::stream::Stream;
use crate::support::wire::Wire;
use crate::support::world::{World, edit, token};

/// A world with these many requests of one person at once, and so many places in the audit.
async fn world(requests: usize, places: usize) -> World {
    world_changed(ENDLESS, |directory: &Path| {
        let settings = directory.join("bailiwick.toml");
        edit(
            &settings,
            "[server]\n",
            &format!("[mcp]\nlegacy_sse = true\n\n[server]\nrequests_per_person = {requests}\n"),
        );
        edit(&settings, "[audit]\n", &format!("[audit]\nqueue = {places}\n"));
        let second = "g, user:rroe@acme.example, role:member, acme\ng, user:jdoe";
        edit(&directory.join("policies/policy.csv"), "g, user:jdoe", second);
    })
    .await
}

/// Somebody else.
fn other() -> String {
    Token::new().claim("sub", "rroe").claim("external_user_id", "rroe@acme.example").sign(&SigningKey::rsa("rsa"))
}

/// The person of [`token`] as another subject.
fn same_person() -> String {
    Token::new().claim("sub", "another-account").sign(&SigningKey::rsa("rsa"))
}

fn endless(id: usize) -> String {
    let params = json!({ "name": "list_endless", "arguments": { "filter": { "id": { "lt": 0 } } } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

/// Begins calls that do not end, and waits until all of them are in hand.
async fn flood(server: &Server, calls: usize) -> Vec<Wire> {
    let mut wires = Vec::new();
    for call in 0..calls {
        wires.push(begin(server, &token(), &endless(call)).await);
    }
    are_in_hand(server, calls).await;
    wires
}

async fn begin(server: &Server, token: &str, call: &str) -> Wire {
    let mut wire = Wire::connect(&server.base).await;
    wire.begin(token, &format!("Content-Length: {}\r\n", call.len())).await;
    wire.send(call).await;
    wire
}

/// Waits until there is a place in the audit for so many.
async fn are_in_hand(server: &Server, calls: usize) {
    let begun = Instant::now();
    while !audit_check(server).await.1.starts_with(&format!("{calls} of ")) {
        assert!(begun.elapsed() < Duration::from_secs(20), "they are not in hand: {:?}", audit_check(server).await);
    }
}

/// What `/readyz` says: its status, and of the audit.
async fn audit_check(server: &Server) -> (u16, String) {
    let answer = server.client.get("/readyz").send().await;
    let checks = answer.json();
    let audit = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == "audit").unwrap();
    (answer.status, audit["detail"].as_str().unwrap().to_owned())
}

fn is_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"), "{answer:?}");
    assert_eq!(answer.json()["error"], "too_many_requests", "{answer:?}");
}

/// Whoever has nothing to do with it is answered, at once.
async fn is_served(server: &Server, token: &str) {
    let begun = Instant::now();
    assert_eq!(server.client.tool("list_few", json!({})).token(token).send().await.structured()["rows"], json!([]));
    assert_eq!(server.client.modern("tools/list", json!({})).token(token).send().await.status, 200);
    let session = session::open_as(&server.client, token, "2025-06-18", json!({})).await;
    assert_eq!(session::whoami(&server.client, token, &session).await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_person_has_so_many_requests_in_hand_whatever_they_come_through() {
    const MOST: usize = 8;
    let world = world(MOST, 256).await;
    let (server, client) = (&world.server, &world.server.client);
    let speaker = Speaker::begin(client, token(), "2025-11-25").await;
    // What was answered is not in hand any more, in whatever way it was asked.
    for _ in 0..MOST + 4 {
        speaker.answer("tools/call", json!({ "name": "whoami" })).await.structured();
        session::open_as(client, &token(), "2025-06-18", json!({})).await;
        client.modern("tools/list", json!({})).token(&token()).send().await.json();
    }

    let mut wires = flood(server, MOST).await;
    let hello =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
    let whoami = || json!({ "name": "whoami", "arguments": {} });
    let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": whoami() }]).to_string();
    let refused = [
        client.rpc("tools/call", whoami()).token(&token()),
        client.rpc("tools/call", whoami()).token(&same_person()),
        client.modern("tools/call", whoami()).token(&token()),
        client.modern("tools/list", json!({})).token(&token()),
        client.modern("subscriptions/listen", json!({ "notifications": {} })).token(&token()),
        client.rpc("initialize", hello).token(&token()),
        client.post(batch).token(&token()),
        speaker.ask("tools/call", whoami()),
    ];
    for call in refused {
        is_refused(&call.send().await);
    }
    // What is no request reaches those that are in hand.
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 77 } });
    assert_eq!(speaker.post(told.to_string()).send().await.status, 202);
    assert_eq!(client.post(json!([told]).to_string()).token(&token()).send().await.status, 202);
    is_served(server, &other()).await;
    assert_eq!(audit_check(server).await, (200, format!("{MOST} of 256 places taken")));

    // One that is gone makes room.
    drop(wires.pop());
    let gone = Instant::now();
    while client.rpc("tools/call", whoami()).token(&token()).send().await.status == 429 {
        assert!(gone.elapsed() < Duration::from_secs(20), "it is counted for ever");
    }
}

/// However many requests are in it: they are answered one after the other.
#[tokio::test]
async fn a_batch_is_one_request_in_hand() {
    let world = world(1, 256).await;
    let call = |id: usize| {
        let params = json!({ "name": "whoami", "arguments": {} });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    for _ in 0..3 {
        let batch = json!([call(1), call(2), call(3)]).to_string();
        let answer = world.server.client.post(batch).token(&token()).send().await;
        let answers = answer.json().as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
        assert!(answers.len() == 3 && answers.iter().all(|answer| answer["result"].is_object()), "{answers:?}");
    }
}

/// A person's statements wait behind each other, whichever account they come from, and one connection is left to the others.
#[tokio::test]
async fn a_second_account_of_a_person_brings_no_second_share_of_the_database() {
    let world = world(64, 256).await;
    let server = &world.server;
    // Three connections of four are theirs; the fourth call, and whatever else they ask, waits for one of these.
    let _wires = flood(server, 4).await;
    let few =
        json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": { "name": "list_few" } }).to_string();
    let _waits = begin(server, &same_person(), &few).await;
    are_in_hand(server, 5).await;
    is_served(server, &other()).await;
    let audit = AuditReader::open(&server.directory.join("audit.db")).await.unwrap();
    let read = audit.tail(100).await.unwrap().into_iter().filter(|decision| decision.record.object == "dataset:few");
    let subjects: Vec<_> = read.map(|decision| decision.record.subject).collect();
    assert_eq!(subjects, ["blockbrain/rroe"], "another account of the same person had a connection of its own");
}

#[tokio::test]
async fn a_second_account_of_a_person_brings_no_second_share_of_sessions_and_streams() {
    let world = world_changed(ENDLESS, |directory: &Path| {
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[server]\nsessions_per_person = 2\n");
    })
    .await;
    let (client, listening) = (&world.server.client, json!({ "toolsListChanged": true }));
    let first = session::open(client, &token()).await;
    let others = session::open(client, &other()).await;
    let second = session::open(client, &same_person()).await;
    session::is_unknown(&session::whoami(client, &same_person(), &first).await);
    let third = session::open(client, &same_person()).await;
    session::is_unknown(&session::whoami(client, &token(), &first).await);
    for (token, session) in [(same_person(), second), (same_person(), third), (other(), others)] {
        assert_eq!(session::whoami(client, &token, &session).await.status, 200);
    }

    let mut oldest = Stream::listening(&world.server, &token(), listening.clone()).await;
    let mut others = Stream::listening(&world.server, &other(), listening.clone()).await;
    let _second = Stream::listening(&world.server, &same_person(), listening.clone()).await;
    let _third = Stream::listening(&world.server, &same_person(), listening).await;
    oldest.wire.until("\r\n0\r\n\r\n").await;
    edit(&world.server.policy(), "p, role:member, *, tool:echo", "p, verified, *, tool:echo");
    others.until("notifications/tools/list_changed").await;
}

#[tokio::test]
async fn streams_are_not_counted_as_requests() {
    let world = world(2, 256).await;
    let listening = json!({ "toolsListChanged": true });
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(Stream::listening(&world.server, &token(), listening.clone()).await);
    }
    is_served(&world.server, &token()).await;
}

#[tokio::test]
async fn one_person_has_a_part_of_the_audit_and_the_log_says_so_once() {
    let capture = Capture::begin();
    let world = world(1_000, 64).await;
    let (server, client) = (&world.server, &world.server.client);
    // An eighth of 64.
    let _wires = flood(server, 8).await;
    for id in 0..40 {
        let (code, text) = client.post(endless(id)).token(&token()).send().await.protocol_error();
        assert!(code == -32600 && text.starts_with("Too many requests of this person"), "{code} {text}");
    }
    is_refused(&client.modern("subscriptions/listen", refused_watch()).token(&narrow()).send().await);
    is_served(server, &other()).await;
    assert_eq!(audit_check(server).await.0, 200);
    drop(world);
    let log = capture.end();
    let said: Vec<_> = log.lines().filter(|line| line.contains("bailiwick::store::audit")).collect();
    let words = "8 decisions of user:jdoe@acme.example of acme wait already";
    assert!(said.len() == 1 && said[0].contains("WARN") && said[0].contains(words), "{said:#?}");
    assert!(!log.contains("ERROR"), "nothing is wrong with the server");
}

/// A request whose scope alone is missing, which is decided before it is dispatched.
fn refused_watch() -> Value {
    json!({ "notifications": { "resourceSubscriptions": ["static://welcome"] } })
}

/// The same person's token without a scope.
fn narrow() -> String {
    Token::new().claim("scope", "other").sign(&SigningKey::rsa("rsa"))
}

/// Whether a connection is kept; one too many is closed before it can ask.
async fn is_kept(wire: &mut Wire) -> bool {
    wire.try_send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    wire.try_more().await.starts_with("HTTP/1.1 200 ")
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_one_that_ends_makes_room() {
    let capture = Capture::begin();
    let world = World::with(|directory| {
        let few = "[server]\nconnections = 5\nconnections_per_address = 3\n";
        edit(&directory.join("bailiwick.toml"), "[server]\n", few);
    })
    .await;
    let base = &world.server.base;
    let mut kept = Vec::new();
    for address in ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"] {
        let mut wire = Wire::from(address, base).await;
        assert!(is_kept(&mut wire).await, "{address}");
        kept.push(wire);
        if kept.len() == 3 {
            assert!(!is_kept(&mut Wire::from("127.0.0.1", base).await).await, "one address has so many");
        }
    }
    assert!(!is_kept(&mut Wire::from("127.0.0.3", base).await).await, "there are so many in all");
    drop(kept.pop());
    let gone = Instant::now();
    while !is_kept(&mut Wire::from("127.0.0.3", base).await).await {
        assert!(gone.elapsed() < Duration::from_secs(20), "it is counted for ever");
    }
    assert!(is_kept(&mut kept[0]).await, "those that were there go on");
    drop((kept, world));
    let log = capture.end();
    assert_eq!(log.matches("a connection was closed, because there are as many").count(), 1, "{log}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_not_kept() {
    let world = World::new().await;
    let mut wire = Wire::connect(&world.server.base).await;
    wire.send(&format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: {}", "x".repeat(200 << 10))).await;
    assert!(wire.until("\r\n\r\n").await.starts_with("HTTP/1.1 431 "));
}

/// A refusal costs too: whoever does not wait when asked to is answered later, and holds nothing of the server meanwhile.
#[tokio::test]
async fn who_does_not_heed_a_refusal_is_answered_later() {
    let world = world(1, 256).await;
    let server = &world.server;
    let _wires = flood(server, 1).await;
    let again = async || {
        let begun = Instant::now();
        is_refused(&server.client.tool("whoami", json!({})).token(&token()).send().await);
        begun.elapsed()
    };
    // The test's clock stands still, so that nothing of what may be refused at once comes back.
    let mut refused = 0;
    while again().await < Duration::from_secs(1) {
        refused += 1;
        assert!(refused < 200, "all are answered at once");
    }
    assert!(refused >= 32, "{refused}: who waits when asked to would be kept back too");
    is_served(server, &other()).await;
}
