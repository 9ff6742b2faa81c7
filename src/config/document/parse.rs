//! TOML text to a tree with origins.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Kind, Node, Table};
use crate::config::origin::Origin;
use crate::config::problem::{BadSetting, Problem};

/// Parses TOML; `place` says what a line's origin is. Every syntax error is reported, not only the first.
pub(in crate::config) fn parse(text: &str, place: &dyn Fn(usize) -> Origin) -> Result<Table, Vec<Problem>> {
    let lines = Lines { text, place };
    let (document, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(lines.table(document.into_inner()));
    }
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let problem = |error: toml::de::Error| Problem {
        origin: lines.origin(error.span().map_or(0, |span| span.start)),
        what: BadSetting::Syntax(error.message().to_owned()),
    };
    Err(errors.into_iter().map(problem).collect())
}

/// The text that offsets are offsets of.
struct Lines<'a> {
    text: &'a str,
    place: &'a dyn Fn(usize) -> Origin,
}

impl Lines<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        (self.place)(1 + before.filter(|byte| **byte == b'\n').count())
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, Spanned<DeValue<'_>>)| Entry {
            origin: self.origin(key.span().start),
            key: key.into_inner().into_owned(),
            node: self.node(value),
        };
        Table { entries: table.into_iter().map(entry).collect() }
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let origin = self.origin(value.span().start);
        let kind = match value.into_inner() {
            DeValue::String(text) => Kind::Text(text.into_owned()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| Kind::Real(integer.to_string()), Kind::Integer),
            DeValue::Float(float) => Kind::Real(float.to_string()),
            DeValue::Boolean(boolean) => Kind::Boolean(boolean),
            DeValue::Datetime(time) => Kind::Time(time.to_string()),
            DeValue::Array(array) => Kind::List(array.into_iter().map(|value| self.node(value)).collect()),
            DeValue::Table(table) => Kind::Table(self.table(table)),
        };
        Node { origin, kind }
    }
}
