//! What a restart with another configuration takes away, and what it leaves (items 41, 49, 62, 66 and 70).

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client_documents::described;
use super::operator::beside;
use crate::cli::process::run_with;
use crate::support::bare;
use crate::support::browser::{Browser, Form, form, parameters};
use crate::support::client::Answer;
use crate::support::clock::ManualClock;
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::server::Server;
use crate::support::world::edit;

const PASSWORD: &str = "correct horse battery staple";
const INITECH: &str = "[[tenant]]\nname = \"initech\"\n";
const BOTH: &str = "[[tenant]]\nname = \"acme\"\n[[tenant]]\nname = \"initech\"\n";

/// A server over files that the test changes between two starts.
struct World {
    server: Server,
    files: TempDir,
    clock: Arc<ManualClock>,
}

impl World {
    /// With Ada, of Initech.
    async fn new(configuration: &str) -> Self {
        let files = bare::files(configuration, "");
        let settings = files.path().join("bailiwick.toml");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        edit(&settings, "{port}", &port.to_string());
        let create = ["account", "create", "ada@initech.example", "--tenant", "initech"];
        let said = run_with(files.path(), &create, &format!("{PASSWORD}\n"));
        assert_eq!(said.code, 0, "{said:?}");
        let clock = Arc::new(ManualClock::new());
        Self { server: Server::over(files.path(), Arc::clone(&clock)).await, files, clock }
    }

    /// Stops, changes the files, starts again; it keeps the name that it had.
    async fn restarted(self, change: impl FnOnce(&Path)) -> Self {
        let Self { server, files, clock } = self;
        server.stop().await;
        change(&files.path().join("bailiwick.toml"));
        Self { server: Server::over(files.path(), Arc::clone(&clock)).await, files, clock }
    }

    async fn consent_page(&self, client: &Registered) -> (Browser, Answer) {
        let browser = Browser::new(&self.server.base);
        let page = oauth::open(&browser, &oauth::asking(client)).await;
        let signed_in = oauth::sign_in(&browser, &page, "ada@initech.example", PASSWORD).await;
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let page = browser.get(signed_in.header("location")).await;
        (browser, page)
    }

    async fn code(&self, client: &Registered) -> String {
        let (browser, page) = self.consent_page(client).await;
        parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone()
    }

    async fn exchange(&self, client: &Registered, code: &str) -> Answer {
        oauth::post(&self.server, "/token", &proved(client, oauth::exchange(client, code))).await
    }

    async fn refresh(&self, client: &Registered, tokens: &Tokens) -> Answer {
        oauth::post(&self.server, "/token", &proved(client, oauth::refresh(client, &tokens.refresh))).await
    }

