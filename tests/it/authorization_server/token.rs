//! Items 42 to 55: the token endpoint.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::cli::process::wait_until;
use crate::support::browser::Form;
use crate::support::client::Answer;
use crate::support::oauth::{self, Registered, Tokens, VERIFIER};
use crate::support::server::Server;

/// A refusal in the RFC's shape.
fn refused(answer: &Answer, status: u16) -> String {
    let body = answer.json();
    let error = body["error"].as_str().unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let description = body["error_description"].as_str().unwrap();
    let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(description.bytes().all(allowed), "{description}");
    error.to_owned()
}

async fn public_code(server: &Server) -> (Registered, String) {
    let client = oauth::public(server).await;
    let code = oauth::code(server, &oauth::asking(&client), "ada").await;
    (client, code)
}

#[tokio::test]
async fn item_42_and_43_only_a_form_is_read_and_nothing_is_echoed() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let get = server.client.get("/token").send().await;
    assert_eq!((refused(&get, 405).as_str(), get.header("allow")), ("invalid_request", "POST"));
    let form = oauth::refresh(&client, "evil<script>");
    for kind in ["application/json", "multipart/form-data", "text/plain", "application/x-www-form-urlencodedx"] {
        let answer =
            server.client.method("POST", "/token").header("Content-Type", kind).body(form.encoded()).send().await;
        assert_eq!(refused(&answer, 400), "invalid_request", "{kind}");
    }
    let in_url = oauth::post(&server, "/token?client_secret=x", &form).await;
    assert_eq!(refused(&in_url, 400), "invalid_request");
    let answer = oauth::post(&server, "/token", &form).await;
    assert_eq!(refused(&answer, 400), "invalid_grant");
    assert!(!answer.text.contains("evil"), "{answer:?}");
    let long = oauth::post(&server, "/token", &form.with("x", &"x".repeat(20_000))).await;
    assert_eq!(refused(&long, 413), "invalid_request");
    let mut twice = oauth::refresh(&client, "x");
    twice.0.push(("grant_type".to_owned(), "refresh_token".to_owned()));
    assert_eq!(refused(&oauth::post(&server, "/token", &twice).await, 400), "invalid_request");
}

#[tokio::test]
async fn item_44_each_wrong_grant_type_has_its_word() {
    let server = Server::demo().await;
    let only_code = json!({ "grant_types": ["authorization_code"], "token_endpoint_auth_method": "none" });
    let client = oauth::register(&server, only_code).await;
    let of = |grant: &str| oauth::refresh(&client, "x").with("grant_type", grant);
    for (grant, error) in [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("refresh_token", "unauthorized_client"),
    ] {
        assert_eq!(refused(&oauth::post(&server, "/token", &of(grant)).await, 400), error, "{grant}");
    }
    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let answer = oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await;
    assert_eq!((answer.status, answer.json().get("refresh_token")), (200, None), "{answer:?}");
}

#[tokio::test]
async fn item_45_a_code_is_good_for_a_minute() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(refused(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await, 400), "invalid_grant");
}

#[tokio::test]
async fn item_46_a_code_that_is_used_twice_ends_what_came_of_it() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    let tokens = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    assert_eq!(refused(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await, 400), "invalid_grant");
    assert!(!oauth::is_accepted(&server, &tokens.access).await);
    let refresh = oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await;
    assert_eq!(refused(&refresh, 400), "invalid_grant");
}

#[tokio::test]
async fn item_47_and_49_whoever_is_not_the_client_ends_nothing() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    let other = oauth::public(&server).await;
    let confidential = oauth::register(&server, json!({})).await;
    let foreign = [
        oauth::exchange(&other, &code),
        oauth::exchange(&client, &code).with("code_verifier", &"x".repeat(43)),
        oauth::exchange(&client, &code).with("redirect_uri", "http://127.0.0.1:7778/callback"),
        oauth::exchange(&confidential, &code).with("client_secret", confidential.secret.as_deref().unwrap()),
    ];
    for form in &foreign {
        assert_eq!(refused(&oauth::post(&server, "/token", form).await, 400), "invalid_grant");
    }
    let tokens = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await);
    for form in &foreign {
        assert_eq!(refused(&oauth::post(&server, "/token", form).await, 400), "invalid_grant");
    }
    assert!(oauth::is_accepted(&server, &tokens.access).await, "a replay by somebody else ends nothing");
}

