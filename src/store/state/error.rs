//! Why the state could not be read or changed.

use crate::model::ClientId;
use crate::model::oauth::Login;
use crate::store::DatabaseError;

/// Why the state could not be read or changed. Where it is [`StateError::Write`] or [`StateError::Read`], nothing happened
/// and the same may work later.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be opened.
    #[error("the state of the authorization server cannot be opened")]
    Open(#[from] DatabaseError),
    /// The file cannot be written; nothing was changed.
    #[error("the state of the authorization server could not be written")]
    Write(#[source] sqlx::Error),
    /// The file cannot be read.
    #[error("the state of the authorization server could not be read")]
    Read(#[source] sqlx::Error),
    /// A stored row does not mean anything to this program.
    #[error("`{table}` of the state file has `{found}` in `{column}`, which is no {column} of this version: {reason}")]
    Stored {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What it holds.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody has this login.
    #[error("there is an account `{0}` already; a login is unique among all tenants")]
    LoginTaken(Login),
    /// There is such a client.
    #[error("there is a client `{0}` already")]
    ClientTaken(ClientId),
    /// Nobody has this login.
    #[error("there is no account `{0}`; `bailiwick account list` shows those there are")]
    NoAccount(Login),
    /// The person proves who they are elsewhere.
    #[error("`{0}` signs in at `{1}` and has no password here")]
    NoPassword(Login, String),
    /// There is no such client.
    #[error("there is no client `{0}`; `bailiwick client list` shows those there are")]
    NoClient(ClientId),
    /// The next key was not published for long enough to be known everywhere.
    #[error(
        "the next signing key was published at {published}, and can sign from {ready} on: until then, copies of the key set may not have it"
    )]
    KeyTooNew {
        /// When it was published.
        published: crate::model::Timestamp,
        /// From when on it can sign.
        ready: crate::model::Timestamp,
    },
    /// There are no keys that could be rotated.
    #[error("there are no signing keys yet; the server makes them when it first starts with `[oauth] enabled = true`")]
    NoKeys,
}

impl StateError {
    /// Says whether a constraint of the schema was hurt, and not the file.
    pub(super) fn is_taken(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}
