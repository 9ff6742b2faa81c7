//! The one statement of a read. Pure: a plan and a filter go in, text and bound values come out.
//!
//! One row and a count are said here. A page is more (`page`): it is divided into searches (`arms`), of which many are walked
//! together (`heads`), and begins after where the last one ended (`keyset`).
//!
//! Columns are masked here: one that is hidden in some rows is read through its own condition, and is NULL in the others.
//!
//! The row filter is always the first condition. Everything a caller says stands beside it, joined by AND, so that it can
//! only narrow. Nothing here counts, ranks or orders by rows outside the filter.

mod arms;
mod heads;
mod keyset;
mod page;

use std::sync::Arc;

pub(super) use self::keyset::Position;
use super::condition::ColumnRef;
use super::face::Face;
use super::filter::{self, FilterError};
use super::plan::{Read, Shape};
use super::relation::{Affinity, Relation, Schema};
use super::request::{Filter, Operand, Test};
use super::statement::{Bind, Statement};
use crate::catalog::{Column, ColumnType, Dataset};
use crate::model::Name;
use crate::policy::{ColumnRule, Operator, RowFilter};

/// The alias of the dataset's table in every statement.
const TABLE: &str = "t";

/// Why a read cannot be said in SQL. Each of these is a mistake of ours, not of the caller.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The dataset was not checked against the database.
    #[error("dataset `{0}` is not in the schema")]
    Dataset(Name),
    /// The column was not checked against the database.
    #[error("column `{column}` of dataset `{dataset}` is not in the schema")]
    Column {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
    },
    /// The row filter cannot be rendered.
    #[error("the row filter of `{dataset}` cannot be rendered")]
    Filter {
        /// The dataset.
        dataset: Name,
        /// Why.
        #[source]
        source: FilterError,
    },
}

/// A statement and what its columns are.
#[derive(Debug)]
pub(super) struct Rendered {
    /// The statement.
    pub(super) statement: Statement,
    /// The names and types of the first cells of each row: the answer.
    pub(super) columns: Vec<(Name, ColumnType)>,
    /// Where the cells of the order stand in each row.
    pub(super) position: Vec<usize>,
    /// The columns that are hidden in some rows, each with the place of the cell that says whether it is hidden in this one.
    pub(super) masks: Vec<(Name, usize)>,
}

/// Renders a read within a filter.
pub(super) fn render(read: &Read, filter: &RowFilter, schema: &Schema) -> Result<Rendered, SqlError> {
    let from = From::of(&read.face, filter, schema)?;
    match &read.shape {
        Shape::Page(page) => from.page(page),
        Shape::Row(key) => from.row(key),
        Shape::Count(filters) => from.count(filters),
    }
}

/// One dataset within one filter.
pub(super) struct From<'a> {
    relation: &'a Arc<Relation>,
    face: &'a Face,
    filter: &'a RowFilter,
    schema: &'a Schema,
}

impl<'a> From<'a> {
    pub(super) fn of(face: &'a Face, filter: &'a RowFilter, schema: &'a Schema) -> Result<Self, SqlError> {
        let name = &face.dataset().name;
        let relation = schema.relations.get(name).ok_or_else(|| SqlError::Dataset(name.clone()))?;
        Ok(Self { relation, face, filter, schema })
    }

