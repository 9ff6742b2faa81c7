//! E0382
//! One decision, one record, one use.

use crate::authz::{Authorized, ReadRows};

pub(crate) fn twice(permit: Authorized<ReadRows>) {
    let first = permit.spend();
    let second = permit.spend();
    drop((first, second));
}
