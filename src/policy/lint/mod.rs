//! Lines that do nothing. In an allowance that is untidy; in a denial somebody believes in a wall that is not there, so
//! what is a warning in the one is a refusal in the other.
//!
//! `ground` says who there can be, `never` which conditions hold for nobody, `cover` which lines another one makes
//! idle, `grants` which memberships lead nowhere. A finding that rests on what is *missing* is made only of files that
//! were understood to the last line: the missing piece could stand in a line that was not.

mod cover;
mod grants;
mod ground;
mod never;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use self::cover::Cover;
use self::ground::Ground;
use super::files::{Effect, Lines, Rule};
use super::finding::{Finding, LineRef, Severity};
use super::object::{self, Kind, Permission};
use crate::catalog::{Catalog, Dataset, TenantRule};
use crate::model::{Name, Tenant};

/// Finds the lines that do nothing, and chains of memberships that nobody can follow. `complete` says that every line of
/// the files is among these.
pub(super) fn lint(directory: &Path, lines: &Lines, catalog: &Catalog, complete: bool) -> Vec<Finding> {
    let ground = Ground::new(&lines.grants, catalog);
    let linter = Linter { directory, catalog, ground, complete };
    let mut findings = linter.rules(&lines.rules);
    findings.extend(linter.grants(lines));
    findings
}

struct Linter<'a> {
    directory: &'a Path,
    catalog: &'a Catalog,
    ground: Ground<'a>,
    complete: bool,
}

impl Linter<'_> {
    fn finding(&self, at: &LineRef, severity: Severity, message: String) -> Finding {
        Finding { path: self.directory.join(&*at.file), line: at.line, column: 0, severity, message }
    }

    fn rules(&self, rules: &[Rule]) -> Vec<Finding> {
        let declared: HashMap<Kind, BTreeSet<String>> =
            Kind::ALL.into_iter().map(|kind| (kind, kind.declared(self.catalog))).collect();
        let generated: HashSet<String> = object::generated(self.catalog).collect();
        let readable = Readable::new(rules, self.catalog);
        let cover = Cover::new(rules);
        let mut findings = Vec::new();
        for (position, rule) in rules.iter().enumerate() {
            let idle = covers_nothing(rule, &declared)
                .or_else(|| self.foreign(rule))
                .or_else(|| self.nobody(&rule.who, rule.tenant.as_ref()))
                .or_else(|| never::never(rule, &self.ground, self.complete))
                .or_else(|| cover.repeated(position, rule))
                .or_else(|| {
                    (rule.effect == Effect::Allow).then(|| self.vain(position, rule, &cover, &readable)).flatten()
                })
                .or_else(|| follows_rows(rule, &declared, &generated));
            let severity = match rule.effect {
                Effect::Allow => Severity::Warning,
                Effect::Deny => Severity::Refusal,
            };
            findings.extend(idle.map(|message| self.finding(&rule.at, severity, message)));
        }
        findings
    }

    fn nobody(&self, name: &str, tenant: Option<&Tenant>) -> Option<String> {
        self.ground.nobody(name, tenant, self.complete)
    }

    /// A line of one tenant about datasets of another.
    fn foreign(&self, rule: &Rule) -> Option<String> {
        let tenant = rule.tenant.as_ref().filter(|_| rule.what.kind == Some(Kind::Dataset))?;
        let all =
            datasets(rule, self.catalog).all(|d| matches!(&d.tenant, TenantRule::Fixed(owner) if owner != tenant));
        all.then(|| format!("the line can never match: `{}` belongs to another tenant than `{tenant}`", rule.what))
    }

    /// An allowance that comes to nothing by a denial, or by the lack of another allowance.
    fn vain(&self, position: usize, rule: &Rule, cover: &Cover<'_>, readable: &Readable<'_>) -> Option<String> {
        let names = self.ground.names_with(&rule.who, rule.tenant.as_ref());
        if let Some(denial) = cover.denied(position, rule, &names) {
            return Some(format!("the line can never match: `{denial}` denies all that it allows"));
        }
        let orphan = |dataset: &&Dataset| readable.orphan(dataset, rule.tenant.as_ref()).is_some();
        if !self.complete || rule.what.kind != Some(Kind::Dataset) || !datasets(rule, self.catalog).all(|d| orphan(&d))
        {
            return None;
        }
        let (dataset, parent) =
            datasets(rule, self.catalog).find_map(|d| Some((&d.name, readable.orphan(d, rule.tenant.as_ref())?)))?;
        let place = ground::place(rule.tenant.as_ref());
        Some(format!(
            "the line can never match: the rows of `{dataset}` lie within those of `{parent}`, which no line lets anybody in {place} read"
        ))
    }
}

/// The datasets that a line covers.
fn datasets<'a>(rule: &Rule, catalog: &'a Catalog) -> impl Iterator<Item = &'a Dataset> {
    let all = catalog.datasets.values().map(AsRef::as_ref);
    all.filter(|d| rule.what.covers(Kind::Dataset, d.name.as_str()))
}

fn covers_nothing(rule: &Rule, declared: &HashMap<Kind, BTreeSet<String>>) -> Option<String> {
    let kind = rule.what.kind?;
    let names = declared.get(&kind)?;
    let none = !names.iter().any(|name| rule.what.covers(kind, name));
    none.then(|| format!("the line can never match: `{}` covers nothing that is declared", rule.what))
}

/// An allowance of tools that come with datasets: it gives nothing.
fn follows_rows(
    rule: &Rule,
    declared: &HashMap<Kind, BTreeSet<String>>,
    generated: &HashSet<String>,
) -> Option<String> {
    if rule.effect == Effect::Deny || rule.what.kind != Some(Kind::Tool) {
        return None;
    }
    let mut covered = declared.get(&Kind::Tool)?.iter().filter(|tool| rule.what.covers(Kind::Tool, tool));
    covered.all(|tool| generated.contains(tool)).then(|| {
        format!(
            "`{}` comes with its dataset and follows the rows that are readable; only a deny line changes it",
            rule.what
        )
    })
}

/// The datasets that some line lets somebody read, by tenant; `None` is every tenant.
struct Readable<'a> {
    catalog: &'a Catalog,
    allowed: HashMap<&'a Name, HashSet<Option<&'a Tenant>>>,
}

impl<'a> Readable<'a> {
    fn new(rules: &'a [Rule], catalog: &'a Catalog) -> Self {
        let mut allowed: HashMap<&Name, HashSet<Option<&Tenant>>> = HashMap::new();
        let reads = |rule: &&Rule| {
            let dataset = rule.effect == Effect::Allow && rule.what.kind == Some(Kind::Dataset);
            dataset && matches!(rule.may, None | Some(Permission::Read))
        };
        for rule in rules.iter().filter(reads) {
            for dataset in datasets(rule, catalog) {
                allowed.entry(&dataset.name).or_default().insert(rule.tenant.as_ref());
            }
        }
        Self { catalog, allowed }
    }

    /// The dataset around this one, at whatever distance, that nobody in the tenant (or in any) can read.
    fn orphan(&self, dataset: &'a Dataset, tenant: Option<&Tenant>) -> Option<&'a Name> {
        let parent = &dataset.within.as_ref()?.dataset;
        let tenants = self.allowed.get(parent);
        let read = tenants.is_some_and(|by| tenant.is_none() || by.contains(&None) || by.contains(&tenant));
        if read { self.orphan(self.catalog.datasets.get(parent)?, tenant) } else { Some(parent) }
    }
}
