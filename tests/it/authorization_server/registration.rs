//! Items 67 to 71: clients that register themselves.

use std::time::Duration;

use serde_json::{Value, json};

use super::operator::beside;
use crate::support::browser::{Browser, parameters};
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::server::Server;
use crate::support::world::edit;

#[tokio::test]
async fn item_67_and_69_the_answer_is_what_is_registered() {
    let server = Server::demo().await;
    let answer = oauth::register_raw(&server, json!({ "logo_uri": "https://x.example/a.png", "foo": 7 })).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let body = answer.json();
    assert_eq!(body["client_name"], "Test client");
    assert_eq!(body["redirect_uris"], json!([CALLBACK]));
    assert_eq!(body["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(body["response_types"], json!(["code"]));
    assert!(body["client_id_issued_at"].is_i64());
    assert!(body["client_secret"].is_string());
    assert_eq!(body["client_secret_expires_at"], 0);
    for absent in ["registration_access_token", "registration_client_uri", "logo_uri", "foo"] {
        assert_eq!(body.get(absent), None::<&Value>, "{absent}");
    }
    let public = oauth::register_raw(&server, json!({ "token_endpoint_auth_method": "none" })).await.json();
    assert_eq!((&public["token_endpoint_auth_method"], public.get("client_secret")), (&json!("none"), None));
    let post = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let client = oauth::register(&server, post).await;
    let form = oauth::refresh(&client, "x").with("client_id", "");
    let secret = client.secret.as_deref().unwrap();
    assert_eq!(oauth::post_as(&server, "/token", &form, Some((&client.id, secret))).await.status, 401);
}

#[tokio::test]
async fn item_68_what_cannot_be_registered_is_told_in_the_rfcs_words() {
    let server = Server::demo().await;
    for (members, error) in [
        (json!({ "redirect_uris": [] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["http://app.example/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["myapp:/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://app.example/cb#x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": vec![CALLBACK; 11] }), "invalid_redirect_uri"),
        (json!({ "grant_types": ["client_credentials"] }), "invalid_client_metadata"),
        (json!({ "response_types": ["token"] }), "invalid_client_metadata"),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "invalid_client_metadata"),
        (json!({ "scope": "admin" }), "invalid_client_metadata"),
    ] {
        let answer = oauth::register_raw(&server, members.clone()).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(error)), "{members}");
    }
    let wide = json!({ "grant_types": ["authorization_code", "client_credentials"], "scope": "mcp:read admin" });
    let body = oauth::register_raw(&server, wide).await.json();
    assert_eq!((&body["grant_types"], &body["scope"]), (&json!(["authorization_code"]), &json!("mcp:read")));
    let form = server.client.method("POST", "/register").header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(form.body("{}").send().await.json()["error"], "invalid_client_metadata");
}

#[tokio::test]
async fn item_68_no_answer_goes_to_this_server_itself() {
    let server = Server::demo().await;
    let here = format!("{}/docs", server.base);
    for ours in [here.clone(), here.replace("127.0.0.1", "localhost"), server.base.clone()] {
        let answer = oauth::register_raw(&server, json!({ "redirect_uris": [CALLBACK, ours] })).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_redirect_uri")), "{ours}");
        let why = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(why.contains("leads to this server itself"), "{why}");
    }
    // On a loopback address the port of a request is free, but for ours.
    let native = json!({ "redirect_uris": ["http://127.0.0.1:1/docs"], "token_endpoint_auth_method": "none" });
    let client = oauth::register(&server, native).await;
    let open = async |uri: &str| {
        let browser = Browser::new(&server.base);
        let asking = oauth::asking(&client).with("redirect_uri", uri);
        browser.get(&format!("/authorize?{}", asking.encoded())).await
    };
    let elsewhere = open("http://127.0.0.1:2/docs").await;
    assert_eq!(elsewhere.status, 303, "{elsewhere:?}");
    let refused = open(&here).await;
    assert_eq!((refused.status, refused.header("location")), (400, ""), "{refused:?}");
    assert!(refused.text.contains("the redirect URI of the request is not one of the client"), "{refused:?}");
}

#[tokio::test]
async fn item_70_registrations_are_limited() {
    let server = Server::demo().await;
    let mut last = oauth::register_raw(&server, json!({})).await;
    for _ in 0..25 {
        last = oauth::register_raw(&server, json!({})).await;
    }
    assert_eq!(last.status, 429);
    let wait: u64 = last.header("retry-after").parse().unwrap();
    let spoofed = server.client.method("POST", "/register").header("X-Forwarded-For", "198.51.100.7");
    let spoofed = spoofed.header("Content-Type", "application/json").body("{}").send().await;
    assert_eq!(spoofed.status, 429, "item 79: an address that a header claims is nobody's");
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(oauth::register_raw(&server, json!({})).await.status, 201);
    server.clock.advance(Duration::from_hours(1));
    let long = oauth::register_raw(&server, json!({ "x": "x".repeat(20_000) })).await;
    assert_eq!(long.status, 413);
}

#[tokio::test]
async fn item_70_a_registration_token_keeps_strangers_out() {
    let server = Server::demo_with(|directory| {
        let token = "registration = \"token\"\nregistration_token = \"a token that was handed over\"";
        edit(&directory.join("bailiwick.toml"), "registration = \"open\"", token);
    })
    .await;
    let with = async |token: Option<&str>| {
        let call = server.client.method("POST", "/register").header("Content-Type", "application/json");
        let call = match token {
            Some(token) => call.token(token),
            None => call,
        };
        call.body(json!({ "redirect_uris": [CALLBACK] }).to_string()).send().await
    };
    for token in [None, Some("wrong")] {
        let refused = with(token).await;
        assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_token")));
        assert!(refused.header("www-authenticate").starts_with("Bearer"), "{refused:?}");
    }
    assert_eq!(with(Some("a token that was handed over")).await.status, 201);
}

#[tokio::test]
async fn item_70_whoever_holds_more_places_than_a_share_loses_one_where_another_is_wanted() {
    let server = Server::demo_with(|directory| {
        let cap = "registration = \"open\"\nregistration_cap = 22";
        edit(&directory.join("bailiwick.toml"), "registration = \"open\"", cap);
    })
    .await;
    let later = async |client: Registered| {
        // For the limits, and so that each was used later than the one before.
        server.clock.advance(Duration::from_secs(15));
        client
    };
    let bobs = later(oauth::public(&server).await).await;
    let bob = oauth::tokens(&server, &bobs, "bob").await;
    let browser = Browser::new(&server.base);
    let mut hers = Vec::new();
    for n in 0..21 {
        let client = later(oauth::public(&server).await).await;
        let page = oauth::open(&browser, &oauth::asking(&client)).await;
        let page = if n == 0 {
            let signed_in = oauth::sign_in(&browser, &page, &oauth::login("ada"), server.password()).await;
            browser.get(signed_in.header("location")).await
        } else {
            page
        };
        let code = parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
        hers.push((
            client.clone(),
            Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await),
        ));
    }
    let carols = oauth::public(&server).await;
    let refresh = async |client: &Registered, tokens: &Tokens| {
        let answer = oauth::post(&server, "/token", &oauth::refresh(client, &tokens.refresh)).await;
        (answer.status, answer.json()["error"].clone())
    };
    let (first, tokens) = &hers[0];
    assert!(!oauth::is_accepted(&server, &tokens.access).await, "what was used longest ago of whoever holds most");
    assert_eq!(refresh(first, tokens).await, (401, json!("invalid_client")));
    assert_eq!(refresh(&hers[1].0, &hers[1].1).await, (200, json!(null)), "and no other");
    assert_eq!(refresh(&bobs, &bob).await, (200, json!(null)), "least of all somebody else's, although it is older");
    oauth::tokens(&server, &carols, "carol").await;
    server.clock.advance(Duration::from_mins(11));
    let full = oauth::register_raw(&server, json!({})).await;
    assert_eq!((full.status, &full.json()["error"]), (503, &json!("temporarily_unavailable")), "twenty are a share");

    while !beside(&server, &["audit", "events", "--json"], "").await.out.contains("client_deleted") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = oauth::stop_and_read_events(server).await;
    let deleted: Vec<_> = events.iter().filter(|(kind, _)| kind == "client_deleted").collect();
    let [(_, detail)] = deleted.as_slice() else { panic!("{deleted:?}") };
    assert_eq!((&detail["client"], &detail["grants_revoked"]), (&json!(first.id), &json!(1)));
    assert!(detail["why"].as_str().unwrap().contains("had allowed 21 clients"), "{detail}");
}

#[tokio::test]
async fn item_5_registration_that_is_off_is_neither_served_nor_advertised() {
    let server = Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "registration = \"open\"", "registration = \"off\"");
    })
    .await;
    assert_eq!(oauth::register_raw(&server, json!({})).await.status, 404);
    let found = server.client.get("/.well-known/oauth-authorization-server").send().await.json();
    assert_eq!(found.get("registration_endpoint"), None);
}

#[tokio::test]
async fn item_71_ids_cannot_be_guessed_or_taken_for_something_else() {
    let server = Server::demo().await;
    let (one, other) = (oauth::public(&server).await, oauth::public(&server).await);
    assert_ne!(one.id, other.id);
    assert!(one.id.len() >= 20 && !one.id.starts_with("http"), "{}", one.id);
}
