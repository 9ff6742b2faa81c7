//! Whether somebody gets what a test expects, and what made it so where they do not.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;

use super::expectations::{Expectation, Expected};
use super::file::Case;
use crate::catalog::{Catalog, Dataset};
use crate::cli::policy::column::{self, Visibility};
use crate::cli::policy::preview::Preview;
use crate::cli::policy::reasons::{self, Reason};
use crate::model::{Name, Requester};
use crate::policy::{Listed, Object, Permission, RowDecision, RowRule, Snapshot};

/// An expectation that does not hold.
pub(super) struct Failure {
    /// Where the expectation stands.
    pub(super) line: u32,
    pub(super) expected: String,
    pub(super) found: String,
    /// What of the policy made it so.
    pub(super) because: Vec<Reason>,
}

/// What tests are run on.
pub(super) struct Subject<'a> {
    pub(super) policy: &'a Snapshot,
    pub(super) catalog: &'a Catalog,
    /// The rows, if some test of the file reads any.
    pub(super) preview: Option<&'a Preview>,
}

/// Evaluates every expectation of a test.
pub(super) async fn evaluate(case: &Case, subject: &Subject<'_>) -> anyhow::Result<Vec<Failure>> {
    let mut failures = Vec::new();
    for Expectation { line, what } in &case.expectations {
        let asker = Asker { subject, requester: &case.requester };
        let missed = asker.missed(what).await.with_context(|| format!("the test {:?}, line {line}", case.name))?;
        failures.extend(missed.map(|Missed { expected, found, because }| Failure {
            line: *line,
            expected,
            found,
            because,
        }));
    }
    Ok(failures)
}

/// What is otherwise than expected.
pub(super) struct Missed {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) because: Vec<Reason>,
}

/// Somebody who asks for what is expected.
pub(super) struct Asker<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) requester: &'a Requester,
}

impl Asker<'_> {
    async fn missed(&self, expected: &Expected) -> anyhow::Result<Option<Missed>> {
        match expected {
            Expected::Tool { tool, listed } => {
                let is_listed = self.subject.policy.visible_tools(self.requester).contains_key(tool.as_str());
                Ok((is_listed != *listed).then(|| otherwise(tool.as_str(), "listed", is_listed, self.why_tool(tool))))
            }
            Expected::OnlyTools(only) => {
                let listed = self.subject.policy.visible_tools(self.requester);
                let found: BTreeSet<&str> = listed.keys().map(AsRef::as_ref).collect();
                let only = only.iter().map(Name::as_str).collect();
                let why = |name: &str| name.parse().map(|name| self.why_tool(&name)).unwrap_or_default();
                Ok(beyond(("tool", "listed"), &only, &found, why))
            }
            Expected::Offer { object, listed } => {
                let is_listed = self.offers(object).contains(object.name());
                let missed = || otherwise(object.name(), "listed", is_listed, self.why_offer(object));
                Ok((is_listed != *listed).then(missed))
            }
            Expected::OnlyOffers(list, only) => {
                let (kind, object): (_, fn(&str) -> Option<Object>) = match list {
                    Listed::Prompts => ("prompt", |name| name.parse().ok().map(Object::Prompt)),
                    Listed::Tools | Listed::Resources | Listed::Templates => {
                        ("resource", |uri| Some(Object::Resource(uri.into())))
                    }
                };
                let found = self.listed(*list);
                let found: BTreeSet<&str> = found.iter().map(AsRef::as_ref).collect();
                let only = only.iter().map(String::as_str).collect();
                let why = |name: &str| object(name).map(|object| self.why_offer(&object)).unwrap_or_default();
                Ok(beyond((kind, "listed"), &only, &found, why))
            }
            Expected::Dataset { dataset, readable } => {
                let is_readable = self.rule(dataset) != RowRule::Nothing;
                let missed = || otherwise(dataset.as_str(), "readable", is_readable, self.why_dataset(dataset));
                Ok((is_readable != *readable).then(missed))
            }
            Expected::OnlyDatasets(only) => {
                let readable = self.subject.catalog.datasets.keys().filter(|name| self.rule(name) != RowRule::Nothing);
                let found: BTreeSet<&str> = readable.map(Name::as_str).collect();
                let only = only.iter().map(Name::as_str).collect();
                let why = |name: &str| name.parse().map(|name| self.why_dataset(&name)).unwrap_or_default();
                Ok(beyond(("dataset", "readable"), &only, &found, why))
            }
            Expected::Row { dataset, key, visible } => self.row(dataset, key, *visible).await,
            Expected::OnlyRows { dataset, keys } => self.only_rows(dataset, keys).await,
            Expected::Change { dataset, key, change, possible } => self.change(dataset, key, *change, *possible).await,
            Expected::Column { dataset, column, visibility } => Ok(self.column(dataset, column, *visibility)),
            Expected::Cell { dataset, column, key, shown } => self.cell(dataset, column, key, *shown).await,
        }
    }

    fn rule(&self, dataset: &Name) -> RowRule {
        self.rows(dataset).rule
    }

    pub(super) fn rows(&self, dataset: &Name) -> RowDecision {
        self.subject.policy.rows(self.requester, dataset, Permission::Read)
    }

    /// What is listed of prompts, or of resources that are no rows.
    fn listed(&self, list: Listed) -> BTreeSet<Arc<str>> {
        let visible = match list {
            Listed::Prompts => self.subject.policy.visible_prompts(self.requester),
            Listed::Tools | Listed::Resources | Listed::Templates => {
                self.subject.policy.visible_resources(self.requester)
            }
        };
        visible.into_keys().collect()
    }

    fn offers(&self, object: &Object) -> BTreeSet<Arc<str>> {
        self.listed(if matches!(object, Object::Prompt(_)) { Listed::Prompts } else { Listed::Resources })
    }

    fn why_offer(&self, object: &Object) -> Vec<Reason> {
        reasons::deciding(&self.subject.policy.explain(self.requester, object, Permission::Read))
    }

    fn why_tool(&self, tool: &Name) -> Vec<Reason> {
        let called = self.subject.policy.explain(self.requester, &Object::Tool(tool.clone()), Permission::Call);
        let generated = self.subject.catalog.generated_tools().find(|(name, ..)| name == tool);
        match generated {
            Some((_, does, dataset)) if !called.decision.is_denied_by_line() => {
                self.why_may(&dataset.name, does.into())
            }
            Some(_) | None => reasons::deciding(&called),
        }
    }

    pub(super) fn why_dataset(&self, dataset: &Name) -> Vec<Reason> {
        self.why_may(dataset, Permission::Read)
    }

    pub(super) fn why_may(&self, dataset: &Name, permission: Permission) -> Vec<Reason> {
        let object = Object::Dataset(dataset.clone());
        reasons::deciding(&self.subject.policy.explain(self.requester, &object, permission))
    }

    fn column(&self, dataset: &Arc<Dataset>, name: &Name, expected: Visibility) -> Option<Missed> {
        let (found, because) = column::met(self.subject.policy, self.requester, dataset, name);
        (found != expected).then(|| Missed {
            expected: format!("column {name} of {} is {}", dataset.name, expected.as_str()),
            found: format!("it is {}", found.as_str()),
            because,
        })
    }
}

