//! Somebody of whom no more than a name is known, and what that leaves open.
//!
//! A role says nothing of whose id, mail or rooms its bearers have, and yet their own rows are what most lines give. So
//! what is not known is stood in for by the word for it in conditions, which no line can write as a text. Where it meets a
//! column, the rows are somebody's own, and that can be said. Where it meets anything else (`r.sub.email == "a@b.example"`)
//! it is taken away again: what is not known grants nothing and lifts no denial, and is told as what the answer depends on.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::person;
use super::reasons::{Counts, came_to};
use crate::catalog::Catalog;
use crate::model::{Context, Requester, Tenant, Value};
use crate::policy::{LineReport, Object, Permission, Predicate, Snapshot};
use crate::store::audit::Verdict;

/// How the attributes of a requester are spelled in conditions, before their name.
const OF_REQUESTER: &str = "r.sub.";

const ID: &str = "r.sub.id";
const EXTERNAL_ID: &str = "r.sub.external_id";
const EMAIL: &str = "r.sub.email";

/// Somebody who goes by these names, and perhaps by others.
pub(super) struct Somebody {
    known: Requester,
    standing_in: Requester,
    /// The lists whose entries the policy itself says.
    settled: Vec<String>,
}

/// What an answer still depends on: claims, attributes, fields of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Depends {
    /// Whether a line allows it, or would: where none does, it depends on nothing.
    pub(super) can_be: bool,
    /// What a line that allows asks for.
    pub(super) to_allow: BTreeSet<String>,
    /// What a line that denies asks for.
    pub(super) to_deny: BTreeSet<String>,
}

impl Depends {
    /// Nothing is open.
    fn none() -> Self {
        Self { can_be: true, to_allow: BTreeSet::new(), to_deny: BTreeSet::new() }
    }

    /// All of it, in one order.
    pub(super) fn names(&self) -> Vec<&str> {
        self.to_allow.union(&self.to_deny).map(String::as_str).collect()
    }

    fn add(&mut self, other: &Self) {
        self.can_be &= other.can_be;
        self.to_allow.extend(other.to_allow.iter().cloned());
        self.to_deny.extend(other.to_deny.iter().cloned());
    }
}

/// A question about one object or several that are answered together.
pub(super) struct Case {
    /// Whom the policy can be asked about: what stands in for something is in columns only.
    pub(super) requester: Requester,
    /// What the answer about each object still depends on.
    pub(super) depends: Vec<Depends>,
}

impl Case {
    /// What the answers about some of the objects depend on.
    pub(super) fn depends(&self, objects: impl IntoIterator<Item = usize>) -> Depends {
        let mut all = Depends::none();
        objects.into_iter().filter_map(|object| self.depends.get(object)).for_each(|one| all.add(one));
        all
    }
}

impl Somebody {
    pub(super) fn named(tenant: &Tenant, names: &[&str], catalog: &Catalog) -> anyhow::Result<Self> {
        let known = person::requester(tenant, names, Context::default())?;
        let mut standing_in = known.clone();
        // A machine is nobody: it has no rows of its own.
        if !names.iter().any(|name| name.starts_with("client:") || name.starts_with("key:")) {
            let own = &mut standing_in.attributes;
            own.id.get_or_insert(ID.parse()?);
            own.external_id.get_or_insert(EXTERNAL_ID.parse()?);
            own.email.get_or_insert_with(|| EMAIL.into());
        }
        // The lists of one person are known by their `g` lines; those of whoever has a role are not.
        let lists = &catalog.lists;
        let settled = if names.iter().any(|name| is_person(name)) {
            lists.keys().map(ToString::to_string).collect()
        } else {
            let entries = lists.iter().map(|(list, prefix)| format!("{prefix}{OF_REQUESTER}{list}").into());
            standing_in.names.extend(entries);
            Vec::new()
        };
        Ok(Self { known, standing_in, settled })
    }

