//! What streams missed while the server was not running.
//!
//! The configuration is read at start, so what it changes in lists changes with a restart. Sessions end with the process: their
//! clients begin new ones, and list again. A `subscriptions/listen` is only opened anew, by a client that may keep the lists of
//! before. So where this start serves other lists than the last one did, each stream is told at once of the lists that
//! its person has not been given since. That may be once too often, for somebody whose own lists are the same as before: who
//! saw what is known by no server any more.

use std::sync::Arc;

use moka::sync::Cache;

use super::lists::Changes;
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
