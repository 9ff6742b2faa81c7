mod own;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::Algorithm;
use serde_json::{Value as Json, json};

use super::{Authenticator, Principal, Rejection};
use crate::catalog::{Catalog, ClaimType, TenantEntry};
use crate::config::{ActorRule, ContextHeaders, Issuer, KeySource, RoleClaim, RoleShape, TokenType};
use crate::keys::tests::settings;
use crate::keys::{KeyCache, Reason};
use crate::model::{ContextField, Scope, Scopes, Value};
use crate::outbound::Authorities;
use crate::test_support::attacks::{ROLES_CLAIM, every_attack, payload, raw, rsa, signed, with_claim, with_header};
use crate::test_support::clock::{ManualClock, START};
use crate::test_support::issuer::{
    AUDIENCE, Answer, CLIENT, ISS, ORGANISATION, ORGANISATION_CLAIM, SigningKey, TestIssuer, Token,
};

const HOUR: Duration = Duration::from_hours(1);

/// Two issuers, two tenants, and a server that trusts them.
struct World {
    issuer: TestIssuer,
    _other: TestIssuer,
    clock: Arc<ManualClock>,
    server: Authenticator,
}

fn world() -> World {
    world_with(|_| {})
}

fn world_with(change: impl FnOnce(&mut Issuer)) -> World {
    let keys = [SigningKey::rsa("rsa"), SigningKey::p256("p256"), SigningKey::ed25519("ed"), SigningKey::p384("p384")];
    let issuer = TestIssuer::start(Answer::keys(&keys.each_ref()));
    let other = TestIssuer::start(Answer::keys(&[&SigningKey::other_rsa("rsa")]));
    let clock = Arc::new(ManualClock::new());
    let mut ours = settings(KeySource::Jwks(issuer.jwks_url()));
    change(&mut ours);
    let mut theirs = settings(KeySource::Jwks(other.jwks_url()));
    theirs.name = "other".parse().unwrap();
    theirs.issuers = vec!["https://other.example".to_owned()];
    let issuers = [ours, theirs].map(|issuer| {
        let keys = KeyCache::new(&issuer, &Authorities::default(), clock.clone()).unwrap();
        (issuer, keys)
    });
    let server = Authenticator::new(issuers.into(), Arc::new(catalog()), context_headers(), clock.clone());
    World { issuer, _other: other, clock, server }
}

fn catalog() -> Catalog {
    let tenant = |name: &str, issuer: &str, organisation: &str| TenantEntry {
        name: name.parse().unwrap(),
        issuer: Some(issuer.parse().unwrap()),
        organisations: BTreeSet::from([organisation.parse().unwrap()]),
        aliases: BTreeSet::from([format!("{name}-in-mongo")]),
        data_rooms: BTreeMap::from([("66f0".to_owned(), "finance".parse().unwrap())]),
        data_rooms_as_is: name == "beta",
    };
    let tenants = [tenant("acme", "blockbrain", ORGANISATION), tenant("beta", "other", "beta-organisation")];
    Catalog {
        tenants: tenants.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
        issuers: ["blockbrain", "other"].map(|name| name.parse().unwrap()).into(),
        claims: BTreeMap::from([
            ("clearance".parse().unwrap(), ClaimType::Number),
            ("department".parse().unwrap(), ClaimType::Text),
            ("external".parse().unwrap(), ClaimType::Boolean),
        ]),
        ..Catalog::default()
    }
}

fn context_headers() -> ContextHeaders {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    ContextHeaders {
        fields: BTreeMap::from([
            (ContextField::Agent, texts(&["X-Agent-ID"])),
            (ContextField::DataRoom, texts(&["X-Data-Room-ID", "X-Data-Room"])),
            (ContextField::Thread, texts(&["X-Thread-ID"])),
        ]),
        tenant: texts(&["X-Tenant-ID", "X-Tenant", "X-Blockbrain-Org-Id"]),
        external_user: texts(&["X-External-User-ID"]),
        user: texts(&["X-User-ID", "X-Blockbrain-User-Id"]),
        user_email: texts(&["X-Blockbrain-User-Email"]),
    }
}

