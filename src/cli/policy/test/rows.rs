//! Whether rows, and columns of them, are visible: read by the statement that serves them.

use std::sync::Arc;

use anyhow::Context as _;

use super::evaluate::{Asker, Missed, Subject, are, only_are};
use crate::catalog::{Change, Dataset};
use crate::cli::policy::column::{self, Visibility};
use crate::cli::policy::preview::{Preview, RowKey};
use crate::cli::policy::reasons::Reason;
use crate::cli::policy::row::{self, LineOnRow, RowQuestion, RowTold};
use crate::dataset::Face;
use crate::model::Name;
use crate::policy::{Permission, RowDecision, RowRule};
use crate::store::audit::Verdict;

impl Asker<'_> {
    fn preview(&self) -> anyhow::Result<&Preview> {
        self.subject.preview.context("no rows are at hand")
    }

    /// Everything that can be told of a row; `Err` says why there is nothing to tell.
    async fn told(&self, dataset: &Arc<Dataset>, key: &RowKey) -> anyhow::Result<Result<RowTold, String>> {
        let Subject { policy, catalog, .. } = *self.subject;
        let (preview, requester) = (self.preview()?, self.requester);
        let permission = Permission::Read;
        let question = RowQuestion { preview, policy, catalog, requester, dataset, key, permission };
        if let Some(told) = row::told(&question).await? {
            return Ok(Ok(told));
        }
        Ok(Err(if preview.exists(dataset, key).await? {
            format!("the row is not one of {}", requester.tenant)
        } else {
            "there is no such row".to_owned()
        }))
    }

    pub(super) async fn row(
        &self,
        dataset: &Arc<Dataset>,
        key: &RowKey,
        visible: bool,
    ) -> anyhow::Result<Option<Missed>> {
        let name = &dataset.name;
        let RowDecision { rule, columns, .. } = self.rows(name);
        let is_visible = match rule {
            RowRule::Nothing => false,
            RowRule::Filter(filter) => {
                let face = Face::new(Arc::clone(dataset), columns);
                self.preview()?.get(face, key, &filter, &self.requester.tenant).await?.is_some()
            }
        };
        let expected = format!("row {} of {name} is {}visible", key.shown, if visible { "" } else { "not " });
        if is_visible == visible {
            // A row that is nowhere is visible to nobody, and its key may be misspelled.
            if visible || self.preview()?.exists(dataset, key).await? {
                return Ok(None);
            }
            let found = "there is no such row, so that this holds whatever the policy says".to_owned();
            return Ok(Some(Missed { expected, found, because: Vec::new() }));
        }
        Ok(Some(match self.told(dataset, key).await? {
            Err(found) => Missed { expected, found, because: Vec::new() },
            Ok(told) => {
                let found = if is_visible { "it is" } else { "it is not" }.to_owned();
                Missed { expected, found, because: self.why_row(name, &told) }
            }
        }))
    }

    /// Whether a row may be changed so as it stands; a new one, made so.
    pub(super) async fn change(
        &self,
        dataset: &Arc<Dataset>,
        key: &RowKey,
        change: Change,
        possible: bool,
    ) -> anyhow::Result<Option<Missed>> {
        let name = &dataset.name;
        let RowDecision { rule, columns, .. } = self.subject.policy.changes_through(self.requester, name, change);
        let is_possible = match rule {
            RowRule::Nothing => false,
            RowRule::Filter(filter) => {
                let face = Face::new(Arc::clone(dataset), columns);
                self.preview()?.get(face, key, &filter, &self.requester.tenant).await?.is_some()
            }
        };
        let word = match change {
            Change::Create => "creatable",
            Change::Update => "updatable",
            Change::Delete => "deletable",
        };
        let expected = format!("row {} of {name} is {}{word}", key.shown, if possible { "" } else { "not " });
        if is_possible == possible && (possible || self.preview()?.exists(dataset, key).await?) {
            return Ok(None);
        }
        let found = match (is_possible, possible) {
            (false, false) => "there is no such row, so that this holds whatever the policy says",
            (true, _) => "it is",
            (false, true) => "it is not",
        };
        let because = self.why_may(name, change.into());
        Ok(Some(Missed { expected, found: found.to_owned(), because }))
    }

    pub(super) async fn cell(
        &self,
        dataset: &Arc<Dataset>,
        column: &Name,
        key: &RowKey,
        shown: bool,
    ) -> anyhow::Result<Option<Missed>> {
        let word = if shown { "visible" } else { "masked" };
        let expected = format!("column {column} of {} is {word} in row {}", dataset.name, key.shown);
        let missed = |found: String, because| Ok(Some(Missed { expected, found, because }));
        let told = match self.told(dataset, key).await? {
            Err(found) => return missed(found, Vec::new()),
            Ok(told) if !told.in_scope => {
                return missed("the row is not visible".to_owned(), self.why_row(&dataset.name, &told));
            }
            Ok(told) => told,
        };
        let (policy, requester) = (self.subject.policy, self.requester);
        let (visibility, because) = column::met(policy, requester, dataset, column);
        if visibility == Visibility::Hidden {
            return missed("it is hidden".to_owned(), because);
        }
        let is_shown = !told.masked.contains(column);
        if is_shown == shown {
            return Ok(None);
        }
        let lines = row::on_row(column::explain(policy, requester, dataset, column), &told.row);
        let because = lines.iter().map(|line| Reason::of(&line.report, line.why.clone())).collect();
        missed(if is_shown { "it is visible".to_owned() } else { "it is masked".to_owned() }, because)
    }

    fn why_row(&self, dataset: &Name, told: &RowTold) -> Vec<Reason> {
        if told.lines.is_empty() {
            return self.why_dataset(dataset);
        }
        // A row is visible because of what allows it and in spite of what could have denied it. It is not because of what
        // denies it, else in spite of what could have allowed it.
        let casbin = &told.casbin;
        let spares = |line: &LineOnRow| match line.report.effect {
            Verdict::Allow => !casbin.is_allowed() && !casbin.is_denied_by_line(),
            Verdict::Deny => casbin.is_allowed(),
        };
        let deciding = |line: &&LineOnRow| casbin.lines.contains(&line.report.line) || spares(line);
        let lines = told.lines.iter().filter(deciding).map(|line| Reason::of(&line.report, line.why.clone()));
        let room = told.room.iter().filter(|room| !room.holds).map(|room| Reason::besides(room.text.clone()));
        let parent = told.parent.iter().filter(|parent| !parent.readable);
        lines.chain(room).chain(parent.map(|parent| Reason::besides(parent.to_string()))).collect()
    }

    /// Says which rows are visible besides; that those expected are is an expectation of its own.
    pub(super) async fn only_rows(&self, dataset: &Arc<Dataset>, keys: &[RowKey]) -> anyhow::Result<Option<Missed>> {
        let RowDecision { rule: RowRule::Filter(filter), columns, .. } = self.rows(&dataset.name) else {
            return Ok(None);
        };
        let (preview, tenant) = (self.preview()?, &self.requester.tenant);
        let face = Face::new(Arc::clone(dataset), columns);
        let count = usize::try_from(preview.count(face.clone(), &filter, tenant).await?).unwrap_or(usize::MAX);
        if count <= keys.len() {
            return Ok(None);
        }
        let mut more = preview.keys(face, &filter, tenant).await?;
        more.retain(|key| !keys.contains(key));
        let expected: Vec<&str> = keys.iter().map(|key| key.shown.as_str()).collect();
        let expected = format!("{} visible", only_are(&expected, "row", &format!(" of {}", dataset.name)));
        let because = match more.first() {
            Some(first) => self.told(dataset, first).await?.map(|told| self.why_row(&dataset.name, &told)),
            None => Ok(self.why_dataset(&dataset.name)),
        };
        let also: Vec<&str> = more.iter().map(|key| key.shown.as_str()).collect();
        let found = match &also[..] {
            [] => format!("{count} are"),
            [_] => format!("{} too", are(&also)),
            [first, ..] => format!("{} too; of {first}:", are(&also)),
        };
        Ok(Some(Missed { expected, found, because: because.unwrap_or_default() }))
    }
}
