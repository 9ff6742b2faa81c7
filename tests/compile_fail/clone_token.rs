//! E0599
//! A token cannot be copied.

use crate::model::BearerToken;

pub(crate) fn keep(token: &BearerToken) -> BearerToken {
    BearerToken::clone(token)
}
