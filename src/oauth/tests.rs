//! The decisions that need no store: an authorization request, and the credentials of a client.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};

use super::*;
use crate::model::oauth::{AuthMethod, ClientSecret, GrantType, RedirectUri};
use crate::model::{Scope, Timestamp};
use crate::store::state::{AuthorizationRequest, Client, fixture};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn site() -> Site {
    Site::new(&"https://mcp.acme.example".parse().unwrap())
}

fn client(uris: &[&str]) -> Client {
    let redirect_uris = uris.iter().map(|uri| uri.parse().unwrap()).collect();
    Client { redirect_uris, ..fixture::client("blw-test", Timestamp::from_secs(0)) }
}

fn one() -> Client {
    client(&["https://app.example/cb"])
}

/// A good request, with these parameters changed or, if the value is empty, left out.
fn asked(changes: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("client_id", "blw-test"),
        ("redirect_uri", "https://app.example/cb"),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "xyz"),
    ];
    all.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    all.extend(changes);
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
}

fn validated(client: &Client, query: &str) -> Result<AuthorizationRequest, NotAsked> {
    let schemes = ["com.example.app".to_owned()];
    let destinations = Destinations { schemes: &schemes, site: &site() };
    authorize::validate(&Parameters::read(query).unwrap(), client, destinations)
}

fn refused(changes: &[(&str, &str)]) -> &'static str {
    match validated(&one(), &asked(changes)) {
        Err(NotAsked::Redirect { redirect_uri, state, refusal }) => {
            assert_eq!(redirect_uri.as_str(), "https://app.example/cb");
            assert_eq!(state.as_deref(), Some("xyz"));
            refusal.code()
        }
        other => panic!("{changes:?}: {other:?}"),
    }
}

