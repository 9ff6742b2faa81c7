//! The rules that could speak of an object, found without looking at those of other tenants, objects and names.
//!
//! Every rule stands in one place, the one that it names: a `*` for the tenant or the permission is a place of its own, not
//! a copy in each that it covers, so that what a policy takes does not grow with what its lines cover. Whoever asks looks
//! in the few places that could cover the question.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::by_name::ByName;
use super::files::Rule;
use super::object::{Kind, Permission};
use crate::model::Tenant;

/// How many rules casbin is given in one partition; more are divided by the names that they are for.
const MOST_RULES: usize = 48;
/// How many rules a partition then has, about: casbin takes as long for them as for the question itself.
const RULES_OF_PART: usize = 16;

/// The rules for one object, or for all whose name begins so: positions in the list of rules, by name.
type Group = ByName<usize>;

/// The rules that name one kind of object and one permission.
#[derive(Debug, Default)]
struct Place {
    exact: HashMap<Arc<str>, Group>,
    prefix: HashMap<Arc<str>, Group>,
    /// The lengths of the prefixes, so that a name is looked up once for each.
    lengths: BTreeSet<usize>,
    /// How many rules have a prefix.
    open: usize,
}

impl Place {
    fn prefixes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Group> {
        let prefixes = self.lengths.range(..=name.len()).filter_map(|length| name.get(..*length));
        prefixes.filter_map(|prefix| self.prefix.get(prefix))
    }

    fn covering<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Group> {
        self.exact.get(name).into_iter().chain(self.prefixes(name))
    }
}

/// The places of one tenant, or those for every tenant. `None` is the `*` of a rule.
type Places = HashMap<(Option<Kind>, Option<Permission>), Place>;

/// What a place is of.
type Title<'a> = (Option<&'a Tenant>, Option<Kind>, Option<Permission>);

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
    /// In the order of the files.
    pub(super) rules: BTreeSet<usize>,
}

impl Index {
    pub(super) fn new(rules: &[Rule], tenants: impl Iterator<Item = Tenant>) -> Self {
        let mut index = Self { own: tenants.map(|tenant| (tenant, Places::new())).collect(), every: Places::new() };
        let mut gathered: HashMap<_, Vec<(Arc<str>, usize)>> = HashMap::new();
        for (position, Rule { who, tenant, what, may, .. }) in rules.iter().enumerate() {
            gathered.entry((tenant, what, may)).or_default().push((Arc::clone(who), position));
        }
        for ((tenant, what, may), rules) in gathered {
            let places = match tenant {
                Some(tenant) => index.own.entry(tenant.clone()).or_default(),
                None => &mut index.every,
            };
            let place = places.entry((what.kind, *may)).or_default();
            let groups = if what.open {
                place.lengths.insert(what.name.len());
                place.open += rules.len();
                &mut place.prefix
            } else {
                &mut place.exact
            };
            groups.insert(Arc::clone(&what.name), Group::from_iter(rules));
        }
        index
    }

    /// The places whose rules could cover such an object. What cannot be done with it has none.
    fn places<'a>(
        &'a self,
        (tenant, kind, permission): (&'a Tenant, Kind, Permission),
    ) -> impl Iterator<Item = (Title<'a>, &'a Place)> {
        let own = self.own.get(tenant).filter(|_| kind.permissions().contains(&permission));
        let all = own.into_iter().flat_map(move |own| [(Some(tenant), own), (None, &self.every)]);
        let titles = [Some(kind), None].map(|kind| [(kind, Some(permission)), (kind, None)]);
        all.flat_map(move |(tenant, places)| {
            titles
                .into_iter()
                .flatten()
                .filter_map(move |title| Some(((tenant, title.0, title.1), places.get(&title)?)))
        })
    }

    /// The rules for an object and somebody of these names, in the order of the files.
    pub(super) fn matching(
        &self,
        place: (&Tenant, Kind, Permission),
        object: &str,
        names: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for group in self.places(place).flat_map(|(_, place)| place.covering(object)) {
            if group.names().len() < names.len() {
                found.extend(group.iter().filter(|(name, _)| names.contains(*name)).flat_map(|(_, rules)| rules));
            } else {
                found.extend(names.iter().flat_map(|name| group.get(name)));
            }
        }
        found
    }

    /// The rules for an object, whoever asks, in the order of the files.
    pub(super) fn covering(&self, place: (&Tenant, Kind, Permission), object: &str) -> BTreeSet<usize> {
        let groups = self.places(place).flat_map(|(_, place)| place.covering(object));
        groups.flat_map(Group::values).copied().collect()
    }

    /// The keys of the partitions whose rules could cover an object for somebody of these names.
    pub(super) fn asked(
        &self,
        place: (&Tenant, Kind, Permission),
        object: &str,
        names: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<String> {
        let mut asked = BTreeSet::new();
        let mut ask = |key: String, count: usize, groups: &mut dyn Iterator<Item = &Group>| match parts(count) {
            None => drop(asked.insert(key)),
            Some(parts) => groups.for_each(|group| {
                let held = names.iter().filter(|name| group.contains(name));
                asked.extend(held.map(|name| part(&key, name, parts)));
            }),
        };
        for (title, place) in self.places(place) {
            if let Some(group) = place.exact.get(object) {
                ask(key(title, Some(object)), group.values().len(), &mut std::iter::once(group));
            }
            if place.open > 0 {
                ask(key(title, None), place.open, &mut place.prefixes(object));
            }
        }
        asked
    }

    /// Every rule that could be about such kinds of objects in its partition: those that name one object together, and those
    /// of one place that name none.
    pub(super) fn partitions(&self, of: impl Fn(Kind) -> bool) -> Vec<Partition> {
        let own = self.own.iter().map(|(tenant, places)| (Some(tenant), places));
        let mut partitions: HashMap<String, BTreeSet<usize>> = HashMap::new();
        for (tenant, places) in own.chain([(None, &self.every)]) {
            for ((kind, permission), place) in places.iter().filter(|((kind, _), _)| kind.is_none_or(&of)) {
                let title = (tenant, *kind, *permission);
                let exact =
                    place.exact.iter().map(|(object, group)| (key(title, Some(object)), group.values().len(), group));
                let open = place.prefix.values().map(|group| (key(title, None), place.open, group));
                for (key, count, group) in exact.chain(open) {
                    for (name, rules) in group.iter() {
                        let key = parts(count).map_or_else(|| key.clone(), |parts| part(&key, name, parts));
                        partitions.entry(key).or_default().extend(rules);
                    }
                }
            }
        }
        partitions.into_iter().map(|(key, rules)| Partition { key, rules }).collect()
    }
}

/// What casbin calls a partition. Tenants, permissions and kinds have no `/`, so no two have the same key.
fn key((tenant, kind, permission): Title<'_>, object: Option<&str>) -> String {
    let tenant = tenant.map_or("*", Tenant::as_str);
    let permission = permission.map_or("*", Permission::as_str);
    let kind = kind.map_or("*", Kind::as_str);
    match object {
        Some(object) => format!("p/{tenant}/{permission}/{kind}:{object}"),
        None => format!("p/{tenant}/{permission}/{kind}"),
    }
}

/// Into how many parts so many rules are divided, if they are.
fn parts(rules: usize) -> Option<usize> {
    (rules > MOST_RULES).then_some(rules / RULES_OF_PART)
}

/// The part of a partition that has the rules for a name.
fn part(key: &str, name: &str, parts: usize) -> String {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let parts = u64::try_from(parts).unwrap_or(u64::MAX).max(1);
    format!("{key}\n{}", hasher.finish() % parts)
}
