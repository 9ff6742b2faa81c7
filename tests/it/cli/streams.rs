//! The process and its streams: many that are idle, all of them at the end, and what they missed when it begins again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailiwick::clock::Clock as _;
use bailiwick::random::OsRandom;
use serde_json::{Value, json};

use super::process::{Running, run, wait_until};
use crate::support::session::open;
use crate::support::stream::Stream;
use crate::support::wire::Wire;
use crate::support::world::edit;

/// How many streams one person may have open.
const EACH: usize = 10_000;
/// What makes sessions outlive the process.
const KEY: &str = "0123456789abcdef0123456789abcdef";
const PEOPLE: [&str; 5] = ["ada", "bob", "carol", "dave", "eve"];
const TOOLS: &str = "notifications/tools/list_changed";

/// The demo in a process of its own, with the transport of 2024-11-05 and as many streams as there are descriptors.
async fn demo(directory: &Path, port: u16) -> Running {
    let settings = directory.join("bailiwick.toml");
    if !settings.exists() {
        bailiwick::demo::prepare(directory, 200, port, Arc::new(OsRandom)).await.unwrap();
        let more =
            format!("[mcp]\nlegacy_sse = true\n\n[server]\nsessions_per_person = {EACH}\nhandle_key = \"{KEY}\"\n");
        edit(&settings, "[server]\n", &more);
    }
    // Raised as far as this process may.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n $(ulimit -Hn); exec \"$@\"", "sh", env!("CARGO_BIN_EXE_bailiwick")]);
    command.args(["demo", "--dir", ".", "--rows", "200"]).current_dir(directory).stdin(Stdio::null());
    Running::start_command(command, directory, port)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn base(running: &Running) -> String {
    format!("http://127.0.0.1:{}", running.port)
}

async fn sse(running: &Running, token: &str) -> Stream {
    let head = format!(
        "GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
    );
    let mut stream = Stream::send_to(&base(running), head).await;
    stream.until("sessionId=").await;
    stream
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_answers_what_it_was_asked_and_ends_every_stream() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = demo(directory.path(), free_port()).await;
    let base = base(&running);
    let (ada, bob) = (running.token("ada").await, running.token("bob").await);
    let mut streams = Vec::new();
    for token in [&ada, &bob] {
        let session = open(&running.client, token).await;
        streams.push(Stream::of_session_at(&base, token, &session).await);
        streams.push(Stream::listening_at(&base, token, json!({ "toolsListChanged": true })).await);
        streams.push(sse(&running, token).await);
    }
    let call = |text: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "echo", "arguments": { "text": text } } })
        .to_string()
    };
    let mut flights = Vec::new();
    for number in 0..20 {
        let call = call(&format!("flight {number}"));
        let mut wire = Wire::connect(&base).await;
        wire.begin(&ada, &format!("Content-Length: {}\r\n", call.len())).await;
        wire.send(&call[..20]).await;
        flights.push((wire, call));
    }
    // Answered after the last of them was accepted.
    assert_eq!(running.client.tool("whoami", json!({})).token(&ada).send().await.status, 200);

    #[expect(clippy::disallowed_methods, reason = "what is measured is the time that a supervisor waits")]
    let asked = Instant::now();
    running.terminate();
    for stream in &mut streams {
        stream.until("0\r\n\r\n").await;
    }
    assert_eq!(streams.iter().filter(|stream| stream.text.contains("\"result\"")).count(), 2, "a listen has a result");
    assert!(Wire::try_connect(&base).await.is_none(), "nobody listens any more");
    for (number, (mut wire, call)) in flights.into_iter().enumerate() {
        assert!(running.ended().is_none(), "it waits for whom it took in");
        wire.send(&call[20..]).await;
        let answer = wire.until(&format!("flight {number}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let rest = wire.rest().await;
        assert!(rest.is_empty() || rest.ends_with("\r\n\r\n") || !rest.contains("HTTP/1.1"), "{rest}");
    }
    wait_until("the process has ended", async || running.ended().is_some()).await;
    assert!(running.ended().unwrap().success(), "{}", running.log());
    assert!(asked.elapsed() < Duration::from_secs(10), "within the grace: {:?}", asked.elapsed());
}

#[tokio::test]
async fn a_start_with_other_lists_is_told_to_streams_that_come_back_later() {
    other_lists(false).await;
}

#[tokio::test]
async fn a_start_with_other_lists_is_told_though_its_record_is_gone() {
    other_lists(true).await;
}

/// Four starts, of which the third has other lists; nobody comes to that one.
async fn other_lists(is_pruned: bool) {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let lists = json!({ "toolsListChanged": true });
    let mut session = String::new();
    let settings = directory.path().join("bailiwick.toml");
    let mut told = Vec::new();
    for start in 0..4 {
        if start == 2 {
            edit(&settings, "Documents in the company's data rooms: reports", "Papers: reports");
        }
        let mut running = demo(directory.path(), port).await;
        if start == 2 {
            stop(&mut running).await;
            if is_pruned {
                let now = bailiwick::clock::SystemClock.now().to_string();
                let pruned = run(directory.path(), &["audit", "prune", "--before", &now]);
                assert!(pruned.code == 0 && !pruned.out.starts_with("deleted 0 "), "{pruned:?}");
            }
            continue;
        }
        let (ada, bob) = (running.token("ada").await, running.token("bob").await);
        if start == 0 {
            session = open(&running.client, &bob).await;
        }
        let seen = running.client.modern("tools/list", json!({})).token(&ada).send().await.json();
        let description =
            |tool: &Value| tool["name"] == "list_documents" && tool["description"].to_string().contains("Papers");
        assert_eq!(seen["result"]["tools"].as_array().unwrap().iter().any(description), start == 3);
        let mut of_ada = Stream::listening_at(&base(&running), &ada, lists.clone()).await;
        let mut of_bob = Stream::listening_at(&base(&running), &bob, lists.clone()).await;
        // Of the first process, and taken up by the others, which do not know what its client has.
        let mut taken_up = Stream::of_session_at(&base(&running), &bob, &session).await;
        if start > 0 {
            taken_up.until(TOOLS).await;
        }
        stop(&mut running).await;
        for stream in [&mut of_ada, &mut of_bob, &mut taken_up] {
            stream.until("0\r\n\r\n").await;
        }
        told.push((of_ada.times(TOOLS), of_bob.times(TOOLS), taken_up.times(TOOLS)));
    }
    assert_eq!(told, [(0, 0, 0), (0, 0, 1), (0, 1, 1)], "Bob's streams missed it; Ada has listed since");
}

async fn stop(running: &mut Running) {
    running.terminate();
    wait_until("the process has ended", async || running.ended().is_some()).await;
}

/// The resident memory of a process, in bytes.
fn memory(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
}

/// How many files this process may have open.
fn descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}

