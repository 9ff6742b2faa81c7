//! A small issuer: signs tokens for the people of the demo, in the shape of Zitadel's, and rotates its keys.
//!
//! Its keys live in memory and die with it. The next key is published before it signs, the last one stays published
//! after it has stopped, so that a rotation refuses no token that is still good.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::people::Person;
use crate::model::Timestamp;
use crate::random::{self, Random, RandomError};

/// The project that tokens are for (`aud`).
pub const AUDIENCE: &str = "337063032028900000";

/// The client that tokens are issued to (`client_id`).
pub const CLIENT: &str = "337063032028900001";

/// How long an ID token is valid: it goes from there to here.
const ID_TOKEN: Duration = Duration::from_mins(5);

/// What stands before the seed in the PKCS #8 form of an Ed25519 key (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why the issuer could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// There were no random bytes.
    #[error("no key or token id could be made")]
    Random(#[from] RandomError),
    /// The key could not be made or used.
    #[error("a token could not be signed")]
    Key(#[from] jsonwebtoken::errors::Error),
}

/// Signs tokens for the people of the demo.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    ring: ArcSwap<Ring>,
    random: Arc<dyn Random>,
}

/// The published keys: replaced whole.
#[derive(Debug)]
struct Ring {
    last: Option<Arc<Key>>,
    current: Arc<Key>,
    next: Arc<Key>,
}

#[derive(Debug)]
struct Key {
    id: String,
    secret: EncodingKey,
    public: Jwk,
}

impl Key {
    fn generate(random: &dyn Random) -> Result<Self, IssuerError> {
        let id = decimal(random)?;
        let seed: [u8; 32] = random::bytes(random)?;
        let secret = EncodingKey::from_ed_der(&[PKCS8_HEAD.as_slice(), seed.as_slice()].concat());
        let mut public = Jwk::from_encoding_key(&secret, Algorithm::EdDSA)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { id, secret, public })
    }
}

/// Eighteen digits, as Zitadel's identifiers have.
fn decimal(random: &dyn Random) -> Result<String, RandomError> {
    let number = u64::from_be_bytes(random::bytes(random)?);
    Ok(format!("{}", 300_000_000_000_000_000 + number % 100_000_000_000_000_000))
}

impl Issuer {
    /// An issuer with this `iss` and fresh keys.
    pub fn new(url: String, random: Arc<dyn Random>) -> Result<Self, IssuerError> {
        let current = Arc::new(Key::generate(&*random)?);
        let next = Arc::new(Key::generate(&*random)?);
        Ok(Self { url, ring: ArcSwap::from_pointee(Ring { last: None, current, next }), random })
    }

    /// Where its randomness comes from.
    pub(super) fn random(&self) -> &Arc<dyn Random> {
        &self.random
    }

    /// The `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The published keys (RFC 7517): the last, the current and the next.
    pub fn jwks(&self) -> JwkSet {
        let ring = self.ring.load();
        let keys = ring.last.iter().chain([&ring.current, &ring.next]);
        JwkSet { keys: keys.map(|key| key.public.clone()).collect() }
    }

    /// Signs with the next key from now on, and publishes the one after it.
    pub fn rotate(&self) -> Result<(), IssuerError> {
        let fresh = Arc::new(Key::generate(&*self.random)?);
        self.ring.rcu(|ring| Ring {
            last: Some(Arc::clone(&ring.current)),
            current: Arc::clone(&ring.next),
            next: Arc::clone(&fresh),
        });
        Ok(())
    }

    /// A token for this person, good for so long.
    pub fn token(&self, person: &Person, now: Timestamp, lifetime: Duration) -> Result<String, IssuerError> {
        self.sign(&self.claims(person, now, lifetime)?)
    }

    fn sign(&self, claims: &Value) -> Result<String, IssuerError> {
        let key = Arc::clone(&self.ring.load().current);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.id.clone());
        Ok(jsonwebtoken::encode(&header, claims, &key.secret)?)
    }

    /// What this person proves to a client that sent them here to sign in (OpenID Connect Core 1.0, section 2).
    pub(super) fn id_token(
        &self,
        person: &Person,
        client: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<String, IssuerError> {
        let mut claims = self.claims(person, now, ID_TOKEN)?;
        claims["aud"] = json!([client]);
        claims["client_id"] = client.into();
        claims["nonce"] = nonce.into();
        claims["email"] = person.external_user.into();
        claims["email_verified"] = true.into();
        self.sign(&claims)
    }

    fn claims(&self, person: &Person, now: Timestamp, lifetime: Duration) -> Result<Value, RandomError> {
        let token = format!("V2_{}-at_{}", decimal(&*self.random)?, decimal(&*self.random)?);
        let domain = format!("{}.localhost", person.domain);
        let roles: serde_json::Map<String, Value> =
            person.roles.iter().map(|role| ((*role).to_owned(), json!({ person.organisation: domain }))).collect();
        let mut claims = json!({
            "iss": self.url,
            "sub": person.subject,
            "aud": [CLIENT, AUDIENCE],
            "client_id": CLIENT,
            "iat": now.as_secs(),
            "nbf": now.as_secs(),
            "exp": now.plus(lifetime).as_secs(),
            "jti": token,
            "urn:zitadel:iam:org:id": person.organisation,
            "urn:zitadel:iam:user:resourceowner:id": person.organisation,
            "urn:zitadel:iam:user:resourceowner:name": person.organisation_name,
            "urn:zitadel:iam:user:resourceowner:primary_domain": domain,
            "urn:zitadel:iam:org:project:roles": roles,
            "external_user_id": person.external_user,
        });
        if let (Some(clearance), Some(claims)) = (person.clearance, claims.as_object_mut()) {
            claims.insert("clearance".to_owned(), clearance.into());
        }
        Ok(claims)
    }
}
