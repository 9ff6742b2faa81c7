//! Items 10 to 27: the authorization request.

use serde_json::json;

use crate::support::browser::{Browser, Form, parameters};
use crate::support::client::Answer;
use crate::support::oauth::{self, CALLBACK};
use crate::support::server::Server;

async fn authorize(server: &Server, form: &Form) -> Answer {
    Browser::new(&server.base).get(&format!("/authorize?{}", form.encoded())).await
}

/// A refusal on a page of ours: nobody is sent anywhere.
fn is_local(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// The error that the client is told.
fn told(server: &Server, answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    let address = answer.header("location");
    assert!(address.starts_with(CALLBACK), "{address}");
    let found = parameters(address);
    assert_eq!(found["iss"], server.base);
    assert_eq!(found.get("code"), None);
    found["error"].clone()
}

#[tokio::test]
async fn item_10_a_client_that_is_not_known_is_told_on_a_page() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    for id in ["", "unknown", "https://evil.example/client", "\u{202E}", &"x".repeat(300), "' OR 1=1 --"] {
        let answer = authorize(&server, &oauth::asking(&client).with("client_id", id)).await;
        is_local(&answer);
        assert!(id.is_empty() || !answer.text.contains(id), "nothing that was sent is shown: {}", answer.text);
    }
}

#[tokio::test]
async fn item_13_plain_http_goes_to_no_other_machine_whatever_was_stored_before() {
    use sqlx::ConnectOptions as _;
    const PLAIN: &str = "http://app.example/cb";
    let server = Server::demo().await;
    let refused = oauth::register_raw(&server, json!({ "redirect_uris": [PLAIN] })).await;
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_redirect_uri")), "{refused:?}");

    let client = oauth::public(&server).await;
    let file = server.directory.join("state.db");
    let mut state = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::query("UPDATE clients SET redirect_uris = $1 WHERE id = $2")
        .bind(PLAIN)
        .bind(&client.id)
        .execute(&mut state)
        .await
        .unwrap();
    is_local(&authorize(&server, &oauth::asking(&client).with("redirect_uri", PLAIN)).await);
    is_local(&authorize(&server, &oauth::asking(&client).with("redirect_uri", "")).await);
}

#[tokio::test]
async fn a_client_that_nobody_has_checked_does_not_make_us_send_strangers_to_it() {
    let server = Server::demo().await;
    let uris = json!({ "redirect_uris": ["https://evil.example/cb"], "token_endpoint_auth_method": "none" });
    let client = oauth::register(&server, uris).await;
    let wrong = oauth::asking(&client).with("response_type", "token");
    let browser = Browser::new(&server.base);
    let answer = browser.get(&format!("/authorize?{}", wrong.encoded())).await;
    is_local(&answer);
    assert!(answer.text.contains("href=\"https://evil.example/cb?error=unsupported_response_type"), "{}", answer.text);

    oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let answer = browser.get(&format!("/authorize?{}", wrong.encoded())).await;
    assert_eq!(answer.status, 303, "whoever is signed in came to use it: {answer:?}");
}

#[tokio::test]
async fn item_11_and_14_only_a_registered_redirect_uri_is_gone_to() {
    let server = Server::demo().await;
    let uris = json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none" });
    let client = oauth::register(&server, uris).await;
    for other in [
        "https://app.example/cb?x=1",
        "https://app.example/cb/",
        "https://app.example/cb/more",
        "https://app.example/%63b",
        "https://app.example/%2e/cb",
        "https://app.example/CB",
        "https://app.example@evil.example/cb",
        "https://evil.example\\@app.example/cb",
        "https://app.example/cb#x",
        "https://sub.app.example/cb",
        "https://app.example:443/cb",
        "http://app.example/cb",
        "https://app.example.evil.example/cb",
        "javascript:alert(1)//https://app.example/cb",
        "data:text/html,x",
        "//app.example/cb",
        "https://app.example/cb\r\nSet-Cookie: a=b",
    ] {
        is_local(&authorize(&server, &oauth::asking(&client).with("redirect_uri", other)).await);
    }
}

#[tokio::test]
async fn item_12_a_loopback_redirect_uri_matches_on_every_port() {
    let server = Server::demo().await;
    let uris = json!(["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"]);
    let client = oauth::register(&server, json!({ "redirect_uris": uris, "token_endpoint_auth_method": "none" })).await;
    for same in ["http://127.0.0.1:51004/cb", "http://[::1]:51004/cb", "http://localhost:51004/cb"] {
        let browser = Browser::new(&server.base);
        let asking = oauth::asking(&client).with("redirect_uri", same);
        let page = oauth::consent_page(&server, &browser, &asking, "ada").await;
        let address = oauth::decide(&browser, &page, "allow").await;
        assert!(address.starts_with(&format!("{same}?code=")), "{address}");
    }
    for other in [
        "http://127.0.0.1:51004/other",
        "https://127.0.0.1:51004/cb",
        "http://127.0.0.2/cb",
        "http://127.0.0.1.evil.tld/cb",
        "http://127.0.0.1:80@evil.tld/cb",
        "http://localhost.evil.tld/cb",
    ] {
        is_local(&authorize(&server, &oauth::asking(&client).with("redirect_uri", other)).await);
    }
}

