//! E0624
//! A permit is made by the gate alone.

use crate::authz::{Authorized, CallTool, Receipt};

pub(crate) fn forge(action: CallTool, receipt: Receipt) -> Authorized<CallTool> {
    Authorized::redeem(action, (), receipt)
}
