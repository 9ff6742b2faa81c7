//! Who: the names that people and machines go by, and the `g` lines through which they go by more.
//!
//! Every name but `*` and `verified` stands behind a prefix, so that nothing a token contains can spell a role of ours.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::Arc;

use super::by_name::ByName;
use super::files::Grant;
use super::finding::{Flaw, instead};
use crate::catalog::Catalog;
use crate::model::{IssuerName, SubjectId, Tenant, nearest};

/// How many `g` lines may lie between a person and a name.
pub(super) const MAX_CHAIN: usize = 16;

const ROLE: &str = "role:";
const CLIENT: &str = "client:";
const BUILT_IN: [&str; 5] = ["user:", "subject:", "idp:", "role:", CLIENT];

/// Where in a line a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamePosition {
    /// The *who* of a `p` line.
    Who,
    /// The left side of a `g` line.
    Member,
    /// The right side of a `g` line.
    Group,
}

/// Says why nobody can go by a name, if so.
pub fn bad_name(text: &str, catalog: &Catalog) -> Option<String> {
    check(text, NamePosition::Who, catalog).err().map(|flaw| flaw.message)
}

/// Checks a name of a policy line.
pub(super) fn check(text: &str, position: NamePosition, catalog: &Catalog) -> Result<(), Flaw> {
    match (text, position) {
        ("*" | "verified", NamePosition::Who) | ("verified", NamePosition::Member) => return Ok(()),
        ("*", NamePosition::Member) => {
            let message = "`*` cannot be a member, because it would hand a role to the unknown; write `verified`, or a `p` line for `*`";
            return Err(Flaw::new(0, message));
        }
        ("", _) => {
            let message = "the name is empty; write a prefix and a name, as in `role:member`";
            return Err(Flaw::new(0, message));
        }
        (_, NamePosition::Who | NamePosition::Member | NamePosition::Group) => {}
    }
    let lists = || catalog.lists.values().map(AsRef::as_ref);
    let colon = text.find(':').ok_or_else(|| {
        let message = if position == NamePosition::Who && is_nearly_verified(text) {
            format!("`{text}` has no prefix; did you mean `verified`?")
        } else {
            format!("`{text}` has no prefix; write `role:{text}` or `user:{text}`")
        };
        Flaw::new(0, message)
    })?;
    let (prefix, rest) = text.split_at(colon + 1);
    if !BUILT_IN.contains(&prefix) && !lists().any(|list| list == prefix) {
        let hint = instead(prefix, BUILT_IN.into_iter().chain(lists()));
        return Err(Flaw::new(0, format!("`{prefix}` is not a prefix of names; {hint}")));
    }
    if position == NamePosition::Group && !is_ours(prefix, catalog) {
        let hint = "the right side of a `g` line is a `role:` or an entry of a list, as in `room:finance`";
        return Err(Flaw::new(0, format!("`{text}` comes from a token and cannot be given; {hint}")));
    }
    let start = prefix.len();
    if let Some(star) = rest.find('*') {
        let message = "`*` in a name matches nothing but itself; name each one, or write `*` alone for everyone";
        return Err(Flaw::new(start + star, message));
    }
    let own = match prefix {
        "subject:" | "idp:" => issued(prefix, rest, start, catalog)?,
        CLIENT if rest.starts_with("http:") || rest.starts_with("https:") => {
            let message = format!(
                "a client that is known by its address acts for people alone, so nobody goes by `{text}`; write the id of one that acts for itself"
            );
            return Err(Flaw::new(start, message));
        }
        _ => rest,
    };
    match SubjectId::from_str(own) {
        Ok(_) => Ok(()),
        Err(bad) => Err(Flaw::new(text.len() - own.len(), format!("the name after `{prefix}` {bad}"))),
    }
}

/// Whether somebody meant `verified`, cut short or with a slip.
fn is_nearly_verified(text: &str) -> bool {
    "verified".starts_with(&text.to_lowercase()) || nearest(text, ["verified"]).is_some()
}

/// The part of a `subject:` or `idp:` name after the issuer.
fn issued<'a>(prefix: &str, rest: &'a str, start: usize, catalog: &Catalog) -> Result<&'a str, Flaw> {
    let (issuer, own) = rest.split_once('/').ok_or_else(|| {
        Flaw::new(start, format!("`{prefix}{rest}` names no issuer; write `{prefix}<issuer>/{rest}`"))
    })?;
    if catalog.issuers.iter().any(|known| known.as_str() == issuer) {
        return Ok(own);
    }
    let hint = instead(issuer, catalog.issuers.iter().map(IssuerName::as_str));
    Err(Flaw::new(start, format!("the issuer `{issuer}` is not declared; {hint}")))
}

/// Says whether names of this prefix exist only through `g` lines.
pub(super) fn is_ours(name: &str, catalog: &Catalog) -> bool {
    name.starts_with(ROLE) || catalog.lists.values().any(|list| name.starts_with(&**list))
}

/// Members, and the groups that each is given.
type Edges = ByName<Arc<str>>;

/// The `g` lines of every declared tenant: its own, and beside them those of `*`.
#[derive(Debug, Default)]
pub(super) struct Names {
    own: BTreeMap<Tenant, Edges>,
    every: Edges,
    links: Links,
}

/// What the lines of `*` give, and how many of these names give in turn.
#[derive(Debug, Default)]
struct Links {
    groups: HashSet<Arc<str>>,
    count: usize,
}

/// The `g` lines that count in one tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Membership<'a> {
    own: &'a Edges,
    every: &'a Edges,
}

