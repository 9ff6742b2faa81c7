//! Lines that do nothing. In an allowance that is untidy; in a denial somebody believes in a wall that is not there, so
//! what is a warning in the one is a refusal in the other. A denial that another denial makes redundant is only untidy
//! too: its wall stands, in the wider line, and to refuse it would be to refuse the wider one, added in a hurry.
//!
//! `ground` says who there can be and `bearers` who goes by what, `never` which conditions hold for nobody, `cover` which lines
//! another one makes idle, `grants` which memberships lead nowhere. `absent` says where a denial counts more than it reads, and
//! where an allowance wants something absent; `aside` which denials a person gets around by signing in elsewhere; `alike` which
//! people differ only in case; `near` which denials are for a name that is nearly another; `hidden` which lines tell about a
//! column that others hide. A finding that rests on what is *missing* is made only of files that were understood to the last
//! line: the missing piece could stand in a line that was not.

mod absent;
mod alike;
mod aside;
mod bearers;
mod cover;
mod grants;
mod ground;
mod hidden;
mod near;
mod never;
mod rooms;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use self::bearers::Bearers;
use self::cover::Cover;
use self::ground::Ground;
use self::hidden::Hidden;
use super::files::{Effect, Lines, Rule};
use super::finding::{Finding, LineRef, Severity};
use super::names::Names;
use super::object::{self, Kind, Object, Pattern, Permission};
use crate::catalog::{Catalog, Column, Dataset, ROWS, TenantRule};
use crate::model::{Name, Tenant};

/// Finds the lines that do nothing, and chains of memberships that nobody can follow. `complete` says that every line of
/// the files is among these.
pub(super) fn lint(directory: &Path, lines: &Lines, names: &Names, catalog: &Catalog, complete: bool) -> Vec<Finding> {
    let ground = Ground::new(names, catalog);
    let linter = Linter { directory, catalog, ground, complete };
    let mut findings = linter.rules(lines);
    findings.extend(linter.grants(lines));
    findings.extend(linter.alike(lines));
    findings.extend(linter.near(lines));
    if let (true, true, Some(file)) = (complete, lines.rules.is_empty(), lines.files.keys().next()) {
        let message = "no line allows anything, so nobody has access";
        findings.push(Finding { severity: Severity::Warning, ..Finding::of_file(directory.join(&**file), message) });
    }
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

    fn rules(&self, Lines { rules, grants, .. }: &Lines) -> Vec<Finding> {
        let declared: HashMap<Kind, BTreeSet<String>> =
            Kind::ALL.into_iter().map(|kind| (kind, kind.declared(self.catalog))).collect();
        let generated: HashSet<String> = object::generated(self.catalog).collect();
        let readable = Readable::new(rules, self.catalog);
        let mut bearers = Bearers::new(&self.ground, grants);
        let cover = Cover::new(rules, &self.ground);
        let hidden = Hidden::new(rules, self.catalog);
        let mut rooms = rooms::Known::new();
        let mut findings = Vec::new();
        for (position, rule) in rules.iter().enumerate() {
            let idle = covers_nothing(rule, &declared)
                .or_else(|| self.foreign(rule))
                .or_else(|| self.nobody(&rule.who, rule.tenant.as_ref()))
                .or_else(|| never::never(rule, &self.ground, self.complete))
                .map(|message| (severity_of_idle(rule.effect), message));
            let untidy = || {
                cover
                    .repeated(position, rule)
                    .or_else(|| cover.given_besides(position, rule, &mut bearers))
                    .or_else(|| match rule.effect {
                        Effect::Allow => self.vain(rule, cover.denied(position, rule, &mut bearers), &readable),
                        Effect::Deny => None,
                    })
                    .or_else(|| comes_with_rows(rule, &declared, &generated, self.catalog))
                    .map(|message| (Severity::Warning, message))
            };
            let found = idle.or_else(untidy);
            if let Some((severity, message)) = found {
                findings.push(self.finding(&rule.at, severity, message));
                continue;
            }
            let known = findings.len();
            findings.extend(self.aside(rule));
            let told = hidden.told(rule, &mut bearers).into_iter().chain(self.unknown_rooms(rule, &mut rooms));
            let told = told.chain(self.opens_all(rule));
            findings.extend(told.map(|message| self.finding(&rule.at, Severity::Warning, message)));
            if findings.len() == known {
                findings.extend(self.absence(rule));
            }
        }
        findings
    }

    fn nobody(&self, name: &str, tenant: Option<&Tenant>) -> Option<String> {
        self.ground.nobody(name, tenant, self.complete)
    }

    /// A line of one tenant about datasets of another.
    fn foreign(&self, rule: &Rule) -> Option<String> {
        let tenant = rule.tenant.as_ref()?;
        let mut datasets = datasets(rule, self.catalog)?;
        let all = datasets.all(|d| matches!(&d.tenant, TenantRule::Fixed(owner) if owner != tenant));
        all.then(|| format!("the line can never match: `{}` belongs to another tenant than `{tenant}`", rule.what))
    }

    /// An allowance of columns of no dataset in particular: it opens protected ones, and those that are protected tomorrow.
    fn opens_all(&self, rule: &Rule) -> Option<String> {
        let wide = rule.what.open && !rule.what.name.contains('/') && rule.effect == Effect::Allow;
        let mut datasets = datasets(rule, self.catalog).filter(|_| wide && rule.what.kind == Some(Kind::Column))?;
        let (dataset, column) = datasets.find_map(|dataset| {
            columns(rule, dataset).find(|column| column.protected).map(|column| (&dataset.name, &column.name))
        })?;
        Some(format!(
            "`{}` opens every protected column of every dataset that it covers, such as `{dataset}/{column}`, and those that are \
             declared later; name a dataset, as in `column:{dataset}/*`, if that is not meant",
            rule.what
        ))
    }

    /// An allowance that comes to nothing by this denial, or by the lack of another allowance.
    fn vain(&self, rule: &Rule, denial: Option<&LineRef>, readable: &Readable<'_>) -> Option<String> {
        let tenant = rule.tenant.as_ref();
        if let Some(denial) = denial {
            return Some(format!("the line can never match: `{denial}` denies all that it allows"));
        }
        if !self.complete {
            return None;
        }
        let place = ground::place(tenant);
        // A column is read of the rows of its own dataset; a row, within those of the dataset around it.
        let hidden = |dataset| match rule.what.kind {
            Some(Kind::Column) => readable.hidden(dataset, tenant),
            // What may be changed may be read.
            Some(_) | None if rule.may.is_some_and(|may| may != Permission::Read) => readable.hidden(dataset, tenant),
            Some(_) | None => readable.hidden_around(dataset, tenant),
        };
        let hidden: Option<Vec<&Name>> = datasets(rule, self.catalog)?.map(hidden).collect();
        let name = hidden?.into_iter().next()?;
        Some(format!("the line can never match: no line lets anybody in {place} read the rows of `{name}`"))
    }
}

