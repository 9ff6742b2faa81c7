//! A line of the log that would come as often as somebody asks: once in a while, with how often it would have come.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::model::Timestamp;

/// Says when something is to be said that happens often. Whoever can make it happen does not choose how much is written.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    /// When it was said last, in microseconds.
    last: AtomicI64,
    unsaid: AtomicU64,
}

impl Seldom {
    /// At most once in each such time.
    pub fn new(every: Duration) -> Self {
        Self { every, last: AtomicI64::new(i64::MIN), unsaid: AtomicU64::new(0) }
    }

    /// Counts one. Where it is time to say it, how many there were since it was said last, this one among them.
    pub fn due(&self, now: Timestamp) -> Option<u64> {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let last = self.last.load(Ordering::Relaxed);
        let is_early = last != i64::MIN && now.since(Timestamp::from_micros(last)) < self.every;
        // Of those who come at the same moment, one says it.
        let won = || self.last.compare_exchange(last, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        (!is_early && won()).then(|| self.unsaid.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_once_in_a_while_with_its_number() {
        let at = |secs: i64| Timestamp::from_secs(1_000 + secs);
        let seldom = Seldom::new(Duration::from_secs(10));
        assert_eq!(seldom.due(at(0)), Some(1));
        assert_eq!((seldom.due(at(0)), seldom.due(at(9))), (None, None));
        assert_eq!(seldom.due(at(10)), Some(3));
        assert_eq!(seldom.due(at(11)), None);
        assert_eq!(seldom.due(at(90)), Some(2));
    }
}
