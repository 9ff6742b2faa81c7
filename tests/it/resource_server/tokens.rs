//! What a token must be, and what its sender learns when it is not.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::attacks::every_attack;
use crate::support::client::Answer;
use crate::support::issuer::{SigningKey, Token};
use crate::support::world::{World, token, token_of_organisation};

/// The answer without what differs from request to request.
fn public(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id" && *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status, headers.collect(), answer.text.clone())
}

fn challenge(world: &World) -> String {
    let base = &world.server.base;
    format!(r#"Bearer resource_metadata="{base}/.well-known/oauth-protected-resource/mcp", scope="mcp:read""#)
}

#[tokio::test]
async fn item_75_every_attack_gets_the_same_answer_and_the_audit_alone_knows_why() {
    let world = World::new().await;
    let client = &world.server.client;
    let mut expected = BTreeMap::new();
    let mut first = None;
    for (name, code, token) in every_attack() {
        let answer = client.tool("whoami", json!({})).token(&token).send().await;
        if code == "accepted" {
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            continue;
        }
        *expected.entry(code.to_owned()).or_insert(0_u64) += 1;
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
        assert_eq!(answer.header("x-request-id").len(), 16, "{name}");
        let public = public(&answer);
        assert_eq!(*first.get_or_insert_with(|| public.clone()), public, "{name}");
    }
    let (_, headers, body) = first.unwrap();
    let said = headers.iter().find(|(name, _)| name == "www-authenticate").unwrap().1.clone();
    assert!(said.starts_with(&format!(r#"{}, error="invalid_token""#, challenge(&world))), "{said}");
    assert_eq!(body, r#"{"error":"invalid_token","error_description":"The access token is invalid."}"#);

    let left = world.stop().await;
    assert_eq!(left.rejections, expected);
    assert!(left.decisions.iter().all(|decision| decision.record.subject.starts_with("blockbrain/")));
}

#[tokio::test]
async fn a_request_without_a_token_is_challenged_and_accused_of_nothing() {
    let world = World::new().await;
    let client = &world.server.client;
    let calls = [
        client.tool("whoami", json!({})),
        client.tool("whoami", json!({})).header("Authorization", "Basic YTpi"),
        client.method("GET", "/mcp"),
        client.method("DELETE", "/mcp").header("Mcp-Session-Id", "x"),
        client.method("PUT", "/mcp"),
        client.post("not JSON"),
    ];
    for call in calls {
        let answer = call.send().await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), challenge(&world));
        assert_eq!(answer.json()["error"], "unauthorized");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(world.stop().await.rejections, BTreeMap::from([("no_token".to_owned(), 6)]));
}

#[tokio::test]
async fn item_74_a_token_counts_in_one_authorization_header_and_nowhere_else() {
    let world = World::new().await;
    let (client, token) = (&world.server.client, token());
    let whoami = || client.tool("whoami", json!({}));
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = whoami().header("Authorization", &format!("{scheme} {token}")).send().await;
        assert_eq!(answer.structured()["external_user_id"], "jdoe@acme.example", "{scheme}");
    }

    let twice = whoami().token(&token).token(&token).send().await;
    let malformed = whoami().header("Authorization", "Bearer").send().await;
    let spaced = whoami().header("Authorization", &format!("Bearer {token} {token}")).send().await;
    for answer in [twice, malformed, spaced] {
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_request""#), "{answer:?}");
    }

    let in_query = client.method("POST", &format!("/mcp?access_token={token}")).send().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "access_token": token,
        "params": { "name": "whoami", "arguments": {}, "access_token": token } });
    let in_body = client.post(call.to_string()).send().await;
    let elsewhere = whoami().header("X-Authorization", &format!("Bearer {token}")).header("Cookie", &token);
    for answer in [in_query, in_body, elsewhere.send().await] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), challenge(&world), "no token was looked at");
    }
    let left = world.stop().await;
    let counted = [("malformed_authorization".to_owned(), 3), ("no_token".to_owned(), 3)];
    assert_eq!(left.rejections, BTreeMap::from(counted));
    assert_eq!(left.decisions.len(), 3);
}

#[tokio::test]
async fn an_organisation_that_no_tenant_declares_is_refused_by_name() {
    let world = World::new().await;
    let whoami = || world.server.client.tool("whoami", json!({}));
    // `globex` is declared, but for the other issuer.
    for organisation in ["337063032028925000", "globex"] {
        let answer = whoami().token(&token_of_organisation(organisation)).send().await;
        assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("unknown_tenant")));
        assert!(!answer.text.contains(organisation));
    }
    let nobody = Token::new().without("urn:zitadel:iam:org:id").without("urn:zitadel:iam:user:resourceowner:id");
    let answer = whoami().token(&nobody.sign(&SigningKey::rsa("rsa"))).send().await;
    assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("unknown_tenant")));
    assert_eq!(world.stop().await.rejections, BTreeMap::from([("unknown_tenant".to_owned(), 3)]));
}
