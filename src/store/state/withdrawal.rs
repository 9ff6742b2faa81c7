//! What the operator takes away from an account: where it is signed in, what it has allowed, all or one of it, itself.

use serde_json::json;
use sqlx::{Sqlite, Transaction};

use super::announcements::announce;
use super::grants::{Grant, RevocationReason, revoke, revoke_where_account};
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::Login;
use crate::model::{ClientId, Timestamp};

impl StateStore {
    /// Signs somebody out in every browser; says in how many. What they have allowed stays allowed.
    pub async fn sign_out_account(&self, login: &Login, now: Timestamp) -> Result<u64, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let id = id_of(&mut transaction, login).await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE account = $1")
            .bind(&id)
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?
            .rows_affected();
        let detail = json!({"account": id, "login": login.as_str(), "sessions_ended": ended});
        announce(&mut transaction, now, "account_signed_out", &detail).await?;
        commit(transaction).await?;
        Ok(ended)
    }

    /// Takes back what somebody has allowed, to one client or to all; says how many grants that were.
    pub async fn withdraw_consent(
        &self,
        login: &Login,
        client: Option<&ClientId>,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let id = id_of(&mut transaction, login).await?;
        let reason = RevocationReason::ConsentWithdrawn;
        let revoked = match client {
            None => revoke_where_account(&mut transaction, &id, reason, now).await?,
            Some(client) => sqlx::query(
                "UPDATE grants SET revoked_at = $3, revoked_for = $4
                 WHERE account = $1 AND client = $2 AND revoked_at IS NULL",
            )
            .bind(&id)
            .bind(client.as_str())
            .bind(now.as_micros())
            .bind(reason.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?
            .rows_affected(),
        };
        let mut detail = json!({"account": id, "login": login.as_str(), "grants_revoked": revoked});
        if let Some(client) = client {
            detail["client"] = client.as_str().into();
        }
        announce(&mut transaction, now, "consent_withdrawn", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(revoked)
    }

    /// Takes back one grant and all that came of it; says whether it was not revoked already.
    pub async fn withdraw_grant(&self, grant: &Grant, now: Timestamp) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        if !revoke(&mut transaction, &grant.id, RevocationReason::Operator, now).await? {
            return Ok(false);
        }
        let terms = &grant.terms;
        let detail = json!({
            "grant": grant.id.as_str(),
            "client": terms.client.as_str(),
            "account": terms.account.as_str(),
            "tenant": terms.tenant.as_str(),
        });
        announce(&mut transaction, now, "grant_revoked", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(true)
    }

    /// Deletes an account, and revokes what it allowed; says how many grants that were. Who signs in at a provider can come again,
    /// as somebody new: to keep a person out, disable the account.
    pub async fn delete_account(&self, login: &Login, now: Timestamp) -> Result<u64, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let id = id_of(&mut transaction, login).await?;
        let revoked = revoke_where_account(&mut transaction, &id, RevocationReason::AccountDeleted, now).await?;
        sqlx::query("DELETE FROM accounts WHERE id = $1")
            .bind(&id)
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        let detail = json!({"account": id, "login": login.as_str(), "grants_revoked": revoked});
        announce(&mut transaction, now, "account_deleted", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(revoked)
    }
}

async fn id_of(transaction: &mut Transaction<'_, Sqlite>, login: &Login) -> Result<String, StateError> {
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM accounts WHERE login = $1")
        .bind(login.as_str())
        .fetch_optional(&mut **transaction)
        .await
        .map_err(StateError::Read)?;
    id.ok_or_else(|| StateError::NoAccount(login.clone()))
}
