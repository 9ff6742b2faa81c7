//! A tool's JSON arguments, parsed against the dataset into a typed request.
//!
//! What is not understood is refused, never dropped: a filter that is ignored would answer more than was asked. Every
//! error names the argument, says what was found and what would be right, and speaks only of columns that the caller can
//! see; a hidden column is an unknown one. Identity is never an argument.

mod filters;

pub(super) use filters::{declared, operand, operators};

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::face::Face;
use super::request::{Ask, Filter, Paging, Request};
use crate::catalog::{Dataset, Direction, Operation, OrderTerm};
use crate::model::{nearest, suggestion};

/// The page size where none is asked for.
pub(super) const DEFAULT_LIMIT: u16 = 20;
/// The largest page.
pub const MAX_LIMIT: u16 = 200;
/// The most values of an `in`.
pub(super) const MAX_IN_VALUES: usize = 100;
/// The longest text of a caller, in characters.
pub(super) const MAX_TEXT: usize = 1_000;
/// The most words of a search.
pub(super) const MAX_WORDS: usize = 16;
/// The most terms of an order.
pub(super) const MAX_ORDER: usize = 8;

/// Why arguments are not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// There is no such argument, column or operator.
    #[error("unknown {what} `{found}`{suggestion} Known here: {known}")]
    Unknown {
        /// `argument`, `column` or `operator`.
        what: &'static str,
        /// What was found, with its path.
        found: String,
        /// The nearest name, as words, or a full stop.
        suggestion: String,
        /// The names that exist.
        known: String,
    },
    /// A required argument is not there.
    #[error("argument `{argument}` is missing; expected {expected}")]
    Missing {
        /// Its name.
        argument: String,
        /// What would be right.
        expected: String,
    },
    /// An argument is not what it should be.
    #[error("argument `{argument}` is {found}; expected {expected}")]
    Wrong {
        /// Its path.
        argument: String,
        /// What was found.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The dataset has nothing to search.
    #[error("`{0}` cannot be searched")]
    NoSearch(String),
}

/// Parses the arguments of one operation.
///
/// # Errors
///
/// When an argument is unknown, missing or wrong.
pub fn parse(face: Face, operation: Operation, arguments: &Map<String, Json>) -> Result<Request, ArgumentError> {
    let dataset = face.dataset();
    if !face.has(operation) {
        return Err(ArgumentError::NoSearch(dataset.name.to_string()));
    }
    let known: Vec<&str> = match operation {
        Operation::List => vec!["filter", "order", "limit", "cursor"],
        Operation::Search => vec!["query", "filter", "limit", "cursor"],
        Operation::Count => vec!["filter"],
        Operation::Get => dataset.key.iter().map(crate::model::Name::as_str).collect(),
    };
    refuse_unknown("argument", "", arguments.keys(), &known)?;
    let ask = match operation {
        Operation::List => Ask::List {
            filters: filters(&face, arguments)?,
            order: order(&face, arguments)?,
            paging: paging(arguments)?,
        },
        Operation::Search => {
            Ask::Search { words: words(arguments)?, filters: filters(&face, arguments)?, paging: paging(arguments)? }
        }
        Operation::Count => Ask::Count { filters: filters(&face, arguments)? },
        Operation::Get => Ask::Get { key: key(dataset, arguments)? },
    };
    Ok(Request { face, ask })
}

/// An optional argument; `null` is one that is not there.
fn optional<'a>(arguments: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    arguments.get(name).filter(|value| !value.is_null())
}

fn filters(face: &Face, arguments: &Map<String, Json>) -> Result<Vec<Filter>, ArgumentError> {
    match optional(arguments, "filter") {
        None => Ok(Vec::new()),
        Some(filter) => filters::parse(face, filter),
    }
}

pub(super) fn key(
    dataset: &Dataset,
    arguments: &Map<String, Json>,
) -> Result<Vec<super::request::Operand>, ArgumentError> {
    let columns = dataset.key.iter().filter_map(|name| dataset.column(name.as_str()));
    columns
        .map(|column| {
            let name = column.name.as_str();
            match arguments.get(name) {
                Some(value) => filters::operand(column, name, value),
                None => Err(ArgumentError::Missing {
                    argument: name.to_owned(),
                    expected: filters::expected(column.kind).to_owned(),
                }),
            }
        })
        .collect()
}

