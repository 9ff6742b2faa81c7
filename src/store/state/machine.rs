//! What a client may do as itself: a grant that nobody consented to, of which one access token comes.

use super::grants::{COLUMNS, Grant, Terms, grant};
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::GrantId;

impl StateStore {
    /// Gives a client what it may do as itself, until then. `None` where the client is not there or disabled; then nothing is
    /// made.
    pub async fn grant_to_client(
        &self,
        id: &GrantId,
        terms: &Terms,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Grant>, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        // It has no code that would be spent later, so it is exchanged when it is made.
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO grants (id, client, account, tenant, redirect_uri, resource, scopes, created_at, expires_at, exchanged_at)
             SELECT $1, clients.id, $3, $4, '', $5, $6, $7, $8, $7
             FROM clients WHERE clients.id = $2 AND clients.disabled_at IS NULL
             RETURNING {COLUMNS}"
        )))
        .bind(id.as_str())
        .bind(terms.client.as_str())
        .bind(terms.account.as_str())
        .bind(terms.tenant.as_str())
        .bind(&terms.resource)
        .bind(terms.scopes.to_string())
        .bind(now.as_micros())
        .bind(expires.as_micros())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let Some(row) = row else { return Ok(None) };
        let grant = grant(&Row::new("grants", &row))?;
        commit(transaction).await?;
        Ok(Some(grant))
    }
}
