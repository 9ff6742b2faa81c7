//! Secrets that cannot be printed, cloned or serialized, and the hashes that stand for them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

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

/// SHA-256 of a token's exact bytes: the key of caches and the stored form of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of this text's bytes.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}
