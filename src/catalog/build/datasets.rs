//! `[[dataset]]`: what is exposed, each for itself.

use super::super::error::{BadDeclaration, Findings};
use super::super::{
    Column, ColumnType, Dataset, Direction, Operation, OrderTerm, RoomRule, Search, TenantRule, Within,
};
use super::columns::columns;
use crate::config::{At, DatasetDeclaration, TenantDeclaration, TenantWord};
use crate::model::Name;

/// Checks every `[[dataset]]`, except for what `within` says of the parent.
pub(super) fn datasets(
    declared: &[DatasetDeclaration],
    tenants: &[TenantDeclaration],
    findings: &mut Findings,
) -> Vec<Dataset> {
    let mut datasets = Vec::new();
    for (index, declaration) in declared.iter().enumerate() {
        let same = |other: &&DatasetDeclaration| other.name.value.eq_ignore_ascii_case(&declaration.name.value);
        if let Some(first) = declared.iter().take(index).find(same) {
            let what = BadDeclaration::Twice {
                key: "dataset.name".to_owned(),
                found: declaration.name.value.clone(),
                first: first.name.origin.clone(),
                hint: "the tools `list_…` and `get_…` of the two could not be told apart (capitals do not count)",
            };
            findings.refuse(&declaration.name.origin, what);
            continue;
        }
        let key = format!("dataset.{}", declaration.name.value);
        let columns = columns(&key, &declaration.columns, findings);
        let checked = Checked { key, declaration, columns: &columns };
        if let Some(dataset) = checked.dataset(tenants, findings) {
            let dataset = Dataset { columns, ..dataset };
            let read = dataset.operations().filter(|operation| dataset.tool(*operation).is_none());
            let changed = dataset.writable.iter().filter(|change| dataset.changing_tool(**change).is_none());
            for tool in read.map(Operation::as_str).chain(changed.map(|change| change.as_str())) {
                let found = format!("too long for its tool `{tool}_{}`", dataset.name);
                let key = format!("dataset.{}.name", dataset.name);
                findings.unfit(
                    &declaration.name.origin,
                    key,
                    found,
                    "a shorter name: a tool's has at most 48 characters",
                );
            }
            datasets.push(dataset);
        }
    }
    datasets
}

/// A dataset whose columns were checked.
pub(super) struct Checked<'d> {
    key: String,
    pub(super) declaration: &'d DatasetDeclaration,
    columns: &'d [Column],
}

