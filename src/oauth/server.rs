//! What the authorization server is made of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::destination::Destinations;
use super::known::Documents;
use super::metadata::Site;
use super::refusal::RegistrationRefusal;
use super::register::Registration;
use crate::clock::Clock;
use crate::config::{Oauth, TokenFormat};
use crate::keys::own::{AccessClaims, OwnKeys, OwnKeysError, SignError};
use crate::model::oauth::{ClientOrigin, ClientSecret, Reach};
use crate::model::{BearerToken, ClientId, Scopes, Tenant, Timestamp};
use crate::passwords::{PasswordError, Passwords};
use crate::random::{self, Random, RandomError};
use crate::store::state::{self, Client, Grant, StateError, StateStore};
use crate::upstream::Provider;

/// How often it is written down that a client is in use.
const USE_IS_NOTED: Duration = Duration::from_hours(1);

/// Why something could not be decided. Nothing was changed, and the same may work later.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum Failure {
    #[error("the state could not be read or changed")]
    State(#[from] StateError),
    #[error("no id or token could be made")]
    Random(#[from] RandomError),
    #[error("a token could not be made")]
    Sign(#[from] SignError),
    #[error("a token could not be read")]
    OwnKeys(#[from] OwnKeysError),
    #[error("the copy of a client's document could not be kept; the log has said why")]
    Document,
    #[error("a password could not be compared")]
    Password(#[from] PasswordError),
}

/// Everything that the authorization server needs.
#[derive(Debug)]
pub struct Parts {
    /// Where it is, and what it protects.
    pub site: Site,
    /// Its settings.
    pub settings: Arc<Oauth>,
    /// The tenants that are declared.
    pub tenants: BTreeSet<Tenant>,
    /// Where else people can sign in.
    pub providers: Vec<Provider>,
    /// What it remembers.
    pub store: StateStore,
    /// What it signs with.
    pub keys: Arc<OwnKeys>,
    /// Where documents of clients come from.
    pub documents: Documents,
    /// How passwords are compared.
    pub passwords: Passwords,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn Random>,
}

/// The authorization server.
#[derive(Debug)]
pub struct AuthorizationServer(Parts);

impl std::ops::Deref for AuthorizationServer {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// An access token that was just made.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) token: BearerToken,
    /// In how many seconds it expires.
    pub(super) expires_in: u64,
}

impl AuthorizationServer {
    /// Puts it together.
    pub fn new(parts: Parts) -> Self {
        Self(parts)
    }

    /// Where answers may go.
    pub fn destinations(&self) -> Destinations<'_> {
        Destinations { schemes: &self.settings.private_schemes, site: &self.site }
    }

    /// An access token of this grant, which it does not outlive, in the form that is configured.
    pub(super) async fn sign(
        &self,
        grant: &Grant,
        scopes: &Scopes,
        generation: u64,
        now: Timestamp,
    ) -> Result<Signed, Failure> {
        let claims = AccessClaims {
            grant: grant.id.clone(),
            generation,
            account: grant.terms.account.clone(),
            client: grant.terms.client.clone(),
            tenant: grant.terms.tenant.clone(),
            external_user: grant.terms.external_user.clone(),
            provider: grant.terms.provider.clone(),
            scopes: scopes.clone(),
            issued: now,
            expires: now.plus(self.settings.access_token).min(grant.expires),
        };
        let token = match self.settings.access_token_format {
            TokenFormat::Jwt => self.keys.sign(&claims)?,
            TokenFormat::Opaque => self.keys.keep(&claims).await?,
        };
        Ok(Signed { token, expires_in: claims.expires.since(now).as_secs() })
    }

    /// Remembers that a client is in use, so that it is not taken for one that nobody needs. It may fail: the next use is as
    /// good.
    pub(super) async fn note_use(&self, client: &Client) {
        let now = self.clock.now();
        if client.used.is_some_and(|used| now.since(used) < USE_IS_NOTED) {
            return;
        }
        if let Err(error) = self.store.note_client_use(&client.id, now).await {
            tracing::warn!(%error, client.id = %client.id, "the use of a client could not be noted");
        }
    }

    /// Registers a client in its own name (RFC 7591).
    pub async fn register(
        &self,
        registration: &Registration,
    ) -> Result<(ClientId, Option<ClientSecret>), Result<RegistrationRefusal, Failure>> {
        let failed = |failure: Failure| Err(failure);
        let random: &dyn Random = self.random.as_ref();
        let now = self.clock.now();
        let id = ClientId::from_random(random::bytes(random).map_err(|error| failed(error.into()))?);
        let secret = if registration.auth_method.has_secret() {
            Some(ClientSecret::from_random(random::bytes(random).map_err(|error| failed(error.into()))?))
        } else {
            None
        };
        let name = registration.name.clone().unwrap_or_else(|| "A client without a name".to_owned());
        let client = Client {
            auth_method: registration.auth_method,
            secret: secret.as_ref().map(ClientSecret::hash),
            jwks: registration.jwks.clone(),
            grant_types: registration.grant_types.clone(),
            scopes: registration.scopes.clone(),
            redirect_uris: registration.redirect_uris.clone(),
            reach: Reach::EveryTenant,
            ..Client::new(id.clone(), name, ClientOrigin::Registration, now)
        };
        match self.store.register_client(&client, self.settings.registration_cap, now).await {
            Ok(state::Registration::Done) => Ok((id, secret)),
            Ok(state::Registration::Full) => Err(Ok(RegistrationRefusal::Full)),
            Err(error) => Err(failed(error.into())),
        }
    }
}
