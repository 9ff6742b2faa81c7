//! What one name meets of one thing: a word for the table, and the rules behind the word.

use std::ops::Range;
use std::sync::Arc;

use crate::catalog::{Catalog, Change, Column, Dataset, Generated};
use crate::cli::policy::plain;
use crate::cli::policy::somebody::{Depends, Somebody, is_person};
use crate::model::{Name, Requester, Tenant};
use crate::policy::{Object, Permission, RowRule, Snapshot};

/// The word for what is not there.
pub(super) const NO: &str = "-";

/// A word, and what is said under the tables.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) cell: &'static str,
    pub(super) rules: Vec<String>,
}

/// A dataset, or a change of one.
pub(super) struct MetRows {
    pub(super) met: Met,
    /// What is not as declared of the columns.
    pub(super) columns: Vec<String>,
    /// The generated tools that are not there, though the rows are.
    pub(super) tools: Vec<String>,
}

/// Somebody of a name, and the same with each role that an identity provider may give them besides.
pub(super) struct Asked<'a> {
    catalog: &'a Catalog,
    policy: &'a Snapshot,
    alone: Somebody,
    with: Vec<(Arc<str>, Somebody)>,
}

impl<'a> Asked<'a> {
    /// `provided` are the names that an identity provider gives.
    pub(super) fn new(
        name: &str,
        provided: &[Arc<str>],
        tenant: &Tenant,
        catalog: &'a Catalog,
        policy: &'a Snapshot,
    ) -> anyhow::Result<Self> {
        let alone = Somebody::named(tenant, &[name], catalog)?;
        let beside = |role: &Arc<str>| Ok((Arc::clone(role), Somebody::named(tenant, &[name, role], catalog)?));
        let provided = provided.iter().filter(|_| is_person(name));
        let with = provided.map(beside).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { catalog, policy, alone, with })
    }

    /// A tool that is not generated, a prompt or a resource.
    pub(super) fn used(&self, object: &Object) -> Met {
        let permission = object.use_of();
        let met = |who: &Somebody| {
            let case = who.ask(&[(object.clone(), permission)], self.policy);
            let depends = case.depends(0..1);
            let names = depends.names();
            if self.policy.decide(&case.requester, object, permission).is_allowed() {
                Met { cell: "yes", rules: Vec::new() }
            } else if !depends.can_be || names.is_empty() {
                Met { cell: NO, rules: Vec::new() }
            } else {
                Met { cell: "claims", rules: vec![more(&names)] }
            }
        };
        self.or_with_a_role(met(&self.alone), |who| met(who).cell != NO)
    }

    /// The rows that may be read.
    pub(super) fn read(&self, dataset: &Dataset) -> MetRows {
        let met = |who: &Somebody| self.rows_read(who, dataset);
        let alone = met(&self.alone);
        MetRows { met: self.or_with_a_role(alone.met, |who| met(who).met.cell != NO), ..alone }
    }

    /// The rows that may be changed so.
    pub(super) fn changed(&self, tool: &Name, change: Change, dataset: &Dataset) -> MetRows {
        let met = |who: &Somebody| self.rows_changed(who, tool, change, dataset);
        let alone = met(&self.alone);
        MetRows { met: self.or_with_a_role(alone.met, |who| met(who).met.cell != NO), ..alone }
    }

    /// What is not there for a name by itself may be with a role beside it.
    fn or_with_a_role(&self, alone: Met, is_there: impl Fn(&Somebody) -> bool) -> Met {
        if alone.cell != NO {
            return alone;
        }
        let roles: Vec<&str> = self.with.iter().filter(|(_, who)| is_there(who)).map(|(role, _)| &**role).collect();
        if roles.is_empty() { alone } else { Met { cell: "idp", rules: vec![format!("with {}", roles.join(" or "))] } }
    }

    fn rows_read(&self, who: &Somebody, dataset: &Dataset) -> MetRows {
        let mut asked = Objects::of_rows(dataset, Permission::Read, self.catalog);
        let columns = asked.columns(dataset.exposed(), dataset, Permission::Read);
        let tools: Vec<Name> = dataset.operations().filter_map(|operation| dataset.tool(operation)).collect();
        let called = asked.add(tools.iter().map(|tool| (Object::Tool(tool.clone()), Permission::Call)));
        let case = who.ask(&asked.all, self.policy);
        let decision = self.policy.rows(&case.requester, &dataset.name, Permission::Read);
        let is_missing =
            |tool: &Name| self.policy.rows_through(&case.requester, &dataset.name, tool).rule == RowRule::Nothing;
        let missing: Vec<(usize, &Name)> = called.clone().zip(&tools).filter(|(_, tool)| is_missing(tool)).collect();
        let met = rows(&decision.rule, dataset, &case.requester, case.depends(asked.rows));
        if decision.rule == RowRule::Nothing {
            return MetRows { met, columns: Vec::new(), tools: Vec::new() };
        }
        if !tools.is_empty() && missing.len() == tools.len() {
            // Whoever is denied every tool of a dataset reads it by no other way.
            return without_tools(&case.depends(called).names());
        }
        let tools = missing.iter().map(|(at, tool)| match &case.depends([*at]).names()[..] {
            [] => format!("no {tool}"),
            names => format!("{tool} only with the right {}", names.join(", ")),
        });
        let said = |(at, column): (usize, &Column)| {
            let depends = case.depends([at]);
            let names = if depends.can_be { depends.names() } else { Vec::new() };
            let word = plain::column(column, &decision.columns, dataset, &case.requester);
            let is_masked = decision.columns.masked.contains_key(&column.name);
            match (&names[..], decision.columns.is_open(&column.name), word) {
                ([], _, word) | (_, true, word) => word,
                (names, false, Some(word)) if is_masked => Some(format!("{word}, {}", more(names))),
                (names, false, _) => Some(format!("{} only with the right {}", column.name, names.join(", "))),
            }
        };
        let columns = columns.zip(dataset.exposed()).filter_map(said).collect();
        MetRows { met, columns, tools: tools.collect() }
    }

    fn rows_changed(&self, who: &Somebody, tool: &Name, change: Change, dataset: &Dataset) -> MetRows {
        let mut asked = Objects::of_rows(dataset, change.into(), self.catalog);
        asked.columns(dataset.exposed(), dataset, Permission::Read);
        let written = asked.columns(dataset.written_by(change), dataset, Permission::Update);
        let called = asked.add([(Object::Tool(tool.clone()), Permission::Call)]);
        let case = who.ask(&asked.all, self.policy);
        let decision = self.policy.rows(&case.requester, &dataset.name, change.into());
        let met = rows(&decision.rule, dataset, &case.requester, case.depends(asked.rows));
        if decision.rule == RowRule::Nothing {
            return MetRows { met, columns: Vec::new(), tools: Vec::new() };
        }
        if self.policy.changes_through(&case.requester, &dataset.name, change).rule == RowRule::Nothing {
            return without_tools(&case.depends(called).names());
        }
        let said = |(at, column): (usize, &Column)| {
            let can_be_read = decision.columns.is_open(&column.name);
            let depends = case.depends([at]);
            match &depends.names()[..] {
                _ if decision.columns.written.contains(&column.name) || !can_be_read => None,
                [] => Some(format!("not {}", column.name)),
                names => Some(format!("{} only with the right {}", column.name, names.join(", "))),
            }
        };
        let columns = written.zip(dataset.written_by(change)).filter_map(said).collect();
        MetRows { met, columns, tools: Vec::new() }
    }
}

