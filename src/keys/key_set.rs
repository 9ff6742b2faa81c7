//! One issuer's keys at one moment, and which of them may verify a signature. A set never changes; the cache replaces it whole.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;

use super::jwk::TrustedKey;
use crate::model::Timestamp;

/// The stamp of what never was.
pub(super) const NEVER: i64 = i64::MIN;

/// Why there is no key for a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It cannot be said now whether the issuer has such a key.
    #[error("the issuer's keys cannot be had now; try again in {retry_after:?}")]
    Unavailable {
        /// When the next attempt is possible.
        retry_after: Duration,
    },
    /// The issuer has no such key.
    #[error("the issuer has no key of this id")]
    Unknown,
    /// The issuer's key of this id is not for this algorithm.
    #[error("the issuer's key of this id is not for this algorithm")]
    Algorithm,
    /// The token names no key id, and not exactly one key fits.
    #[error("the token names no key id, and {fitting} keys fit its algorithm")]
    Ambiguous {
        /// How many fit.
        fitting: usize,
    },
}

/// How current a key set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// There never was one.
    Never,
    /// It is within the freshness that its answer gave it.
    Fresh,
    /// It is past its freshness and within the stale window.
    Stale,
    /// It is past the stale window: nothing is verified with it.
    Expired,
}

/// An immutable key set and its times.
#[derive(Debug)]
pub(super) struct KeySet {
    pub(super) keys: Vec<Arc<TrustedKey>>,
    /// When the fetch that it came of was begun.
    pub(super) fetched: Timestamp,
    /// From when on it is renewed in the background.
    pub(super) refresh_at: Timestamp,
    /// Until when it is used without asking the issuer again.
    pub(super) fresh_until: Timestamp,
    /// Until when it is used while the issuer cannot be reached.
    pub(super) stale_until: Timestamp,
}

impl KeySet {
    /// The set before the first fetch: it has no keys and was never fresh.
    pub(super) fn never() -> Self {
        let never = Timestamp::from_micros(NEVER);
        Self { keys: Vec::new(), fetched: never, refresh_at: never, fresh_until: never, stale_until: never }
    }

    /// How current it is at this time.
    pub(super) fn freshness(&self, now: Timestamp) -> Freshness {
        match now {
            _ if self.keys.is_empty() => Freshness::Never,
            now if now < self.fresh_until => Freshness::Fresh,
            now if now < self.stale_until => Freshness::Stale,
            _ => Freshness::Expired,
        }
    }

    /// The key that may verify a signature of this algorithm; `None` where none has this id.
    pub(super) fn pick(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<TrustedKey>>, KeyError> {
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
            return match (fitting.next(), fitting.count()) {
                (Some(key), 0) => Ok(Some(Arc::clone(key))),
                (first, others) => Err(KeyError::Ambiguous { fitting: usize::from(first.is_some()) + others }),
            };
        };
        let mut named = self.keys.iter().filter(|key| key.kid() == Some(kid)).peekable();
        if named.peek().is_none() {
            return Ok(None);
        }
        named.find(|key| key.fits(algorithm)).map(|key| Some(Arc::clone(key))).ok_or(KeyError::Algorithm)
    }
}
