//! Tokens of our own authorization server, asked for what they prove: really signed, and refused each for its own reason.

use super::*;
use crate::clock::Clock as _;
use crate::config::{Oauth, fixture};
use crate::keys::IssuerKeys;
use crate::keys::own::{self, AccessClaims, OwnKeys};
use crate::model::oauth::{AuthorizationCode, GrantId, Login, LoginSessionId, RequestHandle, SessionSecret};
use crate::random::OsRandom;
use crate::store::state::{
    self, Account, AuthorizationRequest, Client, Consent, Grant, PasswordHash, Retention, RevocationReason, StateStore,
};

const ORIGIN: &str = "https://mcp.acme.example";
const QUARTER: Duration = Duration::from_mins(15);

/// A server that trusts itself, and the grant of one person.
struct Own {
    _directory: tempfile::TempDir,
    store: StateStore,
    keys: Arc<OwnKeys>,
    clock: Arc<ManualClock>,
    server: Authenticator,
    grant: Grant,
    login: Login,
}

async fn own() -> Own {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let now = clock.now();
    let store = StateStore::open(&directory.path().join("state.db"), now).await.unwrap();
    let keys = OwnKeys::open(&fixture::server(ORIGIN), Vec::new(), store.clone(), clock.clone(), Arc::new(OsRandom))
        .await
        .unwrap();
    let settings = Oauth { access_token: QUARTER, ..fixture::oauth() };
    let ours = (own::issuer(&fixture::server(ORIGIN), &settings), IssuerKeys::Own(Arc::clone(&keys)));
    let server = Authenticator::new(vec![ours], Arc::new(catalog()), context_headers(), clock.clone());
    let grant = consented(&store, now).await;
    Own { _directory: directory, store, keys, clock, server, grant, login: "ada".parse().unwrap() }
}

/// What Ada of acme allows an app.
async fn consented(store: &StateStore, now: crate::model::Timestamp) -> Grant {
    let client = Client { scopes: Scopes::from_iter([Scope::Read]), ..state::fixture::client("app", now) };
    let account =
        Account { external_user: Some("ada@acme.example".parse().unwrap()), ..state::fixture::account("ada", now) };
    store.create_client(&client, now).await.unwrap();
    store.create_account(&account, &PasswordHash::new("none".to_owned()), now).await.unwrap();
    let (session, secret) = (LoginSessionId::from_random([3; 16]), SessionSecret::from_random([3; 32]));
    store.open_session(&session, &secret, now.plus(HOUR), now).await.unwrap();
    let request = AuthorizationRequest {
        client: client.id.clone(),
        redirect_uri: client.redirect_uris[0].clone(),
        redirect_uri_sent: true,
        resource: format!("{ORIGIN}/mcp"),
        scopes: client.scopes.clone(),
        state: None,
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap(),
    };
    let handle = RequestHandle::from_random([4; 32]);
    store.open_request(&handle, &session, &request, now.plus(HOUR), now).await.unwrap();
    let consent = Consent {
        grant: &GrantId::from_random([1; 16]),
        account: &account.id,
        scopes: client.scopes,
        expires: now.plus(HOUR),
        code: &AuthorizationCode::from_random([5; 32]),
        counts_for: None,
        code_expires: now.plus(HOUR),
    };
    store.consent(&handle, &session, &consent, now).await.unwrap().unwrap().1
}

impl Own {
    fn claims(&self) -> AccessClaims {
        let terms = &self.grant.terms;
        AccessClaims {
            grant: self.grant.id.clone(),
            generation: 1,
            account: terms.account.clone(),
            client: terms.client.clone(),
            tenant: terms.tenant.clone(),
            external_user: terms.external_user.clone(),
            provider: None,
            scopes: terms.scopes.clone(),
            issued: self.clock.now(),
            expires: self.clock.now().plus(QUARTER),
        }
    }

    fn token(&self) -> String {
        self.keys.sign(&self.claims()).unwrap().expose().to_owned()
    }

