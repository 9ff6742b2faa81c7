//! One row: each condition of the scope on its own, so that one that is outside can be told from one that is not there.

use std::fmt;
use std::sync::Arc;

use anyhow::bail;
use serde_json::Value as Json;

use super::preview::{self, Preview, RowKey};
use super::reasons;
use crate::catalog::{Catalog, Dataset, RoomRule};
use crate::dataset::Face;
use crate::model::{DataRoom, Name, Requester, Value};
use crate::policy::{Columns, Decision, Explanation, LineReport, Object, ParentFilter, Permission, Row, RowFilter};
use crate::policy::{RowRule, Snapshot, Truth};

/// What is asked about one row, and of whom.
pub(super) struct RowQuestion<'a> {
    pub(super) preview: &'a Preview,
    pub(super) policy: &'a Snapshot,
    pub(super) catalog: &'a Catalog,
    pub(super) requester: &'a Requester,
    pub(super) dataset: &'a Arc<Dataset>,
    pub(super) key: &'a RowKey,
    /// What is to be done with the row.
    pub(super) permission: Permission,
}

/// What was found out about one row of the tenant.
pub(super) struct RowTold {
    /// Whether the statement that serves the dataset gives the row.
    pub(super) in_scope: bool,
    /// The row with every declared column.
    pub(super) row: Row,
    /// The columns that are null in this row for this person, though they may hold something.
    pub(super) masked: Vec<Name>,
    /// The lines that match, with their truth on this row and what follows from it.
    pub(super) lines: Vec<LineOnRow>,
    /// casbin's own word on the row: what the lines say of it.
    pub(super) casbin: Decision,
    /// The data room of the request, if there is one.
    pub(super) room: Option<Condition>,
    /// The parent row, if the dataset lies within another.
    pub(super) parent: Option<Parent>,
}

/// A line on a row.
pub(super) struct LineOnRow {
    pub(super) report: LineReport,
    pub(super) truth: Truth,
    pub(super) why: String,
}

/// A condition besides the lines.
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) holds: bool,
}

/// The row that another one belongs to.
pub(super) struct Parent {
    pub(super) dataset: Name,
    /// Its key; `None` where the row names none.
    pub(super) key: Option<String>,
    pub(super) readable: bool,
    /// Why it may not be read.
    pub(super) why: Option<String>,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, key, readable, why } = self;
        let Some(key) = key else { return write!(f, "the row names no row of {dataset}") };
        write!(f, "the row {key} of {dataset}, which it lies within, ")?;
        match why {
            _ if *readable => f.write_str("may be read"),
            Some(why) => f.write_str(why),
            None => f.write_str("may not be read, or is not there"),
        }
    }
}

/// Finds out; `None` where the tenant has no such row.
pub(super) async fn told(question: &RowQuestion<'_>) -> anyhow::Result<Option<RowTold>> {
    let RowQuestion { preview, policy, catalog, requester, dataset, key, permission } = *question;
    let tenant = &requester.tenant;
    let Some(own) = preview::of_tenant(dataset, tenant, catalog) else { return Ok(None) };
    let Some(row) = preview.row(dataset, key, &own).await? else { return Ok(None) };
    let name = &dataset.name;
    let decided = policy.rows(requester, name, permission);
    let (in_scope, masked) = match &decided.rule {
        RowRule::Nothing => (false, Vec::new()),
        RowRule::Filter(filter) => {
            let face = Face::new(Arc::clone(dataset), Arc::clone(&decided.columns));
            let given = preview.get(face, key, filter, tenant).await?;
            (given.is_some(), given.and_then(|table| table.masked?.into_iter().next()).unwrap_or_default())
        }
    };
    let mut casbin = policy.admits_row(requester, name, permission, &row);
    if permission.change().is_some() {
        casbin = both(casbin, policy.admits_row(requester, name, Permission::Read, &row));
    }
    let room = requester.context.data_room.as_ref().map(|room| in_room(dataset, room, &row));
    let parent = question.parent(own, &row).await?;
    let lines = on_row(policy.explain(requester, &Object::Dataset(name.clone()), permission), &row);
    let told = RowTold { in_scope, row, masked, lines, casbin, room, parent };
    if !told.agrees(&decided.columns) {
        bail!("casbin and the statement disagree about this row of `{name}`, a defect of bailiwick; please report it");
    }
    Ok(Some(told))
}

/// What comes of two decisions that must both be good: the one that is not, else the lines of both.
fn both(mut one: Decision, other: Decision) -> Decision {
    match (one.is_allowed(), other.is_allowed()) {
        (false, _) => one,
        (true, false) => other,
        (true, true) => {
            let further: Vec<_> = other.lines.into_iter().filter(|line| !one.lines.contains(line)).collect();
            one.lines.extend(further);
            one
        }
    }
}

