//! How a page is divided into index searches that each give their rows in the page's order, so that a merge of them reads
//! little more than the page.
//!
//! Left whole, a filter on a few rooms is answered by reading the tenant in the order of time until a page is full, which
//! reads everything where the rooms have been quiet. So each alternative of the policy that says which values a column may
//! have becomes a search for each value, where an index gives that value's rows in order. Up to a few dozen stand in the
//! statement one by one; of a longer list the statement holds one search, and walks the heads of all of them (`heads`).
//!
//! So are the parents of a `within` dataset, where it is they who limit the rows: few of them are searched for one by one,
//! and many leave so many rows that the order of time is the shorter way.
//!
//! A division never widens: every arm has the whole filter but for the alternative that it is of.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::heads::OURS;
use crate::catalog::{ColumnType, OrderTerm};
use crate::dataset::face::Face;
use crate::dataset::plan::{self, PageRead};
use crate::dataset::relation::{Affinity, Relation, Schema};
use crate::model::{Name, Value};
use crate::policy::{Operator, Predicate, RowFilter};

/// The most searches that stand in a statement.
const MOST_SEARCHES: usize = 32;

/// Some of a page's rows: no two arms give the same one.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) rows: Rows,
    /// What the arms before this one give.
    pub(super) before: Vec<Before>,
}

/// Which rows an arm has.
#[derive(Debug)]
pub(super) enum Rows {
    /// Those within a filter.
    Within(RowFilter),
    /// Those of many searches.
    Found(Searches),
    /// Those within a filter, where the parents of the arm of this number are too many to search for each; else none.
    Otherwise(usize, RowFilter),
}

/// What an arm leaves to one before it.
#[derive(Debug, Clone)]
pub(super) enum Before {
    /// Every row of an alternative.
    Alternative(Predicate),
    /// The rows that the searches of the arm of this number found for the page. What they would find besides stands after
    /// those, and may come from either.
    Found(usize),
}

/// One search for each of many values of a column.
#[derive(Debug)]
pub(super) struct Searches {
    pub(super) column: Name,
    pub(super) values: Values,
    /// What is left of the filter for the rows that have one of the values.
    pub(super) each: RowFilter,
}

/// Where the values are from.
#[derive(Debug)]
pub(super) enum Values {
    /// The policy.
    Listed(Vec<Value>),
    /// The parent rows that are in their filter: the column of the parents, and the filter.
    Parents(Name, Arc<RowFilter>),
}

/// Whether rows are asked for in the order that indexes are made for: the default one, every term of it, and then the key.
fn is_default(order: &[OrderTerm], face: &Face) -> bool {
    let default = &face.dataset().order;
    order.starts_with(default) && order == plan::total(default, face)
}

/// One alternative, and the values that it leaves a column.
struct Alternative<'a> {
    predicate: &'a Predicate,
    /// The part of it that says so.
    part: &'a Predicate,
    column: &'a Name,
    values: BTreeSet<&'a Value>,
}

/// The arms of a page; one with all of its rows where it is better read as it is.
pub(super) fn divide(
    page: &PageRead,
    face: &Face,
    filter: &RowFilter,
    relation: &Relation,
    schema: &Schema,
) -> Vec<Arm> {
    let is_asked_so = filter.data_room.is_none() && page.words.is_empty() && is_default(&page.order, face);
    let alternatives: Option<Vec<_>> = filter.allow.iter().map(|allow| alternative(allow, relation)).collect();
    let divided = match alternatives.filter(|_| is_asked_so) {
        Some(alternatives) => by_values(alternatives, page, filter, relation, schema),
        None if is_asked_so => by_parents(page, filter, relation, schema),
        None => None,
    };
    divided.unwrap_or_else(|| vec![Arm { rows: Rows::Within(filter.clone()), before: Vec::new() }])
}

/// Divides a page by the values that the policy leaves.
fn by_values(
    mut alternatives: Vec<Alternative<'_>>,
    page: &PageRead,
    filter: &RowFilter,
    relation: &Relation,
    schema: &Schema,
) -> Option<Vec<Arm>> {
    let searches: usize = alternatives.iter().map(|alternative| alternative.values.len()).sum();
    if searches < 2 || alternatives.len() > MOST_SEARCHES {
        return None;
    }
    let is_short = searches <= MOST_SEARCHES;
    if !is_short {
        // The longest list is first: the others need only leave out the page that it found, not look for a row in it.
        alternatives.sort_by_key(|alternative| Reverse(alternative.values.len()));
    }
    let (mut arms, mut before) = (Vec::new(), Vec::new());
    for alternative in &alternatives {
        let of = |allow| RowFilter { allow: vec![allow], ..filter.clone() };
        if is_short || alternative.values.len() == 1 {
            let one = |value: &&Value| Arm { rows: Rows::Within(of(alternative.one(value))), before: before.clone() };
            arms.extend(alternative.values.iter().map(one));
            before.push(Before::Alternative(alternative.predicate.clone()));
        } else if alternative.is_listed() && has_heads(page, alternative.column, relation, schema) {
            let values = Values::Listed(alternative.values.iter().copied().cloned().collect());
            let (column, each) = (alternative.column.clone(), of(Predicate::All(alternative.rest())));
            let rows = Rows::Found(Searches { column, values, each });
            let number = arms.len();
            arms.push(Arm { rows, before: before.clone() });
            before.push(Before::Found(number));
        } else {
            return None;
        }
    }
    Some(arms)
}

