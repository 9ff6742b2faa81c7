//! People who sign in at an OpenID provider: an account for each, known by who they are there and by nothing else.
//!
//! An account is found by (`iss`, `sub`) and the tenant that the provider speaks for. Never by an e-mail address: whoever
//! can get an address at one provider would be somebody's account of another (OpenID Connect Core 1.0, section 5.7).

use serde_json::json;
use sqlx::{Sqlite, Transaction};

use super::accounts::{Account, account_of};
use super::announcements::announce;
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{AccountId, GrantId, PersonClaims};
use crate::model::{ExternalUserId, IssuerName, SubjectId, Tenant, Timestamp};

/// Somebody whom a provider vouches for, in one tenant.
#[derive(Debug)]
pub struct Identity {
    /// The `[[issuer]]`'s name.
    pub provider: IssuerName,
    /// Its `iss`.
    pub iss: String,
    /// Its `sub`.
    pub subject: SubjectId,
    /// The tenant that it speaks for.
    pub tenant: Tenant,
    /// The customer's own identifier of the person.
    pub external_user: Option<ExternalUserId>,
    /// What people know the person by.
    pub shown: String,
    /// What it signed, as far as it is read.
    pub claims: PersonClaims,
}

impl StateStore {
    /// The account of an identity, with what the provider says of the person now; made, with this id, where it is the first time.
    pub async fn account_of_identity(
        &self,
        identity: &Identity,
        id: &AccountId,
        now: Timestamp,
    ) -> Result<Account, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let known: Option<String> =
            sqlx::query_scalar("SELECT account FROM identities WHERE iss = $1 AND subject = $2 AND tenant = $3")
                .bind(&identity.iss)
                .bind(identity.subject.as_str())
                .bind(identity.tenant.as_str())
                .fetch_optional(&mut *transaction)
                .await
                .map_err(StateError::Read)?;
        let account = if let Some(account) = known {
            renew(&mut transaction, &account, identity, now).await?;
            account
        } else {
            make(&mut transaction, id, identity, now).await?;
            id.as_str().to_owned()
        };
        let account = account_of(&mut transaction, &account).await?;
        commit(transaction).await?;
        Ok(account)
    }

    /// What the provider of a grant's person had signed when they consented; `None` where it is no such grant.
    pub async fn person(&self, grant: &GrantId) -> Result<Option<PersonClaims>, StateError> {
        let claims: Option<Option<String>> = sqlx::query_scalar("SELECT claims FROM grants WHERE id = $1")
            .bind(grant.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(StateError::Read)?;
        Ok(claims.flatten().map(PersonClaims::new))
    }
}

async fn renew(
    transaction: &mut Transaction<'_, Sqlite>,
    account: &str,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), StateError> {
    sqlx::query("UPDATE identities SET provider = $2, shown = $3, claims = $4, signed_in_at = $5 WHERE account = $1")
        .bind(account)
        .bind(identity.provider.as_str())
        .bind(&identity.shown)
        .bind(identity.claims.as_json())
        .bind(now.as_micros())
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    sqlx::query("UPDATE accounts SET external_user = $2 WHERE id = $1")
        .bind(account)
        .bind(identity.external_user.as_ref().map(ExternalUserId::as_str))
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    Ok(())
}

async fn make(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &AccountId,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), StateError> {
    let login = free_login(transaction, id, identity).await?;
    sqlx::query(
        "INSERT INTO accounts (id, login, tenant, external_user, password_hash, created_at, password_set_at)
         VALUES ($1, $2, $3, $4, '', $5, $5)",
    )
    .bind(id.as_str())
    .bind(&login)
    .bind(identity.tenant.as_str())
    .bind(identity.external_user.as_ref().map(ExternalUserId::as_str))
    .bind(now.as_micros())
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    sqlx::query(
        "INSERT INTO identities (account, provider, iss, subject, tenant, shown, claims, signed_in_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.as_str())
    .bind(identity.provider.as_str())
    .bind(&identity.iss)
    .bind(identity.subject.as_str())
    .bind(identity.tenant.as_str())
    .bind(&identity.shown)
    .bind(identity.claims.as_json())
    .bind(now.as_micros())
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    let detail = json!({
        "account": id.as_str(),
        "login": login,
        "tenant": identity.tenant.as_str(),
        "external_user": identity.external_user.as_ref().map(ExternalUserId::as_str),
        "provider": identity.provider.as_str(),
    });
    announce(transaction, now, "account_created", &detail).await
}

/// What commands call the account by: `<provider>/<sub>`, or, where somebody has that, `<provider>/<account id>`.
async fn free_login(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &AccountId,
    identity: &Identity,
) -> Result<String, StateError> {
    let named = |what: &str| format!("{}/{what}", identity.provider).to_lowercase();
    let login = named(identity.subject.as_str());
    let taken: Option<String> = sqlx::query_scalar("SELECT id FROM accounts WHERE login = $1")
        .bind(&login)
        .fetch_optional(&mut **transaction)
        .await
        .map_err(StateError::Read)?;
    // Beside the provider's name a long `sub` is no login.
    let fits = login.parse::<crate::model::oauth::Login>().is_ok();
    Ok(if taken.is_none() && fits { login } else { named(id.as_str()) })
}

/// What an account is at a provider, where it is one there: of a row that was joined.
pub(super) fn at_provider(row: &Row<'_>) -> Result<Option<(IssuerName, String)>, StateError> {
    Ok(row.optional("provider")?.zip(row.optional_text("shown")?))
}
