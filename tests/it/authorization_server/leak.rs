//! Item 80 over every way there is: whatever is a secret occurs in no log, no audit row and none of our files.
//!
//! What is a secret is not left to the test's memory alone: every text of ours that looks like one (`blw_…`, a JWT, the value
//! of a cookie) is taken out of every answer as it comes, and what was sent beside it is added by hand.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client_assertions::{assertion, jwks, with};
use super::client_documents::described;
use super::operator::beside;
use crate::support::bare;
use crate::support::browser::{Browser, Form, form, parameters};
use crate::support::capture::{Capture, files};
use crate::support::client::Answer;
use crate::support::issuer::SigningKey;
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::provider::{self, Person, TestProvider};
use crate::support::server::Server;
use crate::support::world::edit;

const INITIAL: &str = "the initial access token of the registration";
const PASSWORD: &str = "correct horse battery staple";
const OTHER_PASSWORD: &str = "staple battery horse correct";
const WRONG: &str = "a password that is nobody's";
const IN_THE_WRONG_FIELD: &str = "a password where the login is asked for";

/// Everything that nobody else may read.
#[derive(Debug, Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        assert!(secret.len() >= 16, "too short to be looked for: {secret}");
        self.0.insert(secret.to_owned());
        // A signed one is good without its header, and told by its signature.
        self.0.extend(secret.split('.').skip(1).filter(|part| part.len() > 40).map(ToOwned::to_owned));
    }

    /// Takes in every secret of an answer.
    fn see(&mut self, answer: &Answer) {
        let headers = answer.headers.iter().map(|(_, value)| value.to_str().unwrap().to_owned());
        for text in headers.chain([answer.text.clone()]) {
            for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
                let is_jwt = word.starts_with("ey") && word.matches('.').count() == 2;
                if is_jwt || word.strip_prefix("blw_").is_some_and(|rest| rest.len() > 20) {
                    self.add(word);
                }
            }
        }
        for cookie in answer.headers.get_all("set-cookie") {
            let (_, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            if !value.is_empty() {
                self.add(value);
            }
        }
        if answer.text.contains("name=\"csrf\"") {
            for field in ["/sign-in", "/consent", "/set-up", "/sign-out"] {
                if answer.text.contains(&format!("action=\"{field}\"")) {
                    self.add(form(&answer.text, field).value("csrf"));
                }
            }
        }
    }

    fn take(&mut self, answer: Answer) -> Answer {
        self.see(&answer);
        answer
    }

    fn tokens(&mut self, answer: &Answer) -> Tokens {
        self.see(answer);
        let tokens = Tokens::of(answer);
        self.add(&tokens.access);
        self.add(&tokens.refresh);
        tokens
    }
}

fn configuration(provider: &TestProvider) -> String {
    let hosts = "[[oauth.client_host]]\nname = \"127.0.0.1\"\ninternal = true\n";
    format!("{hosts}{}[[tenant]]\nname = \"initech\"\n", provider.configuration())
}

/// Registers a client by the initial access token.
async fn register(server: &Server, secrets: &mut Secrets, method: &str, more: serde_json::Value) -> Registered {
    let mut body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": method });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let call = server.client.method("POST", "/register").header("Content-Type", "application/json");
    let answer = call.token(INITIAL).body(body.to_string()).send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let answer = secrets.take(answer).json();
    let secret = answer["client_secret"].as_str().map(ToOwned::to_owned);
    Registered { id: answer["client_id"].as_str().unwrap().to_owned(), secret, callback: CALLBACK.to_owned() }
}

/// From the consent page to the code.
async fn allow(secrets: &mut Secrets, browser: &Browser, page: &Answer) -> String {
    secrets.see(page);
    let allowed = form(&page.text, "/consent").with("decision", "allow");
    let handed = browser.submit("/consent", &allowed).await;
    secrets.see(&handed);
    parameters(handed.handed_over())["code"].clone()
}

