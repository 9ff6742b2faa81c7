//! E0603
//! Only the gate can say that the gate asks.

use crate::authz::gate::Ask;

pub(crate) fn forge() -> Ask {
    Ask(())
}
