//! Grants: what one account allowed one client, or what a client may do as itself. A grant is the family of the code and of all
//! tokens that came of it; revoking it ends them all.
//!
//! Its states are columns: consented when it is made, exchanged when its code was spent, revoked or expired at the end.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

use super::announcements::bump;
use super::requests::{AuthorizationRequest, decide};
use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{
    AccountId, AuthorizationCode, GrantId, LoginSessionId, RedirectUri, RequestHandle, UnknownWord,
};
use crate::model::{ClientId, ExternalUserId, IssuerName, Scopes, Tenant, Timestamp};

/// What was allowed: to whom, by whom, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The client.
    pub client: ClientId,
    /// The account; or the client, where it acts for itself.
    pub account: AccountId,
    /// The account's tenant when it consented.
    pub tenant: Tenant,
    /// The customer's own identifier of the person.
    pub external_user: Option<ExternalUserId>,
    /// The `[[issuer]]` where the person had signed in, and whose claims the tokens stand for; `None`: here.
    pub provider: Option<IssuerName>,
    /// Where the code went, where there was one.
    pub redirect_uri: Option<RedirectUri>,
    /// What the tokens are good for (RFC 8707).
    pub resource: String,
    /// What they can be used for.
    pub scopes: Scopes,
}

/// A grant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// What was allowed.
    pub terms: Terms,
    /// When.
    pub created: Timestamp,
    /// The end that no rotation moves.
    pub expires: Timestamp,
    /// When its code was spent.
    pub exchanged: Option<Timestamp>,
    /// When and why it was revoked.
    pub revoked: Option<Revoked>,
}

/// The end of a grant before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a grant was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// The client gave its token back (RFC 7009).
    TokenRevoked,
    /// The person took the consent back.
    ConsentWithdrawn,
    /// The code was presented again.
    CodeReplayed,
    /// A refresh token of an earlier generation was presented again.
    RefreshReplayed,
    /// The client was deleted.
    ClientDeleted,
    /// The account was disabled.
    AccountDisabled,
    /// The account's password was changed.
    PasswordChanged,
    /// The account was deleted.
    AccountDeleted,
    /// The operator took it back.
    Operator,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: &[Self] = &[
        Self::TokenRevoked,
        Self::ConsentWithdrawn,
        Self::CodeReplayed,
        Self::RefreshReplayed,
        Self::ClientDeleted,
        Self::AccountDisabled,
        Self::PasswordChanged,
        Self::AccountDeleted,
        Self::Operator,
    ];

    /// The word in the store and in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenRevoked => "token_revoked",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshReplayed => "refresh_token_replayed",
            Self::ClientDeleted => "client_deleted",
            Self::AccountDisabled => "account_disabled",
            Self::PasswordChanged => "password_changed",
            Self::AccountDeleted => "account_deleted",
            Self::Operator => "operator",
        }
    }
}

impl FromStr for RevocationReason {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().copied().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|reason| format!("`{reason}`")).collect();
            UnknownWord { found: text.to_owned(), what: "a reason to revoke", known: known.join(", ") }
        })
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person's yes, and what comes of it.
#[derive(Debug)]
pub struct Consent<'a> {
    /// The id of the new grant.
    pub grant: &'a GrantId,
    /// Who consents.
    pub account: &'a AccountId,
    /// What is allowed: never more than was asked for.
    pub scopes: Scopes,
    /// When the grant ends at the latest.
    pub expires: Timestamp,
    /// How long what a provider said of the person counts, from when it said so; then the grant ends before.
    pub counts_for: Option<Duration>,
    /// What the client gets.
    pub code: &'a AuthorizationCode,
    /// Until when the code can be spent.
    pub code_expires: Timestamp,
}

pub(super) const COLUMNS: &str = "grants.id, grants.client, grants.account, grants.tenant, grants.external_user, grants.provider, \
    grants.redirect_uri, grants.resource, grants.scopes, grants.created_at, grants.expires_at, grants.exchanged_at, grants.revoked_at, \
    grants.revoked_for";

/// What must hold of a grant for anything to come of it: `$1` is now.
pub(super) const IS_LIVE: &str = "grants.revoked_at IS NULL AND grants.expires_at > $1 \
    AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = grants.account AND accounts.disabled_at IS NULL) \
    AND EXISTS (SELECT 1 FROM clients WHERE clients.id = grants.client AND clients.disabled_at IS NULL)";

