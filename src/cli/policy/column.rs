//! How somebody meets a column: in every row, in some, or not at all.

use super::reasons::{self, Reason};
use crate::catalog::Dataset;
use crate::model::{Name, Requester};
use crate::policy::{Columns, Explanation, Object, Permission, RowRule, Snapshot};

/// How somebody meets a column of the rows that they may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// In every row.
    Visible,
    /// In some rows, and null in the others.
    Masked,
    /// Not there.
    Hidden,
}

impl Visibility {
    /// What the policy says of a column.
    pub(super) fn of(columns: &Columns, column: &Name) -> Self {
        if columns.is_open(column) {
            Self::Visible
        } else if columns.masked.contains_key(column) {
            Self::Masked
        } else {
            Self::Hidden
        }
    }

    /// The word in tests and answers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Masked => "masked",
            Self::Hidden => "hidden",
        }
    }
}

/// How somebody meets a column, and what made it so.
pub(super) fn met(
    policy: &Snapshot,
    requester: &Requester,
    dataset: &Dataset,
    column: &Name,
) -> (Visibility, Vec<Reason>) {
    let rows = policy.rows(requester, &dataset.name, Permission::Read);
    let visibility = Visibility::of(&rows.columns, column);
    let told = explain(policy, requester, dataset, column);
    let because = if rows.rule == RowRule::Nothing {
        let object = Object::Dataset(dataset.name.clone());
        reasons::deciding(&policy.explain(requester, &object, Permission::Read))
    } else if told.lines.is_empty() {
        vec![Reason::besides(declared(dataset, column))]
    } else {
        reasons::deciding(&told)
    };
    (visibility, because)
}

/// How the decision about a column comes about.
pub(super) fn explain(policy: &Snapshot, requester: &Requester, dataset: &Dataset, column: &Name) -> Explanation {
    policy.explain(requester, &Object::column(&dataset.name, column), Permission::Read)
}

/// What decides about a column that no line is about.
pub(super) fn declared(dataset: &Dataset, column: &Name) -> String {
    match dataset.column(column.as_str()) {
        Some(declared) if !declared.expose => format!("{column} is declared `expose = false`"),
        Some(declared) if declared.protected => format!("{column} is declared `protected`, and no line opens it"),
        Some(_) | None => format!("{column} is not protected, and no line is about it"),
    }
}
