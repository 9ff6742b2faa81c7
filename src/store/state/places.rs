//! Places for clients that register themselves: there are so many, and whoever needs one is not kept out by those who hold many.
//!
//! A place is lost only where somebody else wants it. First goes what was never used. What people have allowed stays, but for
//! those who have allowed more than their share: of these, whoever has most loses the client that was used longest ago, with
//! what it was given, if nobody else has allowed it too.

use std::time::Duration;

use serde_json::json;
use sqlx::{Sqlite, Transaction};

use super::announcements::announce;
use super::clients::{insert, remove};
use super::{Client, StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::ClientOrigin;

/// What became of a client that wanted to register itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// It is registered.
    Done,
    /// There are as many as there may be.
    Full,
}

/// How long a client that registered itself keeps its place before its first use, whoever else wants it: as long as a person
/// may take to sign in. So nobody fills the server for longer than that with clients that are never used.
pub const FIRST_USE: Duration = Duration::from_mins(10);

/// How many clients that registered themselves one person may have allowed where others want a place: several programs on several
/// machines, each of which has forgotten what it was called once. So nobody who has an account fills the server for others.
const SHARE: i64 = 20;

impl StateStore {
    /// Makes a client known in its own name. Where there are `cap` such clients, one makes room: the oldest that was never used,
    /// if it is older than [`FIRST_USE`]; else one of somebody who has allowed more than a share.
    pub async fn register_client(&self, client: &Client, cap: u64, now: Timestamp) -> Result<Registration, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM clients WHERE origin = $1")
            .bind(ClientOrigin::Registration.as_str())
            .fetch_one(&mut *transaction)
            .await
            .map_err(StateError::Read)?;
        let mut crowded = false;
        if u64::try_from(there).unwrap_or(u64::MAX) >= cap && !drop_unused(&mut transaction, now).await? {
            crowded = drop_one_of_many(&mut transaction, now).await?;
            if !crowded {
                return Ok(Registration::Full);
            }
        }
        insert(&mut transaction, client, now).await?;
        commit(transaction).await?;
        drop(writer);
        if crowded {
            self.take_notice().await?;
        }
        Ok(Registration::Done)
    }
}

/// Removes the registered client that has waited for its first use for longest; says whether there was one. Who is being asked
/// about it, or has allowed it something, is not disturbed, as in `purge`.
async fn drop_unused(transaction: &mut Transaction<'_, Sqlite>, now: Timestamp) -> Result<bool, StateError> {
    let wait = i64::try_from(FIRST_USE.as_micros()).unwrap_or(i64::MAX);
    let removed = sqlx::query(
        "DELETE FROM clients WHERE id IN (
             SELECT id FROM clients
             WHERE origin = $1 AND used_at IS NULL AND created_at <= $2
               AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client = clients.id)
               AND NOT EXISTS (SELECT 1 FROM requests JOIN sessions ON sessions.id = requests.session
                               WHERE requests.client = clients.id AND sessions.account IS NOT NULL)
             ORDER BY created_at LIMIT 1)",
    )
    .bind(ClientOrigin::Registration.as_str())
    .bind(now.as_micros().saturating_sub(wait))
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    Ok(removed.rows_affected() == 1)
}

/// Removes one of the clients of whoever has allowed most, if that is more than a share; says whether there was one.
async fn drop_one_of_many(transaction: &mut Transaction<'_, Sqlite>, now: Timestamp) -> Result<bool, StateError> {
    let holder: Option<(String, i64)> = sqlx::query_as(
        "SELECT grants.account, count(DISTINCT grants.client) AS held
         FROM grants JOIN clients ON clients.id = grants.client
         WHERE clients.origin = $1 AND grants.revoked_at IS NULL AND grants.expires_at > $2
         GROUP BY grants.account HAVING count(DISTINCT grants.client) > $3 ORDER BY held DESC, grants.account LIMIT 1",
    )
    .bind(ClientOrigin::Registration.as_str())
    .bind(now.as_micros())
    .bind(SHARE)
    .fetch_optional(&mut **transaction)
    .await
    .map_err(StateError::Read)?;
    let Some((account, held)) = holder else { return Ok(false) };
    let client: Option<String> = sqlx::query_scalar(
        "SELECT clients.id FROM clients
         WHERE origin = $1
           AND EXISTS (SELECT 1 FROM grants WHERE client = clients.id AND account = $2
                       AND revoked_at IS NULL AND expires_at > $3)
           AND NOT EXISTS (SELECT 1 FROM grants WHERE client = clients.id AND account <> $2
                           AND revoked_at IS NULL AND expires_at > $3)
         ORDER BY coalesce(used_at, created_at), id LIMIT 1",
    )
    .bind(ClientOrigin::Registration.as_str())
    .bind(&account)
    .bind(now.as_micros())
    .fetch_optional(&mut **transaction)
    .await
    .map_err(StateError::Read)?;
    let Some(client) = client else { return Ok(false) };
    let revoked = remove(transaction, &client, now).await?;
    let why = format!("its place was wanted, and the account had allowed {held} clients that registered themselves");
    let detail = json!({"client": client, "account": account, "grants_revoked": revoked, "why": why});
    announce(transaction, now, "client_deleted", &detail).await?;
    Ok(true)
}
