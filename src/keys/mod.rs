//! Whom we trust: each issuer's public keys, fetched, filtered and kept; and the strict reading of what they signed.
//!
//! [`KeyCache`] answers one question, "which key of this issuer may verify this signature", from a snapshot in memory. It
//! survives the issuer's rotation and the issuer's outage without refusing good tokens or accepting bad ones, and it
//! cannot be made to fetch more than once per cool-down by any token. [`own`] has the keys that we sign with,
//! [`assertion`] verifies what clients sign. [`Trust`] says which issuer really signed a token, and
//! [`Trace`] is the recorder that every check of a token goes through. Nothing here says that a token is good for anything:
//! that is `authn`'s word.

pub mod assertion;
mod cache;
mod claims;
mod fault;
mod fetch;
mod jwk;
mod jws;
mod key_set;
pub mod own;
mod person;
pub mod strict_json;
mod trust;

pub use cache::{KeyCache, KeyStatus};
pub use claims::{Claims, Shown};
pub use fault::{Reason, Step, TokenFault, Trace};
pub use fetch::FetchError;
pub use jwk::{BadKeySet, MAX_KID_BYTES, TrustedKey, Unusable};
pub use key_set::{Freshness, KeyError};
pub use person::Person;
pub use trust::{IssuerKeys, NotSigned, Signed, Trust};

#[cfg(test)]
pub(crate) mod tests;