fn local(client: &Client, query: &str) -> Local {
    match validated(client, query) {
        Err(NotAsked::Local(local)) => local,
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn a_good_request_is_what_a_person_is_asked() {
    let request = validated(&one(), &asked(&[])).unwrap();
    assert_eq!(request.scopes.to_string(), "mcp:read", "the least, where nothing is asked for");
    assert_eq!((request.state.as_deref(), request.redirect_uri_sent), (Some("xyz"), true));
    assert_eq!(request.resource, "https://mcp.acme.example/mcp");
    let request = validated(&one(), &asked(&[("redirect_uri", ""), ("state", "")])).unwrap();
    assert_eq!((request.state, request.redirect_uri_sent), (None, false));
}

#[test]
fn item_15_and_16_before_the_redirect_uri_is_known_nobody_is_sent_anywhere() {
    let two = client(&["https://app.example/cb", "https://app.example/other"]);
    assert_eq!(local(&two, &asked(&[("redirect_uri", "")])), Local::NoRedirect);
    assert_eq!(local(&one(), &asked(&[("redirect_uri", "https://app.example/cb/")])), Local::UnknownRedirect);
    assert_eq!(local(&one(), &asked(&[("redirect_uri", "javascript:alert(1)")])), Local::UnknownRedirect);
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", asked(&[]));
    assert_eq!(local(&one(), &twice), Local::Repeated(Repeated("redirect_uri")));
    let twice = Parameters::read(&format!("{}&client_id=blw-test", asked(&[]))).unwrap();
    assert_eq!(authorize::client_id(&twice), Err(Local::Repeated(Repeated("client_id"))));
    for name in ["response_type", "scope", "code_challenge", "code_challenge_method", "response_mode"] {
        let query = format!("{}&{name}=a&{name}=b", asked(&[(name, "")]));
        match validated(&one(), &query) {
            Err(NotAsked::Redirect { refusal, .. }) => assert_eq!(refusal.code(), "invalid_request", "{name}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn item_14_a_private_scheme_counts_only_where_it_is_allowed_now() {
    let registered = client(&["com.example.app:/cb", "com.other.app:/cb"]);
    assert!(validated(&registered, &asked(&[("redirect_uri", "com.example.app:/cb")])).is_ok());
    let removed = asked(&[("redirect_uri", "com.other.app:/cb")]);
    assert_eq!(local(&registered, &removed), Local::UnknownRedirect);
}

#[test]
fn item_18_to_20_and_26_the_client_is_told_what_is_wrong_in_the_rfcs_words() {
    for (changes, code) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "id_token")], "unsupported_response_type"),
        (&[("response_type", "code token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge", &CHALLENGE.replace('-', "+"))], "invalid_request"),
        (&[("code_challenge", &format!("{CHALLENGE}="))], "invalid_request"),
        (&[("request", "e30.e30.")], "request_not_supported"),
        (&[("request_uri", "https://169.254.169.254/")], "request_uri_not_supported"),
        (&[("scope", "admin openid")], "invalid_scope"),
    ] {
        assert_eq!(refused(changes), code, "{changes:?}");
    }
    let mut other = one();
    other.grant_types = BTreeSet::from([GrantType::RefreshToken]);
    let refusal = validated(&other, &asked(&[]));
    assert!(matches!(refusal, Err(NotAsked::Redirect { refusal: Refusal::Grant, .. })), "{refusal:?}");
}

#[test]
fn item_23_a_client_gets_no_scope_that_it_may_not_have() {
    let mut client = one();
    let scopes = |client: &Client, asked_for: &str| {
        validated(client, &asked(&[("scope", asked_for)])).map(|request| request.scopes.to_string())
    };
    assert_eq!(scopes(&client, "mcp:read mcp:write offline_access").unwrap(), "mcp:read mcp:write");
    client.scopes = [Scope::Read].into_iter().collect();
    assert_eq!(scopes(&client, "mcp:read mcp:write").unwrap(), "mcp:read");
    assert!(scopes(&client, "mcp:write").is_err());
}

#[test]
fn item_24_the_resource_is_the_one_that_is_served() {
    for same in ["https://mcp.acme.example/mcp", "https://mcp.acme.example/mcp/", "HTTPS://MCP.acme.example/mcp"] {
        assert!(validated(&one(), &asked(&[("resource", same)])).is_ok(), "{same}");
    }
    for other in [
        "/mcp",
        "mcp",
        "https://mcp.acme.example",
        "https://mcp.acme.example/mcp#x",
        "https://mcp.acme.example/MCP",
        "https://mcp.acme.example/mcp?a=b",
        "https://mcp.acme.example:443/mcp",
        "https://evil.example/mcp",
        "https://mcp.acme.example.evil.example/mcp",
    ] {
        assert_eq!(refused(&[("resource", other)]), "invalid_target", "{other}");
    }
    let twice = format!("{}&resource=https://mcp.acme.example/mcp&resource=https://evil.example/", asked(&[]));
    let twice = validated(&one(), &twice);
    assert!(matches!(twice, Err(NotAsked::Redirect { refusal: Refusal::Target, .. })), "{twice:?}");
}

#[test]
fn item_22_what_the_redirect_uri_has_stays_and_ours_comes_after_it_once() {
    let answer =
        |uri: &str| authorize::answer(&uri.parse::<RedirectUri>().unwrap(), &[("code", "a b&c=ä"), ("iss", "x")]);
    let ours = "code=a%20b%26c%3D%C3%A4&iss=x";
    assert_eq!(answer("https://app.example/cb"), format!("https://app.example/cb?{ours}"));
    assert_eq!(answer("https://app.example/cb?"), format!("https://app.example/cb?{ours}"));
    assert_eq!(answer("https://app.example/cb?a=%20"), format!("https://app.example/cb?a=%20&{ours}"));
    assert_eq!(answer("https://app.example/cb?a=b&"), format!("https://app.example/cb?a=b&{ours}"));
    assert_eq!(answer("com.example.app:/cb"), format!("com.example.app:/cb?{ours}"));
}

/// What the token endpoint says to these credentials.
fn authenticated(client: &Client, header: Option<&str>, body: &str) -> Result<(), &'static str> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(header).unwrap());
    }
    let read = Credentials::read(&headers, &Parameters::read(body).unwrap());
    read.and_then(|credentials| credentials.prove(client)).map_err(TokenRefusal::code)
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[test]
fn item_52_and_53_a_client_proves_itself_in_one_way() {
    let mut client = one();
    let (good, bad) = (basic("blw-test", "a%20b%3Ac"), basic("blw-test", "a%20b"));
    let in_body = "client_id=blw-test&client_secret=a%20b%3Ac";
    client.auth_method = AuthMethod::SecretEither;
    client.secret = Some(ClientSecret::new("a b:c".to_owned()).hash());
    assert_eq!(authenticated(&client, Some(&good), ""), Ok(()));
    assert_eq!(authenticated(&client, Some(&good), "client_id=blw-test"), Ok(()));
    assert_eq!(authenticated(&client, None, in_body), Ok(()));
    assert_eq!(authenticated(&client, Some(&good.replace("Basic", "bAsIc")), ""), Ok(()));
    assert_eq!(authenticated(&client, Some(&bad), ""), Err("invalid_client"));
    assert_eq!(authenticated(&client, None, "client_id=blw-test"), Err("invalid_client"), "no secret");
    assert_eq!(authenticated(&client, Some(&good), in_body), Err("invalid_request"), "two ways at once");
    assert_eq!(authenticated(&client, Some(&good), "client_id=other"), Err("invalid_request"));
    assert_eq!(authenticated(&client, None, ""), Err("invalid_request"));
    for malformed in ["Basic", "Basic ", "Basic !!!", "Basic YQ==", "Bearer x", "DPoP x", "Basic //8="] {
        assert_eq!(authenticated(&client, Some(malformed), ""), Err("invalid_client"), "{malformed}");
    }
    client.auth_method = AuthMethod::SecretBasic;
    assert_eq!(authenticated(&client, None, in_body), Err("invalid_client"));
    client.auth_method = AuthMethod::SecretPost;
    assert_eq!(authenticated(&client, Some(&good), ""), Err("invalid_client"));
    client.auth_method = AuthMethod::None;
    assert_eq!(authenticated(&client, None, "client_id=blw-test"), Ok(()));
    assert_eq!(authenticated(&client, None, in_body), Err("invalid_client"), "a public client has no secret");
    let typed = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for (body, error) in [
        ("client_id=blw-test&client_assertion=x".to_owned(), "invalid_request"),
        (format!("client_id=blw-test&{typed}"), "invalid_request"),
        (format!("client_id=blw-test&{typed}&client_assertion=x"), "invalid_client"),
        (format!("{in_body}&{typed}&client_assertion=x"), "invalid_request"),
    ] {
        assert_eq!(authenticated(&client, None, &body), Err(error), "{body}");
    }
}
