//! The side of the audit trail that requests see: a place in the queue, then a record in the place.
//!
//! All share the queue, and what finds no place in it is refused. So nobody has more of it than a part: who has that is refused
//! before the queue is touched, and the others notice nothing.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
use crate::limits::{Seldom, Share, Shares, allotment};
use crate::model::{Person, Proof, Requester, Timestamp};

/// The part of the queue that one of those who share it may have.
const PART: usize = 8;
/// What everybody may have of a queue however short: a change needs two places.
const LEAST: usize = 2;
/// How often the log says that there was no place.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// For whom a place is taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A verified person, whatever they come through.
    Person(Person),
    /// Somebody of whom only the address is known: of IPv6, what one customer can have of it.
    Address(IpAddr),
    /// The server itself, which is as much as it has to say.
    Ourselves,
}

impl Holder {
    /// The person behind a request.
    pub fn person(requester: &Requester, proof: &Proof) -> Self {
        Self::Person(Person::of(requester, proof))
    }

    /// Whoever is at this address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(allotment(address))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => person.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Ourselves => f.write_str("the server itself"),
        }
    }
}

/// Takes records in. Cheap to clone; all clones share one queue.
#[derive(Debug, Clone)]
pub struct AuditLog {
    queue: mpsc::Sender<Waiting>,
    parts: Shares<Holder>,
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
    /// Says that somebody had their part.
    over: Seldom,
    /// Says that nothing could be taken in.
    refused: Seldom,
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
    /// Whose it is, for as long as it waits.
    pub(super) _share: Option<Share<Holder>>,
}

/// Who ended a request that was not answered: its client, or the server, which says so before it drops the work.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// The server ends it, because it took too long.
    pub fn too_late(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_too_late(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A place in the queue, for one record. Dropped unused, it is free again.
#[derive(Debug)]
#[must_use = "a place that is dropped records nothing"]
pub struct Place {
    permit: mpsc::OwnedPermit<Waiting>,
    /// None is counted for the server itself.
    share: Option<Share<Holder>>,
    log: AuditLog,
    ending: Option<Ending>,
}

impl AuditLog {
    /// Opens the store, or makes it, and gives the log together with the task that writes it.
    pub async fn open(settings: &config::Audit, clock: Arc<dyn Clock>) -> Result<(Self, Writer), AuditError> {
        let store = Store::open(settings, clock.now()).await?;
        let failure = ArcSwapOption::empty();
        let gone = CancellationToken::new();
        let (over, refused) = (Seldom::new(SAID_EVERY), Seldom::new(SAID_EVERY));
        let shared = Arc::new(Shared { failure, gone, rejections: Rejections::default(), clock, over, refused });
        // A channel without places cannot be made; the configuration refuses a queue of none.
        let (queue, waiting) = mpsc::channel(settings.queue.max(1));
        let writer = Writer::new(settings.clone(), store, waiting, Arc::clone(&shared));
        let parts = Shares::new((settings.queue / PART).max(LEAST));
        Ok((Self { queue, parts, shared }, writer))
    }

    /// Takes a place for one record. Never waits: a full queue, a store that is out of order, or a holder who has their part
    /// of the queue is refused at once. The log says so here, once in a while, and not for each of them.
    pub fn reserve(&self, holder: Holder) -> Result<Place, AuditError> {
        let place = self.place(holder);
        if let Err(error) = &place {
            self.say(error);
        }
        place
    }

    fn place(&self, holder: Holder) -> Result<Place, AuditError> {
        if let Some(failure) = self.shared.failure.load_full() {
            return Err(AuditError::Failed(failure));
        }
        let share = match holder {
            Holder::Ourselves => None,
            Holder::Person(_) | Holder::Address(_) => match self.parts.take(&holder) {
                Some(share) => Some(share),
                None => return Err(AuditError::Share { holder, most: self.parts.most() }),
            },
        };
        match self.queue.clone().try_reserve_owned() {
            Ok(permit) => Ok(Place { permit, share, log: self.clone(), ending: None }),
            Err(TrySendError::Full(queue)) => Err(AuditError::Full { capacity: queue.max_capacity() }),
            Err(TrySendError::Closed(_)) => Err(AuditError::Stopped),
        }
    }

    fn say(&self, error: &AuditError) {
        let now = self.shared.clock.now();
        if error.is_of_one() {
            if let Some(refused) = self.shared.over.due(now) {
                tracing::warn!(%error, refused, "somebody asked for more than their part of the audit queue");
            }
        } else if let Some(refused) = self.shared.refused.due(now) {
            tracing::error!(%error, refused, "requests are refused, because they cannot be recorded");
        }
    }

    /// Records an event of the server; returns once it is durable.
    pub async fn record_event(&self, event: Event) -> Result<(), AuditError> {
        self.reserve(Holder::Ourselves)?.hand_over(Entry::Event(event)).await
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
    /// The same for the record of a request that may end unanswered.
    pub fn of(self, ending: &Ending) -> Self {
        Self { ending: Some(ending.clone()), ..self }
    }

    /// Takes one more place for the same holder, for what is recorded before something is changed.
    pub fn another(&self) -> Result<Self, AuditError> {
        self.log.reserve(self.share.as_ref().map_or(Holder::Ourselves, |share| share.key().clone()))
    }

    /// Hands the record over, at once; the future is ready when it is durable. Dropping the future does not take the
    /// record back.
    pub fn record(self, record: Box<Record>) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        self.hand_over(Entry::Decision(record))
    }

    /// The same for an event.
    pub fn event(self, event: Event) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        self.hand_over(Entry::Event(event))
    }

    /// Hands over a record that nobody waits for: that of a request whose client is gone, or that took too long.
    pub fn record_detached(self, mut record: Box<Record>) {
        if record.outcome == Outcome::Abandoned && self.ending.as_ref().is_some_and(Ending::is_too_late) {
            record.outcome = Outcome::TimedOut;
        }
        self.permit.send(Waiting { entry: Entry::Decision(record), answer: None, _share: self.share });
    }

    fn hand_over(self, entry: Entry) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        let (answer, mut durable) = oneshot::channel();
        let Self { permit, share, log, ending: _ } = self;
        permit.send(Waiting { entry, answer: Some(answer), _share: share });
        async move {
            tokio::select! {
                biased;
                answer = &mut durable => answer.unwrap_or(Err(AuditError::Stopped)),
                // The writer may have answered between the two looks.
                () = log.shared.gone.cancelled() => durable.try_recv().unwrap_or(Err(AuditError::Stopped)),
            }
        }
    }
}