/// Signs Ada in with her password, after two slips, and consents.
async fn code(server: &Server, secrets: &mut Secrets, client: &Registered, password: &str) -> String {
    // For the limits: nobody mistypes so often.
    server.clock.advance(Duration::from_mins(2));
    let browser = Browser::new(&server.base);
    let page = secrets.take(oauth::open(&browser, &oauth::asking(client)).await);
    secrets.see(&oauth::sign_in(&browser, &page, "ada@initech.example", WRONG).await);
    secrets.see(&oauth::sign_in(&browser, &page, IN_THE_WRONG_FIELD, WRONG).await);
    let signed_in = secrets.take(oauth::sign_in(&browser, &page, "ada@initech.example", password).await);
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    let page = browser.get(signed_in.header("location")).await;
    let code = allow(secrets, &browser, &page).await;
    let page = secrets.take(browser.get("/sign-out").await);
    browser.submit("/sign-out", &form(&page.text, "/sign-out").with("csrf", "forged-by-somebody-else")).await;
    secrets.see(&browser.submit("/sign-out", &form(&page.text, "/sign-out")).await);
    code
}

/// Uses tokens in every way there is, the wrong ones among them.
async fn use_up(server: &Server, secrets: &mut Secrets, tokens: &Tokens, by: impl Fn(Form) -> Form) {
    assert!(oauth::is_accepted(server, &tokens.access).await);
    for token in [&tokens.access, &tokens.refresh] {
        secrets.see(&oauth::post(server, "/introspect", &by(Form(Vec::new())).with("token", token)).await);
    }
    let refresh = by(Form(Vec::new())).with("grant_type", "refresh_token").with("refresh_token", &tokens.refresh);
    let next = secrets.tokens(&oauth::post(server, "/token", &refresh).await);
    let lost = secrets.tokens(&oauth::post(server, "/token", &refresh.clone()).await);
    assert_eq!(lost.refresh, next.refresh);
    for path in ["/token", "/authorize", "/sign-in", "/consent", "/sign-in/callback/zitadel", "/nowhere", "/mcp"] {
        let query = format!("?access_token={}&refresh_token={}&code=x", next.access, next.refresh);
        secrets.see(&server.client.get(&format!("{path}{query}")).send().await);
    }
    let cut = &next.access[..next.access.len() - 2];
    assert!(!oauth::is_accepted(server, cut).await);
    // In the wrong places: a token as the name of a client, a token as its secret.
    let astray = refresh.clone().with("client_id", &next.refresh).with("client_secret", &next.access);
    secrets.see(&oauth::post(server, "/token", &astray).await);
    let unnamed = format!("the secret of somebody whose client id it is not, {}", secrets.0.len());
    secrets.add(&unnamed);
    secrets.see(&oauth::post(server, "/token", &refresh.clone().with("client_id", &unnamed)).await);
    secrets.see(&oauth::post(server, "/revoke", &by(Form(Vec::new())).with("token", &next.access)).await);
    assert!(!oauth::is_accepted(server, &next.access).await);
    // A replay of what was ended.
    secrets.see(&oauth::post(server, "/token", &refresh).await);
}

/// Sets the server up by its link: Ada of Initech.
async fn set_up(server: &Server, secrets: &mut Secrets) {
    let link: url::Url = server.set_up.as_deref().unwrap().parse().unwrap();
    secrets.add(link.query_pairs().next().unwrap().1.as_ref());
    let browser = Browser::new(&server.base);
    let page = secrets.take(browser.get(&format!("{}?{}", link.path(), link.query().unwrap())).await);
    let typed = form(&page.text, "/set-up").with("account", "ada@initech.example").with("tenant", "initech");
    let typed = typed.with("external_user", "ada@initech.example");
    let slip = typed.clone().with("password", PASSWORD).with("again", WRONG);
    let page = secrets.take(browser.submit("/set-up", &slip).await);
    let typed = Form(form(&page.text, "/set-up").0.into_iter().chain(typed.0.into_iter().skip(2)).collect());
    let done = browser.submit("/set-up", &typed.with("password", PASSWORD).with("again", PASSWORD)).await;
    assert!(done.text.contains("can sign in now"), "{done:?}");
    secrets.see(&done);
}

/// Somebody signs in at the provider.
async fn at_the_provider(
    server: &Server,
    secrets: &mut Secrets,
    provider: &TestProvider,
    client: &Registered,
) -> String {
    let browser = Browser::new(&server.base);
    let depart = async |secrets: &mut Secrets| {
        let page = secrets.take(oauth::open(&browser, &oauth::asking(client)).await);
        let (_, after) = page.text.split_once("href=\"/sign-in/with/").unwrap();
        let departed = browser.get(&format!("/sign-in/with/{}", after.split('"').next().unwrap())).await;
        let address = secrets.take(departed).header("location").to_owned();
        let asked = parameters(&address);
        secrets.add(&asked["state"]);
        secrets.add(&asked["nonce"]);
        address
    };
    let address = depart(secrets).await;
    let liar = provider.sign_in(&address, &Person::new("102", "eve@acme.example").claim("nonce", "another"));
    secrets.see(&browser.get(&liar).await);
    let address = depart(secrets).await;
    let back = browser.get(&provider.sign_in(&address, &Person::new("101", "ada@acme.example"))).await;
    assert_eq!(back.status, 303, "{back:?}");
    let page = browser.get(secrets.take(back).header("location")).await;
    allow(secrets, &browser, &page).await
}

