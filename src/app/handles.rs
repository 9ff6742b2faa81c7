//! The keys of what clients hand back: ids of sessions, cursors of pages.

use sha2::{Digest as _, Sha256};

use crate::dataset::CursorKey;
use crate::http::SessionKey;
use crate::model::Secret;
use crate::random::{self, Random, RandomError};

/// One key for each kind of handle, so that no kind can be passed off as another.
pub(super) struct Handles {
    pub(super) sessions: SessionKey,
    pub(super) cursors: CursorKey,
}

impl Handles {
    /// Derived from the secret that the configuration has, and the same then in every server that has it; without one, of
    /// this process alone.
    pub(super) fn new(secret: Option<&Secret>, random: &dyn Random) -> Result<Self, RandomError> {
        let (sessions, cursors) = match secret {
            Some(secret) => (derived(secret, "sessions"), derived(secret, "cursors")),
            None => (random::bytes(random)?, random::bytes(random)?),
        };
        Ok(Self { sessions: SessionKey::new(sessions), cursors: CursorKey::new(cursors) })
    }
}

/// A hash with the purpose in it: whoever learns one of the keys learns neither the other nor the secret.
fn derived(secret: &Secret, purpose: &str) -> [u8; 32] {
    Sha256::new_with_prefix(format!("bailiwick {purpose}\0")).chain_update(secret.expose()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_gives_each_kind_of_handle_a_key_of_its_own_and_always_the_same() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let (one, other) = (secret("0123456789abcdef0123456789abcdef"), secret("0123456789abcdef0123456789abcdeg"));
        assert_eq!(derived(&one, "sessions"), derived(&secret(one.expose()), "sessions"));
        assert_ne!(derived(&one, "sessions"), derived(&one, "cursors"));
        assert_ne!(derived(&one, "sessions"), derived(&other, "sessions"));
    }
}
