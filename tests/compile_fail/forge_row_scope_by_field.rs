//! E0423
//! Nor can its field be filled.

use std::sync::Arc;

use crate::authz::RowScope;
use crate::policy::RowFilter;

pub(crate) fn forge(filter: RowFilter) -> RowScope {
    RowScope(Arc::new(filter))
}
