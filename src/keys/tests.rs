use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::jwk::{BadKeySet, Unusable, filter};
use super::{FetchError, Freshness, KeyCache, KeyError};
use crate::config::{ActorRule, Claims, Issuer, KeyLimits, KeySource, RoleClaim, RoleShape, TokenType, TokenUse};
use crate::model::{Scope, Scopes};
use crate::outbound::Authorities;
use crate::test_support::clock::ManualClock;
use crate::test_support::issuer::{AUDIENCE, Answer, CLIENT, ISS, ORGANISATION_CLAIM, SigningKey, TestIssuer};

const COOL_DOWN: Duration = Duration::from_secs(30);
const FRESH: Duration = Duration::from_mins(5);
const STALE: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// An issuer as the Blockbrain preset declares it, with its keys on a loopback port.
pub(crate) fn settings(keys: KeySource) -> Issuer {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    Issuer {
        name: "blockbrain".parse().unwrap(),
        issuers: texts(&[ISS]),
        keys,
        key_limits: KeyLimits {
            cool_down: COOL_DOWN,
            fresh: FRESH,
            fresh_bounds: (MINUTE, STALE),
            stale: STALE,
            negative: COOL_DOWN,
            max_bytes: 65_536,
            max_keys: 50,
            timeout: Duration::from_secs(5),
        },
        audiences: texts(&[AUDIENCE]),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        clients: texts(&[CLIENT]),
        token_types: vec![TokenType::Jwt, TokenType::AccessToken],
        token_use: TokenUse::Access,
        claims: Claims {
            external_user: texts(&["external_user_id"]),
            organisation: texts(&["urn:zitadel:iam:user:resourceowner:id", ORGANISATION_CLAIM]),
            equal: vec![(ORGANISATION_CLAIM.to_owned(), "urn:zitadel:iam:user:resourceowner:id".to_owned())],
            roles: vec![RoleClaim {
                claim: "urn:zitadel:iam:org:project:roles".to_owned(),
                shape: RoleShape::PerOrganisation,
            }],
            scope: Some("scope".to_owned()),
            user_header: None,
            absent: texts(&["nonce", "at_hash"]),
            required: texts(&["jti"]),
            attributes: std::iter::once(("clearance".parse().unwrap(), "urn:acme:clearance".to_owned())).collect(),
        },
        scopes: Scopes::from_iter([Scope::Read]),
        users: true,
        actor: ActorRule::Deny,
        max_age: Duration::from_hours(12),
        leeway: COOL_DOWN,
        max_token_bytes: 16_384,
    }
}

struct Setup {
    issuer: TestIssuer,
    clock: Arc<ManualClock>,
    cache: Arc<KeyCache>,
}

fn setup(answer: Answer) -> Setup {
    setup_with(answer, |_| {})
}

fn setup_with(answer: Answer, change: impl FnOnce(&mut KeyLimits)) -> Setup {
    let issuer = TestIssuer::start(answer);
    let clock = Arc::new(ManualClock::new());
    let mut settings = settings(KeySource::Jwks(issuer.jwks_url()));
    change(&mut settings.key_limits);
    let cache = KeyCache::new(&settings, &Authorities::default(), clock.clone()).unwrap();
    Setup { issuer, clock, cache }
}

impl Setup {
    async fn find(&self, kid: &str) -> Result<(), KeyError> {
        self.cache.find(Some(kid), Algorithm::RS256).await.map(drop)
    }

    /// Finds a key that must be there.
    async fn found(&self, kid: &str) {
        assert_eq!(self.find(kid).await, Ok(()), "{kid}");
    }

    async fn unavailable(&self, kid: &str) -> Duration {
        match self.find(kid).await {
            Err(KeyError::Unavailable { retry_after }) => retry_after,
            other => panic!("{kid}: {other:?}"),
        }
    }