impl Checked<'_> {
    pub(super) fn key(&self, word: &str) -> String {
        format!("{}.{word}", self.key)
    }

    /// Finds a column by a name that is written somewhere in the dataset.
    pub(super) fn column(&self, word: &str, name: &At<String>, findings: &mut Findings) -> Option<&Column> {
        let found = self.columns.iter().find(|column| column.name.as_str() == name.value);
        if found.is_none() {
            let names = || self.declaration.columns.iter().map(|column| column.name.value.as_str());
            // A declared column that is not among the checked ones was refused for its own fault.
            if !names().any(|declared| declared == name.value) {
                findings.unknown(&name.origin, self.key(word), "column", &name.value, names());
            }
        }
        found
    }

    /// Finds a column that may be ordered or searched by: one that can be in answers. For somebody who may not read it, the
    /// term is left out.
    fn exposed_column(&self, word: &str, name: &At<String>, findings: &mut Findings) -> Option<&Column> {
        let column = self.column(word, name, findings)?;
        if column.expose {
            return Some(column);
        }
        let found = format!("`{}`, which is in no answer", column.name);
        let expected = "exposed columns: what is found, and in which order, tells what they hold";
        findings.unfit(&name.origin, self.key(word), found, expected);
        None
    }

    fn dataset(&self, tenants: &[TenantDeclaration], findings: &mut Findings) -> Option<Dataset> {
        let declaration = self.declaration;
        let name = match declaration.name.value.parse::<Name>() {
            Ok(name) => Some(name),
            Err(reason) => {
                findings.refuse(&declaration.name.origin, BadDeclaration::Name { key: self.key("name"), reason });
                None
            }
        };
        if declaration.columns.is_empty() {
            findings.unfit(&declaration.origin, self.key("columns"), "empty", "at least the key");
        }
        let key = self.row_key(findings);
        let tenant = self.tenant(tenants, findings);
        let data_room = self.data_room(findings);
        let search = self.search(findings);
        let order = self.order(findings);
        let within = self.within(findings);
        let resource = self.resource(findings);
        let changed = self.changed(findings);
        let writable = self.writable(findings);
        let confirm = self.confirm(&writable, findings);
        Some(Dataset {
            table: declaration.table.clone().unwrap_or_else(|| declaration.name.value.clone()),
            description: declaration.description.clone().unwrap_or_else(|| declaration.name.value.replace('_', " ")),
            name: name?,
            key: key?,
            tenant: tenant?,
            data_room: data_room?,
            within,
            search,
            order,
            resource,
            changed,
            writable,
            confirm,
            columns: Vec::new(),
        })
    }

    fn row_key(&self, findings: &mut Findings) -> Option<Vec<Name>> {
        let names = &self.declaration.key;
        if names.value.is_empty() {
            findings.unfit(&names.origin, self.key("key"), "empty", "at least one column");
            return None;
        }
        let mut key: Vec<Name> = Vec::new();
        for name in &names.value {
            let column = self.column("key", name, findings)?;
            match column.kind {
                ColumnType::Id | ColumnType::Text | ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) => {}
                ColumnType::Json | ColumnType::Bytes => {
                    let found = format!("`{}`, a column of type `{}`", column.name, column.kind.as_str());
                    findings.unfit(&name.origin, self.key("key"), found, "columns that can be asked for");
                }
            }
            if !column.expose || column.protected {
                let found = format!("`{}`, which is not in every answer", column.name);
                let expected = format!(
                    "exposed columns that are not protected: `get_{}` asks for them",
                    self.declaration.name.value
                );
                findings.unfit(&name.origin, self.key("key"), found, expected);
            }
            if key.contains(&column.name) {
                findings.unfit(&name.origin, self.key("key"), format!("`{}` twice", column.name), "each column once");
            }
            key.push(column.name.clone());
        }
        Some(key)
    }

    /// A column that holds a name: the tenant or the data room.
    fn naming_column(&self, word: &str, name: &At<String>, findings: &mut Findings) -> Option<Name> {
        let column = self.column(word, name, findings)?;
        match column.kind {
            ColumnType::Id | ColumnType::Text => Some(column.name.clone()),
            ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) | ColumnType::Json | ColumnType::Bytes => {
                let found = format!("`{}`, a column of type `{}`", column.name, column.kind.as_str());
                findings.unfit(&name.origin, self.key(word), found, "a column of type `id` or `text`");
                None
            }
        }
    }

    fn tenant(&self, tenants: &[TenantDeclaration], findings: &mut Findings) -> Option<TenantRule> {
        match &self.declaration.tenant {
            TenantWord::Column(column) => self.naming_column("tenant.column", column, findings).map(TenantRule::Column),
            TenantWord::Shared => Some(TenantRule::Shared),
            TenantWord::Absent => Some(TenantRule::Inherited),
            TenantWord::Fixed(fixed) => {
                if !tenants.iter().any(|tenant| tenant.name.value == fixed.value) {
                    let known = tenants.iter().map(|tenant| tenant.name.value.as_str());
                    findings.unknown(&fixed.origin, self.key("tenant.fixed"), "tenant", &fixed.value, known);
                    return None;
                }
                // A declared tenant whose name is no name was refused for that.
                fixed.value.parse().ok().map(TenantRule::Fixed)
            }
        }
    }

    fn data_room(&self, findings: &mut Findings) -> Option<RoomRule> {
        match &self.declaration.data_room {
            None => Some(RoomRule::Undeclared),
            Some(word) if word.value == "none" => Some(RoomRule::Ignored),
            Some(column) => self.naming_column("data_room", column, findings).map(RoomRule::Column),
        }
    }

    fn search(&self, findings: &mut Findings) -> Option<Search> {
        let declared = self.declaration.search.as_ref()?;
        if declared.columns.value.is_empty() {
            findings.unfit(&declared.columns.origin, self.key("search.columns"), "empty", "at least one text column");
        }
        let mut columns = Vec::new();
        for name in &declared.columns.value {
            let Some(column) = self.exposed_column("search.columns", name, findings) else { continue };
            if column.kind != ColumnType::Text {
                let found = format!("`{}`, a column of type `{}`", column.name, column.kind.as_str());
                findings.unfit(&name.origin, self.key("search.columns"), found, "columns of type `text`");
            }
            columns.push(column.name.clone());
        }
        Some(Search { columns, fts: declared.fts.clone() })
    }

    fn order(&self, findings: &mut Findings) -> Vec<OrderTerm> {
        let mut order: Vec<OrderTerm> = Vec::new();
        for term in &self.declaration.order {
            let (name, direction) = match term.value.strip_prefix('-') {
                Some(name) => (name, Direction::Descending),
                None => (term.value.as_str(), Direction::Ascending),
            };
            let name = At::new(name.to_owned(), term.origin.clone());
            let Some(column) = self.exposed_column("order", &name, findings) else { continue };
            if matches!(column.kind, ColumnType::Json | ColumnType::Bytes) {
                let found = format!("`{}`, a column of type `{}`", column.name, column.kind.as_str());
                findings.unfit(&name.origin, self.key("order"), found, "columns that have an order");
            }
            if order.iter().any(|earlier| earlier.column == column.name) {
                findings.unfit(&name.origin, self.key("order"), format!("`{}` twice", column.name), "each column once");
            }
            order.push(OrderTerm { column: column.name.clone(), direction });
        }
        order
    }

    /// This dataset's half of `within`; the parent's is checked when every dataset is known.
    fn within(&self, findings: &mut Findings) -> Option<Within> {
        let declared = self.declaration.within.as_ref()?;
        let mut by = std::collections::BTreeMap::new();
        for (child, parent) in &declared.by {
            let child = self.column("within.by", child, findings).map(|column| column.name.clone());
            by.extend(child.zip(parent.value.parse().ok()));
        }
        // A parent whose name is no name is not declared either, and refused for that.
        declared.dataset.value.parse().ok().map(|dataset| Within { dataset, by })
    }
}
