//! The generated tools: that they say what the parser takes and the reader gives.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::fixture::{DOCUMENTS, World, documents, object, tenant};
use crate::catalog::{Dataset, Operation};
use crate::dataset::describe::{self, Tool};
use crate::dataset::{Face, arguments};

fn tools(dataset: Dataset) -> Vec<Tool> {
    let face = Face::declared(&Arc::new(dataset));
    face.operations().map(|operation| describe::tool(operation, &face)).collect()
}

fn tool(operation: Operation) -> Tool {
    tools(documents()).into_iter().find(|tool| tool.name.starts_with(operation.as_str())).unwrap()
}

#[test]
fn every_tool_is_described_for_a_model_without_hidden_columns_or_identity() {
    for tool in tools(documents()) {
        let text = format!(
            "{} {} {}",
            tool.description,
            Json::Object(tool.input_schema.clone()),
            Json::Object(tool.output_schema.clone())
        );
        assert!(text.contains("The documents of the test"), "{text}");
        for hidden in ["tenant", "secret\"", "`secret`", "principal", "$ref", "oneOf"] {
            // `secret` is also a declared value of `classification`.
            let text = text.replace("[\"public\",\"internal\",\"secret\"]", "");
            assert!(!text.contains(hidden), "{}: {hidden} in {text}", tool.name);
        }
        assert_eq!(tool.input_schema["additionalProperties"], false);
        assert_eq!(tool.input_schema["type"], "object");
        assert_eq!(tool.output_schema["type"], "object");
        assert!(tool.name.ends_with("_documents"), "{}", tool.name);
    }
    let mut unsearched = documents();
    unsearched.search = None;
    assert!(tools(unsearched).iter().all(|tool| !tool.name.starts_with("search")));
}

#[test]
fn the_input_schema_of_a_list_is_complete() {
    let schema = Json::Object(tool(Operation::List).input_schema);
    assert_eq!(
        schema.pointer("/properties/filter/properties/classification"),
        Some(&json!({
            "type": "object",
            "properties": {
                "eq": { "type": "string", "enum": ["public", "internal", "secret"], "description": "is equal to" },
                "ne": {
                    "type": "string", "enum": ["public", "internal", "secret"],
                    "description": "is present and not equal to",
                },
                "in": {
                    "type": "array", "items": { "type": "string", "enum": ["public", "internal", "secret"] },
                    "minItems": 1, "maxItems": 100, "description": "is one of",
                },
                "is_null": { "type": "boolean", "description": "is absent (true) or present (false)" },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "description": "Who may read it",
        }))
    );
    assert_eq!(
        schema.pointer("/properties/limit"),
        Some(&json!({
            "type": "integer", "description": "How many rows at most.", "minimum": 1, "maximum": 200, "default": 20,
        }))
    );
    let order = schema.pointer("/properties/order/items/enum").unwrap().as_array().unwrap();
    assert!(order.contains(&json!("-updated_at")) && !order.contains(&json!("secret")));
    assert!(!order.contains(&json!("extra")) && !order.contains(&json!("picture")));
}

/// The part of JSON Schema that the generated schemas use.
fn accepts(schema: &Json, value: &Json) -> Result<(), String> {
    let fail = |why: &str| Err(format!("{why}: {value} against {schema}"));
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_i64() => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Json::String(kind)) => vec![kind],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => return Ok(()),
    };
    let also = if kind == "integer" { "number" } else { kind };
    if !kinds.contains(&kind) && !kinds.contains(&also) {
        return fail("type");
    }
    if let Some(members) = value.as_object() {
        let properties = schema["properties"].as_object().unwrap();
        for (name, member) in members {
            accepts(properties.get(name).ok_or(format!("{name} is not in the schema"))?, member)?;
        }
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                return fail("required");
            }
        }
    }
    value.as_array().into_iter().flatten().try_for_each(|item| accepts(&schema["items"], item))
}

#[tokio::test]
async fn every_answer_is_as_its_output_schema_says() {
    let world = World::new(DOCUMENTS, vec![documents()]).await;
    let acme = tenant("documents", "acme");
    for (operation, arguments) in [
        (Operation::List, json!({ "limit": 2 })),
        (Operation::List, json!({ "limit": 200 })),
        (Operation::Search, json!({ "query": "budget" })),
        (Operation::Get, json!({ "id": "1" })),
        (Operation::Get, json!({ "id": "5" })),
        (Operation::Count, json!({})),
    ] {
        accepts(&Json::Object(tool(operation).input_schema), &arguments).unwrap();
        let answer = world.call(operation, &acme, arguments).await;
        accepts(&Json::Object(tool(operation).output_schema), &answer).unwrap();
    }
}

#[test]
fn every_operator_of_the_schema_is_taken_by_the_parser() {
    let schema = Json::Object(tool(Operation::List).input_schema);
    let columns = schema.pointer("/properties/filter/properties").unwrap().as_object().unwrap();
    let dataset = std::sync::Arc::new(documents());
    for (column, of_column) in columns {
        for (operator, test) in of_column["properties"].as_object().unwrap() {
            let value = |schema: &Json| match (schema["type"].as_str(), schema.get("enum"), schema.get("format")) {
                (_, Some(values), _) => values[0].clone(),
                (_, _, Some(_)) => json!("2026-11-21T09:30:00Z"),
                (Some("boolean"), _, _) => json!(true),
                (Some("number"), _, _) => json!(1.5),
                _ => json!("x"),
            };
            let operand = if operator == "in" { json!([value(&test["items"])]) } else { value(test) };
            let arguments = json!({ "filter": { column: { operator: operand } } });
            let parsed = arguments::parse(Face::declared(&dataset), Operation::List, &object(arguments.clone()));
            assert!(parsed.is_ok(), "{arguments}: {parsed:?}");
        }
    }
}
