//! Items 79 and 80: who may read an answer, whom a limit counts, what is recorded, and what never is.

use serde_json::json;

use crate::support::browser::{Browser, form, parameters};
use crate::support::capture::{Capture, files};
use crate::support::oauth::{self, Tokens, VERIFIER};
use crate::support::server::Server;

#[tokio::test]
async fn item_79_clients_in_a_page_can_speak_to_the_endpoints_that_are_for_clients() {
    let server = Server::demo().await;
    for path in ["/token", "/register", "/revoke"] {
        let preflight = server.client.method("OPTIONS", path).header("Origin", "https://inspector.example");
        let preflight = preflight.header("Access-Control-Request-Method", "POST");
        let preflight = preflight.header("Access-Control-Request-Headers", "content-type").send().await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, "*"), "{path}");
        let answer = server.client.method("POST", path).header("Origin", "https://inspector.example").send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
        assert!(answer.header("access-control-expose-headers").contains("WWW-Authenticate"), "{path}");
    }
}

#[tokio::test]
async fn item_79_a_limit_counts_the_address_that_a_trusted_proxy_names() {
    let server = Server::demo_with(oauth::behind_a_proxy).await;
    let from = async |forwarded: &str| {
        let call = server.client.method("POST", "/register").header("X-Forwarded-For", forwarded);
        call.header("Content-Type", "application/json").body("{}").send().await.status
    };
    for _ in 0..20 {
        assert_eq!(from("203.0.113.1").await, 400);
    }
    assert_eq!(from("203.0.113.1").await, 429);
    assert_eq!(from("198.51.100.9, 203.0.113.1").await, 429, "what the client wrote itself does not count");
    assert_eq!(from("203.0.113.2").await, 400, "somebody else");
}

