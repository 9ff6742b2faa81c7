//! Lines that do nothing. In an allowance that is untidy; in a denial somebody believes in a wall that is not there, so
//! what is a warning in the one is a refusal in the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::files::{Effect, Grant, Lines, Rule};
use super::finding::{Finding, LineRef, Severity};
use super::names::{self, MAX_CHAIN, Names};
use super::object::{self, Kind, Pattern, Permission};
use super::predicate::Truth;
use crate::catalog::{Catalog, TenantRule};
use crate::model::Tenant;

/// Finds the lines that do nothing, and chains of memberships that nobody can follow.
pub(super) fn lint(directory: &Path, lines: &Lines, catalog: &Catalog) -> Vec<Finding> {
    let tenants: Vec<Tenant> = catalog.tenants.keys().cloned().collect();
    let names = Names::new(&lines.grants, tenants.iter().cloned());
    let attainable: BTreeMap<&Tenant, BTreeSet<Arc<str>>> =
        tenants.iter().map(|tenant| (tenant, names.attainable(tenant, catalog))).collect();
    let linter = Linter { directory, catalog, attainable };
    let mut findings = linter.rules(&lines.rules);
    findings.extend(linter.grants(&lines.grants));
    findings.extend(tenants.iter().filter_map(|tenant| linter.chain(tenant, &names, &lines.grants)));
    findings
}

struct Linter<'a> {
    directory: &'a Path,
    catalog: &'a Catalog,
    attainable: BTreeMap<&'a Tenant, BTreeSet<Arc<str>>>,
}

impl Linter<'_> {
    fn finding(&self, at: &LineRef, severity: Severity, message: String) -> Finding {
        Finding { path: self.directory.join(&*at.file), line: at.line, column: 0, severity, message }
    }

    fn rules(&self, rules: &[Rule]) -> Vec<Finding> {
        let declared: HashMap<Kind, BTreeSet<String>> =
            Kind::ALL.into_iter().map(|kind| (kind, kind.declared(self.catalog))).collect();
        let generated: HashSet<String> = object::generated(self.catalog).collect();
        let wider = Wider::new(rules);
        let mut findings = Vec::new();
        for (position, rule) in rules.iter().enumerate() {
            let severity = match rule.effect {
                Effect::Allow => Severity::Warning,
                Effect::Deny => Severity::Refusal,
            };
            let idle = covers_nothing(rule, &declared)
                .or_else(|| self.foreign(rule))
                .or_else(|| never(rule))
                .or_else(|| self.nobody(&rule.who, rule.tenant.as_ref()))
                .or_else(|| wider.than(position, rule, rules));
            if let Some(message) = idle {
                findings.push(self.finding(&rule.at, severity, message));
            } else if rule.effect == Effect::Allow
                && rule.what.kind == Some(Kind::Tool)
                && !rule.what.open
                && generated.contains(&*rule.what.name)
            {
                let message = format!(
                    "`{}` comes with its dataset and follows the rows that are readable; only a deny line changes it",
                    rule.what
                );
                findings.push(self.finding(&rule.at, Severity::Warning, message));
            }
        }
        findings
    }

    /// A line of one tenant about datasets of another.
    fn foreign(&self, rule: &Rule) -> Option<String> {
        let tenant = rule.tenant.as_ref().filter(|_| rule.what.kind == Some(Kind::Dataset))?;
        let datasets = self.catalog.datasets.values();
        let mut covered = datasets.filter(|d| rule.what.covers(Kind::Dataset, d.name.as_str()));
        let all = covered.all(|d| matches!(&d.tenant, TenantRule::Fixed(owner) if owner != tenant));
        all.then(|| format!("the line can never match: `{}` belongs to another tenant than `{tenant}`", rule.what))
    }

    fn nobody(&self, name: &str, tenant: Option<&Tenant>) -> Option<String> {
        if !names::is_ours(name, self.catalog) {
            return None;
        }
        let held = |tenant: &Tenant| self.attainable.get(tenant).is_some_and(|names| names.contains(name));
        let (anybody, place) = match tenant {
            Some(tenant) => (held(tenant), format!("tenant `{tenant}`")),
            None => (self.catalog.tenants.keys().any(held), "any tenant".to_owned()),
        };
        (!anybody).then(|| format!("nobody has `{name}` in {place}; a `g` line gives it"))
    }

    fn grants(&self, grants: &[Grant]) -> Vec<Finding> {
        let mut seen: HashMap<(&str, &str, Option<&Tenant>), &LineRef> = HashMap::new();
        let mut findings = Vec::new();
        for grant in grants {
            let (member, group) = (&*grant.member, &*grant.group);
            let first = *seen.entry((member, group, grant.tenant.as_ref())).or_insert(&grant.at);
            let for_all = seen.get(&(member, group, None)).filter(|_| grant.tenant.is_some());
            let idle = if *first != grant.at {
                Some(format!("`{first}` already says as much; remove this line"))
            } else if let Some(wider) = for_all {
                Some(format!("`{wider}` already says as much for every tenant; remove this line"))
            } else {
                self.nobody(member, grant.tenant.as_ref())
            };
            findings.extend(idle.map(|message| self.finding(&grant.at, Severity::Warning, message)));
        }
        findings
    }

    fn chain(&self, tenant: &Tenant, names: &Names, grants: &[Grant]) -> Option<Finding> {
        let name = names.too_deep(tenant)?;
        let concerns = |grant: &&Grant| grant.group == name && grant.tenant.as_ref().is_none_or(|own| own == tenant);
        let at = &grants.iter().find(concerns)?.at;
        let message = format!(
            "`{name}` is reached through more than {MAX_CHAIN} `g` lines in tenant `{tenant}`; shorten the chain"
        );
        Some(self.finding(at, Severity::Refusal, message))
    }
}

