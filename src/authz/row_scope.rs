//! The rows that one permit covers, and the columns of them.

use std::sync::Arc;

use crate::policy::{Columns, RowFilter};

/// What the policy leaves of a dataset for one principal. Comes only out of a permit: no `Default`, no public constructor.
#[derive(Debug)]
pub struct RowScope(Arc<RowFilter>, Arc<Columns>);

impl RowScope {
    pub(in crate::authz) fn of((filter, columns): (Arc<RowFilter>, Arc<Columns>)) -> Self {
        Self(filter, columns)
    }

    /// The condition that every statement carries.
    pub fn filter(&self) -> &RowFilter {
        &self.0
    }

    /// The columns that may be read and asked about.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.1
    }
}
