//! The secrets that we mint: a prefix, 256 random bits, a checksum.
//!
//! The prefix says what it is, so that one kind is never taken for another, and a scanner finds it in a place where it
//! should not be. The checksum tells a typing error or a made-up text from a token without asking the store; it protects
//! nothing.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::AccountId;
use super::challenge::CodeVerifier;
use crate::model::TokenHash;

/// A text is not a token of this kind. What it is instead is not said: it may be another secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a token that begins with `{prefix}`, or it was changed on its way")]
pub struct BadToken {
    /// What such a token begins with.
    pub prefix: &'static str,
}

/// The random bytes of a token, as base64url.
const BODY: usize = 43;

/// Bytes of the SHA-256 of everything before it.
const CHECKSUM_BYTES: usize = 4;

fn checksum(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..CHECKSUM_BYTES])
}

fn written(prefix: &str, bytes: [u8; 32]) -> SecretString {
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
    SecretString::from(format!("{text}{}", checksum(&text)))
}

fn is_genuine(prefix: &str, text: &str) -> bool {
    let end = prefix.len() + BODY;
    text.starts_with(prefix)
        && text.is_char_boundary(end)
        && text.get(end..).is_some_and(|last| last == checksum(&text[..end]))
}

macro_rules! token {
    ($(#[$doc:meta])* $type:ident, $prefix:literal) => {
        $(#[$doc])*
        pub struct $type(SecretString);

        impl $type {
            /// What every such token begins with.
            pub const PREFIX: &str = $prefix;

            /// Makes one of random bytes.
            pub fn from_random(bytes: [u8; 32]) -> Self {
                Self(written(Self::PREFIX, bytes))
            }

            /// Gives the token out. A word that reviewers search for.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// What is kept of it.
            pub fn hash(&self) -> TokenHash {
                TokenHash::of(self.expose())
            }
        }

        impl FromStr for $type {
            type Err = BadToken;

            fn from_str(text: &str) -> Result<Self, BadToken> {
                if is_genuine(Self::PREFIX, text) {
                    Ok(Self(SecretString::from(text)))
                } else {
                    Err(BadToken { prefix: Self::PREFIX })
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[secret]")
            }
        }
    };
}

token! {
    /// What the browser carries from consent to the client (RFC 6749, section 4.1.2). Good once, for a minute.
    AuthorizationCode, "blw_ac_"
}
token! {
    /// An access token that says nothing itself: what it is good for is asked of the store.
    AccessToken, "blw_at_"
}
token! {
    /// One generation of a grant's refresh tokens.
    RefreshToken, "blw_rt_"
}
token! {
    /// What a browser's cookie holds: who is signed in there.
    SessionSecret, "blw_ss_"
}
token! {
    /// The name of an authorization request that waits for a person, in the browser that opened it.
    RequestHandle, "blw_rq_"
}

token! {
    /// What a browser carries to an OpenID provider and back (`state`): by it we know what we sent it for.
    ProviderState, "blw_ps_"
}
token! {
    /// What the link holds that lets whoever has it make the first account. Good once, and only while there is none.
    SetUpToken, "blw_su_"
}
token! {
    /// What a browser keeps of an account that somebody has signed in to there, longer than a session: that strangers who
    /// guess passwords are not waited for in it. It gives access to nothing.
    DeviceToken, "blw_dv_"
}

impl DeviceToken {
    /// That of this account, as long as its password has this stored hash. Nobody else can make it, because the salt is in
    /// the hash; and a new password makes those of before worthless.
    pub fn of(account: &AccountId, stored_hash: &str) -> Self {
        Self::from_random(derived(stored_hash, &["device".as_bytes(), account.as_str().as_bytes()]))
    }
}

/// What a refresh token's successor is made from, besides the token itself. No secret: without the token it is nothing.
pub type Salt = [u8; 32];

impl RefreshToken {
    /// The next generation. Only whoever holds this one can work it out, and only with the salt: so an answer that was lost
    /// can be given once more although the store has nothing but hashes, and a stolen token alone leads nowhere.
    #[must_use]
    pub fn successor(&self, salt: &Salt) -> Self {
        Self::from_random(derived(self.expose(), &["refresh token successor".as_bytes(), salt]))
    }
}

impl SessionSecret {
    /// The token that a form of this session carries for this request, which no other site can know.
    pub fn csrf_token(&self, purpose: &str) -> CsrfToken {
        CsrfToken(SecretString::from(URL_SAFE_NO_PAD.encode(derived(self.expose(), &[b"csrf", purpose.as_bytes()]))))
    }
}

impl SessionSecret {
    /// What the provider puts into the ID token of this journey (`nonce`). Worked out anew when the browser comes back, so it is
    /// kept nowhere.
    pub fn nonce(&self, state: &ProviderState) -> CsrfToken {
        CsrfToken(self.of_journey(b"nonce", state))
    }

    /// What only the browser's own journey is redeemed with (RFC 7636): never in an address, and kept nowhere.
    pub fn provider_verifier(&self, state: &ProviderState) -> CodeVerifier {
        CodeVerifier::derived(self.of_journey(b"verifier", state))
    }

    fn of_journey(&self, what: &[u8], state: &ProviderState) -> SecretString {
        let state = state.expose().as_bytes();
        SecretString::from(URL_SAFE_NO_PAD.encode(derived(self.expose(), &[b"provider", what, state])))
    }
}

fn derived(key: &str, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC hashes a long key and fills a short one up with zeros; so does this, whatever the length.
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(key.as_bytes()));
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// What a form must carry to have been sent from our own page (RFC 9700, section 4.7).
pub struct CsrfToken(SecretString);

impl CsrfToken {
    /// Gives the token out, for the form.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Says whether a form carried this one, in a time that tells nothing.
    pub fn is(&self, sent: &str) -> bool {
        bool::from(self.expose().as_bytes().ct_eq(sent.as_bytes()))
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a confidential client proves itself with. One of ours has the form of a token; one of a configuration any form.
pub struct ClientSecret(SecretString);

impl ClientSecret {
    /// What the secrets that we mint begin with.
    pub const PREFIX: &str = "blw_cs_";

    /// Makes one of random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(written(Self::PREFIX, bytes))
    }

    /// Takes in what somebody presents.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Gives the secret out. A word that reviewers search for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it; two are compared by this.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose())
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_known_by_its_prefix_and_checksum() {
        let token = RefreshToken::from_random([7; 32]);
        assert_eq!(token.expose().len(), 7 + 43 + 6);
        assert!(token.expose().starts_with("blw_rt_"));
        assert_eq!(token.expose().parse::<RefreshToken>().unwrap().hash(), token.hash());
        assert!(token.expose().parse::<AuthorizationCode>().is_err());
        assert_eq!(format!("{token:?}"), "[secret]");
    }

    #[test]
    fn a_successor_needs_the_token_and_the_salt() {
        let token = RefreshToken::from_random([7; 32]);
        let next = token.successor(&[1; 32]);
        assert_eq!(next.hash(), token.successor(&[1; 32]).hash());
        assert!(next.expose().parse::<RefreshToken>().is_ok());
        assert_ne!(next.hash(), token.successor(&[2; 32]).hash());
        assert_ne!(next.hash(), RefreshToken::from_random([8; 32]).successor(&[1; 32]).hash());
    }

    #[test]
    fn a_form_token_is_of_one_session_and_one_purpose() {
        let (ours, other) = (SessionSecret::from_random([1; 32]), SessionSecret::from_random([2; 32]));
        let token = ours.csrf_token("consent");
        assert!(token.is(ours.csrf_token("consent").expose()));
        assert!(!token.is(ours.csrf_token("sign-in").expose()));
        assert!(!token.is(other.csrf_token("consent").expose()));
        assert!(!token.is(""));
    }

    proptest! {
        #[test]
        fn one_changed_character_is_noticed(bytes: [u8; 32], at in 0_usize..56, to in "[A-Za-z0-9_-]") {
            let text = AuthorizationCode::from_random(bytes).expose().to_owned();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(changed.parse::<AuthorizationCode>().is_ok(), changed == text);
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,80}") {
            prop_assert!(text.parse::<AuthorizationCode>().is_err());
            let prefixed = format!("blw_ac_{text}");
            prop_assert!(prefixed.parse::<AuthorizationCode>().is_err());
        }
    }
}
