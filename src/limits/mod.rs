//! How often somebody may ask, and how much of what all share they may have at one moment (`shares`).
//!
//! How often is one leaky bucket (GCRA) for each address, account or client.
//! A bucket is refilled by time alone. Whoever can empty one that is not only theirs keeps its owner out for as long as they go
//! on, so what is shared must be larger than what each may take of it. What is kept is bounded: full buckets are forgotten,
//! and when there are too many that are not, strangers wait.
//!
//! An address of IPv6 says little of who is behind it. One customer has a network of 2^64 addresses at least and is often
//! given 2^16 of such networks (RFC 6177), so each network has a bucket and what one customer can be given has another.

#![expect(
    clippy::disallowed_types,
    reason = "a count is read and raised in one step, and the lock is held for no longer"
)]

mod seldom;
mod shares;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

pub use self::seldom::Seldom;
pub use self::shares::{Share, Shares};
use crate::clock::Clock;
use crate::model::Timestamp;

/// How many buckets one limit keeps.
const MOST: usize = 100_000;

/// Our clock, as governor reads one.
#[derive(Debug, Clone)]
struct Hands(Arc<dyn Clock>);

/// A time of our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Instant(Timestamp);

impl Add<Nanos> for Instant {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.plus(other.into()))
    }
}

impl Reference for Instant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        let micros = i64::try_from(Duration::from(duration).as_micros()).unwrap_or(i64::MAX);
        Self(Timestamp::from_micros(self.0.as_micros().saturating_sub(micros)))
    }
}

impl GovernorClock for Hands {
    type Instant = Instant;

    fn now(&self) -> Instant {
        Instant(self.0.now())
    }
}

/// A limit on each `K`.
#[derive(Debug)]
pub struct Limit<K: Clone + Eq + Hash>(RateLimiter<K, HashMapStateStore<K>, Hands, NoOpMiddleware<Instant>>, Hands);

impl<K: Clone + Eq + Hash> Limit<K> {
    /// So many at once, and then one in each interval.
    pub fn new(burst: NonZeroU32, refill: Duration, clock: &Arc<dyn Clock>) -> Self {
        let quota = Quota::with_period(refill).unwrap_or(Quota::per_minute(burst)).allow_burst(burst);
        let hands = Hands(Arc::clone(clock));
        Self(RateLimiter::new(quota, HashMapStateStore::default(), hands.clone()), hands)
    }

    /// So many in a minute, at once or one after the other.
    pub fn of_a_minute(most: NonZeroU32, clock: &Arc<dyn Clock>) -> Self {
        Self::new(most, Duration::from_mins(1) / most.get(), clock)
    }

    /// Takes one; or says how long to wait.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        if self.0.len() >= MOST {
            self.0.retain_recent();
            if self.0.len() >= MOST {
                return Err(Duration::from_mins(1));
            }
        }
        self.0.check_key(key).map_err(|early| early.wait_time_from(self.1.now()))
    }
}

/// A limit on each address.
#[derive(Debug)]
pub struct Addresses {
    networks: Limit<IpAddr>,
    allotments: Limit<IpAddr>,
}

/// As many networks as this may use up what they have before the others of their allotment have to wait.
const NETWORKS: u32 = 8;

impl Addresses {
    /// So many at once from one network, and then one in each interval.
    pub fn new(burst: NonZeroU32, refill: Duration, clock: &Arc<dyn Clock>) -> Self {
        let networks = Limit::new(burst, refill, clock);
        let more = burst.saturating_mul(NonZeroU32::new(NETWORKS).unwrap_or(NonZeroU32::MIN));
        Self { networks, allotments: Limit::new(more, refill / NETWORKS, clock) }
    }

    /// Takes one; or says how long to wait.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        self.networks.take(&prefix(address, 64))?;
        match address.to_canonical() {
            IpAddr::V4(_) => Ok(()),
            IpAddr::V6(_) => self.allotments.take(&allotment(address)),
        }
    }
}

/// A limit on what fails for each `K`. Nothing is taken until something has failed, and after too many failures nothing is
/// tried: a guess that is right is worth as little then as one that is wrong.
#[derive(Debug)]
pub struct Failures<K> {
    /// When each bucket will be full again.
    full: Mutex<HashMap<K, Timestamp>>,
    burst: NonZeroU32,
    refill: Duration,
    clock: Arc<dyn Clock>,
}

