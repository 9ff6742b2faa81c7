//! Clients that are known by a document of theirs: a row is the copy of the document, and as old as it says.

use sqlx::{Sqlite, Transaction};

use super::clients::insert;
use super::places::Registration;
use super::row::joined;
use super::{Client, StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::ClientOrigin;

/// How old the copy of a client's document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentCopy {
    /// When it was fetched.
    pub fetched: Timestamp,
    /// Until when it is taken for what the address says.
    pub fresh_until: Timestamp,
}

impl StateStore {
    /// Takes a client over from its document: anew, or in the place of the older copy. What was decided here stays: whether it
    /// is disabled, and when it was first known. Where there are `cap` such clients, the one that nobody has needed for longest
    /// makes room, unless people need all of them.
    pub async fn adopt_client(&self, client: &Client, cap: u64, now: Timestamp) -> Result<Registration, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        if !renew(&mut transaction, client).await? {
            if !make_room(&mut transaction, cap).await? {
                return Ok(Registration::Full);
            }
            insert(&mut transaction, client, now).await?;
        }
        commit(transaction).await?;
        Ok(Registration::Done)
    }
}

async fn renew(transaction: &mut Transaction<'_, Sqlite>, client: &Client) -> Result<bool, StateError> {
    let renewed = sqlx::query(
        "UPDATE clients SET name = $2, uri = $3, auth_method = $4, grant_types = $5, scopes = $6, redirect_uris = $7,
                fetched_at = $8, fresh_until = $9, jwks = $10
         WHERE id = $1 AND origin = $11",
    )
    .bind(client.id.as_str())
    .bind(&client.name)
    .bind(&client.uri)
    .bind(client.auth_method.as_str())
    .bind(joined(&client.grant_types))
    .bind(client.scopes.to_string())
    .bind(joined(&client.redirect_uris))
    .bind(client.document.map(|copy| copy.fetched.as_micros()))
    .bind(client.document.map(|copy| copy.fresh_until.as_micros()))
    .bind(&client.jwks)
    .bind(ClientOrigin::MetadataDocument.as_str())
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    Ok(renewed.rows_affected() == 1)
}

/// Says whether there is room for one more.
async fn make_room(transaction: &mut Transaction<'_, Sqlite>, cap: u64) -> Result<bool, StateError> {
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM clients WHERE origin = $1")
        .bind(ClientOrigin::MetadataDocument.as_str())
        .fetch_one(&mut **transaction)
        .await
        .map_err(StateError::Read)?;
    if u64::try_from(there).unwrap_or(u64::MAX) < cap {
        return Ok(true);
    }
    let removed = sqlx::query(
        "DELETE FROM clients WHERE id IN (
             SELECT id FROM clients
             WHERE origin = $1 AND disabled_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client = clients.id)
               AND NOT EXISTS (SELECT 1 FROM requests WHERE requests.client = clients.id)
             ORDER BY fetched_at LIMIT 1)",
    )
    .bind(ClientOrigin::MetadataDocument.as_str())
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    Ok(removed.rows_affected() == 1)
}
