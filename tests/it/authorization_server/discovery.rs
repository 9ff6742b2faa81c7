//! Items 1 to 9: what the server says of itself, and that it is so.

use serde_json::{Value, json};

use crate::support::browser::{Browser, Form, parameters};
use crate::support::oauth;
use crate::support::server::Server;

const RESOURCE: [&str; 2] = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"];
const METADATA: [&str; 4] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
];

async fn document(server: &Server, path: &str) -> Value {
    let answer = server.client.get(path).send().await;
    assert_eq!(answer.status, 200, "{path}");
    answer.json()
}

#[tokio::test]
async fn item_1_the_challenge_names_the_metadata_and_no_error_where_nothing_was_sent() {
    let server = Server::demo().await;
    let answer = server.client.tool("whoami", json!({})).send().await;
    let expected = format!(
        "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"mcp:read\"",
        server.base
    );
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, expected.as_str()));
}

#[tokio::test]
async fn item_2_to_4_one_issuer_and_one_resource_everywhere() {
    let server = Server::demo().await;
    for path in RESOURCE {
        let found = document(&server, path).await;
        assert_eq!(found["resource"], format!("{}/mcp", server.base));
        assert_eq!(found["authorization_servers"][0], server.base);
        assert!(!found["scopes_supported"].to_string().contains("offline_access"));
    }
    for path in METADATA {
        let found = document(&server, path).await;
        assert_eq!(found["issuer"], server.base, "{path}");
        assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]), "{path}");
    }
    let client = oauth::public(&server).await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    let answer = parameters(&oauth::decide(&browser, &page, "allow").await);
    assert_eq!(answer["iss"], server.base);
    let tokens = oauth::Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &answer["code"])).await);
    assert_eq!(oauth::claims(&tokens.access)["iss"], server.base);
}

#[tokio::test]
async fn item_5_what_is_advertised_is_served_and_nothing_else_is() {
    let server = Server::demo().await;
    let found = document(&server, METADATA[0]).await;
    for (name, value) in found.as_object().unwrap() {
        let Some(path) = value.as_str().and_then(|url| url.strip_prefix(&server.base)).filter(|path| !path.is_empty())
        else {
            continue;
        };
        for method in ["GET", "POST"] {
            let answer = server.client.method(method, path).send().await;
            assert_ne!(answer.status, 404, "{name}: {method} {path}");
        }
    }
    let mut grants = Vec::new();
    let client = oauth::public(&server).await;
    for grant in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ] {
        let form = Form(Vec::new()).with("grant_type", grant).with("client_id", &client.id);
        if oauth::post(&server, "/token", &form).await.json()["error"] != "unsupported_grant_type" {
            grants.push(grant);
        }
    }
    assert_eq!(found["grant_types_supported"], json!(grants));
    for absent in ["userinfo_endpoint", "device_authorization_endpoint", "pushed_authorization_request_endpoint"] {
        assert_eq!(found.get(absent), None);
    }
}

#[tokio::test]
async fn item_6_clients_find_what_they_choose_by() {
    let server = Server::demo().await;
    for path in METADATA {
        let found = document(&server, path).await;
        assert_eq!(found["authorization_response_iss_parameter_supported"], true, "{path}");
        let methods = found["token_endpoint_auth_methods_supported"].as_array().unwrap();
        assert!(methods.contains(&json!("none")), "{path}");
        assert_eq!(found["client_id_metadata_document_supported"], true, "{path}");
    }
}

#[tokio::test]
async fn item_7_no_header_gets_into_a_document_or_a_redirect() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let authorize = format!("/authorize?{}", oauth::asking(&client).with("scope", "none").encoded());
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (name, value) in [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "gopher"),
        ("Forwarded", "host=evil.example;proto=gopher"),
        ("Origin", "https://evil.example"),
    ] {
        for path in [METADATA[0], METADATA[2], "/jwks.json", &authorize] {
            let request = http.get(format!("{}{path}", server.base)).header(name, value);
            let response = request.send().await.unwrap();
            let headers = format!("{:?}", response.headers());
            let text = response.text().await.unwrap();
            for evil in ["evil", "gopher"] {
                assert!(!headers.contains(evil) && !text.contains(evil), "{name} {path}: {headers} {text}");
            }
        }
    }
}

#[tokio::test]
async fn item_8_documents_are_public_and_kept_for_a_while() {
    let server = Server::demo().await;
    for path in METADATA.into_iter().chain(["/jwks.json"]).chain(RESOURCE) {
        let answer = server.client.get(path).header("Origin", "https://inspector.example").send().await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with("application/json"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
        assert_eq!(answer.header("cache-control"), "public, max-age=300", "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
        let head = server.client.method("HEAD", path).send().await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        let preflight = server.client.method("OPTIONS", path).header("Origin", "https://inspector.example");
        let preflight = preflight.header("Access-Control-Request-Method", "GET");
        let preflight = preflight.header("Access-Control-Request-Headers", "mcp-protocol-version").send().await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, "*"), "{path}");
        assert_eq!(preflight.header("access-control-allow-headers"), "mcp-protocol-version", "{path}");
    }
}

#[tokio::test]
async fn item_9_the_keys_are_public_ones() {
    let server = Server::demo().await;
    let keys = document(&server, "/jwks.json").await["keys"].as_array().unwrap().clone();
    assert!(keys.len() >= 2, "the next key is published before it signs: {keys:?}");
    let mut ids = Vec::new();
    for key in &keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key.get(private), None, "{key}");
        }
        assert_eq!(key["use"], "sig");
        assert!(key["alg"].is_string(), "{key}");
        ids.push(key["kid"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), keys.len());
}
