//! E0308
//! The permit to call a tool is not a permit to read rows.

use crate::authz::{Authorized, ReadRows, Use};

pub(crate) fn mistaken(permit: Authorized<Use>) -> Authorized<ReadRows> {
    permit
}
