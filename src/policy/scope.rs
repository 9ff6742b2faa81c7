//! From lines to rows: the filter that the policy leaves of a dataset for one requester.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::View;
use super::decision::RowRule;
use super::files::Effect;
use super::finding::LineRef;
use super::object::{Kind, Permission};
use super::predicate::{ParentFilter, Predicate, RowFilter, Truth};
use super::snapshot::Snapshot;
use crate::catalog::{Dataset, RoomRule, TenantRule};
use crate::model::{DataRoom, Name, Tenant};

/// How many datasets may lie within each other. The catalog refuses cycles; this ends one that it overlooked.
const MAX_PARENTS: usize = 16;

impl Snapshot {
    /// Compiles the filter, with the lines that are in it (its own, then those of the datasets around it) or that leave
    /// nothing.
    pub(super) fn scope(
        &self,
        view: &View<'_>,
        dataset: &Name,
        permission: Permission,
        depth: usize,
    ) -> (RowRule, Vec<LineRef>) {
        let nothing = |lines| (RowRule::Nothing, lines);
        let Some(declared) = self.catalog.datasets.get(dataset).filter(|_| depth <= MAX_PARENTS) else {
            return nothing(Vec::new());
        };
        let tenant = &view.requester.tenant;
        let tenant_column = match &declared.tenant {
            TenantRule::Column(column) => Some((column.clone(), tenant.clone())),
            TenantRule::Fixed(owner) if owner != tenant => return nothing(Vec::new()),
            TenantRule::Inherited if declared.within.is_none() => return nothing(Vec::new()),
            TenantRule::Fixed(_) | TenantRule::Shared | TenantRule::Inherited => None,
        };
        let room = view.requester.context.data_room.as_ref();
        let Some(data_room) = room_column(declared, room) else { return nothing(Vec::new()) };
        let place = (tenant, Kind::Dataset, permission);
        let Left { allow, deny, mut lines } = match self.left(view, place, dataset.as_str()) {
            Ok(lines) => lines,
            Err(denying) => return nothing(denying),
        };
        if allow.is_empty() {
            return nothing(Vec::new());
        }
        // Both tenant columns equal the same tenant, so they need not be equated with each other.
        let parent = match &declared.within {
            None => None,
            Some(within) => match self.scope(view, &within.dataset, Permission::Read, depth + 1) {
                (RowRule::Nothing, lines) => return nothing(lines),
                (RowRule::Filter(filter), around) => {
                    let own: BTreeSet<LineRef> = lines.iter().cloned().collect();
                    lines.extend(around.into_iter().filter(|line| !own.contains(line)));
                    let by = within.by.iter().map(|(own, key)| (own.clone(), key.clone())).collect();
                    Some(ParentFilter { by, filter })
                }
            },
        };
        let dataset = dataset.clone();
        let filter = RowFilter { dataset, tenant: tenant_column, data_room, parent, allow, deny };
        (RowRule::Filter(Arc::new(filter)), lines)
    }

    /// What is left of the lines about an object with rows; `Err` with the denying lines where no row can be left.
    pub(super) fn left(
        &self,
        view: &View<'_>,
        place: (&Tenant, Kind, Permission),
        object: &str,
    ) -> Result<Left, Vec<LineRef>> {
        let matching = self.index.matching(place, object, view.names);
        let mut left = Left::default();
        let mut denying = Vec::new();
        for rule in matching.into_iter().filter_map(|position| self.rules.get(position)) {
            let condition = rule.when.residual(view);
            let (condition, parts) = match rule.effect {
                Effect::Allow => (condition.where_true(), &mut left.allow),
                Effect::Deny => (condition.where_not_false(), &mut left.deny),
            };
            match (rule.effect, &condition) {
                (_, Predicate::Known(Truth::False)) => continue,
                (Effect::Deny, Predicate::Known(Truth::True | Truth::Unknown)) => {
                    denying.push(rule.at.clone());
                }
                (Effect::Allow | Effect::Deny, _) => {}
            }
            if !parts.contains(&condition) {
                parts.push(condition);
            }
            left.lines.push(rule.at.clone());
        }
        if left.allow.contains(&Predicate::Known(Truth::True)) {
            left.allow = vec![Predicate::Known(Truth::True)];
        }
        if denying.is_empty() { Ok(left) } else { Err(denying) }
    }
}

/// The conditions on a row that are left once the requester is known, and the lines that they come from.
#[derive(Default)]
pub(super) struct Left {
    pub(super) allow: Vec<Predicate>,
    pub(super) deny: Vec<Predicate>,
    pub(super) lines: Vec<LineRef>,
}

/// The column that the data room of the request limits, if any; `None` where the dataset is not there under such a header.
#[expect(clippy::option_option, reason = "a missing dataset and a missing limit are two things")]
fn room_column(dataset: &Dataset, room: Option<&DataRoom>) -> Option<Option<(Name, DataRoom)>> {
    match (&dataset.data_room, room) {
        (_, None) | (RoomRule::Ignored, Some(_)) => Some(None),
        (RoomRule::Column(column), Some(room)) => Some(Some((column.clone(), room.clone()))),
        (RoomRule::Undeclared, Some(_)) => None,
    }
}
