//! What a person is asked: to what it is done, by its key and its name (where nothing names it, its first columns), and
//! what would become of it.
//!
//! A row holds what others wrote into it, and an agent chooses the arguments; neither may write the question. So a value stands
//! between “ and ”, which nothing inside it can end, on one line, without anything that hides or turns what stands beside it,
//! and what is too long to be read says how long it is.

use serde_json::Value;

use crate::catalog::{Change, ColumnType};
use crate::mcp::changes::ChangeCall;
use crate::model::{Name, is_invisible};
use rmcp::model::JsonObject;

/// How much of a value is shown, in characters.
const SHOWN: usize = 80;

/// How many columns stand for a row that nothing names.
const FIRST: usize = 3;

/// The question about a row as it is now.
pub(super) fn question(asked: &ChangeCall<'_>, row: &JsonObject) -> String {
    let dataset = asked.dataset;
    let of = dataset.name.as_str().replace('_', " ");
    let title = dataset.resource.as_ref().and_then(|resource| resource.title.as_ref());
    let title = title.filter(|title| !dataset.key.contains(title));
    let named = dataset.key.iter().chain(title).chain(first(asked, row).filter(|_| title.is_none()));
    let named: Vec<String> =
        named.filter_map(|name| row.get(name.as_str()).map(|value| format!("{name}: {}", shown(value)))).collect();
    let named = named.join(", ");
    let is_key = |name: &&String| dataset.key.iter().any(|key| key.as_str() == name.as_str());
    let given = asked.arguments.iter().filter(|(name, _)| !is_key(name));
    let given: Vec<String> = given.map(|(name, value)| becomes(name, row.get(name), value)).collect();
    match asked.change {
        Change::Create => format!("Create one of {of}?"),
        Change::Update => format!("Change one of {of} ({named})? It will have {}.", given.join(", ")),
        Change::Delete => format!("Delete one of {of} ({named})? This cannot be undone here."),
    }
}

/// The first columns that tell a person something of a row: they can be read, and are neither its key nor among what is given.
fn first<'a>(asked: &'a ChangeCall<'_>, row: &'a JsonObject) -> impl Iterator<Item = &'a Name> {
    let dataset = asked.dataset;
    let names = dataset.exposed().filter(|column| column.kind != ColumnType::Bytes).map(|column| &column.name);
    let names = names.filter(|name| !dataset.key.contains(name) && !asked.arguments.contains_key(name.as_str()));
    names.filter(|name| row.get(name.as_str()).is_some_and(|value| !value.is_null())).take(FIRST)
}

/// What a column will hold, and what is lost by that.
fn becomes(name: &str, now: Option<&Value>, then: &Value) -> String {
    match now {
        Some(now) => format!("{name}: {} (now {})", shown(then), shown(now)),
        None => format!("{name}: {}", shown(then)),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => return value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => {
            let begin: String = text[..end].chars().map(visible).collect();
            format!("“{begin}…” ({} characters)", text.chars().count())
        }
        None => format!("“{}”", text.chars().map(visible).collect::<String>()),
    }
}

fn visible(c: char) -> char {
    match c {
        ' ' => ' ',
        // Whatever looks like the quotes that stand around it.
        '“' | '”' | '„' | '‟' | '″' | '‶' | '〝' | '〞' | '〟' | '＂' => '"',
        c if is_invisible(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_ends_its_own_quotes_by_nothing_that_it_holds() {
        for (value, expected) in [
            (json!("plain"), "“plain”"),
            (json!("x”)? It will have amount: “1"), "“x\")? It will have amount: \"1”"),
            (json!("two\nlines\r\u{2028}\u{0}\t."), "“two\u{fffd}lines\u{fffd}\u{fffd}\u{fffd}\u{fffd}.”"),
            (json!("\u{202e}turned\u{200b}"), "“\u{fffd}turned\u{fffd}”"),
            (json!({ "a": "”" }), "“{\"a\":\"\"\"}”"),
            (json!(7), "7"),
            (json!(true), "true"),
            (json!(null), "nothing"),
            (json!("null"), "“null”"),
            (json!(""), "“”"),
        ] {
            let shown = shown(&value);
            assert_eq!(shown, expected, "{value}");
            let quotes = shown.chars().filter(|c| matches!(c, '“' | '”')).count();
            assert!(quotes == 0 || quotes == 2 && shown.starts_with('“'), "{shown}");
        }
    }

    #[test]
    fn what_is_too_long_to_be_read_says_so_outside_the_quotes() {
        assert_eq!(shown(&json!("ä".repeat(80))), format!("“{}”", "ä".repeat(80)));
        assert_eq!(shown(&json!("ä".repeat(81))), format!("“{}…” (81 characters)", "ä".repeat(80)));
    }
}
