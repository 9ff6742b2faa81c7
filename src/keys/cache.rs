//! One issuer's keys, kept through rotation and outage.
//!
//! A snapshot answers without locks while it is fresh. When it is not, or does not have the key, one fetch is shared by
//! everyone who waits, and no two fetches that a token could provoke lie closer together than the cool-down. The clock is
//! ours; every time below is compared with it.
//!
//! Two things must never happen. A key that the issuer removed must not outlive the freshness of the set, unless the issuer
//! cannot be reached (then `stale` bounds it). And a key that the issuer has begun to use before publishing it must not give
//! a 401: a key id is called unknown only when it is absent from a set fetched one cool-down after it was first seen.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::Algorithm;
use tokio::sync::Notify;

use super::fetch::{FetchError, Fetched, Fetcher};
use super::jwk::{TrustedKey, Unusable};
use super::key_set::{Freshness, KeyError, KeySet, NEVER};
use crate::clock::Clock;
use crate::config::{Issuer, KeyLimits};
use crate::model::{IssuerName, Timestamp};
use crate::outbound::Authorities;

/// How many unknown key ids are remembered; a flood of more only forgets some earlier.
const REMEMBERED: u64 = 1024;

/// What readiness and metrics say of one issuer's keys.
#[derive(Debug, Clone)]
pub struct KeyStatus {
    /// The issuer.
    pub issuer: IssuerName,
    /// How current the set is.
    pub freshness: Freshness,
    /// How many keys it has.
    pub keys: usize,
    /// When it was fetched.
    pub fetched: Option<Timestamp>,
    /// How many fetches were begun.
    pub fetches: u64,
    /// Why the latest fetch failed, if it did, with the causes: «gave no answer» alone helps nobody.
    pub failure: Option<Arc<str>>,
}

/// A key id that was not in the set.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    first: Timestamp,
    refused: Option<Timestamp>,
}

type Flight = Shared<BoxFuture<'static, ()>>;

/// One issuer's keys.
#[derive(Debug)]
pub struct KeyCache {
    issuer: IssuerName,
    limits: KeyLimits,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    set: ArcSwap<KeySet>,
    /// When the latest fetch was begun, successful or not.
    attempted: AtomicI64,
    /// Whether the latest finished fetch failed.
    failing: AtomicBool,
    failure: ArcSwapOption<Box<str>>,
    fetches: AtomicU64,
    unknown: moka::sync::Cache<String, Sighting>,
    wanted: Notify,
    #[expect(
        clippy::disallowed_types,
        reason = "the one fetch in flight is chosen under it; never held across an await"
    )]
    flight: std::sync::Mutex<Option<(Timestamp, Flight)>>,
}

impl KeyCache {
    /// A cache for the keys of this issuer. Nothing is fetched yet, and no later fetch that fails is an error of the start.
    #[expect(clippy::disallowed_types, reason = "see the field")]
    pub fn new(issuer: &Issuer, authorities: &Authorities, clock: Arc<dyn Clock>) -> Result<Arc<Self>, FetchError> {
        Ok(Arc::new(Self {
            issuer: issuer.name.clone(),
            limits: issuer.key_limits.clone(),
            fetcher: Fetcher::new(issuer.keys.clone(), issuer.issuers.clone(), &issuer.key_limits, authorities)?,
            clock,
            set: ArcSwap::from_pointee(KeySet::never()),
            attempted: AtomicI64::new(NEVER),
            failing: AtomicBool::new(false),
            failure: ArcSwapOption::empty(),
            fetches: AtomicU64::new(0),
            unknown: moka::sync::Cache::new(REMEMBERED),
            wanted: Notify::new(),
            flight: std::sync::Mutex::new(None),
        }))
    }