#[tokio::test]
async fn item_48_of_many_that_present_one_code_one_is_answered() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    let form = oauth::exchange(&client, &code);
    let answers = join_all((0..12).map(|_| oauth::post(&server, "/token", &form))).await;
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(refused(answer, 400), "invalid_grant");
    }
    let tokens = Tokens::of(answers.iter().find(|answer| answer.status == 200).unwrap());
    let is_good = oauth::is_accepted(&server, &tokens.access).await;
    assert_eq!(refused(&oauth::post(&server, "/token", &form).await, 400), "invalid_grant");
    assert!(!oauth::is_accepted(&server, &tokens.access).await, "who comes afterwards has a copy");
    let events = oauth::stop_and_read_events(server).await;
    let replays = events.iter().filter(|(kind, _)| kind == "authorization_code_reuse_detected").count();
    assert!(is_good || replays > 1, "a race ends nothing, what comes after it does: {events:?}");
}

#[tokio::test]
async fn item_50_the_verifier_has_a_form_and_must_be_the_right_one() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    let with = |verifier: &str| oauth::exchange(&client, &code).with("code_verifier", verifier);
    for (verifier, error) in [
        ("", "invalid_request"),
        (&VERIFIER[1..], "invalid_request"),
        (&"x".repeat(129), "invalid_request"),
        (&format!("{VERIFIER}+"), "invalid_request"),
        (&"x".repeat(43), "invalid_grant"),
        (&oauth::challenge(), "invalid_grant"),
    ] {
        assert_eq!(refused(&oauth::post(&server, "/token", &with(verifier)).await, 400), error, "{verifier}");
    }
    Tokens::of(&oauth::post(&server, "/token", &with(VERIFIER)).await);
}

#[tokio::test]
async fn item_51_another_resource_is_refused_before_the_code_is_spent() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    for resource in ["https://evil.example/mcp", "/mcp", &server.base] {
        let form = oauth::exchange(&client, &code).with("resource", resource);
        assert_eq!(refused(&oauth::post(&server, "/token", &form).await, 400), "invalid_target", "{resource}");
    }
    let form = oauth::exchange(&client, &code).with("resource", &format!("{}/mcp", server.base));
    Tokens::of(&oauth::post(&server, "/token", &form.with("redirect_uri", "")).await);
}

#[tokio::test]
async fn item_52_and_53_a_client_that_does_not_prove_itself_is_told_so() {
    let server = Server::demo().await;
    let client = oauth::register(&server, json!({})).await;
    let secret = client.secret.clone().unwrap();
    let form = oauth::refresh(&client, "x");
    let nameless = form.clone().with("client_id", "");

    let answer = oauth::post_as(&server, "/token", &nameless, Some((&client.id, "wrong"))).await;
    assert_eq!(refused(&answer, 401), "invalid_client");
    assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
    let malformed = server.client.method("POST", "/token").header("Authorization", "Basic !!");
    let malformed = malformed.header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(refused(&malformed.body(form.encoded()).send().await, 401), "invalid_client");
    let wrong = oauth::post(&server, "/token", &form.clone().with("client_secret", "wrong")).await;
    assert_eq!((refused(&wrong, 401).as_str(), wrong.header("www-authenticate")), ("invalid_client", ""));
    assert_eq!(refused(&oauth::post(&server, "/token", &form).await, 401), "invalid_client", "it has a secret");
    let both = form.clone().with("client_secret", &secret);
    let both = oauth::post_as(&server, "/token", &both, Some((&client.id, &secret))).await;
    assert_eq!(refused(&both, 400), "invalid_request");
    let unknown = oauth::post(&server, "/token", &form.clone().with("client_id", "blw-unknown")).await;
    assert_eq!(refused(&unknown, 401), "invalid_client");

    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let exchange = oauth::exchange(&client, &code).with("client_id", "");
    let encoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
    let tokens = Tokens::of(&oauth::post_as(&server, "/token", &exchange, Some((&client.id, &encoded))).await);
    let in_body = oauth::refresh(&client, &tokens.refresh).with("client_secret", &secret);
    Tokens::of(&oauth::post(&server, "/token", &in_body).await);
}

