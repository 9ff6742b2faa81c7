//! Where a page ends, and the condition that the next one begins after it.
//!
//! The order is total (the key ends it) and is SQLite's own: NULL before numbers before text before bytes, so ascending
//! has NULLs first and descending has them last. A position holds the cells as stored, not as answered: two cells that a
//! caller sees as null can stand at different places.

use crate::catalog::Direction;
use crate::dataset::cell::Cell;
use crate::dataset::condition::ColumnRef;
use crate::dataset::statement::{Bind, Statement};

/// The cells of the order's columns in one row.
pub(in crate::dataset) type Position = Vec<Cell>;

/// One term of a total order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term<'a> {
    /// The column.
    pub(super) column: ColumnRef<'a>,
    /// Its direction.
    pub(super) direction: Direction,
    /// Whether the database guarantees that it is never NULL.
    pub(super) never_null: bool,
}

/// Appends `ORDER BY …`.
pub(super) fn order_by(terms: &[Term<'_>], out: &mut Statement) {
    for (index, term) in terms.iter().enumerate() {
        out.sql(if index == 0 { " ORDER BY " } else { ", " });
        term.column.collated(out);
        direction(*term, out);
    }
}

/// The same for a merge, whose order can only speak of the columns of its result, by their place.
pub(super) fn order_by_place(terms: &[Term<'_>], places: &[usize], out: &mut Statement) {
    for (index, (term, place)) in terms.iter().zip(places).enumerate() {
        out.sql(if index == 0 { " ORDER BY " } else { ", " });
        out.ordinal(place + 1);
        term.column.collation(out);
        direction(*term, out);
    }
}

fn direction(term: Term<'_>, out: &mut Statement) {
    match term.direction {
        Direction::Ascending => {}
        Direction::Descending => {
            out.sql(" DESC");
        }
    }
}

/// Appends the condition that a row stands after the position, in parentheses.
///
/// `(a, b) > (x, y)` is written out (`a > x OR (a = x AND b > y)`), because row values know neither mixed directions nor
/// NULL. The bound on the first term repeats what the rest says, for the index.
pub(super) fn after(terms: &[Term<'_>], position: &[Cell], out: &mut Statement) {
    let pairs: Vec<_> = terms.iter().zip(position).collect();
    out.sql("(");
    if let Some((first, cell)) = pairs.first()
        && bound(first, cell, out)
    {
        out.sql(" AND ");
    }
    out.sql("(");
    let mut any = false;
    for (index, (term, cell)) in pairs.iter().enumerate() {
        if *cell == &Cell::Null && term.direction == Direction::Descending {
            // NULL is the last: nothing of this column stands after it.
            continue;
        }
        if any {
            out.sql(" OR ");
        }
        any = true;
        out.sql("(");
        for (equal, cell) in &pairs[..index] {
            equal.column.collated(out);
            out.sql(" IS ");
            value(cell, out);
            out.sql(" AND ");
        }
        beyond(term, cell, out);
        out.sql(")");
    }
    out.sql(if any { "))" } else { "0))" });
}

fn bound(term: &Term<'_>, cell: &Cell, out: &mut Statement) -> bool {
    let compare = match term.direction {
        Direction::Ascending => " >= ",
        Direction::Descending if term.never_null => " <= ",
        // Its NULLs stand after every value.
        Direction::Descending => return false,
    };
    if *cell == Cell::Null {
        return false;
    }
    term.column.collated(out);
    out.sql(compare);
    value(cell, out);
    true
}

fn beyond(term: &Term<'_>, cell: &Cell, out: &mut Statement) {
    let null = *cell == Cell::Null;
    match term.direction {
        Direction::Ascending if null => {
            term.column.collated(out);
            out.sql(" IS NOT NULL");
        }
        Direction::Ascending => {
            term.column.collated(out);
            out.sql(" > ");
            value(cell, out);
        }
        Direction::Descending => {
            out.sql("(");
            term.column.collated(out);
            out.sql(" < ");
            value(cell, out);
            if !term.never_null {
                out.sql(" OR ");
                term.column.collated(out);
                out.sql(" IS NULL");
            }
            out.sql(")");
        }
    }
}

fn value(cell: &Cell, out: &mut Statement) {
    match cell {
        Cell::Null => out.sql("NULL"),
        Cell::Integer(integer) => out.bind(Bind::Integer(*integer)),
        Cell::Real(real) => out.bind(Bind::Real(*real)),
        Cell::Text(text) => out.bind(Bind::Text(text.as_str().into())),
        Cell::BrokenText(bytes) => out.sql("CAST(").bind(Bind::Bytes(bytes.clone())).sql(" AS TEXT)"),
        Cell::Bytes(bytes) => out.bind(Bind::Bytes(bytes.clone())),
    };
}