    async fn introspect(&self, client: &Registered, token: &str) -> Value {
        let about = proved(client, Form(Vec::new()).with("client_id", &client.id)).with("token", token);
        let answer = oauth::post(&self.server, "/introspect", &about).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// What `/mcp` says to a token.
    async fn status(&self, access: &str) -> u16 {
        self.server.client.tool("whoami", json!({})).token(access).send().await.status
    }

    /// Nothing of a consent is good any more.
    async fn is_gone(&self, client: &Registered, code: &str, tokens: &Tokens, statuses: &[u16]) {
        for answer in [self.exchange(client, code).await, self.refresh(client, tokens).await] {
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")), "{answer:?}");
        }
        for token in [&tokens.access, &tokens.refresh] {
            assert_eq!(self.introspect(client, token).await, json!({ "active": false }));
        }
        let status = self.status(&tokens.access).await;
        assert!(statuses.contains(&status), "{status}");
    }
}

fn proved(client: &Registered, form: Form) -> Form {
    match &client.secret {
        Some(secret) => form.with("client_secret", secret),
        None => form,
    }
}

#[tokio::test]
async fn item_41_and_66_a_tenant_that_is_suspended_meanwhile_allows_nothing_and_has_nothing() {
    let world = World::new(BOTH).await;
    let client = oauth::register(&world.server, json!({})).await;
    let tokens = Tokens::of(&world.exchange(&client, &world.code(&client).await).await);
    assert_eq!(world.introspect(&client, &tokens.access).await["active"], true);
    let (browser, page) = world.consent_page(&client).await;
    let code = world.code(&client).await;

    let world = world.restarted(|settings| edit(settings, INITECH, "")).await;
    let same = Browser::new(&world.server.base);
    same.set_cookies(browser.cookies());
    let allowed = form(&page.text, "/consent").with("decision", "allow");
    let answer = same.submit("/consent", &allowed).await;
    let found = parameters(answer.handed_over());
    assert_eq!((found["error"].as_str(), found.get("code")), ("access_denied", None), "{answer:?}");
    // Whoever asks for a tenant that is not declared is known and refused.
    world.is_gone(&client, &code, &tokens, &[401, 403]).await;

    // It was suspended and not thrown away.
    let world = world.restarted(|settings| {
        let text = fs::read_to_string(settings).unwrap();
        fs::write(settings, format!("{text}{INITECH}")).unwrap();
    });
    let world = world.await;
    assert_eq!(world.status(&tokens.access).await, 200);
    let next = Tokens::of(&world.refresh(&client, &tokens).await);
    assert_eq!(world.introspect(&client, &next.access).await["active"], true);
}

#[tokio::test]
async fn item_49_a_client_that_serves_another_tenant_now_gets_nothing_for_a_code_of_the_first() {
    let host = |tenant: &str| {
        format!("[[oauth.client_host]]\nname = \"127.0.0.1\"\ninternal = true\ntenants = [\"{tenant}\"]\n")
    };
    let world = World::new(&format!("{}{BOTH}", host("initech"))).await;
    let (_place, client, _) = described(&json!({}));
    let code = world.code(&client).await;
    let tokens = Tokens::of(&world.exchange(&client, &world.code(&client).await).await);
    let world = world.restarted(|settings| edit(settings, "tenants = [\"initech\"]", "tenants = [\"acme\"]")).await;
    for answer in [world.exchange(&client, &code).await, world.refresh(&client, &tokens).await] {
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")), "{answer:?}");
    }
    let world = world.restarted(|settings| edit(settings, "tenants = [\"acme\"]", "tenants = [\"initech\"]")).await;
    Tokens::of(&world.exchange(&client, &code).await);
    Tokens::of(&world.refresh(&client, &tokens).await);
}

#[tokio::test]
async fn item_62_what_was_given_for_a_resource_that_is_not_served_any_more_is_good_for_no_other() {
    let world = World::new(BOTH).await;
    let client = oauth::register(&world.server, json!({})).await;
    let tokens = Tokens::of(&world.exchange(&client, &world.code(&client).await).await);
    let code = world.code(&client).await;
    let world = world
        .restarted(|settings| edit(settings, "[server]", "[server]\npublic_url = \"https://moved.example\""))
        .await;
    world.is_gone(&client, &code, &tokens, &[401]).await;
}

#[tokio::test]
async fn item_66_whatever_is_taken_away_is_inactive_in_introspection() {
    let world = World::new(BOTH).await;
    let portal = oauth::register(&world.server, json!({})).await;
    let login = "ada@initech.example";
    for (arguments, input, again) in [
        (vec!["account", "revoke", login], String::new(), None),
        (vec!["account", "passwd", login], format!("{PASSWORD}\n"), None),
        (vec!["account", "disable", login], String::new(), Some(["account", "enable", login])),
        (vec!["client", "disable", &portal.id], String::new(), Some(["client", "enable", &portal.id])),
        (vec!["account", "delete", login], String::new(), None),
    ] {
        world.clock.advance(Duration::from_mins(1));
        let tokens = Tokens::of(&world.exchange(&portal, &world.code(&portal).await).await);
        for token in [&tokens.access, &tokens.refresh] {
            // What the last command gave back is known within a quarter of a second.
            while world.introspect(&portal, token).await["active"] != true {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let said = beside(&world.server, &arguments, &input).await;
        assert_eq!(said.code, 0, "{said:?}");
        while world.status(&tokens.access).await == 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if arguments[0] == "client" {
            let about = proved(&portal, Form(Vec::new()).with("client_id", &portal.id)).with("token", &tokens.access);
            let answer = oauth::post(&world.server, "/introspect", &about).await;
            assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")), "{answer:?}");
        } else {
            for token in [&tokens.access, &tokens.refresh] {
                assert_eq!(world.introspect(&portal, token).await, json!({ "active": false }), "{arguments:?}");
            }
        }
        if let Some(again) = again {
            assert_eq!(beside(&world.server, &again, "").await.code, 0);
        }
    }
}

#[tokio::test]
async fn item_70_a_client_that_nobody_uses_expires_and_one_in_use_stays() {
    let world = World::new(BOTH).await;
    let unused = oauth::public(&world.server).await;
    let used = oauth::register(&world.server, json!({ "redirect_uris": [CALLBACK] })).await;
    let tokens = Tokens::of(&world.exchange(&used, &world.code(&used).await).await);
    world.clock.advance(Duration::from_hours(2));
    // What came to its end is deleted when a server starts, and every few minutes.
    let world = world.restarted(|_| {}).await;
    let listed = async || beside(&world.server, &["client", "list"], "").await.out;
    while listed().await.contains(&unused.id) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let browser = Browser::new(&world.server.base);
    let answer = browser.get(&format!("/authorize?{}", oauth::asking(&unused).encoded())).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:?}");
    Tokens::of(&world.refresh(&used, &tokens).await);
    assert!(listed().await.contains(&used.id));
}
