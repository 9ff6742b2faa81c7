//! Counts what is not worth a record each: requests without a verified credential.
//!
//! Whoever sends them chooses how many and, within limits, from which addresses; so neither may decide how much memory
//! or disk they cost. One hour has rows for at most [`ADDRESSES_PER_HOUR`] addresses, times the closed list of reasons.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
#[expect(
    clippy::disallowed_types,
    reason = "counters that every thread adds to, held for one addition and never across an await"
)]
use std::sync::Mutex;
use std::sync::{MutexGuard, PoisonError};

use crate::model::Timestamp;

/// How many addresses one hour tells apart; the others are counted together.
pub(super) const ADDRESSES_PER_HOUR: usize = 256;

const HOUR: i64 = 3_600_000_000;

/// Where rejected requests came from: a network that one party is likely to hold, or the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Origin {
    /// An IPv4 address, or the first address of an IPv6 network of 64 bits.
    Network(IpAddr),
    /// Any address beyond those that the hour tells apart.
    Other,
}

impl Origin {
    /// One host has a whole IPv6 network of 64 bits to choose addresses from, so they count as one.
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::Network(IpAddr::V4(v4)),
            IpAddr::V6(v6) if v6.is_loopback() => Self::Network(IpAddr::V6(v6)),
            IpAddr::V6(v6) => Self::Network(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(IpAddr::V6(v6)) if !v6.is_loopback() => write!(f, "{v6}/64"),
            Self::Network(address) => address.fmt(f),
            Self::Other => f.write_str("other"),
        }
    }
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The beginning of the hour, in microseconds.
    pub(super) hour: i64,
    /// Why they were rejected.
    pub(super) reason: &'static str,
    /// Where they came from.
    pub(super) origin: Origin,
}

/// The counts that are not yet written.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "see the import")]
pub(super) struct Rejections(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    hour: i64,
    known: HashSet<Origin>,
    unwritten: HashMap<Key, u64>,
}

impl Rejections {
    /// Counts one.
    pub(super) fn count(&self, now: Timestamp, reason: &'static str, address: IpAddr) {
        let hour = now.as_micros().div_euclid(HOUR) * HOUR;
        let mut counts = self.lock();
        if counts.hour != hour {
            counts.hour = hour;
            counts.known.clear();
        }
        let mut origin = Origin::of(address);
        if !counts.known.contains(&origin) {
            if counts.known.len() < ADDRESSES_PER_HOUR {
                counts.known.insert(origin);
            } else {
                origin = Origin::Other;
            }
        }
        *counts.unwritten.entry(Key { hour, reason, origin }).or_default() += 1;
    }

    /// Takes what is to be written, in order.
    pub(super) fn take(&self) -> Vec<(Key, u64)> {
        let mut taken: Vec<_> = std::mem::take(&mut self.lock().unwritten).into_iter().collect();
        taken.sort_unstable();
        taken
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, taken: Vec<(Key, u64)>) {
        let mut counts = self.lock();
        for (key, count) in taken {
            *counts.unwritten.entry(key).or_default() += count;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A thread that panicked here left counts behind that are off by one at most.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
