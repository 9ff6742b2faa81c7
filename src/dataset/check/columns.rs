//! Columns: they exist, their storage can have the declared type, and they compare as bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::object::{Object, StoredColumn};
use super::{CheckError, Findings, Warning, has_column};
use crate::catalog::{Column, ColumnType, Dataset, TimeStorage};
use crate::dataset::cell::Cell;
use crate::dataset::database::{Database, DatabaseError};
use crate::dataset::relation::Affinity;
use crate::dataset::statement::{Bind, Statement};
use crate::model::Name;
use crate::model::{nearest, suggestion};

/// Whether values of a declared type can stand in a column.
enum Fit {
    Yes,
    /// Only those that do not look like a number.
    InPart,
    No(&'static str),
}

pub(super) async fn check(
    dataset: &Dataset,
    object: &Object,
    database: &Database,
    findings: &mut Findings,
) -> Result<(BTreeMap<Name, Affinity>, BTreeSet<Name>), CheckError> {
    let (mut affinities, mut never_null) = (BTreeMap::new(), BTreeSet::new());
    for column in &dataset.columns {
        let Some(stored) = object.columns.iter().find(|stored| stored.name == column.source) else {
            findings.errors.push(missing(dataset, object, column));
            continue;
        };
        affinities.insert(column.name.clone(), stored.affinity);
        if stored.never_null {
            never_null.insert(column.name.clone());
        }
        match fit(column.kind, stored.affinity) {
            Fit::Yes => {}
            Fit::InPart => findings.warnings.push(Warning::Converted {
                dataset: dataset.name.clone(),
                column: column.name.clone(),
                stored: stored.declared.clone(),
            }),
            Fit::No(why) => findings.errors.push(storage(dataset, object, column, stored, why)),
        }
        if holds_text(column.kind) {
            let collation = collation(object, column, database).await.map_err(|source| CheckError::Unreadable {
                dataset: dataset.name.clone(),
                table: object.name.clone(),
                source,
            })?;
            if collation != "BINARY" {
                let view = view(dataset, object, column, &["", " COLLATE BINARY"]);
                let (dataset, column) = (dataset.name.clone(), column.name.clone());
                findings.errors.push(CheckError::Collation { dataset, column, collation, view });
            }
        }
    }
    Ok((affinities, never_null))
}

fn missing(dataset: &Dataset, object: &Object, column: &Column) -> CheckError {
    let known: Vec<&str> = object.columns.iter().map(|column| column.name.as_str()).collect();
    let suggestion = suggestion(nearest(&column.source, known.iter().copied()));
    CheckError::NoColumn {
        dataset: dataset.name.clone(),
        table: object.name.clone(),
        column: column.source.clone(),
        suggestion: if suggestion.is_empty() { ".".to_owned() } else { suggestion },
        known: known.join(", "),
    }
}

fn fit(kind: ColumnType, affinity: Affinity) -> Fit {
    const TEXT_BECOMES_NUMBER: &str = "text that looks like a number becomes one";
    const NUMBER_BECOMES_TEXT: &str = "every number becomes text";
    match (kind, affinity) {
        (ColumnType::Id, Affinity::Real) => Fit::No("an integer becomes a number with a fraction"),
        (
            ColumnType::Text | ColumnType::Json | ColumnType::Time(TimeStorage::Text),
            Affinity::Integer | Affinity::Real,
        ) => Fit::No(TEXT_BECOMES_NUMBER),
        (ColumnType::Text, Affinity::Numeric) => Fit::InPart,
        (
            ColumnType::Number
            | ColumnType::Boolean
            | ColumnType::Time(TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian),
            Affinity::Text,
        ) => Fit::No(NUMBER_BECOMES_TEXT),
        (ColumnType::Boolean, Affinity::Real) => Fit::No("1 and 0 become 1.0 and 0.0"),
        (ColumnType::Bytes, Affinity::Text | Affinity::Integer | Affinity::Real) => {
            Fit::No("bytes are not what the database means to store")
        }
        (ColumnType::Id, Affinity::Text | Affinity::Integer | Affinity::Numeric | Affinity::Blob)
        | (ColumnType::Text, Affinity::Text | Affinity::Blob)
        | (
            ColumnType::Json | ColumnType::Time(TimeStorage::Text),
            Affinity::Text | Affinity::Numeric | Affinity::Blob,
        )
        | (
            ColumnType::Number | ColumnType::Time(TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian),
            Affinity::Integer | Affinity::Real | Affinity::Numeric | Affinity::Blob,
        )
        | (ColumnType::Boolean, Affinity::Integer | Affinity::Numeric | Affinity::Blob)
        | (ColumnType::Bytes, Affinity::Numeric | Affinity::Blob) => Fit::Yes,
    }
}

fn storage(
    dataset: &Dataset,
    object: &Object,
    column: &Column,
    stored: &StoredColumn,
    why: &'static str,
) -> CheckError {
    let cast = match column.kind {
        ColumnType::Id | ColumnType::Text | ColumnType::Time(TimeStorage::Text) | ColumnType::Json => "TEXT",
        ColumnType::Number | ColumnType::Time(TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian) => {
            "NUMERIC"
        }
        ColumnType::Boolean => "INTEGER",
        ColumnType::Bytes => "BLOB",
    };
    let affinity = match stored.affinity {
        Affinity::Text => "TEXT",
        Affinity::Integer => "INTEGER",
        Affinity::Real => "REAL",
        Affinity::Numeric => "NUMERIC",
        Affinity::Blob => "no",
    };
    CheckError::Storage {
        dataset: dataset.name.clone(),
        column: column.name.clone(),
        kind: column.kind.as_str(),
        stored: stored.declared.clone(),
        affinity,
        why,
        view: view(dataset, object, column, &["CAST(", " AS ", cast, ")"]),
    }
}

/// The view over the declared columns in which one of them is mended: its name goes after the first part.
fn view(dataset: &Dataset, object: &Object, mended: &Column, around: &[&str]) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (before, after) = around.split_first().map_or(("", String::new()), |(b, a)| (*b, a.concat()));
    let columns: Vec<String> = dataset
        .columns
        .iter()
        .filter(|column| has_column(object, &column.source))
        .map(|column| {
            let name = quoted(&column.source);
            if column.name == mended.name { format!("{before}{name}{after} AS {name}") } else { name }
        })
        .collect();
    let view = quoted(&format!("{}_exposed", object.name));
    format!("CREATE VIEW {view} AS SELECT {} FROM {}", columns.join(", "), quoted(&object.name))
}

