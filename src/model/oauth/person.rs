//! What an OpenID provider signed about a person.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What an OpenID provider signed about a person, as far as it is read here: a JSON object. Not printed, because it is
/// theirs.
pub struct PersonClaims(SecretString);

impl PersonClaims {
    /// Takes in what was verified, or what the store kept.
    pub fn new(json: String) -> Self {
        Self(SecretString::from(json))
    }

    /// The JSON object.
    pub fn as_json(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for PersonClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[claims]")
    }
}
