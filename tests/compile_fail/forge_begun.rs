//! E0423
//! That a decision is on record is said by the receipt alone.

use crate::authz::{Begun, Receipt};

pub(crate) fn forge(receipt: Receipt) -> Begun {
    Begun(receipt)
}
