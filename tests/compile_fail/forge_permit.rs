//! E0624
//! A permit is made by the gate alone.

use crate::authz::{Authorized, Receipt, Use};

pub(crate) fn forge(action: Use, receipt: Receipt) -> Authorized<Use> {
    Authorized::redeem(action, (), receipt)
}
