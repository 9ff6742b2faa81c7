//! The table of one tenant: a row for each name, a column for each thing, and what is said under it.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::cells::{self, Asked, Met, MetRows, NO};
use super::{EVERYBODY, in_order, shown};
use crate::catalog::Catalog;
use crate::model::{Name, Tenant};
use crate::policy::{Object, Snapshot};

/// The table of one tenant.
pub(super) struct Table<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) names: Vec<String>,
    pub(super) tools: Vec<Column>,
    pub(super) prompts: Vec<Column>,
    pub(super) resources: Vec<Column>,
    pub(super) datasets: Vec<Column>,
    pub(super) changes: Vec<Column>,
    pub(super) notes: Notes,
}

/// One thing, with a word for each name.
pub(super) struct Column {
    pub(super) head: String,
    pub(super) cells: Vec<&'static str>,
}

/// What is said of the things that a name may use in part.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) rows: Vec<Note>,
    pub(super) columns: Vec<Note>,
    pub(super) tools: Vec<Note>,
}

/// What is said in the case of one name, thing by thing.
pub(super) struct Note {
    pub(super) name: String,
    pub(super) rules: Vec<(String, Vec<String>)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(tenant: &'a Tenant, catalog: &Catalog, policy: &Snapshot) -> anyhow::Result<Self> {
        let principals = policy.principals(tenant);
        let provided: Vec<Arc<str>> = principals.iter().filter(|name| name.starts_with("idp:")).cloned().collect();
        let column = |head: &str| Column { head: head.to_owned(), cells: Vec::new() };
        let columns = |heads: &mut dyn Iterator<Item = &str>| heads.map(column).collect::<Vec<_>>();
        let changing = cells::changing(catalog);
        let mut table = Self {
            tenant,
            names: Vec::new(),
            tools: columns(&mut catalog.tools.iter().map(Name::as_str)),
            prompts: columns(&mut catalog.prompts.keys().map(Name::as_str)),
            resources: columns(&mut catalog.resources.iter().map(|uri| &**uri)),
            datasets: columns(&mut catalog.datasets.keys().map(Name::as_str)),
            changes: columns(&mut changing.iter().map(|(tool, ..)| tool.as_str())),
            notes: Notes::default(),
        };
        for name in in_order(principals) {
            let asked = Asked::new(&name, &provided, tenant, catalog, policy)?;
            let mut told = Told::default();
            for (tool, column) in catalog.tools.iter().zip(&mut table.tools) {
                told.met(asked.used(&Object::Tool(tool.clone())), column);
            }
            for (prompt, column) in catalog.prompts.keys().zip(&mut table.prompts) {
                told.met(asked.used(&Object::Prompt(prompt.clone())), column);
            }
            for (uri, column) in catalog.resources.iter().zip(&mut table.resources) {
                told.met(asked.used(&Object::Resource(Arc::clone(uri))), column);
            }
            for (dataset, column) in catalog.datasets.values().zip(&mut table.datasets) {
                told.met_rows(asked.read(dataset), column);
            }
            for ((tool, change, dataset), column) in changing.iter().zip(&mut table.changes) {
                told.met_rows(asked.changed(tool, *change, dataset), column);
            }
            let name = shown(&name).to_owned();
            table.notes.add(&name, told);
            table.names.push(name);
        }
        Ok(table)
    }

    /// The table for a program: for each name, a word for each thing, and the rules behind the words.
    pub(super) fn document(&self) -> Json {
        let words = |columns: &[Column], row: usize| -> Map<String, Json> {
            let word = |column: &Column| match column.cells.get(row).copied() {
                Some(NO) | None => "no",
                Some(word) => word,
            };
            columns.iter().map(|column| (column.head.clone(), word(column).into())).collect()
        };
        let rules = |notes: &[Note], name: &String| -> Map<String, Json> {
            let own = notes.iter().filter(|note| note.name == *name).flat_map(|note| note.rules.iter().cloned());
            own.map(|(what, rules)| (what, rules.into())).collect()
        };
        let names = self.names.iter().enumerate().map(|(row, name)| {
            json!({
                "name": if name == EVERYBODY { "verified" } else { name },
                "tools": words(&self.tools, row),
                "prompts": words(&self.prompts, row),
                "resources": words(&self.resources, row),
                "datasets": words(&self.datasets, row),
                "changes": words(&self.changes, row),
                "rules": rules(&self.notes.rows, name),
                "columns": rules(&self.notes.columns, name),
                "generated_tools": rules(&self.notes.tools, name),
            })
        });
        json!({ "tenant": self.tenant.as_str(), "names": names.collect::<Vec<_>>() })
    }
}

/// What is said of one name.
#[derive(Default)]
struct Told {
    rows: Vec<(String, Vec<String>)>,
    columns: Vec<(String, Vec<String>)>,
    tools: Vec<(String, Vec<String>)>,
}

impl Told {
    fn met(&mut self, met: Met, column: &mut Column) {
        column.cells.push(met.cell);
        let head = || column.head.clone();
        self.rows.extend((!met.rules.is_empty()).then(|| (head(), met.rules)));
    }

    fn met_rows(&mut self, rows: MetRows, column: &mut Column) {
        let MetRows { met, columns, tools } = rows;
        self.met(met, column);
        let head = || column.head.clone();
        self.columns.extend((!columns.is_empty()).then(|| (head(), columns)));
        self.tools.extend((!tools.is_empty()).then(|| (head(), tools)));
    }
}

impl Notes {
    fn add(&mut self, name: &str, told: Told) {
        let note = |rules: Vec<_>| (!rules.is_empty()).then(|| Note { name: name.to_owned(), rules });
        self.rows.extend(note(told.rows));
        self.columns.extend(note(told.columns));
        self.tools.extend(note(told.tools));
    }
}
