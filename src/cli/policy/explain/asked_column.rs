//! A column that was asked about: whether it is read or written, and what makes it so.

use crate::catalog::{Change, Dataset};
use crate::cli::policy::column::{self, Visibility};
use crate::cli::policy::row::LineOnRow;
use crate::model::{Name, Requester};
use crate::policy::{ColumnRule, Columns, Explanation, Object, Permission, RowDecision, Snapshot};

/// What can be done with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is read so.
    Read(Visibility),
    /// Whether it may be given in a change.
    Written(bool),
}

impl Use {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Read(visibility) => visibility.as_str(),
            Self::Written(true) => "written",
            Self::Written(false) => "not written",
        }
    }

    /// Whether it can be used in some row.
    pub(super) fn is_any(self) -> bool {
        match self {
            Self::Read(visibility) => visibility != Visibility::Hidden,
            Self::Written(written) => written,
        }
    }
}

/// A column that was asked about.
pub(super) struct AskedColumn {
    pub(super) name: Name,
    pub(super) object: Object,
    pub(super) used: Use,
    /// The lines about it.
    pub(super) explanation: Explanation,
    /// In which rows, where it is masked in some.
    pub(super) rule: Option<ColumnRule>,
    /// What no line says and yet decides: its declaration, or what else it is there for.
    pub(super) besides: Option<String>,
    /// Of the row that was asked about, what each line comes to there.
    pub(super) on_row: Vec<LineOnRow>,
}

impl AskedColumn {
    pub(super) fn of(
        name: Name,
        dataset: &Dataset,
        permission: Permission,
        decided: &RowDecision,
        (requester, policy): (&Requester, &Snapshot),
    ) -> Self {
        let object = Object::column(&dataset.name, &name);
        let explain = |permission| policy.explain(requester, &object, permission);
        let declared = |told: &Explanation| told.lines.is_empty().then(|| column::declared(dataset, &name));
        let (used, explanation, rule, besides) = match permission.change() {
            None => {
                let explanation = explain(permission);
                let besides = declared(&explanation);
                let rule = decided.columns.masked.get(&name).cloned();
                (Use::Read(Visibility::of(&decided.columns, &name)), explanation, rule, besides)
            }
            Some(change) => {
                let explanation = explain(Permission::Update);
                let read = policy.rows(requester, &dataset.name, Permission::Read).columns;
                let besides = unwritten(&name, dataset, change, &read).or_else(|| declared(&explanation));
                (Use::Written(decided.columns.written.contains(&name)), explanation, None, besides)
            }
        };
        Self { name, object, used, explanation, rule, besides, on_row: Vec::new() }
    }
}

/// Why a column is not written, whatever the lines say of that.
fn unwritten(name: &Name, dataset: &Dataset, change: Change, read: &Columns) -> Option<String> {
    let is_written = dataset.written_by(change).any(|column| column.name == *name);
    match change {
        Change::Delete => Some("a deletion gives no column".to_owned()),
        Change::Update if dataset.key.contains(name) => Some(format!("{name} is of the key, which is not changed")),
        Change::Create | Change::Update if !is_written => {
            Some(format!("{name} is not exposed, or holds the tenant, which the server sets"))
        }
        Change::Create | Change::Update if !read.is_open(name) => {
            Some(format!("{name} is not read in every row, and what is not read is not written"))
        }
        Change::Update if read.unmasks(name) => {
            Some(format!("{name} decides in which rows another column is shown, and so is not written"))
        }
        Change::Create | Change::Update => None,
    }
}
