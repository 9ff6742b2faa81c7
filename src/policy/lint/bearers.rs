//! Who goes by what besides the name that is theirs.
//!
//! One person may be in thousands of rooms, and one role, or everybody verified, may bring thousands of them to each of thousands
//! of people. So what a name comes with is not gathered for each line anew. It is walked no further than to a few names
//! ([`Bearers::names_within`]). Whoever goes by more is asked about the other way round: the names that make a difference are
//! followed back, once for all who are asked about, through names that are given in turn, which are few ([`Bearers::first`]).

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::ground::{Ground, VERIFIED};
use crate::model::Tenant;
use crate::policy::files::Grant;
use crate::policy::names::Membership;

/// The names that come with names.
pub(super) struct Bearers<'a> {
    ground: &'a Ground<'a>,
    grants: &'a [Grant],
    members: Option<Members<'a>>,
    known: HashMap<(Given<'a>, Sought<'a>), Leading<'a>>,
}

/// Which `g` lines bring somebody to what others go by besides their own name: the tenants that have none of their own share what
/// those of `*` come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Given<'a> {
    /// None: those of a line for every tenant are in no tenant alone.
    Nothing,
    Everywhere,
    In(&'a Tenant),
}

/// Of what is given, by the tenant of the lines, the members that others go by besides their own name.
type Members<'a> = HashMap<Option<&'a Tenant>, HashMap<&'a str, Vec<&'a str>>>;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sought<'a> {
    Name(&'a str),
    /// One of [`AnyOf`] that number.
    Any(usize),
}

/// Names of which one would do, and a number that no others have.
#[derive(Debug)]
pub(super) struct AnyOf<'a> {
    pub(super) number: usize,
    pub(super) names: Vec<&'a str>,
}

/// Of what is looked for, the first two by their order that come with a name, for names that others go by besides their own: of
/// these one may be the name itself.
type Leading<'a> = HashMap<&'a str, (&'a str, Option<&'a str>)>;

impl<'a> Bearers<'a> {
    pub(super) fn new(ground: &'a Ground<'a>, grants: &'a [Grant]) -> Self {
        Self { ground, grants, members: None, known: HashMap::new() }
    }

