//! Killed at any moment while tokens are given, refreshed and taken back, the server stands by whatever it has answered.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::ConnectOptions as _;
use tokio::sync::mpsc;

use crate::cli::process::{Running, run};
use crate::support::browser::{Browser, Form, form, parameters};
use crate::support::client::{Answer, Client};
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::world::edit;

/// When each round is ended, after its first answer; the later ones with tokens that the state keeps.
const MOMENTS: [(u64, &str); 4] = [(0, "jwt"), (90, "jwt"), (30, "opaque"), (250, "opaque")];

/// How many consents each person has given before a round.
const CONSENTS: usize = 8;

const DEMO: [&str; 5] = ["demo", "--dir", ".", "--rows", "50"];

/// A person, their browser, and the client that acts for them.
struct Actor {
    browser: Browser,
    client: Registered,
}

/// What came of one consent, as far as the client was told.
#[derive(Debug)]
struct Family {
    code: String,
    /// Every access token that was answered, the newest last.
    access: Vec<String>,
    /// The newest refresh token that was answered.
    refresh: Option<String>,
    last: Last,
}

/// What the client was told last, or was not told any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Everything that it asked was answered.
    Answered,
    /// An exchange or a refresh was not.
    Asking,
    /// That its token is taken back.
    Revoked,
    /// It has asked for that.
    Revoking,
}

/// How often each was answered.
#[derive(Debug, Default, Clone, Copy)]
struct Answered {
    exchanges: usize,
    refreshes: usize,
    revocations: usize,
}

