//! Data rooms that no tenant declares: entries of the list of rooms, and literals that conditions compare rooms with. Nobody
//! can say of a row which rooms there are; but where a tenant declares its rooms, and takes no other, a name that is none of
//! them is most likely misspelled, or is the platform's name for a room that the database calls otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::ground::place;
use super::{Linter, datasets};
use crate::catalog::{RoomRule, TenantEntry};
use crate::model::{ContextField, DataRoom, Name, Tenant, Value};
use crate::policy::condition::{Condition, Term, Tree};
use crate::policy::files::{Grant, Rule};
use crate::policy::finding::instead;

/// The list whose entries are data rooms.
const ROOMS: &str = "rooms";

impl Linter<'_> {
    /// An entry of the list of data rooms that is none of those that the tenant declares, where it declares any.
    pub(super) fn unknown_room(&self, grant: &Grant) -> Option<String> {
        let (_, prefix) = self.catalog.lists.iter().find(|(list, _)| list.as_str() == ROOMS)?;
        let room = grant.group.strip_prefix(&**prefix)?;
        let tenant = grant.tenant.as_ref();
        let hint = Declared::of(self.ground.tenants(tenant))?.otherwise(room)?;
        Some(format!("no `[tenant.data_rooms]` of {} has the room `{room}`; {hint}", place(tenant)))
    }

    /// What a rule compares data rooms with and no tenant of it declares.
    pub(super) fn unknown_rooms(&self, rule: &Rule) -> Vec<String> {
        let mut compared = BTreeSet::new();
        let columns: BTreeSet<&Name> = datasets(rule, self.catalog)
            .into_iter()
            .flatten()
            .filter_map(|dataset| match &dataset.data_room {
                RoomRule::Column(column) => Some(column),
                RoomRule::Ignored | RoomRule::Undeclared => None,
            })
            .collect();
        literals(&rule.when, &columns, &mut compared);
        let tenant: Option<&Tenant> = rule.tenant.as_ref();
        let Some(declared) = Declared::of(self.ground.tenants(tenant)).filter(|_| !compared.is_empty()) else {
            return Vec::new();
        };
        let told = |(term, room): (String, &str)| {
            let hint = declared.otherwise(room)?;
            let place = place(tenant);
            Some(format!(
                "`{term}` is compared with `{room}`, and no `[tenant.data_rooms]` of {place} has that room; {hint}"
            ))
        };
        compared.into_iter().filter_map(told).collect()
    }
}

/// The rooms that tenants declare: as the database has them, and by the platform's names for them.
struct Declared<'a> {
    rooms: BTreeSet<&'a str>,
    aliases: BTreeMap<&'a str, &'a str>,
}

impl<'a> Declared<'a> {
    /// Those of these tenants; `None` where one of them takes any, or declares none and so says nothing of them.
    fn of(tenants: impl Iterator<Item = &'a TenantEntry>) -> Option<Self> {
        let mut declared = Self { rooms: BTreeSet::new(), aliases: BTreeMap::new() };
        for entry in tenants {
            if entry.data_rooms_as_is || entry.data_rooms.is_empty() {
                return None;
            }
            declared.rooms.extend(entry.data_rooms.values().map(DataRoom::as_str));
            declared.aliases.extend(entry.data_rooms.iter().map(|(alias, room)| (alias.as_str(), room.as_str())));
        }
        Some(declared)
    }

    /// What to write instead of a name that is no declared room.
    fn otherwise(&self, room: &str) -> Option<String> {
        if self.rooms.contains(room) {
            return None;
        }
        Some(match self.aliases.get(room) {
            Some(meant) => format!("the platform calls so what the database calls `{meant}`: write that"),
            None => instead(room, self.rooms.iter().copied()),
        })
    }
}

/// Collects the texts that a condition compares data rooms with, and what of the line holds the room.
fn literals<'a>(condition: &'a Condition, columns: &BTreeSet<&Name>, found: &mut BTreeSet<(String, &'a str)>) {
    let is_room = |term: &Term| match term {
        Term::Column(name) => columns.contains(name),
        Term::Context(field) => *field == ContextField::DataRoom,
        Term::List { name, .. } => name.as_str() == ROOMS,
        Term::Literal(_) | Term::Attribute(_) => false,
    };
    let mut pair = |held: &Term, literal: &'a Term| {
        if let Term::Literal(Value::Text(text)) = literal
            && is_room(held)
        {
            found.insert((held.to_string(), text));
        }
    };
    match condition {
        Tree::Compare { left, right, .. } => {
            pair(left, right);
            pair(right, left);
        }
        Tree::In { item, list } => pair(list, item),
        Tree::Always | Tree::Present(_) => {}
        Tree::Not(inner) => literals(inner, columns, found),
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| literals(part, columns, found)),
    }
}