/// A client that the operator makes known.
async fn created(server: &Server, secrets: &mut Secrets, more: &[&str]) -> Registered {
    let said = beside(server, &[&["client", "create", "Made"], more].concat(), "").await;
    assert_eq!(said.code, 0, "{said:?}");
    let line = |name: &str| said.out.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let secret = line("client secret: ");
    secrets.add(&secret);
    Registered { id: line("client id: "), secret: Some(secret), callback: CALLBACK.to_owned() }
}

fn check(secrets: &Secrets, what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in &secrets.0 {
        assert!(!text.contains(secret), "{secret} is in {what}");
    }
}

/// Our own files: the configuration has secrets because somebody wrote them there.
fn check_files(secrets: &Secrets, directory: &Path) -> BTreeSet<String> {
    let ours = files(directory).into_iter().filter(|(name, _)| !name.ends_with("bailiwick.toml"));
    let checked = ours.map(|(name, bytes)| {
        check(secrets, &name, &bytes);
        Path::new(&name).file_name().unwrap().to_str().unwrap().to_owned()
    });
    checked.collect()
}

/// What the operator's commands are given, and print.
async fn commands(server: &Server, secrets: &mut Secrets, client: &Registered) {
    let given = code(server, secrets, client, PASSWORD).await;
    let tokens = secrets.tokens(&oauth::post(server, "/token", &oauth::exchange(client, &given)).await);
    let revoked = beside(server, &["token", "revoke"], &tokens.access).await;
    let passwd = beside(server, &["account", "passwd", "ada@initech.example"], &format!("{OTHER_PASSWORD}\n")).await;
    let inspected = beside(server, &["token", "inspect"], &tokens.access).await;
    assert_eq!((revoked.code, passwd.code, inspected.code), (0, 0, 1), "{revoked:?} {passwd:?} {inspected:?}");
    for said in [revoked, passwd, inspected] {
        check(secrets, "what a command printed", format!("{}{}", said.out, said.err).as_bytes());
    }
    code(server, secrets, client, OTHER_PASSWORD).await;
}

