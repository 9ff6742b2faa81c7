//! E0599
//! A permit cannot be copied.

use crate::authz::{Authorized, ReadRows};

pub(crate) fn twice(permit: &Authorized<ReadRows>) -> Authorized<ReadRows> {
    Authorized::clone(permit)
}
