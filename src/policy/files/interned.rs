//! What many lines say alike, read and kept once: the names of a role in each of its lines, the objects and the condition in
//! each line that has them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::policy::condition::Condition;
use crate::policy::object::Pattern;

/// What the lines have said so far.
#[derive(Debug, Default)]
pub(super) struct Interned<'a> {
    texts: HashSet<Arc<str>>,
    patterns: HashMap<&'a str, Pattern>,
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

    /// The pattern that was read of the same text.
    pub(super) fn pattern(&self, what: &str) -> Option<Pattern> {
        self.patterns.get(what).cloned()
    }

    /// Keeps a pattern that was read without a flaw.
    pub(super) fn keep_pattern(&mut self, what: &'a str, pattern: Pattern) -> Pattern {
        self.patterns.entry(what).or_insert(pattern).clone()
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
