//! Two policies, name by name.
//!
//! Each part of what a name can have (tools, resources, prompts, the rows of datasets, their columns) is compared by itself and adds its changes; a
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
use crate::policy::{LineRef, Object, Permission, RowDecision, RowRule, Snapshot, Statement, Undecided};

/// Compares the policies over the names in either.
pub(super) fn compare(old: &Snapshot, new: &Snapshot, catalog: &Catalog) -> anyhow::Result<Difference> {
    let (old_lines, new_lines) = (old.statements(), new.statements());
    let mut compared = Compared {
        catalog,
        old: Policy::new(old, beyond(&old_lines, &new_lines, catalog)),
        new: Policy::new(new, beyond(&new_lines, &old_lines, catalog)),
    };
    let mut people = Vec::new();
    for tenant in catalog.tenants.keys() {
        for name in matrix::in_order(old.principals(tenant).union(&new.principals(tenant)).cloned()) {
            let requester = person::requester(tenant, &[&name], Context::default())?;
            if !compared.concerns(&requester) {
                continue;
            }
            let changes = compared.person(&requester);
            if !changes.is_empty() {
                compared.old.explain_names(&requester);
                compared.new.explain_names(&requester);
                people.push(Person { tenant: tenant.clone(), name, changes });
            }
        }
    }
    Ok(Difference { people, removed: compared.old.unexplained(), added: compared.new.unexplained() })
}

/// The lines that the other policy does not have. A line for every tenant and one for each of them say the same.
fn beyond(lines: &[Statement], over: &[Statement], catalog: &Catalog) -> Vec<Statement> {
    let mut said: HashMap<&str, HashSet<Option<&Tenant>>> = HashMap::new();
    for statement in over {
        said.entry(&statement.says).or_default().insert(statement.tenant.as_ref());
    }
    let still_said = |statement: &&Statement| {
        let Some(tenants) = said.get(statement.says.as_str()) else { return false };
        tenants.contains(&None)
            || match &statement.tenant {
                Some(tenant) => tenants.contains(&Some(tenant)),
                None => catalog.tenants.keys().all(|tenant| tenants.contains(&Some(tenant))),
            }
    };
    lines.iter().filter(|statement| !still_said(statement)).cloned().collect()
}

struct Compared<'a> {
    catalog: &'a Catalog,
    old: Policy<'a>,
    new: Policy<'a>,
}

