//! What many lines say alike, kept once: the names of a role in each of its lines, a condition in each line that has it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::policy::condition::Condition;

/// What the lines have said so far.
#[derive(Debug, Default)]
pub(super) struct Interned<'a> {
    texts: HashSet<Arc<str>>,
    /// By what the lines are about too: the columns that a condition may read, and their types, are those of the objects.
    conditions: HashMap<(&'a str, &'a str), Arc<Condition>>,
}

impl<'a> Interned<'a> {
    /// The one copy of a text.
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }

    /// The condition that was read of the same text about the same objects.
    pub(super) fn condition(&self, what: &str, when: &str) -> Option<Arc<Condition>> {
        self.conditions.get(&(what, when)).cloned()
    }

    /// Keeps a condition that was read without a flaw.
    pub(super) fn keep(&mut self, what: &'a str, when: &'a str, condition: Condition) -> Arc<Condition> {
        Arc::clone(self.conditions.entry((what, when)).or_insert(Arc::new(condition)))
    }
}
