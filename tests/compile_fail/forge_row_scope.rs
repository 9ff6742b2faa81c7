//! E0624
//! A row scope is made in authz alone, from what the policy says.

use std::sync::Arc;

use crate::authz::RowScope;
use crate::policy::RowFilter;

pub(crate) fn forge(filter: RowFilter) -> RowScope {
    RowScope::of(Arc::new(filter))
}
