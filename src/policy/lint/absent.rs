//! Columns that denials read, and that may be empty. A denial counts where its condition is unknown, so an empty cell hides
//! its row, or the column, from everybody whom the line is for: right, but seldom what its author had in mind.
//!
//! And allowances that want something of the requester to be absent: the one way in which leaving something out opens
//! something, so the author hears of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Linter, datasets};
use crate::model::Name;
use crate::policy::condition::{Condition, Term, Tree};
use crate::policy::files::{Effect, Rule};
use crate::policy::finding::{Finding, LineRef, Severity};
use crate::policy::snapshot::Snapshot;

impl Snapshot {
    /// The columns that deny lines compare without asking whether they are `present`: dataset and column, and those lines.
    pub fn denied_where_absent(&self) -> BTreeMap<(Name, Name), BTreeSet<LineRef>> {
        let mut found: BTreeMap<(Name, Name), BTreeSet<LineRef>> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.effect == Effect::Deny) {
            let (mut compared, mut asked) = (BTreeSet::new(), BTreeSet::new());
            read(&rule.when, &mut compared, &mut asked);
            for dataset in datasets(rule, &self.catalog).into_iter().flatten() {
                for column in compared.difference(&asked) {
                    let place = (dataset.name.clone(), (*column).clone());
                    found.entry(place).or_default().insert(rule.at.clone());
                }
            }
        }
        found
    }
}

/// Collects the columns that a condition compares, and those whose presence it asks for.
pub(super) fn read<'a>(condition: &'a Condition, compared: &mut BTreeSet<&'a Name>, asked: &mut BTreeSet<&'a Name>) {
    let mut compare = |term: &'a Term| match term {
        Term::Column(name) => drop(compared.insert(name)),
        Term::Literal(_) | Term::Attribute(_) | Term::List(_) | Term::Context(_) => {}
    };
    match condition {
        Tree::Present(Term::Column(name)) => drop(asked.insert(name)),
        Tree::Always | Tree::Present(_) => {}
        Tree::Compare { left, right, .. } => [left, right].into_iter().for_each(compare),
        Tree::In { item, .. } => compare(item),
        Tree::Not(inner) => read(inner, compared, asked),
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| read(part, compared, asked)),
    }
}

impl Linter<'_> {
    /// Says of an allowance that it holds where something of the requester is absent.
    pub(super) fn absence(&self, rule: &Rule) -> Option<Finding> {
        let term = wanted_absent(&rule.when, true).filter(|_| rule.effect == Effect::Allow)?;
        let message = format!(
            "this allows where `{term}` is absent: whoever comes without it is let in; if that is not meant, compare it with a value"
        );
        Some(self.finding(&rule.at, Severity::Warning, message))
    }
}

/// Something of the requester whose absence can help the condition to hold, or not to hold.
fn wanted_absent(condition: &Condition, holds: bool) -> Option<&Term> {
    match condition {
        Tree::Present(term @ (Term::Attribute(_) | Term::Context(_))) if !holds => Some(term),
        Tree::Always | Tree::Present(_) | Tree::Compare { .. } | Tree::In { .. } => None,
        Tree::Not(inner) => wanted_absent(inner, !holds),
        Tree::All(parts) | Tree::Any(parts) => parts.iter().find_map(|part| wanted_absent(part, holds)),
    }
}