    /// Whom to ask about these objects.
    pub(super) fn ask(&self, objects: &[(Object, Permission)], policy: &Snapshot) -> Case {
        let depends = objects.iter().map(|(object, permission)| self.depends(object, *permission, policy));
        let depends: Vec<Depends> = depends.collect();
        let mut requester = self.standing_in.clone();
        for open in depends.iter().flat_map(|depends| depends.to_allow.union(&depends.to_deny)) {
            self.take_away(open, &mut requester);
        }
        Case { requester, depends }
    }

    /// What the answer about an object depends on.
    pub(super) fn depends(&self, object: &Object, permission: Permission, policy: &Snapshot) -> Depends {
        let known = policy.lines_for(&self.known, object, permission);
        // Whoever stands in goes by as many names, so that these lines are among theirs, in one order.
        let full = policy.lines_for(&self.standing_in, object, permission);
        let mut rest = full.iter();
        let same = |known: LineReport| {
            let mut ahead = rest.clone();
            let full = ahead.find(|full| (&full.line, full.permission) == (&known.line, known.permission))?;
            rest = ahead;
            Some((known, full))
        };
        let lines: Vec<_> = known.into_iter().filter_map(same).collect();
        let mut depends = self.left(&lines, permission);
        if permission.change().is_some() {
            depends.add(&self.left(&lines, Permission::Read));
        }
        depends
    }

    /// What the lines about a permission leave open, and what stands in for it does not say.
    fn left(&self, lines: &[(LineReport, &LineReport)], permission: Permission) -> Depends {
        let mut depends = Depends { can_be: false, ..Depends::none() };
        for (known, full) in lines.iter().filter(|(known, _)| known.permission == permission) {
            let of = match known.effect {
                Verdict::Allow => &mut depends.to_allow,
                Verdict::Deny => &mut depends.to_deny,
            };
            let unsaid = known.open.iter().filter(|open| !mentions(&full.left, open));
            let names = unsaid.map(|open| open.rsplit_once('.').map_or(&**open, |(_, name)| name).to_owned());
            of.extend(names.filter(|name| !self.settled.contains(name)));
            depends.can_be |= known.effect == Verdict::Allow && came_to(full).counts != Counts::Never;
        }
        depends.can_be |= !depends.to_allow.is_empty();
        depends
    }

    /// Leaves out what stands in for something.
    fn take_away(&self, open: &str, requester: &mut Requester) {
        let spelled = format!("{OF_REQUESTER}{open}");
        let (own, known) = (&mut requester.attributes, &self.known.attributes);
        match spelled.as_str() {
            ID => own.id.clone_from(&known.id),
            EXTERNAL_ID => own.external_id.clone_from(&known.external_id),
            EMAIL => own.email.clone_from(&known.email),
            list => requester.names.retain(|name| !is_entry(name, list)),
        }
    }
}

/// Says whether a name is one person's.
pub(super) fn is_person(name: &str) -> bool {
    name.starts_with("user:") || name.starts_with("subject:")
}

/// The word for what a value stands in for, as `external_id`.
pub(super) fn stands_in(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => text.strip_prefix(OF_REQUESTER),
        Value::Number(_) | Value::Boolean(_) => None,
    }
}

fn is_entry(name: &Arc<str>, list: &str) -> bool {
    name.strip_suffix(list).is_some_and(|prefix| prefix.ends_with(':'))
}

/// Says whether a condition compares a column with what stands in for this.
fn mentions(condition: &Predicate, open: &str) -> bool {
    let is = |value: &Value| matches!(value, Value::Text(text) if **text == *open);
    match condition {
        Predicate::Compare { value, .. } => is(value),
        Predicate::In { values, .. } => values.iter().any(is),
        Predicate::Not(inner) => mentions(inner, open),
        Predicate::All(parts) | Predicate::Any(parts) => parts.iter().any(|part| mentions(part, open)),
        Predicate::Known(_) | Predicate::CompareColumns { .. } | Predicate::Present(_) => false,
    }
}
