//! Row filters in words that a manager can read.

use super::plain;
use crate::model::{Name, Value};
use crate::policy::{ColumnRule, Predicate, RowFilter, RowRule, Truth};

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
fn rule(allow: &[Predicate], deny: &[Predicate]) -> Vec<String> {
    let mut lines = Vec::new();
    if !allow.contains(&Predicate::Known(Truth::True)) {
        lines.extend(allow.iter().map(|allow| format!("where {}", condition(allow))));
    }
    lines.extend(deny.iter().map(|deny| format!("but never where {} (or where that is not known)", condition(deny))));
    lines
}

/// Where a column is shown that is null in other rows, one condition a line.
pub(super) fn shown(rule: &ColumnRule) -> Vec<String> {
    let every = rule.allow.contains(&Predicate::Known(Truth::True));
    every.then(|| "in every row".to_owned()).into_iter().chain(self::rule(&rule.allow, &rule.deny)).collect()
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
        Predicate::In { column, values } => one_of(column, values),
        Predicate::Present(column) => format!("{column} is present"),
        Predicate::Not(inner) => format!("not ({})", condition(inner)),
        Predicate::All(parts) => parts.iter().map(grouped).collect::<Vec<_>>().join(" and "),
        Predicate::Any(parts) => parts.iter().map(grouped).collect::<Vec<_>>().join(" or "),
    }
}

fn grouped(predicate: &Predicate) -> String {
    match predicate {
        Predicate::All(_) | Predicate::Any(_) | Predicate::In { .. } => format!("({})", condition(predicate)),
        Predicate::Known(_)
        | Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::Present(_)
        | Predicate::Not(_) => condition(predicate),
    }
}

/// A column and a list. The policy language has no list of literals, so this must not look like a line that one could write.
fn one_of(column: &Name, values: &[Value]) -> String {
    let shown: Vec<_> = values.iter().take(SHOWN).map(ToString::to_string).collect();
    match (&shown[..], values.len().saturating_sub(SHOWN)) {
        ([], _) => format!("{column} is one of an empty list"),
        ([only], 0) => format!("{column} is {only}"),
        ([first @ .., last], 0) => format!("{column} is one of {} or {last}", first.join(", ")),
        (_, more) => format!("{column} is one of {} or {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_in_words_that_nobody_takes_for_a_line() {
        let room: Name = "room".parse().unwrap();
        let list = |values: &[&str]| Predicate::In {
            column: room.clone(),
            values: values.iter().map(|value| Value::text(*value)).collect(),
        };
        assert_eq!(condition(&list(&[])), "room is one of an empty list");
        assert_eq!(condition(&list(&["a"])), "room is \"a\"");
        assert_eq!(condition(&list(&["a", "b", "c"])), "room is one of \"a\", \"b\" or \"c\"");
        let six = "room is one of \"a\", \"b\", \"c\", \"d\", \"e\"";
        assert_eq!(condition(&list(&["a", "b", "c", "d", "e", "f"])), format!("{six} or \"f\""));
        assert_eq!(condition(&list(&["a", "b", "c", "d", "e", "f", "g", "h"])), format!("{six}, \"f\" or 2 more"));
        let both = Predicate::All(vec![list(&["a", "b"]), Predicate::Present(room.clone())]);
        assert_eq!(condition(&both), "(room is one of \"a\" or \"b\") and room is present");
    }
}