fn headers(token: &str, more: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {token}");
    for (name, value) in [("authorization", bearer.as_str())].iter().chain(more) {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

impl World {
    async fn ask(&self, token: &str) -> Result<Principal, Rejection> {
        self.server.authenticate(&headers(token, &[])).await
    }

    async fn ask_with(&self, more: &[(&str, &str)]) -> Result<Principal, Rejection> {
        self.server.authenticate(&headers(&Token::new().sign(&rsa()), more)).await
    }

    /// Asks, and asks `inspect` too, which must come to the same end by the same checks.
    async fn code(&self, name: &str, token: &str) -> &'static str {
        let asked = self.ask(token).await;
        let (steps, inspected) = self.server.inspect(&headers(token, &[])).await;
        assert_eq!(asked.as_ref().err(), inspected.as_ref().err(), "{name}");
        match asked {
            Ok(_) => {
                assert!(steps.iter().all(|step| step.ok), "{name}");
                "accepted"
            }
            Err(Rejection::Invalid(fault)) => {
                // What comes after the first failure, if anything, is there to be read and decides nothing.
                let first = steps.iter().find(|step| !step.ok).unwrap();
                assert!(first.arrived == fault.arrived && first.expected == fault.expected, "{name}");
                for part in token.split('.').filter(|part| part.len() > 20) {
                    assert!(!format!("{fault:?}").contains(part), "{name}: the token is in the fault");
                }
                fault.code()
            }
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[tokio::test]
async fn every_attack_is_refused_for_its_own_reason() {
    let world = world();
    let mut met = BTreeSet::new();
    for (name, code, token) in every_attack() {
        assert_eq!(world.code(name, &token).await, code, "{name}");
        met.insert(code);
    }
    // A reason that no attack meets is a check that nobody tests; these have tests of their own.
    let elsewhere = ["key_unknown", "key_ambiguous", "grant_malformed", "provider_unknown", "withdrawn"];
    let unmet: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| reason.code())
        .filter(|code| !met.contains(code) && !elsewhere.contains(code))
        .collect();
    assert_eq!(unmet, Vec::<&str>::new());
    assert_eq!(world.issuer.fetches(), 1, "no token causes a fetch beyond the first");
}

#[tokio::test]
async fn an_inspection_shows_every_claim_that_is_wrong_and_nothing_of_a_bad_signature() {
    let world = world();
    let failed = async |token: &str| {
        let (steps, outcome) = world.server.inspect(&headers(token, &[])).await;
        let Err(Rejection::Invalid(fault)) = outcome else { panic!("{outcome:?}") };
        let failed: Vec<_> = steps.into_iter().filter(|step| !step.ok).map(|step| step.name).collect();
        (fault.code(), failed)
    };
    let wrong = || Token::new().claim("aud", "another").claim("client_id", "another").claim("cnf", json!({}));
    let all = ["audience (`aud`)", "binding to a key (`cnf`)", "client (`client_id`, `azp`)"];
    assert_eq!(failed(&wrong().sign(&rsa())).await, ("audience", all.to_vec()));
    // A value that is not there ends it; what was wrong before is still what it is refused for.
    let subject = wrong().claim("sub", json!(7)).sign(&rsa());
    assert_eq!(failed(&subject).await, ("audience", vec!["audience (`aud`)", "subject (`sub`)"]));
    let forged = wrong().sign(&SigningKey::other_rsa("rsa"));
    assert_eq!(failed(&forged).await.1.len(), 1, "claims that nobody signed are not looked at");
}

#[tokio::test]
async fn no_token_with_one_character_changed_is_accepted() {
    let world = world();
    for key in [rsa(), SigningKey::p256("p256"), SigningKey::ed25519("ed")] {
        let token = Token::new().sign(&key);
        assert!(world.ask(&token).await.is_ok());
        for position in 0..token.len() {
            let old = token.as_bytes()[position];
            for new in *b"Aq-." {
                if new != old {
                    let mut changed = token.clone().into_bytes();
                    changed[position] = new;
                    let changed = String::from_utf8(changed).unwrap();
                    assert!(world.ask(&changed).await.is_err(), "{position}: {changed}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_key_address_in_a_token_is_never_fetched() {
    let evil = TestIssuer::start(Answer::keys(&[&SigningKey::other_rsa("evil")]));
    let world = world();
    for name in ["jku", "x5u"] {
        let token = Token::new().header(name, evil.jwks_url().as_str()).sign(&SigningKey::other_rsa("evil"));
        assert_eq!(world.code(name, &token).await, "header_parameter");
    }
    let token = Token::new().claim("iss", evil.jwks_url().as_str()).sign(&SigningKey::other_rsa("evil"));
    assert_eq!(world.code("iss", &token).await, "issuer_unknown");
    assert_eq!((evil.fetches(), world.issuer.fetches()), (0, 0));
}

#[tokio::test]
async fn an_unknown_key_id_is_503_first_and_401_when_it_is_sure() {
    let world = world();
    let tokens =
        [with_header("kid", "../../etc/passwd"), include_str!("../../../tests/keys/rsa1024.token").trim().to_owned()];
    for token in &tokens {
        assert!(matches!(world.ask(token).await, Err(Rejection::Unavailable { .. })));
    }
    world.clock.advance(Duration::from_secs(30));
    for token in &tokens {
        assert_eq!(world.code("kid", token).await, "key_unknown");
    }
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_small_rsa_key_verifies_nothing_though_the_issuer_publishes_it() {
    let world = world();
    let mut small = rsa().jwk();
    small["kid"] = json!("small");
    small["n"] = json!(include_str!("../../../tests/keys/rsa1024.modulus").trim());
    world.issuer.answer(Answer::json(&json!({ "keys": [small, rsa().jwk()] })));
    let token = include_str!("../../../tests/keys/rsa1024.token").trim();
    assert!(world.ask(&Token::new().sign(&rsa())).await.is_ok());
    assert!(matches!(world.ask(token).await, Err(Rejection::Unavailable { .. })));
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.code("small", token).await, "key_unknown");
}

#[tokio::test]
async fn without_a_key_id_two_fitting_keys_are_one_too_many() {
    let world = world();
    world.issuer.answer(Answer::keys(&[&rsa(), &SigningKey::other_rsa("second")]));
    let token = raw(r#"{"alg":"RS256","typ":"JWT"}"#, payload().as_bytes());
    assert_eq!(world.code("no kid", &token).await, "key_ambiguous");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_503_and_names_a_time() {
    let world = world();
    world.issuer.answer(Answer::status(500));
    let rejection = world.ask(&Token::new().sign(&rsa())).await.unwrap_err();
    let Rejection::Unavailable { issuer, retry_after } = rejection else { panic!("{rejection}") };
    assert_eq!((issuer.as_str(), retry_after), ("blockbrain", Duration::from_secs(30)));
}

#[tokio::test]
async fn every_accepted_algorithm_and_spelling_of_a_good_token_is_accepted() {
    let world = world_with(|issuer| {
        issuer.token_types.push(TokenType::Missing);
        issuer.algorithms.push(Algorithm::ES384);
    });
    for key in [rsa(), SigningKey::p256("p256"), SigningKey::ed25519("ed"), SigningKey::p384("p384")] {
        assert!(world.ask(&Token::new().sign(&key)).await.is_ok());
    }
    for typ in [json!("jwt"), json!("AT+JWT"), json!("application/at+jwt"), Json::Null] {
        assert!(world.ask(&with_header("typ", typ)).await.is_ok());
    }
    for (name, value) in [
        ("aud", json!(AUDIENCE)),
        ("exp", json!(START - 29)),
        ("exp", json!(1_795_248_000.5)),
        ("iat", json!(START + 30)),
        ("iat", json!(START - 43_230)),
        ("nbf", json!(START + 30)),
        ("typ", json!("Bearer")),
        ("token_use", json!("access")),
    ] {
        assert!(world.ask(&with_claim(name, value)).await.is_ok(), "{name}");
    }
    assert!(world.ask(&signed(|token| token.without("nbf"))).await.is_ok());
    assert!(world.ask(&signed(|token| token.without("client_id").claim("azp", CLIENT))).await.is_ok());
}

#[tokio::test]
async fn a_remembered_signature_never_outlives_the_token_or_its_key() {
    let world = world();
    let token = Token::new().sign(&rsa());
    assert!(world.ask(&token).await.is_ok());
    assert!(world.ask(&token).await.is_ok());
    // The issuer withdraws the key: it is gone with the freshness of the set.
    world.issuer.answer(Answer::keys(&[&SigningKey::ed25519("ed")]));
    world.clock.advance(Duration::from_mins(5));
    assert!(matches!(world.ask(&token).await, Err(Rejection::Unavailable { .. })));
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.code("withdrawn", &token).await, "key_unknown");
    // Another key under the same id does not revive it.
    world.issuer.answer(Answer::keys(&[&SigningKey::other_rsa("rsa")]));
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(world.code("replaced", &token).await, "signature_invalid");
}

#[tokio::test]
async fn a_remembered_signature_is_no_excuse_for_a_claim() {
    let world = world();
    let token = Token::new().sign(&rsa());
    assert!(world.ask(&token).await.is_ok());
    world.issuer.answer(Answer::HangUp);
    world.clock.advance(HOUR + Duration::from_secs(29));
    assert!(world.ask(&token).await.is_ok());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.code("expired", &token).await, "expired");
    let refused = Token::new().claim("exp", START + 90_000).claim("aud", "elsewhere").sign(&rsa());
    for _ in 0..2 {
        assert_eq!(world.code("aud", &refused).await, "audience");
    }
}

#[tokio::test]
async fn only_one_bearer_header_is_a_credential() {
    let world = world();
    let token = Token::new().sign(&rsa());
    let ask = async |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("authorization", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        world.server.authenticate(&headers).await
    };
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert!(ask(&[&format!("{scheme} {token}")]).await.is_ok(), "{scheme}");
    }
    for missing in [&[][..], &["Basic dXNlcjpwYXNz"], &[&format!("DPoP {token}")], &[&token], &[""]] {
        assert_eq!(ask(missing).await.unwrap_err(), Rejection::Missing, "{missing:?}");
    }
    let good = format!("Bearer {token}");
    for malformed in [
        &["Bearer"][..],
        &["Bearer "],
        &["Bearer   "],
        &["Bearer =="],
        &["Bearer a b"],
        &["Bearer a,b"],
        &["Bearer \u{e4}"],
        &[&good, &good],
        &[&good, "Basic dXNlcjpwYXNz"],
    ] {
        assert!(matches!(ask(malformed).await, Err(Rejection::Malformed(_))), "{malformed:?}");
    }
}

#[tokio::test]
async fn the_principal_is_what_the_token_proves() {
    let world = world();
    let token = signed(|token| {
        token
            .claim("urn:acme:clearance", 3)
            .claim("department", 7)
            .claim("undeclared", "x")
            .claim("email", "jdoe@acme.example")
            .claim(
                ROLES_CLAIM,
                json!({
                    "user": { ORGANISATION: "acme.example", "337063032028925999": "beta.example" },
                    "admin": { "337063032028925999": "beta.example" },
                }),
            )
    });
    let principal = world.ask(&token).await.unwrap();
    let (requester, proof) = (principal.requester(), principal.proof());
    let names: Vec<_> = requester.names.iter().map(|name| &**name).collect();
    assert_eq!(
        names,
        ["*", "idp:blockbrain/user", "subject:blockbrain/341200000000000101", "user:jdoe@acme.example", "verified"]
    );
    assert_eq!(requester.tenant.as_str(), "acme");
    let claims: Vec<_> = requester.attributes.claims.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(claims, [("clearance", &Value::Number(crate::model::Number::Integer(3)))]);
    assert_eq!(requester.attributes.email, None, "not verified");
    assert_eq!(requester.attributes.external_id.as_ref().unwrap().as_str(), "jdoe@acme.example");
    assert_eq!(requester.attributes.assurance.unwrap().as_str(), "verified");
    assert_eq!(proof.subject.to_string(), "blockbrain/341200000000000101");
    assert_eq!(proof.client.as_ref().unwrap().as_str(), CLIENT);
    assert_eq!(proof.expires.as_secs(), START + 3600);
    assert_eq!(proof.scopes, Scopes::from_iter([Scope::Read]));
    assert_eq!(proof.actor, None);
}

#[tokio::test]
async fn an_email_counts_only_where_the_issuer_has_verified_it() {
    let world = world();
    for (verified, expected) in [(json!(true), true), (json!("true"), false), (json!(1), false), (json!(false), false)]
    {
        let token = signed(|token| token.claim("email", "a@b.example").claim("email_verified", verified.clone()));
        let email = world.ask(&token).await.unwrap().requester().attributes.email.clone();
        assert_eq!(email.is_some(), expected, "{verified}");
    }
}

#[tokio::test]
async fn an_external_user_may_be_a_number_and_names_nobody_where_the_issuer_has_no_users() {
    let token = with_claim("external_user_id", 4711);
    let principal = world().ask(&token).await.unwrap();
    assert!(principal.requester().names.contains("user:4711"));
    let principal = world_with(|issuer| issuer.users = false).ask(&token).await.unwrap();
    assert!(!principal.requester().names.iter().any(|name| name.starts_with("user:")));
    let principal = world().ask(&signed(|token| token.without("external_user_id"))).await.unwrap();
    assert_eq!(principal.requester().attributes.external_id, None);
    assert!(!principal.requester().names.iter().any(|name| name.starts_with("user:")));
}

#[tokio::test]
async fn no_claim_can_become_a_name_without_its_prefix() {
    let world = world_with(|issuer| {
        issuer.claims.roles = vec![RoleClaim { claim: "groups".to_owned(), shape: RoleShape::List }];
    });
    let token = signed(|token| {
        token
            .claim("external_user_id", "role:admin")
            .claim("sub", "*")
            .claim("groups", json!(["*", "role:admin", "verified", "user:ceo@acme.example"]))
    });
    let principal = world.ask(&token).await.unwrap();
    let names: Vec<_> = principal.requester().names.iter().map(|name| &**name).collect();
    assert_eq!(
        names,
        [
            "*",
            "idp:blockbrain/*",
            "idp:blockbrain/role:admin",
            "idp:blockbrain/user:ceo@acme.example",
            "idp:blockbrain/verified",
            "subject:blockbrain/*",
            "user:role:admin",
            "verified"
        ]
    );
}

#[tokio::test]
async fn scopes_come_from_the_claim_and_only_without_one_from_the_issuer() {
    let world = world_with(|issuer| issuer.scopes = Scopes::from_iter(Scope::ALL));
    for (claim, expected) in [
        (json!("openid mcp:read profile"), "mcp:read"),
        (json!("mcp:write mcp:read"), "mcp:read mcp:write"),
        (json!(["mcp:write"]), "mcp:write"),
        (json!(""), ""),
        (json!("openid"), ""),
        (json!([]), ""),
        (json!("MCP:READ"), ""),
    ] {
        let principal = world.ask(&with_claim("scope", claim)).await.unwrap();
        assert_eq!(principal.proof().scopes.to_string(), expected);
    }
    let principal = world.ask(&Token::new().sign(&rsa())).await.unwrap();
    assert_eq!(principal.proof().scopes.to_string(), "mcp:read mcp:write");
}

#[tokio::test]
async fn an_actor_is_accepted_only_under_a_rule_that_says_so() {
    let act = json!({ "iss": ISS, "sub": "909", "act": { "sub": "1" } });
    for (rule, accepted) in [
        (ActorRule::Deny, false),
        (ActorRule::Allow, true),
        (ActorRule::Only(vec!["909".to_owned()]), true),
        (ActorRule::Only(vec!["1".to_owned()]), false),
        (ActorRule::Only(Vec::new()), false),
    ] {
        let world = world_with(|issuer| issuer.actor = rule.clone());
        let answer = world.ask(&with_claim("act", act.clone())).await;
        assert_eq!(answer.is_ok(), accepted, "{rule:?}");
        if let Ok(principal) = answer {
            assert_eq!(principal.proof().actor.as_ref().unwrap().to_string(), "909");
            assert_eq!(principal.requester().attributes.actor.as_ref().unwrap().as_str(), "909");
        }
    }
    let world = world_with(|issuer| issuer.actor = ActorRule::Allow);
    for act in [
        Json::Null,
        json!({}),
        json!("909"),
        json!({ "sub": "" }),
        json!({ "sub": 9 }),
        json!({ "sub": "9", "iss": 9 }),
    ] {
        assert_eq!(world.code("act", &with_claim("act", act)).await, "actor_refused");
    }
}

#[tokio::test]
async fn any_client_is_accepted_only_where_it_was_written() {
    let world = world_with(|issuer| issuer.clients = Vec::new());
    assert!(world.ask(&with_claim("client_id", "anyone")).await.is_ok());
    assert!(world.ask(&signed(|token| token.without("client_id"))).await.is_ok());
    assert_eq!(world.code("client", &with_claim("client_id", "a\u{202e}b")).await, "client_refused");
}

#[tokio::test]
async fn an_issuer_speaks_only_for_the_tenants_that_name_it() {
    let world = world();
    let organisation = |organisation: &str| {
        let organisation = organisation.to_owned();
        move |token: Token| {
            token
                .claim(ORGANISATION_CLAIM, organisation.as_str())
                .claim("urn:zitadel:iam:user:resourceowner:id", organisation.as_str())
        }
    };
    let other = |token: Token| token.claim("iss", "https://other.example").sign(&SigningKey::other_rsa("rsa"));
    let principal = world.ask(&other(organisation("beta-organisation")(Token::new()))).await.unwrap();
    assert_eq!(principal.requester().tenant.as_str(), "beta");
    let absent = |token: Token| token.without(ORGANISATION_CLAIM).without("urn:zitadel:iam:user:resourceowner:id");
    for (token, told) in [(signed(organisation("undeclared")), "`undeclared`"), (signed(absent), "which is absent")] {
        let said = world.ask(&token).await.unwrap_err().to_string();
        assert!(said.ends_with(&format!("declares the token's organisation, {told}")), "{said}");
    }
    for token in [
        signed(organisation("beta-organisation")),
        signed(organisation("undeclared")),
        signed(organisation("acme")),
        signed(absent),
        other(organisation(ORGANISATION)(Token::new())),
    ] {
        assert!(matches!(world.ask(&token).await, Err(Rejection::UnknownTenant { .. })));
        // No header makes up for it.
        let claimed = headers(&token, &[("X-Tenant-ID", "acme")]);
        assert!(matches!(world.server.authenticate(&claimed).await, Err(Rejection::UnknownTenant { .. })));
    }
}

#[tokio::test]
async fn headers_narrow() {
    let world = world();
    let principal = world
        .ask_with(&[("X-Agent-ID", "agent-1"), ("X-Data-Room-ID", "66f0"), ("X-Thread-ID", "t"), ("X-Unheard-Of", "x")])
        .await
        .unwrap();
    let context = &principal.requester().context;
    assert_eq!(context.get(ContextField::Agent), Some("agent-1"));
    assert_eq!(context.get(ContextField::DataRoom), Some("finance"), "the tenant's own name for the room");
    assert_eq!(context.get(ContextField::Thread), Some("t"));
    let principal = world.ask_with(&[]).await.unwrap();
    assert_eq!(principal.requester().context, crate::model::Context::default());
}

#[tokio::test]
async fn an_undeclared_data_room_is_refused_unless_the_tenant_takes_them_as_they_are() {
    let world = world();
    for room in ["finance", "66F0", "other", " "] {
        let rejection = world.ask_with(&[("X-Data-Room-ID", room)]).await.unwrap_err();
        assert!(matches!(&rejection, Rejection::UnknownDataRoom { .. }), "{room}: {rejection}");
    }
    let token = Token::new()
        .claim("iss", "https://other.example")
        .claim(ORGANISATION_CLAIM, "beta-organisation")
        .claim("urn:zitadel:iam:user:resourceowner:id", "beta-organisation")
        .sign(&SigningKey::other_rsa("rsa"));
    for (room, expected) in
        [("66f0", Some("finance")), ("as-it-is", Some("as-it-is")), ("a\u{200b}b", None), ("", None)]
    {
        let answer = world.server.authenticate(&headers(&token, &[("X-Data-Room-ID", room)])).await;
        let found =
            answer.as_ref().ok().and_then(|principal| principal.requester().context.get(ContextField::DataRoom));
        assert_eq!(found, expected, "{room}");
        assert!(found.is_some() || matches!(answer, Err(Rejection::BadHeader { .. })), "{room}");
    }
}

#[tokio::test]
async fn a_header_that_contradicts_the_token_is_refused_and_names_the_setting() {
    let world = world();
    for good in ["acme", ORGANISATION, "acme-in-mongo"] {
        assert!(world.ask_with(&[("X-Tenant-ID", good)]).await.is_ok(), "{good}");
    }
    assert!(world.ask_with(&[("X-External-User-ID", "jdoe@acme.example")]).await.is_ok());
    for (header, value, setting) in [
        ("X-Tenant-ID", "beta", "aliases"),
        ("X-Tenant", "beta", "aliases"),
        ("X-Blockbrain-Org-Id", "Acme", "aliases"),
        ("X-Tenant-ID", "", "aliases"),
        ("X-External-User-ID", "ceo@acme.example", "external_user"),
        ("X-External-User-ID", "", "external_user"),
    ] {
        let rejection = world.ask_with(&[(header, value)]).await.unwrap_err();
        assert!(matches!(&rejection, Rejection::ContextMismatch { .. }), "{header}: {value}");
        assert!(rejection.to_string().contains(setting), "{rejection}");
    }
}

#[tokio::test]
async fn a_header_of_which_the_token_says_nothing_is_never_applied() {
    let world = world();
    let token = signed(|token| token.without("external_user_id"));
    let claimed = headers(&token, &[("X-External-User-ID", "ceo@acme.example"), ("X-User-ID", "user_12345")]);
    let principal = world.server.authenticate(&claimed).await.unwrap();
    assert_eq!(principal.requester().attributes.external_id, None);
    assert!(!principal.requester().names.iter().any(|name| name.contains("ceo") || name.contains("12345")));
}

#[tokio::test]
async fn the_platforms_user_is_compared_only_where_configured() {
    let named = [("X-User-ID", "user_12345")];
    assert!(world().ask_with(&named).await.is_ok());
    let world = world_with(|issuer| issuer.claims.user_header = Some("number".to_owned()));
    let numbered = with_claim("number", 7);
    for (said, right) in [("7", true), ("8", false)] {
        let answer = world.server.authenticate(&headers(&numbered, &[("X-User-ID", said)])).await;
        assert_eq!(answer.is_ok(), right, "{said}");
    }
    let world = world_with(|issuer| issuer.claims.user_header = Some("sub".to_owned()));
    assert!(matches!(world.ask_with(&named).await, Err(Rejection::ContextMismatch { .. })));
    assert!(world.ask_with(&[("X-User-ID", "341200000000000101")]).await.is_ok());
}

#[tokio::test]
async fn a_header_given_twice_or_disagreeing_with_its_alias_is_refused() {
    let world = world();
    for twice in [
        [("X-Agent-ID", "a"), ("X-Agent-ID", "a")],
        [("X-Data-Room-ID", "66f0"), ("x-data-room-id", "66f0")],
        [("X-Tenant-ID", "acme"), ("X-Tenant-ID", "acme")],
        [("X-External-User-ID", "jdoe@acme.example"), ("X-External-User-ID", "jdoe@acme.example")],
        [("X-User-ID", "1"), ("X-User-ID", "1")],
        [("X-Data-Room-ID", "66f0"), ("X-Data-Room", "66f1")],
        [("X-Tenant-ID", "acme"), ("X-Tenant", ORGANISATION)],
    ] {
        let rejection = world.ask_with(&twice).await.unwrap_err();
        assert!(matches!(rejection, Rejection::BadHeader { .. }), "{twice:?}: {rejection}");
    }
    assert!(world.ask_with(&[("X-Data-Room-ID", "66f0"), ("X-Data-Room", "66f0")]).await.is_ok());
    for bad in ["", "a\u{200b}b", " ", &"x".repeat(257)] {
        assert!(world.ask_with(&[("X-Agent-ID", bad)]).await.is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_makes_no_difference_to_the_kind_of_refusal() {
    let world = world();
    for (_, code, token) in every_attack() {
        if code != "accepted" {
            let rejection = world.ask(&token).await.unwrap_err();
            assert!(matches!(rejection, Rejection::Invalid(_)), "{code}: {rejection}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_at_all_is_a_credential(text in "[!-~ ]{0,80}") {
        let world = world_without_network();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {text}")).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        proptest::prop_assert!(runtime.block_on(world.authenticate(&headers)).is_err());
    }
}

fn world_without_network() -> Authenticator {
    let clock = Arc::new(ManualClock::new());
    let issuer = settings(KeySource::Jwks("https://issuer.example/keys".parse().unwrap()));
    let keys = KeyCache::new(&issuer, &Authorities::default(), clock.clone()).unwrap();
    Authenticator::new(vec![(issuer, keys)], Arc::new(catalog()), context_headers(), clock)
}