fn covers_nothing(rule: &Rule, declared: &HashMap<Kind, BTreeSet<String>>) -> Option<String> {
    let kind = rule.what.kind?;
    let names = declared.get(&kind)?;
    let none = !names.iter().any(|name| rule.what.covers(kind, name));
    none.then(|| format!("the line can never match: `{}` covers nothing that is declared", rule.what))
}

fn never(rule: &Rule) -> Option<String> {
    let idle = match (rule.effect, rule.when.constant()) {
        (_, Some(Truth::False)) | (Effect::Allow, Some(Truth::Unknown)) => true,
        (Effect::Deny, Some(Truth::Unknown)) | (_, Some(Truth::True) | None) => false,
    };
    idle.then(|| format!("the line can never match: `{}` never holds", rule.when))
}

/// What makes a line as wide as it is, besides the pattern.
type Width<'a> = (&'a str, Option<&'a Tenant>, Option<Permission>, String, Effect);

/// The lines by their width, to find those that make another one redundant.
struct Wider<'a> {
    first: HashMap<Width<'a>, HashMap<&'a Pattern, usize>>,
    open: HashSet<&'a Pattern>,
}

impl<'a> Wider<'a> {
    fn new(rules: &'a [Rule]) -> Self {
        let mut wider = Self { first: HashMap::new(), open: HashSet::new() };
        for (position, rule) in rules.iter().enumerate() {
            let width = (&*rule.who, rule.tenant.as_ref(), rule.may, rule.when.to_string(), rule.effect);
            wider.first.entry(width).or_default().entry(&rule.what).or_insert(position);
            if rule.what.open {
                wider.open.insert(&rule.what);
            }
        }
        wider
    }

    fn than(&self, position: usize, rule: &Rule, rules: &[Rule]) -> Option<String> {
        let patterns = self.patterns(&rule.what);
        let when = rule.when.to_string();
        for who in [&*rule.who, "*"] {
            for tenant in [rule.tenant.as_ref(), None] {
                for may in [rule.may, None] {
                    for when in [when.as_str(), "true"] {
                        let width = (who, tenant, may, when.to_owned(), rule.effect);
                        let Some(same) = self.first.get(&width) else { continue };
                        let other =
                            patterns.iter().filter_map(|pattern| same.get(pattern)).find(|other| **other != position);
                        if let Some(other) = other.and_then(|other| rules.get(*other)) {
                            return Some(format!("`{}` already says as much; remove this line", other.at));
                        }
                    }
                }
            }
        }
        None
    }

    /// The patterns of the policy that cover what this one covers, itself among them.
    fn patterns(&self, own: &Pattern) -> Vec<Pattern> {
        let ends = own.name.char_indices().map(|(at, _)| at).chain([own.name.len()]);
        let opened = ends.map(|end| Pattern { kind: own.kind, name: own.name[..end].into(), open: true });
        let everything = Pattern { kind: None, name: "".into(), open: true };
        let mut found: Vec<Pattern> =
            opened.chain([everything]).filter(|p| p != own && p.includes(own) && self.open.contains(p)).collect();
        found.push(own.clone());
        found
    }
}
