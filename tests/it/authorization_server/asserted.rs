//! Platforms that say which person they work for: only those that the operator marked, only their tenants' people, and the
//! policy knows that nobody else has said so.

use serde_json::{Value, json};

use crate::cli::process::{run, run_with};
use crate::support::bare;
use crate::support::browser::{Browser, parameters};
use crate::support::client::Answer;
use crate::support::oauth::{self, CALLBACK, Registered, Tokens};
use crate::support::server::Server;

const CONFIGURATION: &str =
    "[[tenant]]\nname = \"acme\"\naliases = [\"acme-in-mongo\"]\n[[tenant]]\nname = \"globex\"\n";

/// Bob may echo; nobody may whom a platform alone has named, in Globex; whoever proved it may read the welcome.
const POLICY: &str = "\
p, role:member, *, tool:echo, call, true, allow
p, *, globex, tool:echo, call, r.sub.assurance == \"asserted\", deny
p, role:watched, *, tool:echo, call, r.sub.actor == \"platform\", allow
p, verified, *, resource:static://welcome, read, true, allow
g, user:bob@acme.example, role:member, acme
g, user:dave@globex.example, role:member, globex
g, user:eve@acme.example, role:watched, acme
";

const PASSWORD: &str = "correct horse battery staple";

struct World {
    server: Server,
    files: tempfile::TempDir,
}

/// A server with one person for each tenant who consents for their company.
async fn world() -> World {
    let files = bare::files(CONFIGURATION, POLICY);
    for (login, tenant) in [("admin@acme.example", "acme"), ("admin@globex.example", "globex")] {
        let create = ["account", "create", login, "--tenant", tenant, "--external-user", login];
        let text = std::fs::read_to_string(files.path().join("bailiwick.toml")).unwrap();
        std::fs::write(files.path().join("bailiwick.toml"), text.replace("port = {port}", "port = 8080")).unwrap();
        let said = run_with(files.path(), &create, &format!("{PASSWORD}\n"));
        assert_eq!(said.code, 0, "{said:?}");
        std::fs::write(files.path().join("bailiwick.toml"), text).unwrap();
    }
    let clock = std::sync::Arc::new(crate::support::clock::ManualClock::new());
    World { server: Server::over(files.path(), clock).await, files }
}

impl World {
    /// A client that the operator makes, once the server knows it.
    async fn client(&self, more: &[&str]) -> Registered {
        let create = [&["client", "create", "Platform", "--redirect-uri", CALLBACK], more].concat();
        let said = run(self.files.path(), &create);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        let line = |name: &str| said.out.lines().find_map(|line| line.strip_prefix(name)).map(ToOwned::to_owned);
        let id = line("client id: ").unwrap();
        while !self.events().lines().any(|event| event.contains("client_created") && event.contains(&id)) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Registered { id, secret: line("client secret: "), callback: CALLBACK.to_owned() }
    }

    /// What the audit holds of the server itself.
    fn events(&self) -> String {
        run(self.files.path(), &["audit", "events", "--json"]).out
    }

    /// What a client gets when the person of this login consents.
    async fn consented(&self, client: &Registered, login: &str) -> Tokens {
        let browser = Browser::new(&self.server.base);
        let page = oauth::open(&browser, &oauth::asking(client)).await;
        let signed_in = oauth::sign_in(&browser, &page, login, PASSWORD).await;
        let page = browser.get(signed_in.header("location")).await;
        let code = parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
        let mut exchange = oauth::exchange(client, &code);
        if let Some(secret) = &client.secret {
            exchange = exchange.with("client_secret", secret);
        }
        Tokens::of(&oauth::post(&self.server, "/token", &exchange).await)
    }

    async fn tool(&self, tool: &str, access: &str, headers: &[(&str, &str)]) -> Answer {
        let arguments = if tool == "echo" { json!({ "text": "x" }) } else { json!({}) };
        let call = self.server.client.tool(tool, arguments).token(access);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
    }

