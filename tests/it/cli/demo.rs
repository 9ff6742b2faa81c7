//! `demo` and `serve` as processes: what they serve, to whom, and how soon.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bailiwick::demo;
use bailiwick::random::OsRandom;
use serde_json::json;
use tempfile::TempDir;

use super::process::{Running, bailiwick, run, wait_until};

/// The demo's files, for a server on a port where nobody listens.
pub(crate) fn prepared() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(demo::prepare(directory.path(), 200, 9, Arc::new(OsRandom))).unwrap();
    directory
}

#[test]
fn the_demo_listens_on_loopback_only() {
    let directory = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0", "::", "192.0.2.1", "::ffff:0.0.0.0", "::1"] {
        let said = run(directory.path(), &["demo", "--dir", "d", "--address", address, "--port", "0"]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{address}");
        assert!(said.err.contains("listens on 127.0.0.1 only"), "{}", said.err);
    }
    let own = run(directory.path(), &["demo", "--dir", "d", "--config", "mine.toml"]);
    assert_eq!(own.code, 1);
    assert!(own.err.contains("brings its own configuration"), "{}", own.err);
    assert!(!directory.path().join("d").exists(), "nothing was made");
}

#[tokio::test]
async fn what_the_environment_says_does_not_move_the_demo_into_the_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = bailiwick(directory.path(), &["demo", "--dir", "d", "--rows", "100"]);
    command.envs([
        ("BAILIWICK_SERVER_ADDRESS", "0.0.0.0"),
        ("SERVER_HOST", "0.0.0.0"),
        ("BAILIWICK_CONFIG", "no.toml"),
    ]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let running = Running::start_command(command, directory.path(), port);
    assert_eq!(running.token("ada").await.split('.').count(), 3);
    // The whole 127.0.0.0/8 reaches a socket on 0.0.0.0, and only one address of it this one.
    assert!(std::net::TcpStream::connect(("127.0.0.2", port)).is_err(), "it listens on 127.0.0.1 alone");
}

#[tokio::test]
async fn serve_never_signs_tokens_whatever_the_settings_say() {
    let directory = prepared_async().await;
    let mut command = bailiwick(directory.path(), &["serve"]);
    command.envs([("BAILIWICK_DEMO", "1"), ("DEMO", "1"), ("DEV_TOKEN", "1")]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    // A variable of ours that means nothing is refused outright; the others mean nothing to us.
    let refused = command.args(["--port", "0"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("BAILIWICK_DEMO"));
    let mut command = bailiwick(directory.path(), &["serve"]);
    command.envs([("DEMO", "1"), ("DEV_TOKEN", "1")]);
    let running = Running::start_command(command, directory.path(), port);
    for path in ["/dev/token?person=ada", "/dev/token", "/dev/people", "/demo/issuer", "/demo/issuer/keys", "/dev"] {
        let answer = running.client.get(path).send().await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    for path in ["/dev/rotate", "/dev/token"] {
        assert_eq!(running.client.method("POST", path).send().await.status, 404, "{path}");
    }
}

async fn prepared_async() -> TempDir {
    tokio::task::spawn_blocking(prepared).await.unwrap()
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_does_not_delay_the_start() {
    let directory = prepared_async().await;
    // Takes the connection and never answers: worse than one that refuses it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = directory.path().join("bailiwick.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let keys = format!("http://{}/keys", silent.local_addr().unwrap());
    fs::write(&settings, text.replace("http://127.0.0.1:9/demo/issuer/keys", &keys)).unwrap();
    let running = Running::start(directory.path(), &["serve"]);
    assert!(fs::read_to_string(&settings).unwrap().contains(&keys));
    println!("ready after {:?} with an unreachable issuer", running.ready_after);
    assert!(running.ready_after < Duration::from_secs(2), "{:?}", running.ready_after);
    let answer = running.client.get("/readyz").send().await;
    assert_eq!((answer.status, answer.json()["ready"].as_bool()), (200, Some(true)));
}

#[tokio::test]
async fn a_free_port_is_in_the_metadata_too() {
    let directory = prepared_async().await;
    let mut command = bailiwick(directory.path(), &["serve", "--port", "0", "--log-format", "json"]);
    let log = directory.path().join("log.txt");
    let mut child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut line = String::new();
    super::process::wait_until("it listens", async || {
        let text = fs::read_to_string(&log).unwrap();
        line = text.lines().find(|line| line.contains("\"listening\"")).unwrap_or_default().to_owned();
        line.ends_with('}')
    })
    .await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = event["address"].as_str().unwrap();
    let client = crate::support::client::Client::new(&format!("http://{address}"));
    let metadata = client.get("/.well-known/oauth-protected-resource").send().await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!address.ends_with(":0"), "{address}");
    assert_eq!(event["url"], format!("http://{address}/mcp"));
    assert_eq!(metadata.json()["resource"], format!("http://{address}/mcp"));
}

#[tokio::test]
async fn the_demo_keeps_what_was_edited() {
    let directory = tempfile::tempdir().unwrap();
    let first = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "200"]);
    let port = first.port;
    first.kill();
    let policy = directory.path().join("policies/policy.csv");
    let edited = fs::read_to_string(&policy).unwrap().replace("# g, user:bob", "g, user:bob");
    fs::write(&policy, &edited).unwrap();
    let second = Running::start_on(directory.path(), port, &["demo", "--dir", ".", "--rows", "200"]);
    let token = second.token("bob").await;
    let rooms = second.client.tool("list_data_rooms", json!({})).token(&token).send().await.structured();
    let rooms: Vec<_> = rooms["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(rooms.contains(&"finance"), "{rooms:?}");
    assert_eq!(fs::read_to_string(policy).unwrap(), edited);
}

#[tokio::test]
async fn what_somebody_asks_for_writes_no_line_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "200"]);
    let eve = running.token("eve").await;
    let forged = "x\r\n2026-11-25T19:59:59.000000Z  INFO the policy changed \u{1b}[31m";
    running.client.tool(forged, json!({})).token(&eve).send().await;
    wait_until("the denial is in the log", async || running.log().contains("denied")).await;
    let log = running.log();
    assert!(log.contains(r"object=tool:x\r\n2026-11-25T19:59:59.000000Z  INFO the policy changed \u{1b}[31m"), "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains('\r'), "{log}");
}
