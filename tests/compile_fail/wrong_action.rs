//! E0308
//! The permit to call a tool is not a permit to read rows.

use crate::authz::{Authorized, CallTool, ReadRows};

pub(crate) fn mistaken(permit: Authorized<CallTool>) -> Authorized<ReadRows> {
    permit
}