/// The objects that an answer depends on, in places.
struct Objects {
    all: Vec<(Object, Permission)>,
    /// Those about rows.
    rows: Range<usize>,
}

impl Objects {
    /// A dataset and those that its rows lie within.
    fn of_rows(dataset: &Dataset, permission: Permission, catalog: &Catalog) -> Self {
        let around = catalog.lineage(dataset).into_iter().skip(1).map(|around| (around, Permission::Read));
        let objects = std::iter::once((dataset, permission)).chain(around);
        let all: Vec<_> = objects.map(|(dataset, may)| (Object::Dataset(dataset.name.clone()), may)).collect();
        let rows = 0..all.len();
        Self { all, rows }
    }

    fn columns<'a>(
        &mut self,
        columns: impl Iterator<Item = &'a Column>,
        dataset: &Dataset,
        permission: Permission,
    ) -> Range<usize> {
        self.add(columns.map(|column| (Object::column(&dataset.name, &column.name), permission)))
    }

    fn add(&mut self, objects: impl IntoIterator<Item = (Object, Permission)>) -> Range<usize> {
        let start = self.all.len();
        self.all.extend(objects);
        start..self.all.len()
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

/// Rows that no tool reaches.
fn without_tools(claims: &[&str]) -> MetRows {
    let met = match claims {
        [] => Met { cell: NO, rules: Vec::new() },
        [..] => Met { cell: "claims", rules: vec![more(claims)] },
    };
    MetRows { met, columns: Vec::new(), tools: Vec::new() }
}

fn rows(rule: &RowRule, dataset: &Dataset, requester: &Requester, depends: Depends) -> Met {
    let cell = match rule {
        RowRule::Nothing if !depends.can_be || depends.names().is_empty() => {
            return Met { cell: NO, rules: Vec::new() };
        }
        RowRule::Nothing => "claims",
        RowRule::Filter(filter) if plain::is_everything(filter) => return Met { cell: "all", rules: Vec::new() },
        RowRule::Filter(_) => "some",
    };
    let mut rules = plain::rules(rule, dataset, requester);
    let nevers = rules.iter().filter(|rule| rule.starts_with("never ")).count();
    let Depends { mut to_allow, to_deny, .. } = depends;
    let joined = |names: &[&str]| names.join(", ");
    match rules.last_mut() {
        // Where one line denies, the claims are those that it asks for.
        Some(never) if nevers == 1 && !to_deny.is_empty() => {
            let names: Vec<&str> = to_deny.iter().map(String::as_str).collect();
            never.extend([" without the right ", &joined(&names)]);
        }
        Some(_) | None => to_allow.extend(to_deny),
    }
    if !to_allow.is_empty() {
        rules.push(more(&to_allow.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    Met { cell, rules }
}

/// What comes with the right claims.
fn more(claims: &[&str]) -> String {
    format!("more with the right {}", claims.join(", "))
}
