//! Sign-in at an OpenID provider: what the checklist asks of a server that is a client elsewhere, and its items 30, 35, 38, 40,
//! 41, 62, 66 and 80 where a provider has a part in them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::process::run;
use crate::support::bare;
use crate::support::browser::{Browser, form, parameters};
use crate::support::capture::Capture;
use crate::support::client::Answer;
use crate::support::issuer::{ORGANISATION, ORGANISATION_CLAIM, SigningKey};
use crate::support::oauth::{self, Registered, Tokens};
use crate::support::provider::{Person, TestProvider};
use crate::support::server::Server;

/// What the tests' people are, by the policy.
const POLICY: &str = "g, idp:zitadel/auditor, role:auditor, acme\n";

/// A server, its provider, a client.
struct World {
    provider: TestProvider,
    server: Server,
    client: Registered,
    files: tempfile::TempDir,
}

async fn world() -> World {
    let provider = TestProvider::start();
    let (server, files) = bare::server(&provider.configuration(), POLICY).await;
    let client = oauth::public(&server).await;
    World { provider, server, client, files }
}

impl World {
    /// Opens a request and follows the link to the provider: where the browser is sent.
    async fn depart(&self, browser: &Browser) -> String {
        let page = oauth::open(browser, &oauth::asking(&self.client)).await;
        let departed = browser.get(&link(&page)).await;
        assert_eq!(departed.status, 303, "{departed:?}");
        departed.header("location").to_owned()
    }

    /// Somebody signs in at the provider and comes back.
    async fn arrive(&self, browser: &Browser, person: &Person) -> Answer {
        let address = self.depart(browser).await;
        browser.get(&self.provider.sign_in(&address, person)).await
    }

    /// The consent page of somebody who came back.
    async fn consent(&self, browser: &Browser, person: &Person) -> Answer {
        let back = self.arrive(browser, person).await;
        assert_eq!(back.status, 303, "{back:?}");
        assert!(back.header("location").starts_with("/consent?request=blw_rq_"), "{back:?}");
        browser.get(back.header("location")).await
    }

    async fn tokens(&self, person: &Person) -> Tokens {
        let browser = Browser::new(&self.server.base);
        let page = self.consent(&browser, person).await;
        let code = parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
        Tokens::of(&oauth::post(&self.server, "/token", &oauth::exchange(&self.client, &code)).await)
    }

    async fn whoami(&self, access: &str) -> Value {
        self.server.client.tool("whoami", json!({})).token(access).send().await.structured()
    }
}

/// The address of the link that leads to the provider.
fn link(page: &Answer) -> String {
    let (_, after) = page.text.split_once("href=\"/sign-in/with/").unwrap_or_else(|| panic!("no link in {page:?}"));
    format!("/sign-in/with/{}", after.split('"').next().unwrap())
}

/// Back on our own page, with nobody signed in and nobody sent anywhere.
fn is_back(answer: &Answer, status: u16, said: &str) {
    assert_eq!((answer.status, answer.header("location")), (status, ""), "{answer:?}");
    assert!(answer.text.contains(said) && answer.text.contains("action=\"/sign-in\""), "{said}: {answer:?}");
    assert_eq!(answer.header("set-cookie"), "", "the session is as it was");
}

fn is_stale(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:?}");
}

