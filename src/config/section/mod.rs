//! A table of the configuration while it is being read.
//!
//! A key is known because somebody asked for it: what is left over when a table has been read is refused. A [`Section`]
//! exists only inside [`Section::root`], [`Section::table`] and [`Section::tables`], which look for leftovers at the end,
//! so no table can be read without that.

mod values;

use std::borrow::Cow;

use super::document::{Entry, Kind, Node, Table};
use super::origin::{At, Origin};
use super::problem::BadSetting;
use super::reading::Reading;
use crate::model::nearest;

/// Names that the configuration chooses, each with a text.
pub(super) type Pairs = Vec<(At<String>, At<String>)>;

/// A table being read.
pub(super) struct Section<'a> {
    path: String,
    table: &'a Table,
    origin: &'a Origin,
    reading: &'a Reading,
    /// Whether its values are noted as settings in force; datasets are not, being shown in another way.
    shown: bool,
    known: Vec<&'static str>,
    /// Whether the keys are names that the configuration chooses.
    free: bool,
}

/// Quotes and joins words for a message.
pub(super) fn join<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl<'a> Section<'a> {
    /// Reads the whole document.
    pub(super) fn root<T>(
        table: &'a Table,
        origin: &'a Origin,
        reading: &'a Reading,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let root = Self { path: String::new(), table, origin, reading, shown: true, known: Vec::new(), free: false };
        root.run(f)
    }

    fn run<T>(mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let read = f(&mut self);
        if !self.free {
            for entry in &self.table.entries {
                if !self.known.contains(&entry.key.as_str()) {
                    let what = BadSetting::UnknownKey {
                        key: self.key(&entry.key),
                        nearest: nearest(&entry.key, self.known.iter().copied()).map(str::to_owned),
                        known: join(self.known.iter().copied()),
                    };
                    self.reading.refuse(&entry.origin, what);
                }
            }
        }
        read
    }

    fn inner<T>(&self, path: String, node: &'a Node, shown: bool, f: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        let Kind::Table(table) = &node.kind else {
            self.unfit(&node.origin, path, node.kind.describe(), "a table");
            return None;
        };
        // What a preset or a default lacks is missing where the table around it was written.
        let origin = if node.origin.is_written() { &node.origin } else { self.origin };
        let inner = Section { path, table, origin, reading: self.reading, shown, known: Vec::new(), free: false };
        Some(inner.run(f))
    }

    /// The whole key of a key of this table.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the table begins.
    pub(super) fn origin(&self) -> &'a Origin {
        self.origin
    }

    /// What this reading has found so far.
    pub(super) fn reading(&self) -> &'a Reading {
        self.reading
    }

    /// Refuses a value of this table.
    pub(super) fn refuse(&self, origin: &Origin, what: BadSetting) {
        self.reading.refuse(origin, what);
    }

    /// Refuses a value of the wrong type, or out of bounds.
    pub(super) fn unfit(&self, origin: &Origin, key: String, found: String, expected: impl Into<Cow<'static, str>>) {
        self.reading.refuse(origin, BadSetting::Unfit { key, found, expected: expected.into() });
    }

    /// Notes a value as in force.
    pub(super) fn take(&self, key: &str, value: String, origin: &Origin) {
        if self.shown {
            self.reading.take(self.key(key), value, origin);
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Says whether a key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Says whether a key holds a list.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|entry| matches!(entry.node.kind, Kind::List(_)))
    }

    /// The text at a key that was read already, with its origin.
    pub(super) fn raw_text(&self, key: &str) -> Option<(&'a str, &'a Origin)> {
        self.table.get(key).and_then(|entry| Some((entry.node.kind.as_text()?, &entry.node.origin)))
    }

    /// The table at a key, unread.
    pub(super) fn raw_table(&self, key: &str) -> Option<&'a Table> {
        self.table.get(key).and_then(|entry| entry.node.kind.as_table())
    }

    /// Passes a value on, or says that it is missing.
    pub(super) fn need<T>(&self, key: &str, value: Option<T>, hint: impl Into<Cow<'static, str>>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.reading.refuse(self.origin, BadSetting::Missing { key: self.key(key), hint: hint.into() });
        }
        value
    }

    /// Refuses a key that is designed and not built.
    pub(super) fn not_yet(&mut self, key: &'static str, instead: &'static str) {
        if let Some(entry) = self.table.get(key) {
            self.reading.refuse(&entry.origin, BadSetting::NotYet { key: self.key(key), instead });
            self.known.push(key);
        }
    }

    /// Reads a table that may be absent.
    pub(super) fn table<T>(&mut self, key: &'static str, f: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        let Entry { node, .. } = self.find(key)?;
        self.inner(self.key(key), node, self.shown, f)
    }

    /// Reads the elements of `[[key]]`; each is called by its `name`, or by its number.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        shown: bool,
        mut f: impl FnMut(&mut Section<'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(Entry { node, .. }) = self.find(key) else { return Vec::new() };
        let Kind::List(nodes) = &node.kind else {
            let expected = format!("one `[[{key}]]` for each");
            self.unfit(&node.origin, self.key(key), node.kind.describe(), expected);
            return Vec::new();
        };
        let read = |(index, node): (usize, &'a Node)| {
            let path = match node.kind.as_table().and_then(|table| table.text("name")) {
                Some(name) => format!("{}.{name}", self.key(key)),
                None => format!("{}[{}]", self.key(key), index + 1),
            };
            self.inner(path, node, shown, &mut f).flatten()
        };
        nodes.iter().enumerate().filter_map(read).collect()
    }

    /// The keys of a table whose keys the configuration chooses, in the order of writing.
    pub(super) fn free_keys(&mut self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.free = true;
        self.table.entries.iter()
    }

    /// Reads the table at a key that the configuration chose.
    pub(super) fn table_at<T>(&self, entry: &'a Entry, f: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        self.inner(self.key(&entry.key), &entry.node, self.shown, f)
    }

    /// Reads pairs of a name that the configuration chooses and a text.
    pub(super) fn pairs(&mut self, key: &'static str) -> Pairs {
        let read = |section: &mut Section<'a>| {
            let mut pairs = Vec::new();
            for Entry { key, origin, node } in section.free_keys() {
                if let Kind::Text(text) = &node.kind {
                    section.take(key, text.clone(), &node.origin);
                    pairs.push((At::new(key.clone(), origin.clone()), At::new(text.clone(), node.origin.clone())));
                } else {
                    section.unfit(&node.origin, section.key(key), node.kind.describe(), "a text");
                }
            }
            pairs
        };
        self.table(key, read).unwrap_or_default()
    }
}
