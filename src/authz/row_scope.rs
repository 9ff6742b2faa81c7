//! The rows that one permit covers.

use std::sync::Arc;

use crate::policy::RowFilter;

/// What the policy leaves of a dataset for one principal. Comes only out of a permit: no `Default`, no public constructor.
#[derive(Debug)]
pub struct RowScope(Arc<RowFilter>);

impl RowScope {
    pub(in crate::authz) fn of(filter: Arc<RowFilter>) -> Self {
        Self(filter)
    }

    /// The condition that every statement carries.
    pub fn filter(&self) -> &RowFilter {
        &self.0
    }
}
