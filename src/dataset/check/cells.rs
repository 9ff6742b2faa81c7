//! Cells: that the first rows hold something of each declared type.
//!
//! SQLite stores anything in most columns, so that a type which fits nothing would be found out by nobody: what is of another type
//! is absent. No cell that fits is no proof of a mistake, since what fits may come; so it is said, and refused is nothing.

use std::time::Duration;

use super::object::Object;
use super::{Findings, Warning};
use crate::catalog::{Column, Dataset};
use crate::dataset::cell::Cell;
use crate::dataset::database::Database;
use crate::dataset::statement::Statement;

/// How long the first rows are waited for; those of a view may be far.
const LONGEST: Duration = Duration::from_secs(1);

pub(super) async fn check(dataset: &Dataset, object: &Object, database: &Database, findings: &mut Findings) {
    let mut statement = Statement::default();
    for (number, column) in dataset.columns.iter().enumerate() {
        statement.sql(if number == 0 { "SELECT " } else { ", " }).name(&column.source);
    }
    statement.sql(" FROM ").name(&object.name).sql(" LIMIT 200");
    let rows = match database.fetch_within(statement, LONGEST).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(dataset = %dataset.name, %error, "the first rows were not read, so nothing is said of their cells");
            return;
        }
    };
    let mut seen: Vec<Seen<'_>> = dataset.columns.iter().map(Seen::of).collect();
    for row in rows {
        seen.iter_mut().zip(row).for_each(|(seen, cell)| seen.count(cell));
    }
    for Seen { column, cells, .. } in seen.into_iter().filter(|seen| seen.cells > 0 && seen.fitting == 0) {
        let (dataset, column, kind) = (dataset.name.clone(), column.name.clone(), column.kind);
        findings.warnings.push(Warning::NothingFits { dataset, column, kind, cells });
    }
}

/// The cells of a column that hold something, and those of its declared type.
struct Seen<'a> {
    column: &'a Column,
    cells: usize,
    fitting: usize,
}

impl<'a> Seen<'a> {
    fn of(column: &'a Column) -> Self {
        Self { column, cells: 0, fitting: 0 }
    }

    fn count(&mut self, cell: Cell) {
        if !matches!(cell, Cell::Null) {
            self.cells += 1;
            self.fitting += usize::from(cell.of_type(self.column.kind).is_some());
        }
    }
}
