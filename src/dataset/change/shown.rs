//! The row that a person was asked about, known again by what they could see of it.
//!
//! A yes is for a row as it was shown. What becomes of a column that the person cannot see is none of their business, and asking
//! again because of it would tell of it; so the digest is made of the cells that are answered to them, masked as they are.

use std::fmt::{self, Display};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::dataset::cell::Cell;
use crate::dataset::cursor;

/// What somebody saw of a row, as a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(Arc<str>);

impl Shown {
    /// The digest of a row as it is answered to one person.
    pub(in crate::dataset) fn of(row: &[Cell]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(cursor::encode(row))).into())
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One that was written out. No row is shown as what is none.
impl From<&str> for Shown {
    fn from(written: &str) -> Self {
        Self(written.into())
    }
}
