//! The open streams, and what they are told: that the lists of the person behind them changed.
//!
//! A stream is registered with the principal of the request that opened it, for as long as its answer goes on. It authorizes
//! nothing: who is told that a list changed asks for the list with a token, like everybody. One whose token has expired is
//! told nothing any more and ended, so that its client proves itself anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
#[expect(
    clippy::disallowed_types,
    reason = "a table that changes when a stream opens or ends, held for one change and never across an await"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use rmcp::RoleServer;
use rmcp::model::InitializeRequestParams;
use rmcp::service::{Peer, SubscriptionSendError, SubscriptionSink};
use tokio_util::sync::CancellationToken;

use super::Mcp;
use crate::authn::Principal;
use crate::clock::Clock;
use crate::model::{Name, Requester};
use crate::policy::{Columns, Listed, Permission, RowRule, Snapshot};

/// How many streams are told at the same time.
const AT_ONCE: usize = 64;
/// How long a client that does not read what it is told is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// A session of the revisions before 2026-07-28, from its `initialize` to its end. The server in the session owns it; whoever
/// else knows it holds a weak reference.
#[derive(Debug, Default)]
pub struct Session(OnceLock<Peer<RoleServer>>);

impl Session {
    /// The way to the session's own stream.
    pub fn sink(&self) -> Option<Sink> {
        self.0.get().cloned().map(Sink::Session)
    }

    /// What the client said of itself, with the revision that it was granted; `None` until it has been answered.
    pub fn client(&self) -> Option<Arc<InitializeRequestParams>> {
        self.0.get()?.peer_info()
    }

    pub(super) fn begin(&self, peer: &Peer<RoleServer>) {
        self.0.get_or_init(|| peer.clone());
    }
}

/// Where a stream is written to.
#[derive(Debug, Clone)]
pub enum Sink {
    /// The stream of a session.
    Session(Peer<RoleServer>),
    /// A `subscriptions/listen` of 2026-07-28, which says what it wants to be told.
    Subscription(SubscriptionSink),
}

