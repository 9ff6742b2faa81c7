//! Items 64 to 66: revocation and introspection.

use serde_json::{Value, json};

use crate::support::browser::Form;
use crate::support::client::Answer;
use crate::support::oauth::{self, Registered, Tokens};
use crate::support::server::Server;
use crate::support::session::open;
use crate::support::stream::Stream;
use crate::support::world::edit;

fn about(client: &Registered, token: &str) -> Form {
    let form = Form(Vec::new()).with("token", token).with("client_id", &client.id);
    match &client.secret {
        Some(secret) => form.with("client_secret", secret),
        None => form,
    }
}

async fn introspect(server: &Server, client: &Registered, token: &str) -> Answer {
    oauth::post(server, "/introspect", &about(client, token)).await
}

async fn started(server: &Server) -> (Registered, Tokens) {
    let client = oauth::register(server, json!({})).await;
    let code = oauth::code(server, &oauth::asking(&client), "ada").await;
    let form = oauth::exchange(&client, &code).with("client_secret", client.secret.as_deref().unwrap());
    (client.clone(), Tokens::of(&oauth::post(server, "/token", &form).await))
}

#[tokio::test]
async fn item_64_a_token_that_is_given_back_ends_its_family_and_nobody_elses() {
    let server = Server::demo().await;
    let (client, tokens) = started(&server).await;
    let other = oauth::public(&server).await;
    for token in ["nothing", &tokens.access, &tokens.refresh] {
        let answer = oauth::post(&server, "/revoke", &about(&other, token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(oauth::is_accepted(&server, &tokens.access).await, "a stranger revokes nothing");
    let mut forged = client.clone();
    forged.secret = Some("wrong".to_owned());
    let refused = oauth::post(&server, "/revoke", &about(&forged, &tokens.refresh)).await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_client")));
    assert!(oauth::is_accepted(&server, &tokens.access).await);

    // The hint is wrong, and only a hint.
    let form = about(&client, &tokens.refresh).with("token_type_hint", "access_token");
    assert_eq!(oauth::post(&server, "/revoke", &form).await.status, 200);
    assert!(!oauth::is_accepted(&server, &tokens.access).await);
    let again = oauth::post(&server, "/revoke", &form).await;
    assert_eq!((again.status, again.header("cache-control")), (200, "no-store"));
}

#[tokio::test]
async fn item_65_a_client_is_told_what_its_tokens_are_and_of_others_nothing() {
    let server = Server::demo().await;
    let (client, tokens) = started(&server).await;
    let inactive = json!({ "active": false });

    let answer = introspect(&server, &client, &tokens.access).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let found = answer.json();
    assert_eq!((&found["active"], &found["iss"]), (&json!(true), &json!(server.base)));
    assert_eq!(found["aud"], format!("{}/mcp", server.base));
    assert_eq!((&found["client_id"], &found["scope"]), (&json!(client.id), &json!("mcp:read")));
    let claims = oauth::claims(&tokens.access);
    assert_eq!((&found["sub"], &found["exp"]), (&claims["sub"], &claims["exp"]));
    assert_eq!((&found["username"], &found["tenant"]), (&json!("ada@acme.example"), &json!("acme")));
    assert_eq!(introspect(&server, &client, &tokens.refresh).await.json()["active"], true);

    let other = oauth::register(&server, json!({})).await;
    for token in ["", "x", "a.b.c", &tokens.access.replace('.', "x"), "blw_rt_x"] {
        let answer = introspect(&server, &client, token).await;
        assert!(token.is_empty() || answer.json() == inactive, "{token}: {answer:?}");
    }
    for token in [&tokens.access, &tokens.refresh] {
        assert_eq!(introspect(&server, &other, token).await.json(), inactive);
    }
    let public = oauth::public(&server).await;
    for nobody in [&public, &Registered { secret: None, ..client.clone() }] {
        let refused = introspect(&server, nobody, &tokens.access).await;
        assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_client")));
    }
    let forged = forged(&tokens.access);
    assert_eq!(introspect(&server, &client, &forged).await.json(), inactive, "a signature is looked at");

    server.clock.advance(std::time::Duration::from_mins(16));
    assert_eq!(introspect(&server, &client, &tokens.access).await.json(), inactive);
    assert_eq!(introspect(&server, &client, &tokens.refresh).await.json()["active"], true);
    oauth::post(&server, "/revoke", &about(&client, &tokens.refresh)).await;
    assert_eq!(introspect(&server, &client, &tokens.refresh).await.json(), inactive);
}

/// The token with another scope, under the same signature.
fn forged(access: &str) -> String {
    use base64::Engine as _;
    let mut claims: Value = oauth::claims(access);
    claims["scope"] = "mcp:read mcp:write".into();
    let parts: Vec<_> = access.split('.').collect();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

#[tokio::test]
async fn a_stream_ends_soon_after_its_token_is_taken_back() {
    let server = Server::demo().await;
    let (client, tokens) = started(&server).await;
    let session = open(&server.client, &tokens.access).await;
    let mut theirs = Stream::listening(&server, &server.token("bob"), json!({ "toolsListChanged": true })).await;
    let mut streams = [
        Stream::of_session(&server, &tokens.access, &session).await,
        Stream::listening(&server, &tokens.access, json!({ "toolsListChanged": true })).await,
    ];
    assert_eq!(oauth::post(&server, "/revoke", &about(&client, &tokens.refresh)).await.status, 200);
    for stream in &mut streams {
        stream.until("0\r\n\r\n").await;
    }
    edit(&server.policy(), "# Take the", "p, *, *, tool:echo, call, true, deny\n# Take the");
    theirs.until("notifications/tools/list_changed").await;
}
