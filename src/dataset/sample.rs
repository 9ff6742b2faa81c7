//! A database made of rows that somebody wrote down, for `policy test`: the declared tables with these rows in them, so that
//! what is tested is the statement that is served.
//!
//! It is a file of its own that is not there before. Columns have the type of their declaration, keys are unique, and there
//! is nothing else: no index, no view, no full-text table.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

use super::arguments::{ArgumentError, operand};
use super::database;
use super::moment;
use super::request::Operand;
use super::statement::{Bind, Statement};
use crate::catalog::{Catalog, Column, ColumnType, Dataset, TimeStorage};
use crate::model::Number;

/// Why the rows are not in a database.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The file or a table of it could not be made.
    #[error("the database for the written rows could not be made")]
    Make(#[source] sqlx::Error),
    /// A row is not taken: its key is there already.
    #[error("the row cannot stand beside the others")]
    Row {
        /// Its place in the list of rows, from 0.
        index: usize,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
}

/// One written row: the values of its columns as they are stored. A column that is not written is empty.
#[derive(Debug, Clone)]
pub struct WrittenRow {
    dataset: Arc<Dataset>,
    cells: Vec<(String, Bind)>,
}

impl WrittenRow {
    /// A row of a dataset without a value yet.
    pub fn new(dataset: &Arc<Dataset>) -> Self {
        Self { dataset: Arc::clone(dataset), cells: Vec::new() }
    }

    /// Puts a value in, in the form that answers have it.
    ///
    /// # Errors
    ///
    /// Says what was found and what would be right, when the value is not of the column's type.
    pub fn set(&mut self, column: &Column, value: &Json) -> Result<(), String> {
        let cell = stored(column, value)?;
        self.cells.push((column.source.clone(), cell));
        Ok(())
    }
}

/// How a value stands in the database.
fn stored(column: &Column, value: &Json) -> Result<Bind, String> {
    let wrong = |expected: &str| format!("`{}` is {value}; expected {expected}", column.name);
    let text = || value.as_str().ok_or(());
    match column.kind {
        ColumnType::Json => match text().map(serde_json::from_str::<Json>) {
            Ok(Ok(json)) => Ok(Bind::Text(json.to_string().into())),
            Ok(Err(_)) | Err(()) => Err(wrong("a text that is a JSON value, as in '{\"a\": 1}'")),
        },
        ColumnType::Bytes => match text().map(|text| STANDARD.decode(text)) {
            Ok(Ok(bytes)) => Ok(Bind::Bytes(bytes)),
            Ok(Err(_)) | Err(()) => Err(wrong("bytes in base64")),
        },
        ColumnType::Id | ColumnType::Text | ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) => {
            operand(column, column.name.as_str(), value).map(|operand| bind(column, operand)).map_err(|error| {
                match error {
                    ArgumentError::Wrong { expected, .. } => wrong(&expected),
                    ArgumentError::Unknown { .. } | ArgumentError::Missing { .. } | ArgumentError::NoSearch(_) => {
                        error.to_string()
                    }
                }
            })
        }
    }
}

fn bind(column: &Column, operand: Operand) -> Bind {
    match operand {
        Operand::Id(text) | Operand::Text(text) => Bind::Text(text),
        Operand::Number(Number::Integer(integer)) => Bind::Integer(integer),
        Operand::Number(Number::Real(real)) => Bind::Real(real),
        Operand::Boolean(boolean) => Bind::Integer(i64::from(boolean)),
        Operand::Time(time) => {
            let number = if let ColumnType::Time(storage) = column.kind { moment::number(storage, time) } else { None };
            number.unwrap_or_else(|| Bind::Text(time.to_string().into()))
        }
    }
}

/// Makes the file with every declared table and these rows.
///
/// # Errors
///
/// When the file cannot be made, or a row has the key of another.
pub async fn make(file: &Path, catalog: &Catalog, rows: &[WrittenRow]) -> Result<(), SampleError> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(SampleError::Make)?;
    for (table, shape) in tables(catalog) {
        run(shape.create(table), &mut connection).await.map_err(SampleError::Make)?;
    }
    for (index, row) in rows.iter().enumerate() {
        run(insert(row), &mut connection).await.map_err(|source| SampleError::Row { index, source })?;
    }
    connection.close().await.map_err(SampleError::Make)
}

/// A table that one or more datasets are declared over.
#[derive(Default)]
struct Shape<'a> {
    /// Each column with the storage of its type; none where two declarations disagree, so that nothing is converted.
    columns: Vec<(&'a str, &'static str)>,
    keys: Vec<Vec<&'a str>>,
}

fn tables(catalog: &Catalog) -> BTreeMap<&str, Shape<'_>> {
    let mut tables: BTreeMap<&str, Shape<'_>> = BTreeMap::new();
    for dataset in catalog.datasets.values() {
        let shape = tables.entry(&dataset.table).or_default();
        for column in &dataset.columns {
            let storage = storage(column.kind);
            match shape.columns.iter_mut().find(|(source, _)| *source == column.source) {
                Some((_, other)) if *other != storage => *other = "",
                Some(_) => {}
                None => shape.columns.push((&column.source, storage)),
            }
        }
        let sources = dataset.key.iter().filter_map(|name| dataset.column(name.as_str()));
        let key = sources.map(|column| column.source.as_str()).collect();
        if !shape.keys.contains(&key) {
            shape.keys.push(key);
        }
    }
    tables
}

fn storage(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Id | ColumnType::Text | ColumnType::Json | ColumnType::Time(TimeStorage::Text) => " TEXT",
        ColumnType::Number | ColumnType::Time(TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian) => {
            " NUMERIC"
        }
        ColumnType::Boolean => " INTEGER",
        ColumnType::Bytes => " BLOB",
    }
}

impl Shape<'_> {
    fn create(&self, table: &str) -> Statement {
        let mut out = Statement::default();
        out.sql("CREATE TABLE ").name(table).sql(" (");
        for (index, (column, storage)) in self.columns.iter().enumerate() {
            out.sql(if index == 0 { "" } else { ", " }).name(column).sql(storage);
        }
        for key in &self.keys {
            for (index, column) in key.iter().enumerate() {
                out.sql(if index == 0 { ", UNIQUE (" } else { ", " }).name(column);
            }
            out.sql(")");
        }
        out.sql(")");
        out
    }
}

fn insert(row: &WrittenRow) -> Statement {
    let mut out = Statement::default();
    out.sql("INSERT INTO ").name(&row.dataset.table);
    for (index, (column, _)) in row.cells.iter().enumerate() {
        out.sql(if index == 0 { " (" } else { ", " }).name(column);
    }
    for (index, (_, value)) in row.cells.iter().enumerate() {
        out.sql(if index == 0 { ") VALUES (" } else { ", " }).bind(value.clone());
    }
    out.sql(if row.cells.is_empty() { " DEFAULT VALUES" } else { ")" });
    out
}

async fn run(statement: Statement, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let (text, binds) = statement.into_parts();
    let arguments = database::arguments(binds)?;
    // The text is ours and quoted names; every value is bound (`Statement` has no other way in).
    sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await.map(drop)
}