    /// Loads the keys, then refreshes them in the background whenever use asks for it. Runs until it is dropped.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            self.fetch_if_due().await;
            self.wanted.notified().await;
        }
    }

    /// The key that may verify a signature of this algorithm.
    ///
    /// A token without a key id gets one only where exactly one key fits.
    pub async fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<TrustedKey>, KeyError> {
        let now = self.clock.now();
        if let Some(set) = self.ready(now) {
            if let Some(key) = set.pick(kid, algorithm)? {
                return Ok(key);
            }
        } else {
            self.fetch_if_due().await;
        }
        let set = self.set.load_full();
        if self.clock.now() >= set.stale_until {
            return Err(self.unavailable());
        }
        match (set.pick(kid, algorithm)?, kid) {
            (Some(key), _) => Ok(key),
            (None, Some(kid)) => self.find_unknown(kid, algorithm, now).await,
            (None, None) => Err(KeyError::Ambiguous { fitting: 0 }),
        }
    }

    /// Says whether that very key is still in the set that [`KeyCache::find`] would answer from without waiting.
    pub fn holds(&self, key: &TrustedKey) -> bool {
        self.ready(self.clock.now()).is_some_and(|set| set.keys.iter().any(|held| held.is(key)))
    }

    /// What readiness and metrics say.
    pub fn status(&self) -> KeyStatus {
        let (now, set) = (self.clock.now(), self.set.load());
        let freshness = set.freshness(now);
        KeyStatus {
            issuer: self.issuer.clone(),
            freshness,
            keys: set.keys.len(),
            fetched: (freshness != Freshness::Never).then_some(set.fetched),
            fetches: self.fetches.load(Ordering::Relaxed),
            failure: self.failure.load().as_ref().map(|text| Arc::from(&***text)),
        }
    }

    /// The set, where it may be used without waiting: it is fresh, or the issuer was tried since and cannot be reached.
    /// Past four fifths of the freshness, and all through an outage, the background refresh is asked for.
    fn ready(&self, now: Timestamp) -> Option<Guard<Arc<KeySet>>> {
        let set = self.set.load();
        if now >= set.refresh_at && self.due(&set, now) {
            self.wanted.notify_one();
        }
        let usable = now < set.fresh_until || now < set.stale_until && self.failing.load(Ordering::Acquire);
        usable.then_some(set)
    }

    /// A key id that the set does not have: look again at most once per cool-down, and say "unknown" only when sure.
    async fn find_unknown(
        self: &Arc<Self>,
        kid: &str,
        algorithm: Algorithm,
        seen: Timestamp,
    ) -> Result<Arc<TrustedKey>, KeyError> {
        let sighting = self.unknown.get_with_by_ref(kid, || Sighting { first: seen, refused: None });
        if sighting.refused.is_some_and(|refused| seen.since(refused) < self.limits.negative) {
            return Err(KeyError::Unknown);
        }
        self.fetch_if_due().await;
        let (now, set) = (self.clock.now(), self.set.load_full());
        if let Some(key) = set.pick(Some(kid), algorithm)? {
            return Ok(key);
        }
        // A set past its freshness cannot prove that a key is not published by now.
        if now < set.fresh_until && set.fetched >= sighting.first.plus(self.limits.cool_down) {
            self.unknown.insert(kid.to_owned(), Sighting { refused: Some(now), ..sighting });
            return Err(KeyError::Unknown);
        }
        Err(self.unavailable())
    }

    fn unavailable(&self) -> KeyError {
        let attempted = Timestamp::from_micros(self.attempted.load(Ordering::Acquire));
        let passed = self.clock.now().since(attempted);
        KeyError::Unavailable { retry_after: self.limits.cool_down.saturating_sub(passed).max(Duration::from_secs(1)) }
    }

    /// Says whether a fetch may begin: one cool-down after the latest was begun, whatever came of it. A set that was fetched
    /// and has expired is due at once, since its own freshness spaces those fetches.
    fn due(&self, set: &KeySet, now: Timestamp) -> bool {
        let attempted = Timestamp::from_micros(self.attempted.load(Ordering::Acquire));
        let expired = now >= set.fresh_until && !self.failing.load(Ordering::Acquire);
        // A clock that was set back must not hold the next fetch off.
        expired || now < attempted || now.since(attempted) >= self.limits.cool_down
    }

    /// Joins the fetch in flight, or begins one if it is due. Whoever waits drives it, so that a caller who goes away takes
    /// nothing with them; one that nobody has driven past its time-out is given up.
    async fn fetch_if_due(self: &Arc<Self>) {
        let flight = {
            let now = self.clock.now();
            let mut slot = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
            let running = slot.as_ref().filter(|(begun, flight)| {
                flight.peek().is_none() && now.since(*begun) <= self.limits.timeout.saturating_mul(2)
            });
            match running {
                Some((_, flight)) => flight.clone(),
                None if self.due(&self.set.load(), now) => {
                    self.attempted.store(now.as_micros(), Ordering::Release);
                    self.fetches.fetch_add(1, Ordering::Relaxed);
                    let cache = Arc::clone(self);
                    let flight = async move {
                        let outcome = cache.fetcher.fetch().await;
                        cache.settle(now, outcome);
                    };
                    slot.insert((now, flight.boxed().shared())).1.clone()
                }
                None => return,
            }
        };
        flight.await;
    }

    fn settle(&self, begun: Timestamp, outcome: Result<Fetched, FetchError>) {
        match outcome {
            Ok(fetched) => {
                self.install(begun, fetched);
                self.failing.store(false, Ordering::Release);
                self.failure.store(None);
            }
            Err(error) => {
                let why = error.with_causes();
                let issuer = &self.issuer;
                tracing::warn!(%issuer, error = why, "the keys of an issuer could not be fetched; the set in force stays");
                self.failure.store(Some(Arc::new(why.into_boxed_str())));
                self.failing.store(true, Ordering::Release);
            }
        }
    }

    fn install(&self, begun: Timestamp, Fetched { set, max_age }: Fetched) {
        let (shortest, longest) = self.limits.fresh_bounds;
        // Never shorter than a second: a set that is never fresh would be fetched for every request.
        let fresh = max_age.unwrap_or(self.limits.fresh).max(shortest).min(longest).max(Duration::from_secs(1));
        let old = self.set.load();
        let known = |key: &TrustedKey| old.keys.iter().any(|held| held.is(key));
        let changed = old.keys.len() != set.keys.len() || !set.keys.iter().all(known);
        if changed {
            let kids: Vec<_> = set.keys.iter().map(|key| key.kid().unwrap_or("(none)")).collect();
            tracing::info!(issuer = %self.issuer, ?kids, "the keys of an issuer are loaded");
            for (position, reason) in &set.skipped {
                match reason {
                    Unusable::Private(_) => {
                        tracing::warn!(issuer = %self.issuer, position, %reason, "a key is left out");
                    }
                    Unusable::NotAnObject | Unusable::Member { .. } | Unusable::SameKid => {
                        tracing::info!(issuer = %self.issuer, position, %reason, "a key is left out");
                    }
                }
            }
        }
        self.set.store(Arc::new(KeySet {
            keys: set.keys.into_iter().map(Arc::new).collect(),
            fetched: begun,
            refresh_at: begun.plus(fresh.mul_f64(0.8)),
            fresh_until: begun.plus(fresh),
            stale_until: begun.plus(fresh).plus(self.limits.stale),
        }));
        if changed {
            self.unknown.invalidate_all();
        }
    }
}
