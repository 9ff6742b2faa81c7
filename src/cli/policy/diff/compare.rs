//! Two policies, name by name.
//!
//! Each part of what a name can have (tools, resources, the rows of datasets) is compared by itself and adds its changes; a
//! further part is one more function in [`Compared::person`]. A line can also change without changing anything for one name:
//! a denial of a role that matters only to people who have another one beside it. Such lines are kept apart and told
//! too, because "no difference" must never be said of a policy that has another effect on somebody.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::change::{Change, Difference, Effect, Kind, Open, Person};
use super::{columns, rows};
use crate::catalog::{Catalog, Dataset};
use crate::cli::policy::{matrix, person};
use crate::model::{Context, Name, Requester, Tenant};
use crate::policy::{LineRef, Object, Permission, RowRule, Snapshot, Statement, Undecided};

/// Compares the policies over the names in either.
pub(super) fn compare(old: &Snapshot, new: &Snapshot, catalog: &Catalog) -> anyhow::Result<Difference> {
    let mut compared = Compared { catalog, old: Policy::new(old), new: Policy::new(new) };
    let mut people = Vec::new();
    for tenant in catalog.tenants.keys() {
        for name in matrix::in_order(old.principals(tenant).union(&new.principals(tenant)).cloned()) {
            let requester = person::requester(tenant, &[&name], Context::default())?;
            let changes = compared.person(&requester);
            if !changes.is_empty() {
                compared.old.explain_names(&requester);
                compared.new.explain_names(&requester);
                people.push(Person { tenant: tenant.clone(), name, changes });
            }
        }
    }
    let removed = compared.old.unexplained(&compared.new, catalog);
    let added = compared.new.unexplained(&compared.old, catalog);
    Ok(Difference { people, removed, added })
}

struct Compared<'a> {
    catalog: &'a Catalog,
    old: Policy<'a>,
    new: Policy<'a>,
}

impl Compared<'_> {
    /// What changes for somebody.
    fn person(&mut self, requester: &Requester) -> Vec<Change> {
        let mut changes = self.tools(requester);
        changes.extend(self.resources(requester));
        changes.extend(self.datasets(requester));
        changes.extend(self.columns(requester));
        changes
    }

    fn tools(&mut self, requester: &Requester) -> Vec<Change> {
        let (old, new) = (self.old.snapshot.visible_tools(requester), self.new.snapshot.visible_tools(requester));
        let generated = self.catalog.generated_tools().map(|(name, ..)| name);
        let all: BTreeSet<Name> = self.catalog.tools.iter().cloned().chain(generated).collect();
        let changes = all.into_iter().filter_map(|tool| {
            let there = (old.contains_key(tool.as_str()), new.contains_key(tool.as_str()));
            self.listed(requester, Kind::Tool, there, &Object::Tool(tool), Permission::Call)
        });
        changes.collect()
    }

    fn resources(&mut self, requester: &Requester) -> Vec<Change> {
        let (old, new) =
            (self.old.snapshot.visible_resources(requester), self.new.snapshot.visible_resources(requester));
        let catalog = self.catalog;
        let changes = catalog.resources.iter().filter_map(|uri| {
            let object = Object::Resource(Arc::clone(uri));
            self.listed(
                requester,
                Kind::Resource,
                (old.contains_key(uri), new.contains_key(uri)),
                &object,
                Permission::Read,
            )
        });
        changes.collect()
    }

    /// The change of something that is in a list or is not.
    fn listed(
        &mut self,
        requester: &Requester,
        kind: Kind,
        (was, is): (bool, bool),
        object: &Object,
        permission: Permission,
    ) -> Option<Change> {
        let open = |policy: &Policy<'_>| policy.snapshot.undecided(requester, object, permission);
        let undecided = changed(&open(&self.old), &open(&self.new));
        let effect = match (was, is, &undecided) {
            (false, true, _) => Effect::Gains,
            (true, false, _) => Effect::Loses,
            (true, true, Some(_)) | (false, false, Some(_)) => Effect::MayDiffer,
            (true, true, None) | (false, false, None) => return None,
        };
        self.explain(requester, object, permission);
        let name = object.to_string();
        let name = name.split_once(':').map_or(name.as_str(), |(_, name)| name);
        Some(Change { undecided, ..Change::of(kind, name, effect) })
    }

    fn datasets(&mut self, requester: &Requester) -> Vec<Change> {
        let catalog = self.catalog;
        catalog.datasets.values().filter_map(|dataset| self.dataset(requester, dataset)).collect()
    }

    fn dataset(&mut self, requester: &Requester, dataset: &Dataset) -> Option<Change> {
        let catalog = self.catalog;
        let rows = |policy: &Policy<'_>| policy.snapshot.rows(requester, &dataset.name, Permission::Read);
        let undecided =
            changed(&self.old.open(requester, dataset, catalog), &self.new.open(requester, dataset, catalog));
        let change = rows::Voice { catalog, requester }.change(dataset, &rows(&self.old), &rows(&self.new));
        let may = || Change::of(Kind::Dataset, dataset.name.as_str(), Effect::MayDiffer);
        let change = change.or_else(|| undecided.is_some().then(may))?;
        for dataset in lineage(dataset, catalog) {
            self.explain(requester, &Object::Dataset(dataset.name.clone()), Permission::Read);
        }
        if matches!(change.effect, Effect::Gains | Effect::Loses) {
            for column in dataset.exposed() {
                self.explain(requester, &Object::column(&dataset.name, &column.name), Permission::Read);
            }
        }
        Some(Change { undecided, ..change })
    }

    /// What changes in the columns of the datasets that are there on both sides; those of another come and go with it.
    fn columns(&mut self, requester: &Requester) -> Vec<Change> {
        let catalog = self.catalog;
        let mut changes = Vec::new();
        for dataset in catalog.datasets.values() {
            let read = |policy: &Policy<'_>| policy.snapshot.rows(requester, &dataset.name, Permission::Read);
            let (old, new) = (read(&self.old), read(&self.new));
            if old.rule == RowRule::Nothing || new.rule == RowRule::Nothing {
                continue;
            }
            let voice = rows::Voice { catalog, requester };
            for column in dataset.exposed() {
                let object = Object::column(&dataset.name, &column.name);
                let open = |policy: &Policy<'_>| policy.snapshot.undecided(requester, &object, Permission::Read);
                let undecided = changed(&open(&self.old), &open(&self.new));
                let change = voice.column(dataset, &column.name, &old.columns, &new.columns);
                let named = |effect| Change::of(Kind::Column, &columns::called(dataset, &column.name), effect);
                let Some(change) = change.or_else(|| undecided.is_some().then(|| named(Effect::MayDiffer))) else {
                    continue;
                };
                changes.push(Change { undecided, ..change });
                self.explain(requester, &object, Permission::Read);
            }
        }
        changes
    }

    /// Takes the lines about an object as those that made a difference to somebody.
    fn explain(&mut self, requester: &Requester, object: &Object, permission: Permission) {
        for policy in [&mut self.old, &mut self.new] {
            let told = policy.snapshot.explain(requester, object, permission);
            policy.explained.extend(told.lines.into_iter().filter(|line| line.matched).map(|line| line.line));
        }
    }
}

