//! The rows of one dataset under two policies: which conditions came, which went, and whether that is a gain or a loss.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{Change, Counted, Effect, Kind, Rows};
use crate::catalog::{Catalog, Dataset};
use crate::cli::policy::plain;
use crate::model::{Name, Requester, Value};
use crate::policy::{ParentFilter, Predicate, RowDecision, RowFilter, RowRule, Truth};

/// What stands for the rows of a dataset that nothing narrows.
pub(super) const EVERY_ROW: &str = "every row";

/// In whose case, and with which declarations.
pub(super) struct Voice<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) requester: &'a Requester,
}

/// What is gained and lost, in words.
#[derive(Default)]
pub(super) struct Moved {
    pub(super) gained: Vec<String>,
    pub(super) lost: Vec<String>,
}

/// Of the first one must hold, and none of the second.
type Conditions<'a> = (&'a [Predicate], &'a [Predicate]);

impl Voice<'_> {
    /// The change of the rows, if there is one. With a dataset as a whole its columns come and go.
    pub(super) fn change(&self, dataset: &Dataset, old: &RowDecision, new: &RowDecision) -> Option<Change> {
        let change = |effect| Change::of(Kind::Dataset, dataset.name.as_str(), effect);
        let counted = |decision: &RowDecision| match &decision.rule {
            RowRule::Nothing => Counted { filter: None, number: Some(0) },
            RowRule::Filter(filter) => Counted { filter: Some(Arc::clone(filter)), number: None },
        };
        let whole = |decision: &RowDecision| {
            let columns = plain::columns(&decision.columns, dataset, self.requester);
            self.words(dataset, &decision.rule).into_iter().chain(columns).collect()
        };
        let change = match (&old.rule, &new.rule) {
            (RowRule::Nothing, RowRule::Nothing) => return None,
            (RowRule::Nothing, RowRule::Filter(_)) => Change { now: whole(new), ..change(Effect::Gains) },
            (RowRule::Filter(_), RowRule::Nothing) => Change { was: whole(old), ..change(Effect::Loses) },
            (RowRule::Filter(was), RowRule::Filter(now)) => {
                let Moved { gained, lost } = self.moved(dataset, was, now);
                if gained.is_empty() && lost.is_empty() {
                    return None;
                }
                let (was, now) = (self.words(dataset, &old.rule), self.words(dataset, &new.rule));
                Change { was, now, gained, lost, ..change(Effect::Changes) }
            }
        };
        Some(Change { rows: Some(Rows { was: counted(old), now: counted(new) }), ..change })
    }

    fn words(&self, dataset: &Dataset, rule: &RowRule) -> Vec<String> {
        let rules = plain::rules(rule, dataset, self.requester);
        match rule {
            RowRule::Filter(_) if rules.is_empty() => vec![EVERY_ROW.to_owned()],
            RowRule::Filter(_) | RowRule::Nothing => rules,
        }
    }

    fn moved(&self, dataset: &Dataset, old: &RowFilter, new: &RowFilter) -> Moved {
        let mut moved = self.conditions(dataset, (&old.allow, &old.deny), (&new.allow, &new.deny));
        if let (Some(old), Some(new)) = (&old.parent, &new.parent) {
            self.parents(old, new, &mut moved);
        }
        moved
    }

    /// What two pairs of allowances and denials differ in.
    fn conditions(&self, dataset: &Dataset, old: Conditions<'_>, new: Conditions<'_>) -> Moved {
        let mut moved = self.allowances(dataset, old.0, new.0);
        let denials = difference(old.1, new.1);
        let word = |condition: &Predicate| format!("never {}", plain::condition(condition, dataset, self.requester));
        moved.lost.extend(denials.came.iter().map(word));
        moved.gained.extend(denials.went.iter().map(|condition| format!("no longer: {}", word(condition))));
        moved
    }

    pub(super) fn allowances(&self, dataset: &Dataset, old: &[Predicate], new: &[Predicate]) -> Moved {
        let word = |condition: &Predicate| plain::condition(condition, dataset, self.requester);
        let words = |conditions: &[Predicate]| conditions.iter().map(word).collect::<Vec<_>>().join("; ");
        let every = |conditions: &[Predicate]| conditions.contains(&Predicate::Known(Truth::True));
        match (every(old), every(new)) {
            (true, true) => Moved::default(),
            // Who may read every row loses what the conditions do not name, and gains nothing that they do.
            (true, false) => Moved { lost: vec![format!("{EVERY_ROW} but: {}", words(new))], ..Moved::default() },
            (false, true) => {
                Moved { gained: vec![format!("{EVERY_ROW}, not only: {}", words(old))], ..Moved::default() }
            }
            (false, false) => {
                let Parts { went, came } = difference(old, new);
                Moved { gained: came.iter().map(word).collect(), lost: went.iter().map(word).collect() }
            }
        }
    }

    /// The rows of a dataset within another come and go with those of the other.
    fn parents(&self, old: &ParentFilter, new: &ParentFilter, moved: &mut Moved) {
        let parent: &Name = &new.filter.dataset;
        let Some(dataset) = self.catalog.datasets.get(parent) else { return };
        let Moved { gained, lost } = self.moved(dataset, &old.filter, &new.filter);
        let of = |word: String| format!("those of {parent}: {word}");
        moved.gained.extend(gained.into_iter().map(of));
        moved.lost.extend(lost.into_iter().map(of));
    }
}