    fn dataset(&self) -> &'a Dataset {
        &self.relation.dataset
    }

    pub(super) fn row(&self, key: &[Operand]) -> Result<Rendered, SqlError> {
        self.one_row(|out| self.keyed(key, out))
    }

    /// One row, found by what is appended to the filter.
    pub(super) fn one_row(
        &self,
        found: impl FnOnce(&mut Statement) -> Result<(), SqlError>,
    ) -> Result<Rendered, SqlError> {
        let columns: Vec<&Column> = self.face.answered().collect();
        let mut out = Statement::default();
        self.select(&columns, self.filter, &mut out)?;
        found(&mut out)?;
        // Two rows of one key are an error, not a choice.
        out.sql(" LIMIT 2");
        let masks = self.masks(&columns, columns.len());
        Ok(Rendered { statement: out, columns: answered(&columns), position: Vec::new(), masks })
    }

    /// Appends that the row has this key.
    pub(super) fn keyed(&self, key: &[Operand], out: &mut Statement) -> Result<(), SqlError> {
        for (name, value) in self.dataset().key.iter().zip(key) {
            out.sql(" AND ");
            self.column_ref(name)?.test(&Test::Compare(Operator::Equal, value.clone()), out);
        }
        Ok(())
    }

    /// Appends the filter alone, for the statement of a change, which names its table itself.
    pub(super) fn filtered(&self, out: &mut Statement) -> Result<(), SqlError> {
        filter::render(self.filter, self.schema, TABLE, out).map_err(|source| self.unfit(source))
    }

    fn count(&self, filters: &[Filter]) -> Result<Rendered, SqlError> {
        let mut out = Statement::default();
        out.sql("SELECT count(*)");
        self.within(self.filter, &mut out)?;
        self.filters(filters, &mut out)?;
        Ok(Rendered { statement: out, columns: Vec::new(), position: Vec::new(), masks: Vec::new() })
    }

    fn select(&self, columns: &[&Column], filter: &RowFilter, out: &mut Statement) -> Result<(), SqlError> {
        self.columns(columns, out)?;
        self.within(filter, out)
    }

    fn columns(&self, columns: &[&Column], out: &mut Statement) -> Result<(), SqlError> {
        for (index, column) in columns.iter().enumerate() {
            out.sql(if index == 0 { "SELECT " } else { ", " });
            match self.face.mask(column) {
                None => self.column_ref(&column.name)?.name(out),
                Some(rule) => {
                    self.where_read(rule, out)?;
                    self.column_ref(&column.name)?.name(out.sql(" THEN "));
                    out.sql(" END");
                }
            }
        }
        for rule in columns.iter().filter_map(|column| self.face.mask(column)) {
            self.where_read(rule, out.sql(", "))?;
            out.sql(" THEN 0 ELSE 1 END");
        }
        Ok(())
    }

    /// Appends `CASE WHEN` and the condition under which a column is read.
    fn where_read(&self, rule: &ColumnRule, out: &mut Statement) -> Result<(), SqlError> {
        let name = &self.dataset().name;
        filter::render_column(rule, name, self.schema, TABLE, out.sql("CASE WHEN "))
            .map_err(|source| self.unfit(source))
    }

    /// The masked columns of an answer: what says whether they are hidden stands behind everything that is selected.
    fn masks(&self, columns: &[&Column], selected: usize) -> Vec<(Name, usize)> {
        let masked = columns.iter().filter(|column| self.face.mask(column).is_some());
        masked.enumerate().map(|(index, column)| (column.name.clone(), selected + index)).collect()
    }

    fn unfit(&self, source: FilterError) -> SqlError {
        SqlError::Filter { dataset: self.dataset().name.clone(), source }
    }

    /// Appends the table and the row filter, which every statement begins with.
    fn within(&self, filter: &RowFilter, out: &mut Statement) -> Result<(), SqlError> {
        out.sql(" FROM ");
        self.table(filter, out)
    }

    /// Appends the table and the row filter.
    pub(super) fn table(&self, filter: &RowFilter, out: &mut Statement) -> Result<(), SqlError> {
        out.name(self.table_name()).sql(" AS t WHERE (");
        filter::render(filter, self.schema, TABLE, out).map_err(|source| self.unfit(source))?;
        out.sql(")");
        Ok(())
    }

    /// Appends the values of a parent's column, for the parent rows that are in their filter.
    pub(super) fn parents(&self, key: &Name, filter: &RowFilter, out: &mut Statement) -> Result<(), SqlError> {
        let unknown = || SqlError::Dataset(filter.dataset.clone());
        let around = self.schema.relations.get(&filter.dataset).ok_or_else(unknown)?;
        let parents = From { relation: around, face: self.face, filter, schema: self.schema };
        let key = parents.column_ref(key)?;
        key.name(out);
        parents.within(filter, out)?;
        key.name(out.sql(" AND typeof("));
        out.sql(") = 'text'");
        Ok(())
    }

    pub(super) fn table_name(&self) -> &'a str {
        &self.relation.dataset.table
    }

    fn filters(&self, filters: &[Filter], out: &mut Statement) -> Result<(), SqlError> {
        for filter in filters {
            out.sql(" AND ");
            self.column_ref(&filter.column)?.test(&filter.test, out);
        }
        Ok(())
    }

    /// Every word is in some searched column; which rows rank first is the order's business, never a score's.
    fn search(&self, words: &[Arc<str>], out: &mut Statement) -> Result<(), SqlError> {
        if words.is_empty() {
            return Ok(());
        }
        let columns: Vec<&Column> = self.face.searched().collect();
        if let Some(fts) = self.dataset().search.as_ref().and_then(|search| search.fts.as_deref()) {
            out.sql(" AND t.rowid IN (SELECT rowid FROM ").name(fts).sql(" WHERE ").name(fts).sql(" MATCH ");
            out.bind(Bind::Text(match_expression(&columns, words).into())).sql(")");
            return Ok(());
        }
        for word in words {
            out.sql(" AND (");
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    out.sql(" OR ");
                }
                self.column_ref(&column.name)?.test(&Test::Contains(Arc::clone(word)), out);
            }
            out.sql(if columns.is_empty() { "0)" } else { ")" });
        }
        Ok(())
    }

    pub(super) fn column_ref(&self, name: &Name) -> Result<ColumnRef<'a>, SqlError> {
        let unknown = || SqlError::Column { dataset: self.dataset().name.clone(), column: name.clone() };
        let column = self.dataset().column(name.as_str()).ok_or_else(unknown)?;
        let affinity: Affinity = *self.relation.affinities.get(name).ok_or_else(unknown)?;
        Ok(ColumnRef { alias: TABLE, declared: column, affinity })
    }
}

fn answered(columns: &[&Column]) -> Vec<(Name, ColumnType)> {
    columns.iter().map(|column| (column.name.clone(), column.kind)).collect()
}

/// The words as quoted FTS5 strings, all of which must be in the searched columns. Quoted, none is an operator; without
/// the column filter, a word would also be found in the indexed columns that are not searched.
pub(super) fn match_expression(columns: &[&Column], words: &[Arc<str>]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let columns: Vec<String> = columns.iter().map(|column| quoted(&column.source)).collect();
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("{{{}}} : ({})", columns.join(" "), words.join(" "))
}
