//! Authorization requests that wait for a person. What was asked is here and not in the page, so nobody can edit it.

use sqlx::sqlite::SqliteRow;

use super::row::Row;
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{CodeChallenge, LoginSessionId, RedirectUri, RequestHandle};
use crate::model::{ClientId, Scopes, Timestamp};

/// An authorization request whose client and redirect URI are known to be good (RFC 6749, section 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: ClientId,
    /// Where the answer goes.
    pub redirect_uri: RedirectUri,
    /// Whether the request named it; then the token request must name the same.
    pub redirect_uri_sent: bool,
    /// What the tokens are to be good for (RFC 8707).
    pub resource: String,
    /// What is asked for.
    pub scopes: Scopes,
    /// What the client wants to hear again, byte for byte.
    pub state: Option<String>,
    /// What the client commits itself to (RFC 7636).
    pub challenge: CodeChallenge,
}

const COLUMNS: &str = "client, redirect_uri, redirect_uri_sent, resource, scopes, state, challenge";

impl StateStore {
    /// Lets a request wait in a browser.
    pub async fn open_request(
        &self,
        handle: &RequestHandle,
        session: &LoginSessionId,
        request: &AuthorizationRequest,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query(
            "INSERT INTO requests (hash, session, client, redirect_uri, redirect_uri_sent, resource, scopes, state, challenge,
                                   created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(handle.hash().as_text())
        .bind(session.as_str())
        .bind(request.client.as_str())
        .bind(request.redirect_uri.as_str())
        .bind(request.redirect_uri_sent)
        .bind(&request.resource)
        .bind(request.scopes.to_string())
        .bind(&request.state)
        .bind(request.challenge.as_text())
        .bind(now.as_micros())
        .bind(expires.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(StateError::Write)?;
        commit(transaction).await
    }

    /// The request of this handle, if it waits in this browser, undecided and in time.
    pub async fn request(
        &self,
        handle: &RequestHandle,
        session: &LoginSessionId,
        now: Timestamp,
    ) -> Result<Option<AuthorizationRequest>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM requests
             WHERE hash = $1 AND session = $2 AND decided_at IS NULL AND expires_at > $3"
        )))
        .bind(handle.hash().as_text())
        .bind(session.as_str())
        .bind(now.as_micros())
        .fetch_optional(self.readers())
        .await
        .map_err(StateError::Read)?;
        row.as_ref().map(request).transpose()
    }

    /// Decides a request against the client; gives what was asked, or `None` where it does not wait here any more.
    pub async fn deny(
        &self,
        handle: &RequestHandle,
        session: &LoginSessionId,
        now: Timestamp,
    ) -> Result<Option<AuthorizationRequest>, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let decided = decide(&mut transaction, handle, session, now).await?;
        commit(transaction).await?;
        Ok(decided)
    }
}

/// Takes a request out of waiting: once, in its browser, in time.
pub(super) async fn decide(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    handle: &RequestHandle,
    session: &LoginSessionId,
    now: Timestamp,
) -> Result<Option<AuthorizationRequest>, StateError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "UPDATE requests SET decided_at = $3
         WHERE hash = $1 AND session = $2 AND decided_at IS NULL AND expires_at > $3
         RETURNING {COLUMNS}"
    )))
    .bind(handle.hash().as_text())
    .bind(session.as_str())
    .bind(now.as_micros())
    .fetch_optional(&mut **transaction)
    .await
    .map_err(StateError::Write)?;
    row.as_ref().map(request).transpose()
}

fn request(row: &SqliteRow) -> Result<AuthorizationRequest, StateError> {
    let row = Row::new("requests", row);
    Ok(AuthorizationRequest {
        client: row.parse("client")?,
        redirect_uri: row.parse("redirect_uri")?,
        redirect_uri_sent: row.flag("redirect_uri_sent")?,
        resource: row.text("resource")?,
        scopes: row.scopes("scopes")?,
        state: row.optional_text("state")?,
        challenge: row.parse("challenge")?,
    })
}
