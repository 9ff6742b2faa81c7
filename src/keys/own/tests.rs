use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::{Server, fixture};
use crate::keys::{NotSigned, Reason, Trace, Trust};
use crate::model::BearerToken;
use crate::model::oauth::{AccountId, GrantId};
use crate::random::OsRandom;
use crate::test_support::clock::ManualClock;

fn server() -> Server {
    fixture::server("https://mcp.acme.example")
}

async fn open(directory: &Path) -> (StateStore, Arc<OwnKeys>) {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let store = StateStore::open(&directory.join("state.db"), clock.now()).await.unwrap();
    let keys = OwnKeys::open(&server(), Vec::new(), store.clone(), clock, Arc::new(OsRandom)).await.unwrap();
    (store, keys)
}

fn claims(keys: &OwnKeys) -> AccessClaims {
    AccessClaims {
        grant: GrantId::from_random([1; 16]),
        generation: 3,
        account: AccountId::from_random([2; 16]),
        client: "blw-client".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        external_user: Some("ada@acme.example".parse().unwrap()),
        provider: None,
        scopes: [crate::model::Scope::Read].into_iter().collect(),
        issued: keys.now(),
        expires: keys.now().plus(Duration::from_mins(15)),
    }
}

#[tokio::test]
async fn what_is_signed_is_read_again_after_a_restart_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let (_, keys) = open(directory.path()).await;
    let said = claims(&keys);
    let token = keys.sign(&said).unwrap();
    assert_eq!(keys.read(&token), Some(said.clone()));
    let (_, again) = open(directory.path()).await;
    assert_eq!(again.read(&token), Some(said.clone()));

    let elsewhere = tempfile::tempdir().unwrap();
    let (_, other) = open(elsewhere.path()).await;
    assert_eq!(other.read(&token), None, "another server's key");
    for changed in
        [token.expose().replace('.', ""), format!("{}x", token.expose()), token.expose().replacen('e', "f", 1)]
    {
        assert_eq!(keys.read(&BearerToken::new(changed)), None);
    }
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_after_it_has_signed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, keys) = open(directory.path()).await;
    let ids = |keys: &OwnKeys| -> Vec<String> {
        let document = keys.jwks();
        document["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let before = ids(&keys);
    assert_eq!(before.len(), 2);
    let token = keys.sign(&claims(&keys)).unwrap();
    let fresh = key::mint(&OsRandom).unwrap();
    let turned = store.rotate_signing_keys((&fresh.0, &fresh.1), Duration::ZERO, keys.now()).await.unwrap();
    assert!(before.contains(&turned.current.to_string()), "whoever fetched before has it");
    keys.reload().await.unwrap();
    assert_eq!(ids(&keys).len(), 3);
    assert!(keys.read(&token).is_some());
    let private = keys.jwks().to_string();
    assert!(!private.contains("\"d\"") && !private.contains(fresh.1.expose()));
}

#[tokio::test]
async fn what_another_process_changed_is_seen_whatever_this_one_does_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let (store, keys) = open(directory.path()).await;
    let before = keys.look().await.unwrap();
    assert_eq!(keys.look().await.unwrap(), before);
    let token = keys.sign(&claims(&keys)).unwrap();

    let (other, _) = open(directory.path()).await;
    let (one, two) = (key::mint(&OsRandom).unwrap(), key::mint(&OsRandom).unwrap());
    other.replace_signing_keys((&one.0, &one.1), (&two.0, &two.1), keys.now()).await.unwrap();
    // A transition of this process takes notice of the epoch, which the keys in memory are then behind.
    let nobody = crate::store::state::Retention {
        unused_client: Duration::ZERO,
        idle_client: Duration::ZERO,
        access_token: Duration::ZERO,
    };
    store.purge(nobody, keys.now()).await.unwrap();
    assert_eq!(store.revocations().epoch(), store.epoch().await.unwrap());
    assert!(keys.read(&token).is_some());
    assert!(keys.look().await.unwrap() > before);
    assert!(keys.read(&token).is_none(), "the key was stolen");
}