async fn nothing_leaks(format: &str) {
    let capture = Capture::begin();
    let provider = TestProvider::start();
    let directory = bare::files(&configuration(&provider), "");
    let registration =
        format!("registration = \"token\"\nregistration_token = \"{INITIAL}\"\naccess_token_format = \"{format}\"");
    edit(&directory.path().join("bailiwick.toml"), "registration = \"open\"", &registration);
    let clock = std::sync::Arc::new(crate::support::clock::ManualClock::new());
    let server = Server::over(directory.path(), clock).await;
    let secrets = &mut Secrets::default();
    for secret in [
        INITIAL,
        PASSWORD,
        OTHER_PASSWORD,
        WRONG,
        IN_THE_WRONG_FIELD,
        oauth::VERIFIER,
        provider::SECRET,
        "forged-by-somebody-else",
    ] {
        secrets.add(secret);
    }
    set_up(&server, secrets).await;

    // A secret, sent in the header and in the body; and one that is wrong.
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = register(&server, secrets, method, json!({})).await;
        let (id, secret) = (client.id.clone(), client.secret.clone().unwrap());
        secrets.add(&STANDARD.encode(format!("{id}:{secret}")));
        let code = code(&server, secrets, &client, PASSWORD).await;
        let exchange = oauth::exchange(&client, &code);
        let wrong = exchange.clone().with("client_secret", WRONG);
        secrets.see(&oauth::post(&server, "/token", &wrong).await);
        let header = (method == "client_secret_basic").then_some((id.as_str(), secret.as_str()));
        let form = if header.is_some() { exchange.clone() } else { exchange.with("client_secret", &secret) };
        let form = Form(form.0.into_iter().filter(|(name, _)| header.is_none() || name != "client_id").collect());
        let tokens = secrets.tokens(&oauth::post_as(&server, "/token", &form, header).await);
        if header.is_none() {
            use_up(&server, secrets, &tokens, |form| form.with("client_id", &id).with("client_secret", &secret)).await;
        }
        // The code once more: the family ends.
        secrets.see(&oauth::post_as(&server, "/token", &form, header).await);
        assert!(!oauth::is_accepted(&server, &tokens.access).await);
    }

    // A key.
    let key = SigningKey::p256("k");
    let client = register(&server, secrets, "private_key_jwt", json!({ "jwks": jwks(&[&key]) })).await;
    let by = |id: &str, secrets: &mut Secrets| {
        let signed = assertion(&server, &client, id).sign(&key);
        secrets.add(&signed);
        signed
    };
    let given = code(&server, secrets, &client, PASSWORD).await;
    let form = with(oauth::exchange(&client, &given), &by("an-assertion-of-the-test-1", secrets));
    let tokens = secrets.tokens(&oauth::post(&server, "/token", &form).await);
    let form = with(oauth::refresh(&client, &tokens.refresh), &by("an-assertion-of-the-test-2", secrets));
    secrets.tokens(&oauth::post(&server, "/token", &form).await);
    secrets.see(&oauth::post(&server, "/token", &form).await);

    // No secret at all: a client that describes itself.
    let (_place, client, _) = described(&json!({}));
    let given = code(&server, secrets, &client, PASSWORD).await;
    let tokens = secrets.tokens(&oauth::post(&server, "/token", &oauth::exchange(&client, &given)).await);
    use_up(&server, secrets, &tokens, |form| form.with("client_id", &client.id)).await;

    // A machine, and a platform that names its people.
    let machine = created(&server, secrets, &["--grants", "client_credentials", "--tenant", "initech"]).await;
    let basic = Some((machine.id.as_str(), machine.secret.as_deref().unwrap()));
    let form = Form(Vec::new()).with("grant_type", "client_credentials");
    let answer = secrets.take(oauth::post_as(&server, "/token", &form, basic).await);
    let access = answer.json()["access_token"].as_str().unwrap().to_owned();
    secrets.add(&access);
    assert!(oauth::is_accepted(&server, &access).await);
    let platform = ["--redirect-uri", CALLBACK, "--tenant", "initech", "--asserts-users"];
    let platform = created(&server, secrets, &platform).await;
    let given = code(&server, secrets, &platform, PASSWORD).await;
    let exchange = oauth::exchange(&platform, &given).with("client_secret", platform.secret.as_deref().unwrap());
    let tokens = secrets.tokens(&oauth::post(&server, "/token", &exchange).await);
    let call = server.client.tool("whoami", json!({})).token(&tokens.access);
    let whoami = call.header("X-External-User-ID", "bob@initech.example").send().await;
    assert_eq!(secrets.take(whoami).structured()["assurance"], "asserted");

    // A provider.
    let public = register(&server, secrets, "none", json!({})).await;
    let given = at_the_provider(&server, secrets, &provider, &public).await;
    let tokens = secrets.tokens(&oauth::post(&server, "/token", &oauth::exchange(&public, &given)).await);
    use_up(&server, secrets, &tokens, |form| form.with("client_id", &public.id)).await;
    assert!(provider.secrets().len() >= 6, "{:?}", provider.secrets());
    provider.secrets().iter().for_each(|secret| secrets.add(secret));

    commands(&server, secrets, &public).await;

    // While it runs, so that what SQLite has not moved into the files yet is looked at too; and after it.
    let while_running = check_files(secrets, directory.path());
    for file in ["state.db", "state.db-wal", "audit.db", "audit.db-wal"] {
        assert!(while_running.contains(file), "{file} of {while_running:?}");
    }
    server.stop().await;
    check_files(secrets, directory.path());
    let log = capture.end();
    assert!(log.contains("TRACE") && log.contains("bailiwick"), "the log was captured");
    check(secrets, "the log", log.as_bytes());
    assert!(secrets.0.len() > 100, "{}", secrets.0.len());
    // The search can find something: what is no secret is there.
    let login = |(_, bytes): &(String, Vec<u8>)| String::from_utf8_lossy(bytes).contains("ada@initech.example");
    assert!(files(directory.path()).iter().any(login), "the files hold what they should");
}

#[tokio::test]
async fn item_80_over_every_way_no_secret_is_written_anywhere() {
    nothing_leaks("jwt").await;
}

#[tokio::test]
async fn item_80_nor_where_access_tokens_say_nothing() {
    nothing_leaks("opaque").await;
}
