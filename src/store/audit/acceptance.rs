//! That somebody meant what a server refuses: written by the command line, asked for by the server.
//!
//! An acceptance is bound to the whole hash of the contents that it accepts, and counts from when it was given: one that was
//! given before a file came back says nothing of the next time that it is lost.

use sqlx::Connection;

use super::error::AuditError;
use super::query::AuditReader;
use super::record::Event;
use super::{MIGRATIONS, insert};
use crate::config;
use crate::model::Timestamp;
use crate::store::{DatabaseError, database};

/// What the event is called.
const KIND: &str = "policy_accepted";

/// How many characters of its detail are the hash.
const HASH: i64 = 64;

/// Records that the policy of this hash (64 hex digits) is meant. Works beside a running server, and only where one has been.
pub async fn accept(settings: &config::Audit, hash: &str, words: &str, now: Timestamp) -> Result<(), AuditError> {
    if !settings.path.exists() {
        return Err(DatabaseError::Missing(settings.path.clone()).into());
    }
    let mut connection = database::open_writer(&settings.path, settings.durability, MIGRATIONS, now).await?;
    let event = Event { at: now, kind: KIND.to_owned(), detail: format!("{hash} {words}") };
    insert::event(&mut connection, now.as_micros(), event).await.map_err(AuditError::write)?;
    connection.close().await.map_err(AuditError::write)
}

impl AuditReader {
    /// Whether the policy of this hash was accepted at that time or later.
    pub async fn has_accepted(&self, hash: &str, since: Timestamp) -> Result<bool, AuditError> {
        // Nothing is written before it happens, so that `written` bounds the search, by the key.
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM events WHERE written >= ? AND at >= ? AND kind = ? AND substr(detail, 1, ?) = ?)",
        )
        .bind(since.as_micros())
        .bind(since.as_micros())
        .bind(KIND)
        .bind(HASH)
        .bind(hash)
        .fetch_one(&self.0)
        .await
        .map_err(AuditError::read)
    }
}
