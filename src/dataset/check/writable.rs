//! A dataset that is declared `writable` must be a table whose rows can be changed one by one, and made, from what is declared.

use std::collections::BTreeSet;

use super::key::proves;
use super::object::{Object, StoredColumn, Unsaid};
use super::{CheckError, Findings, Warning};
use crate::catalog::{Change, Column, Dataset, TenantRule};
use crate::dataset::cell::Cell;
use crate::dataset::database::{Database, DatabaseError};
use crate::dataset::statement::{Bind, Statement};
use crate::model::Name;

/// What the database says about writing a table.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The columns that it computes.
    pub(super) computed: BTreeSet<Name>,
    /// The columns that a new row must be given.
    pub(super) needed: BTreeSet<Name>,
}

pub(super) async fn check(
    dataset: &Dataset,
    object: &Object,
    database: &Database,
    findings: &mut Findings,
) -> Result<Written, CheckError> {
    if dataset.writable.is_empty() {
        return Ok(Written::default());
    }
    let mut refuse = |why: String| {
        findings.errors.push(CheckError::NotWritable {
            dataset: dataset.name.clone(),
            table: object.name.clone(),
            why,
        });
    };
    if !object.is_table {
        refuse("it is not a table of its own; declare the table, or leave `writable` out".to_owned());
        return Ok(Written::default());
    }
    let key: Vec<&Column> = dataset.key.iter().filter_map(|name| dataset.column(name.as_str())).collect();
    let is_rowid = |column: &Column| object.columns.iter().any(|own| own.is_rowid && own.name == column.source);
    if !key.iter().any(|column| is_rowid(column)) && !object.indexes.iter().any(|index| proves(index, &key)) {
        refuse("no unique index keeps the key unique, so that a change could meet two rows; create one".to_owned());
    }
    let declared = |stored: &StoredColumn| dataset.columns.iter().find(|column| column.source == stored.name);
    let unsaid = |stored: &StoredColumn| stored.unsaid == Unsaid::Nothing && !stored.is_rowid;
    let needed = |stored: &&StoredColumn| stored.never_null && unsaid(stored);
    let is_tenant = |column: &Column| matches!(&dataset.tenant, TenantRule::Column(own) if *own == column.name);
    if dataset.writable.contains(&Change::Create) {
        let given = |stored: &&StoredColumn| declared(stored).is_some_and(|column| column.expose || is_tenant(column));
        for stored in object.columns.iter().filter(needed).filter(|stored| !given(stored)) {
            refuse(format!(
                "a new row needs a value for `{}`, which is not declared and exposed; declare it, give it a default in the \
                 database, or leave \"create\" out",
                stored.name
            ));
        }
    }
    for (table, action) in follows(object, database).await.map_err(|source| CheckError::Unreadable {
        dataset: dataset.name.clone(),
        table: object.name.clone(),
        source,
    })? {
        let dataset = dataset.name.clone();
        findings.warnings.push(Warning::Follows { dataset, table, action });
    }
    let is_key = |stored: &StoredColumn| key.iter().any(|column| column.source == stored.name);
    // A key that may be empty in the table is not one of a row.
    let given = |stored: &&StoredColumn| needed(stored) || is_key(stored) && unsaid(stored);
    let names =
        |columns: Vec<&StoredColumn>| columns.into_iter().filter_map(&declared).map(|c| c.name.clone()).collect();
    Ok(Written {
        computed: names(object.columns.iter().filter(|stored| stored.unsaid == Unsaid::Computed).collect()),
        needed: names(object.columns.iter().filter(given).collect()),
    })
}

/// The foreign keys by which the database changes rows of other tables along with those of this one.
async fn follows(object: &Object, database: &Database) -> Result<Vec<(String, String)>, DatabaseError> {
    let mut statement = Statement::default();
    statement
        .sql("SELECT DISTINCT m.name, f.on_delete, f.on_update FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f ")
        .sql("WHERE m.type = 'table' AND lower(f.\"table\") = lower(")
        .bind(Bind::Text(object.name.as_str().into()))
        .sql(") ORDER BY 1, 2, 3");
    let rows = database.fetch(statement).await?;
    let acts = |action: &str| matches!(action, "CASCADE" | "SET NULL" | "SET DEFAULT");
    let found = rows.into_iter().filter_map(|row| match <[Cell; 3]>::try_from(row) {
        Ok([Cell::Text(table), Cell::Text(deleted), Cell::Text(_)]) if acts(&deleted) => {
            Some((table, format!("ON DELETE {deleted}")))
        }
        Ok([Cell::Text(table), Cell::Text(_), Cell::Text(updated)]) if acts(&updated) => {
            Some((table, format!("ON UPDATE {updated}")))
        }
        Ok(_) | Err(_) => None,
    });
    Ok(found.collect())
}
