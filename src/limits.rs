//! How often somebody may ask: one leaky bucket (GCRA) for each address, account or client.
//!
//! A bucket empties by time alone, so nobody can lock somebody else out for longer than it takes to refill. What is kept is
//! bounded: full buckets are forgotten, and when there are too many that are not, strangers wait.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

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

/// What one limit counts as one address: of IPv6 the network, because whoever has one address there has 2^64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
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
    fn an_address_of_ipv6_counts_as_its_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
    }
}