/// How bad it is that a line matches nothing.
fn severity_of_idle(effect: Effect) -> Severity {
    match effect {
        Effect::Allow => Severity::Warning,
        Effect::Deny => Severity::Refusal,
    }
}

/// The datasets that a line speaks of, by themselves or by their columns; `None` where it speaks of something else.
fn datasets<'a>(rule: &Rule, catalog: &'a Catalog) -> Option<impl Iterator<Item = &'a Dataset>> {
    let kind = rule.what.kind.filter(|kind| matches!(kind, Kind::Dataset | Kind::Column))?;
    let covers = move |dataset: &&Dataset| match kind {
        Kind::Column => columns(rule, dataset).next().is_some(),
        Kind::Dataset | Kind::Tool | Kind::Resource | Kind::Prompt => rule.what.covers(kind, dataset.name.as_str()),
    };
    Some(catalog.datasets.values().map(AsRef::as_ref).filter(covers))
}

/// The columns of a dataset that a line covers.
fn columns<'a>(rule: &Rule, dataset: &'a Dataset) -> impl Iterator<Item = &'a Column> {
    dataset
        .exposed()
        .filter(|column| rule.what.covers(Kind::Column, Object::column(&dataset.name, &column.name).name()))
}

fn covers_nothing(rule: &Rule, declared: &HashMap<Kind, BTreeSet<String>>) -> Option<String> {
    let kind = rule.what.kind?;
    let names = declared.get(&kind)?;
    let none = !names.iter().any(|name| rule.what.covers(kind, name));
    let hint = if is_about_rows(&rule.what) {
        "; `bailiwick://` are the rows of datasets, and the `dataset:` lines say who reads them, as resources too"
    } else {
        ""
    };
    none.then(|| format!("the line can never match: `{}` covers nothing that is declared{hint}", rule.what))
}

/// Whether a pattern means rows by their addresses as MCP resources, which no `resource:` line decides about.
fn is_about_rows(what: &Pattern) -> bool {
    let begins = what.open && ROWS.starts_with(&*what.name);
    what.kind == Some(Kind::Resource) && (begins || what.name.starts_with(ROWS))
}

/// An allowance of what everybody has who reads the rows: it gives nothing.
fn comes_with_rows(
    rule: &Rule,
    declared: &HashMap<Kind, BTreeSet<String>>,
    generated: &HashSet<String>,
    catalog: &Catalog,
) -> Option<String> {
    let what = &rule.what;
    match (rule.effect, what.kind?) {
        (Effect::Allow, Kind::Tool) => {
            let mut tools = declared.get(&Kind::Tool)?.iter().filter(|tool| what.covers(Kind::Tool, tool));
            tools.all(|tool| generated.contains(tool)).then(|| {
                format!("`{what}` comes with its dataset and follows the rows that are readable; only a deny line changes it")
            })
        }
        (Effect::Allow, Kind::Column) => {
            let mut columns = datasets(rule, catalog)?.flat_map(|dataset| columns(rule, dataset));
            let open = columns.all(|column| !column.protected);
            open.then(|| format!("`{what}` is not protected and is read with its row; only a deny line changes it"))
        }
        (Effect::Allow, Kind::Dataset | Kind::Resource | Kind::Prompt) | (Effect::Deny, _) => None,
    }
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
            for dataset in datasets(rule, catalog).into_iter().flatten() {
                allowed.entry(&dataset.name).or_default().insert(rule.tenant.as_ref());
            }
        }
        Self { catalog, allowed }
    }

    /// This dataset or one around it, at whatever distance, if nobody in the tenant (or in any) can read it.
    fn hidden(&self, dataset: &'a Dataset, tenant: Option<&Tenant>) -> Option<&'a Name> {
        let by = self.allowed.get(&dataset.name);
        let read = by.is_some_and(|by| tenant.is_none() || by.contains(&None) || by.contains(&tenant));
        if read { self.hidden_around(dataset, tenant) } else { Some(&dataset.name) }
    }

    fn hidden_around(&self, dataset: &'a Dataset, tenant: Option<&Tenant>) -> Option<&'a Name> {
        self.hidden(self.catalog.datasets.get(&dataset.within.as_ref()?.dataset)?, tenant)
    }
}
