//! Items 72 and 73: clients whose id is the address of a document that describes them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::operator::beside;
use crate::support::browser::Browser;
use crate::support::client::Answer as Reply;
use crate::support::issuer::{Answer, TestIssuer};
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::server::Server;
use crate::support::world::edit;

/// Says something about the host of this test's documents.
fn host(directory: &Path, more: &str) {
    let file = directory.join("bailiwick.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[[oauth.client_host]]\nname = \"127.0.0.1\"\n{more}\n")).unwrap();
}

/// The demo, where documents may come from this machine.
pub(super) async fn internal() -> Server {
    Server::demo_with(|directory| host(directory, "internal = true")).await
}

/// A host of documents, and the client whose document is there.
pub(super) fn described(members: &Value) -> (TestIssuer, Registered, Value) {
    let place = TestIssuer::start(Answer::status(500));
    let id = place.jwks_url().to_string();
    let mut document = json!({
        "client_id": id, "client_name": "Studio", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
    });
    for (name, value) in members.as_object().unwrap() {
        document[name] = value.clone();
    }
    place.answer(Answer::json(&document));
    (place, Registered { id, secret: None, callback: CALLBACK.to_owned() }, document)
}

async fn authorize(server: &Server, client: &Registered) -> Reply {
    Browser::new(&server.base).get(&format!("/authorize?{}", oauth::asking(client).encoded())).await
}

