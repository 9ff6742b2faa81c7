//! TOML in which nothing is skipped: a key that nobody asked for is refused, with its line.
//!
//! A test that is misspelled tests nothing and passes. So a table is read inside [`Value::read`], which looks for leftovers
//! at the end, and every value knows the line that it stands on.

use std::cell::RefCell;
use std::path::Path;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::{nearest, suggestion};
use crate::policy::{Finding, Severity};

/// What is wrong with one file.
pub(super) struct Findings<'a> {
    path: &'a Path,
    found: RefCell<Vec<Finding>>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, found: RefCell::default() }
    }

    pub(super) fn refuse(&self, line: u32, message: String) {
        let path = self.path.to_owned();
        self.found.borrow_mut().push(Finding { path, line, column: 0, severity: Severity::Refusal, message });
    }

    pub(super) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// In the order of the file; empty where nothing is wrong.
    pub(super) fn into_sorted(self) -> Vec<Finding> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|finding| finding.line);
        found
    }
}

/// A value and where it stands.
pub(super) struct Value {
    pub(super) line: u32,
    /// The whole key, for messages.
    pub(super) key: String,
    kind: Kind,
}

enum Kind {
    /// A text, a number, a boolean; a date or time as its text.
    One(Json),
    List(Vec<Value>),
    Table(Vec<Entry>),
}

/// A key that the file chose, and its value.
pub(super) struct Entry {
    pub(super) line: u32,
    pub(super) key: String,
    pub(super) value: Value,
}

/// A table being read: what is asked for is taken out, and what is left is refused.
pub(super) struct Table {
    pub(super) line: u32,
    key: String,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
}

/// Parses a file; `None` where it is not TOML, with every syntax error found.
pub(super) fn parse(text: &str, findings: &Findings<'_>) -> Option<Value> {
    let lines = Lines(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Some(Value { line: 1, key: String::new(), kind: lines.table("", document.into_inner()) });
    }
    for error in errors {
        let line = lines.line(error.span().map_or(0, |span| span.start));
        findings.refuse(line, format!("this is not TOML: {}", error.message()));
    }
    None
}

/// The text that offsets are offsets of.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn line(&self, offset: usize) -> u32 {
        let before = self.0.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    fn table(&self, path: &str, table: DeTable<'_>) -> Kind {
        let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, Spanned<DeValue<'_>>)| {
            let line = self.line(key.span().start);
            let key = key.into_inner().into_owned();
            let whole = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            Entry { line, value: self.value(whole, value), key }
        };
        Kind::Table(table.into_iter().map(entry).collect())
    }

    fn value(&self, key: String, value: Spanned<DeValue<'_>>) -> Value {
        let line = self.line(value.span().start);
        let kind = match value.into_inner() {
            DeValue::String(text) => Kind::One(text.into_owned().into()),
            DeValue::Integer(integer) => {
                let read = i64::from_str_radix(integer.as_str(), integer.radix());
                Kind::One(read.map_or_else(|_| integer.to_string().into(), Json::from))
            }
            DeValue::Float(float) => {
                let read = float.as_str().parse::<f64>().map(Json::from);
                Kind::One(read.unwrap_or_else(|_| float.to_string().into()))
            }
            DeValue::Boolean(boolean) => Kind::One(boolean.into()),
            DeValue::Datetime(time) => Kind::One(time.to_string().into()),
            DeValue::Array(array) => Kind::List(array.into_iter().map(|item| self.value(key.clone(), item)).collect()),
            DeValue::Table(table) => self.table(&key, table),
        };
        Value { line, key, kind }
    }
}

impl Value {
    /// Refuses the value, because something else is expected.
    pub(super) fn unfit(&self, expected: &str, findings: &Findings<'_>) {
        let found = match &self.kind {
            Kind::One(json) => json.to_string(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Table(_) => "a table".to_owned(),
        };
        findings.refuse(self.line, format!("`{}` is {found}; expected {expected}", self.key));
    }

    /// Reads a table; what the reader does not ask for is refused.
    pub(super) fn read<T>(self, findings: &Findings<'_>, reader: impl FnOnce(&mut Table) -> T) -> Option<T> {
        let Kind::Table(entries) = self.kind else {
            self.unfit("a table", findings);
            return None;
        };
        let mut table = Table { line: self.line, key: self.key, entries, known: Vec::new() };
        let read = reader(&mut table);
        table.refuse_rest(findings);
        Some(read)
    }

    /// The values of a table whose keys the file chooses.
    pub(super) fn entries(self, findings: &Findings<'_>) -> Vec<Entry> {
        if let Kind::Table(entries) = self.kind {
            return entries;
        }
        self.unfit("a table", findings);
        Vec::new()
    }

    pub(super) fn list(self, findings: &Findings<'_>) -> Vec<Self> {
        if let Kind::List(values) = self.kind {
            return values;
        }
        self.unfit("a list", findings);
        Vec::new()
    }

    /// The elements of a list, or the value itself where one stands alone.
    pub(super) fn one_or_more(self) -> Vec<Self> {
        match self.kind {
            Kind::List(values) => values,
            Kind::One(_) | Kind::Table(_) => vec![self],
        }
    }

    /// The value, if it is neither a list nor a table.
    pub(super) fn one(&self) -> Option<&Json> {
        if let Kind::One(json) = &self.kind { Some(json) } else { None }
    }

    pub(super) fn text(&self, findings: &Findings<'_>) -> Option<String> {
        if let Some(Json::String(text)) = self.one() {
            return Some(text.clone());
        }
        self.unfit("a text", findings);
        None
    }
}

impl Table {
    /// Takes the value of a key out.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let position = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(position).value)
    }

    /// Takes a text out.
    pub(super) fn text(&mut self, key: &'static str, findings: &Findings<'_>) -> Option<(u32, String)> {
        let value = self.take(key)?;
        Some((value.line, value.text(findings)?))
    }

    fn refuse_rest(&self, findings: &Findings<'_>) {
        for entry in &self.entries {
            let whole = if self.key.is_empty() { entry.key.clone() } else { format!("{}.{}", self.key, entry.key) };
            let hint = match nearest(&entry.key, self.known.iter().copied()) {
                Some(near) => suggestion(Some(near)),
                None => format!("; here stand `{}`", self.known.join("`, `")),
            };
            findings.refuse(entry.line, format!("`{whole}` means nothing{hint}"));
        }
    }
}
