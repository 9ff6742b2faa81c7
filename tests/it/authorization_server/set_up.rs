//! A tenant that needs no issuer, and the link that makes its first account (items 28, 29, 32 to 34, 38 and 80 on its page).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::cli::process::{Running, run_with};
use crate::support::bare::{self, ACME};
use crate::support::browser::{Browser, Form, form};
use crate::support::capture::Capture;
use crate::support::client::Answer;
use crate::support::oauth::{self, Tokens};
use crate::support::server::Server;

const PASSWORD: &str = "correct horse battery staple";

/// The path of the link that the server printed.
fn link(server: &Server) -> String {
    let link: url::Url = server.set_up.as_deref().unwrap().parse().unwrap();
    format!("{}?{}", link.path(), link.query().unwrap())
}

/// What somebody types into the page.
fn typed(page: &Answer) -> Form {
    form(&page.text, "/set-up")
        .with("account", "Ada@acme.example")
        .with("tenant", "acme")
        .with("external_user", "ada@acme.example")
        .with("password", PASSWORD)
        .with("again", PASSWORD)
}

fn is_gone(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (410, ""), "{answer:?}");
    assert!(answer.text.contains("does not work any more"), "{answer:?}");
}

#[tokio::test]
async fn from_no_account_at_all_to_an_answer_as_a_person() {
    let (server, _files) = bare::server(ACME, "").await;
    let browser = Browser::new(&server.base);
    let page = browser.get(&link(&server)).await;
    assert_eq!(page.status, 200, "{page:?}");
    let done = browser.submit("/set-up", &typed(&page)).await;
    assert!(done.status == 200 && done.text.contains("ada@acme.example of acme can sign in now"), "{done:?}");
    // Once.
    is_gone(&browser.submit("/set-up", &typed(&page).with("account", "eve@acme.example")).await);
    is_gone(&browser.get(&link(&server)).await);

    let client = oauth::public(&server).await;
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let signed_in = oauth::sign_in(&browser, &page, "ada@acme.example", PASSWORD).await;
    let page = browser.get(signed_in.header("location")).await;
    let address = oauth::decide(&browser, &page, "allow").await;
    let code = crate::support::browser::parameters(&address)["code"].clone();
    let tokens = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    let whoami = server.client.tool("whoami", json!({})).token(&tokens.access).send().await.structured();
    assert_eq!((&whoami["tenant"], &whoami["external_user_id"]), (&json!("acme"), &json!("ada@acme.example")));
    assert!(whoami["names"].as_array().unwrap().contains(&json!("user:ada@acme.example")), "{whoami}");

    let events = oauth::stop_and_read_events(server).await;
    let set_up: Vec<_> = events.iter().filter(|(kind, _)| kind == "oauth_set_up").collect();
    let [(_, detail)] = set_up.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (&detail["outcome"], &detail["tenant"], &detail["ip"]),
        (&json!("ok"), &json!("acme"), &json!("127.0.0.1"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_ends_with_its_hour_with_the_next_and_with_any_account() {
    let (server, files) = bare::server(ACME, "").await;
    let (first, clock) = (link(&server), Arc::clone(&server.clock));
    let browser = Browser::new(&server.base);
    clock.advance(Duration::from_secs(3599));
    let page = browser.get(&first).await;
    assert_eq!(page.status, 200);
    clock.advance(Duration::from_secs(1));
    is_gone(&browser.get(&first).await);
    is_gone(&browser.submit("/set-up", &typed(&page)).await);
    server.stop().await;

    let server = Server::over(files.path(), Arc::clone(&clock)).await;
    let second = link(&server);
    is_gone(&Browser::new(&server.base).get(&first).await);
    let browser = Browser::new(&server.base);
    let page = browser.get(&second).await;
    assert_eq!(page.status, 200);
    // Somebody else was faster, at the command line.
    let create = ["account", "create", "bob@acme.example", "--tenant", "acme"];
    let said = run_with(files.path(), &create, &format!("{PASSWORD}\n"));
    assert_eq!(said.code, 0, "{said:?}");
    is_gone(&browser.submit("/set-up", &typed(&page)).await);
    is_gone(&browser.get(&second).await);
    server.stop().await;

    let server = Server::over(files.path(), clock).await;
    assert_eq!(server.set_up, None, "there is an account");
    for none in ["/set-up", "/set-up?link=x", second.as_str(), "/set-up?link=a&link=b"] {
        is_gone(&Browser::new(&server.base).get(none).await);
    }
}

#[tokio::test]
async fn item_29_the_form_comes_from_its_own_page_in_its_own_browser() {
    let (server, _files) = bare::server(ACME, "").await;
    let browser = Browser::new(&server.base);
    let page = browser.get(&link(&server)).await;
    let other = Browser::new(&server.base);
    let others = form(&other.get(&link(&server)).await.text, "/set-up").value("csrf").to_owned();
    for csrf in ["", "x", others.as_str()] {
        assert_eq!(browser.submit("/set-up", &typed(&page).with("csrf", csrf)).await.status, 403);
    }
    assert_eq!(Browser::new(&server.base).submit("/set-up", &typed(&page)).await.status, 403);
    let foreign = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
    assert_eq!(browser.post("/set-up", &typed(&page), &foreign).await.status, 403);
    assert_eq!(browser.submit("/set-up", &typed(&page)).await.status, 200, "and nothing was spent");
}

#[tokio::test]
async fn what_is_typed_wrongly_is_said_and_spends_nothing() {
    let (server, _files) = bare::server(&format!("{ACME}[[tenant]]\nname = \"globex\"\n"), "").await;
    let browser = Browser::new(&server.base);
    let page = browser.get(&link(&server)).await;
    assert!(page.text.contains("<option value=\"globex\">") && page.text.contains("<option value=\"acme\">"));
    for (field, value, said) in [
        ("again", "another password, long enough", "the two passwords differ"),
        ("account", "a\u{202E}b", "the account"),
        ("external_user", "a\u{202E}b", "the external user id"),
        ("tenant", "initech", "no tenant of this server is called so"),
    ] {
        let answer = browser.submit("/set-up", &typed(&page).with(field, value)).await;
        assert!(answer.status == 422 && answer.text.contains(said), "{field}: {answer:?}");
        assert!(!answer.text.contains(PASSWORD), "a password is not given back: {answer:?}");
    }
    let short = typed(&page).with("password", "short").with("again", "short");
    let answer = browser.submit("/set-up", &short).await;
    assert!(answer.status == 422 && answer.text.contains("the password has 5 characters"), "{answer:?}");
    assert!(answer.text.contains("value=\"Ada@acme.example\""), "what was typed is kept: {answer:?}");
    assert_eq!(browser.submit("/set-up", &typed(&page)).await.status, 200);
}

#[tokio::test]
async fn item_32_to_34_the_page_keeps_to_itself() {
    let (server, _files) = bare::server(ACME, "").await;
    let page = Browser::new(&server.base).get(&link(&server)).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(name), value);
    }
    assert!(!page.text.contains("<script"), "{}", page.text);
}

#[tokio::test]
async fn item_80_the_link_is_in_no_log_and_in_no_file() {
    let capture = Capture::begin();
    let (server, files) = bare::server(ACME, "").await;
    let secret = link(&server).split_once('=').unwrap().1.to_owned();
    assert!(secret.starts_with("blw_su_"), "{secret}");
    let browser = Browser::new(&server.base);
    let page = browser.get(&link(&server)).await;
    browser.submit("/set-up", &typed(&page)).await;
    browser.get(&link(&server)).await;
    server.stop().await;
    let log = capture.end();
    assert!(log.contains("bailiwick"), "the log was captured");
    assert!(!log.contains(&secret), "{log}");
    for entry in std::fs::read_dir(files.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [secret.as_str(), PASSWORD] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_starts_without_an_account_prints_the_link_once_and_beside_its_log() {
    let files = bare::files(ACME, "");
    let configuration = files.path().join("bailiwick.toml");
    let text = std::fs::read_to_string(&configuration).unwrap().replace("port = {port}\n", "");
    std::fs::write(&configuration, text).unwrap();
    let running = Running::start(files.path(), &["serve", "--log-format", "json", "--log-level", "debug"]);
    let said = running.log();
    let printed = format!("http://127.0.0.1:{}/set-up?link=blw_su_", running.port);
    let lines: Vec<_> = said.lines().filter(|line| line.contains("blw_su_")).collect();
    assert!(lines.len() == 1 && lines[0].trim().starts_with(&printed), "{said}");
    let page = Browser::new(&format!("http://127.0.0.1:{}", running.port)).get(lines[0].trim()).await;
    assert!(page.status == 200 && page.text.contains("Make the first account"), "{page:?}");
}
