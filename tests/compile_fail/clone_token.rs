//! E0277
//! A token cannot be copied.

use crate::model::BearerToken;

fn copy<T: Clone>(one: &T) -> T {
    one.clone()
}

pub(crate) fn keep(token: &BearerToken) -> BearerToken {
    copy(token)
}
