//! Deletes what nothing can come of any more.

use std::time::Duration;

use sqlx::{Sqlite, Transaction};

use super::announcements::bump;
use super::{StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::ClientOrigin;

/// How long things are kept after their end.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// How long a client that made itself known may stay unused before its first token.
    pub unused_client: Duration,
    /// And how long after its last one.
    pub idle_client: Duration,
    /// How long an access token lives: until then a revoked grant, and a key that signed, must be known.
    pub access_token: Duration,
}

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Sessions that ended; requests that waited in them.
    pub sessions: u64,
    /// Requests that nobody decided, or that were decided.
    pub requests: u64,
    /// Browsers that did not come back from a provider.
    pub departures: u64,
    /// Grants at their end, with their codes and tokens.
    pub grants: u64,
    /// Clients that made themselves known and that nobody uses.
    pub clients: u64,
    /// Keys whose last token has expired.
    pub keys: u64,
    /// Assertions of clients that have expired.
    pub assertions: u64,
    /// Access tokens that have expired.
    pub access_tokens: u64,
}

/// More than the clocks of two machines may differ.
const SLACK: Duration = Duration::from_mins(10);

impl StateStore {
    /// Deletes what came to its end.
    pub async fn purge(&self, keep: Retention, now: Timestamp) -> Result<Purged, StateError> {
        let before = |age: Duration| {
            Timestamp::from_micros(now.as_micros().saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
        };
        let last_token = before(keep.access_token.saturating_add(SLACK));
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let tx = &mut transaction;
        let purged = Purged {
            requests: delete(tx, "DELETE FROM requests WHERE expires_at <= $1", now).await?,
            departures: delete(tx, "DELETE FROM departures WHERE expires_at <= $1", now).await?,
            sessions: delete(tx, "DELETE FROM sessions WHERE expires_at <= $1", now).await?,
            // A grant without a code that could still be spent, and without a token that could still be used or replayed.
            grants: delete(
                tx,
                "DELETE FROM grants
                 WHERE expires_at <= $1 OR revoked_at <= $1
                    OR exchanged_at IS NULL AND NOT EXISTS (SELECT 1 FROM codes WHERE grant_id = grants.id AND codes.expires_at > $1)
                    OR exchanged_at <= $1
                       AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE grant_id = grants.id AND refresh_tokens.expires_at > $1)",
                last_token,
            )
            .await?,
            clients: unused_clients(tx, before(keep.unused_client), before(keep.idle_client)).await?,
            keys: delete(tx, "DELETE FROM signing_keys WHERE stage = 'previous' AND staged_at <= $1", last_token).await?,
            assertions: delete(tx, "DELETE FROM assertions WHERE expires_at <= $1", before(SLACK)).await?,
            access_tokens: delete(tx, "DELETE FROM access_tokens WHERE expires_at <= $1", before(SLACK)).await?,
        };
        if purged.keys > 0 || purged.grants > 0 {
            bump(tx).await?;
        }
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(purged)
    }
}

async fn delete(
    transaction: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    until: Timestamp,
) -> Result<u64, StateError> {
    let deleted =
        sqlx::query(statement).bind(until.as_micros()).execute(&mut **transaction).await.map_err(StateError::Write)?;
    Ok(deleted.rows_affected())
}

/// A client with a grant is in use, whatever its age, and one about which somebody who is signed in is being asked. That a
/// stranger's browser waits does not count: anybody can let it wait for ever. The copy of a document can be had again, unless
/// it holds that the client is disabled.
async fn unused_clients(
    transaction: &mut Transaction<'_, Sqlite>,
    never_used: Timestamp,
    last_used: Timestamp,
) -> Result<u64, StateError> {
    let deleted = sqlx::query(
        "DELETE FROM clients
         WHERE (origin = $3 AND (used_at IS NULL AND created_at <= $1 OR used_at <= $2)
                OR origin = $4 AND fetched_at <= $1 AND disabled_at IS NULL)
           AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client = clients.id)
           AND NOT EXISTS (SELECT 1 FROM requests JOIN sessions ON sessions.id = requests.session
                           WHERE requests.client = clients.id AND sessions.account IS NOT NULL)",
    )
    .bind(never_used.as_micros())
    .bind(last_used.as_micros())
    .bind(ClientOrigin::Registration.as_str())
    .bind(ClientOrigin::MetadataDocument.as_str())
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    Ok(deleted.rows_affected())
}
