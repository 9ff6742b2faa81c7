//! Browsers that were sent to an OpenID provider, until they come back.

use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{LoginSessionId, ProviderState, RequestHandle};
use crate::model::{IssuerName, Timestamp};

impl StateStore {
    /// Remembers that the browser of a waiting request goes to a provider.
    pub async fn depart(
        &self,
        state: &ProviderState,
        (session, request): (&LoginSessionId, &RequestHandle),
        provider: &IssuerName,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query(
            "INSERT INTO departures (hash, session, request, provider, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(state.hash().as_text())
        .bind(session.as_str())
        .bind(request.hash().as_text())
        .bind(provider.as_str())
        .bind(now.as_micros())
        .bind(expires.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        commit(transaction).await
    }

    /// Takes a browser back: once, in time, from the provider that it was sent to. Its request goes on under another handle,
    /// because the old one is not kept. Says whether there is such a request.
    pub async fn come_back(
        &self,
        state: &ProviderState,
        session: &LoginSessionId,
        provider: &IssuerName,
        handle: &RequestHandle,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let request: Option<String> = sqlx::query_scalar(
            "DELETE FROM departures WHERE hash = $1 AND session = $2 AND provider = $3 AND expires_at > $4
             RETURNING request",
        )
        .bind(state.hash().as_text())
        .bind(session.as_str())
        .bind(provider.as_str())
        .bind(now.as_micros())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let Some(request) = request else { return Ok(false) };
        let goes_on = sqlx::query(
            "UPDATE requests SET hash = $2 WHERE hash = $1 AND session = $3 AND decided_at IS NULL AND expires_at > $4",
        )
        .bind(&request)
        .bind(handle.hash().as_text())
        .bind(session.as_str())
        .bind(now.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        commit(transaction).await?;
        Ok(goes_on.rows_affected() == 1)
    }
}
