//! Row filters and columns in the words of a manager: «rooms board, finance; own; never classification secret».

use super::somebody::stands_in;
use crate::catalog::{Column, Dataset, RoomRule};
use crate::model::{ExternalUserId, Name, Requester, SubjectId, Value};
use crate::policy::{ColumnRule, Columns, Operator, Predicate, RowFilter, RowRule, Truth};

/// How many values of a list are named.
const NAMED: usize = 8;

/// The rows that a requester may read of a dataset; one rule for each part, none where it is all rows or no row.
pub(super) fn rules(rule: &RowRule, dataset: &Dataset, requester: &Requester) -> Vec<String> {
    let RowRule::Filter(filter) = rule else { return Vec::new() };
    let voice = Voice { dataset, requester };
    let mut rules = voice.allowed(&filter.allow);
    if let Some(parent) = &filter.parent
        && !is_everything(&parent.filter)
    {
        rules.push(format!("only those of {} that may be read", parent.filter.dataset));
    }
    rules.extend(voice.denied(&filter.deny));
    rules
}

/// What a requester is given of the columns that are not simply there: those that a line opens, hides, or hides in some rows.
pub(super) fn columns(columns: &Columns, dataset: &Dataset, requester: &Requester) -> Vec<String> {
    dataset.exposed().filter_map(|declared| column(declared, columns, dataset, requester)).collect()
}

/// What a requester is given of one column; `None` where it is as declared.
pub(super) fn column(column: &Column, columns: &Columns, dataset: &Dataset, requester: &Requester) -> Option<String> {
    match (columns.masked.get(&column.name), columns.is_open(&column.name)) {
        (Some(rule), _) => Some(format!("{} {}", column.name, shown_in(rule, dataset, requester))),
        (None, true) if column.protected => Some(format!("{} too", column.name)),
        (None, false) if !column.protected => Some(format!("no {}", column.name)),
        (None, true | false) => None,
    }
}

/// The rows in which a column is shown: «only where own (id)», «but not where classification internal».
pub(super) fn shown_in(rule: &ColumnRule, dataset: &Dataset, requester: &Requester) -> String {
    let voice = Voice { dataset, requester };
    let (allow, deny) = (voice.joined(&rule.allow, " or "), voice.joined(&rule.deny, " or "));
    match (rule.allow.iter().any(always), rule.deny.is_empty()) {
        (true, _) => format!("but not where {deny}"),
        (false, true) => format!("only where {allow}"),
        (false, false) => format!("only where {allow}, but not where {deny}"),
    }
}

/// One condition in the case of a requester.
pub(super) fn condition(condition: &Predicate, dataset: &Dataset, requester: &Requester) -> String {
    Voice { dataset, requester }.condition(condition)
}

/// Says whether a filter takes no row away.
pub(super) fn is_everything(filter: &RowFilter) -> bool {
    filter.data_room.is_none()
        && filter.deny.is_empty()
        && filter.allow.iter().any(always)
        && filter.parent.as_ref().is_none_or(|parent| is_everything(&parent.filter))
}

fn always(predicate: &Predicate) -> bool {
    *predicate == Predicate::Known(Truth::True)
}

/// About which dataset, and about whom.
struct Voice<'a> {
    dataset: &'a Dataset,
    requester: &'a Requester,
}

impl Voice<'_> {
    /// One rule for each allowance; none where everything is allowed.
    fn allowed(&self, allow: &[Predicate]) -> Vec<String> {
        if allow.iter().any(always) { Vec::new() } else { allow.iter().map(|allow| self.condition(allow)).collect() }
    }

    fn denied(&self, deny: &[Predicate]) -> Vec<String> {
        deny.iter().map(|deny| format!("never {}", self.condition(deny))).collect()
    }

    fn condition(&self, predicate: &Predicate) -> String {
        match predicate {
            Predicate::Known(Truth::True) => "every row".to_owned(),
            Predicate::Known(Truth::False) => "no row".to_owned(),
            Predicate::Known(Truth::Unknown) => "what cannot be said".to_owned(),
            Predicate::Compare { column, operator, value } => self.compare(column, *operator, value),
            Predicate::CompareColumns { left, operator, right } => format!("{left} {} {right}", operator.as_str()),
            Predicate::In { column, values } => self.one_of(column, values),
            Predicate::Present(column) => format!("{column} filled in"),
            Predicate::Not(inner) => format!("other than ({})", self.condition(inner)),
            Predicate::All(parts) => self.joined(parts, " and "),
            Predicate::Any(parts) => self.joined(parts, " or "),
        }
    }

    fn joined(&self, parts: &[Predicate], word: &str) -> String {
        let part = |part: &Predicate| match part {
            Predicate::All(_) | Predicate::Any(_) => format!("({})", self.condition(part)),
            Predicate::Known(_)
            | Predicate::Compare { .. }
            | Predicate::CompareColumns { .. }
            | Predicate::In { .. }
            | Predicate::Present(_)
            | Predicate::Not(_) => self.condition(part),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(word)
    }

    /// A column and a list, in which something may stand in for what is somebody's own.
    fn one_of(&self, column: &Name, values: &[Value]) -> String {
        let named: Vec<&Value> = values.iter().filter(|value| stands_in(value).is_none()).collect();
        let is_room = self.is_room(column);
        let noun = if is_room { plural(values.len()) } else { column.as_str() };
        match (values.iter().find_map(stands_in), &named[..]) {
            (None, named) => format!("{noun} {}", list(named)),
            (Some(_), []) if is_room => "rooms of their own".to_owned(),
            (Some(_), named) if is_room => format!("{noun} {} and of their own", list(named)),
            (Some(own), []) => format!("{noun} in their {own}"),
            (Some(own), named) => format!("{noun} {} or in their {own}", list(named)),
        }
    }

    /// Says whether a value is what the requester goes by.
    fn is_own(&self, value: &Value) -> bool {
        let own = &self.requester.attributes;
        let ids = [
            own.external_id.as_ref().map(ExternalUserId::as_str),
            own.id.as_ref().map(SubjectId::as_str),
            own.email.as_deref(),
        ];
        matches!(value, Value::Text(text) if ids.contains(&Some(&**text)))
    }

    fn compare(&self, column: &Name, operator: Operator, value: &Value) -> String {
        let is_own = self.is_own(value);
        match operator {
            Operator::Equal if is_own => format!("own ({column})"),
            Operator::Equal if self.is_room(column) => format!("{} {}", plural(1), bare(value)),
            Operator::Equal => format!("{column} {}", bare(value)),
            Operator::NotEqual if is_own => format!("other people's ({column})"),
            Operator::NotEqual => format!("{column} other than {}", bare(value)),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                format!("{column} {} {}", operator.as_str(), bare(value))
            }
        }
    }

    fn is_room(&self, column: &Name) -> bool {
        matches!(&self.dataset.data_room, RoomRule::Column(room) if room == column)
    }
}

fn plural(rooms: usize) -> &'static str {
    if rooms == 1 { "room" } else { "rooms" }
}

/// A value without quotation marks.
fn bare(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Number(_) | Value::Boolean(_) => value.to_string(),
    }
}

fn list(values: &[&Value]) -> String {
    let mut named: Vec<_> = values.iter().take(NAMED).map(|value| bare(value)).collect();
    if let Some(more) = values.len().checked_sub(NAMED).filter(|more| *more > 0) {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}
