//! Sessions of the MCP revisions before 2026-07-28, bound to the principal that opened them, and counted for its person.
//!
//! A session never authorizes anything: every request brings its own token. But its id would let another principal read
//! what the owner's stream carries, so the id on the wire is bound to the owner (`handle`): another principal's request
//! does not know it (404). It also carries what a server must know to take the session up, so that it works at every server
//! that holds the key, after a restart, and after it was idle for so long that the server inside it has ended.
//!
//! What it subscribed to and its log level are gone then. A 404 would say so, and clients are to begin anew after one; but it would
//! end every session, those that lost nothing too. So a session that is taken up is told that all its lists changed
//! (`mcp::missed`).

mod handle;
mod within;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::session::{
    SessionId, SessionManager, SessionState, SessionStore, SessionStoreError,
};
use serde_json::Value;

pub use handle::SessionKey;
pub(super) use within::{Held, Within};

use crate::authn::Principal;
use crate::clock::Clock;
use crate::mcp::Session;
use crate::model::Person;
use handle::Handle;
use within::Ids;

/// How many people's sessions are counted; the least recently used are forgotten, their sessions expire by themselves.
const COUNTED: u64 = 100_000;
/// How often the server inside a session is given a sign of life while a stream is open, in the time after which it ends without.
const SIGNS: u32 = 4;
/// How many ended sessions are remembered. One that is forgotten could be taken up again, by its owner, until it expires.
const REMEMBERED_ENDS: u64 = 100_000;

#[expect(
    clippy::disallowed_types,
    reason = "a short list per person, changed once per opened session, never across await"
)]
type Opened = Arc<std::sync::Mutex<VecDeque<(Handle, SessionId, Weak<Session>)>>>;

/// Binds session ids to principals, bounds how many one person has and how long each lasts.
#[derive(Debug)]
pub(super) struct Sessions {
    key: SessionKey,
    clock: Arc<dyn Clock>,
    lifetime: Duration,
    idle: Duration,
    per_person: usize,
    manager: Arc<Within>,
    opened: Cache<Person, Opened>,
    /// By their ids where they began.
    ended: Cache<String, ()>,
    ids: Arc<Ids>,
}

/// Whose a session is.
#[derive(Debug)]
pub(super) struct Owner {
    /// Subject and client, who alone can use it.
    binding: String,
    /// Whom it is counted for.
    person: Person,
}

impl Owner {
    /// Whoever makes this request.
    pub(super) fn of(principal: &Principal) -> Self {
        let person = Person::of(principal.requester(), principal.proof());
        Self { binding: principal.binding(), person }
    }
}

/// A session that its owner asks for.
#[derive(Debug)]
pub(super) struct Asked {
    handle: Handle,
    /// What the server inside it knows it by.
    pub(super) here: SessionId,
}

impl Asked {
    /// The revision of MCP that it speaks.
    pub(super) fn revision(&self) -> &ProtocolVersion {
        &self.handle.client.protocol_version
    }
}

impl Sessions {
    /// Sessions of at most so many for each person, of at most this age, each kept here while it is not idle for too long.
    pub(super) fn new(
        key: SessionKey,
        clock: Arc<dyn Clock>,
        per_person: usize,
        (lifetime, idle): (Duration, Duration),
    ) -> Self {
        let manager = Arc::new(Within::new(idle));
        // What came last is what matters: an end that is forgotten too early lets its owner go on.
        let opened = Cache::builder().max_capacity(COUNTED).eviction_policy(EvictionPolicy::lru()).build();
        let ended = Cache::builder().max_capacity(REMEMBERED_ENDS).eviction_policy(EvictionPolicy::lru()).build();
        Self { key, clock, lifetime, idle, per_person, manager, opened, ended, ids: Arc::default() }
    }

    /// The servers inside the sessions.
    pub(super) fn manager(&self) -> &Arc<Within> {
        &self.manager
    }

