//! Data rooms that no tenant declares: entries of the list of rooms, and literals that conditions compare rooms with. Nobody
//! can say of a row which rooms there are; but where a tenant declares its rooms, and takes no other, a name that is none of
//! them is most likely misspelled, or is the platform's name for a room that the database calls otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

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

    /// What a rule compares data rooms with and no tenant of it declares. `known` keeps what tenants declare, for the next rule.
    pub(super) fn unknown_rooms<'a>(&'a self, rule: &'a Rule, known: &mut Known<'a>) -> Vec<String> {
        let mut compared = BTreeSet::new();
        literals(&rule.when, &mut compared);
        compared.retain(|(held, _)| self.is_room(held, rule));
        if compared.is_empty() {
            return Vec::new();
        }
        let tenant = rule.tenant.as_ref();
        let Some(declared) = known.entry(tenant).or_insert_with(|| Declared::of(self.ground.tenants(tenant))) else {
            return Vec::new();
        };
        let told = |(held, room): (Held<'_>, &str)| {
            let (hint, place) = (declared.otherwise(room)?, place(tenant));
            Some(format!(
                "`{held}` is compared with `{room}`, and no `[tenant.data_rooms]` of {place} has that room; {hint}"
            ))
        };
        compared.into_iter().filter_map(told).collect()
    }

    /// Whether it holds the room, in some dataset that the rule covers.
    fn is_room(&self, held: &Held<'_>, rule: &Rule) -> bool {
        match held {
            Held::Column(column) => datasets(rule, self.catalog)
                .into_iter()
                .flatten()
                .any(|dataset| matches!(&dataset.data_room, RoomRule::Column(room) if room == *column)),
            Held::Request | Held::Rooms => true,
        }
    }
}

/// What tenants declare, by the tenant of a line; `None` where nothing can be said.
pub(super) type Known<'a> = HashMap<Option<&'a Tenant>, Option<Declared<'a>>>;

/// What of a line may hold a data room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held<'a> {
    Column(&'a Name),
    Request,
    Rooms,
}

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => write!(f, "r.obj.{name}"),
            Self::Request => write!(f, "r.ctx.{}", ContextField::DataRoom.as_str()),
            Self::Rooms => write!(f, "r.sub.{ROOMS}"),
        }
    }
}

/// The rooms that tenants declare: as the database has them, and by the platform's names for them.
pub(super) struct Declared<'a> {
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

/// Collects the texts that a condition compares with what may hold a data room.
fn literals<'a>(condition: &'a Condition, found: &mut BTreeSet<(Held<'a>, &'a str)>) {
    let held = |term: &'a Term| match term {
        Term::Column(name) => Some(Held::Column(name)),
        Term::Context(ContextField::DataRoom) => Some(Held::Request),
        Term::List(list) if list.name.as_str() == ROOMS => Some(Held::Rooms),
        Term::Context(ContextField::Agent | ContextField::Thread)
        | Term::List(_)
        | Term::Literal(_)
        | Term::Attribute(_) => None,
    };
    let mut pair = |one: &'a Term, other: &'a Term| {
        if let (Some(held), Term::Literal(Value::Text(text))) = (held(one), other) {
            found.insert((held, text));
        }
    };
    match condition {
        Tree::Compare { left, right, .. } => {
            pair(left, right);
            pair(right, left);
        }
        Tree::In { item, list } => pair(list, item),
        Tree::Always | Tree::Present(_) => {}
        Tree::Not(inner) => literals(inner, found),
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| literals(part, found)),
    }
}
