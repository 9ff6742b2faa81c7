//! The open streams: who is behind each, and how it is written to.
//!
//! A stream is registered with the principal of the request that opened it, for as long as its answer goes on. It authorizes
//! nothing: who is told that a list or a row changed asks for it with a token, like everybody. One whose token has expired is
//! told nothing any more and ended, so that its client proves itself anew.

use std::collections::BTreeMap;
#[expect(
    clippy::disallowed_types,
    reason = "a table that changes when a stream opens or ends, held for one change and never across an await"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{InitializeRequestParams, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, SubscriptionSendError, SubscriptionSink};
use tokio_util::sync::CancellationToken;

use super::lists::Changes;
use super::missed::Known;
use super::notices::{self, Level};
use super::subscriptions::{LISTEN, SUBSCRIBE, Watched};
use super::{Caller, RequestId};
use crate::authn::Principal;
use crate::clock::Clock;
use crate::model::Person;
use crate::policy::Revision;

/// How long a client that does not read what it is told is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A session of the revisions before 2026-07-28, from its `initialize` to its end. The server in the session owns it, and so
/// does its stream while one is open; the table of sessions holds a weak reference.
#[derive(Debug, Default)]
pub struct Session {
    peer: OnceLock<Peer<RoleServer>>,
    pub(super) watched: Arc<Watched>,
    pub(super) level: Level,
    pub(super) known: Known,
}

impl Session {
    /// One that began at another server, or before this one was started: what its client has is not known here.
    pub fn taken_up() -> Self {
        Self { known: Known::unknown(), ..Self::default() }
    }

    pub(super) fn begin(&self, peer: &Peer<RoleServer>) {
        self.peer.get_or_init(|| peer.clone());
    }

    /// The way to its client, once it is initialized.
    pub(super) fn peer(&self) -> Option<&Peer<RoleServer>> {
        self.peer.get()
    }

    /// What the client said of itself, with the revision that it was granted; `None` until it has been answered.
    pub fn client(&self) -> Option<Arc<InitializeRequestParams>> {
        self.peer.get()?.peer_info()
    }
}

/// Where a stream is written to.
#[derive(Debug, Clone)]
pub enum Sink {
    /// The stream of a session.
    Session(Arc<Session>),
    /// A `subscriptions/listen` of 2026-07-28, which says what it wants to be told, and the rows among that.
    Subscription(SubscriptionSink, Arc<Watched>),
}

impl Sink {
    /// The rows that it is told of.
    pub(super) fn watched(&self) -> &Arc<Watched> {
        match self {
            Self::Session(session) => &session.watched,
            Self::Subscription(_, watched) => watched,
        }
    }

    /// How these rows were subscribed to.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Session(_) => SUBSCRIBE,
            Self::Subscription(..) => LISTEN,
        }
    }

    /// What its client has of the lists; nobody knows that of one request among others.
    pub(super) fn known(&self) -> Option<&Known> {
        match self {
            Self::Session(session) => Some(&session.known),
            Self::Subscription(..) => None,
        }
    }

    /// Tells that a row changed.
    pub(super) async fn tell_updated(&self, uri: &str) -> Result<(), SubscriptionSendError> {
        match self {
            Self::Session(session) => match session.peer() {
                Some(peer) => Ok(peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await?),
                None => Ok(()),
            },
            Self::Subscription(sink, _) => sink.notify_resource_updated(uri).await,
        }
    }

    /// Tells that lists changed.
    async fn tell(&self, changes: Changes) -> Result<(), SubscriptionSendError> {
        match self {
            Self::Session(session) => {
                let Some(peer) = session.peer() else { return Ok(()) };
                session.notice(vec![notices::of_lists(&changes.words())]).await;
                if changes.tools {
                    peer.notify_tool_list_changed().await?;
                }
                if changes.resources {
                    peer.notify_resource_list_changed().await?;
                }
                if changes.prompts {
                    peer.notify_prompt_list_changed().await?;
                }
            }
            Self::Subscription(sink, _) => {
                if changes.tools && sink.accepted().tools_list_changed == Some(true) {
                    sink.notify_tool_list_changed().await?;
                }
                if changes.resources && sink.accepted().resources_list_changed == Some(true) {
                    sink.notify_resource_list_changed().await?;
                }
                if changes.prompts && sink.accepted().prompts_list_changed == Some(true) {
                    sink.notify_prompt_list_changed().await?;
                }
            }
        }
        Ok(())
    }
}

