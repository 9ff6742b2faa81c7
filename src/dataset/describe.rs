//! The tools that a dataset generates, as a model sees them: names, texts, JSON Schemas.
//!
//! The schemas say what `arguments` accepts and what `run` answers, from the same functions, so that they cannot drift.
//! They are made for one face of the dataset: a column that somebody may not read is not in their schemas. Who asks, for
//! which tenant and in which room is never an argument. Flat objects only, because clients differ in what else of JSON
//! Schema they understand.

use serde_json::{Map, Value as Json, json};

use super::arguments::{DEFAULT_LIMIT, MAX_IN_VALUES, MAX_LIMIT, MAX_ORDER, MAX_TEXT, operators};
use super::face::Face;
use super::run::MASKED;
use crate::catalog::Operation;
use crate::catalog::{Column, ColumnType, Direction};
use crate::model::Name;

/// A generated tool.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name, such as `list_documents`.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// What it does; the model reads this.
    pub description: String,
    /// Whose rows it reads or changes.
    pub dataset: Name,
    /// The JSON Schema of its arguments.
    pub input_schema: Map<String, Json>,
    /// The JSON Schema of its structured answer.
    pub output_schema: Map<String, Json>,
}

/// One tool of a dataset for those who see this face of it.
pub fn tool(operation: Operation, face: &Face) -> Tool {
    let dataset = &face.dataset().name;
    Tool {
        name: operation.tool_name(dataset),
        title: title(operation, dataset),
        description: description(operation, face),
        dataset: dataset.clone(),
        input_schema: input(operation, face),
        output_schema: output(operation, face),
    }
}

fn title(operation: Operation, dataset: &Name) -> String {
    let words = dataset.as_str().replace('_', " ");
    match operation {
        Operation::List => format!("List {words}"),
        Operation::Get => format!("Get one of {words}"),
        Operation::Search => format!("Search {words}"),
        Operation::Count => format!("Count {words}"),
    }
}

fn description(operation: Operation, face: &Face) -> String {
    let what = face.dataset().description.trim().trim_end_matches('.');
    match operation {
        Operation::List => format!(
            "{what}. Lists rows, {DEFAULT_LIMIT} at a time unless `limit` says otherwise{}. `next_cursor` is null on the last page.\n{}",
            default_order(face),
            columns(face.listed(), face)
        ),
        Operation::Get => format!(
            "{what}. Gets one row by its {}, with every column.\n{}",
            join(&face.dataset().key, " and "),
            columns(face.answered(), face)
        ),
        Operation::Search => {
            let searched: Vec<Name> = face.searched().map(|column| column.name.clone()).collect();
            format!(
                "{what}. Finds the rows that have every word of `query` in {}{}. `next_cursor` is null on the last page.\n{}",
                join(&searched, " or "),
                default_order(face),
                columns(face.listed(), face)
            )
        }
        Operation::Count => format!("{what}. Counts the rows that you can see and that pass `filter`."),
    }
}

fn default_order(face: &Face) -> String {
    let terms: Vec<String> = face
        .order()
        .map(|term| match term.direction {
            Direction::Ascending => format!("{}, smallest first", term.column),
            Direction::Descending => format!("{}, largest first", term.column),
        })
        .collect();
    if terms.is_empty() { String::new() } else { format!(", ordered by {}", terms.join("; then ")) }
}

pub(super) fn join(names: &[Name], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

pub(super) fn columns<'a>(columns: impl Iterator<Item = &'a Column>, face: &Face) -> String {
    let mut text = "Columns:".to_owned();
    for column in columns {
        text.push_str("\n- `");
        text.push_str(column.name.as_str());
        text.push_str("` (");
        text.push_str(word(column.kind));
        if face.mask(column).is_some() {
            text.push_str("; hidden in some rows");
        }
        text.push(')');
        if let Some(description) = &column.description {
            text.push_str(": ");
            text.push_str(description.trim());
        }
    }
    text
}

fn word(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Id => "identifier",
        ColumnType::Text => "text",
        ColumnType::Number => "number",
        ColumnType::Boolean => "boolean",
        ColumnType::Time(_) => "time",
        ColumnType::Json => "JSON",
        ColumnType::Bytes => "bytes, base64",
    }
}

fn input(operation: Operation, face: &Face) -> Map<String, Json> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    match operation {
        Operation::Get => {
            let dataset = face.dataset();
            for column in dataset.key.iter().filter_map(|name| dataset.column(name.as_str())) {
                properties.insert(column.name.to_string(), described(value(column), column));
                required.push(column.name.to_string());
            }
        }
        Operation::List => {
            properties.insert("filter".to_owned(), filter(face));
            properties.insert("order".to_owned(), order(face));
            page(&mut properties);
        }
        Operation::Search => {
            properties.insert(
                "query".to_owned(),
                json!({
                    "type": "string",
                    "description": "Words, separated by blanks; a row must contain every one of them. No operators.",
                    "minLength": 1,
                    "maxLength": MAX_TEXT,
                }),
            );
            required.push("query".to_owned());
            properties.insert("filter".to_owned(), filter(face));
            page(&mut properties);
        }
        Operation::Count => {
            properties.insert("filter".to_owned(), filter(face));
        }
    }
    object(properties, required)
}

fn page(properties: &mut Map<String, Json>) {
    properties.insert(
        "limit".to_owned(),
        json!({
            "type": "integer",
            "description": "How many rows at most.",
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "default": DEFAULT_LIMIT,
        }),
    );
    properties.insert(
        "cursor".to_owned(),
        json!({
            "type": "string",
            "description": "`next_cursor` of the last answer, with otherwise the same arguments, for the rows after it.",
        }),
    );
}

