//! What the demo shows: the main job, end to end.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::browser::{Browser, parameters};
use crate::support::oauth::{self, Tokens};
use crate::support::server::Server;

#[tokio::test]
async fn two_people_call_the_same_tool_and_get_different_rows() {
    let server = Server::demo().await;
    let mut seen = Vec::new();
    for person in ["ada", "bob", "carol", "dave", "eve"] {
        let token = server.token(person);
        let answer = server.client.tool("count_documents", json!({})).token(&token).send().await;
        let count = answer.structured()["count"].as_i64().unwrap();
        let page = server.client.tool("list_documents", json!({ "limit": 200 })).token(&token).send().await;
        let rows = page.structured()["rows"].as_array().unwrap().clone();
        assert!(!rows.is_empty(), "{person} sees something");
        seen.push((person, count, rows));
    }
    for (one, count, rows) in &seen {
        for (other, other_count, other_rows) in &seen {
            assert!(one == other || rows != other_rows, "{one} ({count}) and {other} ({other_count}) see the same");
        }
    }
}

#[tokio::test]
async fn a_third_person_sees_fewer_tools() {
    let server = Server::demo().await;
    let ada = server.client.tools(&server.token("ada")).await;
    let eve = server.client.tools(&server.token("eve")).await;
    assert!(eve.len() < ada.len(), "{eve:?} {ada:?}");
    assert!(eve.iter().all(|tool| ada.contains(tool)));
    assert!(ada.contains(&"echo".to_owned()) && !eve.contains(&"echo".to_owned()));
    let mut sorted = ada.clone();
    sorted.sort();
    assert_eq!(ada, sorted, "the order is stable");
}

#[tokio::test]
async fn the_same_people_can_sign_in_at_the_demos_issuer() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let (_, after) = page.text.split_once("href=\"/sign-in/with/demo?").expect("a link to the demo's issuer");
    let sent = browser.get(&format!("/sign-in/with/demo?{}", after.split('"').next().unwrap())).await;
    let there = sent.header("location").to_owned();
    assert!(there.starts_with(&format!("{}/demo/issuer/authorize?", server.base)), "{there}");
    let choices = browser.get(&there).await;
    assert_eq!(choices.text.matches("@acme.example").count() + choices.text.matches("@globex.example").count(), 5);
    assert!(choices.header("content-security-policy").contains("default-src 'none'"), "{choices:?}");
    let back = browser.get(&format!("{there}&person=carol")).await;
    let returned = browser.get(back.header("location")).await;
    assert_eq!(returned.status, 303, "{returned:?}");
    let consent = browser.get(returned.header("location")).await;
    let code = parameters(&oauth::decide(&browser, &consent, "allow").await)["code"].clone();
    let tokens = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    let signed_in = server.client.tool("whoami", json!({})).token(&tokens.access).send().await.structured();
    let forwarded = server.client.tool("whoami", json!({})).token(&server.token("carol")).send().await.structured();
    for same in ["subject", "tenant", "external_user_id", "names", "assurance"] {
        assert_eq!(signed_in[same], forwarded[same], "whom a forwarded token would prove");
    }
    // It sends nobody elsewhere, and a code of it counts once.
    let elsewhere = there.replace("sign-in%2Fcallback%2Fdemo", "elsewhere");
    assert_ne!(elsewhere, there);
    assert_eq!(browser.get(&format!("{elsewhere}&person=ada")).await.status, 400);
    let used = parameters(back.header("location"))["code"].clone();
    let redeem = oauth::exchange(&client, &used).with("client_id", "bailiwick");
    assert_eq!(oauth::post(&server, "/demo/issuer/token", &redeem).await.status, 400);
}

#[expect(clippy::disallowed_methods, reason = "the promise is about real time")]
#[tokio::test]
async fn one_edited_line_changes_the_answer_within_a_second() {
    let server = Server::demo().await;
    let bob = server.token("bob");
    let count = async || {
        let answer = server.client.tool("count_documents", json!({})).token(&bob).send().await;
        answer.structured()["count"].as_i64().unwrap()
    };
    let before = count().await;
    let text = fs::read_to_string(server.policy()).unwrap();
    let edited = text.replace("# g, user:bob@acme.example,", "g, user:bob@acme.example,");
    assert_ne!(text, edited);
    fs::write(server.policy(), edited).unwrap();
    let saved = Instant::now();
    while count().await == before {
        assert!(saved.elapsed() < Duration::from_secs(1), "the edit is not in force after a second");
    }
    assert!(count().await > before);
}
