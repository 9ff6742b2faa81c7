//! Holds the declared datasets against the real database, before anything is answered from it.
//!
//! What would make an answer wrong is refused: a missing column, a type that the storage cannot have, a collation that
//! compares `A` with `a`. What only makes it slow, or cannot be proved, is a warning that says what to do. The database is
//! asked what it has and how it would compare; its schema text is read only where there is nothing to ask (the options of
//! a full-text table). This module alone makes a [`Schema`].

mod cells;
mod columns;
mod fts;
mod index;
mod key;
mod object;
mod report;
mod writable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use report::{CheckError, Warning};

use self::object::{Catalogue, Object};
use super::database::Database;
use super::relation::{Relation, Schema};
use crate::catalog::{Catalog, ColumnType, Dataset};

/// Checks every dataset.
///
/// # Errors
///
/// With everything that is wrong, not only the first.
pub async fn check(catalog: &Catalog, database: &Database) -> Result<(Schema, Vec<Warning>), Vec<CheckError>> {
    let catalogue = Catalogue::read(database).await.map_err(|error| vec![error])?;
    let mut findings = Findings::default();
    let mut relations = BTreeMap::new();
    for (name, dataset) in &catalog.datasets {
        match relation(dataset, &catalogue, database, &mut findings).await {
            Ok(relation) => {
                relations.insert(name.clone(), Arc::new(relation));
            }
            Err(error) => findings.errors.push(error),
        }
    }
    if findings.errors.is_empty() { Ok((Schema { relations }, findings.warnings)) } else { Err(findings.errors) }
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    errors: Vec<CheckError>,
    warnings: Vec<Warning>,
}

/// One dataset. An error that is returned makes further checks of it pointless; the others are collected.
async fn relation(
    dataset: &Arc<Dataset>,
    catalogue: &Catalogue,
    database: &Database,
    findings: &mut Findings,
) -> Result<Relation, CheckError> {
    let object = catalogue.object(dataset, database).await?;
    declarations(dataset, findings);
    let (affinities, never_null) = columns::check(dataset, &object, database, findings).await?;
    let complete = affinities.len() == dataset.columns.len();
    let mut divides = BTreeSet::new();
    let mut written = writable::Written::default();
    if complete {
        cells::check(dataset, &object, database, findings).await;
        key::check(dataset, &object, database, findings).await?;
        divides = index::check(dataset, &object, findings);
        fts::check(dataset, &object, catalogue, database, findings).await?;
        written = writable::check(dataset, &object, database, findings).await?;
    }
    let writable::Written { computed, needed } = written;
    Ok(Relation { never_null, divides, computed, needed, ..Relation::of(Arc::clone(dataset), affinities) })
}

/// What everybody is given must be there for everybody, and what is in no answer must not order one.
fn declarations(dataset: &Dataset, findings: &mut Findings) {
    for name in &dataset.key {
        match dataset.column(name.as_str()) {
            Some(column) if matches!(column.kind, ColumnType::Json | ColumnType::Bytes) => {
                findings.errors.push(CheckError::KeyType { dataset: dataset.name.clone(), column: name.clone() });
            }
            Some(column) if column.expose && !column.protected => {}
            Some(_) | None => {
                findings.errors.push(CheckError::HiddenKey { dataset: dataset.name.clone(), column: name.clone() });
            }
        }
    }
    for term in &dataset.order {
        if !dataset.column(term.column.as_str()).is_some_and(|column| column.expose) {
            let (dataset, column) = (dataset.name.clone(), term.column.clone());
            findings.errors.push(CheckError::HiddenOrder { dataset, column });
        }
    }
}

fn has_column(object: &Object, source: &str) -> bool {
    object.columns.iter().any(|column| column.name == source)
}

#[cfg(test)]
mod tests;
