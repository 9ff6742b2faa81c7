//! The material of our keys: an Ed25519 seed in the state file, its public half in the key set.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{OwnKeysError, Ring};
use crate::keys::jwk::{self, BadKeySet};
use crate::model::Secret;
use crate::model::oauth::KeyId;
use crate::random::{self, Random, RandomError};
use crate::store::state::{KeyStage, StoredKey};

/// What stands before the seed in the PKCS #8 form of an Ed25519 key (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why a stored key cannot be used. What it is, is not said.
#[derive(Debug, thiserror::Error)]
pub enum KeyMaterialError {
    /// It is no seed.
    #[error("the signing key `{0}` of the state file is not 32 bytes of base64url")]
    Seed(KeyId),
    /// It has no public half.
    #[error("the signing key `{id}` of the state file cannot be used")]
    Public {
        /// Its id.
        id: KeyId,
        /// What the library said.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// The set that they give is not one that anybody would take.
    #[error("the published key set would be refused by those who read it")]
    Set(#[source] BadKeySet),
}

/// A key that signs.
pub(super) struct SigningKey {
    pub(super) id: KeyId,
    pub(super) secret: EncodingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes a key: its id, and its seed as it is stored.
pub fn mint(random: &dyn Random) -> Result<(KeyId, Secret), RandomError> {
    let id = KeyId::from_random(random::bytes(random)?);
    let seed: [u8; 32] = random::bytes(random)?;
    Ok((id, Secret::new(URL_SAFE_NO_PAD.encode(seed))))
}

fn secret(key: &StoredKey) -> Result<EncodingKey, KeyMaterialError> {
    let seed = URL_SAFE_NO_PAD.decode(key.seed.expose()).ok().filter(|seed| seed.len() == 32);
    let seed = seed.ok_or_else(|| KeyMaterialError::Seed(key.id.clone()))?;
    Ok(EncodingKey::from_ed_der(&[PKCS8_HEAD.as_slice(), seed.as_slice()].concat()))
}

/// The keys, ready for use. The set is read back as everybody else reads it, so that what we publish is what we would take.
pub(super) fn ring(stored: &[StoredKey]) -> Result<Ring, OwnKeysError> {
    let mut current = None;
    let mut keys = Vec::with_capacity(stored.len());
    for key in stored {
        let secret = secret(key)?;
        let failed = |source| KeyMaterialError::Public { id: key.id.clone(), source };
        let mut public = Jwk::from_encoding_key(&secret, Algorithm::EdDSA).map_err(failed)?;
        public.common.key_id = Some(key.id.to_string());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let mut public = serde_json::to_value(public).map_err(|error| failed(error.into()))?;
        public["alg"] = super::ALGORITHM.into();
        keys.push(public);
        if key.stage == KeyStage::Current {
            current = Some(SigningKey { id: key.id.clone(), secret });
        }
    }
    let current = current.ok_or(OwnKeysError::NoCurrent)?;
    let document: Value = json!({ "keys": keys });
    let read = jwk::filter(document.to_string().as_bytes(), stored.len()).map_err(KeyMaterialError::Set)?;
    Ok(Ring { current, published: read.keys.into_iter().map(Arc::new).collect(), document })
}
