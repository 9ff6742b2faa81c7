//! The tools that change a dataset, as a model sees them. Made for one face, like those that read: a column that somebody may
//! not write is not among the arguments, one that they may not read is nowhere.

use serde_json::{Map, Value as Json, json};

use super::arguments::written;
use super::value::MAX_WRITTEN;
use crate::catalog::{Change, Column, ColumnType};
use crate::dataset::arguments::MAX_TEXT;
use crate::dataset::describe::{Tool, columns, described, join, object, row, value};
use crate::dataset::face::Face;
use crate::dataset::relation::Relation;

/// One tool of a dataset for those who see this face of it, as the database has its table.
pub fn tool(change: Change, face: &Face, relation: Option<&Relation>) -> Tool {
    let dataset = &face.dataset().name;
    let words = dataset.as_str().replace('_', " ");
    let row = Json::Object(row(face.answered(), face));
    let mut answer = Map::new();
    answer.insert("row".to_owned(), row);
    Tool {
        name: change.tool_name(dataset),
        title: match change {
            Change::Create => format!("Create one of {words}"),
            Change::Update => format!("Change one of {words}"),
            Change::Delete => format!("Delete one of {words}"),
        },
        description: description(change, face, relation),
        dataset: dataset.clone(),
        input_schema: input(change, face, relation),
        output_schema: object(answer, vec!["row".to_owned()]),
    }
}

fn description(change: Change, face: &Face, relation: Option<&Relation>) -> String {
    let what = face.dataset().description.trim().trim_end_matches('.');
    let key = join(&face.dataset().key, " and ");
    match change {
        Change::Create => format!(
            "{what}. Creates one row and answers it as it is stored. What is left out is set by the database or stays empty.\n{}",
            columns(written(face, relation), face)
        ),
        Change::Update => format!(
            "{what}. Changes one row, found by its {key}, and answers it as it is stored then. What is left out stays as it is, \
             `null` empties a column, and the last change wins.\n{}",
            columns(written(face, relation), face)
        ),
        Change::Delete => format!("{what}. Deletes one row, found by its {key}, and answers it as it was."),
    }
}

fn input(change: Change, face: &Face, relation: Option<&Relation>) -> Map<String, Json> {
    let dataset = face.dataset();
    let (mut properties, mut required) = (Map::new(), Vec::new());
    if change != Change::Create {
        for column in dataset.key.iter().filter_map(|name| dataset.column(name.as_str())) {
            properties.insert(column.name.to_string(), described(value(column), column));
            required.push(column.name.to_string());
        }
    }
    for column in written(face, relation) {
        let is_needed = relation.is_some_and(|relation| relation.needed.contains(&column.name));
        if change == Change::Create && is_needed {
            required.push(column.name.to_string());
        }
        let is_nullable = relation.is_some_and(|relation| !relation.never_null.contains(&column.name)) && !is_needed;
        properties.insert(column.name.to_string(), described(given(column, is_nullable), column));
    }
    let mut input = object(properties, required);
    if change == Change::Update {
        input.insert("minProperties".to_owned(), json!(dataset.key.len() + 1));
    }
    input
}

/// The schema of a value that is written.
fn given(column: &Column, is_nullable: bool) -> Map<String, Json> {
    let mut schema = value(column);
    match (column.kind, &column.values) {
        (ColumnType::Id | ColumnType::Text, Some(values)) => {
            let mut values: Vec<Json> = values.iter().map(|value| json!(value)).collect();
            values.extend(is_nullable.then_some(Json::Null));
            schema.insert("enum".to_owned(), Json::Array(values));
        }
        (ColumnType::Id, None) => drop(schema.insert("maxLength".to_owned(), json!(MAX_TEXT))),
        (ColumnType::Text, None) => drop(schema.insert("maxLength".to_owned(), json!(MAX_WRITTEN))),
        (ColumnType::Bytes, _) => {
            schema.insert("type".to_owned(), json!("string"));
            schema.insert("contentEncoding".to_owned(), json!("base64"));
        }
        (ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) | ColumnType::Json, _) => {}
    }
    if let (true, Some(Json::String(kind))) = (is_nullable, schema.get("type").cloned()) {
        schema.insert("type".to_owned(), json!([kind, "null"]));
    }
    schema
}
