//! E0308
//! The permit to read rows is not a permit to change them.

use crate::authz::{Authorized, ChangeRows, ReadRows};

pub(crate) fn mistaken(permit: Authorized<ReadRows>) -> Authorized<ChangeRows> {
    permit
}