/// The open streams.
#[derive(Debug)]
pub struct Streams {
    clock: Arc<dyn Clock>,
    per_person: usize,
    stopping: CancellationToken,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    opened: u64,
    streams: BTreeMap<u64, Stream>,
}

/// An open stream.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// Who opened it, in which request.
    pub(super) caller: Caller,
    pub(super) person: Person,
    pub(super) sink: Sink,
    end: CancellationToken,
}

impl Stream {
    /// Tells that lists are others by this policy. One that is not read is ended, so that its client is told when it comes again.
    pub(super) async fn tell(&self, changes: Changes, revision: Revision) {
        let subject = &self.caller.principal.proof().subject;
        match tokio::time::timeout(PATIENCE, self.sink.tell(changes)).await {
            Ok(Ok(())) => {
                if let Some(known) = self.sink.known() {
                    known.told(changes, revision);
                }
                tracing::debug!(subject.id = %subject, "told that lists changed");
            }
            Ok(Err(error)) => tracing::debug!(subject.id = %subject, %error, "a stream ended untold"),
            Err(_) => {
                self.end.cancel();
                tracing::debug!(subject.id = %subject, "a stream was ended, because it is not read");
            }
        }
    }
}

/// A stream that is registered as open, for as long as this is kept: dropped, its place is free.
#[derive(Debug)]
pub struct OpenStream {
    streams: Arc<Streams>,
    number: u64,
    end: CancellationToken,
}

impl OpenStream {
    /// The stream, unless it was ended to make room.
    pub(super) fn stream(&self) -> Option<Stream> {
        self.streams.lock().streams.get(&self.number).cloned()
    }

    /// Waits until the server ends the stream: it stops, the token has expired, or its person opened too many.
    pub async fn ended(self) {
        self.end.cancelled().await;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.lock().streams.remove(&self.number);
    }
}

impl Streams {
    /// No streams yet, and at most so many of one person; all end when the server begins to stop.
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pub fn new(clock: Arc<dyn Clock>, per_person: usize, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self { clock, per_person, stopping, open: Mutex::default() })
    }

    /// Registers a stream; ends the person's oldest where there are too many.
    pub fn open(self: &Arc<Self>, principal: Arc<Principal>, RequestId(request): RequestId, sink: Sink) -> OpenStream {
        let caller = Caller::new(principal, request);
        let (person, end) = (caller.person(), self.stopping.child_token());
        let stream = Stream { caller, person: person.clone(), sink, end: end.clone() };
        let mut open = self.lock();
        let number = open.opened;
        open.opened += 1;
        open.streams.insert(number, stream);
        let own: Vec<u64> =
            open.streams.iter().filter(|(_, stream)| stream.person == person).map(|(number, _)| *number).collect();
        for oldest in own.iter().take(own.len().saturating_sub(self.per_person)) {
            if let Some(stream) = open.streams.remove(oldest) {
                stream.end.cancel();
            }
        }
        drop(open);
        OpenStream { streams: Arc::clone(self), number, end }
    }

    /// The streams whose token is still good; the others are ended.
    pub(super) fn live(&self) -> Vec<Stream> {
        self.live_and(|_| true)
    }

    /// Those of them that are told of rows.
    pub(super) fn watching(&self) -> Vec<Stream> {
        self.live_and(|stream| !stream.sink.watched().is_empty())
    }

    fn live_and(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<Stream> {
        let now = self.clock.now();
        let mut open = self.lock();
        open.streams.retain(|_, stream| {
            let is_live = now < stream.caller.principal.proof().taken_until;
            if !is_live {
                stream.end.cancel();
            }
            is_live
        });
        open.streams.values().filter(|stream| wanted(stream)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Every change to the table is one insertion or removal, so that a panic leaves it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