impl<K: Clone + Eq + Hash> Failures<K> {
    /// So many failures, and then one in each interval.
    pub fn new(burst: NonZeroU32, refill: Duration, clock: &Arc<dyn Clock>) -> Self {
        Self { full: Mutex::default(), burst, refill, clock: Arc::clone(clock) }
    }

    /// Says whether something may be tried; or how long to wait.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        let Some(full) = self.lock().get(key).copied() else { return Ok(()) };
        // One more must fit in before the bucket is empty.
        let wait = full.since(self.clock.now()).saturating_sub(self.refill * (self.burst.get() - 1));
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Counts a failure. Where too many buckets are kept, only one that is there already.
    pub fn count(&self, key: &K) {
        let now = self.clock.now();
        let mut buckets = self.lock();
        if buckets.len() >= MOST {
            buckets.retain(|_, full| *full > now);
        }
        if buckets.len() < MOST || buckets.contains_key(key) {
            let full = buckets.entry(key.clone()).or_insert(now);
            *full = (*full).max(now).plus(self.refill);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        // Nothing can panic between two halves of a change.
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that one customer can have: an address of IPv4, and of IPv6 a network of 48 bits.
pub fn allotment(address: IpAddr) -> IpAddr {
    prefix(address, 48)
}

fn prefix(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(Ipv6Addr::BITS - bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::clock::ManualClock;

    #[test]
    fn a_bucket_is_refilled_by_time_and_each_has_their_own() {
        let clock = Arc::new(ManualClock::new());
        let dynamic: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let limit = Limit::<&str>::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(10), &dynamic);
        for _ in 0..3 {
            assert_eq!(limit.take(&"ada"), Ok(()));
        }
        let wait = limit.take(&"ada").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(10), "{wait:?}");
        assert_eq!(limit.take(&"bob"), Ok(()));
        clock.advance(Duration::from_secs(10));
        assert_eq!(limit.take(&"ada"), Ok(()));
        assert!(limit.take(&"ada").is_err());
    }

    #[test]
    fn after_too_many_failures_nothing_is_tried_for_a_while() {
        let clock = Arc::new(ManualClock::new());
        let dynamic: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let failures = Failures::<&str>::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(10), &dynamic);
        for _ in 0..3 {
            assert_eq!(failures.check(&"app"), Ok(()));
            failures.count(&"app");
        }
        assert_eq!(failures.check(&"app"), Err(Duration::from_secs(10)));
        assert_eq!(failures.check(&"other"), Ok(()));
        clock.advance(Duration::from_secs(4));
        assert_eq!(failures.check(&"app"), Err(Duration::from_secs(6)));
        clock.advance(Duration::from_secs(6));
        assert_eq!((failures.check(&"app"), failures.check(&"app")), (Ok(()), Ok(())), "asking takes nothing");
        failures.count(&"app");
        assert_eq!(failures.check(&"app"), Err(Duration::from_secs(10)));
    }

    #[test]
    fn an_address_of_ipv6_counts_as_its_network_and_its_network_as_one_of_a_customers() {
        let of = |text: &str| prefix(text.parse().unwrap(), 64).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        let of = |text: &str| allotment(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2::9"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn whoever_has_many_networks_of_ipv6_has_not_as_many_buckets() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let limit = Addresses::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(10), &clock);
        let taken = |addresses: &mut dyn Iterator<Item = String>| {
            addresses.filter(|address| limit.take(address.parse().unwrap()).is_ok()).count()
        };
        assert_eq!(taken(&mut (0..9).map(|n| format!("2001:db8:1:2::{n}"))), 3);
        assert_eq!(taken(&mut (0..200).map(|n| format!("2001:db8:7:{n:x}::1"))), 24);
        assert_eq!(taken(&mut (0..9).map(|_| "2001:db8:8::1".to_owned())), 3, "another customer");
        assert_eq!(taken(&mut (0..9).map(|n| format!("203.0.113.{n}"))), 9);
    }
}
