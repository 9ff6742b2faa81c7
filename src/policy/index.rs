//! The rules that could speak of an object, found without looking at those of other tenants, objects and names.
//!
//! Every rule stands in one place, the one that it names: a `*` for the tenant or the permission is a place of its own, not
//! a copy in each that it covers, so that what a policy takes does not grow with what its lines cover. Whoever asks looks
//! in the few places that could cover the question.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::files::Rule;
use super::object::{Kind, Permission};
use crate::model::Tenant;

/// How many rules casbin is given in one partition; more are divided by the names that they are for.
const MOST_RULES: usize = 48;

/// How a key spells that a rule covers everything.
const EVERY: &str = "*";

/// Positions in the list of rules, by name.
type ByName = HashMap<Arc<str>, Vec<usize>>;

/// The places of one tenant, or those for every tenant. `None` is the `*` of a rule.
type Places = HashMap<(Option<Kind>, Option<Permission>), Place>;

/// The rules that name one kind of object and one permission.
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

/// An index over rules.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Every declared tenant is here, with or without rules of its own: for another, nothing is found.
    own: HashMap<Tenant, Places>,
    /// The rules of tenant `*`, which is every declared one.
    every: Places,
}

/// Rules that casbin is given together. Every rule is in one partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) key: String,
    /// In the order of the files. None where they are divided by name: then there is a partition for each.
    pub(super) rules: BTreeSet<usize>,
}

impl Index {
    pub(super) fn new(rules: &[Rule], tenants: impl Iterator<Item = Tenant>) -> Self {
        let mut index = Self { own: tenants.map(|tenant| (tenant, Places::new())).collect(), every: Places::new() };
        for (position, rule) in rules.iter().enumerate() {
            let places = match &rule.tenant {
                Some(tenant) => index.own.entry(tenant.clone()).or_default(),
                None => &mut index.every,
            };
            let place = places.entry((rule.what.kind, rule.may)).or_default();
            let names = if rule.what.open {
                place.lengths.insert(rule.what.name.len());
                &mut place.prefix
            } else {
                &mut place.exact
            };
            let by_name = names.entry(Arc::clone(&rule.what.name)).or_default();
            by_name.entry(Arc::clone(&rule.who)).or_default().push(position);
        }
        index
    }

    /// The rules for an object by name, in every place that could cover it.
    fn found<'a>(
        &'a self,
        (tenant, kind, permission): (&Tenant, Kind, Permission),
        object: &'a str,
    ) -> impl Iterator<Item = &'a ByName> {
        let possible = kind.permissions().contains(&permission);
        let own = self.own.get(tenant).filter(|_| possible);
        let places = own.into_iter().flat_map(|own| [own, &self.every]);
        let kinds = [Some(kind), None].into_iter();
        let keys = kinds.flat_map(move |kind| [(kind, Some(permission)), (kind, None)]);
        let places = places.flat_map(move |places| keys.clone().filter_map(|key| places.get(&key)));
        places.flat_map(move |place| place.covering(object))
    }

    /// The rules for an object and somebody of these names, in the order of the files.
    pub(super) fn matching(
        &self,
        place: (&Tenant, Kind, Permission),
        object: &str,
        names: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for by_name in self.found(place, object) {
            if by_name.len() < names.len() {
                found.extend(by_name.iter().filter(|(name, _)| names.contains(*name)).flat_map(|(_, rules)| rules));
            } else {
                found.extend(names.iter().filter_map(|name| by_name.get(name)).flatten());
            }
        }
        found
    }

    /// The rules for an object, whoever asks, in the order of the files.
    pub(super) fn covering(&self, place: (&Tenant, Kind, Permission), object: &str) -> BTreeSet<usize> {
        self.found(place, object).flat_map(|by_name| by_name.values().flatten()).copied().collect()
    }

    /// Every rule in its partition: those that name one object together, and those of one place that name none.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition> {
        let own = self.own.iter().map(|(tenant, places)| (tenant.as_str(), places));
        let places = own.chain([(EVERY, &self.every)]).flat_map(|(tenant, places)| {
            places.iter().map(move |((kind, permission), place)| {
                let kind = kind.map_or(EVERY, Kind::as_str);
                let permission = permission.map_or(EVERY, Permission::as_str);
                (tenant, permission, kind, place)
            })
        });
        places.flat_map(|(tenant, permission, kind, place)| {
            let exact = place.exact.iter().map(move |(object, rules)| {
                let key = key(tenant, permission, kind, Some(object));
                divided(key, std::iter::once(rules))
            });
            let open = divided(key(tenant, permission, kind, None), place.prefix.values());
            exact.chain(std::iter::once(open)).flatten()
        })
    }
}

/// The rules as one partition, or as one for each name.
fn divided<'a>(key: String, groups: impl Iterator<Item = &'a ByName>) -> Vec<Partition> {
    let mut by_name: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (name, rules) in groups.flatten() {
        by_name.entry(name).or_default().extend(rules);
    }
    let count: usize = by_name.values().map(BTreeSet::len).sum();
    if count <= MOST_RULES {
        let rules: BTreeSet<usize> = by_name.into_values().flatten().collect();
        return if rules.is_empty() { Vec::new() } else { vec![Partition { key, rules }] };
    }
    let parts = by_name.into_iter().map(|(name, rules)| Partition { key: part(&key, name), rules });
    let mut parts: Vec<Partition> = parts.collect();
    parts.push(Partition { key, rules: BTreeSet::new() });
    parts
}

/// What casbin calls a partition. Tenants, permissions and kinds have no `/`, so no two have the same key.
fn key(tenant: &str, permission: &str, kind: &str, object: Option<&str>) -> String {
    match object {
        Some(object) => format!("p/{tenant}/{permission}/{kind}:{object}"),
        None => format!("p/{tenant}/{permission}/{kind}"),
    }
}

/// The part of a divided partition that is for one name; no name holds a line feed.
fn part(key: &str, name: &str) -> String {
    format!("{key}\n{name}")
}

/// The keys of the partitions whose rules could cover an object for somebody of these names. `rules` says how many there
/// are under a key, if it is one.
pub(super) fn asked(
    (tenant, kind, permission): (&Tenant, Kind, Permission),
    object: &str,
    names: &BTreeSet<Arc<str>>,
    rules: impl Fn(&str) -> Option<usize>,
) -> Vec<String> {
    let mut asked = Vec::new();
    if !kind.permissions().contains(&permission) {
        return asked;
    }
    for tenant in [tenant.as_str(), EVERY] {
        for permission in [permission.as_str(), EVERY] {
            for (kind, object) in [(kind.as_str(), Some(object)), (kind.as_str(), None), (EVERY, None)] {
                let key = key(tenant, permission, kind, object);
                match rules(&key) {
                    None => {}
                    Some(0) => asked.extend(names.iter().map(|name| part(&key, name)).filter(|p| rules(p).is_some())),
                    Some(_) => asked.push(key),
                }
            }
        }
    }
    asked
}
