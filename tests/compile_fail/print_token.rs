//! E0277
//! A token cannot be printed.

use crate::model::BearerToken;

pub(crate) fn leak(token: &BearerToken) -> String {
    format!("{token}")
}
