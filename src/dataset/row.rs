//! One row with every declared column, as policies see it: those that no answer has among them.

use super::cell::Cell;
use super::condition::ColumnRef;
use super::database::Database;
use super::filter;
use super::preview::PreviewError;
use super::relation::Schema;
use super::request::{Ask, Request, Test};
use super::run::RunError;
use super::sql::SqlError;
use super::statement::Statement;
use crate::catalog::ColumnType;
use crate::model::{Number, Value};
use crate::policy::{Operator, Row, RowFilter};
use serde_json::Value as Json;

const TABLE: &str = "t";

/// Reads the row that a request names by its key, if it is in the filter. For `preview` alone.
///
/// # Errors
///
/// When the request names no key, or the database refuses.
pub async fn row(
    database: &Database,
    schema: &Schema,
    request: &Request,
    filter: &RowFilter,
) -> Result<Option<Row>, PreviewError> {
    let dataset = request.dataset();
    let Ask::Get { key } = &request.ask else { return Err(PreviewError::NoKey(dataset.name.clone())) };
    let missing = || SqlError::Dataset(dataset.name.clone());
    let relation = schema.relations.get(&dataset.name).ok_or_else(missing)?;
    let mut columns = Vec::with_capacity(dataset.columns.len());
    for column in &dataset.columns {
        let affinity = *relation.affinities.get(&column.name).ok_or_else(missing)?;
        columns.push(ColumnRef { alias: TABLE, declared: column, affinity });
    }
    let mut statement = Statement::default();
    for (index, column) in columns.iter().enumerate() {
        statement.sql(if index == 0 { "SELECT " } else { ", " });
        column.name(&mut statement);
    }
    statement.sql(" FROM ").name(&dataset.table).sql(" AS t WHERE (");
    filter::render(filter, schema, TABLE, &mut statement)
        .map_err(|source| SqlError::Filter { dataset: dataset.name.clone(), source })?;
    statement.sql(")");
    for (name, value) in dataset.key.iter().zip(key) {
        let column = columns.iter().find(|column| column.declared.name == *name).ok_or_else(missing)?;
        statement.sql(" AND ");
        column.test(&Test::Compare(Operator::Equal, value.clone()), &mut statement);
    }
    statement.sql(" LIMIT 2");
    let mut rows = database.fetch(statement).await.map_err(RunError::from)?;
    if rows.len() > 1 {
        return Err(RunError::AmbiguousKey(dataset.name.clone()).into());
    }
    let named = |cells: Vec<Cell>| {
        let values =
            columns.iter().zip(cells).map(|(column, cell)| (column.declared.name.clone(), value(cell, column)));
        values.collect()
    };
    Ok(rows.pop().map(named))
}

/// The value of a cell; `None` where it is absent, or not of the declared type.
fn value(cell: Cell, column: &ColumnRef<'_>) -> Option<Value> {
    match cell.of_type(column.declared.kind)? {
        Json::String(text) if column.declared.kind != ColumnType::Json => Some(Value::text(text)),
        Json::Number(number) if column.declared.kind == ColumnType::Number => {
            Number::from_json(&number).map(Value::Number)
        }
        Json::Bool(boolean) if column.declared.kind == ColumnType::Boolean => Some(Value::Boolean(boolean)),
        // Conditions ask of JSON whether it is there, and nothing else.
        json @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_)) => {
            Some(Value::text(json.to_string()))
        }
    }
}
