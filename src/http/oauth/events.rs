//! What the audit trail holds of the authorization server: one event for each step that matters, never a secret.
//!
//! A place is taken before anything is changed, so that a trail that cannot be written stops a step while nothing of it has
//! happened yet.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::model::oauth::{AccountId, GrantId, Login};
use crate::model::{ClientId, IssuerName, Tenant};
use crate::store::audit::{AuditError, AuditLog, Event, Holder, Place};
use crate::store::state::{Account, Grant};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A client registered itself, or was refused.
    Registration,
    /// The first account was made, by the link that the server printed.
    SetUp,
    /// Somebody proved who they are, or did not.
    SignIn,
    /// Somebody ended their session.
    SignOut,
    /// A person decided on a request.
    Consent,
    /// A code was exchanged, or was not.
    CodeExchange,
    /// A refresh token was exchanged, or was not.
    Refresh,
    /// A client got a token of its own, or did not.
    ClientCredentials,
    /// A refresh token that had been replaced long since came back: the family is revoked.
    RefreshReuse,
    /// A code that had been exchanged came back: the family is revoked.
    CodeReuse,
    /// A client gave a token back.
    Revocation,
    /// A client could not prove itself.
    ClientAuthentication,
    /// A form came from elsewhere, or was stale.
    ForgedForm,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "oauth_registration",
            Self::SetUp => "oauth_set_up",
            Self::SignIn => "oauth_sign_in",
            Self::SignOut => "oauth_sign_out",
            Self::Consent => "oauth_consent",
            Self::CodeExchange => "oauth_code_exchange",
            Self::Refresh => "oauth_refresh",
            Self::ClientCredentials => "oauth_client_credentials",
            Self::RefreshReuse => "refresh_token_reuse_detected",
            Self::CodeReuse => "authorization_code_reuse_detected",
            Self::Revocation => "oauth_revocation",
            Self::ClientAuthentication => "oauth_client_authentication",
            Self::ForgedForm => "oauth_forged_form",
        }
    }
}

/// Whom a step is about, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    /// The account. Of a failed sign-in, nothing: a password is often typed in the place of the login.
    pub(super) actor: Option<AccountId>,
    /// Its login, where it is at hand.
    pub(super) login: Option<Login>,
    pub(super) tenant: Option<Tenant>,
    /// The OpenID provider where they proved who they are.
    pub(super) provider: Option<IssuerName>,
    /// The client. Of one that is not known, only what can be the name of one: a secret is often pasted in its place.
    pub(super) client: Option<ClientId>,
    pub(super) grant: Option<GrantId>,
    pub(super) generation: Option<u64>,
}

impl About {
    /// Says which account it is about.
    pub(super) fn set_account(&mut self, account: &Account) {
        self.actor = Some(account.id.clone());
        self.login = Some(account.login.clone());
        self.tenant = Some(account.tenant.clone());
        self.provider = account.provider.as_ref().map(|(provider, _)| provider.clone());
    }

    /// Says which grant it is about.
    pub(super) fn set_grant(&mut self, grant: &Grant) {
        self.actor = Some(grant.terms.account.clone());
        self.tenant = Some(grant.terms.tenant.clone());
        self.grant = Some(grant.id.clone());
    }
}

/// A place in the audit trail for what one request does.
#[derive(Debug)]
#[must_use = "a step that is not recorded has not been taken"]
pub(super) struct Step {
    place: Place,
    clock: Arc<dyn Clock>,
    ip: IpAddr,
}

impl Step {
    /// Takes the place, before anything is changed.
    pub(super) fn begin(audit: &AuditLog, clock: &Arc<dyn Clock>, ip: IpAddr) -> Result<Self, AuditError> {
        Ok(Self { place: audit.reserve(Holder::at(ip))?, clock: Arc::clone(clock), ip })
    }

    /// Records what became of it; ready when it is durable. `outcome` is one word from a closed list: `ok`, or why not.
    pub(super) async fn record(self, kind: Kind, outcome: &'static str, about: &About) -> Result<(), AuditError> {
        let mut detail = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                detail.insert(name.to_owned(), value);
            }
        };
        put("outcome", Some(outcome.into()));
        put("ip", Some(self.ip.to_string().into()));
        put("actor", about.actor.as_ref().map(|account| account.as_str().into()));
        put("login", about.login.as_ref().map(|login| login.as_str().into()));
        put("tenant", about.tenant.as_ref().map(|tenant| tenant.as_str().into()));
        put("provider", about.provider.as_ref().map(|provider| provider.as_str().into()));
        put("client", about.client.as_ref().map(|client| client.as_str().into()));
        put("grant", about.grant.as_ref().map(|grant| grant.as_str().into()));
        put("generation", about.generation.map(Value::from));
        let event =
            Event { at: self.clock.now(), kind: kind.as_str().to_owned(), detail: Value::Object(detail).to_string() };
        self.place.event(event).await
    }
}
