//! What somebody meets of the rows of a dataset, before it is put in words.

use std::ops::Range;
use std::sync::Arc;

use super::cells::NO;
use super::provided::Question;
use crate::catalog::{Catalog, Change, Column, Dataset, Generated};
use crate::cli::policy::plain;
use crate::cli::policy::somebody::{Case, Depends, Somebody};
use crate::model::Name;
use crate::policy::{Object, Permission, RowDecision, RowRule, Snapshot};

/// Rows that are read or changed, and all that an answer about them depends on.
pub(super) struct Rows<'a> {
    pub(super) dataset: &'a Dataset,
    permission: Permission,
    pub(super) asked: Vec<Question>,
    /// Those about the rows themselves, among what is asked: the dataset and those that it lies within.
    own: Range<usize>,
    /// The columns that are read, or written, and the questions about these.
    about: Vec<&'a Column>,
    pub(super) columns: Range<usize>,
    /// The tools that reach them, and the questions about these.
    pub(super) tools: Vec<Name>,
    pub(super) called: Range<usize>,
}

impl<'a> Rows<'a> {
    /// Those that are read.
    pub(super) fn read(dataset: &'a Dataset, catalog: &Catalog) -> Self {
        let tools = dataset.operations().filter_map(|operation| dataset.tool(operation)).collect();
        let mut rows = Self::of(dataset, Permission::Read, tools, catalog);
        rows.about = dataset.exposed().collect();
        rows.columns = rows.add_columns(dataset.exposed(), Permission::Read);
        rows.add_tools();
        rows
    }

    /// Those that are changed so.
    pub(super) fn changed(dataset: &'a Dataset, tool: &Name, change: Change, catalog: &Catalog) -> Self {
        let mut rows = Self::of(dataset, change.into(), vec![tool.clone()], catalog);
        rows.add_columns(dataset.exposed(), Permission::Read);
        rows.about = dataset.written_by(change).collect();
        rows.columns = rows.add_columns(dataset.written_by(change), Permission::Update);
        rows.add_tools();
        rows
    }

    fn of(dataset: &'a Dataset, permission: Permission, tools: Vec<Name>, catalog: &Catalog) -> Self {
        let around = catalog.lineage(dataset).into_iter().skip(1).map(|around| (around, Permission::Read));
        let own = std::iter::once((dataset, permission)).chain(around);
        let asked: Vec<_> = own.map(|(dataset, may)| (Object::Dataset(dataset.name.clone()), may)).collect();
        let own = 0..asked.len();
        Self { dataset, permission, asked, own, about: Vec::new(), columns: 0..0, tools, called: 0..0 }
    }

    fn add_columns(&mut self, columns: impl Iterator<Item = &'a Column>, permission: Permission) -> Range<usize> {
        let start = self.asked.len();
        self.asked.extend(columns.map(|column| (Object::column(&self.dataset.name, &column.name), permission)));
        start..self.asked.len()
    }

    fn add_tools(&mut self) {
        let start = self.asked.len();
        self.asked.extend(self.tools.iter().map(|tool| (Object::Tool(tool.clone()), Permission::Call)));
        self.called = start..self.asked.len();
    }

    pub(super) fn about_columns(&self) -> impl Iterator<Item = &'a Column> {
        self.about.iter().copied()
    }

    pub(super) fn are_changed(&self) -> bool {
        self.permission.change().is_some()
    }

    /// Says whether somebody has some of them, or would with the right claims.
    pub(super) fn are_there(&self, who: &Somebody, policy: &Snapshot) -> bool {
        // What is found out besides is taken away from whom is asked about, and gives them nothing.
        let can_be = |(object, may): &Question| who.depends(object, *may, policy).can_be;
        let mut own = self.asked.iter().take(self.own.len());
        own.all(can_be) && self.ask(who, policy).cell() != NO
    }

    pub(super) fn ask<'s>(&'s self, who: &Somebody, policy: &'s Snapshot) -> Answer<'s> {
        let case = who.ask(&self.asked, policy);
        let decision = policy.rows(&case.requester, &self.dataset.name, self.permission);
        let mut answer = Answer { rows: self, policy, case, decision, is_unreached: false };
        let is_missing = |tool: &Name| answer.is_missing(tool);
        answer.is_unreached = answer.is_some() && !self.tools.is_empty() && self.tools.iter().all(is_missing);
        answer
    }
}

/// The rows of somebody.
pub(super) struct Answer<'a> {
    rows: &'a Rows<'a>,
    policy: &'a Snapshot,
    pub(super) case: Case,
    pub(super) decision: RowDecision,
    /// Whoever is denied every tool of a dataset reads it by no other way.
    pub(super) is_unreached: bool,
}

impl Answer<'_> {
    /// Whether there are rows, by whatever way.
    pub(super) fn is_some(&self) -> bool {
        self.decision.rule != RowRule::Nothing
    }

    /// Whether a tool is not there, though the rows are.
    pub(super) fn is_missing(&self, tool: &Name) -> bool {
        let (requester, dataset) = (&self.case.requester, &self.rows.dataset.name);
        let reached = match self.rows.permission.change() {
            None => self.policy.rows_through(requester, dataset, tool),
            Some(change) => self.policy.changes_through(requester, dataset, change),
        };
        reached.rule == RowRule::Nothing
    }

    /// What it depends on which rows there are.
    pub(super) fn depends(&self) -> Depends {
        self.case.depends(self.rows.own.clone())
    }

    /// What it depends on whether a tool reaches them.
    pub(super) fn reached_with(&self) -> Depends {
        self.case.depends(self.rows.called.clone())
    }

    /// The word for it.
    pub(super) fn cell(&self) -> &'static str {
        let claimed = |depends: &Depends| if depends.names().is_empty() { NO } else { "claims" };
        match &self.decision.rule {
            RowRule::Filter(_) if self.is_unreached => claimed(&self.reached_with()),
            RowRule::Filter(filter) if plain::is_everything(filter) => "all",
            RowRule::Filter(_) => "some",
            RowRule::Nothing => {
                let depends = self.depends();
                if depends.can_be { claimed(&depends) } else { NO }
            }
        }
    }
}

/// The tools that change rows.
pub(super) fn changing(catalog: &Catalog) -> Vec<(Name, Change, &Arc<Dataset>)> {
    let change = |does| match does {
        Generated::Change(change) => Some(change),
        Generated::Read(_) => None,
    };
    let tools = catalog.generated_tools();
    tools.filter_map(|(tool, does, dataset)| change(does).map(|change| (tool, change, dataset))).collect()
}
