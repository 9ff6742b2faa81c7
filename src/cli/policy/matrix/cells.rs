//! What one name meets of one thing: a word for the table, and the rules behind the word.

use std::sync::Arc;

use super::provided::{Provided, Question};
use super::rows::{Answer, Rows};
use crate::catalog::{Catalog, Column};
use crate::cli::policy::plain;
use crate::cli::policy::somebody::{Depends, Somebody, is_person};
use crate::model::{Name, Tenant};
use crate::policy::{Object, Snapshot};

/// The word for what is not there.
pub(super) const NO: &str = "-";

/// A word, and what is said under the tables.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) cell: &'static str,
    pub(super) rules: Vec<String>,
}

impl Met {
    fn no() -> Self {
        Self { cell: NO, rules: Vec::new() }
    }
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
    policy: &'a Snapshot,
    alone: Somebody,
    with: Vec<(Arc<str>, Somebody)>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        name: &str,
        provided: &Provided<'_>,
        tenant: &Tenant,
        catalog: &Catalog,
        policy: &'a Snapshot,
    ) -> anyhow::Result<Self> {
        let alone = Somebody::named(tenant, &[name], catalog)?;
        let beside = |role: &Arc<str>| Ok((Arc::clone(role), Somebody::named(tenant, &[name, role], catalog)?));
        let provided = provided.names().filter(|_| is_person(name));
        let with = provided.map(beside).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { policy, alone, with })
    }

    /// A tool that is not generated, a prompt or a resource.
    pub(super) fn used(&self, object: &Object, provided: &mut Provided<'_>) -> Met {
        let asked = [(object.clone(), object.use_of())];
        let met = |who: &Somebody| {
            let case = who.ask(&asked, self.policy);
            let depends = case.depends(0..1);
            if !depends.can_be {
                return Met::no();
            }
            let names = depends.names();
            if self.policy.decide(&case.requester, object, object.use_of()).is_allowed() {
                Met { cell: "yes", rules: Vec::new() }
            } else if names.is_empty() {
                Met::no()
            } else {
                Met { cell: "claims", rules: vec![more(&names)] }
            }
        };
        self.or_with_a_role(met(&self.alone), &asked, provided, |who| met(who).cell != NO)
    }

    /// Rows that may be read, or changed.
    pub(super) fn met(&self, rows: &Rows<'_>, provided: &mut Provided<'_>) -> MetRows {
        let answer = rows.ask(&self.alone, self.policy);
        let are_there = |who: &Somebody| rows.are_there(who, self.policy);
        let met = Met { cell: answer.cell(), rules: rules(&answer, rows) };
        let met = self.or_with_a_role(met, &rows.asked, provided, are_there);
        let columns = rows.columns.clone().zip(rows.about_columns());
        if !answer.is_some() || answer.is_unreached {
            // Of rows that come with a claim, what is seen in them besides.
            let come = answer.cell() == "claims" && !rows.are_changed();
            let columns = columns.filter(|_| come).filter_map(|(at, column)| opened(&answer, at, column));
            return MetRows { met, columns: columns.collect(), tools: Vec::new() };
        }
        if rows.are_changed() {
            let columns = columns.filter_map(|(at, column)| written(&answer, at, column));
            return MetRows { met, columns: columns.collect(), tools: Vec::new() };
        }
        let columns = columns.filter_map(|(at, column)| read(&answer, rows, at, column)).collect();
        let missing = rows.called.clone().zip(&rows.tools).filter(|(_, tool)| answer.is_missing(tool));
        let tools = missing.map(|(at, tool)| not_there(&answer, at, tool)).collect();
        MetRows { met, columns, tools }
    }

    /// What is not there for a name by itself may be with a role beside it.
    fn or_with_a_role(
        &self,
        alone: Met,
        asked: &[Question],
        provided: &mut Provided<'_>,
        is_there: impl Fn(&Somebody) -> bool,
    ) -> Met {
        if alone.cell != NO || self.with.is_empty() {
            return alone;
        }
        let heard = provided.heard(asked);
        let with = heard.iter().filter_map(|place| self.with.get(*place)).filter(|(_, who)| is_there(who));
        let roles: Vec<&str> = with.map(|(role, _)| &**role).collect();
        if roles.is_empty() { alone } else { Met { cell: "idp", rules: vec![format!("with {}", roles.join(" or "))] } }
    }
}

/// The rules about rows.
fn rules(answer: &Answer<'_>, rows: &Rows<'_>) -> Vec<String> {
    if matches!(answer.cell(), NO | "all") {
        return Vec::new();
    }
    if answer.is_unreached {
        return vec![more(&answer.reached_with().names())];
    }
    let mut rules = plain::rules(&answer.decision.rule, rows.dataset, &answer.case.requester);
    let nevers = rules.iter().filter(|rule| rule.starts_with("never ")).count();
    let Depends { mut to_allow, to_deny, .. } = answer.depends();
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
    rules
}

/// What is not as declared of a column that is read.
fn read(answer: &Answer<'_>, rows: &Rows<'_>, at: usize, column: &Column) -> Option<String> {
    let depends = answer.case.depends([at]);
    let names = if depends.can_be { depends.names() } else { Vec::new() };
    let columns = &answer.decision.columns;
    let word = plain::column(column, columns, rows.dataset, &answer.case.requester);
    let is_masked = columns.masked.contains_key(&column.name);
    match (&names[..], columns.is_open(&column.name), word) {
        ([], _, word) | (_, true, word) => word,
        (names, false, Some(word)) if is_masked => Some(format!("{word}, {}", more(names))),
        (names, false, _) => Some(only_with(&column.name, names)),
    }
}

/// A protected column that some line opens, whichever rows there are.
fn opened(answer: &Answer<'_>, at: usize, column: &Column) -> Option<String> {
    let depends = answer.case.depends([at]);
    (column.protected && depends.can_be).then(|| match &depends.names()[..] {
        [] => format!("{} too, in some rows at least", column.name),
        names => only_with(&column.name, names),
    })
}

/// What is not as declared of a column that is written.
fn written(answer: &Answer<'_>, at: usize, column: &Column) -> Option<String> {
    let columns = &answer.decision.columns;
    match &answer.case.depends([at]).names()[..] {
        _ if columns.written.contains(&column.name) || !columns.is_open(&column.name) => None,
        [] => Some(format!("not {}", column.name)),
        names => Some(only_with(&column.name, names)),
    }
}

/// A tool that is not there, though the rows are.
fn not_there(answer: &Answer<'_>, at: usize, tool: &Name) -> String {
    match &answer.case.depends([at]).names()[..] {
        [] => format!("no {tool}"),
        names => only_with(tool, names),
    }
}

fn only_with(name: &Name, claims: &[&str]) -> String {
    format!("{name} only with the right {}", claims.join(", "))
}

/// What comes with the right claims.
fn more(claims: &[&str]) -> String {
    format!("more with the right {}", claims.join(", "))
}