#[tokio::test]
async fn who_signs_in_at_the_provider_is_whom_a_forwarded_token_would_prove() {
    let world = world().await;
    let ada = Person::new("341200000000000101", "ada@acme.example");
    let tokens = world.tokens(&ada).await;
    let whoami = world.whoami(&tokens.access).await;
    assert_eq!(whoami["subject"], "zitadel/341200000000000101", "{whoami}");
    assert_eq!((&whoami["tenant"], &whoami["external_user_id"]), (&json!("acme"), &json!("ada@acme.example")));
    assert_eq!((&whoami["assurance"], &whoami["client"]), (&json!("verified"), &json!(world.client.id)));
    let names: Vec<_> = whoami["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in ["subject:zitadel/341200000000000101", "user:ada@acme.example", "idp:zitadel/auditor", "role:auditor"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("boss") || name.contains("bailiwick")), "{names:?}");
    // What our token says is who signed it and for whom; what the provider said stays here.
    let claims = oauth::claims(&tokens.access);
    assert_eq!((&claims["iss"], &claims["idp"]), (&json!(world.server.base), &json!("zitadel")));
    assert!(!claims.to_string().contains("auditor") && !claims.to_string().contains("mail.example"), "{claims}");
}

#[tokio::test]
async fn item_62_a_refresh_stands_for_what_was_consented_to_and_for_nothing_newer() {
    let world = world().await;
    let ada = || Person::new("101", "ada@acme.example");
    let first = world.tokens(&ada().claim("urn:zitadel:iam:org:project:roles", json!({}))).await;
    let is_auditor = async |access: &str| {
        let whoami = world.whoami(access).await;
        whoami["names"].as_array().unwrap().contains(&json!("role:auditor"))
    };
    assert!(!is_auditor(&first.access).await);
    // She becomes an auditor and signs in anew: the new grant knows it, the old one never does.
    let second = world.tokens(&ada()).await;
    assert!(is_auditor(&second.access).await);
    let refreshed =
        Tokens::of(&oauth::post(&world.server, "/token", &oauth::refresh(&world.client, &first.refresh)).await);
    assert!(!is_auditor(&refreshed.access).await, "nothing is wider than what she consented with");
    let (one, two) = (oauth::claims(&first.access), oauth::claims(&second.access));
    assert_eq!(one["sub"], two["sub"], "one person, one account");
}

const ROLES: &str = "urn:zitadel:iam:org:project:roles";
const OWNER: &str = "urn:zitadel:iam:user:resourceowner:id";

#[tokio::test]
async fn what_the_id_token_lacks_is_asked_of_the_provider() {
    let world = world().await;
    // It was known before that there is such a place, and is not looked at where nothing is missing.
    let everything = || Person::new("101", "ada@acme.example");
    let said = |sub: &str| {
        json!({
            "sub": sub, ROLES: { "auditor": { ORGANISATION: "acme.example" } }, "external_user_id": "eve@acme.example",
            ORGANISATION_CLAIM: "999", OWNER: "999", "clearance": 9, "email": "eve@mail.example", "iss": "x", "act": {},
        })
    };
    world.provider.userinfo(200, said("101"));
    let whoami = world.whoami(&world.tokens(&everything().without("email")).await.access).await;
    assert_eq!((whoami["external_user_id"].as_str(), world.provider.asked()), (Some("ada@acme.example"), 0));

    let names = |whoami: &Value| whoami["names"].as_array().unwrap().clone();
    let tokens = world.tokens(&everything().without(ROLES)).await;
    let whoami = world.whoami(&tokens.access).await;
    assert!(names(&whoami).contains(&json!("role:auditor")), "{whoami}");
    assert_eq!((&whoami["external_user_id"], &whoami["tenant"]), (&json!("ada@acme.example"), &json!("acme")));
    assert_eq!(world.provider.asked(), 1, "what is signed stays, and what is not is added");
    let refresh = oauth::refresh(&world.client, &tokens.refresh);
    let refreshed = Tokens::of(&oauth::post(&world.server, "/token", &refresh).await);
    assert!(
        names(&world.whoami(&refreshed.access).await).contains(&json!("role:auditor")),
        "it is kept as it was told"
    );

    // Whom it is about, and of which company, can come from there alone.
    let bare = everything().without(ROLES).without("external_user_id").without(ORGANISATION_CLAIM).without(OWNER);
    let whoami = world.whoami(&world.tokens(&bare).await.access).await;
    assert_eq!((&whoami["external_user_id"], &whoami["tenant"]), (&json!("eve@acme.example"), &json!("globex")));
    assert_eq!(whoami["subject"], "zitadel/101");
}

#[tokio::test]
async fn a_provider_that_does_not_say_what_is_missing_signs_nobody_in() {
    let world = world().await;
    let lacking = || Person::new("101", "ada@acme.example").without(ROLES);
    let there = |more: Value| {
        let mut said = json!({ "sub": "101", ROLES: {} });
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said
    };
    let (refused, outage) = ("is not accepted here", "cannot be reached now");
    for (status, said, person, expected, text) in [
        (200, there(json!({ "sub": "102" })), lacking(), 403, refused),
        (200, json!({ ROLES: {} }), lacking(), 403, refused),
        (401, json!({}), lacking(), 403, refused),
        (403, json!({}), lacking(), 403, refused),
        (500, json!({}), lacking(), 503, outage),
        (302, json!({}), lacking(), 503, outage),
        (200, json!([]), lacking(), 503, outage),
        (200, there(json!({ "x": "x".repeat(70_000) })), lacking(), 503, outage),
        (
            200,
            there(json!({ ORGANISATION_CLAIM: ORGANISATION, OWNER: "999" })),
            lacking().without(ORGANISATION_CLAIM).without(OWNER),
            403,
            refused,
        ),
    ] {
        world.provider.userinfo(status, said.clone());
        let answer = world.arrive(&Browser::new(&world.server.base), &person).await;
        is_back(&answer, expected, text);
        world.server.clock.advance(Duration::from_secs(10));
    }
    world.provider.userinfo(200, there(json!({})));
    world.tokens(&lacking()).await;
}

#[tokio::test]
async fn item_63_what_a_provider_said_counts_for_a_day_and_then_the_person_signs_in_anew() {
    let world = world().await;
    let tokens = world.tokens(&Person::new("101", "ada@acme.example")).await;
    let refresh = async |tokens: &Tokens| {
        oauth::post(&world.server, "/token", &oauth::refresh(&world.client, &tokens.refresh)).await
    };
    world.server.clock.advance(Duration::from_mins(23 * 60 + 55));
    let last = refresh(&tokens).await;
    assert!(last.json()["expires_in"].as_u64().unwrap() <= 300, "no token outlives it: {last:?}");
    let last = Tokens::of(&last);
    assert!(oauth::is_accepted(&world.server, &last.access).await);
    world.server.clock.advance(Duration::from_mins(5));
    assert!(!oauth::is_accepted(&world.server, &last.access).await);
    let refused = refresh(&last).await;
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn item_63_it_counts_from_the_sign_in_and_not_from_the_consent() {
    let provider = TestProvider::start();
    let configuration = provider.configuration().replace("label = ", "counts_for = \"2h\"\nlabel = ");
    let (server, files) = bare::server(&configuration, POLICY).await;
    let client = oauth::public(&server).await;
    let world = World { provider, server, client, files };
    let browser = Browser::new(&world.server.base);
    let person = Person::new("101", "ada@acme.example");
    let page = world.consent(&browser, &person).await;
    oauth::decide(&browser, &page, "allow").await;
    world.server.clock.advance(Duration::from_mins(110));
    // Still signed in here; what she allows now ends with what was said then.
    let page = oauth::open(&browser, &oauth::asking(&world.client)).await;
    let code = parameters(&oauth::decide(&browser, &page, "allow").await)["code"].clone();
    let exchanged = oauth::post(&world.server, "/token", &oauth::exchange(&world.client, &code)).await;
    assert!(exchanged.json()["expires_in"].as_u64().unwrap() <= 600, "{exchanged:?}");
    world.server.clock.advance(Duration::from_mins(10));
    assert!(!oauth::is_accepted(&world.server, &Tokens::of(&exchanged).access).await);
    let page = oauth::open(&browser, &oauth::asking(&world.client)).await;
    assert!(page.text.contains("/sign-in/with/zitadel"), "and she is asked who she is: {page:?}");
}

#[tokio::test]
async fn an_account_is_its_subject_and_never_its_address() {
    let world = world().await;
    let ada = world.tokens(&Person::new("101", "ada@acme.example")).await;
    let eve = Person::new("102", "eve@acme.example").claim("email", "101@mail.example");
    let eve = world.tokens(&eve).await;
    assert_ne!(oauth::claims(&ada.access)["sub"], oauth::claims(&eve.access)["sub"]);
    assert_eq!(world.whoami(&eve.access).await["external_user_id"], "eve@acme.example");
    // The same person in another organisation is another account, of another tenant.
    let globex = Person::new("101", "ada@globex.example")
        .claim("urn:zitadel:iam:org:id", "999")
        .claim("urn:zitadel:iam:user:resourceowner:id", "999");
    let globex = world.tokens(&globex).await;
    let whoami = world.whoami(&globex.access).await;
    assert_eq!(whoami["tenant"], "globex");
    assert!(whoami["names"].as_array().unwrap().contains(&json!("idp:zitadel/boss")), "{whoami}");
    assert_ne!(oauth::claims(&ada.access)["sub"], oauth::claims(&globex.access)["sub"]);
    assert_eq!(world.whoami(&ada.access).await["tenant"], "acme");
}

#[tokio::test]
async fn item_35_and_38_the_page_says_who_and_the_session_changes() {
    let world = world().await;
    let browser = Browser::new(&world.server.base);
    let page = oauth::open(&browser, &oauth::asking(&world.client)).await;
    assert!(page.text.contains("Continue with <bdi>Acme login</bdi>"), "{page:?}");
    let before = browser.cookies();
    let departed = browser.get(&link(&page)).await;
    assert_eq!(departed.header("referrer-policy"), "no-referrer");
    let person = Person::new("101", "ada@acme.example");
    let back = browser.get(&world.provider.sign_in(departed.header("location"), &person)).await;
    assert_ne!(browser.cookies(), before);
    let page = browser.get(back.header("location")).await;
    for shown in ["101@mail.example", "acme", "signed in with <bdi>Acme login</bdi>", "Test client"] {
        assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
    }
    let planted = Browser::new(&world.server.base);
    planted.set_cookies(before);
    assert!(planted.get("/sign-out").await.text.contains("Signed out"), "whoever planted the first is nobody");
    let page = browser.get("/sign-out").await;
    browser.submit("/sign-out", &form(&page.text, "/sign-out")).await;
    assert!(browser.cookies().is_empty());
}

#[tokio::test]
async fn item_30_a_journey_is_made_once_in_time_and_in_one_browser() {
    let world = world().await;
    let person = Person::new("101", "ada@acme.example");
    let browser = Browser::new(&world.server.base);
    let address = world.depart(&browser).await;
    let back = world.provider.sign_in(&address, &person);
    // Somebody else's browser cannot end it, be it new or on a journey of its own.
    let other = Browser::new(&world.server.base);
    is_stale(&other.get(&back).await);
    world.depart(&other).await;
    is_stale(&other.get(&back).await);
    assert_eq!(world.provider.redeemed(), 0, "no code was sent anywhere");
    let arrived = browser.get(&back).await;
    assert_eq!(arrived.status, 303, "{arrived:?}");
    is_stale(&browser.get(&back).await);

    let late = Browser::new(&world.server.base);
    let address = world.depart(&late).await;
    let back = world.provider.sign_in(&address, &person);
    world.server.clock.advance(Duration::from_secs(601));
    is_stale(&late.get(&back).await);
}

#[tokio::test]
async fn item_40_nothing_that_comes_back_leads_elsewhere() {
    let world = world().await;
    let browser = Browser::new(&world.server.base);
    let address = world.depart(&browser).await;
    let state = parameters(&address)["state"].clone();
    let callback = "/sign-in/callback/zitadel";
    for query in [
        String::new(),
        "state=x&code=y".to_owned(),
        "error=access_denied&error_uri=https://evil.example".to_owned(),
        format!("state={state}&state={state}&code=x"),
    ] {
        is_stale(&browser.get(&format!("{callback}?{query}")).await);
    }
    is_stale(&browser.get(&format!("/sign-in/callback/other?state={state}&code=x")).await);
    for target in ["//evil.example", "evil", "zitadel%2F..%2F..", "nobody"] {
        let answer = browser.get(&format!("/sign-in/with/{target}?request=blw_rq_x")).await;
        assert!(answer.status >= 400 && answer.header("location").is_empty(), "{answer:?}");
    }
    let denied = format!("{callback}?state={state}&error=access_denied&iss=https%3A%2F%2Fissuer.example");
    let answer = browser.get(&format!("{denied}&error_description=<script>&error_uri=https://evil.example")).await;
    is_back(&answer, 403, "Nobody was signed in at Acme login");
    assert!(!answer.text.contains("evil.example") && !answer.text.contains("<script>"), "{answer:?}");
    // And the person can try once more, from the page that they are on.
    let again = browser.get(&link(&answer)).await;
    let back = browser.get(&world.provider.sign_in(again.header("location"), &Person::new("101", "ada"))).await;
    assert_eq!(back.status, 303, "{back:?}");
}

#[tokio::test]
async fn an_answer_of_another_provider_is_sent_nowhere() {
    let world = world().await;
    let person = Person::new("101", "ada@acme.example");
    for iss in ["&iss=https%3A%2F%2Fevil.example", ""] {
        let browser = Browser::new(&world.server.base);
        let back = world.provider.sign_in(&world.depart(&browser).await, &person);
        let (honest, _) = back.split_once("&iss=").unwrap();
        is_back(&browser.get(&format!("{honest}{iss}")).await, 403, "is not accepted here");
    }
    assert_eq!(world.provider.redeemed(), 0, "mixed up or not, no code goes to an endpoint that it is not for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_is_held_to_everything_that_a_forwarded_token_is_held_to() {
    let world = world().await;
    let person = || Person::new("101", "ada@acme.example");
    let refused = "What Acme login says of you is not accepted here";
    let forged = Person { key: SigningKey::other_rsa("p1"), ..person() };
    let confused = Person { header: json!({ "alg": "RS256", "kid": "p1", "typ": "at+jwt" }), ..person() };
    let keyless = Person { header: json!({ "alg": "none", "typ": "JWT" }), ..person() };
    for (what, bad) in [
        ("another's signature", forged),
        ("an access token", confused),
        ("no signature", keyless),
        ("another nonce", person().claim("nonce", "x")),
        ("no nonce", person().claim("nonce", Value::Null)),
        ("another audience", person().claim("aud", "somebody-else")),
        ("another party", person().claim("azp", "somebody-else")),
        ("several audiences and no party", person().claim("aud", json!(["373051238587049400", "x"])).without("azp")),
        ("another issuer", person().claim("iss", "https://evil.example")),
        ("expired", person().claim("exp", crate::support::clock::START - 60)),
        ("stale", person().claim("iat", crate::support::clock::START - 700)),
        ("no subject", person().without("sub")),
        ("two organisations", person().claim("urn:zitadel:iam:org:id", "999")),
        ("an access token's mark", person().claim("token_use", "access")),
        ("a logout token's mark", person().claim("events", json!({}))),
        ("somebody who acts for her", person().claim("act", json!({ "sub": "909" }))),
        ("misshapen roles", person().claim("urn:zitadel:iam:org:project:roles", "auditor")),
    ] {
        // So many pages in so short a time are for nobody.
        world.server.clock.advance(Duration::from_secs(4));
        let answer = world.arrive(&Browser::new(&world.server.base), &bad).await;
        assert_eq!((answer.status, answer.header("location")), (403, ""), "{what}: {answer:?}");
        is_back(&answer, 403, refused);
    }
    let nobody = person().claim("urn:zitadel:iam:org:id", "1").claim("urn:zitadel:iam:user:resourceowner:id", "1");
    let answer = world.arrive(&Browser::new(&world.server.base), &nobody).await;
    is_back(&answer, 403, "an organisation that is not served here");
    // Keycloak marks ID tokens, Entra sends no `azp`: those are good.
    for good in [person().claim("typ", "ID"), person().without("azp"), person().claim("aud", "373051238587049400")] {
        let answer = world.arrive(&Browser::new(&world.server.base), &good).await;
        assert_eq!(answer.status, 303, "{answer:?}");
    }
    let said = run(world.files.path(), &["account", "list"]);
    assert_eq!(said.out.lines().count(), 1, "nobody else has an account: {said:?}");
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_from_trying_again() {
    let world = world().await;
    let person = Person::new("101", "ada@acme.example");
    let browser = Browser::new(&world.server.base);
    world.provider.set_down(true);
    let page = oauth::open(&browser, &oauth::asking(&world.client)).await;
    let answer = browser.get(&link(&page)).await;
    is_back(&answer, 503, "Acme login cannot be reached now");
    world.provider.set_down(false);
    let departed = browser.get(&link(&answer)).await;
    let back = world.provider.sign_in(departed.header("location"), &person);
    world.provider.set_down(true);
    let answer = browser.get(&back).await;
    is_back(&answer, 503, "Acme login cannot be reached now");
    world.provider.set_down(false);
    let departed = browser.get(&link(&answer)).await;
    assert_eq!(browser.get(&world.provider.sign_in(departed.header("location"), &person)).await.status, 303);
}

#[tokio::test]
async fn metadata_that_speaks_for_another_or_in_the_clear_is_not_followed() {
    for (member, value) in [
        ("issuer", json!("https://evil.example")),
        ("authorization_endpoint", json!("http://evil.example/authorize")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("token_endpoint", json!("http://evil.example/token")),
        ("token_endpoint", Value::Null),
    ] {
        let world = world().await;
        world.provider.metadata(member, value);
        let browser = Browser::new(&world.server.base);
        let page = oauth::open(&browser, &oauth::asking(&world.client)).await;
        is_back(&browser.get(&link(&page)).await, 503, "cannot be reached now");
    }
    // A provider that takes secrets in the body alone gets ours there.
    let world = world().await;
    world.provider.metadata("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
    let answer = world.arrive(&Browser::new(&world.server.base), &Person::new("101", "ada@acme.example")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_41_and_66_an_account_of_a_provider_is_disabled_like_any_other() {
    let world = world().await;
    let person = Person::new("101", "ada@acme.example");
    let tokens = world.tokens(&person).await;
    let listed = run(world.files.path(), &["account", "list"]).out;
    assert!(listed.contains("zitadel/101") && listed.contains("101@mail.example at zitadel"), "{listed}");
    let passwd = crate::cli::process::run_with(
        world.files.path(),
        &["account", "passwd", "zitadel/101"],
        "a long enough password\n",
    );
    assert!(passwd.code == 1 && passwd.err.contains("signs in at `zitadel` and has no password here"), "{passwd:?}");
    assert!(oauth::is_accepted(&world.server, &tokens.access).await);
    let disabled = run(world.files.path(), &["account", "disable", "zitadel/101"]);
    assert_eq!(disabled.code, 0, "{disabled:?}");
    while oauth::is_accepted(&world.server, &tokens.access).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = world.arrive(&Browser::new(&world.server.base), &person).await;
    is_back(&answer, 403, "That account is disabled here");
    // Nor does anybody get in by its name and no password.
    let browser = Browser::new(&world.server.base);
    let page = oauth::open(&browser, &oauth::asking(&world.client)).await;
    assert_eq!(oauth::sign_in(&browser, &page, "zitadel/101", "x").await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_no_tenant_of_the_client_has_is_not_offered() {
    let world = world().await;
    let other = "[[tenant]]\nname = \"initech\"\n";
    let configuration = world.files.path().join("bailiwick.toml");
    let text = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, format!("{text}{other}")).unwrap();
    let create = ["client", "create", "Portal", "--redirect-uri", oauth::CALLBACK, "--tenant", "initech", "--public"];
    let said = run(world.files.path(), &create);
    assert_eq!(said.code, 0, "{said:?}");
    let id = said.out.lines().find_map(|line| line.strip_prefix("client id: ")).unwrap().to_owned();
    let client = Registered { id, secret: None, callback: oauth::CALLBACK.to_owned() };
    let browser = Browser::new(&world.server.base);
    let page = oauth::open(&browser, &oauth::asking(&client)).await;
    assert!(!page.text.contains("/sign-in/with/"), "{page:?}");
    let request = form(&page.text, "/sign-in").value("request").to_owned();
    is_stale(&browser.get(&format!("/sign-in/with/zitadel?request={request}")).await);
}

#[tokio::test]
async fn item_80_what_a_provider_says_is_in_no_log_and_each_sign_in_is_recorded_once() {
    let capture = Capture::begin();
    let world = world().await;
    let browser = Browser::new(&world.server.base);
    let address = world.depart(&browser).await;
    let asked = parameters(&address);
    let mut secrets = vec![asked["state"].clone(), asked["nonce"].clone()];
    secrets.extend(browser.cookies().into_values());
    let back = world.provider.sign_in(&address, &Person::new("101", "ada@acme.example"));
    secrets.extend([parameters(&back)["code"].clone(), crate::support::provider::SECRET.to_owned()]);
    browser.get(&back).await;
    secrets.extend(browser.cookies().into_values());
    let bad = Person::new("102", "eve@acme.example").claim("nonce", "x");
    world.arrive(&Browser::new(&world.server.base), &bad).await;
    let World { server, files, .. } = world;
    // The account's own record follows by the way of the command line's.
    while !run(files.path(), &["audit", "events", "--json"]).out.contains("account_created") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = oauth::stop_and_read_events(server).await;
    let log = capture.end();
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log: {log}");
        for name in ["state.db", "state.db-wal", "audit.db", "audit.db-wal"] {
            let Ok(bytes) = std::fs::read(files.path().join(name)) else { continue };
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in {name}");
        }
    }
    let sign_ins: Vec<_> =
        events.iter().filter(|(kind, _)| kind == "oauth_sign_in").map(|(_, detail)| detail).collect();
    let outcomes: Vec<_> = sign_ins.iter().map(|detail| (&detail["outcome"], &detail["provider"])).collect();
    assert_eq!(outcomes, [(&json!("ok"), &json!("zitadel")), (&json!("identity_refused"), &json!("zitadel"))]);
    assert_eq!((&sign_ins[0]["tenant"], &sign_ins[0]["login"]), (&json!("acme"), &json!("zitadel/101")));
    assert_eq!(events.iter().filter(|(kind, _)| kind == "account_created").count(), 1, "{events:?}");
}
