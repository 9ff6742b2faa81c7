//! What clients have of the lists, as far as a server can know, and telling them where it may be other than what they would get.
//!
//! A client hears that its lists changed while its stream is open. It may have been away when they did: between two streams, or
//! because the server was not running, or was another one. So a stream that begins is told at once of what its client may not
//! know.
//!
//! A session knows of each list under which policy it was given or told last. One that began elsewhere, or before a restart,
//! knows nothing, and is told of all three, whatever served them meanwhile. A `subscriptions/listen` of 2026-07-28 says nothing of
//! what its client has; it is told when lists changed within the last day, by a new policy or by a start that serves others, unless
//! the same token has been given the list since. (Lists are fresh for a second there, so that this only makes a client ask sooner.)
//! Either may be told once too often, for somebody whose own lists are as before; nobody is left with lists that are not.

use std::sync::Arc;
#[expect(
    clippy::disallowed_types,
    reason = "what one session has, and since when: held for one change, never across an await"
)]
use std::sync::Mutex;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::lists::Changes;
use super::streams::OpenStream;
use super::{Caller, Mcp};
use crate::authn::Principal;
use crate::model::Timestamp;
use crate::policy::{Listed, Revision};

/// For how long after a change those that ask for notices are told of it as they begin.
const RECENT: Duration = Duration::from_hours(24);
/// How many tokens are remembered as given a list; one that is forgotten is told once too often.
const REMEMBERED: u64 = 100_000;

/// What a client has of one list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Has {
    /// Nothing: it has not asked.
    #[default]
    Nothing,
    /// What another server gave, or this one before it was started.
    Unknown,
    /// That of this policy.
    Of(Revision),
}

/// What the client of one session has of each list.
#[derive(Debug, Default)]
pub(super) struct Known {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    lists: Mutex<[Has; 3]>,
}

impl Known {
    /// Of a session that began elsewhere.
    pub(super) fn unknown() -> Self {
        Self { lists: [Has::Unknown; 3].into() }
    }

    fn gave(&self, list: Word, revision: Revision) {
        self.lists()[list as usize] = Has::Of(revision);
    }

    /// The lists that may be other than those of this policy.
    fn missed(&self, revision: Revision) -> Changes {
        Changes::of(self.lists().map(|has| match has {
            Has::Nothing => false,
            Has::Unknown => true,
            Has::Of(given) => given != revision,
        }))
    }

    /// The lists to tell of after one policy was replaced by another, where `changes` lie between the two for its person.
    pub(super) fn after(&self, changes: Changes, old: Revision, new: Revision) -> Changes {
        let mut lists = self.lists();
        let mut tell = changes.each();
        for (has, tell) in lists.iter_mut().zip(&mut tell) {
            *tell = match *has {
                Has::Nothing => *tell,
                Has::Unknown => true,
                Has::Of(given) if given == old => {
                    if !*tell {
                        *has = Has::Of(new);
                    }
                    *tell
                }
                Has::Of(given) => given != new,
            };
        }
        Changes::of(tell)
    }

    /// Notes what was told under this policy: whoever asks now is given that or a later one.
    pub(super) fn told(&self, changes: Changes, revision: Revision) {
        for (has, told) in self.lists().iter_mut().zip(changes.each()) {
            if told && *has != Has::Nothing {
                *has = Has::Of(revision);
            }
        }
    }

    fn lists(&self) -> MutexGuard<'_, [Has; 3]> {
        // Each entry is true by itself, so that a panic leaves nothing half done.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A list, by its place in [`Changes::each`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Word {
    Tools,
    Resources,
    Prompts,
}

impl From<Listed> for Word {
    fn from(list: Listed) -> Self {
        match list {
            Listed::Tools => Self::Tools,
            Listed::Resources | Listed::Templates => Self::Resources,
            Listed::Prompts => Self::Prompts,
        }
    }
}

/// When lists changed last, and which tokens were given them since.
#[derive(Debug)]
pub struct Missed {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    since: Mutex<Option<Timestamp>>,
    given: Cache<(Arc<str>, Timestamp, Word), Revision>,
}

impl Missed {
    /// `since` says when the lists of this start began to be served; `None` where there were never others.
    pub fn new(since: Option<Timestamp>) -> Self {
        Self { since: since.into(), given: Cache::new(REMEMBERED) }
    }

    /// Notes that another policy came into force.
    pub(super) fn changed(&self, now: Timestamp) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn is_recent(&self, now: Timestamp) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.since(since) < RECENT)
    }

    fn gave(&self, principal: &Principal, list: Word, (revision, now): (Revision, Timestamp)) {
        if self.is_recent(now) {
            self.given.insert(key(principal, list), revision);
        }
    }

    /// The lists that may be other than a client with this token knows.
    fn by(&self, principal: &Principal, (revision, now): (Revision, Timestamp)) -> Changes {
        let is_recent = self.is_recent(now);
        let lists = [Word::Tools, Word::Resources, Word::Prompts];
        Changes::of(lists.map(|list| is_recent && self.given.get(&key(principal, list)) != Some(revision)))
    }
}

/// A token, as far as it can be told from others of the same person, and a list.
fn key(principal: &Principal, list: Word) -> (Arc<str>, Timestamp, Word) {
    (principal.binding().into(), principal.proof().expires, list)
}

impl Mcp {
    /// The policy in force. Asked for before a list is made, so that none counts as newer than it is.
    pub(super) fn revision(&self) -> Revision {
        self.parts.policies.current().revision()
    }

    /// Notes that a list was given, its first page at least, under this policy or a later one.
    pub(super) fn gave(&self, caller: &Caller, list: Listed, revision: Revision) {
        self.parts.missed.gave(&caller.principal, list.into(), (revision, self.parts.clock.now()));
        if let Some(session) = self.session.get() {
            session.known.gave(list.into(), revision);
        }
    }

    /// Tells a stream that begins what its client may have missed. It is among the open ones by now, so that what changes
    /// meanwhile is told as well.
    pub async fn tell_missed(&self, open: &OpenStream) {
        let Some(stream) = open.stream() else { return };
        let revision = self.revision();
        let missed = match stream.sink.known() {
            Some(known) => known.missed(revision),
            None => self.parts.missed.by(&stream.caller.principal, (revision, self.parts.clock.now())),
        };
        if missed.any() {
            stream.tell(missed, revision).await;
        }
    }
}