    /// The session of this id on the wire, if this owner opened it, and neither its time nor anybody has ended it.
    pub(super) async fn open(&self, owner: &Owner, wire: &str) -> Option<Asked> {
        let handle = Handle::open(&self.key, &owner.binding, wire)?;
        if self.clock.now() >= handle.opened.plus(self.lifetime) || self.ended.contains_key(handle.id()) {
            return None;
        }
        let began_here = SessionId::from(handle.id());
        let here = match self.manager.has_session(&began_here).await {
            Ok(true) => began_here,
            Ok(false) | Err(_) => handle.carried().into(),
        };
        Some(Asked { handle, here })
    }

    /// Holds the id of a request in a session of this owner, unless another request in it has it.
    pub(super) fn hold(&self, owner: &Owner, wire: &str, request: &Value) -> Option<Arc<Held>> {
        self.ids.hold(format!("{} {wire} {request}", owner.binding))
    }

    /// Counts a session that began here, and gives its id on the wire.
    pub(super) async fn opened(&self, owner: &Owner, id: &str, session: &Arc<Session>) -> Option<String> {
        let handle = Handle::new(id, session.client()?.as_ref(), self.clock.now());
        let wire = handle.seal(&self.key, &owner.binding);
        self.count(owner, handle, id.into(), session).await;
        Some(wire)
    }

    /// Counts a session that began elsewhere, or earlier, where the request has made it one of this server.
    pub(super) async fn taken_up(&self, owner: &Owner, asked: &Asked, session: &Arc<Session>) {
        if session.client().is_some() {
            self.count(owner, asked.handle.clone(), Arc::clone(&asked.here), session).await;
        }
    }

    /// Counts a session, and ends the oldest of its person where there are too many.
    async fn count(&self, owner: &Owner, handle: Handle, here: SessionId, session: &Arc<Session>) {
        let opened = self.opened.get_with(owner.person.clone(), Opened::default);
        let oldest = opened.lock().ok().and_then(|mut known| {
            // Those that ended by themselves, idle for too long, are gone from the server inside them.
            known.retain(|(_, _, session)| session.strong_count() > 0);
            known.push_back((handle, here, Arc::downgrade(session)));
            if known.len() > self.per_person { known.pop_front() } else { None }
        });
        if let Some((handle, here, _)) = oldest {
            self.ended.insert(handle.id().to_owned(), ());
            if let Err(error) = self.manager.close_session(&here).await {
                tracing::debug!(%error, "the oldest session of a person was gone already");
            }
        }
    }

    /// The open session that was asked for.
    pub(super) fn find(&self, owner: &Owner, asked: &Asked) -> Option<Arc<Session>> {
        let opened = self.opened.get(&owner.person)?;
        let known = opened.lock().ok()?;
        known.iter().find(|(_, here, _)| *here == asked.here).and_then(|(_, _, session)| session.upgrade())
    }

    /// Keeps the server inside a session for as long as this is polled, though nobody asks anything: whoever only listens would
    /// lose what it subscribed to.
    pub(super) fn keep_alive(&self, asked: Asked) -> impl Future<Output = ()> + Send + use<> {
        let (manager, between) = (Arc::clone(&self.manager), self.idle / SIGNS);
        async move {
            loop {
                tokio::time::sleep(between).await;
                let Some(inside) = manager.0.sessions.read().await.get(&asked.here).cloned() else { return };
                // To end what there is not is nothing but a sign of life.
                if inside.close_request_wise_channel(u64::MAX).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Forgets a session that its owner ended.
    pub(super) fn ended(&self, owner: &Owner, asked: &Asked) {
        self.ended.insert(asked.handle.id().to_owned(), ());
        if let Some(opened) = self.opened.get(&owner.person)
            && let Ok(mut known) = opened.lock()
        {
            known.retain(|(_, here, _)| *here != asked.here);
        }
    }
}

/// Where rmcp finds what it needs to take a session up: in the id itself.
#[derive(Debug)]
pub(super) struct Carried;

#[async_trait::async_trait]
impl SessionStore for Carried {
    /// The id was opened by its owner before it got here, and only one that this server does not have is looked up.
    async fn load(&self, id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        Ok(Handle::read(id).map(|handle| SessionState::new(handle.client)))
    }

    async fn store(&self, _id: &str, _state: &SessionState) -> Result<(), SessionStoreError> {
        Ok(())
    }

    async fn delete(&self, _id: &str) -> Result<(), SessionStoreError> {
        Ok(())
    }
}