#[tokio::test]
async fn a_change_is_told_of_although_a_request_saw_it_first() {
    let directory = tempfile::tempdir().unwrap();
    let (_, keys) = open(directory.path()).await;
    let (told, mut tells) = (tokio::sync::mpsc::unbounded_channel(), 0);
    let (tell, mut told) = told;
    let following = Arc::clone(&keys).follow(move || tell.send(()).unwrap());
    let changing = async {
        told.recv().await.unwrap();
        let (other, _) = open(directory.path()).await;
        for _ in 0..3 {
            let (one, two) = (key::mint(&OsRandom).unwrap(), key::mint(&OsRandom).unwrap());
            other.replace_signing_keys((&one.0, &one.1), (&two.0, &two.1), keys.now()).await.unwrap();
            keys.look().await.unwrap();
            told.recv().await.unwrap();
            tells += 1;
        }
    };
    tokio::select! {
        () = following => {}
        () = changing => {}
    }
    assert_eq!(tells, 3);
}

#[tokio::test]
async fn a_key_is_forgotten_after_its_last_token_although_this_process_purged_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, keys) = open(directory.path()).await;
    let token = keys.sign(&claims(&keys)).unwrap();
    let fresh = key::mint(&OsRandom).unwrap();
    store.rotate_signing_keys((&fresh.0, &fresh.1), Duration::ZERO, keys.now()).await.unwrap();
    keys.look().await.unwrap();
    let keep = crate::store::state::Retention {
        unused_client: Duration::ZERO,
        idle_client: Duration::ZERO,
        access_token: Duration::from_mins(15),
    };
    store.purge(keep, keys.now().plus(Duration::from_mins(20))).await.unwrap();
    keys.look().await.unwrap();
    assert!(keys.read(&token).is_some(), "tokens may still be good");
    assert_eq!(store.purge(keep, keys.now().plus(Duration::from_mins(30))).await.unwrap().keys, 1);
    keys.look().await.unwrap();
    assert!(keys.read(&token).is_none());
    assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn withdrawn_and_misshapen_tokens_are_refused_whatever_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let (store, keys) = open(directory.path()).await;
    let settings = Oauth {
        access_token: Duration::from_mins(15),
        access_token_format: crate::config::TokenFormat::Jwt,
        refresh_idle: Duration::ZERO,
        refresh_absolute: Duration::ZERO,
        refresh_grace: Duration::ZERO,
        code: Duration::ZERO,
        sign_in: Duration::ZERO,
        registration: config::Registration::Off,
        registration_cap: 0,
        registration_unused: Duration::ZERO,
        client_documents: crate::config::ClientDocuments { rule: crate::config::HostRule::None, hosts: Vec::new() },
        private_schemes: Vec::new(),
        trusted_proxies: Vec::new(),
    };
    let own = crate::keys::IssuerKeys::Own(Arc::clone(&keys));
    let trust = Trust::new(vec![(issuer(&server(), &settings), own)]);
    let token = keys.sign(&claims(&keys)).unwrap();
    assert!(trust.signed(&token, &mut Trace::default()).await.is_ok());

    let id = "blw-client".parse().unwrap();
    let client =
        crate::store::state::Client::new(id, String::new(), crate::model::oauth::ClientOrigin::CommandLine, keys.now());
    store.create_client(&client, keys.now()).await.unwrap();
    store.disable_client(&client.id, keys.now()).await.unwrap();
    let refused = trust.signed(&token, &mut Trace::default()).await.unwrap_err();
    assert!(matches!(&refused, NotSigned::Fault(fault) if fault.reason == Reason::Withdrawn), "{refused:?}");

    // A token of our key that has not what ours have is not one of ours.
    let ring = keys.ring.load();
    let mut header = jsonwebtoken::Header::new(Algorithm::EdDSA);
    (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some(ring.current.id.to_string()));
    let body = serde_json::json!({ "iss": "https://mcp.acme.example", "sub": "x" });
    let bare = BearerToken::new(jsonwebtoken::encode(&header, &body, &ring.current.secret).unwrap());
    let refused = trust.signed(&bare, &mut Trace::default()).await.unwrap_err();
    assert!(matches!(&refused, NotSigned::Fault(fault) if fault.reason == Reason::Grant), "{refused:?}");
}
