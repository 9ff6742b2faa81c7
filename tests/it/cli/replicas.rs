//! What clients hand back, ids of sessions and cursors of pages, is good at every server that holds the same key, and after a
//! restart; and at each of them only in the hands of whoever got it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::Running;
use crate::support::client::{Answer, Client};
use crate::support::session::{self, SESSION, is_unknown, whoami};
use crate::support::wire::Wire;
use crate::support::world::edit;

const KEY: &str = "rlV5cq3ZpXo3pU1kGqvKzv4hTg2a0d8b";

const DEMO: [&str; 5] = ["demo", "--dir", ".", "--rows", "200"];

/// The demo in a process, with this key for what clients hand back.
fn demo(directory: &Path) -> Running {
    // The first start writes its files; the environment is nothing to it.
    let first = Running::start(directory, &DEMO);
    let port = first.port;
    first.kill();
    edit(&directory.join("bailiwick.toml"), "[server]\n", &format!("[server]\nhandle_key = \"{KEY}\"\n"));
    Running::start_on(directory, port, &DEMO)
}

/// A server of its own over a copy of the demo's files, which trusts the issuer of the demo that runs.
fn beside(demo: &Path, key: &str) -> (Running, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("policies")).unwrap();
    for file in ["bailiwick.toml", "company.db", "policies/model.conf", "policies/policy.csv"] {
        fs::copy(demo.join(file), directory.path().join(file)).unwrap();
    }
    edit(&directory.path().join("bailiwick.toml"), KEY, key);
    (Running::start(directory.path(), &["serve"]), directory)
}

async fn open(client: &Client, token: &str) -> String {
    session::open_as(client, token, "2025-06-18", json!({ "elicitation": {} })).await
}

async fn page(client: &Client, token: &str, cursor: Option<&Value>) -> Answer {
    let mut arguments = json!({ "limit": 5 });
    if let Some(cursor) = cursor {
        arguments["cursor"] = cursor.clone();
    }
    client.tool("list_documents", arguments).token(token).send().await
}

#[tokio::test]
async fn servers_with_one_key_take_up_each_others_sessions_and_pages() {
    let directory = tempfile::tempdir().unwrap();
    let first = demo(directory.path());
    let (second, _second) = beside(directory.path(), KEY);
    let (stranger, _third) = beside(directory.path(), &KEY.replace('r', "s"));
    let (ada, bob) = (first.token("ada").await, first.token("bob").await);

    let session = open(&first.client, &ada).await;
    let theirs = whoami(&second.client, &ada, &session).await.structured();
    assert_eq!(theirs["external_user_id"], "ada@acme.example");
    assert_eq!(whoami(&first.client, &ada, &session).await.status, 200, "and where it began it goes on");
    is_unknown(&whoami(&stranger.client, &ada, &session).await);
    for server in [&first, &second] {
        is_unknown(&whoami(&server.client, &bob, &session).await);
        is_unknown(&whoami(&server.client, &ada, &session.replace('.', "x.")).await);
    }

    // Its stream can be opened where it did not begin, and tells of what changes there.
    let (third, files) = beside(directory.path(), KEY);
    let mut stream = Wire::connect(&format!("http://127.0.0.1:{}", third.port)).await;
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ada}\r\n{SESSION}: {session}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.send(&head).await;
    assert!(stream.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
    let denial = "p, user:ada@acme.example, acme, tool:echo, call, true, deny\n# Take the";
    edit(&files.path().join("policies/policy.csv"), "# Take the", denial);
    stream.until("notifications/tools/list_changed").await;

    let listed = page(&first.client, &ada, None).await.structured();
    let cursor = &listed["next_cursor"];
    let here = page(&first.client, &ada, Some(cursor)).await.structured()["rows"].clone();
    assert_eq!(page(&second.client, &ada, Some(cursor)).await.structured()["rows"], here);
    let garbage = page(&second.client, &ada, Some(&json!("AAAA"))).await.tool_error();
    assert_eq!(page(&stranger.client, &ada, Some(cursor)).await.tool_error(), garbage);
    assert_eq!(page(&second.client, &bob, Some(cursor)).await.tool_error(), garbage);

    // Where it was ended, it has ended.
    let ended = second.client.method("DELETE", "/mcp").token(&ada).header(SESSION, &session).send().await;
    assert_eq!(ended.status, 204);
    is_unknown(&whoami(&second.client, &ada, &session).await);
}

#[tokio::test]
async fn a_session_outlives_a_restart_where_the_key_does() {
    let directory = tempfile::tempdir().unwrap();
    let running = demo(directory.path());
    let port = running.port;
    let session = open(&running.client, &running.token("ada").await).await;
    running.kill();

    let running = Running::start_on(directory.path(), port, &DEMO);
    let ada = running.token("ada").await;
    // All at once; in one session each has an id of its own.
    let at_once = (1..9).map(|id| {
        let params = json!({ "name": "whoami", "arguments": {} });
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string();
        running.client.post(body).token(&ada).header(SESSION, &session).send()
    });
    for answer in futures_util::future::join_all(at_once).await {
        assert_eq!(answer.structured()["external_user_id"], "ada@acme.example");
    }
    running.kill();

    edit(&directory.path().join("bailiwick.toml"), KEY, &KEY.replace('r', "s"));
    let running = Running::start_on(directory.path(), port, &DEMO);
    is_unknown(&whoami(&running.client, &running.token("ada").await, &session).await);
}
