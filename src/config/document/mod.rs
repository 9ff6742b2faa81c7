//! A configuration as a tree whose every value knows its origin, and the laying of one such tree over another.

mod dotenv;
mod parse;
mod variables;

pub(super) use dotenv::read_dotenv;
pub(super) use parse::parse;
pub(super) use variables::{Guide, Place, Variable, Variables};

use super::origin::Origin;

/// Keys of one table that are two ways to say one thing: where a higher layer writes one, a lower layer's other is gone.
const ALTERNATIVES: [(&str, &str); 2] = [("jwks_url", "discovery_url"), ("client_secret", "client_secret_file")];

/// A value and its origin.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) kind: Kind,
}

/// A value. Has no `Debug`, because it may be a secret.
#[derive(Clone)]
pub(super) enum Kind {
    Text(String),
    Integer(i64),
    /// A number that is not a whole one, or does not fit; no setting takes one.
    Real(String),
    Boolean(bool),
    /// A date or time; no setting takes one.
    Time(String),
    List(Vec<Node>),
    Table(Table),
    /// The text of a variable, which is whatever type the setting has.
    Variable(String),
}

impl Kind {
    /// Says what stands there, for an error message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(text) | Self::Variable(text)
                if text.split_once('@').is_some_and(|(before, _)| before.contains(':')) =>
            {
                "a URL with a user name or password in it".to_owned()
            }
            Self::Text(text) | Self::Variable(text) => {
                let short: String = text.chars().take(80).collect();
                let rest = if short.len() < text.len() { "…" } else { "" };
                format!("{short:?}{rest}")
            }
            Self::Integer(integer) => integer.to_string(),
            Self::Real(text) | Self::Time(text) => text.clone(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) | Self::Variable(text) = self { Some(text) } else { None }
    }

    /// The elements, if it is a list.
    pub(super) fn as_list(&self) -> Option<&[Node]> {
        if let Self::List(nodes) = self { Some(nodes) } else { None }
    }

    /// The table, if it is one.
    pub(super) fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

/// A key, where it is written, and its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) node: Node,
}

/// A table, in the order of writing.
#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

impl Table {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The text at a key, if a text is there.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|entry| entry.node.kind.as_text())
    }

    /// The list of tables at a key; values that are no tables are left for the reader to refuse.
    pub(super) fn tables_mut(&mut self, key: &str) -> impl Iterator<Item = (&mut Origin, &mut Self)> {
        let list = self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node.kind);
        let nodes = if let Some(Kind::List(nodes)) = list { nodes.as_mut_slice() } else { &mut [] };
        nodes.iter_mut().filter_map(|node| {
            if let Kind::Table(table) = &mut node.kind { Some((&mut node.origin, table)) } else { None }
        })
    }

    /// Adds a value to a table of this one, beside whatever is there: one layer, so nothing gives way.
    pub(super) fn insert(&mut self, section: String, key: String, node: Node) {
        let origin = node.origin.clone();
        let entry = Entry { key, origin: origin.clone(), node };
        let table = self.entries.iter_mut().find(|entry| entry.key == section).map(|entry| &mut entry.node.kind);
        if let Some(Kind::Table(table)) = table {
            table.entries.push(entry);
        } else {
            let kind = Kind::Table(Self { entries: vec![entry] });
            self.entries.push(Entry { key: section, origin: origin.clone(), node: Node { origin, kind } });
        }
    }

    /// Puts a value at a key, over whatever was there.
    pub(super) fn set(&mut self, key: &str, node: Node) {
        let origin = node.origin.clone();
        self.overlay(Self { entries: vec![Entry { key: key.to_owned(), origin, node }] });
    }

    /// Appends a value to the list at a key, which is made if it is not there.
    pub(super) fn append(&mut self, key: &str, node: Node) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            if let Kind::List(nodes) = &mut entry.node.kind {
                nodes.push(node);
            }
        } else {
            let origin = node.origin.clone();
            self.set(key, Node { origin, kind: Kind::List(vec![node]) });
        }
    }

    /// Lays a higher layer over this one: tables are merged, everything else is replaced.
    pub(super) fn overlay(&mut self, upper: Self) {
        for (one, other) in ALTERNATIVES {
            if upper.get(one).is_some() || upper.get(other).is_some() {
                self.entries.retain(|entry| entry.key != one && entry.key != other);
            }
        }
        for Entry { key, origin, node } in upper.entries {
            let Some(lower) = self.entries.iter_mut().find(|lower| lower.key == key) else {
                self.entries.push(Entry { key, origin, node });
                continue;
            };
            match (&mut lower.node.kind, node.kind) {
                (Kind::Table(below), Kind::Table(above)) => {
                    below.overlay(above);
                    lower.node.origin = node.origin;
                    lower.origin = origin;
                }
                (_, kind) => *lower = Entry { key, origin, node: Node { origin: node.origin, kind } },
            }
        }
    }
}
