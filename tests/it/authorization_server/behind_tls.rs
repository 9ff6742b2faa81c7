//! The binary as it is deployed: a proxy with TLS before it, `public_url` an https address. What it sends then is asked for on
//! its own port, under the name that the proxy passes on (items 4, 7, 32, 34 and 38).

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::process::{Running, bailiwick, run_with};
use crate::support::bare;
use crate::support::browser::{Browser, Form, form, parameters};
use crate::support::client::Answer;
use crate::support::oauth::{self, CALLBACK, Registered};

const HOST: &str = "mcp.acme.example";
const ORIGIN: &str = "https://mcp.acme.example";
const PASSWORD: &str = "correct horse battery staple";

/// The server, with one account.
fn start() -> (Running, TempDir) {
    let files = bare::files(bare::ACME, "");
    let settings = files.path().join("bailiwick.toml");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = fs::read_to_string(&settings).unwrap();
    let text = text.replace("port = {port}", &format!("port = {port}\npublic_url = \"{ORIGIN}\""));
    fs::write(&settings, text.replace("[oauth]", "[oauth]\ntrusted_proxies = [\"127.0.0.1\"]")).unwrap();
    let create = ["account", "create", "ada@acme.example", "--tenant", "acme"];
    let said = run_with(files.path(), &create, &format!("{PASSWORD}\n"));
    assert_eq!(said.code, 0, "{said:?}");
    (Running::start_command(bailiwick(files.path(), &["serve"]), files.path(), port), files)
}

/// A browser as the proxy shows it: the name passed on, the person's address added.
fn browser(running: &Running) -> Browser {
    let headers = [("Host", HOST), ("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")];
    Browser::with(&format!("http://127.0.0.1:{}", running.port), &headers)
}

async fn public(running: &Running) -> Registered {
    let call = running.client.method("POST", "/register").header("Host", HOST);
    let body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" }).to_string();
    let answer = call.header("Content-Type", "application/json").body(body).send().await;
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    Registered { id, secret: None, callback: CALLBACK.to_owned() }
}

/// Every cookie that an answer sets: name and attributes.
fn cookies(answer: &Answer) -> Vec<(String, String)> {
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let cookie = |line: &str| {
        let (pair, attributes) = line.split_once(';').unwrap();
        (pair.split('=').next().unwrap().to_owned(), attributes.trim().to_owned())
    };
    lines.map(cookie).collect()
}

#[tokio::test]
async fn item_34_and_38_behind_tls_pages_stay_there_and_cookies_are_this_hosts_alone() {
    let (running, _files) = start();
    let (client, browser) = (public(&running).await, browser(&running));
    let begun = browser.get(&format!("/authorize?{}", oauth::asking(&client).encoded())).await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let session = "Path=/; HttpOnly; SameSite=Lax; Secure".to_owned();
    assert_eq!(cookies(&begun), [("__Host-bailiwick".to_owned(), session.clone())]);
    let planted = browser.cookies();
    let sign_in = browser.get(begun.header("location")).await;
    let wrong = oauth::sign_in(&browser, &sign_in, "ada@acme.example", "a wrong password").await;
    let signed_in = oauth::sign_in(&browser, &sign_in, "ada@acme.example", PASSWORD).await;
    let device = format!("{session}; Max-Age=15552000");
    assert_eq!(
        cookies(&signed_in),
        [("__Host-bailiwick".to_owned(), session.clone()), ("__Host-bailiwick-device".to_owned(), device)]
    );
    assert_ne!(browser.cookies()["__Host-bailiwick"], planted["__Host-bailiwick"], "another at the sign-in");
    let consent = browser.get(signed_in.header("location")).await;
    assert!(consent.text.contains(HOST) && consent.text.contains(&format!("{ORIGIN}/mcp")), "{}", consent.text);
    let allowed = browser.submit("/consent", &form(&consent.text, "/consent").with("decision", "allow")).await;
    let found = parameters(allowed.handed_over());
    assert_eq!(found["iss"], ORIGIN);
    let error = browser.get("/authorize?client_id=nobody").await;
    let sign_out = browser.get("/sign-out").await;
    let signed_out = browser.submit("/sign-out", &form(&sign_out.text, "/sign-out")).await;
    let cleared = format!("{session}; Max-Age=0");
    assert_eq!(cookies(&signed_out), [("__Host-bailiwick".to_owned(), cleared)]);
    for answer in [&begun, &signed_in, &sign_in, &wrong, &consent, &allowed, &error, &sign_out, &signed_out] {
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{answer:?}");
        assert_eq!((answer.header("referrer-policy"), answer.header("cache-control")), ("no-referrer", "no-store"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        if answer.status != 303 {
            assert_eq!(answer.header("x-frame-options"), "DENY", "{answer:?}");
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{answer:?}");
        }
    }
    // The session of a cookie of the other name is nobody's: plain HTTP cannot plant one.
    let plain = Browser::with(&format!("http://127.0.0.1:{}", running.port), &[("Host", HOST)]);
    let secret = planted["__Host-bailiwick"].clone();
    plain.set_cookies([("bailiwick-dev".to_owned(), secret)].into());
    assert!(plain.get(begun.header("location")).await.status == 400);

    let exchange = oauth::exchange(&client, &found["code"]).with("resource", &format!("{ORIGIN}/mcp"));
    let call = running.client.method("POST", "/token").header("Host", HOST);
    let call = call.header("Content-Type", "application/x-www-form-urlencoded").body(exchange.encoded());
    let tokens = call.send().await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let claims = oauth::claims(access);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ORIGIN), &json!(format!("{ORIGIN}/mcp"))));
    let whoami = running.client.tool("whoami", json!({})).header("Host", HOST).token(access).send().await;
    assert_eq!(whoami.status, 200, "{whoami:?}");
}

#[tokio::test]
async fn item_4_and_7_behind_tls_every_address_is_the_public_one() {
    let (running, _files) = start();
    for host in [HOST, "127.0.0.1", "evil.example"] {
        let get = async |path: &str| {
            let call = running.client.get(path).header("Host", host).header("X-Forwarded-Host", "evil.example");
            call.header("X-Forwarded-Proto", "http").send().await.json()
        };
        let resource = get("/.well-known/oauth-protected-resource/mcp").await;
        assert_eq!(resource["resource"], format!("{ORIGIN}/mcp"));
        assert_eq!(resource["authorization_servers"], json!([ORIGIN]));
        let server = get("/.well-known/oauth-authorization-server").await;
        assert_eq!(server["issuer"], ORIGIN);
        let addresses = server.as_object().unwrap().values().filter_map(Value::as_str);
        assert!(addresses.into_iter().all(|address| !address.contains("://") || address.starts_with(ORIGIN)));
    }
    let challenged = running.client.tool("whoami", json!({})).header("Host", HOST).send().await;
    let challenge = challenged.header("www-authenticate");
    let metadata = format!("resource_metadata=\"{ORIGIN}/.well-known/oauth-protected-resource/mcp\"");
    assert!(challenged.status == 401 && challenge.contains(&metadata), "{challenge}");
    let proxied = running.client.method("POST", "/token").header("Host", HOST).body(Form(Vec::new()).encoded());
    assert_eq!(proxied.send().await.header("content-type"), "application/json");
}