async fn post(client: &Client, path: &str, form: &Form) -> Option<Answer> {
    let call = client.method("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    call.body(form.encoded()).try_send().await
}

fn revocation(actor: &Actor, token: &str) -> Form {
    Form(Vec::new()).with("token", token).with("client_id", &actor.client.id)
}

/// Signs somebody in; the session outlives every kill.
async fn actor(running: &Running, person: &str, address: &str, password: &str) -> Actor {
    let body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" }).to_string();
    let call = running.client.method("POST", "/register").header("Content-Type", "application/json").body(body);
    let id = call.send().await.json()["client_id"].as_str().unwrap().to_owned();
    let client = Registered { id, secret: None, callback: CALLBACK.to_owned() };
    let browser = Browser::with(&format!("http://127.0.0.1:{}", running.port), &[("X-Forwarded-For", address)]);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let signed_in = oauth::sign_in(&browser, &page, &oauth::login(person), password).await;
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    Actor { browser, client }
}

/// A consent, and the code of it.
async fn family(actor: &Actor) -> Family {
    let page = oauth::open(&actor.browser, &oauth::asking(&actor.client)).await;
    assert!(page.text.contains("action=\"/consent\""), "still signed in: {page:?}");
    let allowed = form(&page.text, "/consent").with("decision", "allow");
    let code = parameters(actor.browser.submit("/consent", &allowed).await.handed_over())["code"].clone();
    Family { code, access: Vec::new(), refresh: None, last: Last::Answered }
}

/// Exchanges, refreshes and takes back until nobody answers any more.
async fn ask(client: &Client, actor: &Actor, families: &mut [Family], told: &mpsc::UnboundedSender<()>) -> Answered {
    let mut answered = Answered::default();
    for (n, family) in families.iter_mut().enumerate() {
        for step in 0..4 {
            family.last = Last::Asking;
            let form = match &family.refresh {
                None => oauth::exchange(&actor.client, &family.code),
                Some(token) => oauth::refresh(&actor.client, token),
            };
            let Some(answer) = post(client, "/token", &form).await else { return answered };
            let tokens = Tokens::of(&answer);
            family.access.push(tokens.access);
            family.refresh = Some(tokens.refresh);
            family.last = Last::Answered;
            *(if step == 0 { &mut answered.exchanges } else { &mut answered.refreshes }) += 1;
            told.send(()).unwrap();
        }
        if n % 2 == 0 {
            family.last = Last::Revoking;
            let token = if n % 4 == 0 { family.refresh.clone() } else { family.access.first().cloned() }.unwrap();
            let Some(answer) = post(client, "/revoke", &revocation(actor, &token)).await else { return answered };
            assert_eq!(answer.status, 200, "{answer:?}");
            family.last = Last::Revoked;
            answered.revocations += 1;
        }
    }
    answered
}

async fn is_accepted(client: &Client, access: &str) -> bool {
    match client.tool("whoami", json!({})).token(access).send().await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// Everything that was answered is as it was answered; what was not is one or the other, whole.
async fn stands(client: &Client, actor: &Actor, family: &Family) {
    let again = match &family.refresh {
        None => oauth::exchange(&actor.client, &family.code),
        Some(token) => oauth::refresh(&actor.client, token),
    };
    // First, because a refresh token that ought to be dead must not have made anything good again.
    let mut accepted = Vec::new();
    for access in &family.access {
        accepted.push(is_accepted(client, access).await);
    }
    let answer = post(client, "/token", &again).await.unwrap();
    let refreshed = answer.status == 200;
    assert!(refreshed || (answer.status == 400 && answer.json()["error"] == "invalid_grant"), "{family:?}: {answer:?}");
    match (family.last, &family.refresh) {
        (Last::Answered, _) | (Last::Asking, Some(_)) => {
            assert!(refreshed, "a token is lost: {family:?}: {answer:?}");
            assert!(accepted.iter().all(|accepted| *accepted), "an access token is lost: {family:?}");
            assert!(is_accepted(client, &Tokens::of(&answer).access).await);
        }
        // A code that may have been spent: its answer is lost with it, and the client asks the person again.
        (Last::Asking, None) => {}
        (Last::Revoked, _) => {
            assert!(!refreshed, "a token that was taken back lives: {family:?}");
            assert!(!accepted.contains(&true), "an access token that was taken back lives: {family:?}");
        }
        (Last::Revoking, _) => {
            assert!(accepted.iter().all(|accepted| *accepted == refreshed), "half is taken back: {family:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_56_and_63_whatever_was_answered_about_a_token_holds_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &DEMO);
    let port = running.port;
    running.kill();
    oauth::behind_a_proxy(directory.path());
    let settings = directory.path().join("bailiwick.toml");
    edit(&settings, "[oauth]", "[oauth]\naccess_token_format = \"jwt\"");
    let password = std::fs::read_to_string(directory.path().join("password.txt")).unwrap();

    let mut running = Running::start_on(directory.path(), port, &DEMO);
    let mut actors = Vec::new();
    for (n, person) in ["ada", "bob", "carol", "dave"].into_iter().enumerate() {
        actors.push(actor(&running, person, &format!("198.51.100.{}", n + 1), password.trim()).await);
    }
    let mut all = Answered::default();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for (moment, format) in MOMENTS {
        edit(&settings, "access_token_format = \"jwt\"", &format!("access_token_format = \"{format}\""));
        drop(running);
        running = Running::start_on(directory.path(), port, &DEMO);
        let mut families = Vec::new();
        for actor in &actors {
            let mut own = Vec::new();
            for _ in 0..CONSENTS {
                own.push(family(actor).await);
            }
            families.push(own);
        }
        let (tell, mut told) = mpsc::unbounded_channel();
        let client = running.client.clone();
        let asking = actors.iter().zip(&mut families).map(|(actor, own)| ask(&client, actor, own, &tell));
        let killing = async {
            told.recv().await.unwrap();
            tokio::time::sleep(Duration::from_millis(moment)).await;
            running.kill();
        };
        let (answered, ()) = tokio::join!(join_all(asking), killing);
        for one in answered {
            all.exchanges += one.exchanges;
            all.refreshes += one.refreshes;
            all.revocations += one.revocations;
        }
        running = Running::start_on(directory.path(), port, &DEMO);
        for (actor, own) in actors.iter().zip(&families) {
            for family in own {
                stands(&running.client, actor, family).await;
                *ends.entry(format!("{:?}", family.last)).or_default() += 1;
            }
        }
        edit(&settings, &format!("access_token_format = \"{format}\""), "access_token_format = \"jwt\"");
    }
    println!("{all:?}; families: {ends:?}");
    assert!(all.exchanges > MOMENTS.len() && all.refreshes > MOMENTS.len() && ends.contains_key("Asking"), "{all:?}");

    // And each was recorded before it was answered.
    let events = run(directory.path(), &["audit", "events", "--json"]).out;
    let recorded = |kind: &str| events.lines().filter(|line| line.contains(kind) && line.contains("ok")).count();
    for (kind, answers) in [
        ("oauth_code_exchange", all.exchanges),
        ("oauth_refresh", all.refreshes),
        ("oauth_revocation", all.revocations),
    ] {
        assert!(recorded(kind) >= answers, "{kind}: {} of {answers}", recorded(kind));
    }
    drop(running);
    for file in ["state.db", "audit.db"] {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join(file));
        let mut connection = options.connect().await.unwrap();
        let found: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, "ok", "{file}");
    }
}
