//! Access tokens that say nothing themselves (items 45, 46, 56, 64 to 66 and 80, once more).

use std::time::Duration;

use bailiwick::model::oauth::AccessToken;
use serde_json::json;

use super::operator::beside;
use super::token::Held;
use crate::support::browser::Form;
use crate::support::capture::files;
use crate::support::oauth::{self, Tokens};
use crate::support::server::Server;
use crate::support::world::edit;

async fn demo() -> Server {
    Server::demo_with(|directory| {
        edit(&directory.join("bailiwick.toml"), "[oauth]", "[oauth]\naccess_token_format = \"opaque\"");
    })
    .await
}

#[tokio::test]
async fn item_64_to_66_a_token_that_says_nothing_is_as_good_as_one_that_is_signed() {
    let server = demo().await;
    let client = oauth::register(&server, json!({})).await;
    let secret = client.secret.clone().unwrap();
    let exchange = async || {
        let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
        let form = oauth::exchange(&client, &code).with("client_secret", &secret);
        Tokens::of(&oauth::post(&server, "/token", &form).await)
    };
    let tokens = exchange().await;
    assert!(tokens.access.starts_with(AccessToken::PREFIX) && !tokens.access.contains('.'), "{}", tokens.access);
    let who = server.client.tool("whoami", json!({})).token(&tokens.access).send().await.structured();
    assert_eq!((&who["tenant"], &who["external_user_id"]), (&json!("acme"), &json!("ada@acme.example")));
    let about = |token: &str| {
        Form(Vec::new()).with("token", token).with("client_id", &client.id).with("client_secret", &secret)
    };
    let known = oauth::post(&server, "/introspect", &about(&tokens.access)).await.json();
    assert_eq!(
        (&known["active"], &known["token_type"], &known["scope"]),
        (&json!(true), &json!("Bearer"), &json!("mcp:read"))
    );
    for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "username"] {
        assert!(known.get(name).is_some(), "{name} in {known}");
    }
    let refresh = oauth::refresh(&client, &tokens.refresh).with("client_secret", &secret);
    let next = Tokens::of(&oauth::post(&server, "/token", &refresh).await);
    assert_ne!(next.access, tokens.access);
    assert!(oauth::is_accepted(&server, &next.access).await && oauth::is_accepted(&server, &tokens.access).await);

    assert_eq!(oauth::post(&server, "/revoke", &about(&next.access)).await.status, 200);
    for gone in [&tokens.access, &next.access] {
        assert!(!oauth::is_accepted(&server, gone).await, "what is remembered of it does not count");
        let known = oauth::post(&server, "/introspect", &about(gone)).await.json();
        assert_eq!(known, json!({ "active": false }));
    }

    let tokens = exchange().await;
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    server.clock.advance(Duration::from_secs(15 * 60 + 1));
    assert!(!oauth::is_accepted(&server, &tokens.access).await);
    assert_eq!(oauth::post(&server, "/introspect", &about(&tokens.access)).await.json(), json!({ "active": false }));
}

#[tokio::test]
async fn item_75_what_is_none_of_ours_is_refused() {
    let server = demo().await;
    let unknown = AccessToken::from_random([7; 32]).expose().to_owned();
    let client = oauth::public(&server).await;
    let tokens = oauth::tokens(&server, &client, "ada").await;
    let mut changed = tokens.access.clone();
    changed.replace_range(10..11, if changed.as_bytes()[10] == b'A' { "B" } else { "A" });
    for token in [&unknown, &changed, &tokens.refresh, &tokens.access.to_uppercase(), &format!("{}=", tokens.access)] {
        let refused = server.client.tool("whoami", json!({})).token(token).send().await;
        let challenge = refused.header("www-authenticate");
        assert!(refused.status == 401 && challenge.contains("error=\"invalid_token\""), "{token}: {refused:?}");
    }
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    // A server that signs its tokens keeps none.
    let signing = Server::demo().await;
    assert!(!oauth::is_accepted(&signing, &tokens.access).await);
}

#[tokio::test]
async fn item_66_what_the_operator_takes_away_is_gone_although_it_is_remembered() {
    let server = demo().await;
    let client = oauth::public(&server).await;
    let tokens = oauth::tokens(&server, &client, "ada").await;
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    let said = beside(&server, &["account", "disable", "ada@acme.example"], "").await;
    assert_eq!(said.code, 0, "{said:?}");
    for _ in 0..400 {
        if !oauth::is_accepted(&server, &tokens.access).await {
            return;
        }
    }
    panic!("the token of a disabled account is still accepted");
}

#[tokio::test]
async fn item_56_a_token_that_cannot_be_kept_costs_neither_code_nor_refresh_token() {
    let server = demo().await;
    let client = oauth::public(&server).await;
    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let form = oauth::exchange(&client, &code);
    let hold = Held::new(&server.directory.join("state.db")).await;
    let failed = oauth::post(&server, "/token", &form).await;
    assert_eq!((failed.status, &failed.json()["error"]), (503, &json!("temporarily_unavailable")));
    hold.release().await;
    let tokens = Tokens::of(&oauth::post(&server, "/token", &form).await);
    assert!(oauth::is_accepted(&server, &tokens.access).await);
}

#[tokio::test]
async fn item_80_only_hashes_of_them_are_in_the_files() {
    let server = demo().await;
    let client = oauth::public(&server).await;
    let tokens = oauth::tokens(&server, &client, "ada").await;
    assert!(oauth::is_accepted(&server, &tokens.access).await);
    let directory = server.directory.clone();
    let kept = server.stop().await;
    let written = files(&directory);
    assert!(written.iter().any(|(name, _)| name.contains("state.db")));
    for (name, bytes) in written {
        assert!(!bytes.windows(tokens.access.len()).any(|window| window == tokens.access.as_bytes()), "{name}");
    }
    drop(kept);
}
