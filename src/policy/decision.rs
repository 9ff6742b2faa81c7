//! What a policy answers: allow or deny, which rows, by which lines, and why.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::columns::Columns;
use super::finding::LineRef;
use super::object::Permission;
use super::predicate::{Predicate, RowFilter};
use crate::model::Value;
use crate::store::audit::Verdict;

/// The revision of a policy: a hash of the names and contents of its files. Prints as its first 12 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub(super) [u8; 32]);

impl Revision {
    /// All of it, in hex digits: where two contents must not be taken for each other.
    pub fn hex(self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the policy says of one action, before the scopes of the token are looked at.
#[derive(Debug)]
pub enum Ruling<S> {
    /// Allowed, with what is allowed and the lines that decided.
    Allow(S, Vec<LineRef>),
    /// Denied, with the lines that decided; none where no line speaks for it.
    Deny(Vec<LineRef>),
}

impl<S> Ruling<S> {
    /// The same with something else made of what is allowed.
    pub fn map<T>(self, f: impl FnOnce(S) -> T) -> Ruling<T> {
        match self {
            Self::Allow(allowed, lines) => Ruling::Allow(f(allowed), lines),
            Self::Deny(lines) => Ruling::Deny(lines),
        }
    }
}

/// Allow or deny, and what made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// The lines that decided: those that deny, else those that allow. A denial without lines is one that nothing allowed.
    pub lines: Vec<LineRef>,
    /// The policy that decided.
    pub revision: Revision,
}

impl Decision {
    /// Says whether it is allowed.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// The same as a ruling.
    pub fn ruling(self) -> Ruling<()> {
        match self.verdict {
            Verdict::Allow => Ruling::Allow((), self.lines),
            Verdict::Deny => Ruling::Deny(self.lines),
        }
    }

    /// Says whether a line denied it, and it was not merely allowed by none: a `tool:` deny removes a generated tool.
    pub fn is_denied_by_line(&self) -> bool {
        self.verdict == Verdict::Deny && !self.lines.is_empty()
    }
}

/// The rows of a dataset that a requester may see or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowRule {
    /// None, whatever the rows hold: for this requester the dataset is not there.
    Nothing,
    /// Those in the filter.
    Filter(Arc<RowFilter>),
}

/// The rows, and what made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDecision {
    /// The rows.
    pub rule: RowRule,
    /// The columns that may be read of them.
    pub columns: Arc<Columns>,
    /// The lines that decided: those in the filter, those in the filters of the datasets around it, and those about columns, or
    /// those that deny everything.
    pub lines: Arc<[LineRef]>,
    /// The policy that decided.
    pub revision: Revision,
}

impl RowDecision {
    /// The same as a ruling: which rows, and which columns of them.
    pub fn ruling(self) -> Ruling<(Arc<RowFilter>, Arc<Columns>)> {
        match self.rule {
            RowRule::Filter(filter) => Ruling::Allow((filter, self.columns), self.lines.to_vec()),
            RowRule::Nothing => Ruling::Deny(self.lines.to_vec()),
        }
    }
}

/// What one line came to for one requester and object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// The line.
    pub line: LineRef,
    /// As it stands in the file.
    pub text: Arc<str>,
    /// What it was looked at for: of a change, reading too, since what may be changed may be read.
    pub permission: Permission,
    /// Whether it would allow or deny.
    pub effect: Verdict,
    /// The name that it is for.
    pub who: Arc<str>,
    /// Whether the requester goes by that name. If not, the line plays no part.
    pub matched: bool,
    /// What its condition reads of the requester besides the names, as it is spelled there, with the value; `None` is absent.
    pub reads: Vec<(Arc<str>, Option<Value>)>,
    /// What of these, and of the lists that the condition looks into, could still make it come to something else, spelled so.
    pub open: BTreeSet<Arc<str>>,
    /// What is left of its condition once the requester is known: a truth, or a condition on columns.
    pub left: Predicate,
}

/// How a decision came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Every name that the requester goes by in this tenant.
    pub names: Vec<Arc<str>>,
    /// Every line of the tenant that covers the object and the permission.
    pub lines: Vec<LineReport>,
    /// What they came to; for a dataset, whether there are rows at all.
    pub decision: Decision,
}
