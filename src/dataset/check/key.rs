//! The key identifies one row: by an index that keeps it so, or, with a warning, by looking.

use std::time::Duration;

use super::object::{Index, Object};
use super::{CheckError, Findings, Warning};
use crate::catalog::{Column, Dataset};
use crate::dataset::database::{Database, DatabaseError};
use crate::dataset::statement::Statement;

/// How long the look at every row may take.
const LOOK: Duration = Duration::from_secs(30);

pub(super) async fn check(
    dataset: &Dataset,
    object: &Object,
    database: &Database,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let key: Vec<&Column> = dataset.key.iter().filter_map(|name| dataset.column(name.as_str())).collect();
    let unreadable =
        |source| CheckError::Unreadable { dataset: dataset.name.clone(), table: object.name.clone(), source };
    let is_rowid =
        key.iter().any(|column| object.columns.iter().any(|stored| stored.is_rowid && stored.name == column.source));
    if !is_rowid && !object.indexes.iter().any(|index| proves(index, &key)) {
        let columns = key.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
        match has_duplicates(object, &key, database).await {
            Ok(true) => {
                let table = object.name.clone();
                findings.errors.push(CheckError::DuplicateKey { dataset: dataset.name.clone(), table, columns });
                return Ok(());
            }
            Ok(false) => {
                findings.warnings.push(Warning::KeyNotEnforced { dataset: dataset.name.clone(), columns });
            }
            Err(DatabaseError::TimedOut(limit)) => {
                findings.warnings.push(Warning::KeyNotVerified { dataset: dataset.name.clone(), limit });
                return Ok(());
            }
            Err(source) => return Err(unreadable(source)),
        }
    }
    for column in key {
        let stored = object.columns.iter().find(|stored| stored.name == column.source);
        if stored.is_some_and(|stored| !stored.never_null)
            && has_null(object, column, database).await.map_err(unreadable)?
        {
            let (dataset, column) = (dataset.name.clone(), column.name.clone());
            findings.warnings.push(Warning::NullKey { dataset, column });
        }
    }
    Ok(())
}

/// A unique index over the key, or over a part of it, allows no two rows of one key.
pub(super) fn proves(index: &Index, key: &[&Column]) -> bool {
    index.unique
        && index
            .columns
            .iter()
            .take(index.own)
            .all(|column| column.name.as_ref().is_some_and(|name| key.iter().any(|of_key| of_key.source == *name)))
}

async fn has_duplicates(object: &Object, key: &[&Column], database: &Database) -> Result<bool, DatabaseError> {
    let mut statement = Statement::default();
    statement.sql("SELECT 1 FROM ").name(&object.name).sql(" AS t");
    for (index, column) in key.iter().enumerate() {
        statement.sql(if index == 0 { " WHERE t." } else { " AND t." }).name(&column.source);
        statement.sql(" IS NOT NULL");
    }
    for (index, column) in key.iter().enumerate() {
        statement.sql(if index == 0 { " GROUP BY t." } else { ", t." }).name(&column.source);
    }
    statement.sql(" HAVING count(*) > 1 LIMIT 1");
    Ok(!database.fetch_within(statement, LOOK).await?.is_empty())
}

async fn has_null(object: &Object, column: &Column, database: &Database) -> Result<bool, DatabaseError> {
    let mut statement = Statement::default();
    statement.sql("SELECT 1 FROM ").name(&object.name).sql(" AS t WHERE t.").name(&column.source);
    statement.sql(" IS NULL LIMIT 1");
    Ok(!database.fetch_within(statement, LOOK).await?.is_empty())
}
