//! The `filter` argument: one optional object per column, one comparison per member.

use serde_json::Value as Json;

use super::{ArgumentError, MAX_IN_VALUES, MAX_TEXT, refuse_unknown, unknown, wrong};
use crate::catalog::{Column, ColumnType};
use crate::dataset::face::Face;
use crate::dataset::request::{Filter, Operand, Test};
use crate::model::{Number, Timestamp};
use crate::model::{nearest, suggestion};
use crate::policy::Operator;

/// What can be asked of a column, by its type, in the order in which schemas list it.
pub(in crate::dataset) fn operators(column: &Column) -> &'static [&'static str] {
    match column.kind {
        ColumnType::Id => &["eq", "ne", "in", "is_null"],
        ColumnType::Text if column.values.is_some() => &["eq", "ne", "in", "is_null"],
        ColumnType::Text => &["eq", "ne", "in", "contains", "is_null"],
        ColumnType::Number => &["eq", "ne", "in", "lt", "lte", "gt", "gte", "is_null"],
        ColumnType::Boolean => &["eq", "ne", "is_null"],
        ColumnType::Time(_) => &["eq", "ne", "lt", "lte", "gt", "gte", "is_null"],
        ColumnType::Json | ColumnType::Bytes => &["is_null"],
    }
}

/// What a value of a column looks like in JSON.
pub(super) fn expected(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Id => "an identifier as text, such as \"42\"",
        ColumnType::Text => "a text",
        ColumnType::Number => "a number, without quotes",
        ColumnType::Boolean => "true or false",
        ColumnType::Time(_) => "a time as RFC 3339 text, such as \"2026-11-21T09:30:00Z\"",
        ColumnType::Json | ColumnType::Bytes => "no value: only `is_null` can be asked of this column",
    }
}

/// Parses the object of columns. The result is in the order of the declarations, so that two spellings of one question
/// are one query.
pub(super) fn parse(face: &Face, filter: &Json) -> Result<Vec<Filter>, ArgumentError> {
    let Json::Object(columns) = filter else {
        let expected = "an object with one member per column, such as {\"<column>\": {\"eq\": …}}";
        return Err(wrong("filter", filter, expected.to_owned()));
    };
    let known: Vec<&str> = face.open().map(|column| column.name.as_str()).collect();
    refuse_unknown("column", "filter", columns.keys(), &known)?;
    let mut filters = Vec::with_capacity(columns.len());
    for column in face.open() {
        if let Some(asked) = columns.get(column.name.as_str()) {
            of_column(column, asked, &mut filters)?;
        }
    }
    Ok(filters)
}

fn of_column(column: &Column, asked: &Json, filters: &mut Vec<Filter>) -> Result<(), ArgumentError> {
    let path = format!("filter.{}", column.name);
    let operators = operators(column);
    let Some(members) = asked.as_object().filter(|members| !members.is_empty()) else {
        let expected = format!("an object with {}{}", operators.join(", "), hint(column, asked));
        return Err(wrong(&path, asked, expected));
    };
    if let Some(name) = members.keys().find(|name| !operators.contains(&name.as_str())) {
        return Err(match meant(name) {
            Some(known) if operators.contains(&known) => ArgumentError::Unknown {
                what: "operator",
                found: format!("{path}: {name}"),
                suggestion: format!("; did you mean `{known}`?"),
                known: operators.join(", "),
            },
            Some(_) | None => unknown("operator", &path, name, operators),
        });
    }
    for operator in operators {
        if let Some(value) = members.get(*operator) {
            let test = test(column, operator, &format!("{path}.{operator}"), value)?;
            filters.push(Filter { column: column.name.clone(), test });
        }
    }
    Ok(())
}

