//! E0624
//! A row scope is made in authz alone, from what the policy says.

use std::sync::Arc;

use crate::authz::RowScope;
use crate::policy::{Columns, RowFilter};

pub(crate) fn forge(filter: RowFilter, columns: Columns) -> RowScope {
    RowScope::of((Arc::new(filter), Arc::new(columns)))
}
