//! The authorization server's part of the composition: its state, its keys, what is done for them in the background.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::issuers::WithKeys;
use super::{Seams, StartError};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{self, OauthClient, Settings};
use crate::http::OauthEdge;
use crate::keys::own::{self, OwnKeys, OwnKeysError};
use crate::keys::{IssuerKeys, KeyCache};
use crate::model::oauth::{AuthMethod, ClientOrigin, ClientSecret, GrantId, GrantType, Reach, SetUpToken};
use crate::model::{Scope, Secret, Timestamp};
use crate::oauth::metadata::path;
use crate::oauth::{AuthorizationServer, Documents, Parts, Site};
use crate::outbound::Authorities;
use crate::passwords::Passwords;
use crate::store::audit::{AuditLog, Event};
use crate::store::state::{Client, Grant, Retention, StateError, StateStore};
use crate::upstream::Provider;

/// How often what came to its end is deleted.
const PURGE: Duration = Duration::from_mins(10);

/// Where the first account is made. The address is a secret: whoever has it can make an account of any tenant.
#[derive(Debug)]
pub struct SetUpLink(Secret);

impl SetUpLink {
    pub(super) fn new(server: &config::Server, token: &SetUpToken) -> Self {
        Self(Secret::new(format!("{}{}?link={}", server.origin(), path::SET_UP, token.expose())))
    }

    /// Gives the address out. A word that reviewers search for.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The state and the keys of our own authorization server.
#[derive(Debug, Clone)]
pub struct Own {
    store: StateStore,
    keys: Arc<OwnKeys>,
    settings: Arc<config::Oauth>,
}

impl Own {
    /// Opens them, where the configuration has the server on.
    pub async fn open(settings: &Settings, seams: &Seams) -> Result<Option<Self>, StartError> {
        let Some(oauth) = &settings.oauth else { return Ok(None) };
        let store = StateStore::open(&settings.state.path, seams.clock.now()).await.map_err(StartError::State)?;
        let (clock, random) = (Arc::clone(&seams.clock), Arc::clone(&seams.random));
        let keys = OwnKeys::open(&settings.server, providers(settings), store.clone(), clock, random).await;
        let keys = keys.map_err(StartError::OwnKeys)?;
        Ok(Some(Self { store, keys, settings: Arc::clone(oauth) }))
    }

    /// Opens them for a look at a token: nothing is made, and nothing brought up to date. `None` also where the server has
    /// not made its file yet.
    pub async fn look(settings: &Settings, seams: &Seams) -> Result<Option<Self>, StartError> {
        let Some(oauth) = &settings.oauth else { return Ok(None) };
        let file = &settings.state.path;
        if !file.exists() {
            return Ok(None);
        }
        let store = StateStore::open_existing(file, seams.clock.now()).await.map_err(StartError::State)?;
        let (clock, random) = (Arc::clone(&seams.clock), Arc::clone(&seams.random));
        let keys = OwnKeys::read_from(&settings.server, providers(settings), store.clone(), clock, random);
        Ok(Some(Self { store, keys: keys.await.map_err(StartError::OwnKeys)?, settings: Arc::clone(oauth) }))
    }

    /// Whose tokens are trusted: the issuers of the configuration, and ourselves.
    pub fn trusted(
        own: Option<&Self>,
        issuers: Vec<(config::Issuer, Arc<KeyCache>)>,
        server: &config::Server,
    ) -> Vec<(config::Issuer, IssuerKeys)> {
        let ours = own.map(|own| (own::issuer(server, &own.settings), IssuerKeys::Own(Arc::clone(&own.keys))));
        issuers.into_iter().map(|(issuer, keys)| (issuer, keys.into())).chain(ours).collect()
    }

    /// The grant that a token of the server came of.
    pub async fn grant_of(&self, token: &str) -> Result<Option<Grant>, OwnKeysError> {
        self.keys.grant_of(token).await
    }

    /// The grant of this id.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StateError> {
        self.store.grant(id).await
    }

    /// Takes back what somebody allowed; says whether it was not taken back already.
    pub async fn withdraw(&self, grant: &Grant, now: Timestamp) -> Result<bool, StateError> {
        self.store.withdraw_grant(grant, now).await
    }