fn words(arguments: &Map<String, Json>) -> Result<Vec<Arc<str>>, ArgumentError> {
    let expected = || format!("1 to {MAX_WORDS} words, separated by blanks, all of which a row must contain");
    let Some(query) = arguments.get("query") else {
        return Err(ArgumentError::Missing { argument: "query".to_owned(), expected: expected() });
    };
    let text = filters::text("query", query)?;
    let words: Vec<Arc<str>> = text.split_whitespace().map(Arc::from).collect();
    if text.contains('\0') || words.is_empty() || words.len() > MAX_WORDS {
        let found =
            if text.contains('\0') { "a text with U+0000".to_owned() } else { format!("{} words", words.len()) };
        return Err(ArgumentError::Wrong { argument: "query".to_owned(), found, expected: expected() });
    }
    Ok(words)
}

fn paging(arguments: &Map<String, Json>) -> Result<Paging, ArgumentError> {
    let limit = match optional(arguments, "limit") {
        None => DEFAULT_LIMIT,
        Some(value) => limit(value).ok_or_else(|| {
            wrong("limit", value, format!("a whole number from 1 to {MAX_LIMIT} (without it, {DEFAULT_LIMIT})"))
        })?,
    };
    let cursor = match optional(arguments, "cursor") {
        None => None,
        Some(Json::String(cursor)) => Some(cursor.clone()),
        Some(other) => {
            return Err(wrong("cursor", other, "the text of `next_cursor` from the last page".to_owned()));
        }
    };
    Ok(Paging { limit, cursor })
}

/// A number without fraction counts as whole however it is written (JSON Schema, section 6.1.1).
fn limit(value: &Json) -> Option<u16> {
    let number = crate::model::Number::from_json(value.as_number()?)?;
    (1..=MAX_LIMIT).find(|limit| crate::model::Number::Integer(i64::from(*limit)) == number)
}

fn order(face: &Face, arguments: &Map<String, Json>) -> Result<Vec<OrderTerm>, ArgumentError> {
    let Some(value) = optional(arguments, "order") else { return Ok(Vec::new()) };
    let Json::Array(items) = value else {
        let expected = "a list of column names, each with `-` in front for descending, such as [\"-name\"]";
        return Err(wrong("order", value, expected.to_owned()));
    };
    if items.is_empty() || items.len() > MAX_ORDER {
        return Err(ArgumentError::Wrong {
            argument: "order".to_owned(),
            found: format!("a list of {} items", items.len()),
            expected: format!("1 to {MAX_ORDER} of them, or no `order` at all"),
        });
    }
    let mut terms: Vec<OrderTerm> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("order[{index}]");
        let text = filters::text(&path, item)?;
        let (name, direction) = match text.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (text, Direction::Ascending),
        };
        let Some(column) = face.orderable().find(|column| column.name.as_str() == name) else {
            let known: Vec<&str> = face.orderable().map(|column| column.name.as_str()).collect();
            return Err(unknown("column", &path, name, &known));
        };
        if terms.iter().any(|term| term.column == column.name) {
            let found = format!("`{name}` again");
            return Err(ArgumentError::Wrong { argument: path, found, expected: "each column once".to_owned() });
        }
        terms.push(OrderTerm { column: column.name.clone(), direction });
    }
    Ok(terms)
}

pub(super) fn refuse_unknown<'a>(
    what: &'static str,
    path: &str,
    found: impl Iterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), ArgumentError> {
    for name in found {
        if !known.contains(&name.as_str()) {
            return Err(unknown(what, path, name, known));
        }
    }
    Ok(())
}

fn unknown(what: &'static str, path: &str, name: &str, known: &[&str]) -> ArgumentError {
    let suggestion = suggestion(nearest(name, known.iter().copied()));
    let shown: String = name.chars().take(60).collect();
    ArgumentError::Unknown {
        what,
        found: if path.is_empty() { shown } else { format!("{path}: {shown}") },
        suggestion: if suggestion.is_empty() { ".".to_owned() } else { suggestion },
        known: if known.is_empty() { "nothing".to_owned() } else { known.join(", ") },
    }
}

pub(super) fn wrong(argument: &str, found: &Json, expected: String) -> ArgumentError {
    ArgumentError::Wrong { argument: argument.to_owned(), found: describe(found), expected }
}

/// A value as an error names it: short, with its kind.
fn describe(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(boolean) => boolean.to_string(),
        Json::Number(number) => format!("the number {number}"),
        Json::String(text) if text.chars().count() > 60 => {
            format!("a text of {} characters", text.chars().count())
        }
        Json::String(text) => format!("the text {text:?}"),
        Json::Array(items) => format!("a list of {} items", items.len()),
        Json::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests;
