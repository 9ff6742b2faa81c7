//! A clock whose hands the test turns.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bailiwick::clock::Clock;
use bailiwick::model::Timestamp;

/// The time at which every test begins: 2026-11-21T08:00:00Z.
pub(crate) const START: i64 = 1_795_248_000;

/// Stands still until it is told otherwise.
#[derive(Debug)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(Timestamp::from_secs(START).as_micros()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