#[tokio::test]
async fn item_52_whoever_guesses_a_secret_is_not_told_when_it_is_right() {
    let server = Server::demo_with(oauth::behind_a_proxy).await;
    let (client, other) = (oauth::register(&server, json!({})).await, oauth::register(&server, json!({})).await);
    let shows = async |client: &Registered, secret: &str, from: &str| {
        let form = oauth::refresh(client, "").with("token", "x").with("client_secret", secret);
        let call = server.client.method("POST", "/introspect").header("X-Forwarded-For", from);
        call.header("Content-Type", "application/x-www-form-urlencoded").body(form.encoded()).send().await
    };
    let (here, there) = ("203.0.113.1", "203.0.113.2");
    let right = client.secret.clone().unwrap();
    assert_eq!(shows(&client, &right, here).await.status, 200);
    let mut guessed = Vec::new();
    for _ in 0..31 {
        guessed.push(shows(&client, "wrong", here).await.status);
    }
    assert_eq!((guessed[0], guessed[29], guessed[30]), (401, 401, 429));
    let late = shows(&client, &right, here).await;
    assert_eq!(late.status, 429, "a right secret is worth as little now: {late:?}");
    let wait: u64 = late.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // The client itself is elsewhere, and another client here is not the one whose secret was guessed.
    assert_eq!(shows(&client, &right, there).await.status, 200);
    assert_eq!(shows(&other, other.secret.as_deref().unwrap(), here).await.status, 200);
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(shows(&client, &right, here).await.status, 200);
}

#[tokio::test]
async fn item_55_the_access_token_is_of_rfc_9068() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let tokens = oauth::tokens(&server, &client, "ada").await;
    assert_eq!(oauth::part(&tokens.access, 0)["typ"], "at+jwt");
    let claims = oauth::claims(&tokens.access);
    assert_eq!(claims["aud"], format!("{}/mcp", server.base));
    assert_eq!((&claims["client_id"], &claims["scope"]), (&json!(client.id), &json!("mcp:read")));
    for name in ["iss", "sub", "jti"] {
        assert!(claims[name].is_string(), "{name} in {claims}");
    }
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!(life >= 600, "the platform refreshes five minutes before the end: {life}");
    assert_eq!(claims.get("nonce"), None::<&Value>);
    let kid = oauth::part(&tokens.access, 0)["kid"].clone();
    let keys = server.client.get("/jwks.json").send().await.json();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid), "{kid} in {keys}");
    let other = oauth::tokens(&server, &client, "ada").await;
    assert_ne!(oauth::claims(&other.access)["jti"], claims["jti"]);
}

#[tokio::test]
async fn item_56_a_store_that_fails_leaves_the_code_and_the_token_as_they_were() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    let hold = Held::new(&server.directory.join("state.db")).await;
    let form: Form = oauth::exchange(&client, &code);
    let failed = oauth::post(&server, "/token", &form).await;
    assert_eq!(refused(&failed, 503), "temporarily_unavailable");
    assert!(failed.header("retry-after").parse::<u64>().unwrap() > 0);
    hold.release().await;
    let tokens = Tokens::of(&oauth::post(&server, "/token", &form).await);
    let hold = Held::new(&server.directory.join("state.db")).await;
    let failed = oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await;
    assert_eq!(refused(&failed, 503), "temporarily_unavailable");
    hold.release().await;
    Tokens::of(&oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await);
}

#[tokio::test]
async fn item_56_a_code_whose_exchange_could_not_be_recorded_is_good_again() {
    let server = Server::demo().await;
    let (client, code) = public_code(&server).await;
    let mut audit = open(&server.directory.join("audit.db")).await;
    let full = "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.kind = 'oauth_code_exchange'
                BEGIN SELECT RAISE(FAIL, 'the disk is full'); END";
    sqlx::raw_sql(full).execute(&mut audit).await.unwrap();
    let form = oauth::exchange(&client, &code);
    assert_eq!(refused(&oauth::post(&server, "/token", &form).await, 503), "temporarily_unavailable");
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut audit).await.unwrap();
    wait_until("the audit is written again", async || {
        let answer = oauth::post(&server, "/token", &form).await;
        answer.status != 503 && oauth::is_accepted(&server, &Tokens::of(&answer).access).await
    })
    .await;
}

async fn open(file: &std::path::Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions as _;
    sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

/// Another process that holds the file for itself.
pub(super) struct Held(sqlx::SqliteConnection);

impl Held {
    pub(super) async fn new(file: &std::path::Path) -> Self {
        let mut connection = open(file).await;
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        Self(connection)
    }

    pub(super) async fn release(mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.0).await.unwrap();
    }
}
