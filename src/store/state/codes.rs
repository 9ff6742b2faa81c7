//! Authorization codes: good once.

use super::grants::{COLUMNS, Grant, IS_LIVE, grant_of};
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::{AuthorizationCode, CodeChallenge, GrantId, RefreshToken};

/// A code as it is stored. Reading it decides nothing; [`StateStore::redeem_code`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// What it is a code for.
    pub grant: Grant,
    /// What the verifier must meet.
    pub challenge: CodeChallenge,
    /// Whether the authorization request named the redirect URI.
    pub redirect_uri_sent: bool,
    /// Until when it can be spent.
    pub expires: Timestamp,
    /// When it was spent.
    pub spent: Option<Timestamp>,
}

/// The first refresh token of a grant.
#[derive(Debug)]
pub struct NewRefresh<'a> {
    /// The token.
    pub token: &'a RefreshToken,
    /// When it ends if nobody uses it; the grant's end comes first where it is earlier.
    pub expires: Timestamp,
}

/// What became of the attempt to spend a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// It is spent now, and the grant is exchanged.
    Done,
    /// There is no such code.
    Unknown,
    /// It came too late.
    Expired,
    /// It was spent before.
    Spent {
        /// When.
        at: Timestamp,
    },
    /// Its grant, its account or its client is not good any more.
    Revoked,
}

impl StateStore {
    /// The code, for a look at what it is bound to.
    pub async fn code(&self, code: &AuthorizationCode) -> Result<Option<StoredCode>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS}, codes.challenge, codes.redirect_uri_sent, codes.expires_at AS code_expires_at, codes.spent_at
             FROM codes JOIN grants ON grants.id = codes.grant_id WHERE codes.hash = $1"
        )))
        .bind(code.hash().as_text())
        .fetch_optional(self.readers())
        .await
        .map_err(StateError::Read)?;
        let Some(row) = row else { return Ok(None) };
        let code = Row::new("codes", &row);
        Ok(Some(StoredCode {
            grant: grant_of(&row)?,
            challenge: code.parse("challenge")?,
            redirect_uri_sent: code.flag("redirect_uri_sent")?,
            expires: code.time("code_expires_at")?,
            spent: code.optional_time("spent_at")?,
        }))
    }

    /// Spends the code: exactly one of any number of attempts is [`Redemption::Done`]. The refresh token, if there is to be
    /// one, is the grant's first generation.
    pub async fn redeem_code(
        &self,
        code: &AuthorizationCode,
        refresh: Option<NewRefresh<'_>>,
        now: Timestamp,
    ) -> Result<Redemption, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let grant: Option<String> = sqlx::query_scalar(
            "UPDATE codes SET spent_at = $2 WHERE hash = $1 AND spent_at IS NULL AND expires_at > $2 RETURNING grant_id",
        )
        .bind(code.hash().as_text())
        .bind(now.as_micros())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let Some(grant) = grant else {
            let there: Option<Option<i64>> = sqlx::query_scalar("SELECT spent_at FROM codes WHERE hash = $1")
                .bind(code.hash().as_text())
                .fetch_optional(&mut *transaction)
                .await
                .map_err(StateError::Read)?;
            return Ok(match there {
                None => Redemption::Unknown,
                Some(None) => Redemption::Expired,
                Some(Some(at)) => Redemption::Spent { at: Timestamp::from_micros(at) },
            });
        };
        let grant_ends: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "UPDATE grants SET exchanged_at = $1 WHERE id = $2 AND exchanged_at IS NULL AND {IS_LIVE} RETURNING expires_at"
        )))
        .bind(now.as_micros())
        .bind(&grant)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let Some(grant_ends) = grant_ends else { return Ok(Redemption::Revoked) };
        if let Some(NewRefresh { token, expires }) = refresh {
            sqlx::query(
                "INSERT INTO refresh_tokens (hash, grant_id, generation, created_at, expires_at) VALUES ($1, $2, 1, $3, $4)",
            )
            .bind(token.hash().as_text())
            .bind(&grant)
            .bind(now.as_micros())
            .bind(expires.as_micros().min(grant_ends))
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        }
        commit(transaction).await?;
        Ok(Redemption::Done)
    }

    /// Makes the code of a grant good again whose redemption was answered with nothing, and forgets the refresh token that
    /// nobody has seen. Nothing is done where one has been used.
    pub async fn take_back_redemption(&self, grant: &GrantId) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        for statement in [
            "UPDATE grants SET exchanged_at = NULL WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM refresh_tokens
             WHERE grant_id = $1 AND (spent_at IS NOT NULL OR used_at IS NOT NULL))",
            "UPDATE codes SET spent_at = NULL WHERE grant_id = $1
             AND EXISTS (SELECT 1 FROM grants WHERE id = $1 AND exchanged_at IS NULL)",
            "DELETE FROM refresh_tokens WHERE grant_id = $1
             AND EXISTS (SELECT 1 FROM grants WHERE id = $1 AND exchanged_at IS NULL)",
        ] {
            sqlx::query(statement).bind(grant.as_str()).execute(&mut *transaction).await.map_err(StateError::Write)?;
        }
        commit(transaction).await
    }
}