    async fn code(&self, token: &str) -> &'static str {
        let asked = self.server.authenticate(&headers(token, &[])).await;
        let (_, inspected) = self.server.inspect(&headers(token, &[])).await;
        assert_eq!(asked.as_ref().err(), inspected.as_ref().err());
        asked.map_or_else(|rejection| rejection.code(), |_| "accepted")
    }

    /// The token with other words in it, signed anew with the very key.
    async fn forged(&self, change: impl FnOnce(&mut Json, &mut Json)) -> String {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let token = self.token();
        let part = |number: usize| -> Json {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
        };
        let (mut header, mut body) = (part(0), part(1));
        change(&mut header, &mut body);
        let stored = self.store.signing_keys().await.unwrap();
        let current = stored.iter().find(|key| key.stage == crate::store::state::KeyStage::Current).unwrap();
        let seed = URL_SAFE_NO_PAD.decode(current.seed.expose()).unwrap();
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let key = jsonwebtoken::EncodingKey::from_ed_der(&[&head[..], &seed].concat());
        let signed = [header, body].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        format!("{signed}.{signature}")
    }
}

#[tokio::test]
async fn what_was_revoked_elsewhere_counts_even_if_nobody_follows_it() {
    let own = own().await;
    let token = own.token();
    assert_eq!(own.code(&token).await, "accepted");
    let file = own.store.file().to_owned();
    let other = StateStore::open(&file, own.clock.now()).await.unwrap();
    other.revoke_grant(&own.grant.id, RevocationReason::TokenRevoked, own.clock.now()).await.unwrap();
    own.clock.advance(Duration::from_secs(11));
    assert_eq!(own.code(&token).await, "withdrawn");
}

#[tokio::test]
async fn a_token_of_ours_proves_the_person_the_tenant_and_the_client() {
    let own = own().await;
    let principal = own.server.authenticate(&headers(&own.token(), &[("X-Tenant-ID", "acme")])).await.unwrap();
    let (requester, proof) = (principal.requester(), principal.proof());
    let account = &own.grant.terms.account;
    let names: BTreeSet<_> = requester.names.iter().map(ToString::to_string).collect();
    let expected = ["*", "verified", "user:ada@acme.example"].map(ToOwned::to_owned);
    let subject = format!("subject:bailiwick/{account}");
    assert_eq!(names, expected.into_iter().chain([subject]).collect());
    assert_eq!(requester.tenant.as_str(), "acme");
    assert_eq!(proof.subject.to_string(), format!("bailiwick/{account}"));
    assert_eq!(proof.client.as_ref().unwrap().as_str(), "app");
    assert_eq!(proof.scopes, Scopes::from_iter([Scope::Read]));
    let other = own.server.authenticate(&headers(&own.token(), &[("X-Tenant-ID", "beta")])).await.unwrap_err();
    assert_eq!(other.code(), "context_mismatch");
    // What is forged below differs from what is good in nothing else.
    assert_eq!(own.code(&own.forged(|_, _| {}).await).await, "accepted");
}

