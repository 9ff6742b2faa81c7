//! Which columns of a dataset one requester may read, and in which rows.
//!
//! A column that nothing speaks of is as its declaration says: open, or closed where it is `protected`. One that a line
//! speaks of is decided like a row, by conditions compiled from the lines that match; that it is not protected then stands
//! among them as a line of its own, so that casbin, to whose answer the differential test holds them, knows all there is. What
//! is not named here is not there: a column has to be opened, it does not have to be hidden.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::condition::{Condition, View};
use super::decision::Decision;
use super::files::{Effect, Rule};
use super::finding::LineRef;
use super::object::{Kind, Object, Pattern, Permission};
use super::predicate::{Predicate, Row, Truth};
use super::scope::Left;
use super::snapshot::Snapshot;
use crate::catalog::{Catalog, Dataset};
use crate::model::{Name, Requester};
use crate::store::audit::Verdict;

/// Where the line of a column that is not protected stands.
const DECLARATION: &str = "declaration";

/// The columns of one dataset that one requester may read. Any other is not there for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Columns {
    /// The dataset.
    pub dataset: Name,
    /// Read in every row in scope; only these can be filtered, ordered and searched by.
    pub open: BTreeSet<Name>,
    /// Read in some rows, absent in the others.
    pub masked: BTreeMap<Name, ColumnRule>,
    /// Of the open ones, those that may be written by the change that was asked about; none where reading was.
    pub written: BTreeSet<Name>,
}

/// In which rows a column may be read: where some `allow` is true and no `deny` is true or unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnRule {
    /// At least one must be true.
    pub allow: Vec<Predicate>,
    /// None may be true or unknown.
    pub deny: Vec<Predicate>,
}

impl Columns {
    /// No column at all.
    pub(super) fn none(dataset: &Name) -> Self {
        Self { dataset: dataset.clone(), open: BTreeSet::new(), masked: BTreeMap::new(), written: BTreeSet::new() }
    }

    /// The columns as declared, where no line speaks of any: those that are exposed and not protected.
    pub fn declared(dataset: &Dataset) -> Self {
        let open = dataset.exposed().filter(|column| !column.protected).map(|column| column.name.clone());
        Self { open: open.collect(), ..Self::none(&dataset.name) }
    }

    /// How many names, parts and values there are.
    pub(super) fn size(&self) -> usize {
        let conditions = self.masked.values().flat_map(|rule| rule.allow.iter().chain(&rule.deny));
        self.open.len() + self.written.len() + conditions.map(Predicate::size).sum::<usize>()
    }

    /// Whether what this column holds decides in which rows another can be read.
    pub fn unmasks(&self, column: &Name) -> bool {
        let conditions = self.masked.values().flat_map(|rule| rule.allow.iter().chain(&rule.deny));
        conditions.into_iter().any(|condition| condition.reads(column))
    }

    /// Says whether a column is read in every row in scope, so that questions about it tell nothing that is hidden.
    pub fn is_open(&self, column: &Name) -> bool {
        self.open.contains(column)
    }
}

impl ColumnRule {
    /// Says whether the column is read in this row: what the rendered SQL must say of the same row.
    pub fn admits(&self, row: &Row) -> bool {
        self.allow.iter().any(|line| line.evaluate(row) == Truth::True)
            && self.deny.iter().all(|line| line.evaluate(row) == Truth::False)
    }
}

/// The columns that `column:` lines speak of.
#[derive(Debug, Default)]
pub(super) struct Spoken(HashSet<Arc<str>>);

impl Spoken {
    /// Finds them, and adds to the lines what the declaration of each says.
    pub(super) fn add_declarations(rules: &mut Vec<Rule>, catalog: &Catalog) -> Self {
        let lines = rules.iter().map(|rule| &rule.what).filter(|what| what.kind == Some(Kind::Column));
        let patterns: HashSet<Pattern> = lines.cloned().collect();
        let mut spoken = HashSet::new();
        for dataset in catalog.datasets.values() {
            for column in dataset.exposed() {
                let object = Object::column(&dataset.name, &column.name);
                if !patterns.iter().any(|what| what.covers(Kind::Column, object.name())) {
                    continue;
                }
                let name: Arc<str> = object.name().into();
                if !column.protected {
                    rules.push(declaration(Arc::clone(&name)));
                }
                spoken.insert(name);
            }
        }
        Self(spoken)
    }

    /// Says whether a line is about this column; if not, its declaration decides.
    pub(super) fn covers(&self, column: &Object) -> bool {
        self.0.contains(column.name())
    }
}

/// The line that an unprotected column has from its declaration.
fn declaration(name: Arc<str>) -> Rule {
    Rule {
        at: LineRef { file: DECLARATION.into(), line: 0 },
        who: "*".into(),
        tenant: None,
        what: Pattern { kind: Some(Kind::Column), name, open: false },
        may: None,
        when: Arc::new(Condition::Always),
        effect: Effect::Allow,
    }
}

/// The columns, and the lines that took one away or opened one.
pub(super) struct Seen {
    pub(super) columns: Columns,
    pub(super) lines: Vec<LineRef>,
}

impl Snapshot {
    /// A rule in words: the line that it is from, or what the declaration says.
    pub(super) fn text(&self, rule: &Rule) -> Arc<str> {
        self.line(&rule.at).map_or_else(|| format!("{} is not protected", rule.what).into(), Arc::from)
    }

    /// Compiles what a requester may read, or write, of each column.
    pub(super) fn columns(&self, view: &View<'_>, dataset: &Dataset, permission: Permission) -> Seen {
        let place = (&view.requester.tenant, Kind::Column, permission);
        let mut columns = Columns::none(&dataset.name);
        let mut lines = BTreeSet::new();
        for column in dataset.exposed() {
            let object = Object::column(&dataset.name, &column.name);
            if !self.spoken.covers(&object) {
                if !column.protected {
                    columns.open.insert(column.name.clone());
                }
                continue;
            }
            match self.left(view, place, object.name()) {
                Err(denying) => lines.extend(denying),
                Ok(Left { allow, deny, lines: deciding }) => {
                    lines.extend(deciding.into_iter().filter(|line| &*line.file != DECLARATION));
                    if allow.is_empty() {
                        continue;
                    }
                    if deny.is_empty() && allow == [Predicate::Known(Truth::True)] {
                        columns.open.insert(column.name.clone());
                    } else {
                        columns.masked.insert(column.name.clone(), ColumnRule { allow, deny });
                    }
                }
            }
        }
        Seen { columns, lines: lines.into_iter().collect() }
    }

    /// Says whether a column can be read in some row, and which lines made it so.
    pub(super) fn decide_column(&self, requester: &Requester, column: &Object, permission: Permission) -> Decision {
        let names = self.names.close(&requester.tenant, &requester.names);
        let view = View { requester, names: &names };
        let (allowed, lines) = if self.spoken.covers(column) {
            match self.left(&view, (&requester.tenant, Kind::Column, permission), column.name()) {
                Err(denying) => (false, denying),
                Ok(left) => (!left.allow.is_empty(), left.lines),
            }
        } else {
            let declared = self.catalog.datasets.values().flat_map(|dataset| {
                dataset.exposed().filter(|column| !column.protected).map(|c| Object::column(&dataset.name, &c.name))
            });
            (declared.into_iter().any(|open| open == *column), Vec::new())
        };
        let verdict = if allowed { Verdict::Allow } else { Verdict::Deny };
        Decision { verdict, lines, revision: self.revision }
    }
}
