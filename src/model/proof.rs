//! What a verified credential says, as plain data.

use super::{Actor, ClientId, Scopes, Subject, Timestamp};

/// What a credential proved, besides what policies read. A `Principal` contains one; alone it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose rights are used.
    pub subject: Subject,
    /// Who uses them, where the token names another than the subject.
    pub actor: Option<Actor>,
    /// The client that the token was issued to.
    pub client: Option<ClientId>,
    /// What the token may be used for.
    pub scopes: Scopes,
    /// When the token expires.
    pub expires: Timestamp,
    /// Until when it is taken, since clocks differ.
    pub taken_until: Timestamp,
}
