//! E0599
//! There is no row scope by default.

use crate::authz::RowScope;

pub(crate) fn everything() -> RowScope {
    RowScope::default()
}
