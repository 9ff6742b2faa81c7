//! A column under two policies: hidden, read in some rows, or read in every row.

use super::change::{Change, Effect, Kind};
use super::rows::{EVERY_ROW, Moved, Parts, Voice, difference};
use crate::catalog::Dataset;
use crate::cli::policy::plain;
use crate::model::Name;
use crate::policy::{ColumnRule, Columns, Predicate, Truth};

/// The name of a column in policies.
pub(super) fn called(dataset: &Dataset, column: &Name) -> String {
    format!("{}/{column}", dataset.name)
}

impl Voice<'_> {
    /// The change of one column, if there is one.
    pub(super) fn column(&self, dataset: &Dataset, column: &Name, old: &Columns, new: &Columns) -> Option<Change> {
        let change = |effect| Change::of(Kind::Column, &called(dataset, column), effect);
        let change = match (rule(column, old), rule(column, new)) {
            (None, None) => return None,
            (None, Some(new)) => Change { now: self.where_read(dataset, &new), ..change(Effect::Gains) },
            (Some(old), None) => Change { was: self.where_read(dataset, &old), ..change(Effect::Loses) },
            (Some(old), Some(new)) => {
                let Moved { gained, lost } = self.shown_in(dataset, &old, &new);
                if gained.is_empty() && lost.is_empty() {
                    return None;
                }
                let (was, now) = (self.where_read(dataset, &old), self.where_read(dataset, &new));
                Change { was, now, gained, lost, ..change(Effect::Changes) }
            }
        };
        Some(change)
    }

    /// In which rows it comes to be shown, and in which it comes to be null.
    fn shown_in(&self, dataset: &Dataset, old: &ColumnRule, new: &ColumnRule) -> Moved {
        let located = |word: String| if word.starts_with(EVERY_ROW) { word } else { format!("where {word}") };
        let Moved { gained, lost } = self.allowances(dataset, &old.allow, &new.allow);
        let Parts { went, came } = difference(&old.deny, &new.deny);
        let denied = |conditions: Vec<Predicate>| -> Vec<String> {
            conditions.iter().map(|condition| plain::condition(condition, dataset, self.requester)).collect()
        };
        Moved {
            gained: gained.into_iter().chain(denied(went)).map(located).collect(),
            lost: lost.into_iter().chain(denied(came)).map(located).collect(),
        }
    }

    /// In which rows it is read, in words.
    fn where_read(&self, dataset: &Dataset, rule: &ColumnRule) -> Vec<String> {
        let every = rule.allow.contains(&Predicate::Known(Truth::True));
        vec![match (every, rule.deny.is_empty()) {
            (true, true) => EVERY_ROW.to_owned(),
            (true, false) => format!("{EVERY_ROW} {}", plain::shown_in(rule, dataset, self.requester)),
            (false, _) => plain::shown_in(rule, dataset, self.requester),
        }]
    }
}

/// In which rows a column is read; `None` where it is not there at all.
fn rule(column: &Name, columns: &Columns) -> Option<ColumnRule> {
    if columns.is_open(column) {
        return Some(ColumnRule { allow: vec![Predicate::Known(Truth::True)], deny: Vec::new() });
    }
    columns.masked.get(column).cloned()
}