impl Compared<'_> {
    /// Says whether anything can change for somebody: they go by other names than before, or a line came or went that is for
    /// one of those.
    fn concerns(&self, requester: &Requester) -> bool {
        let (old, new) = (self.old.snapshot.names(requester), self.new.snapshot.names(requester));
        let theirs = |name: &Arc<str>| self.old.whose.contains(name) || self.new.whose.contains(name);
        old != new || old.iter().any(theirs)
    }

    /// What changes for somebody.
    fn person(&mut self, requester: &Requester) -> Vec<Change> {
        let mut changes = self.tools(requester);
        changes.extend(self.resources(requester));
        changes.extend(self.prompts(requester));
        changes.extend(self.datasets(requester));
        changes.extend(self.columns(requester));
        changes.extend(self.written_columns(requester));
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

    fn prompts(&mut self, requester: &Requester) -> Vec<Change> {
        let (old, new) = (self.old.snapshot.visible_prompts(requester), self.new.snapshot.visible_prompts(requester));
        let catalog = self.catalog;
        let changes = catalog.prompts.keys().filter_map(|prompt| {
            let there = (old.contains_key(prompt.as_str()), new.contains_key(prompt.as_str()));
            self.listed(requester, Kind::Prompt, there, &Object::Prompt(prompt.clone()), Permission::Read)
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
        catalog.datasets.values().flat_map(|dataset| self.dataset_and_changes(requester, dataset)).collect()
    }

    /// The rows that may be read, then those that may be changed in each way that the dataset is writable.
    fn dataset_and_changes(&mut self, requester: &Requester, dataset: &Dataset) -> Vec<Change> {
        let changes = dataset.writable.iter().map(|change| Permission::from(*change));
        let all = std::iter::once(Permission::Read).chain(changes);
        all.filter_map(|permission| self.dataset(requester, dataset, permission)).collect()
    }

    fn dataset(&mut self, requester: &Requester, dataset: &Dataset, permission: Permission) -> Option<Change> {
        let catalog = self.catalog;
        let rows = |policy: &Policy<'_>| policy.snapshot.rows(requester, &dataset.name, permission);
        let open = |policy: &Policy<'_>| policy.open(requester, dataset, permission, catalog);
        let undecided = changed(&open(&self.old), &open(&self.new));
        let change = rows::Voice { catalog, requester }.change(dataset, &rows(&self.old), &rows(&self.new));
        let may = || Change::of(Kind::Dataset, dataset.name.as_str(), Effect::MayDiffer);
        let mut change = change.or_else(|| undecided.is_some().then(may))?;
        for (distance, dataset) in catalog.lineage(dataset).into_iter().enumerate() {
            let permission = if distance == 0 { permission } else { Permission::Read };
            self.explain(requester, &Object::Dataset(dataset.name.clone()), permission);
        }
        if permission.change().is_some() {
            // Which rows they are is told; what they hold was told of those that are read.
            change = Change { object: format!("{permission} {}", change.object), rows: None, ..change };
        }
        if matches!(change.effect, Effect::Gains | Effect::Loses) {
            let of_column = permission.change().map_or(Permission::Read, |_| Permission::Update);
            for column in dataset.exposed() {
                self.explain(requester, &Object::column(&dataset.name, &column.name), of_column);
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

    /// What changes in the columns that may be written, where the rows may be changed on both sides.
    fn written_columns(&mut self, requester: &Requester) -> Vec<Change> {
        let catalog = self.catalog;
        let mut changes = Vec::new();
        for (dataset, change) in
            catalog.datasets.values().flat_map(|d| d.writable.iter().map(move |change| (d, *change)))
        {
            let through = |policy: &Policy<'_>| policy.snapshot.changes_through(requester, &dataset.name, change);
            let (old, new) = (through(&self.old), through(&self.new));
            if old.rule == RowRule::Nothing || new.rule == RowRule::Nothing {
                continue;
            }
            for column in dataset.written_by(change) {
                let object = Object::column(&dataset.name, &column.name);
                let open = |policy: &Policy<'_>| policy.snapshot.undecided(requester, &object, Permission::Update);
                let undecided = changed(&open(&self.old), &open(&self.new));
                let writes = |decision: &RowDecision| decision.columns.written.contains(&column.name);
                let called = format!("{} {}", Permission::from(change), columns::called(dataset, &column.name));
                let named = |effect| Change::of(Kind::Column, &called, effect);
                let written = || vec!["written".to_owned()];
                let change = match (writes(&old), writes(&new), &undecided) {
                    (false, true, _) => Change { now: written(), ..named(Effect::Gains) },
                    (true, false, _) => Change { was: written(), ..named(Effect::Loses) },
                    (_, _, Some(_)) => named(Effect::MayDiffer),
                    (_, _, None) => continue,
                };
                changes.push(Change { undecided, ..change });
                self.explain(requester, &object, Permission::Update);
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

fn changed(old: &BTreeSet<Undecided>, new: &BTreeSet<Undecided>) -> Option<Open> {
    let beyond = |of: &BTreeSet<Undecided>, over: &BTreeSet<Undecided>| of.difference(over).cloned().collect();
    let open = Open { was: beyond(old, new), now: beyond(new, old) };
    (open != Open::default()).then_some(open)
}

/// One policy, and which of its lines are accounted for.
struct Policy<'a> {
    snapshot: &'a Snapshot,
    /// The lines that the other policy does not have.
    changed: Vec<Statement>,
    /// The names that those are for, in whichever tenant.
    whose: HashSet<Arc<str>>,
    explained: HashSet<LineRef>,
    /// The names that people go by for whom something changes.
    names: HashSet<(Tenant, Arc<str>)>,
}

impl<'a> Policy<'a> {
    fn new(snapshot: &'a Snapshot, changed: Vec<Statement>) -> Self {
        let whose = changed.iter().map(|statement| Arc::clone(&statement.who)).collect();
        Self { snapshot, changed, whose, explained: HashSet::new(), names: HashSet::new() }
    }

    /// The lines about the rows of a dataset that a name does not decide. Those about its parents are among them where the name
    /// has a line about the dataset itself; without one the parents change nothing.
    fn open(
        &self,
        requester: &Requester,
        dataset: &Dataset,
        permission: Permission,
        catalog: &Catalog,
    ) -> BTreeSet<Undecided> {
        let object = |dataset: &Dataset| Object::Dataset(dataset.name.clone());
        let of = |dataset: &Dataset| self.snapshot.undecided(requester, &object(dataset), Permission::Read);
        let mut open = self.snapshot.undecided(requester, &object(dataset), permission);
        if dataset.within.is_some() {
            let told = self.snapshot.explain(requester, &object(dataset), permission);
            if told.lines.iter().any(|line| line.matched) {
                open.extend(catalog.lineage(dataset).into_iter().skip(1).flat_map(of));
            }
        }
        open
    }

    fn explain_names(&mut self, requester: &Requester) {
        let names = self.snapshot.names(requester).into_iter();
        self.names.extend(names.map(|name| (requester.tenant.clone(), name)));
    }

    /// The lines that changed and made no difference to any name.
    fn unexplained(&self) -> Vec<Statement> {
        let is_grant = |statement: &Statement| statement.says.starts_with("g,");
        let explained = |statement: &&Statement| {
            self.explained.contains(&statement.line)
                || is_grant(statement)
                    && self.names.iter().any(|(tenant, name)| {
                        *name == statement.who && statement.tenant.as_ref().is_none_or(|own| own == tenant)
                    })
        };
        let mut left: Vec<Statement> = self.changed.iter().filter(|statement| !explained(statement)).cloned().collect();
        left.sort_by(|one, other| one.line.cmp(&other.line));
        // The alternatives of one line are one line.
        left.dedup_by(|one, other| one.line == other.line);
        left
    }
}
