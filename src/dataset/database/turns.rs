//! Whose statement is next: nobody keeps every connection from everybody else.
//!
//! One caller's statements may hold all connections but one; the rest of them wait behind each other, before they come to
//! the queue that all callers share. In that queue a caller thus has no more places than there are connections, and whoever
//! comes waits for a few statements, not for all that one caller sent.

use std::collections::HashMap;
#[expect(clippy::disallowed_types, reason = "it counts who waits, is held for no await, and guards no data")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For whom a statement runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::dataset) enum Reading<'a> {
    /// A check at start, or a command of the operator.
    Ourselves,
    /// A caller, by the name of its subject.
    Caller(&'a str),
}

/// The callers that read or wait.
pub(super) struct Turns {
    at_once: usize,
    #[expect(clippy::disallowed_types, reason = "it counts who waits, is held for no await, and guards no data")]
    callers: Mutex<HashMap<Box<str>, Line>>,
}

/// The line of one caller, and how many stand in it, those whose turn it is among them.
struct Line {
    places: Arc<Semaphore>,
    standing: usize,
}

impl Turns {
    #[expect(clippy::disallowed_types, reason = "it counts who waits, is held for no await, and guards no data")]
    pub(super) fn new(connections: usize) -> Self {
        Self { at_once: connections.saturating_sub(1).max(1), callers: Mutex::default() }
    }

    /// Waits until it is this caller's turn.
    pub(super) async fn take<'a>(&'a self, whom: Reading<'a>) -> Option<Turn<'a>> {
        let Reading::Caller(caller) = whom else { return None };
        let places = {
            let mut callers = self.callers();
            let line = callers
                .entry(caller.into())
                .or_insert_with(|| Line { places: Arc::new(Semaphore::new(self.at_once)), standing: 0 });
            line.standing += 1;
            Arc::clone(&line.places)
        };
        // From here on the caller leaves the line whatever happens, a dropped future included.
        let mut turn = Turn { turns: self, caller, place: None };
        // Nothing closes the semaphore; were it closed, the connections would still be shared by the queue behind it.
        turn.place = places.acquire_owned().await.ok();
        Some(turn)
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<Box<str>, Line>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn standing(&self) -> usize {
        self.callers().values().map(|line| line.standing).sum()
    }
}

/// One caller's turn. The next of that caller comes when this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    caller: &'a str,
    place: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.place.take());
        let mut callers = self.turns.callers();
        if let Some(line) = callers.get_mut(self.caller) {
            line.standing -= 1;
            if line.standing == 0 {
                callers.remove(self.caller);
            }
        }
    }
}
