//! The rules that could speak of an object, found without looking at those of other tenants, objects and names.
//!
//! Every rule stands in one place, the one that it names: a `*` for the tenant or the permission is a place of its own, not
//! a copy in each that it covers, so that what a policy takes does not grow with what its lines cover. Whoever asks looks
//! in the few places that could cover the question.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::by_name::ByName;
use super::files::Rule;
use super::object::{Kind, Permission};
use crate::model::Tenant;

/// How many rules casbin is given to find those for a requester by itself: it takes as long for them as for the question.
const MOST_RULES: usize = 48;

/// The rules for one object, or for all whose name begins so: positions in the list of rules, by name.
type Group = ByName<usize>;

/// The rules that name one kind of object and one permission.
#[derive(Debug, Default)]
struct Place {
    exact: HashMap<Arc<str>, Group>,
    prefix: HashMap<Arc<str>, Group>,
    /// The lengths of the prefixes, so that a name is looked up once for each.
    lengths: BTreeSet<usize>,
    /// How many rules there are.
    count: usize,
}

impl Place {
    fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.exact.iter().chain(&self.prefix)
    }

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

/// Rules that say the same tenant, kind, name, `*` after it, and permission; `None` is a `*`.
#[derive(Debug)]
pub(super) struct Alike<'a> {
    pub(super) tenant: Option<&'a Tenant>,
    pub(super) kind: Option<Kind>,
    pub(super) name: &'a str,
    pub(super) permission: Option<Permission>,
    /// By who they are for.
    pub(super) rules: &'a [usize],
}

/// An index over rules.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Every declared tenant is here, with or without rules of its own: for another, nothing is found.
    own: HashMap<Tenant, Places>,
    /// The rules of tenant `*`, which is every declared one.
    every: Places,
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
            place.count += rules.len();
            let groups = if what.open {
                place.lengths.insert(what.name.len());
                &mut place.prefix
            } else {
                &mut place.exact
            };
            groups.insert(Arc::clone(&what.name), Group::from_iter(rules));
        }
        index
    }

    /// The places whose rules could cover such an object. What cannot be done with it has none.
    fn places(&self, (tenant, kind, permission): (&Tenant, Kind, Permission)) -> impl Iterator<Item = &Place> {
        let own = self.own.get(tenant).filter(|_| kind.permissions().contains(&permission));
        let all = own.into_iter().flat_map(|own| [own, &self.every]);
        let titles = [Some(kind), None].map(|kind| [(kind, Some(permission)), (kind, None)]);
        all.flat_map(move |places| titles.into_iter().flatten().filter_map(|title| places.get(&title)))
    }

    /// The rules for an object and somebody of these names, in the order of the files.
    pub(super) fn matching(
        &self,
        place: (&Tenant, Kind, Permission),
        object: &str,
        names: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for group in self.places(place).flat_map(|place| place.covering(object)) {
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
        let groups = self.places(place).flat_map(|place| place.covering(object));
        groups.flat_map(Group::values).copied().collect()
    }

    /// The rules that casbin is given, in the order of the files: all that say such a kind of object and such a permission, so
    /// that it finds those for the object and the requester by itself; where they are many, those that [`Index::matching`] finds,
    /// and casbin cannot tell what that has lost: `tests/many_lines.rs` does, by reading every line.
    pub(super) fn given(
        &self,
        place: (&Tenant, Kind, Permission),
        object: &str,
        names: &BTreeSet<Arc<str>>,
    ) -> BTreeSet<usize> {
        if self.places(place).map(|place| place.count).sum::<usize>() > MOST_RULES {
            return self.matching(place, object, names);
        }
        let groups = self.places(place).flat_map(Place::groups);
        groups.flat_map(|(_, group)| group.values()).copied().collect()
    }

    /// Every rule, together with those that differ from it in who they are for and when alone.
    pub(super) fn alike(&self) -> impl Iterator<Item = Alike<'_>> {
        let own = self.own.iter().map(|(tenant, places)| (Some(tenant), places));
        let places =
            own.chain([(None, &self.every)]).flat_map(|(tenant, places)| places.iter().map(move |p| (tenant, p)));
        places.flat_map(|(tenant, ((kind, permission), place))| {
            place.groups().map(move |(name, group)| Alike {
                tenant,
                kind: *kind,
                name,
                permission: *permission,
                rules: group.values(),
            })
        })
    }
}
