//! The rows that somebody may change, and the columns of them that they may write.
//!
//! A row is in the filter of a change where it may be read *and* the lines about the change allow it: so nobody changes, or
//! makes, what they could not see, and a person who may do nothing but create cannot find out what is there. The filter says
//! so of the row before and of the row after alike, as they are stored; who runs the statement asks it of both.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::columns::Columns;
use super::condition::View;
use super::decision::{RowDecision, RowRule};
use super::finding::LineRef;
use super::object::{Object, Permission};
use super::predicate::{Predicate, RowFilter};
use super::snapshot::Snapshot;
use crate::catalog::Change;
use crate::model::{Name, Requester};

impl RowFilter {
    /// The rows that are in both filters, which are of one dataset and one requester: tenant, room and parent are the same.
    fn and(&self, other: &Self) -> Self {
        // What is readable already, as it stands or as a part of more, is not asked twice: Kleene's logic absorbs it too.
        let is_in = |part: &Predicate| self.allow.contains(part);
        let is_read = |part: &Predicate| match part {
            Predicate::All(parts) => is_in(part) || parts.iter().any(is_in),
            Predicate::Any(_)
            | Predicate::Known(_)
            | Predicate::Compare { .. }
            | Predicate::CompareColumns { .. }
            | Predicate::In { .. }
            | Predicate::Present(_)
            | Predicate::Not(_) => is_in(part),
        };
        let any = |filter: &Self| Predicate::any(filter.allow.iter().cloned());
        let allow = if other.allow.iter().all(is_read) {
            other.allow.clone()
        } else {
            vec![Predicate::all([any(self), any(other)])]
        };
        let mut deny = self.deny.clone();
        deny.extend(other.deny.iter().filter(|line| !self.deny.contains(line)).cloned());
        Self { allow, deny, ..self.clone() }
    }
}

impl Snapshot {
    /// The rows of a dataset that a requester may change through the tool for it: none where a line denies the tool, or where
    /// nothing could be written.
    pub fn changes_through(&self, requester: &Requester, dataset: &Name, change: Change) -> RowDecision {
        let tool = self.catalog.datasets.get(dataset).and_then(|declared| declared.changing_tool(change));
        let Some(tool) = tool else { return self.nothing(dataset, Vec::new()) };
        let called = self.decide(requester, &Object::Tool(tool), Permission::Call);
        if called.is_denied_by_line() {
            return self.nothing(dataset, called.lines);
        }
        self.rows(requester, dataset, change.into())
    }

    /// The rows that may be read and changed so. A dataset that is not declared `writable` so has none.
    pub(super) fn changeable(&self, view: &View<'_>, dataset: &Name, change: Change) -> RowDecision {
        let declared = self.catalog.datasets.get(dataset).filter(|declared| declared.writable.contains(&change));
        let Some(declared) = declared else { return self.nothing(dataset, Vec::new()) };
        let read = self.rows(view.requester, dataset, Permission::Read);
        let (changed, own) = self.scope(view, dataset, change.into(), 0);
        let (RowRule::Filter(readable), RowRule::Filter(changed)) = (&read.rule, &changed) else {
            let deciding = if changed == RowRule::Nothing { own } else { read.lines.to_vec() };
            return self.nothing(dataset, deciding);
        };
        let seen = self.columns(view, declared, Permission::Update);
        let written = declared.written_by(change).map(|column| &column.name);
        // Whoever could write what a mask depends on could take it off.
        let opens = |name: &Name| change == Change::Update && read.columns.unmasks(name);
        let may = |name: &&Name| read.columns.is_open(name) && seen.columns.is_open(name) && !opens(name);
        let written: BTreeSet<Name> = written.filter(may).cloned().collect();
        let mut lines: Vec<LineRef> = own;
        let about_columns = if change == Change::Delete { Vec::new() } else { seen.lines };
        for line in read.lines.iter().cloned().chain(about_columns) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if written.is_empty() && change != Change::Delete {
            return self.nothing(dataset, lines);
        }
        let rule = RowRule::Filter(Arc::new(readable.and(changed)));
        let columns = Arc::new(Columns { written, ..Columns::clone(&read.columns) });
        RowDecision { rule, columns, lines: lines.into(), revision: self.revision }
    }
}
