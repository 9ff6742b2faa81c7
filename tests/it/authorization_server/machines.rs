//! Clients that act for themselves (RFC 6749, section 4.4): items 5, 44, 55, 64 to 66 and 68.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::operator::beside;
use crate::cli::process::Said;
use crate::support::browser::Form;
use crate::support::client::Answer;
use crate::support::oauth::{self, CALLBACK};
use crate::support::server::Server;

/// What acme's machine is allowed, besides what everybody is.
const LINES: &str = "\np, client:robot, acme, dataset:invoices, read, true, allow\n";

async fn demo() -> Server {
    Server::demo_with(|directory| {
        let file = directory.join("policies/policy.csv");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}{LINES}")).unwrap();
    })
    .await
}

/// Makes a client known; gives its secret.
async fn create(server: &Server, id: &str, more: &[&str]) -> String {
    let arguments = [&["client", "create", "Robot", "--id", id], more].concat();
    let Said { code, out, err } = beside(server, &arguments, "").await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    out.lines().find_map(|line| line.strip_prefix("client secret: ")).unwrap_or_default().to_owned()
}

/// Acme's machine.
async fn robot(server: &Server) -> String {
    create(server, "robot", &["--grants", "client_credentials", "--tenant", "acme"]).await
}

fn form() -> Form {
    Form(Vec::new()).with("grant_type", "client_credentials")
}

async fn token(server: &Server, secret: &str, form: &Form) -> Answer {
    oauth::post_as(server, "/token", form, Some(("robot", secret))).await
}

async fn access(server: &Server, secret: &str) -> String {
    let answer = token(server, secret, &form()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str, what: &str) {
    assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{what}: {answer:?}");
}

#[tokio::test]
async fn item_55_a_machine_is_itself_in_its_tenant_and_nobody_else() {
    let server = demo().await;
    let secret = robot(&server).await;
    let answer = token(&server, &secret, &form()).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let body = answer.json();
    assert_eq!(
        (&body["token_type"], &body["scope"], body.get("refresh_token")),
        (&json!("Bearer"), &json!("mcp:read"), None)
    );
    let access = body["access_token"].as_str().unwrap();
    let claims = oauth::claims(access);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("client:robot"), &json!("robot")));
    assert_eq!((&claims["tenant"], claims.get("external_user_id")), (&json!("acme"), None));
    assert_eq!(claims["aud"], format!("{}/mcp", server.base));

    let who = server.client.tool("whoami", json!({})).token(access).send().await.structured();
    assert_eq!((&who["subject"], &who["tenant"]), (&json!("bailiwick/client:robot"), &json!("acme")));
    assert_eq!(who["external_user_id"], Value::Null);
    assert_eq!(who["names"], json!(["*", "client:robot", "verified"]));
    let tools = server.client.tools(access).await;
    assert!(
        tools.iter().any(|tool| tool == "list_invoices") && !tools.iter().any(|tool| tool == "list_people"),
        "{tools:?}"
    );
    let invoices = server.client.tool("list_invoices", json!({})).token(access).send().await.structured();
    assert!(!invoices["rows"].as_array().unwrap().is_empty(), "{invoices}");
    // A header does not make it a person.
    let claimed =
        server.client.tool("whoami", json!({})).token(access).header("X-External-User-ID", "ada@acme.example");
    assert_eq!(claimed.send().await.structured()["names"], json!(["*", "client:robot", "verified"]));
    let elsewhere = server.client.tool("whoami", json!({})).token(access).header("X-Tenant-ID", "globex");
    assert_eq!(elsewhere.send().await.status, 403);

    let events = oauth::stop_and_read_events(server).await;
    let of: Vec<_> = events.iter().filter(|(kind, _)| kind == "oauth_client_credentials").collect();
    let [(_, detail)] = of.as_slice() else { panic!("{of:?}") };
    assert_eq!(
        (&detail["client"], &detail["tenant"], &detail["outcome"]),
        (&json!("robot"), &json!("acme"), &json!("ok"))
    );
    assert_eq!((&detail["actor"], detail.get("generation")), (&json!("client:robot"), None));
}