/// A dataset and those that its rows are within, which decide about them too.
fn lineage<'a>(dataset: &'a Dataset, catalog: &'a Catalog) -> Vec<&'a Dataset> {
    let mut lineage = vec![dataset];
    while let Some(within) = lineage.last().and_then(|last| last.within.as_ref())
        && let Some(parent) = catalog.datasets.get(&within.dataset)
        && !lineage.iter().any(|known| known.name == parent.name)
    {
        lineage.push(parent);
    }
    lineage
}

fn changed(old: &BTreeSet<Undecided>, new: &BTreeSet<Undecided>) -> Option<Open> {
    let beyond = |of: &BTreeSet<Undecided>, over: &BTreeSet<Undecided>| of.difference(over).cloned().collect();
    let open = Open { was: beyond(old, new), now: beyond(new, old) };
    (open != Open::default()).then_some(open)
}

/// One policy, and which of its lines are accounted for.
struct Policy<'a> {
    snapshot: &'a Snapshot,
    statements: Vec<Statement>,
    explained: HashSet<LineRef>,
    /// The names that people go by for whom something changes.
    names: HashSet<(Tenant, Arc<str>)>,
}

impl<'a> Policy<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, statements: snapshot.statements(), explained: HashSet::new(), names: HashSet::new() }
    }

    /// The lines about the rows of a dataset that a name does not decide, those of its parents among them; none where the name
    /// has no line about the dataset itself.
    fn open(&self, requester: &Requester, dataset: &Dataset, catalog: &Catalog) -> BTreeSet<Undecided> {
        let object = |dataset: &Dataset| Object::Dataset(dataset.name.clone());
        let told = self.snapshot.explain(requester, &object(dataset), Permission::Read);
        if !told.lines.iter().any(|line| line.matched) {
            return BTreeSet::new();
        }
        let all = lineage(dataset, catalog);
        all.into_iter()
            .flat_map(|dataset| self.snapshot.undecided(requester, &object(dataset), Permission::Read))
            .collect()
    }

    fn explain_names(&mut self, requester: &Requester) {
        let names = self.snapshot.names(requester).into_iter();
        self.names.extend(names.map(|name| (requester.tenant.clone(), name)));
    }

    /// The lines that the other policy does not have, and that made no difference to any name.
    fn unexplained(&self, other: &Self, catalog: &Catalog) -> Vec<Statement> {
        let mut said: HashMap<&str, HashSet<Option<&Tenant>>> = HashMap::new();
        for statement in &other.statements {
            said.entry(&statement.says).or_default().insert(statement.tenant.as_ref());
        }
        let still_said = |statement: &&Statement| {
            let Some(tenants) = said.get(statement.says.as_str()) else { return false };
            // A line for every tenant and one for each of them say the same.
            tenants.contains(&None)
                || match &statement.tenant {
                    Some(tenant) => tenants.contains(&Some(tenant)),
                    None => catalog.tenants.keys().all(|tenant| tenants.contains(&Some(tenant))),
                }
        };
        let is_grant = |statement: &Statement| statement.says.starts_with("g,");
        let explained = |statement: &&Statement| {
            self.explained.contains(&statement.line)
                || is_grant(statement)
                    && self.names.iter().any(|(tenant, name)| {
                        *name == statement.who && statement.tenant.as_ref().is_none_or(|own| own == tenant)
                    })
        };
        let left = self.statements.iter().filter(|statement| !still_said(statement) && !explained(statement));
        let mut left: Vec<Statement> = left.cloned().collect();
        left.sort_by(|one, other| one.line.cmp(&other.line));
        // The alternatives of one line are one line.
        left.dedup_by(|one, other| one.line == other.line);
        left
    }
}