/// How a bare value would be right.
fn hint(column: &Column, found: &Json) -> String {
    match found {
        Json::Null => "; for absent values, {\"is_null\": true}".to_owned(),
        Json::Array(_) if operators(column).contains(&"in") => {
            format!("; for one of several values, {{\"in\": {}}}", shown(found))
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) if operators(column).contains(&"eq") => {
            format!("; for equality, {{\"eq\": {}}}", shown(found))
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => String::new(),
    }
}

fn shown(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { "…".to_owned() } else { text }
}

/// What other query languages call our operators.
fn meant(name: &str) -> Option<&'static str> {
    match name.trim_start_matches('$') {
        "=" | "==" | "equals" | "equal" | "is" | "eq" => Some("eq"),
        "!=" | "<>" | "not" | "neq" | "ne" => Some("ne"),
        "<" | "before" | "lt" => Some("lt"),
        "<=" | "le" | "lte" | "max" | "to" => Some("lte"),
        ">" | "after" | "gt" => Some("gt"),
        ">=" | "ge" | "gte" | "min" | "from" | "since" => Some("gte"),
        "like" | "ilike" | "matches" | "includes" => Some("contains"),
        "any" | "oneOf" | "one_of" | "in" => Some("in"),
        "null" | "isnull" | "isNull" => Some("is_null"),
        _ => None,
    }
}

fn test(column: &Column, operator: &str, path: &str, value: &Json) -> Result<Test, ArgumentError> {
    let compare = |operator| operand(column, path, value).map(|operand| Test::Compare(operator, operand));
    match operator {
        "ne" => compare(Operator::NotEqual),
        "lt" => compare(Operator::Less),
        "lte" => compare(Operator::LessOrEqual),
        "gt" => compare(Operator::Greater),
        "gte" => compare(Operator::GreaterOrEqual),
        "in" => among(column, path, value),
        "contains" => match text(path, value)? {
            "" => Err(wrong(path, value, "a text with at least one character".to_owned())),
            part => Ok(Test::Contains(part.into())),
        },
        "is_null" => value.as_bool().map(Test::IsNull).ok_or_else(|| wrong(path, value, "true or false".to_owned())),
        _ => compare(Operator::Equal),
    }
}

fn among(column: &Column, path: &str, value: &Json) -> Result<Test, ArgumentError> {
    let Json::Array(items) = value else {
        return Err(wrong(path, value, format!("a list of 1 to {MAX_IN_VALUES} values")));
    };
    if items.is_empty() || items.len() > MAX_IN_VALUES {
        return Err(wrong(path, value, format!("1 to {MAX_IN_VALUES} values")));
    }
    let operands = items.iter().enumerate().map(|(index, item)| operand(column, &format!("{path}[{index}]"), item));
    operands.collect::<Result<_, _>>().map(Test::In)
}

/// A value of the column's type.
pub(in crate::dataset) fn operand(column: &Column, path: &str, value: &Json) -> Result<Operand, ArgumentError> {
    let refuse = || {
        let hint = match (column.kind, value) {
            (ColumnType::Id, Json::Number(number)) => format!("; write \"{number}\""),
            _ if value.is_null() && operators(column).contains(&"is_null") => {
                "; for absent values, {\"is_null\": true}".to_owned()
            }
            _ => String::new(),
        };
        wrong(path, value, format!("{}{hint}", expected(column.kind)))
    };
    match (column.kind, value) {
        (ColumnType::Id, Json::String(_)) => Ok(Operand::Id(text(path, value)?.into())),
        (ColumnType::Text, Json::String(_)) => {
            declared(column, path, text(path, value)?).map(|text| Operand::Text(text.into()))
        }
        (ColumnType::Number, Json::Number(number)) => Number::from_json(number).map(Operand::Number).ok_or_else(refuse),
        (ColumnType::Boolean, Json::Bool(boolean)) => Ok(Operand::Boolean(*boolean)),
        (ColumnType::Time(_), Json::String(text)) => text.parse::<Timestamp>().map(Operand::Time).map_err(|_| refuse()),
        _ => Err(refuse()),
    }
}

pub(in crate::dataset) fn declared<'a>(column: &Column, path: &str, text: &'a str) -> Result<&'a str, ArgumentError> {
    match &column.values {
        Some(values) if values.iter().all(|value| value != text) => {
            let suggestion = suggestion(nearest(text, values.iter().map(String::as_str)));
            let expected = format!("one of {}{suggestion}", values.join(", "));
            Err(wrong(path, &Json::String(text.to_owned()), expected))
        }
        Some(_) | None => Ok(text),
    }
}

/// A text of bounded length.
pub(super) fn text<'a>(path: &str, value: &'a Json) -> Result<&'a str, ArgumentError> {
    let text = value.as_str().ok_or_else(|| wrong(path, value, "a text".to_owned()))?;
    if text.chars().count() <= MAX_TEXT {
        Ok(text)
    } else {
        Err(wrong(path, value, format!("at most {MAX_TEXT} characters")))
    }
}
