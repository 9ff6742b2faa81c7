//! Memberships that lead nowhere.

use std::collections::{HashMap, HashSet};

use super::Linter;
use super::ground::place;
use crate::model::{Name, Tenant};
use crate::policy::condition::{Condition, Term, Tree};
use crate::policy::files::{Grant, Lines};
use crate::policy::finding::{Finding, LineRef, Severity};
use crate::policy::names::MAX_CHAIN;

impl Linter<'_> {
    pub(super) fn grants(&self, lines: &Lines) -> Vec<Finding> {
        let used = Used::by(lines);
        let mut seen: HashMap<(&str, &str, Option<&Tenant>), &LineRef> = HashMap::with_capacity(lines.grants.len());
        let mut told: HashMap<(&str, Option<&Tenant>), Option<String>> = HashMap::new();
        let mut findings = Vec::new();
        for grant in &lines.grants {
            let (member, group) = (&*grant.member, &*grant.group);
            let first = *seen.entry((member, group, grant.tenant.as_ref())).or_insert(&grant.at);
            let for_all = seen.get(&(member, group, None)).filter(|_| grant.tenant.is_some());
            let idle = if member == group {
                Some(format!("`{member}` goes by its own name anyway; remove this line"))
            } else if *first != grant.at {
                Some(format!("`{first}` already says as much; remove this line"))
            } else if let Some(wider) = for_all {
                Some(format!("`{wider}` already says as much for every tenant; remove this line"))
            } else {
                // Many are given the same, and it is looked at once.
                let given = || self.unused(grant, &used).or_else(|| self.unknown_room(grant));
                self.nobody(member, grant.tenant.as_ref())
                    .or_else(|| told.entry((group, grant.tenant.as_ref())).or_insert_with(given).clone())
            };
            findings.extend(idle.map(|message| self.finding(&grant.at, Severity::Warning, message)));
        }
        findings.extend(self.catalog.tenants.keys().filter_map(|tenant| self.chain(tenant, &lines.grants)));
        findings
    }

    /// A membership in something that no line speaks of.
    fn unused(&self, grant: &Grant, used: &Used<'_>) -> Option<String> {
        let tenant = grant.tenant.as_ref();
        let lists = self.catalog.lists.iter().filter(|(_, prefix)| grant.group.starts_with(&***prefix));
        let lists: Vec<&Name> = lists.map(|(name, _)| name).collect();
        if !self.complete || used.name(&grant.group, tenant) || lists.iter().any(|list| used.list(list, tenant)) {
            return None;
        }
        let (group, place) = (&grant.group, place(tenant));
        let read = match lists.first() {
            Some(list) => format!(", and no condition reads `r.sub.{list}`"),
            None => String::new(),
        };
        Some(format!("no line in {place} is for `{group}`{read}; the membership gives nothing"))
    }

    fn chain(&self, tenant: &Tenant, grants: &[Grant]) -> Option<Finding> {
        let name = self.ground.names.too_deep(tenant)?;
        let concerns = |grant: &&Grant| grant.group == name && grant.tenant.as_ref().is_none_or(|own| own == tenant);
        let at = &grants.iter().find(concerns)?.at;
        let message = format!(
            "`{name}` is reached through more than {MAX_CHAIN} `g` lines in tenant `{tenant}`; shorten the chain"
        );
        Some(self.finding(at, Severity::Refusal, message))
    }
}

/// What the lines speak of, and where; `None` is every tenant. Of the names, those that are given.
struct Used<'a> {
    names: HashMap<&'a str, HashSet<Option<&'a Tenant>>>,
    lists: HashMap<&'a Name, HashSet<Option<&'a Tenant>>>,
}

impl<'a> Used<'a> {
    fn by(lines: &'a Lines) -> Self {
        let given = lines.grants.iter().map(|grant| (&*grant.group, HashSet::new()));
        let mut used = Self { names: given.collect(), lists: HashMap::new() };
        let members = lines.grants.iter().filter(|grant| grant.member != grant.group);
        let rules = lines.rules.iter().map(|rule| (&rule.who, &rule.tenant));
        for (name, tenant) in rules.chain(members.map(|grant| (&grant.member, &grant.tenant))) {
            if let Some(places) = used.names.get_mut(&**name) {
                places.insert(tenant.as_ref());
            }
        }
        for rule in &lines.rules {
            used.read(&rule.when, rule.tenant.as_ref());
        }
        used
    }

    fn read(&mut self, condition: &'a Condition, tenant: Option<&'a Tenant>) {
        match condition {
            Tree::In { list: Term::List(list), .. } => {
                self.lists.entry(&list.name).or_default().insert(tenant);
            }
            Tree::Always | Tree::Compare { .. } | Tree::Present(_) | Tree::In { .. } => {}
            Tree::Not(inner) => self.read(inner, tenant),
            Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| self.read(part, tenant)),
        }
    }

    fn name(&self, name: &str, tenant: Option<&Tenant>) -> bool {
        self.names.get(name).is_some_and(|by| overlap(by, tenant))
    }

    fn list(&self, list: &Name, tenant: Option<&Tenant>) -> bool {
        self.lists.get(list).is_some_and(|by| overlap(by, tenant))
    }
}

fn overlap(by: &HashSet<Option<&Tenant>>, tenant: Option<&Tenant>) -> bool {
    tenant.is_none() || by.contains(&None) || by.contains(&tenant)
}
