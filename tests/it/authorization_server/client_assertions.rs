//! Item 54: clients that prove themselves by a key.

use std::fs;
use std::time::Duration;

use bailiwick::clock::Clock as _;
use serde_json::{Value, json};

use super::client_documents::{described, internal};
use super::operator::beside;
use crate::cli::process::Said;
use crate::support::browser::Form;
use crate::support::issuer::{Answer, SigningKey, Token};
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::server::Server;

pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn jwks(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// A client that registers itself with these keys.
pub(super) async fn registered(server: &Server, keys: &[&SigningKey]) -> Registered {
    let members = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(keys) });
    let client = oauth::register(server, members).await;
    assert_eq!(client.secret, None);
    client
}

/// An assertion as the RFC wants it, with an id of its own.
pub(super) fn assertion(server: &Server, client: &Registered, id: &str) -> Token {
    let now = now(server);
    let mut token = Token::new();
    token.header.clear();
    token.claims.clear();
    let claims = json!({
        "iss": client.id, "sub": client.id, "aud": server.base, "iat": now, "exp": now + 120, "jti": id,
    });
    for (name, value) in claims.as_object().unwrap() {
        token = token.claim(name, value.clone());
    }
    token
}

fn now(server: &Server) -> i64 {
    server.clock.now().as_secs()
}

pub(super) fn with(form: Form, assertion: &str) -> Form {
    form.with("client_assertion_type", TYPE).with("client_assertion", assertion)
}

#[tokio::test]
async fn item_54_a_client_with_a_key_goes_the_whole_way() {
    let server = Server::demo().await;
    for (n, key) in [SigningKey::ed25519("k"), SigningKey::p256("k"), SigningKey::p384("k"), SigningKey::rsa("k")]
        .into_iter()
        .enumerate()
    {
        let client = registered(&server, &[&key]).await;
        let signed = |id: &str| assertion(&server, &client, id).sign(&key);
        let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
        let exchange = with(oauth::exchange(&client, &code), &signed("1"));
        let tokens = Tokens::of(&oauth::post(&server, "/token", &exchange).await);
        assert!(oauth::is_accepted(&server, &tokens.access).await, "{n}");
        // The client need not be named beside it.
        let refresh = with(oauth::refresh(&client, &tokens.refresh), &signed("2")).with("client_id", "");
        let tokens = Tokens::of(&oauth::post(&server, "/token", &refresh).await);
        let about = with(Form(Vec::new()).with("token", &tokens.access), &signed("3"));
        assert_eq!(oauth::post(&server, "/introspect", &about).await.json()["active"], true);
        let revoke = with(Form(Vec::new()).with("token", &tokens.refresh), &signed("4"));
        assert_eq!(oauth::post(&server, "/revoke", &revoke).await.status, 200);
        assert!(!oauth::is_accepted(&server, &tokens.access).await);
        server.clock.advance(Duration::from_mins(10));
    }
    let found = server.client.get("/.well-known/oauth-authorization-server").send().await.json();
    for of in ["token", "revocation", "introspection"] {
        let methods = found[format!("{of}_endpoint_auth_methods_supported")].as_array().unwrap().clone();
        assert!(methods.contains(&json!("private_key_jwt")), "{found}");
        let algorithms = found[format!("{of}_endpoint_auth_signing_alg_values_supported")].as_array().unwrap();
        assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")), "{found}");
    }
}

