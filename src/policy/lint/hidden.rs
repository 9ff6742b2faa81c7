//! Lines that tell about a column that is hidden. `masked` says of each row whether the condition of a `column:` denial holds,
//! and so do the rows that are there of the condition of a line for rows: what such a condition compares, its readers learn.

use std::collections::{BTreeSet, HashMap};

use super::absent::read;
use super::bearers::Bearers;
use super::{columns, datasets};
use crate::catalog::{Catalog, Dataset};
use crate::model::{Name, Tenant};
use crate::policy::condition::Tree;
use crate::policy::files::{Effect, Rule};
use crate::policy::object::{Kind, Permission};

/// The lines about columns, by dataset and column.
pub(super) struct Hidden<'a> {
    catalog: &'a Catalog,
    rules: HashMap<(&'a Name, &'a Name), Vec<&'a Rule>>,
}

impl<'a> Hidden<'a> {
    pub(super) fn new(rules: &'a [Rule], catalog: &'a Catalog) -> Self {
        let mut spoken: HashMap<(&Name, &Name), Vec<&Rule>> = HashMap::new();
        for rule in rules.iter().filter(|rule| rule.what.kind == Some(Kind::Column) && is_read(rule)) {
            for dataset in datasets(rule, catalog).into_iter().flatten() {
                for column in columns(rule, dataset) {
                    spoken.entry((&dataset.name, &column.name)).or_default().push(rule);
                }
            }
        }
        Self { catalog, rules: spoken }
    }

    /// Says what a line tells of which hidden column, if it does.
    pub(super) fn told(&self, rule: &'a Rule, bearers: &mut Bearers<'a>) -> Option<String> {
        let how = match (rule.what.kind?, rule.effect) {
            (Kind::Column, Effect::Deny) => "which rows it is hidden in (`masked`)",
            (Kind::Dataset, Effect::Allow | Effect::Deny) => "which rows are there",
            (Kind::Column, Effect::Allow) | (Kind::Tool | Kind::Resource | Kind::Prompt, _) => {
                return None;
            }
        };
        let (mut compared, mut asked) = (BTreeSet::new(), BTreeSet::new());
        read(&rule.when, &mut compared, &mut asked);
        if !is_read(rule) || (compared.is_empty() && asked.is_empty()) {
            return None;
        }
        let of = |dataset: &'a Dataset| {
            let mut columns = compared.union(&asked);
            columns
                .find_map(|column| Some((&dataset.name, (*column).clone(), self.why(rule, dataset, column, bearers)?)))
        };
        let (dataset, column, why) = datasets(rule, self.catalog)?.find_map(of)?;
        Some(format!("{how} tells about `{dataset}/{column}`, which {why} the people whom this line is for"))
    }

    /// Why people of this line do not read that column, if so. That the line itself hides what it compares is its business.
    fn why(&self, rule: &'a Rule, dataset: &Dataset, column: &Name, bearers: &mut Bearers<'a>) -> Option<String> {
        let spoken = self.rules.get(&(&dataset.name, column)).map_or(&[][..], Vec::as_slice);
        let denial = spoken
            .iter()
            .find(|other| other.effect == Effect::Deny && other.at != rule.at && share_somebody(rule, other, bearers));
        if let Some(denial) = denial {
            return Some(format!("`{}` hides from", denial.at));
        }
        let opens = |other: &&'a Rule| {
            other.effect == Effect::Allow && matches!(*other.when, Tree::Always) && is_for_all_of(other, rule, bearers)
        };
        let is_protected = dataset.column(column.as_str()).is_some_and(|column| column.protected);
        (is_protected && !spoken.iter().any(opens)).then(|| "is protected and not opened for".to_owned())
    }
}

fn is_for_all_of<'a>(wide: &'a Rule, rule: &'a Rule, bearers: &mut Bearers<'a>) -> bool {
    (wide.tenant.is_none() || wide.tenant == rule.tenant)
        && bearers.come_with(&rule.who, &wide.who, rule.tenant.as_ref())
}

/// Whether the names of two lines are known to meet in somebody.
fn share_somebody<'a>(one: &'a Rule, other: &'a Rule, bearers: &mut Bearers<'a>) -> bool {
    let meet = |one: Option<&Tenant>, other: Option<&Tenant>| one.is_none() || other.is_none() || one == other;
    let everybody = ["*", "verified"];
    let tenant = one.tenant.as_ref().or(other.tenant.as_ref());
    meet(one.tenant.as_ref(), other.tenant.as_ref())
        && (everybody.contains(&&*one.who)
            || everybody.contains(&&*other.who)
            || bearers.come_with(&one.who, &other.who, tenant)
            || bearers.come_with(&other.who, &one.who, tenant))
}

fn is_read(rule: &Rule) -> bool {
    matches!(rule.may, None | Some(Permission::Read))
}