fn filter(face: &Face) -> Json {
    let columns = face.open().map(|column| {
        let tests = operators(column).iter().map(|operator| ((*operator).to_owned(), test(column, operator)));
        let mut of_column = object(tests.collect(), Vec::new());
        of_column.insert("minProperties".to_owned(), json!(1));
        (column.name.to_string(), described(of_column, column))
    });
    let mut filter = object(columns.collect(), Vec::new());
    let text = "Conditions on columns; a row must pass all of them. A comparison with an absent value never passes.";
    filter.insert("description".to_owned(), json!(text));
    Json::Object(filter)
}

fn test(column: &Column, operator: &str) -> Json {
    let (meaning, mut schema) = match operator {
        "ne" => ("is present and not equal to", value(column)),
        "lt" => ("is less than", value(column)),
        "lte" => ("is at most", value(column)),
        "gt" => ("is greater than", value(column)),
        "gte" => ("is at least", value(column)),
        "in" => {
            let list = json!({ "type": "array", "items": value(column), "minItems": 1, "maxItems": MAX_IN_VALUES });
            ("is one of", into_object(list))
        }
        "contains" => {
            let mut text = value(column);
            text.insert("minLength".to_owned(), json!(1));
            ("contains, whatever the case of A to Z", text)
        }
        "is_null" => ("is absent (true) or present (false)", into_object(json!({ "type": "boolean" }))),
        _ => ("is equal to", value(column)),
    };
    schema.insert("description".to_owned(), json!(meaning));
    Json::Object(schema)
}

fn order(face: &Face) -> Json {
    let names: Vec<String> =
        face.orderable().flat_map(|column| [column.name.to_string(), format!("-{}", column.name)]).collect();
    json!({
        "type": "array",
        "description": "Columns to order by, the first one first; `-` in front for largest first. Absent values are smallest.",
        "items": { "type": "string", "enum": names },
        "minItems": 1,
        "maxItems": MAX_ORDER,
    })
}

/// The schema of a value that a caller writes.
pub(super) fn value(column: &Column) -> Map<String, Json> {
    into_object(match (column.kind, &column.values) {
        (ColumnType::Text, Some(values)) => json!({ "type": "string", "enum": values }),
        (ColumnType::Id | ColumnType::Text, _) => json!({ "type": "string", "maxLength": MAX_TEXT }),
        (ColumnType::Number, _) => json!({ "type": "number" }),
        (ColumnType::Boolean, _) => json!({ "type": "boolean" }),
        (ColumnType::Time(_), _) => json!({ "type": "string", "format": "date-time" }),
        // Nobody writes one; `operators` offers only `is_null` for it.
        (ColumnType::Json | ColumnType::Bytes, _) => json!({}),
    })
}

/// The schema of a value in an answer: null where the cell is empty or not of its type.
fn answered(column: &Column) -> Map<String, Json> {
    into_object(match column.kind {
        ColumnType::Id | ColumnType::Text => json!({ "type": ["string", "null"] }),
        ColumnType::Number => json!({ "type": ["number", "null"] }),
        ColumnType::Boolean => json!({ "type": ["boolean", "null"] }),
        ColumnType::Time(_) => json!({ "type": ["string", "null"], "format": "date-time" }),
        ColumnType::Json => json!({}),
        ColumnType::Bytes => json!({ "type": ["string", "null"], "contentEncoding": "base64" }),
    })
}

fn output(operation: Operation, face: &Face) -> Map<String, Json> {
    let mut properties = Map::new();
    match operation {
        Operation::List | Operation::Search => {
            let row = Json::Object(row(face.listed(), face));
            properties.insert("rows".to_owned(), json!({ "type": "array", "items": row }));
            properties.insert(
                "next_cursor".to_owned(),
                json!({ "type": ["string", "null"], "description": "For the next page; null on the last one." }),
            );
        }
        Operation::Get => {
            properties.insert("row".to_owned(), Json::Object(row(face.answered(), face)));
        }
        Operation::Count => {
            properties.insert("count".to_owned(), json!({ "type": "integer", "minimum": 0 }));
        }
    }
    let required = properties.keys().cloned().collect();
    object(properties, required)
}

pub(super) fn row<'a>(columns: impl Iterator<Item = &'a Column>, face: &Face) -> Map<String, Json> {
    let (mut properties, mut masked) = (Map::new(), Vec::new());
    for column in columns {
        properties.insert(column.name.to_string(), described(answered(column), column));
        masked.extend(face.mask(column).map(|_| column.name.to_string()));
    }
    if !masked.is_empty() {
        let text = "The columns that are hidden in this row; they are null here, whatever they hold.";
        let names = json!({ "type": "string", "enum": masked });
        properties.insert(MASKED.to_owned(), json!({ "type": "array", "items": names, "description": text }));
    }
    let required = properties.keys().cloned().collect();
    object(properties, required)
}

pub(super) fn described(mut schema: Map<String, Json>, column: &Column) -> Json {
    if let Some(description) = &column.description {
        schema.insert("description".to_owned(), json!(description.trim()));
    }
    Json::Object(schema)
}

pub(super) fn object(properties: Map<String, Json>, required: Vec<String>) -> Map<String, Json> {
    let mut object = into_object(json!({ "type": "object" }));
    object.insert("properties".to_owned(), Json::Object(properties));
    if !required.is_empty() {
        let required = required.into_iter().map(Json::String).collect();
        object.insert("required".to_owned(), Json::Array(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn into_object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(object) => object,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    }
}