/// The lines that match, on a row.
pub(super) fn on_row(explanation: Explanation, row: &Row) -> Vec<LineOnRow> {
    let matched = explanation.lines.into_iter().filter(|line| line.matched);
    let on_row =
        |report: LineReport| LineOnRow { truth: report.left.evaluate(row), why: reasons::on_row(&report, row), report };
    matched.map(on_row).collect()
}

impl RowTold {
    /// Whether the conditions, one by one, come to what the statement said.
    fn agrees(&self, columns: &Columns) -> bool {
        let room = self.room.as_ref().is_none_or(|room| room.holds);
        let parent = self.parent.as_ref().is_none_or(|parent| parent.readable);
        let masks = columns.masked.iter().filter(|(_, rule)| !rule.admits(&self.row)).map(|(column, _)| column);
        let rows = self.in_scope == (self.casbin.is_allowed() && room && parent && !columns.open.is_empty());
        rows && (!self.in_scope || masks.eq(self.masked.iter().collect::<std::collections::BTreeSet<_>>()))
    }
}

impl RowQuestion<'_> {
    async fn parent(&self, own: RowFilter, row: &Row) -> anyhow::Result<Option<Parent>> {
        let Some(within) = &self.dataset.within else { return Ok(None) };
        let dataset = within.dataset.clone();
        let key = self.catalog.datasets.get(&dataset).and_then(|parent| {
            let value = |key: &Name| {
                let (column, _) = within.by.iter().find(|(_, column)| *column == key)?;
                row.get(column)?.as_ref().map(|value| Json::String(bare(value)))
            };
            parent.key.iter().map(value).collect::<Option<Vec<Json>>>()
        });
        let readable = match self.policy.rows(self.requester, &dataset, Permission::Read).rule {
            RowRule::Nothing => false,
            RowRule::Filter(filter) => {
                let by = within.by.iter().map(|(own, key)| (own.clone(), key.clone())).collect();
                let parent = Some(ParentFilter { by, filter });
                self.preview.row(self.dataset, self.key, &RowFilter { parent, ..own }).await?.is_some()
            }
        };
        let (key, why) = match key {
            Some(parts) => {
                let shown = preview::shown(&parts);
                let why = if readable { None } else { self.why_not(&dataset, &shown, parts).await? };
                (Some(shown), why)
            }
            None => (None, None),
        };
        Ok(Some(Parent { dataset, key, readable, why }))
    }

    /// Why a row of a dataset around this one may not be read; `None` where its key cannot be asked about.
    async fn why_not(&self, dataset: &Name, key: &str, parts: Vec<Json>) -> anyhow::Result<Option<String>> {
        let (requester, read) = (self.requester, Permission::Read);
        let Some(parent) = self.catalog.datasets.get(dataset) else { return Ok(None) };
        let Ok(row_key) = RowKey::new(key, parent, parts) else { return Ok(None) };
        let own = preview::of_tenant(parent, &requester.tenant, self.catalog);
        let row = match &own {
            Some(own) => self.preview.row(parent, &row_key, own).await?,
            None => None,
        };
        let Some(row) = row else { return Ok(Some(format!("is not there in {}", requester.tenant))) };
        let decided = self.policy.admits_row(requester, dataset, read, &row);
        let lines: Vec<String> = decided.lines.iter().map(ToString::to_string).collect();
        let by = match (decided.is_allowed(), lines.is_empty()) {
            (true, _) => "by its lines it could be read, and by its data room or its own parent it may not".to_owned(),
            (false, true) => "may not be read: no line allows it".to_owned(),
            (false, false) => format!("may not be read: {} denies it", lines.join(", ")),
        };
        Ok(Some(format!("{by}; --dataset {dataset} --row {key} says more")))
    }
}

fn in_room(dataset: &Dataset, room: &DataRoom, row: &Row) -> Condition {
    match &dataset.data_room {
        RoomRule::Ignored => {
            Condition { text: format!("{} is answered under any data room", dataset.name), holds: true }
        }
        RoomRule::Undeclared => {
            Condition { text: format!("{} is answered under no data room", dataset.name), holds: false }
        }
        RoomRule::Column(column) => {
            let found = row.get(column).and_then(Option::as_ref);
            let holds = matches!(found, Some(Value::Text(text)) if **text == *room.as_str());
            let found = found.map_or_else(|| "empty".to_owned(), reasons::short);
            Condition { text: format!("{column} is {found}, and the request is for \"{room}\""), holds }
        }
    }
}

fn bare(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Number(_) | Value::Boolean(_) => value.to_string(),
    }
}
