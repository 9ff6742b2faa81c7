//! Access tokens that say nothing themselves: a hash, and what the token would say.
//!
//! A row is never changed. Whether what it says still holds (the grant, the client, the account) is asked elsewhere, as of a
//! token that is signed.

use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::GrantId;
use crate::model::{Timestamp, TokenHash};

impl StateStore {
    /// Keeps what a token says.
    pub async fn keep_access_token(
        &self,
        hash: &TokenHash,
        grant: &GrantId,
        claims: &str,
        expires: Timestamp,
    ) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query("INSERT INTO access_tokens (hash, grant_id, claims, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(hash.as_text())
            .bind(grant.as_str())
            .bind(claims)
            .bind(expires.as_micros())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await
    }

    /// What the token of this hash says, in JSON.
    pub async fn access_token(&self, hash: &TokenHash) -> Result<Option<String>, StateError> {
        sqlx::query_scalar("SELECT claims FROM access_tokens WHERE hash = $1")
            .bind(hash.as_text())
            .fetch_optional(self.readers())
            .await
            .map_err(StateError::Read)
    }
}
