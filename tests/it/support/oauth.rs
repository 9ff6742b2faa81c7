//! A client of the authorization server, and the way a person goes through it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::browser::{Browser, Form, form, parameters};
use super::client::Answer;
use super::server::Server;
use super::world::edit;

/// Where the client's answers go.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:7777/callback";

/// A verifier of the smallest length.
pub(crate) const VERIFIER: &str = "the-verifier-of-the-tests-has-43-characters";

/// Its challenge.
pub(crate) fn challenge() -> String {
    challenge_of(VERIFIER)
}

pub(crate) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A registered client, as it knows itself.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) callback: String,
}

/// What a client holds after a person has consented.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) scope: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), scope: text("scope") }
    }
}

/// Makes the demo trust the tests as a proxy: they come from wherever `X-Forwarded-For` says.
pub(crate) fn behind_a_proxy(directory: &Path) {
    let proxies = "registration = \"open\"\ntrusted_proxies = [\"127.0.0.1\"]";
    edit(&directory.join("bailiwick.toml"), "registration = \"open\"", proxies);
}

/// Registers a client with these members, besides its redirect URI.
pub(crate) async fn register(server: &Server, members: Value) -> Registered {
    let answer = register_raw(server, members).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let body = answer.json();
    Registered {
        id: body["client_id"].as_str().unwrap().to_owned(),
        secret: body["client_secret"].as_str().map(ToOwned::to_owned),
        callback: body["redirect_uris"][0].as_str().unwrap().to_owned(),
    }
}

/// The answer to a registration.
pub(crate) async fn register_raw(server: &Server, members: Value) -> Answer {
    let mut body = json!({ "client_name": "Test client", "redirect_uris": [CALLBACK] });
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let call = server.client.method("POST", "/register").header("Content-Type", "application/json");
    call.body(body.to_string()).send().await
}

/// A public client.
pub(crate) async fn public(server: &Server) -> Registered {
    register(server, json!({ "token_endpoint_auth_method": "none" })).await
}

/// An authorization request of this client, as the parameters of a form.
pub(crate) fn asking(client: &Registered) -> Form {
    Form(Vec::new())
        .with("response_type", "code")
        .with("client_id", &client.id)
        .with("redirect_uri", &client.callback)
        .with("scope", "mcp:read")
        .with("state", "af0ifjsldkj")
        .with("code_challenge", &challenge())
        .with("code_challenge_method", "S256")
}

/// Opens an authorization request and stops at the first page.
pub(crate) async fn open(browser: &Browser, asking: &Form) -> Answer {
    let answer = browser.get(&format!("/authorize?{}", asking.encoded())).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let next = answer.header("location").to_owned();
    browser.get(&next).await
}

/// Signs in on the sign-in page.
pub(crate) async fn sign_in(browser: &Browser, page: &Answer, account: &str, password: &str) -> Answer {
    let form = form(&page.text, "/sign-in").with("account", account).with("password", password);
    browser.submit("/sign-in", &form).await
}

/// Goes through sign-in to the consent page.
pub(crate) async fn consent_page(server: &Server, browser: &Browser, asking: &Form, person: &str) -> Answer {
    let page = open(browser, asking).await;
    let signed_in = sign_in(browser, &page, &login(person), server.password()).await;
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    let next = signed_in.header("location").to_owned();
    let page = browser.get(&next).await;
    assert_eq!(page.status, 200, "{page:?}");
    page
}

/// Decides on the consent page; gives the address that the browser is sent to.
pub(crate) async fn decide(browser: &Browser, page: &Answer, decision: &str) -> String {
    let answer = browser.submit("/consent", &form(&page.text, "/consent").with("decision", decision)).await;
    answer.handed_over().to_owned()
}

/// A person's whole way: the code that the client is given.
pub(crate) async fn code(server: &Server, asking: &Form, person: &str) -> String {
    let browser = Browser::new(&server.base);
    let page = consent_page(server, &browser, asking, person).await;
    parameters(&decide(&browser, &page, "allow").await)["code"].clone()
}

/// The account's name of one of the demo's people.
pub(crate) fn login(person: &str) -> String {
    bailiwick::demo::person(person).unwrap().external_user.to_owned()
}

/// The token request for a code.
pub(crate) fn exchange(client: &Registered, code: &str) -> Form {
    Form(Vec::new())
        .with("grant_type", "authorization_code")
        .with("code", code)
        .with("redirect_uri", &client.callback)
        .with("client_id", &client.id)
        .with("code_verifier", VERIFIER)
}

/// The token request for a refresh token.
pub(crate) fn refresh(client: &Registered, token: &str) -> Form {
    Form(Vec::new()).with("grant_type", "refresh_token").with("refresh_token", token).with("client_id", &client.id)
}

/// A POST of a form, as a client sends it.
pub(crate) async fn post(server: &Server, path: &str, form: &Form) -> Answer {
    post_as(server, path, form, None).await
}

/// The same with a client's name and secret in the header.
pub(crate) async fn post_as(server: &Server, path: &str, form: &Form, client: Option<(&str, &str)>) -> Answer {
    let call = server.client.method("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    let call = match client {
        Some((id, secret)) => {
            call.header("Authorization", &format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
        }
        None => call,
    };
    call.body(form.encoded()).send().await
}

/// A person's whole way, to the tokens.
pub(crate) async fn tokens(server: &Server, client: &Registered, person: &str) -> Tokens {
    let code = code(server, &asking(client), person).await;
    Tokens::of(&post(server, "/token", &exchange(client, &code)).await)
}

/// Whether `/mcp` takes this access token.
pub(crate) async fn is_accepted(server: &Server, access: &str) -> bool {
    match server.client.tool("whoami", json!({})).token(access).send().await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// What an access token says, unverified.
pub(crate) fn claims(access: &str) -> Value {
    part(access, 1)
}

/// A part of a token: 0 is its header.
pub(crate) fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Stops the server and reads the events of its audit: kind and particulars.
pub(crate) async fn stop_and_read_events(server: Server) -> Vec<(String, Value)> {
    let directory = server.directory.clone();
    let _files = server.stop().await;
    let audit = bailiwick::store::audit::AuditReader::open(&directory.join("audit.db")).await.unwrap();
    let events = audit.events(None).await.unwrap();
    let read = |event: bailiwick::store::audit::Event| {
        let detail = serde_json::from_str(&event.detail).unwrap_or_else(|_| event.detail.clone().into());
        (event.kind, detail)
    };
    events.into_iter().map(read).collect()
}
