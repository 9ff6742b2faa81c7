//! The description is true: whatever the described endpoints answer here, well or badly asked, is in the document that they are
//! described by. And it can be read, by programs and by people.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Form, form};
use crate::support::chromium::Chromium;
use crate::support::client::Answer;
use crate::support::oauth;
use crate::support::server::Server;

/// The document, and which of its answers were seen.
struct Described {
    document: Value,
    seen: BTreeSet<String>,
}

impl Described {
    async fn of(server: &Server) -> Self {
        let answer = server.client.get("/openapi.json").header("Origin", "https://app.example").send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        Self { document: answer.json(), seen: BTreeSet::new() }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(reference) = schema["$ref"].as_str() else { return schema };
        let name = reference.rsplit('/').next().unwrap();
        let found = &self.document["components"]["schemas"][name];
        assert!(found.is_object(), "{reference}");
        found
    }

    /// Holds an answer against what is said of it. A method that is not described has the answer of one that is not allowed.
    fn holds(&mut self, path: &str, method: &str, answer: &Answer) {
        let methods = &self.document["paths"][path];
        let described = methods.get(method).or_else(|| methods.as_object()?.values().next());
        let described = described.unwrap_or_else(|| panic!("{path} is not described"));
        let status = answer.status.to_string();
        let said = &described["responses"][&status];
        assert!(said.is_object(), "{method} {path}: {status} is not described: {answer:?}");
        for (name, header) in said["headers"].as_object().into_iter().flatten() {
            assert!(header["required"] == false || !answer.header(name).is_empty(), "{path} {status}: no {name}");
        }
        let Some((media, content)) = said["content"].as_object().and_then(|content| content.iter().next()) else {
            assert_eq!(answer.text, "", "{path} {status}");
            self.seen.insert(format!("{path} {status}"));
            return;
        };
        assert_eq!(answer.header("content-type"), media, "{path} {status}");
        if media.starts_with("application/json") {
            self.fits(&answer.json(), &content["schema"], &format!("{path} {status}"));
        }
        self.seen.insert(format!("{path} {status}"));
    }

    /// Holds a value against a schema: no member is missing, none is unknown, each is of its kind.
    fn fits(&self, value: &Value, schema: &Value, at: &str) {
        let schema = self.resolved(schema);
        match schema["type"].as_str().unwrap_or_else(|| panic!("{at}: {schema}")) {
            "object" => {
                let members = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
                for required in schema["required"].as_array().into_iter().flatten() {
                    assert!(members.contains_key(required.as_str().unwrap()), "{at}: {required} is not in {value}");
                }
                for (name, value) in members {
                    let member = &schema["properties"][name];
                    assert!(member.is_object(), "{at}: {name} is not described");
                    self.fits(value, member, &format!("{at} {name}"));
                }
            }
            "array" => value.as_array().unwrap().iter().for_each(|item| self.fits(item, &schema["items"], at)),
            "string" => {
                assert!(value.is_string(), "{at}: {value}");
                let words = schema["enum"].as_array();
                assert!(words.is_none_or(|words| words.contains(value)), "{at}: {value} is not one of {words:?}");
            }
            "integer" => assert!(value.is_u64(), "{at}: {value}"),
            "boolean" => assert!(value.is_boolean(), "{at}: {value}"),
            other => panic!("{at}: {other}"),
        }
    }
}

/// A way to ask an endpoint: the form, and who the client is in the header.
type Ask<'a> = (&'a str, Form, Option<(&'a str, &'a str)>);