fn holds_text(kind: ColumnType) -> bool {
    match kind {
        ColumnType::Id | ColumnType::Text | ColumnType::Time(TimeStorage::Text) => true,
        ColumnType::Number
        | ColumnType::Boolean
        | ColumnType::Json
        | ColumnType::Bytes
        | ColumnType::Time(TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian) => false,
    }
}

/// The collation by which the column compares, as the program of a comparison names it; for tables and views alike.
///
/// No pragma tells it. A comparison's instruction carries it as `NAME-8` (the encoding). An answer that cannot be read
/// is not `BINARY`, and is refused.
async fn collation(object: &Object, column: &Column, database: &Database) -> Result<String, DatabaseError> {
    let mut statement = Statement::default();
    // The `+` keeps indexes out of it: a seek would name no collation.
    statement.sql("EXPLAIN SELECT 1 FROM ").name(&object.name).sql(" AS t WHERE +t.").name(&column.source);
    statement.sql(" < ").bind(Bind::Text("".into()));
    let mut found: Option<String> = None;
    for instruction in database.fetch(statement).await? {
        // addr, opcode, p1, p2, p3, p4, p5, comment
        let [_, Cell::Text(opcode), _, _, _, operand, ..] = &instruction[..] else { continue };
        if !matches!(opcode.as_str(), "Lt" | "Le" | "Gt" | "Ge") {
            continue;
        }
        let name = match operand {
            Cell::Text(operand) => operand.rsplit_once('-').map_or(operand.as_str(), |(name, _encoding)| name),
            // A rowid or an expression has no collation of its own, and compares as bytes.
            Cell::Null => "BINARY",
            Cell::Integer(_) | Cell::Real(_) | Cell::BrokenText(_) | Cell::Bytes(_) => "an unknown collation",
        };
        if found.as_deref().is_some_and(|other| other != name) {
            return Ok("more than one collation".to_owned());
        }
        found = Some(name.to_owned());
    }
    Ok(found.unwrap_or_else(|| "an unknown collation".to_owned()))
}
