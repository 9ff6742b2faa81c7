//! Whose statement is next: nobody keeps every connection from everybody else.
//!
//! One person's statements may hold all connections but one; the rest of them wait behind each other, before they come to
//! the queue that all share. In that queue a person thus has no more places than there are connections, and whoever
//! comes waits for a few statements, not for all that one of them sent, through however many issuers and clients.

use std::collections::HashMap;
#[expect(clippy::disallowed_types, reason = "it counts who waits, is held for no await, and guards no data")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::Person;

/// For whom a statement runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::dataset) enum Reading<'a> {
    /// A check at start, or a command of the operator.
    Ourselves,
    /// A person.
    Person(&'a Person),
}

/// The people that read or wait.
pub(super) struct Turns {
    at_once: usize,
    #[expect(clippy::disallowed_types, reason = "it counts who waits, is held for no await, and guards no data")]
    people: Mutex<HashMap<Person, Line>>,
}

/// The line of one person, and how many stand in it, those whose turn it is among them.
struct Line {
    places: Arc<Semaphore>,
    standing: usize,
}

impl Turns {
    #[expect(clippy::disallowed_types, reason = "it counts who waits, is held for no await, and guards no data")]
    pub(super) fn new(connections: usize) -> Self {
        Self { at_once: connections.saturating_sub(1).max(1), people: Mutex::default() }
    }

    /// Waits until it is this person's turn.
    pub(super) async fn take<'a>(&'a self, whom: Reading<'a>) -> Option<Turn<'a>> {
        let Reading::Person(person) = whom else { return None };
        let places = {
            let mut people = self.people();
            let line = people
                .entry(person.clone())
                .or_insert_with(|| Line { places: Arc::new(Semaphore::new(self.at_once)), standing: 0 });
            line.standing += 1;
            Arc::clone(&line.places)
        };
        // From here on they leave the line whatever happens, a dropped future included.
        let mut turn = Turn { turns: self, person, place: None };
        // Nothing closes the semaphore; were it closed, the connections would still be shared by the queue behind it.
        turn.place = places.acquire_owned().await.ok();
        Some(turn)
    }

    fn people(&self) -> MutexGuard<'_, HashMap<Person, Line>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn standing(&self) -> usize {
        self.people().values().map(|line| line.standing).sum()
    }
}

/// One person's turn. The next of theirs comes when this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    person: &'a Person,
    place: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.place.take());
        let mut people = self.turns.people();
        if let Some(line) = people.get_mut(self.person) {
            line.standing -= 1;
            if line.standing == 0 {
                people.remove(self.person);
            }
        }
    }
}
