//! Proof Key for Code Exchange (RFC 7636), with the method `S256` alone.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// A text is not a code challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code challenge is 43 characters of base64url: the SHA-256 of the verifier")]
pub struct BadChallenge;

/// A text is not a code verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code verifier is 43 to 128 of the characters A-Z a-z 0-9 - . _ ~")]
pub struct BadVerifier;

/// What an authorization request commits itself to: the SHA-256 of a secret that the token request will show. No secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    /// The challenge as it was sent.
    pub fn as_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Says whether the verifier is the one that this commits to, in a time that tells nothing.
    pub fn is_met_by(&self, verifier: &CodeVerifier) -> bool {
        let shown = Sha256::digest(verifier.expose().as_bytes());
        bool::from(shown.as_slice().ct_eq(&self.0))
    }
}

impl FromStr for CodeChallenge {
    type Err = BadChallenge;

    fn from_str(text: &str) -> Result<Self, BadChallenge> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadChallenge)?;
        bytes.try_into().map(Self).map_err(|_| BadChallenge)
    }
}

/// The secret behind a [`CodeChallenge`].
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// Takes in what was derived: 43 characters of base64url.
    pub(super) fn derived(text: SecretString) -> Self {
        Self(text)
    }

    /// What a request commits itself to with this.
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(Sha256::digest(self.expose().as_bytes()).into())
    }

    /// Gives the verifier out. A word that reviewers search for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for CodeVerifier {
    type Err = BadVerifier;

    fn from_str(text: &str) -> Result<Self, BadVerifier> {
        let unreserved = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        if unreserved && (43..=128).contains(&text.len()) {
            Ok(Self(SecretString::from(text)))
        } else {
            Err(BadVerifier)
        }
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_holds() {
        // RFC 7636, appendix B.
        let challenge: CodeChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap();
        let verifier: CodeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".parse().unwrap();
        assert!(challenge.is_met_by(&verifier));
        assert!(!challenge.is_met_by(&"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK".parse().unwrap()));
        assert_eq!(challenge.as_text(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(format!("{verifier:?}"), "[secret]");
    }

    #[test]
    fn other_lengths_and_characters_are_refused() {
        for bad in ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="] {
            assert!(bad.parse::<CodeChallenge>().is_err(), "{bad}");
        }
        assert!("+9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse::<CodeChallenge>().is_err());
        for bad in ["x".repeat(42), "x".repeat(129), format!("{}+", "x".repeat(60)), format!("{}é", "x".repeat(60))] {
            assert!(bad.parse::<CodeVerifier>().is_err(), "{bad}");
        }
        for good in ["x".repeat(43), "~".repeat(128)] {
            assert!(good.parse::<CodeVerifier>().is_ok(), "{good}");
        }
    }
}
