//! Refresh tokens: a line of generations, of which the newest is good.
//!
//! The successor is made from the presented token and a salt, so that the same answer can be given again to a client that
//! lost it, although the store keeps hashes alone. Whether a replay is such a loss or a theft is not decided here: the caller
//! gets what is known of both.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

use super::grants::{COLUMNS, Grant, IS_LIVE, grant_of};
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::Timestamp;
use crate::model::oauth::{GrantId, RefreshToken, Salt};

/// A refresh token as it is stored. Reading it decides nothing; [`StateStore::rotate_refresh`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRefresh {
    /// What it refreshes.
    pub grant: Grant,
    /// Its place in the line, from 1.
    pub generation: u64,
    /// When it ends if nobody uses it.
    pub expires: Timestamp,
    /// When its successor was made.
    pub spent: Option<Timestamp>,
}

/// What became of the attempt to rotate.
#[derive(Debug)]
pub enum Rotation {
    /// The presented token is spent, and this one takes its place.
    Rotated(Successor),
    /// The presented token was spent before.
    Replayed(Replay),
    /// There is no such token.
    Unknown,
    /// It, or its grant, came to its end.
    Expired,
    /// Its grant, its account or its client is not good any more.
    Revoked,
}

/// A token that takes another's place.
#[derive(Debug)]
pub struct Successor {
    /// The token.
    pub token: RefreshToken,
    /// Its place in the line.
    pub generation: u64,
    /// When an access token of its generation was first used: whoever did that has received the answer.
    pub used: Option<Timestamp>,
}

/// A spent token, presented again.
#[derive(Debug)]
pub struct Replay {
    /// Its place in the line.
    pub generation: u64,
    /// When it was spent.
    pub spent: Timestamp,
    /// What took its place, where that is still the newest.
    pub successor: Option<Successor>,
}

impl StateStore {
    /// The token, for a look at whose it is.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<Option<StoredRefresh>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS}, refresh_tokens.generation, refresh_tokens.expires_at AS token_expires_at,
                    refresh_tokens.spent_at
             FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id WHERE refresh_tokens.hash = $1"
        )))
        .bind(token.hash().as_text())
        .fetch_optional(self.readers())
        .await
        .map_err(StateError::Read)?;
        let Some(row) = row else { return Ok(None) };
        let token = Row::new("refresh_tokens", &row);
        Ok(Some(StoredRefresh {
            grant: grant_of(&row)?,
            generation: token.number("generation")?,
            expires: token.time("token_expires_at")?,
            spent: token.optional_time("spent_at")?,
        }))
    }

    /// Puts a successor in the place of the token: exactly one of any number of attempts is [`Rotation::Rotated`]. The
    /// successor ends at `expires` if nobody uses it, and in any case with its grant.
    pub async fn rotate_refresh(
        &self,
        presented: &RefreshToken,
        salt: &Salt,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Rotation, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT refresh_tokens.grant_id, refresh_tokens.generation, refresh_tokens.expires_at, refresh_tokens.spent_at,
                    refresh_tokens.salt, grants.expires_at AS grant_expires_at, ({IS_LIVE}) AS live
             FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id WHERE refresh_tokens.hash = $2"
        )))
        .bind(now.as_micros())
        .bind(presented.hash().as_text())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Read)?;
        let Some(row) = row else { return Ok(Rotation::Unknown) };
        let row = Row::new("refresh_tokens", &row);
        let grant_ends = row.time("grant_expires_at")?;
        if grant_ends <= now {
            return Ok(Rotation::Expired);
        }
        if !row.flag("live")? {
            return Ok(Rotation::Revoked);
        }
        let (grant, generation) = (row.text("grant_id")?, row.number("generation")?);
        if let Some(spent) = row.optional_time("spent_at")? {
            let salt = row.optional_text("salt")?;
            let (successor, ends) = replaced_by(&mut transaction, presented, salt).await?.unzip();
            if ends.is_some_and(|ends| ends <= now) {
                return Ok(Rotation::Expired);
            }
            return Ok(Rotation::Replayed(Replay { generation, spent, successor }));
        }
        if row.time("expires_at")? <= now {
            return Ok(Rotation::Expired);
        }
        let token = presented.successor(salt);
        let next = row.next_generation(generation)?;
        spend(&mut transaction, presented, salt, now).await?;
        sqlx::query(
            "INSERT INTO refresh_tokens (hash, grant_id, generation, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token.hash().as_text())
        .bind(&grant)
        .bind(next)
        .bind(now.as_micros())
        .bind(expires.min(grant_ends).as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        // The generation before the presented one can no longer be a lost answer, so nobody needs to follow it any more.
        sqlx::query("UPDATE refresh_tokens SET salt = NULL WHERE grant_id = $1 AND generation < $2")
            .bind(&grant)
            .bind(next - 1)
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await?;
        Ok(Rotation::Rotated(Successor { token, generation: generation + 1, used: None }))
    }

    /// Remembers that an access token of this generation was used, if none was before.
    pub async fn note_use(&self, grant: &GrantId, generation: u64, now: Timestamp) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query(
            "UPDATE refresh_tokens SET used_at = $3 WHERE grant_id = $1 AND generation = $2 AND used_at IS NULL",
        )
        .bind(grant.as_str())
        .bind(i64::try_from(generation).unwrap_or(i64::MAX))
        .bind(now.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        commit(transaction).await
    }
}

impl Row<'_> {
    fn next_generation(&self, generation: u64) -> Result<i64, StateError> {
        i64::try_from(generation + 1).map_err(|error| self.unfit("generation", generation.to_string(), &error))
    }
}

async fn spend(
    transaction: &mut Transaction<'_, Sqlite>,
    token: &RefreshToken,
    salt: &Salt,
    now: Timestamp,
) -> Result<(), StateError> {
    let spent = sqlx::query("UPDATE refresh_tokens SET spent_at = $2, salt = $3 WHERE hash = $1 AND spent_at IS NULL")
        .bind(token.hash().as_text())
        .bind(now.as_micros())
        .bind(URL_SAFE_NO_PAD.encode(salt))
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    if spent.rows_affected() == 1 { Ok(()) } else { Err(StateError::Write(sqlx::Error::RowNotFound)) }
}

/// What took the place of a spent token, if that is the newest; and when it ends for want of use.
async fn replaced_by(
    transaction: &mut Transaction<'_, Sqlite>,
    presented: &RefreshToken,
    salt: Option<String>,
) -> Result<Option<(Successor, Timestamp)>, StateError> {
    let salt = salt.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok());
    let Some(salt) = salt else { return Ok(None) };
    let token = presented.successor(&salt);
    let row: Option<SqliteRow> =
        sqlx::query("SELECT generation, used_at, expires_at FROM refresh_tokens WHERE hash = $1 AND spent_at IS NULL")
            .bind(token.hash().as_text())
            .fetch_optional(&mut **transaction)
            .await
            .map_err(StateError::Read)?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("refresh_tokens", &row);
    let successor = Successor { token, generation: row.number("generation")?, used: row.optional_time("used_at")? };
    Ok(Some((successor, row.time("expires_at")?)))
}
