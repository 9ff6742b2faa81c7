//! E0423
//! An answer is recorded by its receipt alone.

use crate::authz::Recorded;

pub(crate) fn forge() -> Recorded<&'static str> {
    Recorded("unrecorded")
}