impl Sink {
    async fn tell(&self, changes: Changes) -> Result<(), SubscriptionSendError> {
        match self {
            Self::Session(peer) => {
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
            Self::Subscription(sink) => {
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
    per_principal: usize,
    stopping: CancellationToken,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    opened: u64,
    streams: BTreeMap<u64, Stream>,
}

#[derive(Debug, Clone)]
struct Stream {
    principal: Arc<Principal>,
    binding: Arc<str>,
    sink: Sink,
    end: CancellationToken,
}

/// A stream's place among the open ones. Dropped, it is free.
#[derive(Debug)]
pub struct Place {
    streams: Arc<Streams>,
    number: u64,
    end: CancellationToken,
}

impl Place {
    /// Waits until the server ends the stream: it stops, the token has expired, or the principal opened too many.
    pub async fn ended(self) {
        self.end.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.lock().streams.remove(&self.number);
    }
}

impl Streams {
    /// No streams yet, and at most so many of one principal; all end when the server begins to stop.
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pub fn new(clock: Arc<dyn Clock>, per_principal: usize, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self { clock, per_principal, stopping, open: Mutex::default() })
    }

    /// Registers a stream; ends the principal's oldest where there are too many.
    pub fn open(self: &Arc<Self>, principal: Arc<Principal>, sink: Sink) -> Place {
        let (binding, end) = (Arc::from(principal.binding()), self.stopping.child_token());
        let stream = Stream { principal, binding: Arc::clone(&binding), sink, end: end.clone() };
        let mut open = self.lock();
        let number = open.opened;
        open.opened += 1;
        open.streams.insert(number, stream);
        let own: Vec<u64> =
            open.streams.iter().filter(|(_, stream)| stream.binding == binding).map(|(number, _)| *number).collect();
        for oldest in own.iter().take(own.len().saturating_sub(self.per_principal)) {
            if let Some(stream) = open.streams.remove(oldest) {
                stream.end.cancel();
            }
        }
        drop(open);
        Place { streams: Arc::clone(self), number, end }
    }

    /// The streams whose token is still good; the others are ended.
    fn live(&self) -> Vec<Stream> {
        let now = self.clock.now();
        let mut open = self.lock();
        open.streams.retain(|_, stream| {
            let is_live = now < stream.principal.proof().expires;
            if !is_live {
                stream.end.cancel();
            }
            is_live
        });
        open.streams.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Every change to the table is one insertion or removal, so that a panic leaves it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a policy shows to one person in lists.
#[derive(Debug, PartialEq, Eq)]
struct Lists {
    tools: BTreeMap<Arc<str>, Option<Described>>,
    resources: BTreeMap<Arc<str>, Option<Rows>>,
    prompts: BTreeSet<Arc<str>>,
}

/// What the entries of a dataset's rows depend on: which rows, and which columns of them.
type Rows = (RowRule, Described);

/// What the description of a dataset's tool depends on: the columns that are there, those that may be masked, and those that
/// may be written.
type Described = (BTreeSet<Name>, BTreeSet<Name>, BTreeSet<Name>);

impl Lists {
    /// Everything of the lists that depends on the policy. What an entry shows of it besides its name belongs here too.
    fn of(policy: &Snapshot, requester: &Requester) -> Self {
        let described = |columns: Arc<Columns>| {
            (columns.open.clone(), columns.masked.keys().cloned().collect(), columns.written.clone())
        };
        let tools = policy.visible(requester, Listed::Tools).into_iter();
        let rows = |(name, columns): (Arc<str>, Option<Arc<Columns>>)| {
            let rule = |columns: &Columns| policy.rows(requester, &columns.dataset, Permission::Read).rule;
            let rows = columns.map(|columns| (rule(&columns), described(columns)));
            (name, rows)
        };
        Self {
            tools: tools.map(|(name, columns)| (name, columns.map(described))).collect(),
            resources: policy.visible(requester, Listed::Resources).into_iter().map(rows).collect(),
            prompts: policy.visible(requester, Listed::Prompts).into_keys().collect(),
        }
    }
}

/// Which lists of a person changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Changes {
    tools: bool,
    resources: bool,
    prompts: bool,
}

impl Changes {
    fn between(before: &Lists, after: &Lists) -> Self {
        Self {
            tools: before.tools != after.tools,
            resources: before.resources != after.resources,
            prompts: before.prompts != after.prompts,
        }
    }

    fn any(self) -> bool {
        self.tools || self.resources || self.prompts
    }
}

impl Mcp {
    /// Tells each open stream whose person has other lists by `new` than by `old`, and no other.
    pub async fn tell_streams(&self, old: &Arc<Snapshot>, new: &Arc<Snapshot>) {
        let streams = self.parts.streams.live();
        if streams.is_empty() {
            return;
        }
        let (old, new) = (Arc::clone(old), Arc::clone(new));
        // Each person costs as much as some first answers under a new policy: too long for a thread that answers requests.
        let comparing = tokio::task::spawn_blocking(move || changed(streams, &old, &new));
        let changed = match comparing.await {
            Ok(changed) => changed,
            Err(error) => {
                tracing::error!(%error, "whose lists changed cannot be found out, so nobody is told");
                return;
            }
        };
        futures_util::stream::iter(changed)
            .for_each_concurrent(AT_ONCE, |(stream, changes)| async move {
                let subject = &stream.principal.proof().subject;
                match tokio::time::timeout(PATIENCE, stream.sink.tell(changes)).await {
                    Ok(Ok(())) => tracing::debug!(subject.id = %subject, "told that lists changed"),
                    Ok(Err(error)) => tracing::debug!(subject.id = %subject, %error, "a stream ended untold"),
                    Err(_) => tracing::debug!(subject.id = %subject, "a stream is not read"),
                }
            })
            .await;
    }
}

/// The streams to tell. One person with many streams is looked at once.
fn changed(streams: Vec<Stream>, old: &Snapshot, new: &Snapshot) -> Vec<(Stream, Changes)> {
    let mut known: HashMap<Requester, Changes> = HashMap::new();
    let with_changes = streams.into_iter().map(|stream| {
        let requester = stream.principal.requester();
        let changes = known
            .get(requester)
            .copied()
            .unwrap_or_else(|| Changes::between(&Lists::of(old, requester), &Lists::of(new, requester)));
        known.insert(requester.clone(), changes);
        (stream, changes)
    });
    with_changes.filter(|(_, changes)| changes.any()).collect()
}