/// Opens so many streams, of every kind in turn, and shows that they are told and that others are served meanwhile.
#[expect(clippy::print_stdout, reason = "what it measures is for whoever runs it")]
async fn idle(wanted: usize) {
    // The server has the audit, the data and the log open besides; so has this process something.
    let many = wanted.min(descriptors().saturating_sub(200));
    if many < wanted {
        println!("{many} streams instead of {wanted}: no more descriptors are allowed (`ulimit -n`)");
    }
    let directory = tempfile::tempdir().unwrap();
    let running = demo(directory.path(), free_port()).await;
    let base = base(&running);
    let mut tokens = Vec::new();
    for person in PEOPLE {
        tokens.push(running.token(person).await);
    }
    for token in &tokens {
        running.client.tool("whoami", json!({})).token(token).send().await.structured();
    }
    let empty = memory(running.id());
    let mut streams = Vec::with_capacity(many);
    let mut last = empty;
    for kind in ["a session's", "a subscription's", "one of 2024-11-05"] {
        let count = many / 3;
        for number in 0..count {
            let token = &tokens[number % tokens.len()];
            streams.push(match kind {
                "a session's" => {
                    let session = open(&running.client, token).await;
                    Stream::of_session_at(&base, token, &session).await
                }
                "a subscription's" => Stream::listening_at(&base, token, json!({ "toolsListChanged": true })).await,
                _ => sse(&running, token).await,
            });
        }
        let now = memory(running.id());
        println!("{count} streams, {kind}: {} KB each", (now - last) / 1_024 / count);
        last = now;
    }
    let each = (last - empty) / streams.len();
    println!("{} streams: {} MB at rest, {} MB with them", streams.len(), empty / 1_000_000, last / 1_000_000);
    assert!(each < 150 * 1_024, "{each} bytes for each");

    for token in &tokens {
        let answer = running.client.tool("whoami", json!({})).token(token).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    edit(
        &directory.path().join("policies/policy.csv"),
        "# Take the",
        "p, *, *, tool:whoami, call, true, deny\n# Take the",
    );
    // Those of 2024-11-05 never said who they are, so there is nobody to tell in them.
    for stream in &mut streams[..many / 3 * 2] {
        stream.until(TOOLS).await;
    }
    running.terminate();
    for stream in &mut streams {
        stream.until("0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn hundreds_of_idle_streams_cost_little_and_all_are_told() {
    idle(510).await;
}

#[tokio::test]
#[ignore = "opens ten thousand streams; benches/README.md says how to run it"]
async fn ten_thousand_idle_streams() {
    idle(10_000).await;
}
