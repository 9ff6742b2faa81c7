//! Row filters in words that a manager can read.

use super::plain;
use crate::model::Value;
use crate::policy::{Predicate, RowFilter, RowRule, Truth};

/// How many values of a list are shown.
const SHOWN: usize = 6;

/// In one word, for a table: all rows, some, or none.
pub(super) fn extent(rule: &RowRule) -> &'static str {
    match rule {
        RowRule::Nothing => "-",
        RowRule::Filter(filter) if plain::is_everything(filter) => "all",
        RowRule::Filter(_) => "some",
    }
}

/// The rows in words, one condition a line; empty where it is all or none.
pub(super) fn rows(rule: &RowRule) -> Vec<String> {
    match rule {
        RowRule::Nothing => Vec::new(),
        RowRule::Filter(filter) => filter_in_words(filter),
    }
}

fn filter_in_words(filter: &RowFilter) -> Vec<String> {
    let mut lines = Vec::new();
    if plain::is_everything(filter) {
        return lines;
    }
    if let Some((column, room)) = &filter.data_room {
        lines.push(format!("only where {column} is \"{room}\""));
    }
    lines.extend(rule(&filter.allow, &filter.deny));
    if let Some(parent) = &filter.parent
        && !plain::is_everything(&parent.filter)
    {
        lines.push(format!("of the {} that may be seen", parent.filter.dataset));
    }
    lines
}

/// Where some line allows and none denies, one condition a line.
pub(super) fn rule(allow: &[Predicate], deny: &[Predicate]) -> Vec<String> {
    let mut lines = Vec::new();
    if !allow.contains(&Predicate::Known(Truth::True)) {
        lines.extend(allow.iter().map(|allow| format!("where {}", condition(allow))));
    }
    lines.extend(deny.iter().map(|deny| format!("but never where {} (or where that is not known)", condition(deny))));
    lines
}

/// Says whether something in a condition cannot be said, because the person lacks a claim.
pub(super) fn has_unknown(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Known(truth) => *truth == Truth::Unknown,
        Predicate::Not(inner) => has_unknown(inner),
        Predicate::All(parts) | Predicate::Any(parts) => parts.iter().any(has_unknown),
        Predicate::Compare { .. } | Predicate::CompareColumns { .. } | Predicate::In { .. } | Predicate::Present(_) => {
            false
        }
    }
}

/// A condition in words.
pub(super) fn condition(predicate: &Predicate) -> String {
    match predicate {
        Predicate::Known(Truth::True) => "always".to_owned(),
        Predicate::Known(Truth::False) => "never".to_owned(),
        Predicate::Known(Truth::Unknown) => "unknown".to_owned(),
        Predicate::Compare { column, operator, value } => format!("{column} {} {value}", operator.as_str()),
        Predicate::CompareColumns { left, operator, right } => format!("{left} {} {right}", operator.as_str()),
        Predicate::In { column, values } => format!("{column} in {}", list(values)),
        Predicate::Present(column) => format!("{column} is present"),
        Predicate::Not(inner) => format!("not ({})", condition(inner)),
        Predicate::All(parts) => parts.iter().map(grouped).collect::<Vec<_>>().join(" and "),
        Predicate::Any(parts) => parts.iter().map(grouped).collect::<Vec<_>>().join(" or "),
    }
}

fn grouped(predicate: &Predicate) -> String {
    match predicate {
        Predicate::All(_) | Predicate::Any(_) => format!("({})", condition(predicate)),
        Predicate::Known(_)
        | Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::In { .. }
        | Predicate::Present(_)
        | Predicate::Not(_) => condition(predicate),
    }
}

fn list(values: &[Value]) -> String {
    let shown: Vec<_> = values.iter().take(SHOWN).map(ToString::to_string).collect();
    match values.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("({}, and {more} more)", shown.join(", ")),
        Some(_) | None => format!("({})", shown.join(", ")),
    }
}
