//! Sessions of the older revisions: bound to who opened them, bounded in number, and never a credential.

use std::time::Duration;

use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::issuer::{SigningKey, Token};
use crate::support::server::Server;
use crate::support::wire::Wire;
use crate::support::world::{World, edit, token};

const SESSION: &str = "Mcp-Session-Id";

async fn open(client: &Client, token: &str) -> String {
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } });
    let answer = client.rpc("initialize", hello).token(token).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("mcp-session-id").to_owned()
}

async fn whoami(client: &Client, token: &str, session: &str) -> Answer {
    client.tool("whoami", json!({})).token(token).header(SESSION, session).send().await
}

fn is_unknown(answer: &Answer) {
    assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("unknown_session")), "{answer:?}");
}

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
        edit(&directory.join("bailiwick.toml"), "[server]\n", "[server]\nsessions_per_principal = 2\n");
    })
    .await;
    let (client, ours) = (&world.server.client, token());
    let theirs = Token::new().claim("sub", "341200000000000999").sign(&SigningKey::rsa("rsa"));
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