#[tokio::test]
async fn what_the_endpoints_answer_is_described() {
    let server = Server::demo().await;
    let mut described = Described::of(&server).await;
    assert_eq!(described.document["servers"][0]["url"], server.base);

    for path in described.document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>() {
        if path.starts_with("/.well-known") || ["/healthz", "/readyz", "/jwks.json"].contains(&path.as_str()) {
            described.holds(&path, "get", &server.client.get(&path).send().await);
        }
    }

    let body = |members: Value| {
        let call = server.client.method("POST", "/register").header("Content-Type", "application/json");
        call.body(members.to_string()).send()
    };
    let redirects = json!({ "redirect_uris": [oauth::CALLBACK], "client_name": "A" });
    for members in [redirects, json!({}), json!([]), json!({ "redirect_uris": [oauth::CALLBACK], "scope": "admin" })] {
        described.holds("/register", "post", &body(members).await);
    }
    described.holds(
        "/register",
        "post",
        &body(json!({ "redirect_uris": ["https://a.example"], "client_name": "A".repeat(20_000) })).await,
    );
    described.holds("/register", "get", &server.client.get("/register").send().await);

    let client = oauth::register(&server, json!({})).await;
    let (id, secret) = (client.id.as_str(), client.secret.as_deref().unwrap());
    let known = Some((id, secret));
    let code = oauth::code(&server, &oauth::asking(&client), "ada").await;
    let exchange = oauth::exchange(&client, &code);
    let tokens = oauth::post_as(&server, "/token", &exchange, known).await;
    described.holds("/token", "post", &tokens);
    let tokens = oauth::Tokens::of(&tokens);
    let refresh = Form(Vec::new()).with("grant_type", "refresh_token").with("refresh_token", &tokens.refresh);
    let of = |token: &str| Form(Vec::new()).with("token", token);
    let asks: Vec<Ask> = vec![
        ("/token", refresh.clone().with("scope", "mcp:write"), known),
        ("/token", refresh.clone().with("resource", "https://other.example"), known),
        ("/token", refresh.clone(), known),
        ("/token", refresh.clone(), Some((id, "wrong"))),
        ("/token", refresh.with("client_secret", "wrong").with("client_id", id), None),
        ("/token", exchange.clone(), known),
        ("/token", exchange.with("x", &"x".repeat(20_000)), known),
        ("/token", Form(Vec::new()).with("grant_type", "password"), known),
        ("/token", Form(Vec::new()), known),
        ("/introspect", of(&tokens.access), known),
        ("/introspect", of("nothing"), known),
        ("/introspect", of(&tokens.access), None),
        ("/introspect", Form(Vec::new()), known),
        ("/revoke", of("nothing"), known),
        ("/revoke", of("nothing"), Some((id, "wrong"))),
        ("/revoke", of(&tokens.refresh), known),
        ("/revoke", Form(Vec::new()), known),
    ];
    for (path, form, client) in asks {
        let answer = oauth::post_as(&server, path, &form, client).await;
        described.holds(path, "post", &answer);
    }
    for path in ["/token", "/revoke", "/introspect"] {
        described.holds(path, "get", &server.client.get(path).send().await);
        let call = server.client.method("POST", path).header("Content-Type", "application/json");
        described.holds(path, "post", &call.body("{}").send().await);
        let basic = format!("Basic {}", STANDARD.encode("no colon"));
        let call = server.client.method("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
        described.holds(
            path,
            "post",
            &call.header("Authorization", &basic).body("token=x&grant_type=refresh_token").send().await,
        );
    }

    let browser = Browser::new(&server.base);
    let asking = oauth::asking(&client);
    for form in [asking.clone(), asking.clone().with("response_type", "token"), asking.with("client_id", "nobody")] {
        described.holds("/authorize", "get", &browser.get(&format!("/authorize?{}", form.encoded())).await);
    }

    described.holds("/authorize", "post", &oauth::post(&server, "/authorize", &Form(Vec::new())).await);
    pages(&server, &mut described, &client).await;
    let paths = described.document["paths"].as_object().unwrap().clone();
    let refuses =
        |methods: &Value| methods.as_object().unwrap().values().any(|one| one["responses"]["405"].is_object());
    for path in paths.iter().filter(|(_, methods)| refuses(methods)).map(|(path, _)| path) {
        let there = path.replace("{name}", "nobody");
        described.holds(path, "put", &server.client.method("PUT", &there).send().await);
    }

    // Until the limits are met.
    for (path, most) in [("/token", 400), ("/register", 100), ("/authorize", 400)] {
        let too_many = format!("{path} 429");
        for _ in 0..most {
            let answer = match path {
                "/authorize" => browser.get("/authorize").await,
                "/register" => body(json!({})).await,
                _ => oauth::post(&server, path, &Form(Vec::new())).await,
            };
            described.holds(path, if path == "/authorize" { "get" } else { "post" }, &answer);
            if described.seen.contains(&too_many) {
                break;
            }
        }
        assert!(described.seen.contains(&too_many), "{path} has no limit");
    }
    for status in
        ["/token 200", "/token 400", "/token 401", "/token 413", "/introspect 200", "/revoke 200", "/register 201"]
    {
        assert!(described.seen.contains(status), "{status} was not seen: {:?}", described.seen);
    }
}

/// A person's way, with every wrong turn.
async fn pages(server: &Server, described: &mut Described, client: &oauth::Registered) {
    let browser = Browser::new(&server.base);
    let asking = oauth::asking(client).encoded();
    let begun = browser.get(&format!("/authorize?{asking}")).await;
    let handle = begun.header("location").split_once("request=").unwrap().1.to_owned();
    let sign_in = browser.get(begun.header("location")).await;
    described.holds("/sign-in", "get", &sign_in);
    described.holds("/consent", "get", &browser.get(&format!("/consent?request={handle}")).await);
    for path in ["/sign-in", "/consent"] {
        described.holds(path, "get", &browser.get(path).await);
        described.holds(path, "post", &browser.submit(path, &Form(Vec::new())).await);
        let foreign = [("Sec-Fetch-Site", "cross-site")];
        described.holds(path, "post", &browser.post(path, &Form(Vec::new()), &foreign).await);
    }
    described.holds("/sign-in/with/{name}", "get", &browser.get(&format!("/sign-in/with/x?request={handle}")).await);
    described.holds("/sign-in/callback/{name}", "get", &browser.get("/sign-in/callback/x?state=x&code=x").await);
    let wrong = oauth::sign_in(&browser, &sign_in, &oauth::login("ada"), "wrong").await;
    described.holds("/sign-in", "post", &wrong);
    let signed_in = oauth::sign_in(&browser, &sign_in, &oauth::login("ada"), server.password()).await;
    described.holds("/sign-in", "post", &signed_in);
    described.holds("/sign-in", "get", &browser.get(&format!("/sign-in?request={handle}")).await);
    let consent = browser.get(signed_in.header("location")).await;
    described.holds("/consent", "get", &consent);
    let other = browser.submit("/sign-out", &form(&consent.text, "/sign-out")).await;
    described.holds("/sign-out", "post", &other);
    described.holds("/consent", "post", &browser.submit("/consent", &form(&consent.text, "/consent")).await);

    let browser = Browser::new(&server.base);
    let page = oauth::consent_page(server, &browser, &oauth::asking(client), "bob").await;
    let allowed = form(&page.text, "/consent").with("decision", "allow");
    let forged = allowed.clone().with("csrf", "x");
    for form in [forged, allowed.clone(), allowed] {
        described.holds("/consent", "post", &browser.submit("/consent", &form).await);
    }
    let page = browser.get("/sign-out").await;
    described.holds("/sign-out", "get", &page);
    described.holds("/sign-out", "post", &browser.submit("/sign-out", &Form(Vec::new())).await);
    described.holds("/sign-out", "post", &browser.submit("/sign-out", &form(&page.text, "/sign-out")).await);
    described.holds("/sign-out", "get", &browser.get("/sign-out").await);
    let cross = browser.post("/sign-out", &Form(Vec::new()), &[("Sec-Fetch-Site", "cross-site")]).await;
    described.holds("/sign-out", "post", &cross);
    described.holds("/set-up", "get", &browser.get("/set-up?link=x").await);
    described.holds("/set-up", "post", &browser.submit("/set-up", &Form(Vec::new()).with("link", "x")).await);
    for status in [
        "/sign-in 200",
        "/sign-in 303",
        "/sign-in 400",
        "/sign-in 403",
        "/sign-in/with/{name} 400",
        "/sign-in/callback/{name} 400",
        "/consent 200",
        "/consent 303",
        "/consent 400",
        "/consent 403",
        "/sign-out 200",
        "/sign-out 303",
        "/sign-out 403",
        "/set-up 410",
    ] {
        assert!(described.seen.contains(status), "{status} was not seen: {:?}", described.seen);
    }
}

#[tokio::test]
async fn the_page_of_the_first_account_is_described() {
    let (server, _files) = crate::support::bare::server(crate::support::bare::ACME, "").await;
    let mut described = Described::of(&server).await;
    let link: url::Url = server.set_up.as_deref().unwrap().parse().unwrap();
    let browser = Browser::new(&server.base);
    let page = browser.get(&format!("{}?{}", link.path(), link.query().unwrap())).await;
    described.holds("/set-up", "get", &page);
    let password = "correct horse battery staple";
    let typed = form(&page.text, "/set-up").with("account", "ada").with("tenant", "acme").with("password", password);
    for form in [typed.clone(), typed.clone().with("csrf", "x"), typed.clone().with("again", password), typed] {
        described.holds("/set-up", "post", &browser.submit("/set-up", &form).await);
    }
    for status in ["/set-up 200", "/set-up 403", "/set-up 410", "/set-up 422"] {
        assert!(described.seen.contains(status), "{status} was not seen: {:?}", described.seen);
    }
}

#[tokio::test]
async fn a_server_without_sign_in_describes_none() {
    let server = Server::demo_with(|directory| {
        let file = directory.join("bailiwick.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("[oauth]\nenabled = true", "[oauth]\nenabled = false")).unwrap();
    })
    .await;
    let described = Described::of(&server).await;
    let paths: Vec<_> = described.document["paths"].as_object().unwrap().keys().cloned().collect();
    assert!(paths.contains(&"/readyz".to_owned()) && !paths.contains(&"/token".to_owned()), "{paths:?}");
    let page = server.client.get("/docs").send().await;
    assert!(page.status == 200 && page.text.contains("/readyz") && !page.text.contains("/token"), "{page:?}");
    assert_eq!(server.client.get("/pages/docs.css").send().await.status, 200);
}

#[tokio::test]
async fn the_page_keeps_to_itself() {
    let server = Server::demo().await;
    let page = server.client.get("/docs").send().await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("<script") && !page.text.contains(" style=") && !page.text.contains("//"), "{page:?}");
    for path in ["/docs", "/openapi.json"] {
        let answer = server.client.method("POST", path).send().await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, OPTIONS"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_readable_in_a_browser() {
    let Some(chromium) = Chromium::start().await else { return };
    let server = Server::demo().await;
    chromium.open(&format!("{}/docs", server.base)).await;
    chromium.is_at("HTTP interface").await;
    chromium.picture("docs").await;
    chromium.click("nav a[href='#token']").await;
    assert!(chromium.text("#token").await.contains("invalid_grant"));
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
}
