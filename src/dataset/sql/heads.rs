//! The statement of a page that is the merge of many index searches, too many to write down.
//!
//! A recursive query is SQLite's priority queue. It is filled with the first row of each search, the *head*, as far as a
//! page of heads reaches; each row that is taken out puts in the next one of its search, by one more look into the index;
//! and it ends with the page. So the cost is one look for each value and one for each row, wherever the rows are, and the
//! text is the same for any number of values. Where the values are those of parent rows, the statement finds those first,
//! and whether they are too many.
//!
//! The queue holds the order's cells and nothing else: the page's rows are read after it, within the row filter like every
//! other row.

use super::arms::{Arm, Searches, Values};
use super::keyset::{self, Term};
use super::{From, SqlError};
use crate::catalog::Direction;
use crate::dataset::plan::PageRead;
use crate::dataset::statement::{Bind, Statement};
use crate::model::Value;

/// How the names of our own queries begin. `arms` leaves a page whole where the name of a table does.
pub(super) const OURS: &str = "page ";
/// The most parents that are searched for one by one.
const MOST_PARENTS: i64 = 512;

/// The queue of one arm.
pub(super) struct Heads<'a> {
    pub(super) from: &'a From<'a>,
    pub(super) page: &'a PageRead,
    pub(super) terms: &'a [Term<'a>],
    /// The number of the arm.
    pub(super) number: usize,
    pub(super) arm: &'a Arm,
    pub(super) searches: &'a Searches,
}

impl Heads<'_> {
    /// Appends the queue, to stand between `WITH RECURSIVE` and the statement.
    pub(super) fn queue(&self, out: &mut Statement) -> Result<(), SqlError> {
        if let Values::Parents(key, filter) = &self.searches.values {
            out.name(&parents(self.number)).sql(" (value) AS MATERIALIZED (SELECT DISTINCT ");
            self.from.parents(key, filter, out)?;
            out.sql(" LIMIT ").bind(Bind::Integer(MOST_PARENTS + 1)).sql("), ");
        }
        out.name(&name(self.number)).sql(" (value");
        for number in 1..=self.terms.len() {
            out.sql(", ").name(&number.to_string());
        }
        out.sql(") AS MATERIALIZED (SELECT * FROM (");
        self.cells(out);
        match &self.searches.values {
            Values::Listed(values) => out.sql(" FROM json_each(").bind(json(values)).sql(")"),
            Values::Parents(..) => {
                out.sql(" FROM (SELECT value FROM ").name(&parents(self.number)).sql(" WHERE NOT ");
                crowded(self.number, out);
                out.sql(")")
            }
        };
        out.sql(" AS h CROSS JOIN ");
        self.row(out);
        self.search(out)?;
        if let Some(after) = &self.page.after {
            out.sql(" AND ");
            keyset::after(self.terms, after, out);
        }
        self.first(out);
        self.most(out);
        out.sql(") UNION ALL ");
        self.cells(out);
        out.sql(" FROM ").name(&name(self.number)).sql(" AS h CROSS JOIN ");
        self.row(out);
        // The next row has the most cells of the order in common: one exact look for each number of them.
        for same in (0..self.terms.len()).rev() {
            out.sql(if same + 1 == self.terms.len() { "coalesce(" } else { ", " });
            self.search(out)?;
            self.beyond(same, out);
            self.first(out);
        }
        out.sql(", NULL)");
        self.most(out);
        out.sql(")");
        Ok(())
    }

    /// Appends the order of the queue, and that it ends with the page.
    fn most(&self, out: &mut Statement) {
        let places: Vec<usize> = (1..=self.terms.len()).collect();
        keyset::order_by_place(self.terms, &places, out);
        out.sql(" LIMIT ").bind(Bind::Integer(i64::from(self.page.limit) + 1));
    }

    /// Appends the rows of the queue, after the columns that are selected.
    pub(super) fn rows(&self, out: &mut Statement) -> Result<(), SqlError> {
        out.sql(" FROM ").name(&name(self.number)).sql(" AS h CROSS JOIN ");
        self.one_value(out)?;
        out.sql(" AND ");
        if let Some(key) = self.terms.last() {
            key.column.name(out);
        }
        out.sql(" = h.").name(&self.terms.len().to_string());
        Ok(())
    }

    /// Appends the table and the rows of the filter that have one of the values.
    fn one_value(&self, out: &mut Statement) -> Result<(), SqlError> {
        self.from.table(&self.searches.each, out)?;
        self.from.column_ref(&self.searches.column)?.collated(out.sql(" AND "));
        out.sql(" = h.value");
        Ok(())
    }

    fn cells(&self, out: &mut Statement) {
        out.sql("SELECT h.value");
        for term in self.terms {
            out.sql(", ");
            term.column.name(out);
        }
    }

    /// The row whose key follows.
    fn row(&self, out: &mut Statement) {
        out.name(self.from.table_name()).sql(" AS t WHERE ");
        if let Some(key) = self.terms.last() {
            key.column.name(out);
        }
        out.sql(" = ");
    }

    /// The keys of the rows of one value.
    fn search(&self, out: &mut Statement) -> Result<(), SqlError> {
        out.sql("(SELECT ");
        if let Some(key) = self.terms.last() {
            key.column.name(out);
        }
        out.sql(" FROM ");
        self.one_value(out)?;
        self.from.narrowed(self.arm, self.page, self.terms, out)
    }

    /// That a row has so many cells of the order in common with the one that was taken out, and stands after it.
    fn beyond(&self, same: usize, out: &mut Statement) {
        for (index, term) in self.terms.iter().take(same + 1).enumerate() {
            out.sql(" AND ");
            term.column.collated(out);
            let after = match term.direction {
                Direction::Ascending => " > h.",
                Direction::Descending => " < h.",
            };
            out.sql(if index < same { " = h." } else { after });
            out.name(&(index + 1).to_string());
        }
    }

    fn first(&self, out: &mut Statement) {
        keyset::order_by(self.terms, out);
        out.sql(" LIMIT 1)");
    }
}

/// Appends the condition that the searches of an arm did not find a row for the page.
pub(super) fn not_found(arm: usize, terms: &[Term<'_>], out: &mut Statement) {
    if let Some(key) = terms.last() {
        key.column.collated(out);
    }
    out.sql(" NOT IN (SELECT h.").name(&terms.len().to_string()).sql(" FROM ").name(&name(arm)).sql(" AS h)");
}

/// Appends the limit of the other way to an arm's rows, which has none unless the parents are too many. A condition would be
/// asked of every row; a limit is known before the first.
pub(super) fn limit_where_crowded(arm: usize, page: &PageRead, out: &mut Statement) {
    out.sql(" LIMIT iif(");
    crowded(arm, out);
    out.sql(", ").bind(Bind::Integer(i64::from(page.limit) + 1)).sql(", 0)");
}

/// Appends the condition that the parents are too many.
fn crowded(arm: usize, out: &mut Statement) {
    out.sql("(SELECT count(*) > ").bind(Bind::Integer(MOST_PARENTS));
    out.sql(" FROM ").name(&parents(arm)).sql(")");
}

/// What the queue of an arm is called.
fn name(arm: usize) -> String {
    format!("{OURS}heads {arm}")
}

fn parents(arm: usize) -> String {
    format!("{OURS}parents {arm}")
}

fn json(values: &[Value]) -> Bind {
    let texts = values.iter().map(|value| match value {
        Value::Text(text) => serde_json::Value::from(&**text),
        Value::Number(_) | Value::Boolean(_) => serde_json::Value::Null,
    });
    Bind::Text(serde_json::Value::Array(texts.collect()).to_string().into())
}