/// The conditions that only one side has.
pub(super) struct Parts {
    pub(super) went: Vec<Predicate>,
    pub(super) came: Vec<Predicate>,
}

/// Compares conditions of which one is enough, whatever the lines and the order that they are written in.
pub(super) fn difference(old: &[Predicate], new: &[Predicate]) -> Parts {
    let (old, new) = (spread(old), spread(new));
    let beyond = |of: &[Predicate], over: &[Predicate]| -> Vec<Predicate> {
        of.iter().filter(|part| !over.contains(part)).cloned().collect()
    };
    let mut parts = Parts { went: beyond(&old, &new), came: beyond(&new, &old) };
    // Of two conditions that differ in the entries of a list alone, only the entries count that differ.
    for came in &mut parts.came {
        let Some((now, rest)) = listed(came) else { continue };
        let is_same = |part: &&mut Predicate| listed(part).is_some_and(|(_, other)| other == rest);
        let Some(went) = parts.went.iter_mut().find(is_same) else { continue };
        let Some((was, _)) = listed(went) else { continue };
        let only = |of: &[Value], over: &[Value]| -> Vec<Value> {
            of.iter().filter(|value| !over.contains(value)).cloned().collect()
        };
        (*went, *came) = (with_list(went, &only(&was, &now)), with_list(came, &only(&now, &was)));
    }
    let is_empty = |part: &Predicate| listed(part).is_some_and(|(entries, _)| entries.is_empty());
    parts.went.retain(|part| !is_empty(part));
    parts.came.retain(|part| !is_empty(part));
    parts
}

/// The entries of the one list that a condition asks for, by itself or besides other things, and the condition without them.
fn listed(condition: &Predicate) -> Option<(Vec<Value>, Predicate)> {
    let lists: Vec<&Predicate> = match condition {
        Predicate::All(parts) => parts.iter().filter(|part| matches!(part, Predicate::In { .. })).collect(),
        Predicate::In { .. } => vec![condition],
        Predicate::Known(_)
        | Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::Present(_)
        | Predicate::Any(_)
        | Predicate::Not(_) => Vec::new(),
    };
    let [Predicate::In { values, .. }] = lists[..] else { return None };
    Some((values.to_vec(), with_list(condition, &[])))
}

/// The condition with other entries in its list.
fn with_list(condition: &Predicate, entries: &[Value]) -> Predicate {
    match condition {
        Predicate::All(parts) => {
            let is_list = |part: &Predicate| matches!(part, Predicate::In { .. });
            let part = |part: &Predicate| if is_list(part) { with_list(part, entries) } else { part.clone() };
            Predicate::All(parts.iter().map(part).collect())
        }
        Predicate::In { column, .. } => {
            Predicate::In { column: column.clone(), values: entries.iter().cloned().collect() }
        }
        Predicate::Known(_)
        | Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::Present(_)
        | Predicate::Any(_)
        | Predicate::Not(_) => condition.clone(),
    }
}

/// The conditions one by one, each in one form: `a || b` in one line is `a` and `b` in two.
fn spread(conditions: &[Predicate]) -> Vec<Predicate> {
    let mut parts = Vec::new();
    for condition in conditions {
        let part = ordered(condition);
        if let Predicate::Any(inner) = part {
            parts.extend(inner);
        } else {
            parts.push(part);
        }
    }
    parts
}

/// The condition with its parts in one order. Kleene's `&&` and `||` do not depend on it.
fn ordered(condition: &Predicate) -> Predicate {
    let sorted = |parts: &[Predicate]| -> Vec<Predicate> {
        let mut parts: Vec<Predicate> = parts.iter().map(ordered).collect();
        parts.sort_by_cached_key(ToString::to_string);
        parts
    };
    match condition {
        Predicate::All(parts) => Predicate::All(sorted(parts)),
        Predicate::Any(parts) => Predicate::Any(sorted(parts)),
        Predicate::Not(inner) => Predicate::Not(Box::new(ordered(inner))),
        Predicate::In { column, values } => {
            let values: BTreeSet<&Value> = values.iter().collect();
            Predicate::In { column: column.clone(), values: values.into_iter().cloned().collect() }
        }
        Predicate::Known(_) | Predicate::Compare { .. } | Predicate::CompareColumns { .. } | Predicate::Present(_) => {
            condition.clone()
        }
    }
}