impl StateStore {
    /// Turns a waiting request into a grant and a code, in one step: what was asked, and the grant. `None` where the request
    /// does not wait in this browser any more, or the account or the client was disabled meanwhile; then nothing is made.
    pub async fn consent(
        &self,
        handle: &RequestHandle,
        session: &LoginSessionId,
        consent: &Consent<'_>,
        now: Timestamp,
    ) -> Result<Option<(AuthorizationRequest, Grant)>, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let Some(request) = decide(&mut transaction, handle, session, now).await? else { return Ok(None) };
        let scopes: Scopes = consent.scopes.iter().filter(|scope| request.scopes.contains(*scope)).collect();
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO grants (id, client, account, tenant, external_user, provider, claims, redirect_uri, resource, scopes,
                                 created_at, expires_at)
             SELECT $1, clients.id, accounts.id, accounts.tenant, accounts.external_user, identities.provider,
                    identities.claims, $2, $3, $4, $5,
                    CASE WHEN identities.signed_in_at + $9 < $6 THEN identities.signed_in_at + $9 ELSE $6 END
             FROM clients JOIN accounts ON accounts.id = $7 LEFT JOIN identities ON identities.account = accounts.id
             WHERE clients.id = $8 AND clients.disabled_at IS NULL AND accounts.disabled_at IS NULL
             RETURNING {COLUMNS}"
        )))
        .bind(consent.grant.as_str())
        .bind(request.redirect_uri.as_str())
        .bind(&request.resource)
        .bind(scopes.to_string())
        .bind(now.as_micros())
        .bind(consent.expires.as_micros())
        .bind(consent.account.as_str())
        .bind(request.client.as_str())
        .bind(consent.counts_for.map(|counts| i64::try_from(counts.as_micros()).unwrap_or(i64::MAX)))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let Some(row) = row else { return Ok(None) };
        sqlx::query(
            "INSERT INTO codes (hash, grant_id, challenge, redirect_uri_sent, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(consent.code.hash().as_text())
        .bind(consent.grant.as_str())
        .bind(request.challenge.as_text())
        .bind(request.redirect_uri_sent)
        .bind(now.as_micros())
        .bind(consent.code_expires.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        let grant = grant(&Row::new("grants", &row))?;
        commit(transaction).await?;
        Ok(Some((request, grant)))
    }

    /// The grant of this id.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM grants WHERE id = $1")))
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(StateError::Read)?;
        row.as_ref().map(|row| grant(&Row::new("grants", row))).transpose()
    }

    /// Revokes a grant and all that came of it; says whether it was not revoked already.
    pub async fn revoke_grant(
        &self,
        id: &GrantId,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        if !revoke(&mut transaction, id, reason, now).await? {
            return Ok(false);
        }
        bump(&mut transaction).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(true)
    }
}

/// Revokes one grant; says whether it was not revoked already.
pub(super) async fn revoke(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &GrantId,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<bool, StateError> {
    Ok(revoke_where(transaction, "id", id.as_str(), reason, now).await? == 1)
}

/// Revokes the grants of one client; says how many were not revoked already.
pub(super) async fn revoke_where_client(
    transaction: &mut Transaction<'_, Sqlite>,
    client: &str,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<u64, StateError> {
    revoke_where(transaction, "client", client, reason, now).await
}

/// Revokes the grants of one account; says how many were not revoked already.
pub(super) async fn revoke_where_account(
    transaction: &mut Transaction<'_, Sqlite>,
    account: &str,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<u64, StateError> {
    revoke_where(transaction, "account", account, reason, now).await
}

async fn revoke_where(
    transaction: &mut Transaction<'_, Sqlite>,
    column: &'static str,
    value: &str,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<u64, StateError> {
    let revoked = sqlx::query(sqlx::AssertSqlSafe(format!(
        "UPDATE grants SET revoked_at = $2, revoked_for = $3 WHERE {column} = $1 AND revoked_at IS NULL"
    )))
    .bind(value)
    .bind(now.as_micros())
    .bind(reason.as_str())
    .execute(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    Ok(revoked.rows_affected())
}

/// Reads [`COLUMNS`].
pub(super) fn grant(row: &Row<'_>) -> Result<Grant, StateError> {
    let revoked = match (row.optional_time("revoked_at")?, row.optional("revoked_for")?) {
        (Some(at), Some(reason)) => Some(Revoked { at, reason }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(row.unfit("revoked_for", "half a revocation".to_owned(), &"a time has a reason"));
        }
    };
    Ok(Grant {
        id: row.parse("id")?,
        terms: Terms {
            client: row.parse("client")?,
            account: row.parse("account")?,
            tenant: row.parse("tenant")?,
            external_user: row.optional("external_user")?,
            provider: row.optional("provider")?,
            redirect_uri: redirect_uri(row)?,
            resource: row.text("resource")?,
            scopes: row.scopes("scopes")?,
        },
        created: row.time("created_at")?,
        expires: row.time("expires_at")?,
        exchanged: row.optional_time("exchanged_at")?,
        revoked,
    })
}

/// A client that acts for itself was sent nowhere.
fn redirect_uri(row: &Row<'_>) -> Result<Option<RedirectUri>, StateError> {
    if row.text("redirect_uri")?.is_empty() { Ok(None) } else { row.parse("redirect_uri").map(Some) }
}

/// Reads the columns of a joined row that was selected as [`COLUMNS`].
pub(super) fn grant_of(row: &SqliteRow) -> Result<Grant, StateError> {
    grant(&Row::new("grants", row))
}
