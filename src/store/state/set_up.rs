//! The link by which the first account is made. There is one at a time; an account, be it made by it or not, ends it.

use super::accounts::{Account, PasswordHash, insert};
use super::{StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::SetUpToken;

/// What must hold of the link for it to be of use: `$1` is its hash, `$2` is now.
const IS_OPEN: &str = "hash = $1 AND expires_at > $2 AND NOT EXISTS (SELECT 1 FROM accounts)";

impl StateStore {
    /// Makes a link in the place of any before it; says whether there is no account, and so a use for it.
    pub async fn open_set_up(
        &self,
        token: &SetUpToken,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query("DELETE FROM set_up_links").execute(&mut *transaction).await.map_err(StateError::Write)?;
        let opened = sqlx::query(
            "INSERT INTO set_up_links (id, hash, created_at, expires_at)
             SELECT 1, $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM accounts)",
        )
        .bind(token.hash().as_text())
        .bind(now.as_micros())
        .bind(expires.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        commit(transaction).await?;
        Ok(opened.rows_affected() == 1)
    }

    /// Says whether a link is of use now. Looking at it does not spend it.
    pub async fn is_set_up_open(&self, token: &SetUpToken, now: Timestamp) -> Result<bool, StateError> {
        let there: Option<i64> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT id FROM set_up_links WHERE {IS_OPEN}")))
                .bind(token.hash().as_text())
                .bind(now.as_micros())
                .fetch_optional(self.readers())
                .await
                .map_err(StateError::Read)?;
        Ok(there.is_some())
    }

    /// Spends the link and makes the account, or neither; says which.
    pub async fn set_up(
        &self,
        token: &SetUpToken,
        account: &Account,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let spent = sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM set_up_links WHERE {IS_OPEN}")))
            .bind(token.hash().as_text())
            .bind(now.as_micros())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        if spent.rows_affected() == 0 {
            return Ok(false);
        }
        insert(&mut transaction, account, password, now).await?;
        commit(transaction).await?;
        Ok(true)
    }
}