/// One thing that is otherwise.
fn otherwise(what: &str, word: &str, found: bool, because: Vec<Reason>) -> Missed {
    let (expected, found) =
        if found { (format!("{what} is not {word}"), "it is") } else { (format!("{what} is {word}"), "it is not") };
    Missed { expected, found: found.to_owned(), because }
}

/// What of a set is there and should not be, and what should be and is not.
fn beyond(
    (kind, word): (&str, &str),
    expected: &BTreeSet<&str>,
    found: &BTreeSet<&str>,
    why: impl Fn(&str) -> Vec<Reason>,
) -> Option<Missed> {
    let more: Vec<&str> = found.difference(expected).copied().collect();
    let fewer: Vec<&str> = expected.difference(found).copied().collect();
    let because = more.iter().chain(&fewer).flat_map(|name| why(name)).collect();
    let found = match (more.is_empty(), fewer.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("{} too", are(&more)),
        (true, false) => format!("{} not", are(&fewer)),
        (false, false) => format!("{} too, and {} not", are(&more), are(&fewer)),
    };
    let expected: Vec<&str> = expected.iter().copied().collect();
    Some(Missed { expected: format!("{} {word}", only_are(&expected, kind, "")), found, because })
}

/// How many names of a list are told.
const SHOWN: usize = 12;

/// `only tool a is`, `only tools a, b are`, `no tool is`.
pub(super) fn only_are(names: &[&str], kind: &str, of: &str) -> String {
    match names {
        [] => format!("no {kind}{of} is"),
        [one] => format!("only {kind} {one}{of} is"),
        [..] => format!("only {kind}s {}{of} are", listed(names)),
    }
}

/// `a is`, `a, b are`.
pub(super) fn are(names: &[&str]) -> String {
    format!("{} {}", listed(names), if names.len() == 1 { "is" } else { "are" })
}

/// Not more names than a line can have.
fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    let more = names.len() - shown.len();
    format!("{}{}", shown.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })
}