    async fn whoami(&self, access: &str, headers: &[(&str, &str)]) -> Value {
        self.tool("whoami", access, headers).await.structured()
    }

    async fn may_echo(&self, access: &str, headers: &[(&str, &str)]) -> bool {
        let answer = self.tool("echo", access, headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().get("error").is_none()
    }
}

const PLATFORM: [&str; 5] = ["--id", "platform", "--tenant", "acme", "--asserts-users"];
const BOB: (&str, &str) = ("X-External-User-ID", "bob@acme.example");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_may_names_the_person_and_is_itself_the_actor() {
    let world = world().await;
    let client = world.client(&PLATFORM).await;
    let tokens = world.consented(&client, "admin@acme.example").await;
    // The headers of the guide, the tenant by its alias.
    let headers = [BOB, ("X-Tenant-ID", "acme-in-mongo"), ("X-User-ID", "user_12345"), ("X-Agent-ID", "helper")];
    let whoami = world.whoami(&tokens.access, &headers).await;
    assert_eq!(whoami["external_user_id"], "bob@acme.example", "{whoami}");
    assert_eq!(whoami["subject"], "bailiwick/asserted:bob@acme.example", "{whoami}");
    assert_eq!((&whoami["assurance"], &whoami["actor"]), (&json!("asserted"), &json!("platform")));
    assert_eq!((&whoami["tenant"], &whoami["client"]), (&json!("acme"), &json!("platform")));
    assert_eq!(
        whoami["names"],
        json!(["*", "role:member", "user:bob@acme.example"]),
        "not `verified`: nobody proved it"
    );
    assert!(world.may_echo(&tokens.access, &headers).await, "bob may, and so may the platform for him");

    // Without a name it is the person who consented, who may not.
    let own = world.whoami(&tokens.access, &[]).await;
    assert_eq!((&own["external_user_id"], &own["assurance"]), (&json!("admin@acme.example"), &json!("verified")));
    assert!(!world.may_echo(&tokens.access, &[]).await);
    // Whoever consented, named by the platform, is no more than named.
    let named = world.whoami(&tokens.access, &[("X-External-User-ID", "admin@acme.example")]).await;
    assert_eq!(named["assurance"], "asserted", "{named}");

    let _files = world.server.stop().await;
    let said = run(world.files.path(), &["audit", "query", "--json"]);
    assert!(said.out.contains("bailiwick/asserted:bob@acme.example") && said.out.contains("\"platform\""), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_client_names_anybody() {
    let world = world().await;
    let plain = world.client(&["--tenant", "acme"]).await;
    let itself = oauth::public(&world.server).await;
    for client in [&plain, &itself] {
        let tokens = world.consented(client, "admin@acme.example").await;
        let answer = world.tool("whoami", &tokens.access, &[BOB]).await;
        assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("context_mismatch")), "{answer:?}");
        let own = world.whoami(&tokens.access, &[("X-External-User-ID", "admin@acme.example")]).await;
        assert_eq!(own["assurance"], "verified", "{own}");
    }
    // Nor can a client mark itself.
    let marked = json!({ "token_endpoint_auth_method": "none", "asserts_users": true });
    let marked = oauth::register(&world.server, marked).await;
    let tokens = world.consented(&marked, "admin@acme.example").await;
    assert_eq!(world.tool("whoami", &tokens.access, &[BOB]).await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_names_people_of_its_tenants_and_in_one_way() {
    let world = world().await;
    let client = world.client(&PLATFORM).await;
    let tokens = world.consented(&client, "admin@acme.example").await;
    let long = "x".repeat(257);
    for (headers, status, code) in [
        (vec![BOB, ("X-Tenant-ID", "globex")], 403, "context_mismatch"),
        (vec![("X-User-ID", "user_12345")], 400, "invalid_request"),
        (vec![("X-Blockbrain-User-Email", "bob@acme.example")], 400, "invalid_request"),
        (vec![BOB, BOB], 400, "invalid_request"),
        (vec![("X-External-User-ID", long.as_str())], 400, "invalid_request"),
        (vec![("X-External-User-ID", "")], 400, "invalid_request"),
    ] {
        let answer = world.tool("whoami", &tokens.access, &headers).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, error.as_str().unwrap_or_default()), (status, code), "{headers:?}: {answer:?}");
    }
    let long = "x".repeat(256);
    assert_eq!(world.whoami(&tokens.access, &[("X-External-User-ID", &long)]).await["external_user_id"], long);
    // A person of another tenant has no lines in this one.
    let dave = ("X-External-User-ID", "dave@globex.example");
    assert_eq!(world.whoami(&tokens.access, &[dave]).await["tenant"], "acme");
    assert!(!world.may_echo(&tokens.access, &[dave]).await);
    // A client of one tenant gets nothing from a person of another, whatever it asserts.
    let browser = Browser::new(&world.server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    let signed_in = oauth::sign_in(&browser, &page, "admin@globex.example", PASSWORD).await;
    let page = browser.get(signed_in.header("location")).await;
    assert!(oauth::decide(&browser, &page, "allow").await.contains("error=access_denied"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_can_ask_how_it_is_known() {
    let world = world().await;
    let client = world.client(&["--id", "platform", "--tenant", "acme", "--tenant", "globex", "--asserts-users"]).await;
    let acme = world.consented(&client, "admin@acme.example").await;
    let globex = world.consented(&client, "admin@globex.example").await;
    assert!(world.may_echo(&acme.access, &[BOB]).await);
    let dave = ("X-External-User-ID", "dave@globex.example");
    assert!(!world.may_echo(&globex.access, &[dave]).await, "r.sub.assurance == \"asserted\" denies");
    let eve = ("X-External-User-ID", "eve@acme.example");
    assert!(world.may_echo(&acme.access, &[eve]).await, "r.sub.actor == \"platform\" allows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_mcp_session_of_one_person_is_nobody_elses() {
    let world = world().await;
    let tokens = world.consented(&world.client(&PLATFORM).await, "admin@acme.example").await;
    let initialize = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" }
    });
    let accept = ("Accept", "application/json, text/event-stream");
    let open = world.server.client.rpc("initialize", initialize).token(&tokens.access);
    let opened = open.header(accept.0, accept.1).header(BOB.0, BOB.1).send().await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let session = opened.header("mcp-session-id").to_owned();
    assert!(!session.is_empty(), "{opened:?}");
    for (who, status) in [("carol@acme.example", 404), ("bob@acme.example", 200)] {
        let call = world.server.client.rpc("tools/list", json!({})).token(&tokens.access);
        let call = call.header("Mcp-Session-Id", &session).header(accept.0, accept.1).header(BOB.0, who);
        let answer = call.header("MCP-Protocol-Version", "2025-06-18").send().await;
        assert_eq!(answer.status, status, "{who}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mark_needs_tenants_and_a_secret_and_is_shown() {
    let world = world().await;
    let base = ["client", "create", "P", "--redirect-uri", CALLBACK, "--asserts-users"];
    for (more, expected) in [
        (&[][..], "--tenant"),
        (&["--tenant", "acme", "--public"][..], "cannot be used with"),
        (&["--tenant", "acne"][..], "did you mean `acme`?"),
    ] {
        let said = run(world.files.path(), &[&base[..], more].concat());
        assert!(said.code != 0 && said.err.contains(expected), "{more:?}: {said:?}");
    }
    world.client(&PLATFORM).await;
    let shown = run(world.files.path(), &["client", "show", "platform"]).out;
    assert!(shown.contains("asserts users   yes"), "{shown}");
    let events = world.events();
    let made = events.lines().find(|event| event.contains("client_created")).unwrap();
    assert!(made.contains("asserts_users"), "{made}");
}
