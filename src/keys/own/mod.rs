//! Our own signing keys: what the authorization server signs with, and what its tokens are verified by here.
//!
//! Keys live in the state file and go through three stages: published before they sign, signing, published until the last
//! token that they signed has expired. This is the copy in memory, replaced whole when the file's epoch moves.
//!
//! A token of ours is verified like any issuer's. And then it is asked, on every request and whatever is remembered of its
//! signature, whether its grant, its client and its account are still good.

mod key;
mod live;
mod opaque;
mod people;
mod token;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use serde_json::Value;

pub use self::key::{KeyMaterialError, mint};
use self::key::{SigningKey, ring};
use self::live::Watch;
use self::people::People;
pub use self::token::{AccessClaims, SignError};
pub(super) use self::token::{EXTERNAL_USER, TENANT, access};
use super::jwk::TrustedKey;
use super::key_set::KeyError;
use crate::clock::Clock;
use crate::config::{self, ActorRule, Issuer, KeyLimits, KeySource, Oauth, TokenType, TokenUse};
use crate::model::{IssuerName, Scopes, Timestamp};
use crate::random::{Random, RandomError};
use crate::store::state::{StateError, StateStore};

/// What our tokens are signed with (RFC 8037).
pub const ALGORITHM: &str = "EdDSA";

/// Why our keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum OwnKeysError {
    #[error("the signing keys could not be read or written")]
    State(#[from] StateError),
    #[error("no signing key could be made")]
    Random(#[from] RandomError),
    #[error(transparent)]
    Material(#[from] KeyMaterialError),
    #[error("there is no key that signs; `bailiwick key list` shows those there are")]
    NoCurrent,
}

/// Everything that is replaced together.
#[derive(Debug)]
struct Ring {
    current: SigningKey,
    published: Vec<Arc<TrustedKey>>,
    document: Value,
}

/// Our keys.
#[derive(Debug)]
pub struct OwnKeys {
    origin: String,
    resource: String,
    store: StateStore,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ring: ArcSwap<Ring>,
    watch: Watch,
    people: People,
}

impl OwnKeys {
    /// Reads the keys of the state file; makes the first two where it has none. `providers` are the issuers where people can sign
    /// in.
    pub async fn open(
        server: &config::Server,
        providers: Vec<Issuer>,
        store: StateStore,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Arc<Self>, OwnKeysError> {
        if store.signing_keys().await?.is_empty() {
            let (current, next) = (mint(random.as_ref())?, mint(random.as_ref())?);
            store.first_signing_keys((&current.0, &current.1), (&next.0, &next.1), clock.now()).await?;
        }
        Self::read_from(server, providers, store, clock, random).await
    }

    /// Reads the keys of the state file, which has some.
    pub async fn read_from(
        server: &config::Server,
        providers: Vec<Issuer>,
        store: StateStore,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Arc<Self>, OwnKeysError> {
        let now = clock.now();
        let ring = ring(&store.signing_keys().await?)?;
        let (origin, resource) = (server.origin(), server.resource());
        let (ring, watch, people) = (ArcSwap::from_pointee(ring), Watch::new(now), People::new(providers));
        Ok(Arc::new(Self { origin, resource, store, clock, random, ring, watch, people }))
    }

    /// Reads the keys anew.
    async fn reload(&self) -> Result<(), OwnKeysError> {
        self.ring.store(Arc::new(ring(&self.store.signing_keys().await?)?));
        Ok(())
    }

    /// The published keys (RFC 7517).
    pub fn jwks(&self) -> Value {
        self.ring.load().document.clone()
    }

    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<TrustedKey>, KeyError> {
        let ring = self.ring.load();
        let named = ring.published.iter().find(|key| key.kid().is_some() && key.kid() == kid);
        let key = named.ok_or(KeyError::Unknown)?;
        if key.fits(algorithm) { Ok(Arc::clone(key)) } else { Err(KeyError::Algorithm) }
    }

    pub(super) fn holds(&self, key: &TrustedKey) -> bool {
        self.ring.load().published.iter().any(|held| held.is(key))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Our own authorization server, as one more issuer whose tokens are trusted.
pub fn issuer(server: &config::Server, settings: &Oauth) -> Issuer {
    let mut jwks = server.public_url.clone();
    jwks.set_path("/jwks.json");
    let never = std::time::Duration::ZERO;
    Issuer {
        name: IssuerName::ours(),
        issuers: vec![server.origin()],
        keys: KeySource::Jwks(jwks),
        // The keys are at hand and nothing is fetched.
        key_limits: KeyLimits {
            cool_down: never,
            fresh: never,
            fresh_bounds: (never, never),
            stale: never,
            negative: never,
            max_bytes: 0,
            max_keys: 0,
            timeout: never,
        },
        audiences: vec![server.resource()],
        algorithms: vec![Algorithm::EdDSA],
        // Which clients are good is asked of the state, on every request.
        clients: Vec::new(),
        token_types: vec![TokenType::AccessToken],
        token_use: TokenUse::Access,
        claims: config::Claims {
            external_user: vec![token::EXTERNAL_USER.to_owned()],
            organisation: vec![token::TENANT.to_owned()],
            equal: Vec::new(),
            roles: Vec::new(),
            scope: Some("scope".to_owned()),
            user_header: None,
            absent: ["nonce", "at_hash"].map(ToOwned::to_owned).into(),
            required: ["client_id", "jti", "scope", token::GRANT].map(ToOwned::to_owned).into(),
            attributes: std::collections::BTreeMap::new(),
        },
        scopes: Scopes::default(),
        users: true,
        actor: ActorRule::Deny,
        max_age: settings.access_token,
        leeway: never,
        max_token_bytes: 4 << 10,
    }
}

#[cfg(test)]
mod tests;