#[tokio::test]
async fn item_80_each_step_leaves_one_event() {
    let server = Server::demo().await;
    let client = oauth::register(&server, json!({})).await;
    let browser = Browser::new(&server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    oauth::sign_in(&browser, &page, &oauth::login("ada"), "a wrong password").await;
    let signed_in = oauth::sign_in(&browser, &page, &oauth::login("ada"), server.password()).await;
    let page = browser.get(signed_in.header("location")).await;
    browser.submit("/consent", &form(&page.text, "/consent").with("csrf", "x")).await;
    let code = parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
    let secret = client.secret.as_deref().unwrap();
    let exchange = oauth::exchange(&client, &code);
    oauth::post(&server, "/token", &exchange.clone().with("client_secret", "wrong")).await;
    let tokens = Tokens::of(&oauth::post(&server, "/token", &exchange.with("client_secret", secret)).await);
    let refresh = oauth::refresh(&client, &tokens.refresh).with("client_secret", secret);
    let tokens = Tokens::of(&oauth::post(&server, "/token", &refresh).await);
    let grant = oauth::claims(&tokens.access)["gid"].clone();
    let revoke = oauth::refresh(&client, "").with("token", &tokens.refresh).with("client_secret", secret);
    oauth::post(&server, "/revoke", &revoke).await;
    let page = browser.get("/sign-out").await;
    browser.submit("/sign-out", &form(&page.text, "/sign-out")).await;

    let events = oauth::stop_and_read_events(server).await;
    let events: Vec<_> = events.into_iter().filter(|(kind, _)| kind.starts_with("oauth_")).collect();
    let kinds: Vec<_> = events.iter().map(|(kind, detail)| format!("{kind} {}", detail["outcome"])).collect();
    let expected = [
        "oauth_registration \"ok\"",
        "oauth_sign_in \"wrong\"",
        "oauth_sign_in \"ok\"",
        "oauth_forged_form \"refused\"",
        "oauth_consent \"allowed\"",
        "oauth_client_authentication \"refused\"",
        "oauth_code_exchange \"ok\"",
        "oauth_refresh \"ok\"",
        "oauth_revocation \"ok\"",
        "oauth_sign_out \"ok\"",
    ];
    assert_eq!(kinds, expected);
    for (kind, detail) in &events {
        assert_eq!(detail["ip"], "127.0.0.1", "{kind} {detail}");
    }
    let of = |kind: &str| events.iter().rev().find(|(found, _)| found == kind).unwrap().1.clone();
    for kind in ["oauth_consent", "oauth_code_exchange", "oauth_refresh", "oauth_revocation"] {
        let detail = of(kind);
        let found = (&detail["client"], &detail["tenant"], &detail["grant"]);
        assert_eq!(found, (&json!(client.id), &json!("acme"), &grant), "{kind}");
        assert!(detail["actor"].is_string(), "{kind} {detail}");
    }
    assert_eq!(of("oauth_sign_in")["login"], "ada@acme.example");
    assert_eq!(of("oauth_sign_in")["actor"], of("oauth_refresh")["actor"]);
}

#[tokio::test]
async fn item_80_no_secret_is_in_the_log_or_the_files() {
    let capture = Capture::begin();
    let server = Server::demo().await;
    let client = oauth::register(&server, json!({})).await;
    let secret = client.secret.clone().unwrap();
    let browser = Browser::new(&server.base);
    let mut secrets: Vec<String> = vec![secret.clone(), VERIFIER.to_owned(), server.password().to_owned()];

    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    secrets.extend(browser.cookies().into_values());
    let wrong = "a password that is wrong";
    oauth::sign_in(&browser, &page, &oauth::login("ada"), wrong).await;
    oauth::sign_in(&browser, &page, "a password in the wrong field", wrong).await;
    secrets.extend([wrong.to_owned(), "a password in the wrong field".to_owned()]);
    let signed_in = oauth::sign_in(&browser, &page, &oauth::login("ada"), server.password()).await;
    secrets.extend(browser.cookies().into_values());
    let handle = parameters(&format!("{}{}", server.base, signed_in.header("location")))["request"].clone();
    let page = browser.get(signed_in.header("location")).await;
    secrets.extend([handle, form(&page.text, "/consent").value("csrf").to_owned()]);
    let code = parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
    secrets.push(code.clone());

    let exchange = oauth::exchange(&client, &code).with("client_secret", &secret);
    oauth::post(&server, "/token", &exchange.clone().with("redirect_uri", "https://evil.example")).await;
    let tokens = Tokens::of(&oauth::post(&server, "/token", &exchange).await);
    let refresh = oauth::refresh(&client, &tokens.refresh).with("client_secret", &secret);
    let next = Tokens::of(&oauth::post(&server, "/token", &refresh).await);
    for tokens in [&tokens, &next] {
        oauth::is_accepted(&server, &tokens.access).await;
        secrets.push(tokens.refresh.clone());
        secrets.extend(tokens.access.split('.').skip(1).map(|part| part.chars().take(40).collect()));
        let about = oauth::refresh(&client, "").with("token", &tokens.access).with("client_secret", &secret);
        oauth::post(&server, "/introspect", &about).await;
    }
    for path in ["/token", "/authorize", "/sign-in", "/nowhere"] {
        server.client.get(&format!("{path}?code={code}&refresh_token={}", next.refresh)).send().await;
    }
    // A replay, the end of the family, and a client that is refused.
    oauth::post(&server, "/token", &exchange).await;
    oauth::post_as(&server, "/token", &refresh, Some((&client.id, &secret))).await;

    let directory = server.directory.clone();
    let kept = server.stop().await;
    let log = capture.end();
    assert!(log.contains("bailiwick"), "the log was captured");
    // The demo's own note of the password, for its reader, is not the server's.
    let written: Vec<_> = files(&directory).into_iter().filter(|(name, _)| !name.ends_with("password.txt")).collect();
    assert!(written.iter().any(|(name, bytes)| name.contains("state.db") && bytes.len() > 4096));
    for secret in &secrets {
        assert!(secret.len() >= 16, "{secret}");
        if let Some(line) = log.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{secret} is in the log: {line}");
        }
        for (name, bytes) in &written {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in {name}");
        }
    }
    drop(kept);
}