    /// The server itself, to be served.
    pub(super) async fn edge(
        &self,
        settings: &Settings,
        catalog: &Arc<Catalog>,
        audit: &AuditLog,
        seams: &Seams,
        (known, authorities): (&[WithKeys], &Authorities),
    ) -> Result<OauthEdge, StartError> {
        let now = seams.clock.now();
        let configured = settings.oauth_client.as_ref().map(|client| configured(client, seams));
        self.store.configure_client(configured.as_ref(), now).await.map_err(StartError::State)?;
        let passwords = Passwords::new(Arc::clone(&seams.random)).map_err(StartError::Passwords)?;
        let provider = |(issuer, keys): &WithKeys| {
            let sign_in = Arc::clone(settings.sign_in(issuer)?);
            Some(Provider::new(sign_in, (issuer, keys), catalog, &settings.server.origin(), authorities, &seams.clock))
        };
        let providers: Result<_, _> = known.iter().filter_map(provider).collect();
        let server = AuthorizationServer::new(Parts {
            providers: providers.map_err(|error| StartError::Provider(Box::new(error)))?,
            site: Site::new(&settings.server.public_url),
            settings: Arc::clone(&self.settings),
            tenants: catalog.tenants.keys().cloned().collect(),
            store: self.store.clone(),
            keys: Arc::clone(&self.keys),
            documents: Documents::new(authorities, &seams.clock).map_err(StartError::Outbound)?,
            passwords,
            clock: Arc::clone(&seams.clock),
            random: Arc::clone(&seams.random),
        });
        Ok(OauthEdge { server, public_url: settings.server.public_url.clone(), audit: audit.clone() })
    }

    /// Follows what other processes change in the state, puts it into the audit trail, and deletes what came to its end.
    pub(super) fn run(self, audit: AuditLog, clock: Arc<dyn Clock>, tasks: &TaskTracker, end: &CancellationToken) {
        let Self { store, keys, settings } = self;
        let changed = Arc::new(Notify::new());
        // In a task of its own: what was revoked must not wait for the disk of the audit trail.
        let announcing = announcing(store.clone(), audit, Arc::clone(&changed));
        tasks.spawn(end.clone().run_until_cancelled_owned(announcing));
        let following = keys.follow(move || changed.notify_one());
        tasks.spawn(end.clone().run_until_cancelled_owned(following));
        let keep = Retention {
            unused_client: settings.registration_unused,
            idle_client: settings.refresh_absolute,
            access_token: settings.access_token,
        };
        let purging = async move {
            loop {
                match store.purge(keep, clock.now()).await {
                    Ok(purged) => tracing::debug!(?purged, "the state was purged"),
                    Err(error) => failed(&error, "the state could not be purged"),
                }
                tokio::time::sleep(PURGE).await;
            }
        };
        tasks.spawn(end.clone().run_until_cancelled_owned(purging));
    }
}

/// Puts what the operator changed into the audit trail: what was changed before the start, and then at each change.
async fn announcing(store: StateStore, audit: AuditLog, changed: Arc<Notify>) {
    loop {
        announce(&store, &audit).await;
        changed.notified().await;
    }
}

/// What could not be put into the trail is tried again at the next change.
async fn announce(store: &StateStore, audit: &AuditLog) {
    let announcements = match store.announcements().await {
        Ok(announcements) => announcements,
        Err(error) => return failed(&error, "the operator's changes could not be read"),
    };
    for announcement in announcements {
        let (kind, detail) = (announcement.kind.clone(), announcement.detail.clone());
        if let Err(error) = audit.record_event(Event { at: announcement.at, kind, detail }).await {
            tracing::error!(%error, "an operator's change could not be recorded");
            return;
        }
        if let Err(error) = store.forget_announcement(&announcement).await {
            failed(&error, "an operator's change will be recorded twice");
        }
    }
}

/// The issuers where people sign in.
fn providers(settings: &Settings) -> Vec<config::Issuer> {
    settings.issuers.iter().filter(|issuer| settings.sign_in(issuer).is_some()).cloned().collect()
}

fn failed(error: &StateError, what: &str) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "{what}");
}

/// The client of the configuration, for every tenant.
fn configured(client: &OauthClient, seams: &Seams) -> Client {
    let secret = client.secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()).hash());
    Client {
        auth_method: if secret.is_some() { AuthMethod::SecretEither } else { AuthMethod::None },
        secret,
        grant_types: GrantType::for_people(),
        scopes: Scope::ALL.into_iter().collect(),
        redirect_uris: client.redirect_uris.clone(),
        reach: Reach::EveryTenant,
        ..Client::new(client.id.clone(), client.id.to_string(), ClientOrigin::Configuration, seams.clock.now())
    }
}
