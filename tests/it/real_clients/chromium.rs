//! Sign-in and consent in Chromium: they work by keyboard and by mouse, break no policy of their own, and look well in the
//! pictures under `target/tmp/pages`.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::cli::connect::Connecting;
use crate::cli::process::bailiwick;
use crate::support::browser::parameters;
use crate::support::chromium::Chromium;
use crate::support::oauth::{self, Registered};
use crate::support::server::Server;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A client that is a web site: it answers whatever it is asked the same, and tells what its callback was asked.
#[expect(clippy::disallowed_methods, reason = "it lives as long as the test")]
async fn site(answer: String) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (tell, answer) = (tell.clone(), answer.clone());
            tokio::spawn(async move {
                let mut request = [0; 8_192];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                if let Some(path) = text.split(' ').nth(1).filter(|path| path.starts_with("/callback")) {
                    let _ = tell.send(path.to_owned());
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (address, told)
}

fn page(title: &str) -> String {
    let body = format!("<!doctype html><title>{title}</title><link rel=icon href=data:,><h1>{title}</h1>");
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

async fn client(server: &Server, name: &str, origin: &str) -> Registered {
    let members = json!({
        "client_name": name,
        "redirect_uris": [format!("{origin}/callback")],
        "token_endpoint_auth_method": "none"
    });
    oauth::register(server, members).await
}

fn ask(server: &Server, client: &Registered) -> String {
    format!("{}/authorize?{}", server.base, oauth::asking(client).with("scope", "mcp:read mcp:write").encoded())
}

async fn sign_in(chromium: &Chromium, server: &Server, person: &str) {
    chromium.has_focus("#account").await;
    chromium.press(&format!("{}{TAB}{}{ENTER}", oauth::login(person), server.password())).await;
    chromium.is_at("Allow").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_by_keyboard_and_allows() {
    let Some(chromium) = Chromium::start().await else { return };
    let server = Server::demo().await;
    let (origin, mut told) = site(page("Welcome back")).await;
    let client = client(&server, "Quarterly Report Assistant", &origin).await;

    chromium.open(&ask(&server, &client)).await;
    chromium.is_at("Sign in").await;
    chromium.has_focus("#account").await;
    chromium.picture("sign-in").await;
    // The first field has the focus, and Enter sends the form.
    chromium.press(&format!("{}{TAB}wrong{ENTER}", oauth::login("ada"))).await;
    assert!(chromium.text("[role=alert]").await.contains("do not go together"));
    chromium.picture("sign-in-wrong").await;
    // The account is kept, and the focus is where the mistake may be.
    chromium.has_focus("#password").await;
    chromium.press(&format!("{}{ENTER}", server.password())).await;
    chromium.is_at("Allow Quarterly Report Assistant to act for you?").await;
    chromium.picture("consent").await;
    assert_eq!(chromium.complaints().await.len(), 1, "only the status of the wrong password");

    chromium.click("button[value=allow]").await;
    chromium.is_at("Welcome back").await;
    let asked = parameters(&chromium.address().await);
    assert_eq!(told.recv().await.unwrap(), chromium.address().await.strip_prefix(&origin).unwrap());
    let tokens = oauth::Tokens::of(&oauth::post(&server, "/token", &oauth::exchange(&client, &asked["code"])).await);
    let who = server.client.tool("whoami", json!({})).token(&tokens.access).send().await.structured();
    assert_eq!(who["external_user_id"], "ada@acme.example");
    assert_eq!(chromium.complaints().await, Vec::<String>::new());

    // Whoever is signed in is asked again, and can say no, or be somebody else.
    chromium.open(&ask(&server, &client)).await;
    chromium.is_at("Allow").await;
    chromium.click("button.link").await;
    chromium.is_at("Sign in").await;
    sign_in(&chromium, &server, "bob").await;
    assert!(chromium.text("dl").await.contains("bob@acme.example"));
    chromium.click("button[value=deny]").await;
    chromium.is_at("Welcome back").await;
    let asked = parameters(&chromium.address().await);
    assert_eq!((asked["error"].as_str(), asked.get("code")), ("access_denied", None));
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
}

/// Chromium holds `form-action` against the redirects after a form; the page of a client may lead on to wherever it likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_33_the_policy_of_forms_stops_no_client_that_leads_on() {
    let Some(chromium) = Chromium::start().await else { return };
    let server = Server::demo().await;
    let (elsewhere, _) = site(page("The dashboard")).await;
    let elsewhere = elsewhere.replace("127.0.0.1", "localhost");
    let (origin, mut told) = site(redirect(&format!("{elsewhere}/landing"))).await;
    let client = client(&server, "Two-host client", &origin).await;
    chromium.open(&ask(&server, &client)).await;
    sign_in(&chromium, &server, "ada").await;
    chromium.click("button[value=allow]").await;
    chromium.is_at("The dashboard").await;
    assert_eq!(chromium.address().await, format!("{elsewhere}/landing"));
    assert!(told.recv().await.unwrap().starts_with("/callback?code="));
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_signs_in_through_the_browser() {
    let Some(chromium) = Chromium::start().await else { return };
    let server = Server::demo().await;
    let url = format!("{}/mcp", server.base);
    let command = bailiwick(&server.directory, &["connect", &url, "whoami", "--no-browser"]);
    let mut connecting = Connecting::start(command);
    chromium.open(&connecting.until("sign in at")).await;
    sign_in(&chromium, &server, "carol").await;
    chromium.click("button[value=allow]").await;
    chromium.is_at("Signed in").await;
    chromium.picture("connected").await;
    let said = connecting.end();
    assert!(said.code == 0 && said.out.contains("\"external_user_id\":\"carol@acme.example\""), "{said:?}");
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
}

/// A client that gives the browser nothing to show leaves it where it was, with the way to go on by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_can_be_gone_by_hand() {
    let Some(chromium) = Chromium::start().await else { return };
    let server = Server::demo().await;
    let (origin, mut told) = site("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()).await;
    let client = client(&server, "Silent client", &origin).await;
    chromium.open(&ask(&server, &client)).await;
    sign_in(&chromium, &server, "ada").await;
    chromium.click("button[value=allow]").await;
    chromium.is_at("Allowed").await;
    let first = told.recv().await.unwrap();
    chromium.picture("allowed").await;
    chromium.click("a.button").await;
    assert_eq!(told.recv().await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_page_is_readable_too() {
    let Some(chromium) = Chromium::start().await else { return };
    let server = Server::demo().await;
    let client = client(
        &server,
        "An assistant whose name is longer than anybody would want to read on a phone",
        "https://assistant.example",
    )
    .await;
    chromium.open(&ask(&server, &client)).await;
    sign_in(&chromium, &server, "ada").await;
    chromium.picture("consent-unverified").await;

    chromium.open(&format!("{}/sign-out", server.base)).await;
    chromium.is_at("Sign out?").await;
    chromium.picture("sign-out").await;
    chromium.click("button[type=submit]").await;
    chromium.is_at("Signed out").await;
    chromium.picture("signed-out").await;

    chromium.open(&format!("{}/authorize?client_id=nobody", server.base)).await;
    chromium.is_at("This link does not work").await;
    chromium.picture("refused").await;
    chromium.open(&format!("{}/consent?request=gone", server.base)).await;
    chromium.is_at("Start again").await;
    chromium.picture("gone").await;
}