#[tokio::test]
async fn item_15_and_16_a_missing_or_repeated_redirect_uri_is_told_on_a_page() {
    let server = Server::demo().await;
    let uris = json!([CALLBACK, "https://app.example/cb"]);
    let client = oauth::register(&server, json!({ "redirect_uris": uris })).await;
    is_local(&authorize(&server, &oauth::asking(&client).with("redirect_uri", "")).await);
    for name in ["client_id", "redirect_uri"] {
        let mut form = oauth::asking(&client);
        let value = form.value(name).to_owned();
        form.0.push((name.to_owned(), value));
        is_local(&authorize(&server, &form).await);
    }
    for name in ["scope", "state", "response_type", "code_challenge"] {
        let mut form = oauth::asking(&client);
        let value = form.value(name).to_owned();
        form.0.push((name.to_owned(), value));
        assert_eq!(told(&server, &authorize(&server, &form).await), "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn item_17_unknown_and_empty_parameters_do_not_matter() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let form = oauth::asking(&client).with("prompt", "consent").with("nonce", "n").with("foo", "bar").with("scope", "");
    let code = oauth::code(&server, &form, "ada").await;
    let tokens = oauth::Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    assert_eq!(tokens.scope, "mcp:read");
}

#[tokio::test]
async fn item_18_to_20_and_item_26_each_wrong_parameter_has_its_word() {
    let server = Server::demo().await;
    let confidential = oauth::register(&server, json!({})).await;
    let public = oauth::public(&server).await;
    let short = "A".repeat(42);
    for client in [&confidential, &public] {
        for (name, value, error) in [
            ("response_type", "", "invalid_request"),
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "id_token", "unsupported_response_type"),
            ("response_type", "code token", "unsupported_response_type"),
            ("code_challenge", "", "invalid_request"),
            ("code_challenge", short.as_str(), "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("request", "e30.e30.", "request_not_supported"),
            ("request_uri", "http://127.0.0.1:1/", "request_uri_not_supported"),
            ("scope", "admin", "invalid_scope"),
            ("resource", "/mcp", "invalid_target"),
            ("resource", "https://evil.example/mcp", "invalid_target"),
        ] {
            let answer = authorize(&server, &oauth::asking(client).with(name, value)).await;
            assert_eq!(told(&server, &answer), error, "{name}={value}");
            assert_eq!(parameters(answer.header("location"))["state"], "af0ifjsldkj");
        }
    }
}

#[tokio::test]
async fn item_21_the_state_comes_back_byte_for_byte_and_only_if_it_was_sent() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let long = "s".repeat(1024);
    for state in ["\"quoted\" & 'more'=+%20", "ü→🦀", long.as_str(), ""] {
        let browser = Browser::new(&server.base);
        let page = oauth::consent_page(&server, &browser, &oauth::asking(&client).with("state", state), "ada").await;
        let granted = parameters(&oauth::decide(&browser, &page, "allow").await);
        let refused = authorize(&server, &oauth::asking(&client).with("state", state).with("scope", "no")).await;
        for found in [granted, parameters(refused.header("location"))] {
            assert_eq!(found.get("state").map_or("", String::as_str), state);
            assert_eq!(found["iss"], server.base);
        }
    }
}

#[tokio::test]
async fn item_22_the_query_of_the_redirect_uri_is_kept() {
    let server = Server::demo().await;
    let uri = "https://app.example/cb?tenant=a%20b";
    let client = oauth::register(&server, json!({ "redirect_uris": [uri] })).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let address = oauth::decide(&browser, &page, "allow").await;
    assert!(address.starts_with(&format!("{uri}&code=")), "{address}");
    assert_eq!(parameters(&address)["tenant"], "a b");
}

#[tokio::test]
async fn item_23_scopes_are_narrowed_to_what_the_client_may_have_and_told() {
    let server = Server::demo().await;
    let members = json!({ "scope": "mcp:read", "token_endpoint_auth_method": "none" });
    let client = oauth::register(&server, members).await;
    let asking = oauth::asking(&client).with("scope", "mcp:read mcp:write offline_access admin");
    let code = oauth::code(&server, &asking, "ada").await;
    let tokens = oauth::Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    assert_eq!(tokens.scope, "mcp:read");
}

#[tokio::test]
async fn item_24_a_resource_given_twice_is_refused() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let mut form = oauth::asking(&client).with("resource", &format!("{}/mcp", server.base));
    form.0.push(("resource".to_owned(), "https://evil.example".to_owned()));
    assert_eq!(told(&server, &authorize(&server, &form).await), "invalid_target");
}

#[tokio::test]
async fn item_25_no_page_of_another_origin_may_ask() {
    let server = Server::demo().await;
    for path in ["/authorize", "/sign-in", "/consent", "/sign-out", "/introspect"] {
        for method in ["GET", "POST", "OPTIONS"] {
            let call = server.client.method(method, path).header("Origin", "https://evil.example");
            let answer = call.header("Access-Control-Request-Method", "POST").send().await;
            let open = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
            assert!(!open, "{method} {path}: {answer:?}");
            assert!(method != "OPTIONS" || answer.status == 405, "{method} {path}: {answer:?}");
        }
    }
}
