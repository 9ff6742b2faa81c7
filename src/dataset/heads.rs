//! The statement of a page that is the merge of many index searches, too many to write down.
//!
//! A recursive query is SQLite's priority queue. It is filled with the first row of each search, the *head*; each row that
//! is taken out puts in the next one of its search, by one more look into the index; and it ends with the page. So the cost
//! is one look for each value and one for each row, wherever the rows are, and the text is the same for any number of
//! values. The queue holds the order's cells and nothing else: the page's rows are read after it, within the row filter
//! like every other row.

use super::arms::{Arm, Searches};
use super::keyset::{self, Term};
use super::plan::PageRead;
use super::sql::{From, SqlError};
use super::statement::{Bind, Statement};
use crate::catalog::Direction;
use crate::model::Value;

/// What the queues are called. `arms` leaves a page whole where a table of the customer is.
pub(super) const QUEUE: &str = "heads ";

/// The queue of one arm.
pub(super) struct Heads<'a> {
    pub(super) from: &'a From<'a>,
    pub(super) arm: &'a Arm,
    pub(super) searches: &'a Searches,
    pub(super) page: &'a PageRead,
    pub(super) terms: &'a [Term<'a>],
    /// The number of the arm.
    pub(super) number: usize,
}

impl Heads<'_> {
    /// Appends the queue, to stand between `WITH RECURSIVE` and the statement.
    pub(super) fn queue(&self, out: &mut Statement) -> Result<(), SqlError> {
        out.name(&self.name()).sql(" (value");
        for number in 1..=self.terms.len() {
            out.sql(", ").name(&number.to_string());
        }
        out.sql(") AS (");
        self.cells(out);
        out.sql(" FROM json_each(").bind(json(&self.searches.values)).sql(") AS h CROSS JOIN ");
        self.row(out);
        self.search(out)?;
        if let Some(after) = &self.page.after {
            out.sql(" AND ");
            keyset::after(self.terms, after, out);
        }
        self.first(out);
        out.sql(" UNION ALL ");
        self.cells(out);
        out.sql(" FROM ").name(&self.name()).sql(" AS h CROSS JOIN ");
        self.row(out);
        // The next row has the most cells of the order in common: one exact look for each number of them.
        for same in (0..self.terms.len()).rev() {
            out.sql(if same + 1 == self.terms.len() { "coalesce(" } else { ", " });
            self.search(out)?;
            self.beyond(same, out);
            self.first(out);
        }
        out.sql(", NULL)");
        let places: Vec<usize> = (1..=self.terms.len()).collect();
        keyset::order_by_place(self.terms, &places, out);
        out.sql(" LIMIT ").bind(Bind::Integer(i64::from(self.page.limit) + 1)).sql(")");
        Ok(())
    }

    /// Appends the rows of the queue, after the columns that are selected.
    pub(super) fn rows(&self, out: &mut Statement) -> Result<(), SqlError> {
        out.sql(" FROM ").name(&self.name()).sql(" AS h CROSS JOIN ");
        self.from.table(&self.arm.filter, out)?;
        out.sql(" AND ");
        if let Some(key) = self.terms.last() {
            key.place.name(out);
        }
        out.sql(" = h.").name(&self.terms.len().to_string());
        Ok(())
    }

    fn name(&self) -> String {
        format!("{QUEUE}{}", self.number)
    }

    fn cells(&self, out: &mut Statement) {
        out.sql("SELECT h.value");
        for term in self.terms {
            out.sql(", ");
            term.place.name(out);
        }
    }

    /// The row whose key follows.
    fn row(&self, out: &mut Statement) {
        out.name(self.from.table_name()).sql(" AS t WHERE ");
        if let Some(key) = self.terms.last() {
            key.place.name(out);
        }
        out.sql(" = ");
    }

    /// The keys of the rows of one value.
    fn search(&self, out: &mut Statement) -> Result<(), SqlError> {
        out.sql("(SELECT ");
        if let Some(key) = self.terms.last() {
            key.place.name(out);
        }
        out.sql(" FROM ");
        self.from.table(&self.searches.each, out)?;
        out.sql(" AND ");
        self.from.place(&self.searches.column)?.collated(out);
        out.sql(" = h.value");
        self.from.narrowed(self.arm, self.page, out)
    }

    /// That a row has so many cells of the order in common with the one that was taken out, and stands after it.
    fn beyond(&self, same: usize, out: &mut Statement) {
        for (index, term) in self.terms.iter().take(same + 1).enumerate() {
            out.sql(" AND ");
            term.place.collated(out);
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

fn json(values: &[Value]) -> Bind {
    let texts = values.iter().map(|value| match value {
        Value::Text(text) => serde_json::Value::from(&**text),
        Value::Number(_) | Value::Boolean(_) => serde_json::Value::Null,
    });
    Bind::Text(serde_json::Value::Array(texts.collect()).to_string().into())
}
