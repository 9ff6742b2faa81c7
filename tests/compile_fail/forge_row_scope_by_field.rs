//! E0423
//! Nor can its field be filled.

use std::sync::Arc;

use crate::authz::RowScope;
use crate::policy::{Columns, RowFilter};

pub(crate) fn forge(filter: RowFilter, columns: Columns) -> RowScope {
    RowScope(Arc::new(filter), Arc::new(columns))
}
