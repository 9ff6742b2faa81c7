//! The assertions that clients have proved themselves by: each counts once.

use super::{StateError, StateStore, begin, commit};
use crate::model::{ClientId, Timestamp, TokenHash};

impl StateStore {
    /// Spends an assertion of a client: of any number of attempts, one is told that it was not spent before. It is known until
    /// it has expired.
    pub async fn spend_assertion(
        &self,
        client: &ClientId,
        id: &TokenHash,
        expires: Timestamp,
    ) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let spent = sqlx::query(
            "INSERT INTO assertions (client, hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT (client, hash) DO NOTHING",
        )
        .bind(client.as_str())
        .bind(id.as_text())
        .bind(expires.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        commit(transaction).await?;
        Ok(spent.rows_affected() == 1)
    }
}
