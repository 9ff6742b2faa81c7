//! From nothing but the address of `/mcp` to an answer as a person, and to the end of it.

use serde_json::json;

use crate::support::browser::{Browser, Form, parameters};
use crate::support::oauth::{self, CALLBACK, Tokens};
use crate::support::server::Server;

#[tokio::test]
async fn from_a_challenge_to_a_persons_rows_and_to_the_end_of_it() {
    let server = Server::demo().await;

    // A client that knows the address alone is told where to look.
    let refused = server.client.tool("whoami", json!({})).send().await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").to_owned();
    let (_, metadata) = challenge.split_once("resource_metadata=\"").unwrap();
    let metadata = metadata.split('"').next().unwrap().strip_prefix(&server.base).unwrap();
    let resource = server.client.get(metadata).send().await.json();
    assert_eq!(resource["authorization_servers"][0], server.base, "ours is the first that is named");
    let found = server.client.get("/.well-known/oauth-authorization-server").send().await.json();
    assert_eq!(found["issuer"], server.base);

    // It registers and sends its person.
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let asking = oauth::asking(&client).with("resource", resource["resource"].as_str().unwrap());
    let page = oauth::consent_page(&server, &browser, &asking, "ada").await;
    for shown in ["Test client", "127.0.0.1:7777", "ada@acme.example", "acme", "mcp:read"] {
        assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
    }
    let address = oauth::decide(&browser, &page, "allow").await;
    assert!(address.starts_with(CALLBACK), "{address}");
    let answer = parameters(&address);
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("af0ifjsldkj", server.base.as_str()));

    // It exchanges the code and asks as the person.
    let tokens = Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &answer["code"])).await);
    let whoami = server.client.tool("whoami", json!({})).token(&tokens.access).send().await.structured();
    assert_eq!(whoami["tenant"], "acme", "{whoami}");
    let count = |token: String| {
        let server = &server;
        async move { server.client.tool("count_documents", json!({})).token(&token).send().await.structured() }
    };
    let forwarded = count(server.token("bob")).await;
    let bobs = oauth::tokens(&server, &client, "bob").await;
    assert_eq!(count(bobs.access).await, forwarded, "whoever signs in sees what a forwarded token shows");
    assert_ne!(count(tokens.access.clone()).await, forwarded, "and ada sees something else");

    // It refreshes, revokes, and is nobody.
    let next = Tokens::of(&oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await);
    assert_ne!(next.refresh, tokens.refresh);
    assert!(oauth::is_accepted(&server, &next.access).await);
    let revoke = Form(vec![("token".to_owned(), next.refresh.clone()), ("client_id".to_owned(), client.id.clone())]);
    assert_eq!(oauth::post(&server, "/revoke", &revoke).await.status, 200);
    assert!(!oauth::is_accepted(&server, &next.access).await);
    assert!(!oauth::is_accepted(&server, &tokens.access).await);
    let refused = oauth::post(&server, "/token", &oauth::refresh(&client, &next.refresh)).await;
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_grant")));
}
