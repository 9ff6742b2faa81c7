//! Whether an index serves the pages of a dataset: the columns that every scope fixes, then the order.

use std::collections::BTreeSet;

use super::object::{Index, Object};
use super::{Findings, Warning};
use crate::catalog::{Column, Dataset, Direction, RoomRule, TenantRule};
use crate::model::Name;

/// Warns of missing indexes, and finds the columns for each of whose values there is an index that serves its pages.
pub(super) fn check(dataset: &Dataset, object: &Object, findings: &mut Findings) -> BTreeSet<Name> {
    if !object.is_table {
        return BTreeSet::new();
    }
    let tenant = match &dataset.tenant {
        TenantRule::Column(name) => dataset.column(name.as_str()),
        TenantRule::Fixed(_) | TenantRule::Shared | TenantRule::Inherited => None,
    };
    let room = match &dataset.data_room {
        RoomRule::Column(name) => dataset.column(name.as_str()),
        RoomRule::Ignored | RoomRule::Undeclared => None,
    };
    let order = order(dataset);
    let mut missing = |fixed: &[&Column]| {
        let served = object.indexes.iter().any(|index| serves(index, fixed, &order));
        if !served && !by_rowid(object, fixed, &order) {
            let create = create(object, dataset, fixed, &order);
            findings.warnings.push(Warning::Index { dataset: dataset.name.clone(), create });
        }
    };
    let fixed: Vec<&Column> = tenant.into_iter().collect();
    // Without anything fixed, the key's own index serves an order by the key.
    if !fixed.is_empty() || !dataset.order.is_empty() {
        missing(&fixed);
    }
    // Where the room is the key, it is one row.
    if let Some(room) = room.filter(|room| dataset.key != [room.name.clone()]) {
        missing(&fixed.iter().copied().chain([room]).collect::<Vec<_>>());
    }
    let divides = |column: &&Column| {
        let with: Vec<&Column> = fixed.iter().copied().chain([*column]).collect();
        object.indexes.iter().any(|index| serves(index, &with, &order))
    };
    dataset.columns.iter().filter(divides).map(|column| column.name.clone()).collect()
}

/// The columns by which pages are ordered: the default order, or the key.
fn order(dataset: &Dataset) -> Vec<(&Column, Direction)> {
    let column = |name: &Name| dataset.column(name.as_str());
    if dataset.order.is_empty() {
        let key = dataset.key.iter().filter_map(column);
        return key.map(|column| (column, Direction::Ascending)).collect();
    }
    dataset.order.iter().filter_map(|term| Some((column(&term.column)?, term.direction))).collect()
}

/// Whether the table itself is stored in this order.
fn by_rowid(object: &Object, fixed: &[&Column], order: &[(&Column, Direction)]) -> bool {
    let Some((first, _)) = order.first() else { return false };
    fixed.is_empty() && object.columns.iter().any(|stored| stored.is_rowid && stored.name == first.source)
}

/// Whether the index begins with the fixed columns in any order and goes on with the order, read in one direction.
fn serves(index: &Index, fixed: &[&Column], order: &[(&Column, Direction)]) -> bool {
    let Some((head, tail)) = index.columns.split_at_checked(fixed.len()) else { return false };
    let is = |found: &super::object::IndexColumn, column: &Column| {
        found.binary && found.name.as_deref() == Some(column.source.as_str())
    };
    let begins = fixed.iter().all(|column| head.iter().any(|found| is(found, column)));
    let follows = tail.len() >= order.len() && tail.iter().zip(order).all(|(found, (column, _))| is(found, column));
    let turned: Vec<bool> = tail
        .iter()
        .zip(order)
        .map(|(found, (_, direction))| found.descending == (*direction == Direction::Descending))
        .collect();
    begins && follows && turned.windows(2).all(|pair| pair[0] == pair[1])
}

fn create(object: &Object, dataset: &Dataset, fixed: &[&Column], order: &[(&Column, Direction)]) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut columns: Vec<String> = fixed.iter().map(|column| quoted(&column.source)).collect();
    for (column, direction) in order {
        let suffix = match direction {
            Direction::Ascending => "",
            Direction::Descending => " DESC",
        };
        columns.push(format!("{}{suffix}", quoted(&column.source)));
    }
    let is_rowid =
        |column: &Column| object.columns.iter().any(|stored| stored.is_rowid && stored.name == column.source);
    let last = order.last().map_or(Direction::Ascending, |(_, direction)| *direction);
    for column in dataset.key.iter().filter_map(|name| dataset.column(name.as_str())) {
        // SQLite ends every index with the rowid by itself.
        if !is_rowid(column) && !order.iter().any(|(other, _)| other.name == column.name) {
            let suffix = if last == Direction::Descending { " DESC" } else { "" };
            columns.push(format!("{}{suffix}", quoted(&column.source)));
        }
    }
    let names: Vec<&str> = fixed
        .iter()
        .copied()
        .chain(order.iter().map(|(column, _)| *column))
        .map(|column| column.name.as_str())
        .collect();
    let name = quoted(&format!("{}_by_{}", dataset.name, names.join("_")));
    format!("CREATE INDEX {name} ON {} ({})", quoted(&object.name), columns.join(", "))
}
