//! The side of the audit trail that requests see: a place in the queue, then a record in the place.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::error::AuditError;
use super::record::{Event, Outcome, Record};
use super::rejections::Rejections;
use super::store::Store;
use super::writer::Writer;
use crate::clock::Clock;
use crate::config;
use crate::model::Timestamp;

/// Takes records in. Cheap to clone; all clones share one queue.
#[derive(Debug, Clone)]
pub struct AuditLog {
    queue: mpsc::Sender<Waiting>,
    shared: Arc<Shared>,
}

/// What the log and its writer both see.
#[derive(Debug)]
pub(super) struct Shared {
    /// Why nothing can be written; nothing while all is well.
    pub(super) failure: ArcSwapOption<Failure>,
    /// Cancelled when the writer is gone, in whatever way: what is in the queue then is never answered.
    pub(super) gone: CancellationToken,
    /// What is counted instead of recorded.
    pub(super) rejections: Rejections,
    /// The clock.
    pub(super) clock: Arc<dyn Clock>,
}

/// Since when the store cannot be written, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Since when.
    pub since: Timestamp,
    /// Why, for the operator.
    pub why: String,
}

/// How the audit trail is doing, for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How many places are taken: records that wait, and requests that will have one.
    pub waiting: usize,
    /// How many places there are.
    pub capacity: usize,
    /// Why nothing can be written; `None` while all is well.
    pub failure: Option<Failure>,
}

impl Status {
    /// Whether a request would be recorded now.
    pub fn healthy(&self) -> bool {
        self.failure.is_none() && self.waiting < self.capacity
    }
}

/// What the writer writes.
#[derive(Debug)]
pub(super) enum Entry {
    /// A decision. Boxed, because the queue allocates for its largest entry.
    Decision(Box<Record>),
    /// An event.
    Event(Event),
}

/// An entry in the queue, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What is to be written.
    pub(super) entry: Entry,
    /// Told when it is durable; `None` if nobody waits.
    pub(super) answer: Option<oneshot::Sender<Result<(), AuditError>>>,
}

/// Who ended a request that was not answered: its client, or the server, which says so before it drops the work.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// The server ends it, because it took too long.
    pub fn too_late(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A place in the queue, for one record. Dropped unused, it is free again.
#[derive(Debug)]
#[must_use = "a place that is dropped records nothing"]
pub struct Place {
    permit: mpsc::OwnedPermit<Waiting>,
    log: AuditLog,
    ending: Ending,
}

impl AuditLog {
    /// Opens the store, or makes it, and gives the log together with the task that writes it.
    pub async fn open(settings: &config::Audit, clock: Arc<dyn Clock>) -> Result<(Self, Writer), AuditError> {
        let store = Store::open(settings, clock.now()).await?;
        let failure = ArcSwapOption::empty();
        let gone = CancellationToken::new();
        let shared = Arc::new(Shared { failure, gone, rejections: Rejections::default(), clock });
        // A channel without places cannot be made; the configuration refuses a queue of none.
        let (queue, waiting) = mpsc::channel(settings.queue.max(1));
        let writer = Writer::new(settings.clone(), store, waiting, Arc::clone(&shared));
        Ok((Self { queue, shared }, writer))
    }

    /// Takes a place for one record. Never waits: a full queue or a store that is out of order refuses at once.
    pub fn reserve(&self) -> Result<Place, AuditError> {
        self.reserve_for(&Ending::default())
    }

    /// The same for the record of a request that may end unanswered.
    pub fn reserve_for(&self, ending: &Ending) -> Result<Place, AuditError> {
        if let Some(failure) = self.shared.failure.load_full() {
            return Err(AuditError::Failed(failure));
        }
        match self.queue.clone().try_reserve_owned() {
            Ok(permit) => Ok(Place { permit, log: self.clone(), ending: ending.clone() }),
            Err(TrySendError::Full(queue)) => Err(AuditError::Full { capacity: queue.max_capacity() }),
            Err(TrySendError::Closed(_)) => Err(AuditError::Stopped),
        }
    }

    /// Records an event; returns once it is durable.
    pub async fn record_event(&self, event: Event) -> Result<(), AuditError> {
        self.reserve()?.hand_over(Entry::Event(event)).await
    }

    /// Counts a request that had no verified credential. Never waits and never fails; the counts are written every few
    /// seconds.
    pub fn count_rejection(&self, reason: &'static str, address: IpAddr) {
        self.shared.rejections.count(self.shared.clock.now(), reason, address);
    }

    /// How the audit trail is doing.
    pub fn status(&self) -> Status {
        let capacity = self.queue.max_capacity();
        let waiting = capacity - self.queue.capacity();
        let failure = self.shared.failure.load().as_deref().cloned();
        Status { waiting, capacity, failure }
    }
}

impl Place {
    /// Takes one more place, for what is recorded before something is changed.
    pub fn another(&self) -> Result<Self, AuditError> {
        self.log.reserve()
    }

    /// Hands the record over, at once; the future is ready when it is durable. Dropping the future does not take the
    /// record back.
    pub fn record(self, record: Record) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        self.hand_over(Entry::Decision(Box::new(record)))
    }

    /// The same for an event.
    pub fn event(self, event: Event) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        self.hand_over(Entry::Event(event))
    }

    /// Hands over a record that nobody waits for: that of a request whose client is gone, or that took too long.
    pub fn record_detached(self, mut record: Record) {
        if record.outcome == Outcome::Abandoned && self.ending.0.load(Ordering::Relaxed) {
            record.outcome = Outcome::TimedOut;
        }
        self.permit.send(Waiting { entry: Entry::Decision(Box::new(record)), answer: None });
    }

    fn hand_over(self, entry: Entry) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        let (answer, mut durable) = oneshot::channel();
        self.permit.send(Waiting { entry, answer: Some(answer) });
        async move {
            tokio::select! {
                biased;
                answer = &mut durable => answer.unwrap_or(Err(AuditError::Stopped)),
                // The writer may have answered between the two looks.
                () = self.log.shared.gone.cancelled() => durable.try_recv().unwrap_or(Err(AuditError::Stopped)),
            }
        }
    }
}
