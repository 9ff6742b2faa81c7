//! What the operator does at the command line, and how soon a running server knows it (items 9, 41, 53 and 66).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::process::{Said, run_with};
use crate::support::browser::{Browser, form};
use crate::support::oauth::{self, Registered, Tokens};
use crate::support::server::Server;

/// Runs a command beside the server, whose transactions go on meanwhile.
pub(super) async fn beside(server: &Server, arguments: &[&str], input: &str) -> Said {
    let (directory, input) = (server.directory.clone(), input.to_owned());
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let running = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run_with(&directory, &arguments, &input)
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

/// Runs a command that must not fail.
async fn command(server: &Server, arguments: &[&str], input: &str) -> String {
    let Said { code, out, err } = beside(server, arguments, input).await;
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

/// Waits until the server refuses the token; says how long that took.
///
/// It is measured from when the command has ended, and so a moment after it was in the file.
#[expect(clippy::disallowed_methods, reason = "what is measured is how long a person would wait")]
async fn refused(server: &Server, access: &str) -> Duration {
    let begun = Instant::now();
    while oauth::is_accepted(server, access).await {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

async fn refreshed(server: &Server, client: &Registered, tokens: &Tokens) -> (u16, Value) {
    let answer = oauth::post(server, "/token", &oauth::refresh(client, &tokens.refresh)).await;
    (answer.status, answer.json()["error"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_66_what_the_operator_takes_away_is_gone_at_once() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let kept = oauth::tokens(&server, &client, "carol").await;
    for (person, arguments, input) in [
        ("ada", &["account", "disable", "ada@acme.example"][..], ""),
        ("bob", &["account", "passwd", "bob@acme.example"], "another password, long enough\n"),
    ] {
        let tokens = oauth::tokens(&server, &client, person).await;
        assert!(oauth::is_accepted(&server, &tokens.access).await);
        command(&server, arguments, input).await;
        let took = refused(&server, &tokens.access).await;
        println!("{arguments:?} took {took:?}");
        assert_eq!(refreshed(&server, &client, &tokens).await, (400, json!("invalid_grant")));
    }
    assert!(oauth::is_accepted(&server, &kept.access).await, "nobody else is concerned");

    command(&server, &["client", "disable", &client.id], "").await;
    refused(&server, &kept.access).await;
    assert_eq!(refreshed(&server, &client, &kept).await, (401, json!("invalid_client")));
    command(&server, &["client", "enable", &client.id], "").await;
    while !oauth::is_accepted(&server, &kept.access).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    command(&server, &["client", "delete", &client.id], "").await;
    refused(&server, &kept.access).await;
    assert_eq!(refreshed(&server, &client, &kept).await, (401, json!("invalid_client")), "item 53");
    let gone = Browser::new(&server.base).get(&format!("/authorize?{}", oauth::asking(&client).encoded())).await;
    assert_eq!((gone.status, gone.header("location")), (400, ""), "item 10");

    let events = oauth::stop_and_read_events(server).await;
    let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    for kind in ["account_disabled", "password_changed", "client_disabled", "client_enabled", "client_deleted"] {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), 1, "{kind} in {kinds:?}");
    }
}

/// The longest that a server may not know what a command did.
const BOUND: Duration = Duration::from_millis(250);

/// A token, a grant, a client and an account, each taken away by a command, three times. The middle one has to be within the bound:
/// the slowest may show how busy the machine of the tests was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_66_a_running_server_knows_within_a_quarter_of_a_second_what_a_command_took_away() {
    let server = Server::demo().await;
    for what in ["token", "refresh token", "grant", "client", "account"] {
        let mut all = Vec::new();
        for person in ["ada", "bob", "carol"] {
            let client = oauth::public(&server).await;
            let tokens = oauth::tokens(&server, &client, person).await;
            assert!(oauth::is_accepted(&server, &tokens.access).await);
            let (login, grant) = (oauth::login(person), oauth::claims(&tokens.access)["gid"].clone());
            let (arguments, input): (Vec<&str>, &str) = match what {
                "token" => (vec!["token", "revoke"], &tokens.access),
                "refresh token" => (vec!["token", "revoke"], &tokens.refresh),
                "grant" => (vec!["token", "revoke", "--grant", grant.as_str().unwrap()], ""),
                "client" => (vec!["client", "disable", &client.id], ""),
                _ => (vec!["account", "disable", &login], ""),
            };
            command(&server, &arguments, input).await;
            all.push(refused(&server, &tokens.access).await);
            let after = refreshed(&server, &client, &tokens).await;
            let expected =
                if what == "client" { (401, json!("invalid_client")) } else { (400, json!("invalid_grant")) };
            assert_eq!(after, expected, "{what}");
            // For the limits: nobody signs in so often.
            server.clock.advance(Duration::from_mins(1));
        }
        all.sort();
        println!("{what}: {all:?}");
        assert!(all[1] < BOUND, "{what}: {all:?}");
    }
    let events = oauth::stop_and_read_events(server).await;
    assert_eq!(events.iter().filter(|(kind, _)| kind == "grant_revoked").count(), 9, "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_token_of_this_server_cannot_be_taken_back() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let tokens = oauth::tokens(&server, &client, "ada").await;
    let grant = oauth::claims(&tokens.access)["gid"].as_str().unwrap().to_owned();
    let said = command(&server, &["token", "revoke"], &format!("Bearer {}\n", tokens.access)).await;
    assert!(said.contains(&grant) && said.contains(&client.id) && said.contains("is revoked"), "{said}");
    let again = command(&server, &["token", "revoke"], &tokens.refresh).await;
    assert!(again.contains("was revoked already"), "{again}");
    let forwarded = server.token("ada");
    for (arguments, input, expected) in [
        (&["token", "revoke"][..], forwarded.as_str(), "this server did not give that token"),
        (&["token", "revoke"], "", "no token on standard input"),
        (&["token", "revoke", "--grant", "gr-nothing"], "", "there is no grant `gr-nothing`"),
        (&["token", "revoke", "--grant", "-nothing"], "", "there is no grant `-nothing`"),
    ] {
        let said = beside(&server, arguments, input).await;
        assert!(said.code == 1 && said.err.contains(expected) && said.out.is_empty(), "{arguments:?}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_66_a_consent_a_session_and_an_account_are_taken_away_one_by_one() {
    let server = Server::demo().await;
    let (client, other) = (oauth::public(&server).await, oauth::public(&server).await);
    let ada = oauth::tokens(&server, &client, "ada").await;
    let adas = oauth::tokens(&server, &other, "ada").await;
    let bob = oauth::tokens(&server, &client, "bob").await;

    let said = command(&server, &["account", "revoke", "ada@acme.example", "--client", &client.id], "").await;
    assert!(said.contains("grants: 1"), "{said}");
    refused(&server, &ada.access).await;
    assert_eq!(refreshed(&server, &client, &ada).await, (400, json!("invalid_grant")));
    assert!(oauth::is_accepted(&server, &adas.access).await, "what she allowed the other stays");
    command(&server, &["account", "revoke", "ada@acme.example"], "").await;
    refused(&server, &adas.access).await;

    // Signed out everywhere, and what he allowed stays.
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "bob").await;
    command(&server, &["account", "sign-out", "bob@acme.example"], "").await;
    let answer = browser.submit("/consent", &form(&page.text, "/consent").with("decision", "allow")).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:?}");
    assert!(browser.get("/sign-out").await.text.contains("Signed out"));
    assert!(oauth::is_accepted(&server, &bob.access).await);

    let said = command(&server, &["account", "delete", "bob@acme.example"], "").await;
    assert!(said.contains("grants revoked: 1"), "{said}");
    refused(&server, &bob.access).await;
    assert_eq!(refreshed(&server, &client, &bob).await, (400, json!("invalid_grant")));
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let answer = oauth::sign_in(&browser, &page, "bob@acme.example", server.password()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    for command in [&["account", "sign-out", "x"][..], &["account", "revoke", "x"], &["account", "delete", "x"]] {
        let said = beside(&server, command, "").await;
        assert!(said.code == 1 && said.err.contains("there is no account `x`"), "{said:?}");
    }

    let events = oauth::stop_and_read_events(server).await;
    let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    for (kind, times) in [("consent_withdrawn", 2), ("account_signed_out", 1), ("account_deleted", 1)] {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), times, "{kind} in {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_41_whoever_is_disabled_meanwhile_allows_nothing() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    command(&server, &["account", "disable", "ada@acme.example"], "").await;
    let answer = browser.submit("/consent", &form(&page.text, "/consent").with("decision", "allow")).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:?}");
    let late = oauth::post(&server, "/token", &oauth::exchange(&client, &code)).await;
    assert_eq!((late.status, &late.json()["error"]), (400, &json!("invalid_grant")), "a code that was given before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_one_tenant_is_nobody_elses() {
    let server = Server::demo().await;
    let said = command(
        &server,
        &["client", "create", "Acme portal", "--redirect-uri", oauth::CALLBACK, "--tenant", "acme"],
        "",
    )
    .await;
    let line = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let client = Registered {
        id: line("client id: "),
        secret: Some(line("client secret: ")),
        callback: oauth::CALLBACK.to_owned(),
    };
    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &browser, &oauth::asking(&client), "ada").await;
    assert!(page.text.contains("registered by the operator") && !page.text.contains("unverified"), "{}", page.text);
    assert!(oauth::decide(&browser, &page, "allow").await.contains("code="));
    let stranger = Browser::new(&server.base);
    let page = oauth::consent_page(&server, &stranger, &oauth::asking(&client), "dave").await;
    assert!(oauth::decide(&stranger, &page, "allow").await.contains("error=access_denied"));

    let listed = command(&server, &["client", "list"], "").await;
    assert!(listed.contains("Acme portal") && listed.contains("for acme"), "{listed}");
    let shown = command(&server, &["client", "show", &client.id], "").await;
    assert!(!shown.contains(client.secret.as_deref().unwrap()) && shown.contains(oauth::CALLBACK), "{shown}");
    for (arguments, expected) in [
        (&["client", "create", "x", "--redirect-uri", "http://app.example/cb"][..], "to another machine"),
        (&["client", "create", "x", "--redirect-uri", "com.example.app:/cb"], "private_schemes"),
        (&["client", "create", "x", "--redirect-uri", &format!("{}/cb", server.base)], "leads to this server itself"),
        (
            &["client", "create", "x", "--redirect-uri", "https://a.example/", "--tenant", "acne"],
            "did you mean `acme`?",
        ),
        (&["client", "show", "nobody"], "there is no client `nobody`"),
        (&["account", "disable", "nobody@acme.example"], "there is no account"),
        (&["account", "create", "ada@acme.example", "--tenant", "acme", "--generate"], "there is an account"),
        (&["account", "create", "new@acme.example", "--tenant", "acme"], "the password has 0 characters"),
    ] {
        let said = beside(&server, arguments, "").await;
        assert!(said.code != 0 && said.err.contains(expected), "{arguments:?}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_made_meanwhile_can_sign_in() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let create = [
        "account",
        "create",
        "Frida@acme.example",
        "--tenant",
        "acme",
        "--external-user",
        "frida@acme.example",
        "--generate",
    ];
    let said = command(&server, &create, "").await;
    let password = said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    let browser = Browser::new(&server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let signed_in = oauth::sign_in(&browser, &page, "frida@ACME.example", password).await;
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    assert!(command(&server, &["account", "list"], "").await.contains("user:frida@acme.example"));
}

#[tokio::test]
async fn item_9_stolen_keys_are_replaced_and_one_is_never_used_before_it_is_known() {
    let server = Server::demo().await;
    let client = oauth::public(&server).await;
    let tokens = oauth::tokens(&server, &client, "ada").await;
    let keys = async || {
        let document = server.client.get("/jwks.json").send().await.json();
        let keys = document["keys"].as_array().unwrap().clone();
        keys.into_iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = keys().await;
    assert_eq!(command(&server, &["key", "list"], "").await.lines().count(), 2);

    command(&server, &["key", "rotate", "--replace"], "").await;
    refused(&server, &tokens.access).await;
    let after = keys().await;
    assert!(before.iter().all(|kid| !after.contains(kid)), "whoever has one has them all: {before:?} {after:?}");
    let early = beside(&server, &["key", "rotate"], "").await;
    assert!(early.code == 1 && early.err.contains("can sign from"), "{early:?}");
    // The client goes on with its refresh token.
    let next = Tokens::of(&oauth::post(&server, "/token", &oauth::refresh(&client, &tokens.refresh)).await);
    assert!(oauth::is_accepted(&server, &next.access).await);
}