#[tokio::test]
async fn a_token_that_is_not_an_access_token_for_us_is_refused_for_its_own_reason() {
    type Change = fn(&mut Json, &mut Json);
    let own = own().await;
    let now = own.clock.now().as_secs();
    let cases: [(&str, Change, &str); 17] = [
        ("another resource", |_, body| body["aud"] = json!("https://other.example/mcp"), "audience"),
        ("the bare origin", |_, body| body["aud"] = json!(ORIGIN), "audience"),
        ("a slash at its end", |_, body| body["aud"] = json!(format!("{ORIGIN}/mcp/")), "audience"),
        ("no audience", |_, body| body["aud"] = Json::Null, "audience"),
        ("the type of an ID token", |header, _| header["typ"] = json!("JWT"), "type_refused"),
        ("no type", |header, _| drop(header.as_object_mut().unwrap().remove("typ")), "type_refused"),
        ("the nonce of an ID token", |_, body| body["nonce"] = json!("n"), "claim_forbidden"),
        ("another issuer", |_, body| body["iss"] = json!("https://mcp.acme.example/"), "issuer_unknown"),
        ("no grant", |_, body| drop(body.as_object_mut().unwrap().remove("gid")), "grant_malformed"),
        ("no scope", |_, body| drop(body.as_object_mut().unwrap().remove("scope")), "grant_malformed"),
        ("no client", |_, body| drop(body.as_object_mut().unwrap().remove("client_id")), "grant_malformed"),
        ("no id", |_, body| drop(body.as_object_mut().unwrap().remove("jti")), "claim_missing"),
        ("an actor", |_, body| body["act"] = json!({ "sub": "x" }), "actor_refused"),
        ("a tenant that is not declared", |_, body| body["tenant"] = json!("initech"), "unknown_tenant"),
        ("the platform's name for a tenant", |_, body| body["tenant"] = json!(ORGANISATION), "unknown_tenant"),
        ("a key that nobody has", |header, _| header["kid"] = json!("nobody"), "key_unknown"),
        ("no key id", |header, _| drop(header.as_object_mut().unwrap().remove("kid")), "key_unknown"),
    ];
    for (name, change, code) in cases {
        assert_eq!(own.code(&own.forged(change).await).await, code, "{name}");
    }
    let early = own.forged(|_, body| body["iat"] = json!(now + 60)).await;
    assert_eq!(own.code(&early).await, "issued_in_future");
    let token = own.token();
    assert_eq!(own.code(&token).await, "accepted");
    own.clock.advance(QUARTER);
    assert_eq!(own.code(&token).await, "expired", "what is remembered of its signature notwithstanding");
}

#[tokio::test]
async fn what_is_taken_back_is_refused_by_the_next_request() {
    let own = own().await;
    let (token, terms, now) = (own.token(), own.grant.terms.clone(), own.clock.now());
    assert_eq!(own.code(&token).await, "accepted");
    own.store.disable_client(&terms.client, now).await.unwrap();
    assert_eq!(own.code(&token).await, "withdrawn");
    own.store.enable_client(&terms.client, now).await.unwrap();
    assert_eq!(own.code(&token).await, "accepted");
    own.store.disable_account(&own.login, now).await.unwrap();
    assert_eq!(own.code(&token).await, "withdrawn");
    own.store.enable_account(&own.login, now).await.unwrap();
    assert_eq!(own.code(&token).await, "withdrawn", "what was revoked with the account stays so");
}

#[tokio::test]
async fn a_revoked_grant_ends_its_tokens_and_no_others() {
    let own = own().await;
    let token = own.token();
    let mut of_another = own.claims();
    of_another.grant = GrantId::from_random([9; 16]);
    let other = own.keys.sign(&of_another).unwrap().expose().to_owned();
    assert_eq!(own.code(&token).await, "accepted");
    own.store.revoke_grant(&own.grant.id, RevocationReason::TokenRevoked, own.clock.now()).await.unwrap();
    assert_eq!(own.code(&token).await, "withdrawn");
    assert_eq!(own.code(&other).await, "accepted");
}

#[tokio::test]
async fn a_key_signs_no_more_and_verifies_until_its_last_token_has_expired() {
    let own = own().await;
    let following = Arc::clone(&own.keys).follow(|| ());
    let token = own.token();
    let (id, seed) = own::mint(&OsRandom).unwrap();
    own.store.rotate_signing_keys((&id, &seed), Duration::ZERO, own.clock.now()).await.unwrap();
    let keep = Retention { unused_client: HOUR, idle_client: HOUR, access_token: QUARTER };
    let turning = async {
        while own.keys.jwks()["keys"].as_array().unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(own.code(&token).await, "accepted");
        let (id, seed) = own::mint(&OsRandom).unwrap();
        own.store.rotate_signing_keys((&id, &seed), Duration::ZERO, own.clock.now()).await.unwrap();
        own.store.purge(keep, own.clock.now().plus(HOUR)).await.unwrap();
        while own.keys.jwks()["keys"].as_array().unwrap().len() > 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(own.code(&token).await, "key_unknown");
        assert_eq!(own.code(&own.token()).await, "accepted");
    };
    tokio::select! {
        turned = tokio::time::timeout(Duration::from_secs(20), turning) => turned.unwrap(),
        () = following => panic!("following ends with the server alone"),
    }
}
