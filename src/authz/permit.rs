//! The permit, and the receipt that turns an answer into a recorded answer.

use std::sync::Arc;

use super::Action;
use crate::clock::Clock;
use crate::store::audit::{AuditError, Outcome, Place, Record};

/// Permission to perform `A` once. Not `Clone`: one decision, one audit record, one use.
#[derive(Debug)]
#[must_use]
pub struct Authorized<A: Action> {
    action: A,
    scope: A::Scope,
    receipt: Receipt,
}

impl<A: Action> Authorized<A> {
    pub(in crate::authz) fn redeem(action: A, scope: A::Scope, receipt: Receipt) -> Self {
        Self { action, scope, receipt }
    }

    /// Spends the permit: the action, what it covers, and the receipt that its answer must be recorded with.
    pub fn spend(self) -> (A, A::Scope, Receipt) {
        (self.action, self.scope, self.receipt)
    }
}

/// The audit record of one decision, open until its outcome is known. Dropped before, it is recorded as abandoned.
#[derive(Debug)]
#[must_use]
pub struct Receipt {
    /// Boxed, because it is handed from one to the next.
    open: Option<(Place, Box<Record>)>,
    clock: Arc<dyn Clock>,
}

impl Receipt {
    pub(in crate::authz) fn open(place: Place, mut record: Box<Record>, clock: Arc<dyn Clock>) -> Self {
        record.outcome = Outcome::Abandoned;
        Self { open: Some((place, record)), clock }
    }

    /// The record as it stands, for the log.
    pub fn record(&self) -> Option<&Record> {
        self.open.as_ref().map(|(_, record)| &**record)
    }

    /// Records what became of the action; the answer comes back once the record is durable.
    ///
    /// # Errors
    ///
    /// When the record cannot be written. The answer is lost with it: nothing is answered unrecorded.
    pub async fn close<T>(self, outcome: Outcome, answer: T) -> Result<Recorded<T>, AuditError> {
        if let Some((place, record)) = self.ended(outcome).take() {
            place.record(record).await?;
        }
        Ok(Recorded(answer))
    }

    /// Records that these columns are about to be changed. Nothing is changed before that is durable.
    ///
    /// # Errors
    ///
    /// When the record cannot be written: then nothing may be changed.
    pub async fn begin(mut self, columns: Option<String>) -> Result<Begun, AuditError> {
        if let Some((place, record)) = &mut self.open {
            record.changed = columns;
            let begun = Record { outcome: Outcome::Begun, ..Record::clone(record) };
            place.another()?.record(Box::new(begun)).await?;
        }
        Ok(Begun(self))
    }

    fn ended(mut self, outcome: Outcome) -> Self {
        if let Some((_, record)) = &mut self.open {
            record.outcome = outcome;
        }
        self
    }

    fn take(&mut self) -> Option<(Place, Box<Record>)> {
        let (place, mut record) = self.open.take()?;
        record.duration = self.clock.now().since(record.at);
        Some((place, record))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some((place, record)) = self.take() {
            place.record_detached(record);
        }
    }
}

/// The receipt of a change whose decision is on record. Nothing is changed without one.
#[derive(Debug)]
#[must_use]
pub struct Begun(Receipt);

impl Begun {
    /// Says what the change came to, which from here on is recorded whoever goes away.
    pub fn ended(self, outcome: Outcome) -> Receipt {
        self.0.ended(outcome)
    }
}

/// An answer whose audit record is durable. Replies are made from nothing else.
#[derive(Debug)]
#[must_use]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// The answer.
    pub fn into_inner(self) -> T {
        self.0
    }
}