#[track_caller]
fn is_local(answer: &Reply, what: &str) {
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{what}: {answer:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{what}: {answer:?}");
}

#[tokio::test]
async fn item_72_and_35_a_client_that_describes_itself_is_shown_with_its_host() {
    let server = internal().await;
    let (place, client, _) = described(&json!({}));
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    for shown in ["Studio", "Describes itself at", "<bdi>127.0.0.1</bdi>", "unverified", "127.0.0.1:7777"] {
        assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
    }
    let code = crate::support::browser::parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
    let tokens = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    assert_eq!(oauth::claims(&tokens.access)["client_id"], json!(client.id));
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    assert_eq!(place.fetches(), 1, "the copy serves until it is old");

    // What was allowed goes on without the document.
    place.answer(Answer::status(500));
    server.clock.advance(Duration::from_hours(2));
    let next = Tokens::of(&oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await);
    assert!(oauth::is_accepted(&server, &next.access).await);
    is_local(&authorize(&server, &client).await, "and nothing new does");
}

#[tokio::test]
async fn item_72_what_describes_nobody_is_told_on_a_page_and_not_remembered() {
    let server = internal().await;
    let (place, client, document) = described(&json!({}));
    let with = |name: &str, value: Value| {
        let mut changed = document.clone();
        changed[name] = value;
        Answer::json(&changed)
    };
    place.answer_discovery(Answer::json(&document));
    let elsewhere = place.discovery_url().to_string();
    for (what, answer) in [
        ("an error", Answer::status(500)),
        ("a client that is gone", Answer::status(404)),
        ("another status", Answer::status(203)),
        ("a redirect", Answer::status(302).with_header("Location", &elsewhere)),
        ("a page", Answer::json(&document).with_content_type("text/html")),
        ("more than 5 KB", with("x", json!("x".repeat(5 << 10)))),
        ("no end", Answer::Endless),
        ("no answer", Answer::HangUp),
        ("no object", Answer::json(&json!([]))),
        ("another id", with("client_id", json!(elsewhere))),
        ("a secret", with("client_secret", json!("x"))),
        ("a method with a secret", with("token_endpoint_auth_method", json!("client_secret_post"))),
        ("no name", with("client_name", json!(null))),
        ("no redirect URI that is taken", with("redirect_uris", json!(["http://app.example/cb"]))),
        ("another redirect URI", with("redirect_uris", json!(["https://app.example/cb"]))),
    ] {
        place.answer(answer);
        let told = authorize(&server, &client).await;
        is_local(&told, what);
        assert!(!told.text.contains("127.0.0.1:7777"), "nothing that was sent is shown: {}", told.text);
        // The last of them is a good document, of a client that does not have this redirect URI.
        server.clock.advance(Duration::from_hours(25));
    }
    place.answer(Answer::json(&document));
    assert_eq!(authorize(&server, &client).await.status, 303);
}

#[tokio::test]
async fn item_72_a_document_that_does_not_come_is_not_waited_for() {
    let server = internal().await;
    let (place, client, document) = described(&json!({}));
    place.answer(Answer::Stall);
    is_local(&authorize(&server, &client).await, "no answer in time");
    place.answer(Answer::json(&document));
    assert_eq!(authorize(&server, &client).await.status, 303);
}

#[tokio::test]
async fn item_72_a_copy_is_as_fresh_as_it_says_within_bounds_and_many_share_one_fetch() {
    let server = internal().await;
    let (place, client, document) = described(&json!({}));
    for (says, fresh) in [
        (None, Duration::from_hours(1)),
        (Some("max-age=300"), Duration::from_mins(5)),
        (Some("max-age=1"), Duration::from_mins(1)),
        (Some("no-store"), Duration::from_mins(1)),
        (Some("public, max-age=31536000"), Duration::from_hours(24)),
    ] {
        let answer = Answer::json(&document);
        place.answer(match says {
            Some(says) => answer.with_header("Cache-Control", says),
            None => answer,
        });
        let before = place.fetches();
        for answer in join_all((0..6).map(|_| authorize(&server, &client))).await {
            assert_eq!(answer.status, 303, "{answer:?}");
        }
        assert_eq!(place.fetches(), before + 1, "{says:?}");
        server.clock.advance(fresh);
        server.clock.set_back(Duration::from_secs(1));
        assert_eq!(authorize(&server, &client).await.status, 303);
        assert_eq!(place.fetches(), before + 1, "{says:?}");
        server.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn item_72_a_host_is_asked_only_so_often() {
    let server = internal().await;
    let (place, client, document) = described(&json!({}));
    place.answer(Answer::status(500));
    for _ in 0..25 {
        is_local(&authorize(&server, &client).await, "an error");
    }
    assert_eq!(place.fetches(), 20);
    place.answer(Answer::json(&document));
    server.clock.advance(Duration::from_secs(3));
    assert_eq!(authorize(&server, &client).await.status, 303);

    // Who asks for what is not there does not keep others from a client that is known.
    server.clock.advance(Duration::from_hours(2));
    let nothing = Registered { id: place.discovery_url().to_string(), ..client.clone() };
    for _ in 0..25 {
        is_local(&authorize(&server, &nothing).await, "no document");
    }
    assert_eq!((authorize(&server, &client).await.status, place.fetches()), (303, 21));
}

#[tokio::test]
async fn item_73_nothing_leads_to_an_address_that_is_not_public() {
    let server = Server::demo().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for id in [
        format!("https://127.0.0.1:{port}/c"),
        format!("https://localhost:{port}/c"),
        format!("https://[::1]:{port}/c"),
        format!("https://[::ffff:7f00:1]:{port}/c"),
        format!("https://[64:ff9b::7f00:1]:{port}/c"),
        format!("https://[2002:7f00:1::]:{port}/c"),
        format!("https://2130706433:{port}/c"),
        format!("https://127.1:{port}/c"),
        format!("http://127.0.0.1:{port}/c"),
        format!("http://localhost:{port}/c"),
        "https://10.0.0.1/c".to_owned(),
        "https://192.168.0.1/c".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00::1]/c".to_owned(),
        "https://[fe80::1]/c".to_owned(),
        "https://user@app.example/c".to_owned(),
        "https://app.example/c#x".to_owned(),
        "https://app.example/".to_owned(),
        "https://app.example/a/../c".to_owned(),
        "https://App.example/c".to_owned(),
    ] {
        let client = Registered { id: id.clone(), secret: None, callback: CALLBACK.to_owned() };
        is_local(&authorize(&server, &client).await, &id);
        server.clock.advance(Duration::from_secs(5));
    }
    let connected = listener.accept().map(|(_, from)| from);
    assert!(connected.is_err(), "{connected:?}");
}

#[tokio::test]
async fn item_73_hosts_are_for_the_tenants_that_they_are_listed_for() {
    let server = Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[oauth]", "[oauth]\nclient_documents = \"listed\"");
        host(directory, "internal = true\ntenants = [\"acme\"]");
    })
    .await;
    let (place, client, _) = described(&json!({}));
    let ada = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &ada, &oauth::asking(&client), "ada").await;
    assert!(oauth::decide(&ada, &page, "allow").await.contains("code="));
    let dave = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &dave, &oauth::asking(&client), "dave").await;
    assert!(oauth::decide(&dave, &page, "allow").await.contains("error=access_denied"));
    let unlisted = Registered { id: client.id.replace("127.0.0.1", "localhost"), ..client };
    is_local(&authorize(&server, &unlisted).await, "a host that is not listed");
    assert_eq!(place.fetches(), 1);

    let checked = beside(&server, &["config", "check"], "").await;
    let setting = "oauth.client_host.127.0.0.1.internal";
    assert!(checked.out.contains(setting) && checked.out.contains("documents of clients are fetched"), "{checked:?}");
}

#[tokio::test]
async fn item_5_documents_that_are_not_taken_are_not_advertised() {
    let server = Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[oauth]", "[oauth]\nclient_documents = \"off\"");
        host(directory, "internal = true");
    })
    .await;
    let (place, client, _) = described(&json!({}));
    is_local(&authorize(&server, &client).await, "off");
    assert_eq!(place.fetches(), 0);
    let found = server.client.get("/.well-known/oauth-authorization-server").send().await.json();
    assert_eq!(found["client_id_metadata_document_supported"], false);
}

#[tokio::test]
async fn item_66_a_described_client_that_the_operator_disables_stays_disabled() {
    let server = internal().await;
    let (place, client, _) = described(&json!({}));
    let tokens = oauth::tokens(&server, &client, "ada").await;
    let listed = beside(&server, &["client", "list"], "").await;
    assert!(listed.out.contains(&format!("{}  Studio  metadata_document", client.id)), "{listed:?}");
    assert!(beside(&server, &["client", "show", &client.id], "").await.out.contains("document        fetched"));
    let said = beside(&server, &["client", "disable", &client.id], "").await;
    assert_eq!(said.code, 0, "{said:?}");
    let refused = oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_client")));
    server.clock.advance(Duration::from_hours(2));
    is_local(&authorize(&server, &client).await, "disabled");
    assert_eq!(place.fetches(), 1);
}
