//! What changes for somebody, before it is put into words or JSON.

use std::sync::Arc;

use crate::model::Tenant;
use crate::policy::{RowFilter, Statement, Undecided};

/// What becomes of one thing for one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It was not there and is.
    Gains,
    /// It was there and is not.
    Loses,
    /// It is there on both sides, in another way.
    Changes,
    /// For the name alone nothing changes; with a claim or under a header something may.
    MayDiffer,
}

impl Effect {
    pub(super) fn sign(self) -> char {
        match self {
            Self::Gains => '+',
            Self::Loses => '-',
            Self::Changes => '~',
            Self::MayDiffer => '?',
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gains => "gains",
            Self::Loses => "loses",
            Self::Changes => "changes",
            Self::MayDiffer => "may_differ",
        }
    }
}

/// What kind of thing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tool,
    Resource,
    Prompt,
    Dataset,
    Column,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
            Self::Dataset => "dataset",
            Self::Column => "column",
        }
    }
}

/// One thing that changes for one name.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) object: String,
    pub(super) effect: Effect,
    /// How it was and how it is, in words; empty where it is there or is not, without more to say.
    pub(super) was: Vec<String>,
    pub(super) now: Vec<String>,
    /// What is gained and what is lost of a dataset or column that is there on both sides.
    pub(super) gained: Vec<String>,
    pub(super) lost: Vec<String>,
    /// The rows, where it is a dataset.
    pub(super) rows: Option<Rows>,
    /// The lines that a name alone does not decide, where they changed.
    pub(super) undecided: Option<Open>,
}

/// Which rows each side gives, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) was: Counted,
    pub(super) now: Counted,
}

/// The rows of one side. Without a filter there are none, which needs no database.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) filter: Option<Arc<RowFilter>>,
    /// `None` where they could not be counted.
    pub(super) number: Option<i64>,
}

/// The lines that went and came and that a name alone does not decide.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) was: Vec<Undecided>,
    pub(super) now: Vec<Undecided>,
}

impl Open {
    /// What they read that a name does not have, each once.
    pub(super) fn reads(&self) -> Vec<&str> {
        let mut reads: Vec<&str> =
            self.was.iter().chain(&self.now).flat_map(|line| &line.reads).map(String::as_str).collect();
        reads.sort_unstable();
        reads.dedup();
        reads
    }
}

impl Change {
    /// A thing that comes, goes, or may.
    pub(super) fn of(kind: Kind, object: &str, effect: Effect) -> Self {
        let (was, now, gained, lost) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { kind, object: object.to_owned(), effect, was, now, gained, lost, rows: None, undecided: None }
    }
}

/// Everything that changes for one name in one tenant.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) tenant: Tenant,
    pub(super) name: Arc<str>,
    pub(super) changes: Vec<Change>,
}

impl Person {
    fn any(&self, part: impl Fn(&Change) -> bool) -> bool {
        self.changes.iter().any(part)
    }

    pub(super) fn gains(&self) -> bool {
        self.any(|change| change.effect == Effect::Gains || !change.gained.is_empty())
    }

    pub(super) fn loses(&self) -> bool {
        self.any(|change| change.effect == Effect::Loses || !change.lost.is_empty())
    }

    pub(super) fn may_differ(&self) -> bool {
        self.any(|change| change.undecided.is_some())
    }
}

/// All that differs between two policies.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) people: Vec<Person>,
    /// The lines that went and came without changing anything for one name by itself.
    pub(super) removed: Vec<Statement>,
    pub(super) added: Vec<Statement>,
}

impl Difference {
    pub(super) fn is_none(&self) -> bool {
        self.people.is_empty() && self.removed.is_empty() && self.added.is_empty()
    }

    /// How many names gain, lose, and may differ. One name can do all three.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let count = |of: fn(&Person) -> bool| self.people.iter().filter(|person| of(person)).count();
        (count(Person::gains), count(Person::loses), count(Person::may_differ))
    }
}