    /// Waits for something that happens on another thread.
    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let wait = async {
            while !what(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    }
}

fn one_key() -> Answer {
    Answer::keys(&[&SigningKey::rsa("a")])
}

#[tokio::test]
async fn fifty_callers_of_a_cold_cache_share_one_fetch() {
    let setup = setup(one_key());
    let answers = join_all((0..50).map(|_| setup.cache.find(Some("a"), Algorithm::RS256))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(setup.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_the_fetch_of_nobody_with_them() {
    let setup = setup(one_key());
    assert!(setup.cache.find(Some("a"), Algorithm::RS256).now_or_never().is_none());
    setup.found("a").await;
    assert_eq!(setup.issuer.fetches(), 1);
    assert_eq!(setup.cache.status().fetches, 1);
}

#[tokio::test]
async fn a_thousand_random_key_ids_cause_one_fetch_per_cool_down() {
    let setup = setup(one_key());
    setup.found("a").await;
    for round in 1..=3 {
        setup.clock.advance(COOL_DOWN);
        let kids: Vec<String> = (0..1000).map(|n| format!("random-{round}-{n}")).collect();
        let answers = join_all(kids.iter().map(|kid| setup.cache.find(Some(kid), Algorithm::RS256))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(KeyError::Unavailable { .. }))));
        assert_eq!(setup.issuer.fetches(), 1 + round);
    }
    setup.found("a").await;
}

#[tokio::test]
async fn the_cool_down_counts_failed_fetches_and_empty_caches_too() {
    let setup = setup(Answer::status(500));
    for round in 1..=3 {
        for n in 0..100 {
            let retry_after = setup.unavailable(&format!("random-{n}")).await;
            assert!(retry_after <= COOL_DOWN && retry_after >= Duration::from_secs(1));
        }
        assert_eq!(setup.issuer.fetches(), round);
        setup.clock.advance(COOL_DOWN);
    }
    setup.issuer.answer(one_key());
    setup.found("a").await;
}

#[tokio::test]
async fn a_fetch_that_has_ended_is_joined_by_nobody() {
    let setup = setup_with(Answer::status(500), |limits| limits.cool_down = Duration::from_secs(1));
    setup.unavailable("a").await;
    setup.issuer.answer(one_key());
    setup.clock.advance(Duration::from_secs(1));
    setup.found("a").await;
    assert_eq!(setup.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_fetch_that_nobody_drives_is_given_up() {
    let setup = setup(Answer::Stall);
    assert!(setup.cache.find(Some("a"), Algorithm::RS256).now_or_never().is_none());
    setup.issuer.answer(one_key());
    setup.clock.advance(COOL_DOWN);
    setup.found("a").await;
    assert_eq!(setup.cache.status().fetches, 2);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_hold_fetches_off() {
    let setup = setup(Answer::status(500));
    setup.clock.advance(STALE);
    setup.unavailable("a").await;
    setup.issuer.answer(one_key());
    setup.clock.set_back(STALE);
    setup.found("a").await;
}

#[tokio::test]
async fn a_rotation_that_publishes_first_loses_nothing() {
    let (a, b) = (SigningKey::rsa("a"), SigningKey::other_rsa("b"));
    let setup = setup(Answer::keys(&[&a]));
    setup.found("a").await;
    setup.issuer.answer(Answer::keys(&[&a, &b]));
    setup.clock.advance(FRESH);
    setup.found("a").await;
    setup.found("b").await;
    setup.issuer.answer(Answer::keys(&[&b]));
    setup.found("a").await;
    setup.clock.advance(FRESH);
    setup.found("b").await;
    assert_eq!(setup.issuer.fetches(), 3);
    // The removed key is gone with the freshness of the set, and is not "unknown" before that is sure.
    setup.unavailable("a").await;
    setup.clock.advance(COOL_DOWN);
    assert_eq!(setup.find("a").await, Err(KeyError::Unknown));
}

#[tokio::test]
async fn a_key_used_before_it_is_published_costs_one_cool_down_of_503_and_no_401() {
    let (a, b) = (SigningKey::rsa("a"), SigningKey::other_rsa("b"));
    let setup = setup(Answer::keys(&[&a]));
    setup.found("a").await;
    setup.clock.advance(MINUTE);
    assert_eq!(setup.unavailable("b").await, COOL_DOWN);
    setup.clock.advance(Duration::from_secs(5));
    setup.issuer.answer(Answer::keys(&[&a, &b]));
    assert_eq!(setup.unavailable("b").await, Duration::from_secs(25));
    setup.found("a").await;
    setup.clock.advance(Duration::from_secs(25));
    setup.found("b").await;
}

#[tokio::test]
async fn a_key_id_is_unknown_only_after_a_second_look_and_is_looked_for_again_later() {
    let (a, b) = (SigningKey::rsa("a"), SigningKey::other_rsa("b"));
    let setup = setup(Answer::keys(&[&a]));
    setup.found("a").await;
    setup.clock.advance(COOL_DOWN);
    setup.unavailable("b").await;
    setup.clock.advance(COOL_DOWN);
    assert_eq!(setup.find("b").await, Err(KeyError::Unknown));
    assert_eq!(setup.issuer.fetches(), 3);
    // Remembered: no fetch, although one would be due just before the memory ends.
    setup.clock.advance(Duration::from_secs(29));
    assert_eq!(setup.find("b").await, Err(KeyError::Unknown));
    assert_eq!(setup.issuer.fetches(), 3);
    setup.issuer.answer(Answer::keys(&[&a, &b]));
    setup.clock.advance(Duration::from_secs(1));
    setup.found("b").await;
}

#[tokio::test]
async fn a_refresh_that_changes_the_set_forgets_what_was_unknown() {
    let (a, b, c) = (SigningKey::rsa("a"), SigningKey::other_rsa("b"), SigningKey::rsa("c"));
    let setup = setup_with(Answer::keys(&[&a]), |limits| limits.negative = FRESH);
    setup.found("a").await;
    setup.clock.advance(COOL_DOWN);
    setup.unavailable("b").await;
    setup.clock.advance(COOL_DOWN);
    assert_eq!(setup.find("b").await, Err(KeyError::Unknown));
    setup.issuer.answer(Answer::keys(&[&a, &c]));
    setup.clock.advance(COOL_DOWN);
    setup.found("c").await;
    // Long before the memory of `b` would end.
    setup.issuer.answer(Answer::keys(&[&a, &b, &c]));
    setup.clock.advance(COOL_DOWN);
    setup.found("b").await;
}

#[tokio::test]
async fn no_unknown_is_said_from_a_stale_set() {
    let setup = setup(one_key());
    setup.found("a").await;
    setup.clock.advance(COOL_DOWN);
    setup.unavailable("b").await;
    setup.clock.advance(COOL_DOWN);
    assert_eq!(setup.find("b").await, Err(KeyError::Unknown));
    setup.issuer.answer(Answer::status(503));
    setup.clock.advance(FRESH);
    setup.found("a").await;
    setup.unavailable("b").await;
}

/// Every way in which an issuer can fail or lie.
fn bad_answers() -> Vec<(&'static str, Answer)> {
    let html = Answer::Reply {
        status: 200,
        content_type: "text/html",
        headers: String::new(),
        body: b"<html>maintenance</html>".to_vec(),
    };
    let good = one_key();
    let oversized = json!({ "keys": [SigningKey::rsa("a").jwk()], "padding": "x".repeat(70_000) });
    let many: Vec<Value> = (0..51).map(|n| SigningKey::rsa(&n.to_string()).jwk()).collect();
    let stolen = {
        let mut jwk = SigningKey::rsa("a").jwk();
        jwk["d"] = json!("AQAB");
        jwk
    };
    let twice = Answer::Reply {
        status: 200,
        content_type: "application/json",
        headers: String::new(),
        body: br#"{"keys":[],"keys":[]}"#.to_vec(),
    };
    vec![
        ("empty", Answer::json(&json!({ "keys": [] }))),
        ("no keys", Answer::json(&json!({}))),
        ("an error object", Answer::json(&json!({ "error": "oops" }))),
        ("a list", Answer::json(&json!([]))),
        ("twice", twice),
        ("500", Answer::status(500)),
        ("404", Answer::status(404)),
        ("204", Answer::status(204)),
        ("html", html.clone()),
        ("html that says json", html.with_content_type("application/json")),
        ("text that is json", good.clone().with_content_type("text/plain")),
        ("no content type", good.with_content_type("")),
        ("oversized", Answer::json(&oversized)),
        ("endless", Answer::Endless),
        ("hang up", Answer::HangUp),
        ("too many", Answer::json(&json!({ "keys": many }))),
        ("private members", Answer::json(&json!({ "keys": [stolen] }))),
    ]
}

#[tokio::test]
async fn no_bad_answer_evicts_the_good_set() {
    for (name, answer) in bad_answers() {
        let setup = setup(one_key());
        setup.found("a").await;
        setup.issuer.answer(answer);
        setup.clock.advance(FRESH);
        setup.found("a").await;
        assert_eq!(setup.issuer.fetches(), 2, "{name}");
        let status = setup.cache.status();
        assert_eq!((status.freshness, status.keys), (Freshness::Stale, 1), "{name}");
        assert!(status.failure.is_some(), "{name}");
    }
}

#[tokio::test]
async fn no_bad_answer_makes_a_set() {
    for (name, answer) in bad_answers() {
        let setup = setup(answer);
        let _ = setup.unavailable("a").await;
        assert_eq!(setup.cache.status().freshness, Freshness::Never, "{name}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = TestIssuer::start(one_key());
    let redirect = Answer::status(302).with_header("Location", elsewhere.jwks_url().as_str());
    let setup = setup(redirect);
    setup.unavailable("a").await;
    assert_eq!((setup.issuer.fetches(), elsewhere.fetches()), (1, 0));
}

#[tokio::test]
async fn an_issuer_that_stalls_costs_one_time_out_and_then_nothing() {
    let setup = setup_with(one_key(), |limits| limits.timeout = Duration::from_millis(100));
    setup.found("a").await;
    setup.issuer.answer(Answer::Stall);
    setup.clock.advance(FRESH);
    setup.found("a").await;
    let status = setup.cache.status();
    assert!(status.failure.is_some_and(|failure| failure.contains("within")));
    // From now on nobody waits: the very first poll has the answer.
    for _ in 0..10 {
        setup.clock.advance(MINUTE);
        assert!(setup.cache.find(Some("a"), Algorithm::RS256).now_or_never().unwrap().is_ok());
    }
}

#[tokio::test]
async fn known_keys_outlive_an_outage_until_the_stale_window_ends_and_return_with_the_issuer() {
    let setup = setup(one_key());
    setup.found("a").await;
    let key = setup.cache.find(Some("a"), Algorithm::RS256).await.unwrap();
    setup.issuer.answer(Answer::HangUp);
    setup.clock.advance(FRESH);
    setup.found("a").await;
    assert!(setup.cache.holds(&key));
    setup.clock.advance(Duration::from_secs(3599));
    setup.found("a").await;
    assert!(setup.cache.holds(&key));
    setup.clock.advance(Duration::from_secs(1));
    assert!(!setup.cache.holds(&key));
    setup.unavailable("a").await;
    assert_eq!(setup.cache.status().freshness, Freshness::Expired);
    setup.issuer.answer(one_key());
    setup.clock.advance(COOL_DOWN);
    setup.found("a").await;
    assert!(setup.cache.holds(&key));
    assert_eq!(setup.cache.status().freshness, Freshness::Fresh);
}

#[tokio::test]
async fn a_stale_window_of_zero_ends_with_the_freshness() {
    let setup = setup_with(one_key(), |limits| limits.stale = Duration::ZERO);
    setup.found("a").await;
    setup.issuer.answer(Answer::status(500));
    setup.clock.advance(FRESH);
    setup.unavailable("a").await;
}

#[tokio::test]
async fn a_key_that_is_replaced_or_removed_is_held_no_longer() {
    let setup = setup(Answer::keys(&[&SigningKey::rsa("a"), &SigningKey::p256("b")]));
    let a = setup.cache.find(Some("a"), Algorithm::RS256).await.unwrap();
    let b = setup.cache.find(Some("b"), Algorithm::ES256).await.unwrap();
    assert!(setup.cache.holds(&a) && setup.cache.holds(&b));
    // Past the freshness and not refreshed yet, nothing is held.
    setup.clock.advance(FRESH);
    assert!(!setup.cache.holds(&a));
    // Another key under the same id is another key.
    setup.issuer.answer(Answer::keys(&[&SigningKey::other_rsa("a")]));
    setup.found("a").await;
    assert!(!setup.cache.holds(&a) && !setup.cache.holds(&b));
    // The very same key is the very same key, fetched anew.
    setup.issuer.answer(one_key());
    setup.clock.advance(FRESH);
    setup.found("a").await;
    assert!(setup.cache.holds(&a));
}

#[tokio::test]
async fn use_past_four_fifths_of_the_freshness_refreshes_in_the_background() {
    let setup = setup(one_key());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(Arc::clone(&setup.cache).keep_fresh());
    setup.until(|setup| setup.cache.status().freshness == Freshness::Fresh).await;
    setup.clock.advance(Duration::from_secs(239));
    assert!(setup.cache.find(Some("a"), Algorithm::RS256).now_or_never().unwrap().is_ok());
    setup.clock.advance(Duration::from_secs(1));
    let refreshed = |setup: &Setup| setup.cache.status().fetched;
    let before = refreshed(&setup);
    assert!(setup.cache.find(Some("a"), Algorithm::RS256).now_or_never().unwrap().is_ok());
    setup.until(|setup| refreshed(setup) > before).await;
    assert_eq!(setup.issuer.fetches(), 2);
    // And in an outage the background keeps trying, once per cool-down, while nobody waits.
    setup.issuer.answer(Answer::status(500));
    setup.clock.advance(Duration::from_mins(4));
    for attempt in 1..=3 {
        assert!(setup.cache.find(Some("a"), Algorithm::RS256).now_or_never().unwrap().is_ok());
        setup.until(|setup| setup.issuer.fetches() == 2 + attempt).await;
        setup.until(|setup| setup.cache.status().failure.is_some()).await;
        setup.clock.advance(COOL_DOWN);
    }
}

#[tokio::test]
async fn the_answers_max_age_counts_within_bounds() {
    for (header, fresh) in [
        ("max-age=300, must-revalidate", 300),
        ("public, MAX-AGE=\"120\"", 120),
        ("max-age=5", 60),
        ("no-store", 60),
        ("max-age=86400", 3600),
        ("max-age=-1", 300),
        ("private", 300),
    ] {
        let setup = setup(one_key().with_header("Cache-Control", header));
        setup.found("a").await;
        setup.clock.advance(Duration::from_secs(fresh - 1));
        assert_eq!(setup.cache.status().freshness, Freshness::Fresh, "{header}");
        setup.clock.advance(Duration::from_secs(1));
        assert_eq!(setup.cache.status().freshness, Freshness::Stale, "{header}");
    }
}

#[tokio::test]
async fn without_a_key_id_exactly_one_key_must_fit() {
    let (a, b, c) = (SigningKey::rsa("a"), SigningKey::other_rsa("b"), SigningKey::ed25519("c"));
    let setup = setup(Answer::keys(&[&a, &b, &c]));
    let found = setup.cache.find(None, Algorithm::EdDSA).await.unwrap();
    assert_eq!(found.kid(), Some("c"));
    let refused = |algorithm| setup.cache.find(None, algorithm).now_or_never().unwrap().map(drop);
    // The published keys say `alg`, so they fit nothing else.
    assert_eq!(refused(Algorithm::RS256), Err(KeyError::Ambiguous { fitting: 2 }));
    assert_eq!(refused(Algorithm::RS512), Err(KeyError::Ambiguous { fitting: 0 }));
    assert_eq!(setup.cache.find(Some("a"), Algorithm::ES256).await.map(drop), Err(KeyError::Algorithm));
    assert_eq!(setup.issuer.fetches(), 1);
}

#[tokio::test]
async fn discovery_finds_the_keys_of_that_issuer_only() {
    let issuer = TestIssuer::start(one_key());
    let cache = || {
        let clock = Arc::new(ManualClock::new());
        KeyCache::new(&settings(KeySource::Discovery(issuer.discovery_url())), &Authorities::default(), clock).unwrap()
    };
    assert!(cache().find(Some("a"), Algorithm::RS256).await.is_ok());
    for (found, jwks_uri) in [
        ("https://issuer.example/", issuer.jwks_url().to_string()),
        ("https://evil.example", issuer.jwks_url().to_string()),
        (ISS, "http://issuer.example/keys".to_owned()),
        (ISS, "file:///etc/passwd".to_owned()),
        (ISS, "/oauth/v2/keys".to_owned()),
    ] {
        issuer.answer_discovery(Answer::json(&json!({ "issuer": found, "jwks_uri": jwks_uri })));
        let cache = cache();
        assert!(cache.find(Some("a"), Algorithm::RS256).await.is_err(), "{found} {jwks_uri}");
        let failure = cache.status().failure.unwrap();
        assert!(failure.contains("speaks for") || failure.contains("`jwks_uri`"), "{failure}");
    }
    assert_eq!(issuer.fetches(), 1);
}

#[test]
fn keys_travel_over_https_except_on_this_machine() {
    let clock = Arc::new(ManualClock::new());
    for (url, good) in [
        ("https://auth.example/oauth/v2/keys", true),
        ("http://127.0.0.1:1/keys", true),
        ("http://[::1]/keys", true),
        ("http://localhost/keys", true),
        ("http://auth.example/keys", false),
        ("http://localhost.evil.example/keys", false),
        ("http://10.0.0.1/keys", false),
        ("ftp://127.0.0.1/keys", false),
    ] {
        let made =
            KeyCache::new(&settings(KeySource::Jwks(url.parse().unwrap())), &Authorities::default(), clock.clone());
        assert_eq!(made.is_ok(), good, "{url}");
        assert!(good || matches!(made, Err(FetchError::Address(_))), "{url}");
    }
}

fn changed(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk[member] = value;
    jwk
}

#[test]
fn an_odd_entry_is_left_out_and_costs_the_others_nothing() {
    let rsa = || SigningKey::rsa("bad").jwk();
    let small: String = include_str!("../../tests/keys/rsa1024.modulus").trim().to_owned();
    let modulus = URL_SAFE_NO_PAD.decode(rsa()["n"].as_str().unwrap()).unwrap();
    let encode = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
    let even = {
        let mut even = modulus.clone();
        *even.last_mut().unwrap() &= 0xfe;
        even
    };
    let bad: Vec<(&str, Value)> = vec![
        ("null", Value::Null),
        ("a text", json!("key")),
        ("no kty", changed(rsa(), "kty", Value::Null)),
        ("symmetric", json!({ "kty": "oct", "kid": "bad", "alg": "HS256" })),
        ("symmetric with its secret", json!({ "kty": "oct", "kid": "bad", "k": "c2VjcmV0" })),
        ("unknown kty", changed(rsa(), "kty", json!("AKP"))),
        ("a numeric kid", changed(rsa(), "kid", json!(7))),
        ("an empty kid", changed(rsa(), "kid", json!(""))),
        ("a long kid", changed(rsa(), "kid", json!("k".repeat(257)))),
        ("for encryption", changed(rsa(), "use", json!("enc"))),
        ("use of another type", changed(rsa(), "use", json!(["sig"]))),
        ("for signing only", changed(rsa(), "key_ops", json!(["sign"]))),
        ("key_ops of another type", changed(rsa(), "key_ops", json!("verify"))),
        ("encryption alg", changed(rsa(), "alg", json!("RSA-OAEP-256"))),
        ("alg of another family", changed(rsa(), "alg", json!("ES256"))),
        ("HMAC alg", changed(rsa(), "alg", json!("HS256"))),
        ("private", changed(rsa(), "d", json!("AQAB"))),
        ("private prime", changed(rsa(), "p", json!("AQAB"))),
        ("RSA 1024", changed(rsa(), "n", json!(small))),
        ("RSA 16384", changed(rsa(), "n", encode(&[0xff; 2048]))),
        ("leading zero", changed(rsa(), "n", encode(&[&[0], &*modulus].concat()))),
        ("even modulus", changed(rsa(), "n", encode(&even))),
        ("padded base64", changed(rsa(), "e", json!("AQAB="))),
        ("e = 1", changed(rsa(), "e", encode(&[1]))),
        ("e even", changed(rsa(), "e", encode(&[1, 0, 0]))),
        ("e empty", changed(rsa(), "e", json!(""))),
        ("e huge", changed(rsa(), "e", encode(&[0xff; 32]))),
        ("wrong curve", changed(SigningKey::p256("bad").jwk(), "crv", json!("secp256k1"))),
        ("curve of another length", changed(SigningKey::p256("bad").jwk(), "crv", json!("P-384"))),
        ("alg of another curve", changed(SigningKey::p256("bad").jwk(), "alg", json!("ES384"))),
        ("X25519", changed(SigningKey::ed25519("bad").jwk(), "crv", json!("X25519"))),
        ("identity point", changed(SigningKey::ed25519("bad").jwk(), "x", encode(&super::jwk::SMALL_ORDER[1]))),
        ("short point", changed(SigningKey::ed25519("bad").jwk(), "x", encode(&[7; 31]))),
    ];
    let good = SigningKey::p256("good").jwk();
    for (name, entry) in bad {
        let document = serde_json::to_vec(&json!({ "keys": [entry, good] })).unwrap();
        let filtered = filter(&document, 50).unwrap();
        assert_eq!(filtered.keys.iter().map(|key| key.kid()).collect::<Vec<_>>(), [Some("good")], "{name}");
        assert_eq!(filtered.skipped.len(), 1, "{name}");
    }
}

#[test]
fn keys_that_claim_the_same_id_are_both_dropped_unless_they_are_one() {
    let (a, other, b) = (SigningKey::rsa("a").jwk(), SigningKey::other_rsa("a").jwk(), SigningKey::p256("b").jwk());
    let read = |keys: Value| filter(&serde_json::to_vec(&json!({ "keys": keys })).unwrap(), 50);
    let kids =
        |keys: Value| read(keys).unwrap().keys.iter().map(|key| key.kid().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(kids(json!([a, other, b])), [Some("b".to_owned())]);
    assert_eq!(kids(json!([a, a, b])), [Some("a".to_owned()), Some("b".to_owned())]);
    let skipped = read(json!([a, other, b])).unwrap().skipped;
    assert!(skipped.iter().all(|(_, reason)| *reason == Unusable::SameKid));
    assert!(matches!(read(json!([a, other])), Err(BadKeySet::Empty { skipped: 2, .. })));
}

#[test]
fn a_key_without_alg_fits_its_own_family_and_no_other() {
    let mut jwk = SigningKey::rsa("a").jwk();
    jwk.as_object_mut().unwrap().shift_remove("alg");
    let document = serde_json::to_vec(&json!({ "keys": [jwk] })).unwrap();
    let filtered = filter(&document, 1).unwrap();
    let key = &filtered.keys[0];
    assert!(key.fits(Algorithm::RS256) && key.fits(Algorithm::PS512));
    for foreign in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256] {
        assert!(!key.fits(foreign), "{foreign:?}");
        assert!(!key.verifies(b"x", "eA", foreign), "{foreign:?}");
    }
}

#[test]
fn a_good_signature_by_an_algorithm_that_the_key_is_not_for_is_no_signature() {
    let document = serde_json::to_vec(&json!({ "keys": [SigningKey::rsa("a").jwk()] })).unwrap();
    let key = filter(&document, 1).unwrap().keys.remove(0);
    for (algorithm, good) in [(Algorithm::RS256, true), (Algorithm::RS512, false), (Algorithm::PS256, false)] {
        let token = SigningKey::rsa("a").with_algorithm(algorithm).sign(b"{}", b"{}");
        let (input, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(key.verifies(input.as_bytes(), signature, algorithm), good, "{algorithm:?}");
    }
}
