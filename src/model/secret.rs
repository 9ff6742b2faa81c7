//! Secrets that cannot be printed, cloned or serialized, and the hashes that stand for them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// A secret of the configuration (a client secret, a signing key). `Debug` prints `[secret]`.
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text in.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Gives the text out. A word that reviewers search for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The credential of one request (RFC 6750). Verified, then dropped: never logged, stored or forwarded.
pub struct BearerToken(SecretString);

impl BearerToken {
    /// Takes the token in.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Gives the token out. A word that reviewers search for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The hash of the token's exact bytes.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A text is not the stored form of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 43 characters of base64url")]
pub struct BadHash;

/// SHA-256 of a token's exact bytes: the key of caches and the stored form of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of this text's bytes.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The hash as it is stored: base64url.
    pub fn as_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Says whether two are the same, in a time that tells nothing.
    pub fn is(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl FromStr for TokenHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadHash)?;
        bytes.try_into().map(Self).map_err(|_| BadHash)
    }
}
