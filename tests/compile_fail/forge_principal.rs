//! E0451
//! A principal cannot be put together from its parts.

use crate::authn::Principal;

pub(crate) fn forge(real: Principal) -> Principal {
    Principal { ..real }
}
