//! `audit`, read beside a running server.

use serde_json::{Value, json};

use super::process::{Running, run};

#[tokio::test]
async fn every_answer_is_found_by_its_request_and_its_decision() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "200"]);
    let token = running.token("eve").await;
    let count = running.client.tool("count_documents", json!({})).token(&token).send().await;
    count.structured();
    let echo = running.client.tool("echo", json!({ "text": "x" })).token(&token).send().await;
    assert_eq!(echo.protocol_error().0, -32602);
    assert_eq!(running.client.tool("echo", json!({})).token("garbage").send().await.status, 401);

    let query = |more: &[&str]| run(directory.path(), &[&["audit", "query"], more].concat());
    let of_count = query(&["--request", count.header("x-request-id"), "--json"]);
    assert_eq!((of_count.code, of_count.err.as_str()), (0, ""));
    let record: Value = serde_json::from_str(&of_count.out).unwrap();
    assert_eq!((record["tool"].as_str(), record["verdict"].as_str()), (Some("count_documents"), Some("allow")));
    assert_eq!(record["rows"], Value::Null, "a count gives no row away");
    assert_eq!(record["lines"], json!(["policy.csv:12", "policy.csv:28"]));

    let in_full = query(&["--decision", record["decision"].as_str().unwrap()]);
    for part in ["eve@acme.example", "policy.csv:12", count.header("x-request-id"), "answered"] {
        assert!(in_full.out.contains(part), "{part}: {}", in_full.out);
    }
    let denied = query(&["--verdict", "deny", "--json"]);
    let denied: Vec<Value> = denied.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["request"], echo.header("x-request-id"));

    let unknown = query(&["--decision", "nope"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("matches\nhint: give the id in full"), "{}", unknown.err);
    assert_eq!(query(&["--since", "yesterday"]).code, 2);
    let nobody = query(&["--who", "nobody", "--json"]);
    assert_eq!((nobody.code, nobody.out.as_str()), (0, ""));
    assert!(nobody.err.starts_with("note: no decision is recorded with --who `nobody`; there are `"), "{}", nobody.err);
    let slip = query(&["--tool", "count_document"]);
    assert_eq!((slip.code, slip.out.lines().count()), (0, 1), "the head of an empty table: {}", slip.out);
    let expected = "note: no decision is recorded with --tool `count_document`; did you mean `count_documents`?\n";
    assert_eq!(slip.err, expected);

    let tail = run(directory.path(), &["audit", "tail"]);
    assert_eq!((tail.code, tail.out.lines().count()), (0, 3), "{}", tail.out);
    let follow = run(directory.path(), &["audit", "tail", "-n", "1", "--json"]);
    assert_eq!(follow.out.lines().count(), 1);
    super::process::wait_until("the rejection is written", async || {
        let rejections = run(directory.path(), &["audit", "rejections", "--json"]);
        rejections.out.contains("\"address\":\"127.0.0.1\",\"count\":1")
    })
    .await;
    let prune = run(directory.path(), &["audit", "prune", "--before", "1d"]);
    assert!(prune.code == 0 && prune.out.starts_with("deleted 0 rows"), "{prune:?}");
    assert_eq!(run(directory.path(), &["audit", "tail"]).out, tail.out);
}