#[tokio::test]
async fn item_54_an_assertion_is_for_us_now_and_once() {
    let server = Server::demo().await;
    let (key, other) = (SigningKey::rsa("k"), SigningKey::other_rsa("k"));
    let client = registered(&server, &[&key]).await;
    let stranger = registered(&server, &[&other]).await;
    let good = || assertion(&server, &client, "good");
    let ask = async |signed: &str| oauth::post(&server, "/token", &with(oauth::refresh(&client, "x"), signed)).await;
    let token_endpoint = format!("{}/token", server.base);
    let hmac = {
        let mut token = good().header("alg", "HS256");
        token.header.insert("kid".to_owned(), Value::Null);
        token
    };
    for (what, signed) in [
        ("another key", good().sign(&other)),
        ("a key that is named wrongly", good().header("kid", "other").sign(&key)),
        ("no signature", good().header("alg", "none").sign(&key)),
        ("a shared secret", hmac.sign(&key)),
        ("an algorithm that is not taken", good().header("alg", "RS512").sign(&key)),
        ("an access token", good().header("typ", "at+jwt").sign(&key)),
        ("a key in the header", good().header("jwk", key.jwk()).sign(&key)),
        ("an unknown extension", good().header("crit", json!(["x"])).sign(&key)),
    ] {
        let answer = ask(&signed).await;
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")), "{what}: {answer:?}");
    }
    // Whoever fails too often has to wait.
    server.clock.advance(Duration::from_mins(2));
    let now = now(&server);
    let good = || assertion(&server, &client, "good");
    for (what, signed) in [
        ("the token endpoint as audience", good().claim("aud", token_endpoint.as_str()).sign(&key)),
        ("a list as audience", good().claim("aud", json!([server.base])).sign(&key)),
        ("two audiences", good().claim("aud", json!([server.base, "https://evil.example"])).sign(&key)),
        ("another audience", good().claim("aud", "https://evil.example").sign(&key)),
        ("a slash more", good().claim("aud", format!("{}/", server.base)).sign(&key)),
        ("no audience", good().without("aud").sign(&key)),
        ("another issuer", good().claim("iss", stranger.id.as_str()).sign(&key)),
        ("no issuer", good().without("iss").sign(&key)),
        ("no subject", good().without("sub").sign(&key)),
        ("no id", good().without("jti").sign(&key)),
        ("an empty id", good().claim("jti", "").sign(&key)),
        ("a long id", good().claim("jti", "x".repeat(257)).sign(&key)),
        ("no end", good().without("exp").sign(&key)),
        ("an end that has passed", good().claim("exp", now - 31).sign(&key)),
        ("an end that is far", good().claim("exp", now + 331).sign(&key)),
        ("a beginning that is far", good().claim("nbf", now + 31).sign(&key)),
        ("made in the future", good().claim("iat", now + 31).sign(&key)),
        ("an end that is a text", good().claim("exp", (now + 60).to_string()).sign(&key)),
        ("no token", "x.y.z".to_owned()),
        ("too long", good().claim("x", "x".repeat(9000)).sign(&key)),
    ] {
        let answer = ask(&signed).await;
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")), "{what}: {answer:?}");
    }
    // Nothing of that has spent the id.
    let signed = good().sign(&key);
    assert_eq!(ask(&signed).await.json()["error"], "invalid_grant", "the client is known; the refresh token is none");
    assert_eq!(ask(&signed).await.json()["error"], "invalid_client", "the second time");
    let again = good().claim("x", 1).sign(&key);
    assert_eq!(ask(&again).await.json()["error"], "invalid_client", "the same id in another assertion");
    // Another client's id is another's.
    let theirs = assertion(&server, &stranger, "good").sign(&other);
    let answer = oauth::post(&server, "/token", &with(oauth::refresh(&stranger, "x"), &theirs)).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
    let twice = oauth::refresh(&client, "x").with("client_id", &stranger.id);
    let answer = oauth::post(&server, "/token", &with(twice, &assertion(&server, &client, "5").sign(&key))).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "two names");
}

#[tokio::test]
async fn item_54_and_52_one_way_at_a_time_and_the_one_that_is_registered() {
    let server = Server::demo().await;
    let key = SigningKey::p256("k");
    let client = registered(&server, &[&key]).await;
    let signed = |id: &str| assertion(&server, &client, id).sign(&key);
    let form = oauth::refresh(&client, "x");
    let error = async |form: &Form, header: Option<(&str, &str)>| {
        let answer = oauth::post_as(&server, "/token", form, header).await;
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    let invalid = (401, "invalid_client".to_owned());
    let request = (400, "invalid_request".to_owned());
    assert_eq!(error(&form, None).await, invalid, "its name is no proof");
    assert_eq!(error(&form.clone().with("client_secret", "x"), None).await, invalid);
    assert_eq!(error(&with(form.clone(), &signed("1")).with("client_secret", "x"), None).await, request);
    assert_eq!(error(&with(form.clone(), &signed("2")), Some((&client.id, "x"))).await, request);
    let typeless = form.clone().with("client_assertion", &signed("3"));
    assert_eq!(error(&typeless, None).await, request);
    assert_eq!(error(&form.clone().with("client_assertion_type", TYPE), None).await, request);
    let saml = with(form, &signed("4"))
        .with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
    assert_eq!(error(&saml, None).await, invalid);
    // A client with a secret, or none, does not prove itself by a key.
    for members in [json!({}), json!({ "token_endpoint_auth_method": "none" })] {
        let other = oauth::register(&server, members).await;
        let signed = assertion(&server, &other, "1").sign(&key);
        assert_eq!(error(&with(oauth::refresh(&other, "x"), &signed), None).await, invalid);
    }
}

#[tokio::test]
async fn item_54_and_68_keys_that_cannot_be_used_are_not_registered() {
    let server = Server::demo().await;
    let key = SigningKey::p256("k");
    let mut private = key.jwk();
    private["d"] = json!("AAAA");
    for (what, members) in [
        ("no keys", json!({})),
        ("an address of keys", json!({ "jwks_uri": "https://app.example/jwks" })),
        ("both", json!({ "jwks": jwks(&[&key]), "jwks_uri": "https://app.example/jwks" })),
        ("a text", json!({ "jwks": "x" })),
        ("none in it", json!({ "jwks": { "keys": [] } })),
        ("a private half", json!({ "jwks": { "keys": [private] } })),
        ("a shared secret", json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } })),
        ("too many", json!({ "jwks": { "keys": vec![key.jwk(); 11] } })),
    ] {
        let mut members = members;
        members["token_endpoint_auth_method"] = json!("private_key_jwt");
        let answer = oauth::register_raw(&server, members).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_client_metadata")), "{what}");
    }
    let answer = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(&[&key]) });
    let answer = oauth::register_raw(&server, answer).await.json();
    assert_eq!((&answer["jwks"], answer.get("client_secret")), (&jwks(&[&key]), None));
}

