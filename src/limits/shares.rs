//! How many of something each may have at one moment, of a number that all share.
//!
//! A bound on the sum alone is a bound that one of them can reach for all. Whoever has their share is refused before what all
//! share is touched, so that nobody else notices.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many each `K` has. Cheap to clone; all clones count together.
#[derive(Debug)]
pub struct Shares<K: Eq + Hash>(Arc<Counts<K>>);

#[derive(Debug)]
struct Counts<K> {
    most: usize,
    /// Those who have some, and how many.
    taken: Mutex<HashMap<K, usize>>,
}

impl<K: Eq + Hash> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// At most so many for each.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Counts { most, taken: Mutex::default() }))
    }

    /// How many each may have.
    pub fn most(&self) -> usize {
        self.0.most
    }

    /// Takes one for `key`; `None` where they have as many as they may.
    pub fn take(&self, key: &K) -> Option<Share<K>> {
        let mut taken = self.0.lock();
        match taken.get_mut(key) {
            Some(count) if *count >= self.0.most => return None,
            Some(count) => *count += 1,
            None if self.0.most == 0 => return None,
            None => drop(taken.insert(key.clone(), 1)),
        }
        drop(taken);
        Some(Share { key: key.clone(), of: Arc::clone(&self.0) })
    }
}

impl<K> Counts<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // A count is raised or lowered in one step, so that a panic leaves it whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of somebody's share. Dropped, it is free again.
#[derive(Debug)]
#[must_use = "a share that is dropped is free again"]
pub struct Share<K: Eq + Hash> {
    key: K,
    of: Arc<Counts<K>>,
}

impl<K: Eq + Hash> Share<K> {
    /// Whose it is.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_their_own_share_and_what_is_dropped_is_free() {
        let shares = Shares::new(2);
        let (first, second) = (shares.take(&"ada").unwrap(), shares.take(&"ada").unwrap());
        assert!(shares.clone().take(&"ada").is_none());
        let others = shares.take(&"bob").unwrap();
        assert_eq!((*first.key(), *others.key()), ("ada", "bob"));
        drop(first);
        let third = shares.take(&"ada").unwrap();
        assert!(shares.take(&"ada").is_none());
        drop((second, third, others));
        assert!(shares.0.lock().is_empty(), "nobody is remembered who has nothing");
    }
}
