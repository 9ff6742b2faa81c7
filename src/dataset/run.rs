//! Runs a plan: binds, reads, decodes. The only function that answers the server from protected data takes a [`ReadPlan`] by
//! value; `preview` alone reads by a bare filter, for the command line.

use serde_json::{Map, Value as Json, json};

use super::cell::Cell;
use super::cursor::{CursorError, Pager, QueryDigest};
use super::database::{Database, DatabaseError, Reading};
use super::plan::{Read, ReadPlan, Shape};
use super::relation::Schema;
use super::sql::{self, Position, Rendered, SqlError};
use crate::catalog::ColumnType;
use crate::model::{Name, Person};
use crate::policy::RowFilter;

/// Why nothing was read. For the log; callers get [`RunError::SAFE`], whatever happened, because a database's own words
/// can tell of rows outside the scope.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no statement for this.
    #[error("the read could not be put into SQL")]
    Sql(#[from] SqlError),
    /// The database refused or was too slow.
    #[error("the read failed in the database")]
    Database(#[from] DatabaseError),
    /// Two rows have the key that was asked for.
    #[error("dataset `{0}` has more than one row of this key; declare a key that is unique")]
    AmbiguousKey(Name),
    /// The database answered in another form than was asked for.
    #[error("the database answered in an unexpected form")]
    Form,
}

impl RunError {
    /// What every caller is told.
    pub const SAFE: &'static str =
        "The data could not be read. Ask for less (narrower filters, a smaller page), or try again later.";
}

/// The member of a row that names the columns hidden in it; no column can have this name.
pub(super) const MASKED: &str = "masked";

/// Rows by column, in the order of the columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<Name>,
    /// One value per column; null where the cell is empty, not of the declared type, or hidden.
    pub rows: Vec<Vec<Json>>,
    /// For each row, the columns that are hidden in it; `None` where this caller sees every column in every row.
    pub masked: Option<Vec<Vec<Name>>>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// A page.
    Page {
        /// The rows.
        table: Table,
        /// Where the next page begins, if there is one.
        next: Option<Next>,
    },
    /// One row, or none that this caller can see.
    One(Table),
    /// A number of rows.
    Count(i64),
}

/// Where the next page begins: opaque until a [`Pager`] seals it for the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    position: Position,
    digest: QueryDigest,
}

impl Rows {
    /// How many rows leave with the answer, for the record; a count gives none away.
    pub fn given(&self) -> Option<u64> {
        match self {
            Self::Page { table, .. } | Self::One(table) => u64::try_from(table.rows.len()).ok(),
            Self::Count(_) => None,
        }
    }

    /// Whether a row was asked for and none is there.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Page { table, .. } | Self::One(table) => table.rows.is_empty(),
            Self::Count(_) => false,
        }
    }

    /// The structured answer, as the tool's output schema declares it; `None` where one row was asked for and is not there.
    ///
    /// # Errors
    ///
    /// When the next cursor cannot be sealed.
    pub fn structured(self, pager: &Pager<'_>) -> Result<Option<Map<String, Json>>, CursorError> {
        let mut answer = Map::new();
        match self {
            Self::Page { table, next } => {
                let cursor = next.map(|next| pager.seal(next.digest, &next.position)).transpose()?;
                answer.insert("rows".to_owned(), Json::Array(table.into_objects().collect()));
                answer.insert("next_cursor".to_owned(), cursor.map_or(Json::Null, Json::String));
            }
            Self::One(table) => {
                let Some(row) = table.into_objects().next() else { return Ok(None) };
                answer.insert("row".to_owned(), row);
            }
            Self::Count(count) => {
                answer.insert("count".to_owned(), json!(count));
            }
        }
        Ok(Some(answer))
    }
}

impl Table {
    pub(super) fn into_objects(self) -> impl Iterator<Item = Json> {
        let Self { columns, rows, masked } = self;
        let mut masked = masked.map(Vec::into_iter);
        rows.into_iter().map(move |row| {
            let mut object: Map<String, Json> = columns.iter().map(Name::to_string).zip(row).collect();
            if let Some(hidden) = masked.as_mut().and_then(Iterator::next) {
                object.insert(MASKED.to_owned(), hidden.iter().map(Name::to_string).collect());
            }
            Json::Object(object)
        })
    }
}

/// Runs a plan, once, in the turn of whoever asks.
///
/// # Errors
///
/// When the database refuses, is too slow, or does not have what was declared.
pub async fn read(database: &Database, schema: &Schema, plan: ReadPlan, person: &Person) -> Result<Rows, RunError> {
    let (filter, read) = plan.parts();
    within(database, schema, read, filter, Reading::Person(person)).await
}

/// Runs a read within a filter. For [`read`] and `preview` alone.
pub(super) async fn within(
    database: &Database,
    schema: &Schema,
    read: &Read,
    filter: &RowFilter,
    whom: Reading<'_>,
) -> Result<Rows, RunError> {
    let Rendered { statement, columns, position, masks } = sql::render(read, filter, schema)?;
    let mut rows = database.fetch_for(whom, statement).await?;
    match &read.shape {
        Shape::Page(page) => {
            let asked = usize::from(page.limit);
            let more = rows.len() > asked;
            rows.truncate(asked);
            let last = if more { rows.last() } else { None };
            let next = last.map(|last| Next {
                position: position.iter().filter_map(|index| last.get(*index).cloned()).collect(),
                digest: page.digest,
            });
            Ok(Rows::Page { table: table(&columns, &masks, rows), next })
        }
        Shape::Row(_) if rows.len() > 1 => Err(RunError::AmbiguousKey(read.face.dataset().name.clone())),
        Shape::Row(_) => Ok(Rows::One(table(&columns, &masks, rows))),
        Shape::Count(_) => match rows.pop().as_deref() {
            Some([Cell::Integer(count)]) => Ok(Rows::Count(*count)),
            Some(_) | None => Err(RunError::Form),
        },
    }
}

pub(super) fn table(columns: &[(Name, ColumnType)], masks: &[(Name, usize)], rows: Vec<Vec<Cell>>) -> Table {
    // Only a 0 says that the column is read in this row.
    let hidden = |row: &Vec<Cell>| -> Vec<Name> {
        let hidden = masks.iter().filter(|(_, flag)| row.get(*flag) != Some(&Cell::Integer(0)));
        hidden.map(|(column, _)| column.clone()).collect()
    };
    let masked = (!masks.is_empty()).then(|| rows.iter().map(hidden).collect());
    // What stands after the answer's columns is the order's, and goes into the cursor only.
    let rows =
        rows.into_iter().map(|row| columns.iter().zip(row).map(|((_, kind), cell)| cell.into_json(*kind)).collect());
    Table { columns: columns.iter().map(|(name, _)| name.clone()).collect(), rows: rows.collect(), masked }
}