impl<'a> Membership<'a> {
    /// What a name is given by lines of its own; some twice.
    pub(super) fn groups(self, name: &str) -> impl Iterator<Item = &'a Arc<str>> {
        [self.own, self.every].into_iter().flat_map(move |edges| edges.get(name))
    }

    /// Says whether a line gives somebody of a name this one.
    pub(super) fn gives(self, name: &str, group: &str) -> bool {
        let given = |edges: &Edges| edges.get(name).binary_search_by(|given| (**given).cmp(group)).is_ok();
        given(self.own) || given(self.every)
    }

    /// Says whether a name begins a line.
    pub(super) fn mentions(self, name: &str) -> bool {
        self.own.contains(name) || self.every.contains(name)
    }

    /// The names that begin a line; some twice.
    fn members(self) -> impl Iterator<Item = &'a Arc<str>> {
        self.own.names().chain(self.every.names())
    }
}

impl Names {
    pub(super) fn new(grants: &[Grant], catalog: &Catalog) -> Self {
        let mut edges: HashMap<Option<Tenant>, Vec<_>> = HashMap::new();
        for Grant { member, group, tenant, .. } in grants {
            edges.entry(tenant.clone()).or_default().push((Arc::clone(member), Arc::clone(group)));
        }
        let mut of = |tenant: Option<Tenant>| Edges::from_iter(edges.remove(&tenant).unwrap_or_default());
        let tenants = catalog.tenants.keys().cloned();
        let own = tenants.map(|tenant| (tenant.clone(), of(Some(tenant)))).collect();
        let every = of(None);
        let groups: HashSet<Arc<str>> = every.values().iter().cloned().collect();
        let count = groups.iter().filter(|group| every.contains(group)).count();
        Self { own, every, links: Links { groups, count } }
    }

    /// The lines that count in a tenant; none where it is not declared.
    pub(super) fn membership(&self, tenant: &Tenant) -> Option<Membership<'_>> {
        self.own.get(tenant).map(|own| Membership { own, every: &self.every })
    }

    /// Every name that somebody of these names goes by in a tenant; `*` is always among them.
    pub(super) fn close(&self, tenant: &Tenant, names: &BTreeSet<Arc<str>>) -> BTreeSet<Arc<str>> {
        let given = self.given(tenant, names.iter());
        names.iter().cloned().chain(["*".into()]).chain(given).collect()
    }

    /// What `g` lines of a tenant give somebody of any of these names, and whoever is given that.
    pub(super) fn given<'a>(
        &'a self,
        tenant: &Tenant,
        names: impl Iterator<Item = &'a Arc<str>>,
    ) -> BTreeSet<Arc<str>> {
        let mut given = BTreeSet::new();
        let Some(membership) = self.membership(tenant) else { return given };
        let mut open: Vec<&Arc<str>> = names.collect();
        while let Some(name) = open.pop() {
            for group in membership.groups(name) {
                if given.insert(Arc::clone(group)) {
                    open.push(group);
                }
            }
        }
        given
    }

    /// The names that begin a `g` line of this tenant.
    pub(super) fn members(&self, tenant: &Tenant) -> impl Iterator<Item = &Arc<str>> {
        self.membership(tenant).into_iter().flat_map(Membership::members)
    }

    /// Says whether there are names enough for a chain too long: each but its ends is given and gives in turn. The lines of
    /// `*` were counted once, and are walked only where there are names enough.
    fn could_be_deep(&self, membership: Membership<'_>) -> bool {
        let given = membership.own.values().iter().filter(|group| membership.mentions(group)).count();
        let giving = membership.own.names().filter(|member| self.links.groups.contains(*member)).count();
        given + giving + self.links.count >= MAX_CHAIN && is_long(membership)
    }

    /// Finds a name that lies more than [`MAX_CHAIN`] lines from somebody, by the shortest way; cycles end.
    pub(super) fn too_deep(&self, tenant: &Tenant) -> Option<Arc<str>> {
        let membership = self.membership(tenant)?;
        if !self.could_be_deep(membership) {
            return None;
        }
        let groups: HashSet<&Arc<str>> = membership.members().flat_map(|name| membership.groups(name)).collect();
        // From outside in: whoever is in no group first, then what is reached from nowhere else, which are cycles.
        let sorted: BTreeSet<&Arc<str>> = membership.members().collect();
        let (roots, rest): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|name| !groups.contains(name));
        let mut reached: HashSet<&Arc<str>> = HashSet::new();
        for start in roots.into_iter().chain(rest) {
            if !reached.insert(start) && groups.contains(start) {
                continue;
            }
            let mut level = vec![start];
            let mut seen: HashSet<&Arc<str>> = HashSet::from([start]);
            for depth in 0.. {
                let next = level.iter().flat_map(|name| membership.groups(name));
                level = next.filter(|name| seen.insert(name)).collect();
                match level.first() {
                    None => break,
                    Some(name) if depth >= MAX_CHAIN => return Some(Arc::clone(name)),
                    Some(_) => reached.extend(&level),
                }
            }
        }
        None
    }
}

/// Says whether there is a way through names enough, the same perhaps again: one that is long is counted from each member.
fn is_long(membership: Membership<'_>) -> bool {
    let giving = |group: &&Arc<str>| membership.mentions(group);
    let mut reached: HashSet<&Arc<str>> =
        membership.members().flat_map(|name| membership.groups(name)).filter(giving).collect();
    for _ in 1..MAX_CHAIN {
        reached = reached.into_iter().flat_map(|name| membership.groups(name)).filter(giving).collect();
    }
    !reached.is_empty()
}
