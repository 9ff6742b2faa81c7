//! The one statement of a read. Pure: a plan and a filter go in, text and bound values come out.
//!
//! The row filter is always the first condition. Everything a caller says stands beside it, joined by AND, so that it can
//! only narrow. Nothing here counts, ranks or orders by rows outside the filter.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::Place;
use super::face::Face;
use super::filter::{self, FilterError};
use super::keyset::{self, Term};
use super::plan::{self, PageRead, Read, Shape};
use super::relation::{Affinity, Relation, Schema};
use super::request::{Filter, Operand, Test};
use super::statement::{Bind, Statement};
use crate::catalog::{Column, ColumnType, Dataset, OrderTerm, RoomRule};
use crate::model::{Name, Value};
use crate::policy::{ColumnRule, Operator, Predicate, RowFilter};

/// The alias of the dataset's table in every statement.
const TABLE: &str = "t";
/// The most data rooms that are merged; more are one condition.
const MOST_ROOMS: usize = 32;

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
    let name = &read.face.dataset().name;
    let relation = schema.relations.get(name).ok_or_else(|| SqlError::Dataset(name.clone()))?;
    let from = From { relation, face: &read.face, filter, schema };
    match &read.shape {
        Shape::Page(page) => from.page(page),
        Shape::Row(key) => from.row(key),
        Shape::Count(filters) => from.count(filters),
    }
}

/// One dataset within one filter.
struct From<'a> {
    relation: &'a Arc<Relation>,
    face: &'a Face,
    filter: &'a RowFilter,
    schema: &'a Schema,
}

impl<'a> From<'a> {
    fn dataset(&self) -> &'a Dataset {
        &self.relation.dataset
    }

    fn page(&self, page: &PageRead) -> Result<Rendered, SqlError> {
        let columns: Vec<&Column> = self.face.listed().collect();
        let terms = page.order.iter().map(|term| self.term(term)).collect::<Result<Vec<_>, _>>()?;
        let mut selected = columns.clone();
        let mut position = Vec::with_capacity(terms.len());
        for term in &terms {
            let column = term.place.column;
            let known = selected.iter().position(|other| other.name == column.name);
            position.push(known.unwrap_or(selected.len()));
            if known.is_none() {
                selected.push(column);
            }
        }
        let mut out = Statement::default();
        let rooms = self.rooms(page);
        let arms: &[RowFilter] = if rooms.is_empty() { std::slice::from_ref(self.filter) } else { &rooms };
        for (index, filter) in arms.iter().enumerate() {
            if index > 0 {
                out.sql(" UNION ALL ");
            }
            self.select(&selected, filter, &mut out)?;
            self.search(&page.words, &mut out)?;
            self.filters(&page.filters, &mut out)?;
            if let Some(after) = &page.after {
                out.sql(" AND ");
                keyset::after(&terms, after, &mut out);
            }
        }
        if rooms.is_empty() {
            keyset::order_by(&terms, &mut out);
        } else {
            keyset::order_by_place(&terms, &position, &mut out);
        }
        // One more than asked says whether there is another page.
        out.sql(" LIMIT ").bind(Bind::Integer(i64::from(page.limit) + 1));
        Ok(Rendered {
            statement: out,
            columns: answered(&columns),
            position,
            masks: self.masks(&columns, selected.len()),
        })
    }

    /// The filter once per data room, where a page is better merged from one index search per room: one condition on all
    /// of them would read a whole tenant to find the rows of a few rooms.
    fn rooms(&self, page: &PageRead) -> Vec<RowFilter> {
        let ([Predicate::In { column, values }], RoomRule::Column(room)) =
            (&self.filter.allow[..], &self.dataset().data_room)
        else {
            return Vec::new();
        };
        let distinct: BTreeSet<&Value> = values.iter().collect();
        let merged = self.relation.merges_rooms
            && column == room
            && self.filter.data_room.is_none()
            && page.words.is_empty()
            && page.order == plan::total(&self.dataset().order, self.face)
            && (2..=MOST_ROOMS).contains(&distinct.len());
        if !merged {
            return Vec::new();
        }
        let of_room = |value: &Value| Predicate::Compare {
            column: column.clone(),
            operator: Operator::Equal,
            value: value.clone(),
        };
        let arm = |value| RowFilter { allow: vec![of_room(value)], ..self.filter.clone() };
        distinct.into_iter().map(arm).collect()
    }

    fn row(&self, key: &[Operand]) -> Result<Rendered, SqlError> {
        let columns: Vec<&Column> = self.face.answered().collect();
        let mut out = Statement::default();
        self.select(&columns, self.filter, &mut out)?;
        for (name, value) in self.dataset().key.iter().zip(key) {
            out.sql(" AND ");
            self.place(name)?.test(&Test::Compare(Operator::Equal, value.clone()), &mut out);
        }
        // Two rows of one key are an error, not a choice.
        out.sql(" LIMIT 2");
        let masks = self.masks(&columns, columns.len());
        Ok(Rendered { statement: out, columns: answered(&columns), position: Vec::new(), masks })
    }

    fn count(&self, filters: &[Filter]) -> Result<Rendered, SqlError> {
        let mut out = Statement::default();
        out.sql("SELECT count(*)");
        self.within(self.filter, &mut out)?;
        self.filters(filters, &mut out)?;
        Ok(Rendered { statement: out, columns: Vec::new(), position: Vec::new(), masks: Vec::new() })
    }

    fn select(&self, columns: &[&Column], filter: &RowFilter, out: &mut Statement) -> Result<(), SqlError> {
        for (index, column) in columns.iter().enumerate() {
            out.sql(if index == 0 { "SELECT " } else { ", " });
            match self.face.mask(column) {
                None => self.place(&column.name)?.name(out),
                Some(rule) => {
                    self.where_read(rule, out)?;
                    self.place(&column.name)?.name(out.sql(" THEN "));
                    out.sql(" END");
                }
            }
        }
        for rule in columns.iter().filter_map(|column| self.face.mask(column)) {
            self.where_read(rule, out.sql(", "))?;
            out.sql(" THEN 0 ELSE 1 END");
        }
        self.within(filter, out)
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
        out.sql(" FROM ").name(&self.dataset().table).sql(" AS t WHERE (");
        filter::render(filter, self.schema, TABLE, out).map_err(|source| self.unfit(source))?;
        out.sql(")");
        Ok(())
    }

    fn filters(&self, filters: &[Filter], out: &mut Statement) -> Result<(), SqlError> {
        for filter in filters {
            out.sql(" AND ");
            self.place(&filter.column)?.test(&filter.test, out);
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
                self.place(&column.name)?.test(&Test::Contains(Arc::clone(word)), out);
            }
            out.sql(if columns.is_empty() { "0)" } else { ")" });
        }
        Ok(())
    }

    fn term(&self, term: &OrderTerm) -> Result<Term<'a>, SqlError> {
        let never_null = self.relation.never_null.contains(&term.column);
        Ok(Term { place: self.place(&term.column)?, direction: term.direction, never_null })
    }

    fn place(&self, name: &Name) -> Result<Place<'a>, SqlError> {
        let unknown = || SqlError::Column { dataset: self.dataset().name.clone(), column: name.clone() };
        let column = self.dataset().column(name.as_str()).ok_or_else(unknown)?;
        let affinity: Affinity = *self.relation.affinities.get(name).ok_or_else(unknown)?;
        Ok(Place { alias: TABLE, column, affinity })
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