/// An alternative that leaves a column a few values, where an index gives the rows of each in order.
fn alternative<'a>(predicate: &'a Predicate, relation: &Relation) -> Option<Alternative<'a>> {
    let divides = |column: &&Name| relation.divides.contains(*column);
    match predicate {
        Predicate::In { column, values } => {
            let values = values.iter().collect();
            Some(column).filter(divides).map(|column| Alternative { predicate, part: predicate, column, values })
        }
        Predicate::Compare { column, operator: Operator::Equal, value } => {
            let values = BTreeSet::from([value]);
            Some(column).filter(divides).map(|column| Alternative { predicate, part: predicate, column, values })
        }
        Predicate::All(parts) => {
            let found = parts.iter().find_map(|part| match part {
                Predicate::In { .. } | Predicate::Compare { .. } => alternative(part, relation),
                Predicate::Known(_)
                | Predicate::CompareColumns { .. }
                | Predicate::Present(_)
                | Predicate::Not(_)
                | Predicate::All(_)
                | Predicate::Any(_) => None,
            });
            found.map(|found| Alternative { predicate, ..found })
        }
        Predicate::Known(_)
        | Predicate::Compare { .. }
        | Predicate::CompareColumns { .. }
        | Predicate::Present(_)
        | Predicate::Not(_)
        | Predicate::Any(_) => None,
    }
}

impl Alternative<'_> {
    /// The alternative for one of the values.
    fn one(&self, value: &Value) -> Predicate {
        let (column, value) = (self.column.clone(), value.clone());
        let equal = Predicate::Compare { column, operator: Operator::Equal, value };
        let mut rest = self.rest();
        if rest.is_empty() {
            return equal;
        }
        rest.insert(0, equal);
        Predicate::All(rest)
    }

    /// Whether the values come out of JSON as they went in.
    fn is_listed(&self) -> bool {
        self.values.iter().all(|value| match value {
            Value::Text(text) => !text.contains('\0'),
            Value::Number(_) | Value::Boolean(_) => false,
        })
    }

    /// What the alternative says besides the values of the column.
    fn rest(&self) -> Vec<Predicate> {
        match self.predicate {
            Predicate::All(parts) => parts.iter().filter(|part| *part != self.part).cloned().collect(),
            Predicate::Known(_)
            | Predicate::Compare { .. }
            | Predicate::CompareColumns { .. }
            | Predicate::In { .. }
            | Predicate::Present(_)
            | Predicate::Not(_)
            | Predicate::Any(_) => Vec::new(),
        }
    }
}

/// Divides a page by the parents of its rows.
fn by_parents(page: &PageRead, filter: &RowFilter, relation: &Relation, schema: &Schema) -> Option<Vec<Arm>> {
    let parent = filter.parent.as_ref()?;
    let [(column, key)] = &parent.by[..] else { return None };
    let around = schema.relations.get(&parent.filter.dataset)?;
    let is_served = relation.divides.contains(column) && is_text(key, around);
    if !is_served || !has_heads(page, column, relation, schema) {
        return None;
    }
    let values = Values::Parents(key.clone(), Arc::clone(&parent.filter));
    let each = RowFilter { parent: None, ..filter.clone() };
    let found = Rows::Found(Searches { column: column.clone(), values, each });
    let rows = [found, Rows::Otherwise(0, filter.clone())];
    Some(rows.map(|rows| Arm { rows, before: Vec::new() }).into())
}

/// Whether the heads of searches by this column can be walked: a row is found again by its key, and the next one by a plain
/// comparison with every term of the order.
fn has_heads(page: &PageRead, column: &Name, relation: &Relation, schema: &Schema) -> bool {
    let key = relation.dataset.key.as_slice();
    matches!(key, [key] if page.order.last().is_some_and(|term| term.column == *key))
        && page.order.iter().all(|term| relation.never_null.contains(&term.column))
        && is_text(column, relation)
        && !is_shadowed(schema)
}

/// Whether a column compares with text as it stands.
fn is_text(column: &Name, relation: &Relation) -> bool {
    let kind = relation.dataset.column(column.as_str()).map(|column| column.kind);
    matches!(kind, Some(ColumnType::Id | ColumnType::Text)) && relation.affinities.get(column) == Some(&Affinity::Text)
}

/// Whether a table is called as a query of ours would be, and would be taken for it.
fn is_shadowed(schema: &Schema) -> bool {
    let ours = |table: &str| table.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS));
    schema.relations.values().any(|relation| ours(&relation.dataset.table))
}
