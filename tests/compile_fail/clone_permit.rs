//! E0277
//! A permit cannot be copied.

use crate::authz::{Authorized, ReadRows};

fn copy<T: Clone>(one: &T) -> T {
    one.clone()
}

pub(crate) fn twice(permit: &Authorized<ReadRows>) -> Authorized<ReadRows> {
    copy(permit)
}
