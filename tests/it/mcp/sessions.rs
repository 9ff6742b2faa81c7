//! Sessions of the older revisions: bound to who opened them, bounded in number, and never a credential.

use std::time::Duration;

use serde_json::json;

use super::abandoned::{ENDLESS, world_with};
use crate::support::client::{Answer, Client};
use crate::support::issuer::{SigningKey, Token};
use crate::support::revision::{REVISIONS, Speaker};
use crate::support::server::Server;
use crate::support::session::{SESSION, is_unknown, open, whoami};
use crate::support::stream::Stream;
use crate::support::wire::Wire;
use crate::support::world::{World, edit, token};

#[tokio::test]
async fn item_77_a_session_does_not_exist_for_anybody_but_its_owner() {
    let server = Server::demo().await;
    let (ada, bob, dave) = (server.token("ada"), server.token("bob"), server.token("dave"));
    let session = open(&server.client, &ada).await;
    let (raw, mac) = session.rsplit_once('.').unwrap();
    let of_bob = open(&server.client, &bob).await;
    let forged = [
        raw.to_owned(),
        format!("{raw}."),
        format!("{raw}.{}", of_bob.rsplit_once('.').unwrap().1),
        format!("{}.{mac}", of_bob.rsplit_once('.').unwrap().0),
        format!("{session}x"),
        session[..session.len() - 1].to_owned(),
        session.to_uppercase(),
        String::new(),
    ];
    let strangers = [(&bob, &session), (&dave, &session)];
    for (token, session) in strangers.into_iter().chain(forged.iter().map(|forged| (&ada, forged))) {
        is_unknown(&whoami(&server.client, token, session).await);
        for method in ["GET", "DELETE"] {
            is_unknown(&server.client.method(method, "/mcp").token(token).header(SESSION, session).send().await);
        }
    }
    let theirs = whoami(&server.client, &ada, &session).await.structured();
    assert_eq!(theirs["external_user_id"], "ada@acme.example", "and nobody ended it");

    let gone = server.client.tool("whoami", json!({})).header(SESSION, &session).send().await;
    assert_eq!(gone.status, 401, "a session is no credential");
    server.clock.advance(Duration::from_hours(2));
    assert_eq!(whoami(&server.client, &ada, &session).await.status, 401, "nor does it keep a token alive");
    assert_eq!(whoami(&server.client, &server.token("ada"), &session).await.status, 200);
}

#[tokio::test]
async fn one_principal_has_a_bounded_number_of_sessions_and_loses_the_oldest() {
    let world = World::with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[server]\nsessions_per_person = 2\n");
    })
    .await;
    let (client, ours) = (&world.server.client, token());
    let theirs = Token::new()
        .claim("sub", "341200000000000999")
        .claim("external_user_id", "other@acme.example")
        .sign(&SigningKey::rsa("rsa"));
    let of_another = open(client, &theirs).await;
    let first = open(client, &ours).await;
    let second = open(client, &ours).await;
    for session in [&first, &second, &first, &second] {
        assert_eq!(whoami(client, &ours, session).await.status, 200, "using a session does not count as another");
    }
    let third = open(client, &ours).await;
    is_unknown(&whoami(client, &ours, &first).await);
    for session in [&second, &third] {
        assert_eq!(whoami(client, &ours, session).await.status, 200);
    }
    assert_eq!(whoami(client, &theirs, &of_another).await.status, 200);

    // A session that was ended makes room.
    let ended = client.method("DELETE", "/mcp").token(&ours).header(SESSION, &third).send().await;
    assert!((200..300).contains(&ended.status), "{ended:?}");
    let fourth = open(client, &ours).await;
    for session in [&second, &fourth] {
        assert_eq!(whoami(client, &ours, session).await.status, 200, "only two are open");
    }
}

#[tokio::test]
async fn a_session_has_a_time_and_then_ends_though_it_is_used() {
    let server = Server::demo().await;
    let session = open(&server.client, &server.token("ada")).await;
    for _ in 0..23 {
        server.clock.advance(Duration::from_hours(1));
        assert_eq!(whoami(&server.client, &server.token("ada"), &session).await.status, 200);
    }
    server.clock.advance(Duration::from_hours(1));
    let ada = server.token("ada");
    is_unknown(&whoami(&server.client, &ada, &session).await);
    for method in ["GET", "DELETE"] {
        is_unknown(&server.client.method(method, "/mcp").token(&ada).header(SESSION, &session).send().await);
    }
}

