//! Clients: who may ask people for their consent, or for tokens of their own.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

use super::announcements::announce;
use super::documents::DocumentCopy;
use super::grants::{RevocationReason, revoke_where_client};
use super::row::{Row, joined};
use super::{StateError, StateStore, begin, commit};
use crate::model::oauth::{AuthMethod, ClientOrigin, ClientUrl, GrantType, Reach, RedirectUri};
use crate::model::{ClientId, Scopes, Timestamp, TokenHash};

/// A client (RFC 6749, section 2).
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What people are shown. Of a client that registered itself, nobody has verified it.
    pub name: String,
    /// Its home page, if it says one.
    pub uri: Option<String>,
    /// Who made it known.
    pub origin: ClientOrigin,
    /// How it proves itself.
    pub auth_method: AuthMethod,
    /// The hash of its secret, where it has one.
    pub secret: Option<TokenHash>,
    /// Its keys, where it proves itself by one: a key set (RFC 7517).
    pub jwks: Option<String>,
    /// How it may get tokens.
    pub grant_types: BTreeSet<GrantType>,
    /// The most that it may ask for.
    pub scopes: Scopes,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Whose people can use it.
    pub reach: Reach,
    /// Whether it is a platform that may say which person it works for, in the tenants that it reaches.
    pub asserts_users: bool,
    /// When it was made known.
    pub created: Timestamp,
    /// When it last got a token.
    pub used: Option<Timestamp>,
    /// Since when it is disabled.
    pub disabled: Option<Timestamp>,
    /// How old this is, where it is the copy of a document.
    pub document: Option<DocumentCopy>,
}

impl Client {
    /// A client that can do nothing yet: it has no way to a token, no scope, nowhere that answers may go and nobody's people. So
    /// what whoever makes it known forgets to say, it may not.
    pub fn new(id: ClientId, name: String, origin: ClientOrigin, created: Timestamp) -> Self {
        Self {
            id,
            name,
            uri: None,
            origin,
            auth_method: AuthMethod::None,
            secret: None,
            jwks: None,
            grant_types: BTreeSet::new(),
            scopes: Scopes::default(),
            redirect_uris: Vec::new(),
            reach: Reach::Tenants(BTreeSet::new()),
            asserts_users: false,
            created,
            used: None,
            disabled: None,
            document: None,
        }
    }

    /// Where the document is that it is known by, if it is known by one.
    pub fn described_at(&self) -> Option<ClientUrl> {
        match self.origin {
            ClientOrigin::MetadataDocument => self.id.as_str().parse().ok(),
            ClientOrigin::CommandLine | ClientOrigin::Configuration | ClientOrigin::Registration => None,
        }
    }
}

const COLUMNS: &str = "id, name, uri, origin, auth_method, secret_hash, grant_types, scopes, redirect_uris, reach, \
                       asserts_users, created_at, used_at, disabled_at, fetched_at, fresh_until, jwks";

impl StateStore {
    /// The client of this id, be it disabled or not.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>, StateError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM clients WHERE id = $1")))
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(StateError::Read)?;
        row.as_ref().map(client).transpose()
    }

    /// Every client, the oldest first.
    pub async fn clients(&self) -> Result<Vec<Client>, StateError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM clients ORDER BY created_at, id")))
            .fetch_all(self.readers())
            .await
            .map_err(StateError::Read)?;
        rows.iter().map(client).collect()
    }

    /// Makes a client known, in the operator's name.
    pub async fn create_client(&self, client: &Client, now: Timestamp) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        insert(&mut transaction, client, now).await?;
        let mut detail = json!({"client": client.id.as_str(), "name": client.name, "reach": client.reach.to_string()});
        if client.asserts_users {
            detail["asserts_users"] = true.into();
        }
        announce(&mut transaction, now, "client_created", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await
    }

    /// Holds the client of the configuration: as it is written now, or none. What another one got is revoked.
    pub async fn configure_client(&self, configured: Option<&Client>, now: Timestamp) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let keep = configured.map_or("", |client| client.id.as_str());
        let gone: Vec<String> = sqlx::query_scalar("SELECT id FROM clients WHERE origin = $1 AND id <> $2")
            .bind(ClientOrigin::Configuration.as_str())
            .bind(keep)
            .fetch_all(&mut *transaction)
            .await
            .map_err(StateError::Read)?;
        for id in &gone {
            let grants = remove(&mut transaction, id, now).await?;
            let detail = json!({"client": id, "grants_revoked": grants, "why": "not in the configuration any more"});
            announce(&mut transaction, now, "client_deleted", &detail).await?;
        }
        if let Some(client) = configured {
            let changed = sqlx::query(
                "UPDATE clients SET name = $2, auth_method = $3, secret_hash = $4, grant_types = $5, scopes = $6,
                        redirect_uris = $7, reach = $8
                 WHERE id = $1 AND origin = $9",
            )
            .bind(client.id.as_str())
            .bind(&client.name)
            .bind(client.auth_method.as_str())
            .bind(client.secret.map(|hash| hash.as_text()))
            .bind(joined(&client.grant_types))
            .bind(client.scopes.to_string())
            .bind(joined(&client.redirect_uris))
            .bind(client.reach.to_string())
            .bind(ClientOrigin::Configuration.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
            if changed.rows_affected() == 0 {
                insert(&mut transaction, client, now).await?;
            }
        }
        commit(transaction).await?;
        drop(writer);
        if gone.is_empty() { Ok(()) } else { self.take_notice().await }
    }

    /// Remembers that a client is in use.
    pub async fn note_client_use(&self, id: &ClientId, now: Timestamp) -> Result<(), StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        sqlx::query("UPDATE clients SET used_at = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(now.as_micros())
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        commit(transaction).await
    }

    /// Disables a client: its tokens are refused until it is enabled again. Says whether anything changed.
    pub async fn disable_client(&self, id: &ClientId, now: Timestamp) -> Result<bool, StateError> {
        self.set_client_disabled(id, true, now).await
    }

    /// Enables a client again.
    pub async fn enable_client(&self, id: &ClientId, now: Timestamp) -> Result<bool, StateError> {
        self.set_client_disabled(id, false, now).await
    }

    async fn set_client_disabled(&self, id: &ClientId, disable: bool, now: Timestamp) -> Result<bool, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let there: Option<bool> = sqlx::query_scalar("SELECT disabled_at IS NOT NULL FROM clients WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(StateError::Read)?;
        let is_disabled = there.ok_or_else(|| StateError::NoClient(id.clone()))?;
        if is_disabled == disable {
            return Ok(false);
        }
        sqlx::query("UPDATE clients SET disabled_at = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(disable.then(|| now.as_micros()))
            .execute(&mut *transaction)
            .await
            .map_err(StateError::Write)?;
        let kind = if disable { "client_disabled" } else { "client_enabled" };
        announce(&mut transaction, now, kind, &json!({"client": id.as_str()})).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(true)
    }

    /// Deletes a client and revokes what people allowed it; says how many grants that were.
    pub async fn delete_client(&self, id: &ClientId, now: Timestamp) -> Result<u64, StateError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let revoked =
            remove(&mut transaction, id.as_str(), now).await?.ok_or_else(|| StateError::NoClient(id.clone()))?;
        let detail = json!({"client": id.as_str(), "grants_revoked": revoked});
        announce(&mut transaction, now, "client_deleted", &detail).await?;
        commit(transaction).await?;
        drop(writer);
        self.take_notice().await?;
        Ok(revoked)
    }
}

