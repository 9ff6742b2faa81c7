//! What the operator changed from the command line, for the server to put into its audit trail.
//!
//! The server writes the audit trail (but for `policy accept`, which says what the server has to find there). So a change leaves
//! its record beside itself, in the same transaction, and the server takes it over when it sees the epoch move, or when it
//! starts.

use serde_json::Value;
use sqlx::{Sqlite, Transaction};

use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::Timestamp;

/// A change that the audit trail does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its place in the order of changes.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What it is, in one word.
    pub kind: String,
    /// The particulars, in JSON.
    pub detail: String,
}

impl StateStore {
    /// The changes that were not taken over yet, the oldest first.
    pub async fn announcements(&self) -> Result<Vec<Announcement>, StateError> {
        let rows = sqlx::query("SELECT number, at, kind, detail FROM announcements ORDER BY number LIMIT 1000")
            .fetch_all(self.readers())
            .await
            .map_err(StateError::Read)?;
        let read = |row| {
            let row = Row::new("announcements", row);
            Ok(Announcement {
                number: row.number("number")?,
                at: row.time("at")?,
                kind: row.text("kind")?,
                detail: row.text("detail")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Forgets a change that was taken over.
    pub async fn forget_announcement(&self, announcement: &Announcement) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query("DELETE FROM announcements WHERE number = $1")
            .bind(i64::try_from(announcement.number).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await
    }
}

/// Moves the epoch: everybody who looks will read anew.
pub(super) async fn bump(transaction: &mut Transaction<'_, Sqlite>) -> Result<i64, StateError> {
    sqlx::query_scalar("UPDATE epoch SET value = value + 1 WHERE id = 1 RETURNING value")
        .fetch_one(&mut **transaction)
        .await
        .map_err(StateError::Write)
}

/// Moves the epoch, and says why.
pub(super) async fn announce(
    transaction: &mut Transaction<'_, Sqlite>,
    now: Timestamp,
    kind: &'static str,
    detail: &Value,
) -> Result<(), StateError> {
    let number = bump(transaction).await?;
    sqlx::query("INSERT INTO announcements (number, at, kind, detail) VALUES ($1, $2, $3, $4)")
        .bind(number)
        .bind(now.as_micros())
        .bind(kind)
        .bind(detail.to_string())
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    Ok(())
}
