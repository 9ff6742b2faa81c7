//! Local accounts: people who sign in here.

use std::fmt;

use serde_json::json;
use sqlx::sqlite::SqliteRow;

use super::announcements::announce;
use super::grants::{RevocationReason, revoke_where_account};
use super::identities::at_provider;
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{AccountId, Login};
use crate::model::{ExternalUserId, IssuerName, Tenant, Timestamp};

/// A local account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id: the `sub` of its tokens.
    pub id: AccountId,
    /// What the person types.
    pub login: Login,
    /// The person's tenant.
    pub tenant: Tenant,
    /// The customer's own identifier of the person, which policies name as `user:…`.
    pub external_user: Option<ExternalUserId>,
    /// When it was made.
    pub created: Timestamp,
    /// When its password was set.
    pub password_set: Timestamp,
    /// Since when it is disabled.
    pub disabled: Option<Timestamp>,
    /// The `[[issuer]]` where the person signs in, and what people know them by there. `None`: here, with a password.
    pub provider: Option<(IssuerName, String)>,
}

impl Account {
    /// What the person is shown as.
    pub fn shown(&self) -> &str {
        self.provider.as_ref().map_or(self.login.as_str(), |(_, shown)| shown)
    }
}

/// The stored form of a password: a PHC string. Not printed, because it can be attacked at leisure.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes in what a hash function made, or the store kept.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

const SELECT: &str = "SELECT accounts.id, login, accounts.tenant, external_user, password_hash, accounts.created_at, \
    password_set_at, disabled_at, provider, shown FROM accounts LEFT JOIN identities ON identities.account = accounts.id";

impl StateStore {
    /// The account of this id.
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE accounts.id = $1")))
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(StateError::Read)?;
        row.as_ref().map(account).transpose()
    }

    /// The account of this login, and what its password is compared with; one without a password is not found.
    pub async fn account_by_login(&self, login: &Login) -> Result<Option<(Account, PasswordHash)>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE login = $1 AND password_hash <> '' AND provider IS NULL"
        )))
        .bind(login.as_str())
        .fetch_optional(self.readers())
        .await
        .map_err(StateError::Read)?;
        let Some(row) = row else { return Ok(None) };
        let hash = PasswordHash(Row::new("accounts", &row).text("password_hash")?);
        Ok(Some((account(&row)?, hash)))
    }

    /// Every account, by tenant and login.
    pub async fn accounts(&self) -> Result<Vec<Account>, StateError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY accounts.tenant, login")))
            .fetch_all(self.readers())
            .await
            .map_err(StateError::Read)?;
        rows.iter().map(account).collect()
    }

    /// Makes an account.
    pub async fn create_account(
        &self,
        account: &Account,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        insert(&mut transaction, account, password, now).await?;
        let detail = json!({
            "account": account.id.as_str(),
            "login": account.login.as_str(),
            "tenant": account.tenant.as_str(),
            "external_user": account.external_user.as_ref().map(ExternalUserId::as_str),
        });
        announce(&mut transaction, now, "account_created", &detail).await?;
        commit(transaction).await
    }

    /// Sets a password. Whoever knew the old one is signed out, and what was allowed in its time is revoked.
    pub async fn set_password(&self, login: &Login, password: &PasswordHash, now: Timestamp) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let provider: Option<String> = sqlx::query_scalar(
            "SELECT provider FROM identities JOIN accounts ON accounts.id = identities.account WHERE login = $1",
        )
        .bind(login.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Read)?;
        if let Some(provider) = provider {
            return Err(StateError::NoPassword(login.clone(), provider));
        }
        let id: Option<String> = sqlx::query_scalar(
            "UPDATE accounts SET password_hash = $2, password_set_at = $3 WHERE login = $1 RETURNING id",
        )
        .bind(login.as_str())
        .bind(password.as_phc())
        .bind(now.as_micros())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let id = id.ok_or_else(|| StateError::NoAccount(login.clone()))?;
        let revoked = sign_out_everywhere(&mut transaction, &id, RevocationReason::PasswordChanged, now).await?;
        let detail = json!({"account": id, "login": login.as_str(), "grants_revoked": revoked});
        announce(&mut transaction, now, "password_changed", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await
    }

    /// Replaces the hash of a password that stays the same, after the way of hashing has changed.
    pub async fn replace_hash(
        &self,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query("UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
            .bind(account.as_str())
            .bind(old.as_phc())
            .bind(new.as_phc())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await
    }

    /// Disables an account: nobody signs in with it, and what it allowed is revoked. Says whether anything changed.
    pub async fn disable_account(&self, login: &Login, now: Timestamp) -> Result<bool, StateError> {
        self.set_account_disabled(login, true, now).await
    }

    /// Enables an account again. What was revoked stays so.
    pub async fn enable_account(&self, login: &Login, now: Timestamp) -> Result<bool, StateError> {
        self.set_account_disabled(login, false, now).await
    }

    async fn set_account_disabled(&self, login: &Login, disable: bool, now: Timestamp) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let there: Option<(String, bool)> =
            sqlx::query_as("SELECT id, disabled_at IS NOT NULL FROM accounts WHERE login = $1")
                .bind(login.as_str())
                .fetch_optional(&mut *transaction)
                .await
                .map_err(StateError::Read)?;
        let (id, is_disabled) = there.ok_or_else(|| StateError::NoAccount(login.clone()))?;
        if is_disabled == disable {
            return Ok(false);
        }
        sqlx::query("UPDATE accounts SET disabled_at = $2 WHERE id = $1")
            .bind(&id)
            .bind(disable.then(|| now.as_micros()))
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        let mut detail = json!({"account": id, "login": login.as_str()});
        if disable {
            let revoked = sign_out_everywhere(&mut transaction, &id, RevocationReason::AccountDisabled, now).await?;
            detail["grants_revoked"] = revoked.into();
        }
        let kind = if disable { "account_disabled" } else { "account_enabled" };
        announce(&mut transaction, now, kind, &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(true)
    }
}

pub(super) async fn insert(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    account: &Account,
    password: &PasswordHash,
    now: Timestamp,
) -> Result<(), StateError> {
    let inserted = sqlx::query(
        "INSERT INTO accounts (id, login, tenant, external_user, password_hash, created_at, password_set_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(account.id.as_str())
    .bind(account.login.as_str())
    .bind(account.tenant.as_str())
    .bind(account.external_user.as_ref().map(ExternalUserId::as_str))
    .bind(password.as_phc())
    .bind(now.as_micros())
    .execute(&mut **transaction)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if StateError::is_taken(&error) => Err(StateError::LoginTaken(account.login.clone())),
        Err(error) => Err(StateError::Write(error)),
    }
}

/// The account of this id, which is there.
pub(super) async fn account_of(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    id: &str,
) -> Result<Account, StateError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE accounts.id = $1")))
        .bind(id)
        .fetch_one(&mut **transaction)
        .await
        .map_err(StateError::Read)?;
    account(&row)
}

async fn sign_out_everywhere(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    account: &str,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<u64, StateError> {
    sqlx::query("DELETE FROM sessions WHERE account = $1")
        .bind(account)
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    revoke_where_account(transaction, account, reason, now).await
}

fn account(row: &SqliteRow) -> Result<Account, StateError> {
    let row = Row::new("accounts", row);
    Ok(Account {
        id: row.parse("id")?,
        login: row.parse("login")?,
        tenant: row.parse("tenant")?,
        external_user: row.optional("external_user")?,
        created: row.time("created_at")?,
        password_set: row.time("password_set_at")?,
        disabled: row.optional_time("disabled_at")?,
        provider: at_provider(&row)?,
    })
}