#[tokio::test]
async fn item_54_and_72_a_described_client_changes_its_key_where_it_describes_itself() {
    let server = internal().await;
    let (old, new) = (SigningKey::p256("old"), SigningKey::ed25519("new"));
    let (place, client, document) = described(&json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(&[&old]),
    }));
    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let exchange = with(oauth::exchange(&client, &code), &assertion(&server, &client, "1").sign(&old));
    let tokens = Tokens::of(&oauth::post(&server, "/token", &exchange).await);

    let mut changed = document;
    changed["jwks"] = jwks(&[&new]);
    place.answer(Answer::json(&changed));
    let refresh = |id: &str, key: &SigningKey| {
        with(oauth::refresh(&client, &tokens.refresh), &assertion(&server, &client, id).sign(key))
    };
    let refused = oauth::post(&server, "/token", &refresh("2", &new)).await;
    assert_eq!((refused.status, place.fetches()), (401, 1), "a copy is not asked about before it is a minute old");
    server.clock.advance(Duration::from_mins(1));
    let tokens = Tokens::of(&oauth::post(&server, "/token", &refresh("3", &new)).await);
    assert_eq!(place.fetches(), 2);
    let last = with(oauth::refresh(&client, &tokens.refresh), &assertion(&server, &client, "4").sign(&old));
    assert_eq!(oauth::post(&server, "/token", &last).await.status, 401, "the old key is not the client's any more");

    // A host that is down does not take away what the copy proves.
    place.answer(Answer::status(500));
    server.clock.advance(Duration::from_hours(2));
    let goes_on = with(oauth::refresh(&client, &tokens.refresh), &assertion(&server, &client, "5").sign(&new));
    Tokens::of(&oauth::post(&server, "/token", &goes_on).await);
}

#[tokio::test]
async fn item_54_the_keys_of_a_document_can_be_at_an_address_of_their_own() {
    let server = internal().await;
    let key = SigningKey::rsa("k");
    let (place, client, mut document) = described(&json!({}));
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["jwks_uri"] = json!(place.discovery_url().to_string());
    place.answer(Answer::json(&document));
    place.answer_discovery(Answer::json(&jwks(&[&key])));
    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let exchange = with(oauth::exchange(&client, &code), &assertion(&server, &client, "1").sign(&key));
    Tokens::of(&oauth::post(&server, "/token", &exchange).await);
}

#[tokio::test]
async fn item_54_the_operator_makes_a_client_with_a_key_known() {
    let server = Server::demo().await;
    let key = SigningKey::ed25519("k");
    let file = server.directory.join("jwks.json");
    fs::write(&file, jwks(&[&key]).to_string()).unwrap();
    let path = file.to_str().unwrap();
    let create = ["client", "create", "Robot", "--id", "robot", "--redirect-uri", CALLBACK, "--jwks", path];
    let Said { code, out, .. } = beside(&server, &create, "").await;
    assert_eq!((code, out.contains("secret")), (0, false), "{out}");
    assert!(beside(&server, &["client", "show", "robot"], "").await.out.contains("private_key_jwt"));
    let client = Registered { id: "robot".to_owned(), secret: None, callback: CALLBACK.to_owned() };
    let given = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let exchange = with(oauth::exchange(&client, &given), &assertion(&server, &client, "1").sign(&key));
    Tokens::of(&oauth::post(&server, "/token", &exchange).await);

    let mut private = key.jwk();
    private["d"] = json!("AAAA");
    fs::write(&file, json!({ "keys": [private] }).to_string()).unwrap();
    let refused = beside(&server, &["client", "create", "R", "--redirect-uri", CALLBACK, "--jwks", path], "").await;
    assert!(refused.code == 1 && refused.err.contains("treat the key as stolen"), "{refused:?}");
    let both =
        beside(&server, &["client", "create", "R", "--redirect-uri", CALLBACK, "--jwks", path, "--public"], "").await;
    assert!(both.code == 2 && both.err.contains("cannot be used with"), "{both:?}");
}
