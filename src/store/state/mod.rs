//! The state of the authorization server: clients, accounts, sign-ins, grants, codes, refresh tokens, our signing keys.
//!
//! A method is a transition, and a transition is one transaction: it happens as a whole or, whatever fails, not at all, so
//! that a code or a token is never lost half-way. What may happen once is decided by the row (`UPDATE … WHERE spent_at IS
//! NULL`), never by an earlier read. Time is an argument. Of a secret that somebody else holds only the hash is here;
//! but the seeds of our signing keys are here as they are, so the file is its owner's alone.
//!
//! Whatever others must notice (a grant revoked, a client disabled, a key rotated) moves the [epoch](StateStore::epoch) in
//! the same transaction. This process knows it before the transition returns; another process that uses the same file sees
//! the epoch move when it [looks](StateStore::poll).

mod access_tokens;
mod accounts;
mod announcements;
mod assertions;
mod clients;
mod codes;
mod departures;
mod documents;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod grants;
mod identities;
mod machine;
mod places;
mod purge;
mod refresh;
mod requests;
mod revocations;
mod row;
mod sessions;
mod set_up;
mod signing_keys;
mod withdrawal;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, MutexGuard};

pub use accounts::{Account, PasswordHash};
pub use announcements::Announcement;
pub use clients::Client;
pub use codes::{NewRefresh, Redemption, StoredCode};
pub use documents::DocumentCopy;
pub use error::StateError;
pub use grants::{Consent, Grant, RevocationReason, Revoked, Terms};
pub use identities::Identity;
pub use places::{FIRST_USE, Registration};
pub use purge::{Purged, Retention};
pub use refresh::{Replay, Rotation, StoredRefresh, Successor};
pub use requests::AuthorizationRequest;
pub use revocations::{Revocations, Withdrawn};
pub use sessions::{LoginSession, SignedIn};
pub use signing_keys::{KeyStage, RotatedKeys, StoredKey};

use super::database::{open_readers, open_writer, refuse_shared};
use super::migration::Migration;
use crate::config::Durability;
use crate::model::Timestamp;

pub(in crate::store) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "authorization_server",
        sql: include_str!("../../../migrations/state/0001_authorization_server.sql"),
    },
    Migration { name: "client_documents", sql: include_str!("../../../migrations/state/0002_client_documents.sql") },
    Migration { name: "client_keys", sql: include_str!("../../../migrations/state/0003_client_keys.sql") },
    Migration { name: "access_tokens", sql: include_str!("../../../migrations/state/0004_access_tokens.sql") },
    Migration { name: "people", sql: include_str!("../../../migrations/state/0005_people.sql") },
];

/// How many connections read at once.
const READERS: u32 = 4;

/// The state file. Cloning it is cheap, and every clone is the same.
#[derive(Debug, Clone)]
pub struct StateStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
    revocations: ArcSwap<Revocations>,
}

impl StateStore {
    /// Opens the file, makes it if it does not exist, and brings its schema up to date. One that others can read is refused.
    pub async fn open(file: &Path, now: Timestamp) -> Result<Self, StateError> {
        refuse_shared(file).await?;
        // What was revoked must stay revoked after a power cut, and writes are few.
        let writer = open_writer(file, Durability::Power, MIGRATIONS, now).await?;
        let readers = open_readers(file, READERS, MIGRATIONS).await?;
        let revocations = ArcSwap::from_pointee(revocations::read(&readers).await?);
        Ok(Self(Arc::new(Inner { file: file.to_owned(), writer: Mutex::new(writer), readers, revocations })))
    }

    /// Opens the file if it exists and its schema is this version's.
    pub async fn open_existing(file: &Path, now: Timestamp) -> Result<Self, StateError> {
        open_readers(file, 1, MIGRATIONS).await?.close().await;
        Self::open(file, now).await
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    fn readers(&self) -> &SqlitePool {
        &self.0.readers
    }

    /// The one connection that writes.
    async fn writer(&self) -> MutexGuard<'_, SqliteConnection> {
        self.0.writer.lock().await
    }
}

/// Begins a transition. Another process that writes is waited for now, and not in the middle.
async fn begin(connection: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, StateError> {
    connection.begin_with("BEGIN IMMEDIATE").await.map_err(StateError::Write)
}

/// Ends a transition.
async fn commit(transaction: Transaction<'_, Sqlite>) -> Result<(), StateError> {
    transaction.commit().await.map_err(StateError::Write)
}

#[cfg(test)]
mod tests;