#[tokio::test]
async fn a_stream_belongs_to_its_session_and_ends_with_it() {
    let world = World::new().await;
    let (client, token) = (&world.server.client, token());
    let session = open(client, &token).await;
    let mut stream = Wire::connect(&world.server.base).await;
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{SESSION}: {session}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.send(&head).await;
    let begun = stream.until("\r\n\r\n").await.to_lowercase();
    assert!(begun.starts_with("http/1.1 200 ") && begun.contains("text/event-stream"), "{begun}");
    assert_eq!(whoami(client, &token, &session).await.status, 200, "beside its stream");
    let ended = client.method("DELETE", "/mcp").token(&token).header(SESSION, &session).send().await;
    assert!((200..300).contains(&ended.status));
    stream.until("0\r\n\r\n").await;
}

/// The events that came after an id, as the owner's client asks for them when its connection is lost.
async fn resume(client: &Client, token: &str, session: &str, last: &str) -> Answer {
    let call = client.method("GET", "/mcp").token(token).header(SESSION, session).header("Last-Event-ID", last);
    call.header("Accept", "text/event-stream").send().await
}

#[tokio::test]
async fn what_came_on_a_stream_is_given_again_to_its_owner_alone() {
    let server = Server::demo().await;
    let client = &server.client;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let (of_ada, of_bob) = (open(client, &ada).await, open(client, &bob).await);
    let mut stream = Stream::of_session(&server, &ada, &of_ada).await;
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    stream.until("notifications/tools/list_changed").await;
    let mut of_his = Stream::of_session(&server, &bob, &of_bob).await;
    edit(&server.policy(), "# Take the", "p, *, *, resource:static://welcome, read, true, deny\n# Take the");
    for stream in [&mut stream, &mut of_his] {
        stream.until("notifications/resources/list_changed").await;
    }
    let (event, his) = (stream.last_event().await, of_his.last_event().await);
    assert_ne!(event, his, "he has been told less");
    // While a stream is open, another of its session only waits.
    drop((stream, of_his));

    // Another's stream is as unknown as one that was made up, whatever event is named.
    let garbage = resume(client, &bob, "garbage", &event).await;
    is_unknown(&garbage);
    let theirs = resume(client, &bob, &of_ada, &event).await;
    assert_eq!((theirs.status, &theirs.text), (garbage.status, &garbage.text));
    // In one's own session nothing comes after an event that never was there, whosever it is.
    let never = ["0/0", "0/1", "1/1", "999/999", "x", "-1", "7", "4294967295", "999999999999", ""];
    let strangers = [(&bob, &of_bob, event.as_str())];
    for (token, session, event) in strangers.into_iter().chain(never.map(|event| (&ada, &of_ada, event))) {
        let nothing = resume(client, token, session, event).await;
        assert_eq!((nothing.status, &nothing.json()["error"]), (400, &json!("unknown_event")), "{event}: {nothing:?}");
    }
    Stream::after(&server, &bob, &of_bob, &his).await;
    Stream::after(&server, &ada, &of_ada, &event).await;
    let without = client.method("GET", "/mcp").token(&bob).header("Last-Event-ID", &event).send().await;
    assert_eq!(without.status, 405, "without a session there is nothing to resume");
    assert_eq!(resume(client, "a.b.c", &of_ada, &event).await.status, 401);
}

#[tokio::test]
async fn what_its_owner_missed_is_given_again_and_nothing_else() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    let session = open(&server.client, &bob).await;
    let mut stream = Stream::of_session(&server, &bob, &session).await;
    let denial = "p, *, *, tool:echo, call, true, deny\n# Take the";
    edit(&server.policy(), "# Take the", denial);
    stream.until("notifications/tools/list_changed").await;
    let last = stream.last_event().await;
    edit(&server.policy(), "# Take the", "p, *, *, resource:static://welcome, read, true, deny\n# Take the");
    // As if it had been lost on the way.
    stream.until("notifications/resources/list_changed").await;
    drop(stream);
    let mut again = Stream::after(&server, &bob, &session, &last).await;
    again.until("notifications/resources/list_changed").await;
    assert_eq!(again.times("notifications/tools/list_changed"), 0, "{}", again.text);
}

