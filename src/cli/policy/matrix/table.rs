//! The table of one tenant: a row for each name, a column for each thing, and what is said under it.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::cells::{Asked, Met, MetRows, NO};
use super::provided::Provided;
use super::rows::{self, Rows};
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
    /// By the places of the names.
    pub(super) told: Vec<Told>,
}

/// One thing, with a word for each name.
pub(super) struct Column {
    pub(super) head: String,
    pub(super) cells: Vec<&'static str>,
}

/// What is said of a thing, rule by rule.
pub(super) type Note = (String, Vec<String>);

/// What is said of the things that one name may use in part.
#[derive(Default)]
pub(super) struct Told {
    pub(super) rows: Vec<Note>,
    pub(super) columns: Vec<Note>,
    pub(super) tools: Vec<Note>,
}

impl<'a> Table<'a> {
    pub(super) fn new(tenant: &'a Tenant, catalog: &Catalog, policy: &Snapshot) -> anyhow::Result<Self> {
        let principals = policy.principals(tenant);
        let mut provided = Provided::new(&principals, tenant, catalog, policy)?;
        let column = |head: &str| Column { head: head.to_owned(), cells: Vec::new() };
        let columns = |heads: &mut dyn Iterator<Item = &str>| heads.map(column).collect::<Vec<_>>();
        let read: Vec<Rows<'_>> = catalog.datasets.values().map(|dataset| Rows::read(dataset, catalog)).collect();
        let changing = rows::changing(catalog);
        let changed = changing.iter().map(|(tool, change, dataset)| Rows::changed(dataset, tool, *change, catalog));
        let changed: Vec<Rows<'_>> = changed.collect();
        let mut table = Self {
            tenant,
            names: Vec::new(),
            tools: columns(&mut catalog.tools.iter().map(Name::as_str)),
            prompts: columns(&mut catalog.prompts.keys().map(Name::as_str)),
            resources: columns(&mut catalog.resources.iter().map(|uri| &**uri)),
            datasets: columns(&mut catalog.datasets.keys().map(Name::as_str)),
            changes: columns(&mut changing.iter().map(|(tool, ..)| tool.as_str())),
            told: Vec::new(),
        };
        for name in in_order(principals) {
            let asked = Asked::new(&name, &provided, tenant, catalog, policy)?;
            let mut told = Told::default();
            for (tool, column) in catalog.tools.iter().zip(&mut table.tools) {
                told.met(asked.used(&Object::Tool(tool.clone()), &mut provided), column);
            }
            for (prompt, column) in catalog.prompts.keys().zip(&mut table.prompts) {
                told.met(asked.used(&Object::Prompt(prompt.clone()), &mut provided), column);
            }
            for (uri, column) in catalog.resources.iter().zip(&mut table.resources) {
                told.met(asked.used(&Object::Resource(Arc::clone(uri)), &mut provided), column);
            }
            for (rows, column) in read.iter().zip(&mut table.datasets).chain(changed.iter().zip(&mut table.changes)) {
                told.met_rows(asked.met(rows, &mut provided), column);
            }
            table.names.push(shown(&name).to_owned());
            table.told.push(told);
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
        let rules = |notes: &[Note]| -> Map<String, Json> {
            notes.iter().map(|(what, rules)| (what.clone(), rules.clone().into())).collect()
        };
        let names = self.names.iter().zip(&self.told).enumerate().map(|(row, (name, told))| {
            json!({
                "name": if name == EVERYBODY { "verified" } else { name },
                "tools": words(&self.tools, row),
                "prompts": words(&self.prompts, row),
                "resources": words(&self.resources, row),
                "datasets": words(&self.datasets, row),
                "changes": words(&self.changes, row),
                "rules": rules(&told.rows),
                "columns": rules(&told.columns),
                "generated_tools": rules(&told.tools),
            })
        });
        json!({ "tenant": self.tenant.as_str(), "names": names.collect::<Vec<_>>() })
    }
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
