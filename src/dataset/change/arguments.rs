//! The arguments of a change: the key of the row, and a value for each column that is given.
//!
//! What is not understood is refused, as for reads. The column that holds the tenant is no argument; it is the server's to set.

use serde_json::{Map, Value as Json};

use super::shown::Shown;
use super::value;
use crate::catalog::{Change, Column};
use crate::dataset::arguments::{ArgumentError, key, refuse_unknown};
use crate::dataset::face::Face;
use crate::dataset::relation::{Affinity, Relation};
use crate::dataset::request::Operand;
use crate::dataset::statement::Bind;
use crate::model::Name;

/// What a caller asks to be changed, typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChangeRequest {
    /// The key of the row; empty for a new one.
    pub(super) key: Vec<Operand>,
    /// The columns that are given, each with the value to bind (`None` is NULL).
    pub(super) given: Vec<(Name, Option<Bind>)>,
    /// The row that a person said yes to, where one was asked.
    pub(super) shown: Option<Shown>,
}

/// The columns that a caller can give, as the policy and the database have it.
pub(super) fn written<'a>(face: &'a Face, relation: Option<&'a Relation>) -> impl Iterator<Item = &'a Column> {
    face.written().filter(move |column| relation.is_none_or(|relation| !relation.computed.contains(&column.name)))
}

/// Parses the arguments of one change.
pub(super) fn parse(
    face: &Face,
    change: Change,
    relation: &Relation,
    arguments: &Map<String, Json>,
) -> Result<ChangeRequest, ArgumentError> {
    let dataset = face.dataset();
    let by_key = change != Change::Create;
    let columns: Vec<&Column> = written(face, Some(relation)).collect();
    let keys = dataset.key.iter().filter(|_| by_key).map(Name::as_str);
    let known: Vec<&str> = keys.chain(columns.iter().map(|column| column.name.as_str())).collect();
    refuse_unknown("argument", "", arguments.keys(), &known)?;
    let mut given = Vec::new();
    for column in columns {
        let name = column.name.as_str();
        let Some(value) = arguments.get(name) else {
            if change == Change::Create && relation.needed.contains(&column.name) {
                return Err(missing(name, "a value: a new row needs it"));
            }
            continue;
        };
        if value.is_null() && relation.never_null.contains(&column.name) {
            let (argument, found) = (name.to_owned(), "null".to_owned());
            return Err(ArgumentError::Wrong { argument, found, expected: "a value; it cannot be empty".to_owned() });
        }
        let affinity = relation.affinities.get(&column.name).copied().unwrap_or(Affinity::Blob);
        let is_key = dataset.key.contains(&column.name);
        given.push((column.name.clone(), value::stored(column, affinity, is_key, value)?));
    }
    if change == Change::Update && given.is_empty() {
        let names: Vec<String> = written(face, Some(relation)).map(|column| format!("`{}`", column.name)).collect();
        return Err(missing("…", &format!("at least one column to change: {}", names.join(", "))));
    }
    let key = if by_key { key(dataset, arguments)? } else { Vec::new() };
    Ok(ChangeRequest { key, given, shown: None })
}

fn missing(argument: &str, expected: &str) -> ArgumentError {
    ArgumentError::Missing { argument: argument.to_owned(), expected: expected.to_owned() }
}