#[tokio::test]
async fn item_44_and_68_only_the_operators_machines_act_for_themselves() {
    let server = demo().await;
    let secret = robot(&server).await;
    let person = oauth::register(&server, json!({})).await;
    let form = form();
    let answer = oauth::post_as(&server, "/token", &form, Some((&person.id, person.secret.as_deref().unwrap()))).await;
    refused(&answer, 400, "unauthorized_client", "a client that registered itself");
    let public = oauth::public(&server).await;
    let answer = oauth::post(&server, "/token", &form.clone().with("client_id", &public.id)).await;
    refused(&answer, 400, "unauthorized_client", "a public client");
    refused(&token(&server, "wrong", &form).await, 401, "invalid_client", "another secret");
    refused(
        &oauth::post(&server, "/token", &form.clone().with("client_id", "robot")).await,
        401,
        "invalid_client",
        "none",
    );
    for (name, value, error) in
        [("scope", "admin", "invalid_scope"), ("resource", "https://evil.example/mcp", "invalid_target")]
    {
        refused(&token(&server, &secret, &form.clone().with(name, value)).await, 400, error, name);
    }
    let wider = token(&server, &secret, &form.clone().with("scope", "mcp:read mcp:write")).await;
    assert_eq!(wider.json()["scope"], "mcp:read mcp:write");
    for grant in ["authorization_code", "refresh_token"] {
        let asked = form.clone().with("grant_type", grant).with("code", "x").with("refresh_token", "x");
        refused(&token(&server, &secret, &asked).await, 400, "unauthorized_client", grant);
    }
    let robot = oauth::Registered { id: "robot".to_owned(), secret: None, callback: CALLBACK.to_owned() };
    let page = crate::support::browser::Browser::new(&server.base);
    let page = page.get(&format!("/authorize?{}", oauth::asking(&robot).encoded())).await;
    assert_eq!((page.status, page.header("location")), (400, ""), "nobody signs in for it");
}

#[tokio::test]
async fn item_64_to_66_a_machines_token_is_taken_back_as_anybodys() {
    let server = demo().await;
    let secret = robot(&server).await;
    let (one, other) = (access(&server, &secret).await, access(&server, &secret).await);
    let about = |token: &str| Form(Vec::new()).with("token", token);
    let known = oauth::post_as(&server, "/introspect", &about(&one), Some(("robot", &secret))).await.json();
    assert_eq!((&known["active"], &known["sub"], known.get("username")), (&json!(true), &json!("client:robot"), None));
    oauth::post_as(&server, "/revoke", &about(&one), Some(("robot", &secret))).await;
    assert!(!oauth::is_accepted(&server, &one).await);
    assert!(oauth::is_accepted(&server, &other).await, "each token is a grant of its own");
    let known = oauth::post_as(&server, "/introspect", &about(&one), Some(("robot", &secret))).await.json();
    assert_eq!(known, json!({ "active": false }));

    let said = beside(&server, &["client", "delete", "robot"], "").await;
    assert_eq!(said.code, 0, "{said:?}");
    refused(&token(&server, &secret, &form()).await, 401, "invalid_client", "deleted");
    for _ in 0..400 {
        if !oauth::is_accepted(&server, &other).await {
            return;
        }
    }
    panic!("the token of a deleted client is still accepted");
}

#[tokio::test]
async fn item_45_a_machines_token_ends() {
    let server = demo().await;
    let secret = robot(&server).await;
    let access = access(&server, &secret).await;
    server.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert!(oauth::is_accepted(&server, &access).await);
    server.clock.advance(Duration::from_secs(2));
    assert!(!oauth::is_accepted(&server, &access).await);
}

#[tokio::test]
async fn what_cannot_go_together_is_refused_at_the_command_line() {
    let server = demo().await;
    let tenant = ["--tenant", "acme"];
    let two = ["--tenant", "acme", "--tenant", "globex"];
    let redirect = ["--redirect-uri", CALLBACK];
    for (arguments, expected) in [
        (vec!["--grants", "client_credentials"], "exactly one `--tenant`"),
        ([&["--grants", "client_credentials"][..], &two].concat(), "exactly one `--tenant`"),
        ([&["--grants", "client_credentials", "--public"][..], &tenant].concat(), "has a secret or a key"),
        (
            [&["--grants", "client_credentials"][..], &tenant, &redirect].concat(),
            "without the grant `authorization_code`",
        ),
        ([&["--grants", "client_credentials,refresh_token"][..], &tenant].concat(), "comes of the grant"),
        (vec![], "give `--redirect-uri`"),
        (vec!["--grants", "password"], "is not a grant type"),
    ] {
        let said = beside(&server, &[&["client", "create", "Robot"], arguments.as_slice()].concat(), "").await;
        assert!(said.code != 0 && said.err.contains(expected), "{arguments:?}: {said:?}");
    }
    let long = "x".repeat(250);
    let said = beside(
        &server,
        &["client", "create", "R", "--id", &long, "--grants", "client_credentials", "--tenant", "acme"],
        "",
    )
    .await;
    assert!(said.code == 1 && said.err.contains("257 bytes"), "{said:?}");
    create(
        &server,
        "both",
        &[&["--grants", "authorization_code,refresh_token,client_credentials"][..], &tenant, &redirect].concat(),
    )
    .await;
    assert!(beside(&server, &["client", "show", "both"], "").await.out.contains("client_credentials"));
}
