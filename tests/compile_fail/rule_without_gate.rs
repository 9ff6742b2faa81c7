//! E0061
//! What the policy says of an action, rows and all, is for the gate alone to hear.

use crate::authz::{Action, ReadRows, RowScope};
use crate::model::Requester;
use crate::policy::{Policies, Ruling};

pub(crate) fn overhear(policies: &Policies, requester: &Requester, action: &ReadRows) -> Option<RowScope> {
    match action.rule(&policies.current(), requester) {
        Ruling::Allow(scope, _) => Some(scope),
        Ruling::Deny(_) => None,
    }
}
