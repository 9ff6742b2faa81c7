//! What a test expects somebody to get, and not to get.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::file::Reader;
use super::strict::{Entry, Table, Value};
use crate::catalog::{Change, Dataset, ROWS};
use crate::cli::policy::column::Visibility;
use crate::cli::policy::person;
use crate::cli::policy::preview::{self, RowKey};
use crate::model::Name;
use crate::policy::{Listed, Object};

/// Something that a test expects, and where it stands.
pub(super) struct Expectation {
    pub(super) line: u32,
    pub(super) what: Expected,
}

/// What can be expected.
pub(super) enum Expected {
    Tool {
        tool: Name,
        listed: bool,
    },
    /// These and no other.
    OnlyTools(BTreeSet<Name>),
    /// A prompt, or a resource that is no row.
    Offer {
        object: Object,
        listed: bool,
    },
    /// These and no other, all prompts or all resources.
    OnlyOffers(Listed, BTreeSet<String>),
    Dataset {
        dataset: Name,
        readable: bool,
    },
    /// These and no other.
    OnlyDatasets(BTreeSet<Name>),
    Row {
        dataset: Arc<Dataset>,
        key: RowKey,
        visible: bool,
    },
    /// No other than these; each of them is expected besides.
    OnlyRows {
        dataset: Arc<Dataset>,
        keys: Vec<RowKey>,
    },
    /// Whether a row may be changed so; of a new one, whether it may be made as it is.
    Change {
        dataset: Arc<Dataset>,
        key: RowKey,
        change: Change,
        possible: bool,
    },
    Column {
        dataset: Arc<Dataset>,
        column: Name,
        visibility: Visibility,
    },
    /// One column of one row, which is visible.
    Cell {
        dataset: Arc<Dataset>,
        column: Name,
        key: RowKey,
        shown: bool,
    },
}

impl Expected {
    /// Whether rows have to be read to find out.
    pub(super) fn reads_rows(&self) -> bool {
        match self {
            Self::Row { .. } | Self::OnlyRows { .. } | Self::Change { .. } | Self::Cell { .. } => true,
            Self::Tool { .. }
            | Self::OnlyTools(_)
            | Self::Offer { .. }
            | Self::OnlyOffers(..)
            | Self::Dataset { .. }
            | Self::OnlyDatasets(_)
            | Self::Column { .. } => false,
        }
    }
}

/// Reads what the table of a test expects.
pub(super) fn read(reader: &Reader<'_>, table: &mut Table) -> Vec<Expectation> {
    let mut expectations = Expectations { reader, read: Vec::new() };
    for (key, read) in [
        ("tools", Expectations::tools as fn(&mut _, &mut _)),
        ("prompts", |own: &mut _, group: &mut _| Expectations::offers(own, group, Listed::Prompts)),
        ("resources", |own: &mut _, group: &mut _| Expectations::offers(own, group, Listed::Resources)),
        ("datasets", Expectations::datasets),
    ] {
        if let Some(value) = table.take(key) {
            value.read(reader.findings, |group| read(&mut expectations, group));
        }
    }
    for (key, read) in [("rows", Expectations::rows as fn(&mut _, &mut _, &_)), ("columns", Expectations::columns)] {
        let named = table.take(key).map(|value| value.entries(reader.findings)).unwrap_or_default();
        for Entry { line, key, value } in named {
            let Some(dataset) = reader.dataset(line, &key) else { continue };
            value.read(reader.findings, |group| read(&mut expectations, group, &dataset));
        }
    }
    // As they stand in the file, for the reader of what failed.
    expectations.read.sort_by_key(|expectation| expectation.line);
    expectations.read
}

struct Expectations<'a> {
    reader: &'a Reader<'a>,
    read: Vec<Expectation>,
}