    /// What everybody of a name goes by besides, if that is no more than so many names; `*` is not counted.
    pub(super) fn names_within(&self, name: &str, tenant: Option<&Tenant>, most: usize) -> Option<BTreeSet<&'a str>> {
        let membership = self.membership(tenant);
        let (mut found, mut open) = (BTreeSet::new(), vec![name]);
        if self.ground.is_proved(name) && found.insert(VERIFIED) {
            open.push(VERIFIED);
        }
        while let Some(name) = open.pop() {
            for group in membership.into_iter().flat_map(|membership| membership.groups(name)) {
                if found.insert(group) {
                    open.push(group);
                }
                if found.len() > most {
                    return None;
                }
            }
        }
        found.remove(name);
        Some(found)
    }

    /// Whether everybody of a name goes by another, too: in every tenant, where none is said.
    pub(super) fn come_with(&mut self, name: &str, other: &'a str, tenant: Option<&'a Tenant>) -> bool {
        let by_itself = other == "*" || other == name;
        by_itself || self.ground.is_come_by(other) && self.find(name, Sought::Name(other), &[other], tenant).is_some()
    }

    /// The first of several names, by their order, that everybody of a name goes by besides.
    pub(super) fn first(&mut self, name: &str, of: &AnyOf<'a>, tenant: Option<&'a Tenant>) -> Option<&'a str> {
        self.find(name, Sought::Any(of.number), &of.names, tenant)
    }

    fn find(
        &mut self,
        name: &str,
        sought: Sought<'a>,
        names: &[&'a str],
        tenant: Option<&'a Tenant>,
    ) -> Option<&'a str> {
        let (is_proved, is_come_by) = (self.ground.is_proved(name), self.ground.is_come_by(name));
        let membership = self.membership(tenant);
        let leading = self.leading(sought, names, tenant);
        let besides = |from: &str| {
            let (first, second) = leading.get(from)?;
            if *first == name { *second } else { Some(*first) }
        };
        let through = |membership: Membership<'a>| {
            if membership.groups(name).nth(leading.len()).is_some() {
                leading.keys().filter(|from| membership.gives(name, from)).filter_map(|from| besides(from)).min()
            } else {
                membership.groups(name).filter_map(|from| besides(from)).min()
            }
        };
        let through = if is_come_by { besides(name) } else { membership.and_then(through) };
        let verified = is_proved.then(|| besides(VERIFIED)).flatten();
        [through, verified].into_iter().flatten().min()
    }

    /// The `g` lines for everybody whom a line is for. Those of a line for every tenant are in no tenant alone.
    fn membership(&self, tenant: Option<&Tenant>) -> Option<Membership<'a>> {
        self.ground.names.membership(tenant?)
    }

    fn leading(&mut self, sought: Sought<'a>, names: &[&'a str], tenant: Option<&'a Tenant>) -> &Leading<'a> {
        let (ground, grants) = (self.ground, self.grants);
        let members = self.members.get_or_insert_with(|| members(grants, ground));
        let given = match tenant {
            None => Given::Nothing,
            Some(tenant) if members.contains_key(&Some(tenant)) => Given::In(tenant),
            Some(_) => Given::Everywhere,
        };
        let vacant = match self.known.entry((given, sought)) {
            Entry::Occupied(known) => return known.into_mut(),
            Entry::Vacant(vacant) => vacant,
        };
        let places: &[Option<&Tenant>] = match given {
            Given::Nothing => &[],
            Given::Everywhere => &[None],
            Given::In(tenant) => &[Some(tenant), None],
        };
        let mut leading = Leading::new();
        for name in BTreeSet::from_iter(names) {
            let mut open = vec![*name];
            while let Some(from) = open.pop() {
                let is_news = match leading.entry(from) {
                    Entry::Vacant(vacant) => {
                        vacant.insert((name, None));
                        true
                    }
                    Entry::Occupied(mut known) => {
                        let (first, second) = known.get_mut();
                        let is_second = first != name && second.is_none();
                        if is_second {
                            *second = Some(name);
                        }
                        is_second
                    }
                };
                if !is_news {
                    continue;
                }
                let members = places.iter().filter_map(|place| members.get(place)?.get(from));
                open.extend(members.flatten());
            }
        }
        vacant.insert(leading)
    }
}

fn members<'a>(grants: &'a [Grant], ground: &Ground<'_>) -> Members<'a> {
    let mut members = Members::new();
    for Grant { member, group, tenant, .. } in grants.iter().filter(|grant| ground.is_come_by(&grant.member)) {
        members.entry(tenant.as_ref()).or_default().entry(group).or_default().push(member);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::files::{self, Sources};
    use crate::policy::names::Names;
    use crate::policy::tests::memberships::{GIVEN, GIVING, lines};
    use crate::policy::tests::{catalog, directory};

    #[test]
    fn what_comes_with_a_name_is_what_is_found_from_it() {
        let (catalog, mut found) = (catalog(), 0);
        let tenants: Vec<Option<&Tenant>> = catalog.tenants.keys().map(Some).chain([None]).collect();
        for seed in 0..100 {
            let directory = directory(lines(seed));
            let sources = Sources::read(directory.path()).unwrap();
            let (read, _) = files::parse(directory.path(), sources, &catalog);
            let names = Names::new(&read.grants, &catalog);
            let ground = Ground::new(&names, &catalog);
            let mut bearers = Bearers::new(&ground, &read.grants);
            for name in GIVING.into_iter().chain(GIVEN) {
                for tenant in &tenants {
                    let besides = bearers.names_within(name, *tenant, usize::MAX).unwrap();
                    for other in GIVEN.into_iter().chain(["verified"]).filter(|other| *other != name) {
                        let expected = besides.contains(other);
                        assert_eq!(
                            bearers.come_with(name, other, *tenant),
                            expected,
                            "{seed} {name} {other} {tenant:?}"
                        );
                        found += usize::from(expected);
                    }
                }
            }
        }
        assert!(found > 2_000, "{found}: too few to tell");
    }
}
