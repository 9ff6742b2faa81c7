//! Editing the policy of a running server: in force within a second, or refused in the open.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Running, run, wait_until};

/// The events so far, oldest first.
fn events(directory: &std::path::Path) -> Vec<(String, String)> {
    let said = run(directory, &["audit", "events", "--json"]);
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        (event["kind"].as_str().unwrap().to_owned(), event["detail"].as_str().unwrap().to_owned())
    };
    said.out.lines().map(event).collect()
}

#[tokio::test]
async fn an_edit_is_in_force_within_a_second_and_a_broken_one_is_refused_in_the_open() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "500"]);
    let bob = running.token("bob").await;
    let count = async || {
        let answer = running.client.tool("count_documents", json!({})).token(&bob).send().await;
        answer.structured()["count"].as_i64().unwrap()
    };
    let policy = directory.path().join("policies/policy.csv");
    let original = fs::read_to_string(&policy).unwrap();
    let before = count().await;
    let wider = original.replace("# g, user:bob", "g, user:bob");
    fs::write(&policy, &wider).unwrap();
    let took = wait_until("the edit is in force", async || count().await > before).await;
    println!("a policy edit was in force after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let after = count().await;

    // Twice the same refusal, from one edit: told once.
    fs::write(&policy, wider.replace("tool:echo", "tool:ecko")).unwrap();
    let readyz = async || running.client.get("/readyz").send().await;
    wait_until("/readyz tells of the refusal", async || readyz().await.text.contains("policy.csv:15:")).await;
    let answer = readyz().await;
    assert_eq!(answer.status, 200, "the old policy is as good as before");
    let told = answer.json()["checks"][0]["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("stays in force") && told.contains("policy.csv:15:"), "{told}");
    assert_eq!(count().await, after, "the old policy is in force");
    wait_until("the refusal is recorded", async || events(directory.path()).len() == 2).await;
    // Longer than the watcher takes to look again by itself.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let recorded = events(directory.path());
    assert_eq!(recorded.len(), 2, "{recorded:?}");
    assert!(
        recorded[0].0 == "policy_reloaded"
            && recorded[0].1.contains("\n+ policy.csv:")
            && recorded[0].1.contains("g, user:bob@acme.example,  room:finance"),
        "{recorded:?}"
    );
    assert_eq!(recorded[1].0, "policy_refused");
    assert!(recorded[1].1.contains("policy.csv:15:") && recorded[1].1.contains("did you mean `echo`?"), "{recorded:?}");
    let log = running.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("policy.csv:15:")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("ERROR") && told[0].contains("did you mean `echo`?"), "one line, readable alone: {log}");
    assert!(!log.contains('\u{1b}'), "no colours in a file");

    fs::write(&policy, &wider).unwrap();
    wait_until("the files are as in force", async || !readyz().await.text.contains("stays in force")).await;
    wait_until("that is recorded too", async || events(directory.path()).len() == 3).await;
    assert!(events(directory.path())[2].1.ends_with("the files are as in force again"));
}

#[tokio::test]
async fn a_file_that_vanished_is_refused_until_a_restart_accepts_it() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "200"]);
    let port = running.port;
    let walls = directory.path().join("policies/walls.csv");
    fs::write(&walls, "p, *, *, tool:whoami, call, true, deny\n").unwrap();
    let ada = running.token("ada").await;
    let has_whoami =
        async |running: &Running, token: &str| running.client.tools(token).await.contains(&"whoami".to_owned());
    wait_until("the wall stands", async || !has_whoami(&running, &ada).await).await;
    fs::remove_file(&walls).unwrap();
    wait_until("the loss is refused", async || running.client.get("/readyz").send().await.text.contains("walls.csv"))
        .await;
    assert!(running.log().contains("or restart the server if that is meant"), "{}", running.log());
    assert!(!has_whoami(&running, &ada).await, "a denial does not end because a file is gone");
    running.kill();
    let running = Running::start_on(directory.path(), port, &["demo", "--dir", ".", "--rows", "200"]);
    assert!(has_whoami(&running, &running.token("ada").await).await, "a restart begins from what is there");
}
