//! What streams missed while the server was not running.
//!
//! The configuration is read at start, so what it changes in lists changes with a restart. A session that is taken up again and a
//! `subscriptions/listen` that is opened anew belong to clients that may keep the lists of before. So where this start serves
//! other lists than the last one did, each stream is told at once of the lists that its person has not been given since. That
//! may be once too often, for somebody whose own lists are the same as before: who saw what is known by no server any more.

use std::sync::Arc;

use moka::sync::Cache;

use super::lists::Changes;
use super::streams::{PATIENCE, Sink};
use super::{Mcp, Session};
use crate::authn::Principal;
use crate::policy::Listed;

/// How many people are remembered as having listed; one that is forgotten is told once too often.
const REMEMBERED: u64 = 100_000;

/// Which lists were given since a start that changed them.
#[derive(Debug)]
pub struct Missed {
    is_other: bool,
    given: Cache<(Arc<str>, Word), ()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Word {
    Tools,
    Resources,
    Prompts,
}

impl Missed {
    /// `is_other` says whether the last start served other lists.
    pub fn new(is_other: bool) -> Self {
        Self { is_other, given: Cache::new(REMEMBERED) }
    }

    /// Notes that a list was given.
    pub(super) fn gave(&self, principal: &Principal, list: Listed) {
        if self.is_other {
            let word = match list {
                Listed::Tools => Word::Tools,
                Listed::Resources | Listed::Templates => Word::Resources,
                Listed::Prompts => Word::Prompts,
            };
            self.given.insert((principal.binding().into(), word), ());
        }
    }

    /// The lists that may be other than this person knows.
    pub(super) fn by(&self, principal: &Principal) -> Changes {
        let binding: Arc<str> = principal.binding().into();
        let missed = |word| self.is_other && !self.given.contains_key(&(Arc::clone(&binding), word));
        Changes { tools: missed(Word::Tools), resources: missed(Word::Resources), prompts: missed(Word::Prompts) }
    }
}

impl Mcp {
    /// Tells a session whose stream is opened what it missed.
    pub async fn tell_missed(&self, principal: &Principal, session: &Arc<Session>) {
        self.tell_of_missed(principal, &Sink::Session(Arc::clone(session))).await;
    }

    pub(super) async fn tell_of_missed(&self, principal: &Principal, sink: &Sink) {
        let missed = self.parts.missed.by(principal);
        if missed.any() {
            match tokio::time::timeout(PATIENCE, sink.tell(missed)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a stream ended as it began"),
                Err(_) => tracing::debug!("a stream is not read from its beginning"),
            }
        }
    }
}
