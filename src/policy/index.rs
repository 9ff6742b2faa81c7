//! The rules that could speak of an object, found without looking at those of other tenants, objects and names.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::files::Rule;
use super::object::{Kind, Permission};
use crate::model::Tenant;

/// Positions in the list of rules, by name.
type ByName = HashMap<Arc<str>, Vec<usize>>;

/// The rules for one kind of object and one permission in one tenant.
#[derive(Debug, Default)]
struct Place {
    exact: HashMap<Arc<str>, ByName>,
    prefix: HashMap<Arc<str>, ByName>,
    /// The lengths of the prefixes, so that a name is looked up once for each.
    lengths: BTreeSet<usize>,
}

impl Place {
    fn covering<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ByName> {
        let prefixes = self.lengths.range(..=name.len()).filter_map(|length| name.get(..*length));
        self.exact.get(name).into_iter().chain(prefixes.filter_map(|prefix| self.prefix.get(prefix)))
    }
}

/// An index over rules. A rule for `*` (tenant, permission or kind) stands in every place that it covers.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Tenant, HashMap<(Kind, Permission), Place>>);

/// Where a partition stands, and the rules in it.
#[derive(Debug)]
pub(super) struct Partition<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) kind: Kind,
    pub(super) permission: Permission,
    /// The object; `None` for those that no rule names.
    pub(super) object: Option<&'a str>,
    pub(super) rules: BTreeSet<usize>,
}

impl Index {
    pub(super) fn new(rules: &[Rule], tenants: &[Tenant]) -> Self {
        let mut index = Self::default();
        for (position, rule) in rules.iter().enumerate() {
            let kinds = rule.what.kind.as_ref().map_or(Kind::ALL.as_slice(), std::slice::from_ref);
            let own = rule.tenant.as_ref().map_or(tenants, std::slice::from_ref);
            for tenant in own {
                let places = index.0.entry(tenant.clone()).or_default();
                for kind in kinds {
                    let covered = |permission: &&Permission| rule.may.is_none_or(|may| may == **permission);
                    for permission in kind.permissions().iter().filter(covered) {
                        let place = places.entry((*kind, *permission)).or_default();
                        let names = if rule.what.open {
                            place.lengths.insert(rule.what.name.len());
                            &mut place.prefix
                        } else {
                            &mut place.exact
                        };
                        let by_name = names.entry(Arc::clone(&rule.what.name)).or_default();
                        by_name.entry(Arc::clone(&rule.who)).or_default().push(position);
                    }
                }
            }
        }
        index
    }

    fn place(&self, tenant: &Tenant, kind: Kind, permission: Permission) -> Option<&Place> {
        self.0.get(tenant)?.get(&(kind, permission))
    }

    /// The rules for an object and somebody of these names, in the order of the files.
    pub(super) fn matching(
        &self,
        (tenant, kind, permission): (&Tenant, Kind, Permission),
        object: &str,
        names: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<usize> {
        let covering = self.place(tenant, kind, permission).into_iter().flat_map(|p| p.covering(object));
        let mut found = BTreeSet::new();
        for by_name in covering {
            if by_name.len() < names.len() {
                found.extend(by_name.iter().filter(|(name, _)| names.contains(*name)).flat_map(|(_, rules)| rules));
            } else {
                found.extend(names.iter().filter_map(|name| by_name.get(name)).flatten());
            }
        }
        found
    }

    /// The rules for an object, whoever asks, in the order of the files.
    pub(super) fn covering(
        &self,
        (tenant, kind, permission): (&Tenant, Kind, Permission),
        object: &str,
    ) -> BTreeSet<usize> {
        let covering = self.place(tenant, kind, permission).into_iter().flat_map(|p| p.covering(object));
        covering.flat_map(|by_name| by_name.values().flatten()).copied().collect()
    }

    /// Every object that a rule names, with all rules for it; and, for each kind, the rules for the objects that none names.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition<'_>> {
        self.0.iter().flat_map(move |(tenant, places)| {
            places.iter().flat_map(move |((kind, permission), place)| {
                let (kind, permission) = (*kind, *permission);
                let partition = move |object, rules| Partition { tenant, kind, permission, object, rules };
                let exact = place.exact.keys().map(move |object| {
                    let rules = self.covering((tenant, kind, permission), object);
                    partition(Some(&**object), rules)
                });
                let open = place.prefix.values().flat_map(|by_name| by_name.values().flatten()).copied();
                exact.chain(std::iter::once(partition(None, open.collect())))
            })
        })
    }
}

/// What casbin calls a partition. Tenant names have no `/`, so no two have the same name.
pub(super) fn key(tenant: &Tenant, permission: Permission, kind: Kind, object: Option<&str>) -> String {
    match object {
        Some(object) => format!("p/{tenant}/{permission}/{}:{object}", kind.as_str()),
        None => format!("p/{tenant}/{permission}/{}", kind.as_str()),
    }
}
