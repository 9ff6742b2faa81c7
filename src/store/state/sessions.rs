//! Browsers, and who is signed in there.
//!
//! A session begins before anybody has signed in, because a request that waits must belong to the browser that opened it.
//! Its secret changes at the sign-in, so that one that somebody planted before is worth nothing afterwards (RFC 9700).

use sqlx::sqlite::SqliteRow;

use super::row::Row;
use super::{Account, StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::{AccountId, LoginSessionId, SessionSecret};

/// A browser, and who is signed in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSession {
    /// Its id, which a sign-in does not change.
    pub id: LoginSessionId,
    /// Who is signed in.
    pub account: Option<AccountId>,
    /// Since when.
    pub signed_in: Option<Timestamp>,
    /// When it ends.
    pub expires: Timestamp,
}

/// What became of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// The session is this account's.
    Done(LoginSession),
    /// The account is gone or disabled, or has another password than when it was read.
    AccountChanged,
    /// The session has ended.
    NoSession,
}

impl StateStore {
    /// Begins a session in which nobody is signed in.
    pub async fn open_session(
        &self,
        id: &LoginSessionId,
        secret: &SessionSecret,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<LoginSession, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query("INSERT INTO sessions (id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(id.as_str())
            .bind(secret.hash().as_text())
            .bind(now.as_micros())
            .bind(expires.as_micros())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await?;
        Ok(LoginSession { id: id.clone(), account: None, signed_in: None, expires })
    }

    /// The session of this secret, if it has not ended. One whose account was disabled has.
    pub async fn session(&self, secret: &SessionSecret, now: Timestamp) -> Result<Option<LoginSession>, StateError> {
        let row = sqlx::query(
            "SELECT sessions.id, account, signed_in_at, expires_at
             FROM sessions LEFT JOIN accounts ON accounts.id = sessions.account
             WHERE hash = $1 AND expires_at > $2 AND accounts.disabled_at IS NULL",
        )
        .bind(secret.hash().as_text())
        .bind(now.as_micros())
        .fetch_optional(self.readers())
        .await
        .map_err(StateError::Read)?;
        row.as_ref().map(session).transpose()
    }

    /// Signs somebody in: the session goes on under another secret, and the old one is nothing. `account` is as it was read
    /// together with the hash that the password was compared with: that takes a while, and whoever has set another password
    /// meanwhile has locked out everybody who knows the old one.
    pub async fn sign_in(
        &self,
        old: &SessionSecret,
        new: &SessionSecret,
        account: &Account,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<SignedIn, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let row = sqlx::query(
            "UPDATE sessions SET hash = $2, account = $3, signed_in_at = $4, expires_at = $5
             WHERE hash = $1 AND expires_at > $4
               AND EXISTS (SELECT 1 FROM accounts
                           WHERE accounts.id = $3 AND disabled_at IS NULL AND accounts.password_set_at = $6)
             RETURNING id, account, signed_in_at, expires_at",
        )
        .bind(old.hash().as_text())
        .bind(new.hash().as_text())
        .bind(account.id.as_str())
        .bind(now.as_micros())
        .bind(expires.as_micros())
        .bind(account.password_set.as_micros())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        if let Some(row) = row {
            let session = session(&row)?;
            commit(transaction).await?;
            return Ok(SignedIn::Done(session));
        }
        let is_there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sessions WHERE hash = $1 AND expires_at > $2)")
                .bind(old.hash().as_text())
                .bind(now.as_micros())
                .fetch_one(&mut *transaction)
                .await
                .map_err(StateError::Read)?;
        Ok(if is_there { SignedIn::AccountChanged } else { SignedIn::NoSession })
    }

    /// Ends a session, and the requests that wait in it; says whether there was one.
    pub async fn sign_out(&self, secret: &SessionSecret) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE hash = $1")
            .bind(secret.hash().as_text())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await?;
        Ok(ended.rows_affected() == 1)
    }
}

fn session(row: &SqliteRow) -> Result<LoginSession, StateError> {
    let row = Row::new("sessions", row);
    Ok(LoginSession {
        id: row.parse("id")?,
        account: row.optional("account")?,
        signed_in: row.optional_time("signed_in_at")?,
        expires: row.time("expires_at")?,
    })
}