impl Expectations<'_> {
    fn push(&mut self, line: u32, what: Expected) {
        self.read.push(Expectation { line, what });
    }

    fn tools(&mut self, group: &mut Table) {
        for (key, listed) in [("listed", true), ("not_listed", false)] {
            for value in group.take(key).map(Value::one_or_more).unwrap_or_default() {
                if let Some(tool) = self.tool(&value) {
                    self.push(value.line, Expected::Tool { tool, listed });
                }
            }
        }
        if let Some(value) = group.take("only") {
            let line = value.line;
            let tools = value.list(self.reader.findings).iter().filter_map(|value| self.tool(value)).collect();
            self.push(line, Expected::OnlyTools(tools));
        }
    }

    /// Prompts, or resources that are no rows.
    fn offers(&mut self, group: &mut Table, list: Listed) {
        for (key, listed) in [("listed", true), ("not_listed", false)] {
            for value in group.take(key).map(Value::one_or_more).unwrap_or_default() {
                if let Some(object) = self.offer(&value, list) {
                    self.push(value.line, Expected::Offer { object, listed });
                }
            }
        }
        if let Some(value) = group.take("only") {
            let line = value.line;
            let offers = value.list(self.reader.findings).into_iter();
            let names = offers.filter_map(|value| Some(self.offer(&value, list)?.name().to_owned())).collect();
            self.push(line, Expected::OnlyOffers(list, names));
        }
    }

    fn offer(&self, value: &Value, list: Listed) -> Option<Object> {
        let text = value.text(self.reader.findings)?;
        let catalog = self.reader.catalog;
        let (kind, known): (_, Vec<&str>) = match list {
            Listed::Prompts => ("prompt", catalog.prompts.keys().map(Name::as_str).collect()),
            Listed::Tools | Listed::Resources | Listed::Templates => {
                ("resource", catalog.resources.iter().map(AsRef::as_ref).collect())
            }
        };
        if !known.contains(&text.as_str()) {
            let hint = if text.starts_with(ROWS) {
                "; it is a row: write `rows.<dataset>.visible`, as the `dataset:` lines decide about it".to_owned()
            } else {
                person::instead(&text, &known)
            };
            self.reader.findings.refuse(value.line, format!("`{text}` is not a {kind} of this server{hint}"));
            return None;
        }
        match list {
            Listed::Prompts => text.parse().ok().map(Object::Prompt),
            Listed::Tools | Listed::Resources | Listed::Templates => Some(Object::Resource(text.into())),
        }
    }

    fn datasets(&mut self, group: &mut Table) {
        for (key, readable) in [("readable", true), ("not_readable", false)] {
            for value in group.take(key).map(Value::one_or_more).unwrap_or_default() {
                if let Some(dataset) = self.dataset(&value) {
                    self.push(value.line, Expected::Dataset { dataset, readable });
                }
            }
        }
        if let Some(value) = group.take("only") {
            let line = value.line;
            let datasets = value.list(self.reader.findings).iter().filter_map(|value| self.dataset(value)).collect();
            self.push(line, Expected::OnlyDatasets(datasets));
        }
    }

    fn rows(&mut self, group: &mut Table, dataset: &Arc<Dataset>) {
        for (name, visible) in [("visible", true), ("not_visible", false), ("only", true)] {
            let Some(value) = group.take(name) else { continue };
            let whole = value.line;
            let mut keys: Vec<RowKey> = Vec::new();
            for value in value.list(self.reader.findings) {
                let line = value.line;
                let Some(key) = self.key(value, dataset) else { continue };
                if keys.contains(&key) {
                    self.reader.findings.refuse(line, format!("the row {} stands here twice", key.shown));
                    continue;
                }
                keys.push(key.clone());
                self.push(line, Expected::Row { dataset: Arc::clone(dataset), key, visible });
            }
            if name == "only" {
                self.push(whole, Expected::OnlyRows { dataset: Arc::clone(dataset), keys });
            }
        }
        if !dataset.writable.is_empty() {
            self.changes(group, dataset);
        }
    }

    /// What may be done to rows besides reading them.
    fn changes(&mut self, group: &mut Table, dataset: &Arc<Dataset>) {
        for (name, change, possible) in [
            ("creatable", Change::Create, true),
            ("not_creatable", Change::Create, false),
            ("updatable", Change::Update, true),
            ("not_updatable", Change::Update, false),
            ("deletable", Change::Delete, true),
            ("not_deletable", Change::Delete, false),
        ] {
            let Some(value) = group.take(name) else { continue };
            if !dataset.writable.contains(&change) {
                let message = format!("`{}` is not `writable` by `{}`", dataset.name, change.as_str());
                self.reader.findings.refuse(value.line, message);
            }
            for value in value.list(self.reader.findings) {
                let line = value.line;
                if let Some(key) = self.key(value, dataset) {
                    let dataset = Arc::clone(dataset);
                    self.push(line, Expected::Change { dataset, key, change, possible });
                }
            }
        }
    }

    fn columns(&mut self, group: &mut Table, dataset: &Arc<Dataset>) {
        for visibility in [Visibility::Visible, Visibility::Masked, Visibility::Hidden] {
            for value in group.take(visibility.as_str()).map(Value::one_or_more).unwrap_or_default() {
                let Some(name) = value.text(self.reader.findings) else { continue };
                if let Some(column) = self.column(value.line, dataset, &name) {
                    let dataset = Arc::clone(dataset);
                    self.push(value.line, Expected::Column { dataset, column, visibility });
                }
            }
        }
        for (key, shown) in [("visible_in", true), ("masked_in", false)] {
            let columns = group.take(key).map(|value| value.entries(self.reader.findings)).unwrap_or_default();
            for Entry { line, key, value } in columns {
                let Some(column) = self.column(line, dataset, &key) else { continue };
                for value in value.list(self.reader.findings) {
                    let line = value.line;
                    if let Some(key) = self.key(value, dataset) {
                        let (dataset, column) = (Arc::clone(dataset), column.clone());
                        self.push(line, Expected::Cell { dataset, column, key, shown });
                    }
                }
            }
        }
    }

    fn key(&self, value: Value, dataset: &Arc<Dataset>) -> Option<RowKey> {
        let line = value.line;
        let parts: Option<Vec<Json>> = value.one_or_more().iter().map(|part| part.one().cloned()).collect();
        let Some(parts) = parts else {
            let message = "a row is named by its key, as in \"17\", or by a list where the key has several parts";
            self.reader.findings.refuse(line, message.to_owned());
            return None;
        };
        let shown = preview::shown(&parts);
        let key = RowKey::new(&shown, dataset, parts).map_err(|why| format!("`{shown}` {why}"));
        self.reader.taken(line, key)
    }

    fn column(&self, line: u32, dataset: &Dataset, name: &str) -> Option<Name> {
        let column = dataset.column(name).map(|column| column.name.clone());
        if column.is_none() {
            self.reader.unknown_column(line, dataset, name);
        }
        column
    }

    fn dataset(&self, value: &Value) -> Option<Name> {
        let name = value.text(self.reader.findings)?;
        self.reader.dataset(value.line, &name).map(|dataset| dataset.name.clone())
    }

    fn tool(&self, value: &Value) -> Option<Name> {
        let text = value.text(self.reader.findings)?;
        let catalog = self.reader.catalog;
        let generated = catalog.generated_tools().map(|(tool, ..)| tool);
        let known: Vec<Name> = catalog.tools.iter().cloned().chain(generated).collect();
        let found = known.iter().find(|name| name.as_str() == text).cloned();
        if found.is_none() {
            let known: Vec<&str> = known.iter().map(Name::as_str).collect();
            let hint = person::instead(&text, &known);
            self.reader.findings.refuse(value.line, format!("`{text}` is not a tool of this server{hint}"));
        }
        found
    }
}