/// An id, or a time to come again, would promise that an answer can be taken up where it broke.
#[tokio::test]
async fn an_answer_promises_no_more_than_itself_in_every_revision() {
    let server = Server::demo().await;
    for revision in REVISIONS {
        let speaker = Speaker::begin(&server.client, server.token("ada"), revision).await;
        let hello =
            json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        let welcome = server.client.rpc("initialize", hello).token(&speaker.token).send().await;
        let answer = speaker.answer("tools/call", json!({ "name": "whoami", "arguments": {} })).await;
        for answer in [welcome, answer] {
            let first = answer.text.lines().next().unwrap();
            assert!(first.starts_with("data: {") || first.starts_with('{'), "{revision}: {answer:?}");
            let fields = ["id:", "retry:", "event:"];
            let is_field = |line: &str| fields.iter().any(|field| line.starts_with(field));
            assert!(!answer.text.lines().any(is_field), "{revision}: {answer:?}");
        }
    }
}

/// Answers are routed by the ids of requests.
#[tokio::test]
async fn an_id_in_use_is_refused_and_free_again_when_its_request_has_ended() {
    let world = world_with(ENDLESS, "", "").await;
    let (client, token) = (&world.server.client, token());
    let (session, other) = (open(client, &token).await, open(client, &token).await);
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "list_endless",
        "arguments": { "filter": { "id": { "lt": 0 } } }, "_meta": { "progressToken": 1 } } })
    .to_string();
    let mut wire = Wire::connect(&world.server.base).await;
    wire.begin(&token, &format!("{SESSION}: {session}\r\nContent-Length: {}\r\n", call.len())).await;
    wire.send(&call).await;
    wire.until("notifications/progress").await;
    let ping = async |session: &str, id: &serde_json::Value| {
        let ping = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string();
        client.post(ping).token(&token).header(SESSION, session).send().await
    };
    let refused = ping(&session, &json!(5)).await;
    let (code, says) = refused.protocol_error();
    assert!(refused.status == 400 && code == -32600 && says.contains("The id 5 is in use"), "{refused:?}");
    for (session, id) in [(&session, json!("5")), (&session, json!(6)), (&other, json!(5))] {
        let answer = ping(session, &id).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &id), "{answer:?}");
    }
    // The first is as it was, and its end makes room.
    wire.until("notifications/progress").await;
    drop(wire);
    let gone = tokio::time::Instant::now();
    while ping(&session, &json!(5)).await.status != 200 {
        assert!(gone.elapsed() < Duration::from_secs(10), "it is still in use");
    }
    for _ in 0..3 {
        assert_eq!(ping(&session, &json!(5)).await.status, 200, "what is answered is in use no more");
    }
}

#[tokio::test]
async fn a_session_is_kept_while_its_stream_is_open_and_for_a_while_without() {
    let server = Server::demo_with(|directory| {
        let settings = directory.join("bailiwick.toml");
        edit(&settings, "[server]\n", "[mcp]\nlook_every = \"50ms\"\n[server]\nsession_idle = \"1s\"\n");
    })
    .await;
    let bob = server.token("bob");
    let (id, _) = super::subscriptions::documents(&server).await;
    let id = &id[0];
    let (listens, idle) = (open(&server.client, &bob).await, open(&server.client, &bob).await);
    for session in [&listens, &idle] {
        let uri = json!({ "uri": super::subscriptions::document(id) });
        let call = server.client.rpc("resources/subscribe", uri).token(&bob).header(SESSION, session);
        assert_eq!(call.send().await.json()["result"], json!({}));
    }
    let mut stream = Stream::of_session(&server, &bob, &listens).await;
    // Nothing tells when nothing happens: some times as long as the idle one is kept.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut again = Stream::of_session(&server, &bob, &idle).await;
    again.until("notifications/tools/list_changed").await;
    let mut database = super::subscriptions::writer(&server).await;
    super::subscriptions::touch(&mut database, id, "2030-01-01T00:00:00Z").await;
    stream.until("notifications/resources/updated").await;
    let denial = "p, *, *, tool:echo, call, true, deny\n# Take the";
    edit(&server.policy(), "# Take the", denial);
    again.until_times("notifications/tools/list_changed", 2).await;
    assert_eq!(again.times("notifications/resources/updated"), 0, "what it subscribed to went: {}", again.text);
    assert_eq!(stream.times("notifications/prompts/list_changed"), 0, "it was never taken up: {}", stream.text);
}