/// Removes a client and revokes its grants; says how many, or that there was no such client.
pub(super) async fn remove(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &str,
    now: Timestamp,
) -> Result<Option<u64>, StateError> {
    let removed = sqlx::query("DELETE FROM clients WHERE id = $1")
        .bind(id)
        .execute(&mut **transaction)
        .await
        .map_err(StateError::Write)?;
    if removed.rows_affected() == 0 {
        return Ok(None);
    }
    revoke_where_client(transaction, id, RevocationReason::ClientDeleted, now).await.map(Some)
}

pub(super) async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    client: &Client,
    now: Timestamp,
) -> Result<(), StateError> {
    let inserted = sqlx::query(
        "INSERT INTO clients (id, name, uri, origin, auth_method, secret_hash, grant_types, scopes, redirect_uris, reach,
                              asserts_users, created_at, fetched_at, fresh_until, jwks)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(client.id.as_str())
    .bind(&client.name)
    .bind(&client.uri)
    .bind(client.origin.as_str())
    .bind(client.auth_method.as_str())
    .bind(client.secret.map(|hash| hash.as_text()))
    .bind(joined(&client.grant_types))
    .bind(client.scopes.to_string())
    .bind(joined(&client.redirect_uris))
    .bind(client.reach.to_string())
    .bind(client.asserts_users)
    .bind(now.as_micros())
    .bind(client.document.map(|copy| copy.fetched.as_micros()))
    .bind(client.document.map(|copy| copy.fresh_until.as_micros()))
    .bind(&client.jwks)
    .execute(&mut **transaction)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if StateError::is_taken(&error) => Err(StateError::ClientTaken(client.id.clone())),
        Err(error) => Err(StateError::Write(error)),
    }
}

fn client(row: &SqliteRow) -> Result<Client, StateError> {
    let row = Row::new("clients", row);
    let mut redirect_uris = Vec::new();
    for text in row.text("redirect_uris")?.split_whitespace() {
        match text.parse() {
            Ok(uri) => redirect_uris.push(uri),
            // It was accepted by other rules. By those of today nothing is sent there.
            Err(error) => tracing::warn!(client.id = row.text("id")?, %error, "a registered redirect URI is not used"),
        }
    }
    let (fetched, fresh_until) = (row.optional_time("fetched_at")?, row.optional_time("fresh_until")?);
    Ok(Client {
        id: row.parse("id")?,
        name: row.text("name")?,
        uri: row.optional_text("uri")?,
        origin: row.parse("origin")?,
        auth_method: row.parse("auth_method")?,
        secret: row.optional("secret_hash")?,
        jwks: row.optional_text("jwks")?,
        grant_types: row.words("grant_types")?,
        scopes: row.scopes("scopes")?,
        redirect_uris,
        reach: row.parse("reach")?,
        asserts_users: row.flag("asserts_users")?,
        created: row.time("created_at")?,
        used: row.optional_time("used_at")?,
        disabled: row.optional_time("disabled_at")?,
        document: fetched.zip(fresh_until).map(|(fetched, fresh_until)| DocumentCopy { fetched, fresh_until }),
    })
}
