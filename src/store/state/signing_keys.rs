//! Our signing keys, through their three stages: published before they sign, signing, published until the last token that
//! they signed has expired.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;
use sqlx::{Sqlite, Transaction};

use super::announcements::announce;
use super::revocations::ids;
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{KeyId, UnknownWord};
use crate::model::{Secret, Timestamp};

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyStage {
    /// Published, and does not sign yet.
    Next,
    /// Signs.
    Current,
    /// Signs no more, and is still published.
    Previous,
}

impl KeyStage {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

impl FromStr for KeyStage {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Next, Self::Current, Self::Previous].into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| {
            let known = "`next`, `current`, `previous`".to_owned();
            UnknownWord { found: text.to_owned(), what: "a stage of a key", known }
        })
    }
}

impl fmt::Display for KeyStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A signing key.
#[derive(Debug)]
pub struct StoredKey {
    /// Its id.
    pub id: KeyId,
    /// The private key.
    pub seed: Secret,
    /// Where it is in its life.
    pub stage: KeyStage,
    /// When it was made, and published.
    pub created: Timestamp,
    /// Since when it is in this stage.
    pub staged: Timestamp,
}

/// Which keys changed their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatedKeys {
    /// What signed until now.
    pub retired: KeyId,
    /// What signs from now on.
    pub current: KeyId,
    /// What is published for the next time.
    pub next: KeyId,
}

impl StateStore {
    /// The keys: the next, the current, the previous ones.
    pub async fn signing_keys(&self) -> Result<Vec<StoredKey>, StateError> {
        let rows =
            sqlx::query("SELECT id, seed, stage, created_at, staged_at FROM signing_keys ORDER BY staged_at DESC, id")
                .fetch_all(self.readers())
                .await
                .map_err(StateError::Read)?;
        let read = |row| {
            let row = Row::new("signing_keys", row);
            Ok(StoredKey {
                id: row.parse("id")?,
                seed: Secret::new(row.text("seed")?),
                stage: row.parse("stage")?,
                created: row.time("created_at")?,
                staged: row.time("staged_at")?,
            })
        };
        let mut keys: Vec<StoredKey> = rows.iter().map(read).collect::<Result<_, StateError>>()?;
        keys.sort_by_key(|key| key.stage);
        Ok(keys)
    }

    /// Gives a file that has no keys its first two: one that signs, and the next.
    pub async fn first_signing_keys(
        &self,
        current: (&KeyId, &Secret),
        next: (&KeyId, &Secret),
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM signing_keys")
            .fetch_one(&mut *transaction)
            .await
            .map_err(StateError::Read)?;
        if there > 0 {
            return Ok(false);
        }
        insert(&mut transaction, current, KeyStage::Current, now).await?;
        insert(&mut transaction, next, KeyStage::Next, now).await?;
        let detail = json!({"current": current.0.as_str(), "next": next.0.as_str()});
        announce(&mut transaction, now, "signing_keys_made", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(true)
    }

    /// Signs with the next key from now on, and publishes `fresh` as the one after it.
    ///
    /// A next key that was published for less than `published_for` is refused, because a copy of the key set may lack it.
    pub async fn rotate_signing_keys(
        &self,
        fresh: (&KeyId, &Secret),
        published_for: Duration,
        now: Timestamp,
    ) -> Result<RotatedKeys, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let (current, _) = at(&mut transaction, KeyStage::Current).await?.ok_or(StateError::NoKeys)?;
        let (next, published) = at(&mut transaction, KeyStage::Next).await?.ok_or(StateError::NoKeys)?;
        let ready = published.plus(published_for);
        if ready > now {
            return Err(StateError::KeyTooNew { published, ready });
        }
        set(&mut transaction, &current, KeyStage::Previous, now).await?;
        set(&mut transaction, &next, KeyStage::Current, now).await?;
        insert(&mut transaction, fresh, KeyStage::Next, now).await?;
        let detail = json!({"retired": current.as_str(), "current": next.as_str(), "next": fresh.0.as_str()});
        announce(&mut transaction, now, "signing_keys_rotated", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(RotatedKeys { retired: current, current: next, next: fresh.0.clone() })
    }

    /// Puts new keys in the place of all there are, which were stolen: one file holds them all, so whoever has read one has
    /// the others. Every token that they signed or sign is refused from now on. Gives the keys that are taken out.
    pub async fn replace_signing_keys(
        &self,
        current: (&KeyId, &Secret),
        next: (&KeyId, &Secret),
        now: Timestamp,
    ) -> Result<Vec<KeyId>, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let gone: Vec<String> = sqlx::query_scalar("DELETE FROM signing_keys RETURNING id")
            .fetch_all(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        insert(&mut transaction, current, KeyStage::Current, now).await?;
        insert(&mut transaction, next, KeyStage::Next, now).await?;
        let detail = json!({"retired": gone, "current": current.0.as_str(), "next": next.0.as_str()});
        announce(&mut transaction, now, "signing_keys_replaced", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        ids("signing_keys", gone)
    }
}

async fn at(
    transaction: &mut Transaction<'_, Sqlite>,
    stage: KeyStage,
) -> Result<Option<(KeyId, Timestamp)>, StateError> {
    let row =
        sqlx::query("SELECT id, created_at FROM signing_keys WHERE stage = $1 ORDER BY created_at DESC, id LIMIT 1")
            .bind(stage.as_str())
            .fetch_optional(&mut **transaction)
            .await
            .map_err(StateError::Read)?;
    let read = |row| {
        let row = Row::new("signing_keys", row);
        Ok((row.parse("id")?, row.time("created_at")?))
    };
    row.as_ref().map(read).transpose()
}

async fn set(
    transaction: &mut Transaction<'_, Sqlite>,
    key: &KeyId,
    stage: KeyStage,
    now: Timestamp,
) -> Result<(), StateError> {
    sqlx::query("UPDATE signing_keys SET stage = $2, staged_at = $3 WHERE id = $1")
        .bind(key.as_str())
        .bind(stage.as_str())
        .bind(now.as_micros())
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    Ok(())
}

async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    (id, seed): (&KeyId, &Secret),
    stage: KeyStage,
    now: Timestamp,
) -> Result<(), StateError> {
    sqlx::query("INSERT INTO signing_keys (id, seed, stage, created_at, staged_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(id.as_str())
        .bind(seed.expose())
        .bind(stage.as_str())
        .bind(now.as_micros())
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    Ok(())
}
