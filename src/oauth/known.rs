//! Which client a request comes from: one that is registered, or one whose id is the address of a document that describes it.
//!
//! The document is fetched when somebody is asked for their consent and the copy is not fresh; many who ask at once wait for
//! one fetch. A failure is never remembered, and so that it costs nobody much, a host is asked only so often. Everything after
//! the consent works from the copy: a client whose host is down can renew what it was given.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Mutex;

use super::destination::Destinations;
use super::document::{self, BadDocument, Described, Keys};
use super::metadata::Site;
use super::refusal::Local;
use super::{AuthorizationServer, Failure, NotAsked, NotBegun};
use crate::clock::Clock;
use crate::config::Oauth;
use crate::keys::assertion::check_client_keys;
use crate::limits::Limit;
use crate::model::ClientId;
use crate::model::oauth::{ClientOrigin, ClientUrl, Reach};
use crate::outbound::{Authorities, Destination, Outbound, OutboundError};
use crate::store::state::{Client, DocumentCopy, Registration, StateStore};

/// How long a copy is fresh whose answer did not say.
const FRESH: Duration = Duration::from_hours(1);

/// The bounds of what an answer can say.
const BOUNDS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(24));

/// The largest key set.
const MOST_KEY_BYTES: usize = 16 << 10;

/// How many documents are fetched at once.
const AT_ONCE: usize = 32;

/// How often one host is asked: so many times at once, and once more in each so long.
const PER_HOST: (u32, Duration) = (20, Duration::from_secs(3));

/// Why there is no document to know a client by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum NoDocument {
    #[error(transparent)]
    Bad(BadDocument),
    #[error("the client's document could not be fetched from its address")]
    Unreachable,
    #[error("too many documents are being fetched; try again in a moment")]
    Busy,
    #[error("there are as many clients as there may be; try again later")]
    Full,
    #[error("the client's document could not be kept; try again later")]
    NotKept,
}

type Outcome = Result<Client, NoDocument>;
type Fetching = BoxFuture<'static, Outcome>;

/// Where documents of clients come from.
pub struct Documents {
    outbound: Outbound,
    hosts: Limit<String>,
    /// The fetches that somebody waits for.
    flights: Mutex<HashMap<ClientId, WeakShared<Fetching>>>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl Documents {
    /// Sets it up.
    pub fn new(authorities: &Authorities, clock: &Arc<dyn Clock>) -> Result<Self, OutboundError> {
        let (burst, refill) = PER_HOST;
        let hosts = Limit::new(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), refill, clock);
        Ok(Self { outbound: Outbound::new(authorities)?, hosts, flights: Mutex::default() })
    }

    /// Waits for the fetch that is under way, or begins one. One that nobody waits for any more has ended.
    async fn join(&self, id: &ClientId, host: &str, begin: impl FnOnce() -> Fetching) -> Outcome {
        let flight: Shared<Fetching> = {
            let mut flights = self.flights.lock().await;
            if let Some(flight) = flights.get(id).and_then(WeakShared::upgrade) {
                flight
            } else {
                flights.retain(|_, flight| flight.upgrade().is_some());
                if flights.len() >= AT_ONCE || self.hosts.take(&host.to_owned()).is_err() {
                    return Err(NoDocument::Busy);
                }
                let flight = begin().shared();
                if let Some(weak) = flight.downgrade() {
                    flights.insert(id.clone(), weak);
                }
                flight
            }
        };
        flight.await
    }
}

impl AuthorizationServer {
    /// The client of this id, if it is known and enabled. Nothing is fetched for it.
    pub(super) async fn live_client(&self, id: &ClientId) -> Result<Option<Client>, Failure> {
        let client = self.store.client(id).await?.filter(|client| client.disabled.is_none());
        Ok(client.and_then(|client| self.admitted(client)))
    }

    /// Whether this is the name of a client, or was one: of a client that is known, one that we could have given, an address. What is
    /// sent as a name and is none may be the secret that belongs beside it, so nobody writes it down.
    pub async fn is_name(&self, id: &ClientId) -> bool {
        id.is_made_here() || ClientUrl::is_meant_by(id) || matches!(self.store.client(id).await, Ok(Some(_)))
    }

    /// The client that asks for somebody's consent.
    pub(super) async fn asking_client(&self, id: &ClientId) -> Result<Client, NotBegun> {
        let refused = |local: Local| NotBegun::Refused(NotAsked::Local(local));
        let known = self.store.client(id).await?;
        let is_described = known.as_ref().is_none_or(|client| client.origin == ClientOrigin::MetadataDocument);
        if !is_described || !ClientUrl::is_meant_by(id) {
            let enabled = known.filter(|client| client.disabled.is_none());
            return enabled.ok_or(refused(Local::UnknownClient));
        }
        if known.as_ref().is_some_and(|client| client.disabled.is_some()) {
            return Err(refused(Local::UnknownClient));
        }
        let url: ClientUrl = id.as_str().parse().map_err(|_| refused(Local::ClientUrl))?;
        let (reach, internal) = self.settings.client_documents.of_host(url.host()).ok_or(refused(Local::ClientHost))?;
        let now = self.clock.now();
        let copy = known.and_then(|client| client.document.map(|copy| (client, copy)));
        let client = match copy {
            Some((client, copy)) if now < copy.fresh_until => client,
            copy => match (self.fetch(id, url, internal).await, copy) {
                (Ok(client), _) => client,
                // Whoever makes us ask a host too often does not keep others from the clients that are known there.
                (Err(NoDocument::Busy), Some((client, copy))) if now.since(copy.fetched) <= BOUNDS.1 => client,
                (Err(NoDocument::NotKept), _) => return Err(NotBegun::Failed(Failure::Document)),
                (Err(no_document), _) => return Err(refused(no_document.into())),
            },
        };
        Ok(Client { reach, ..client })
    }

    /// The client as far as the configuration takes clients of its kind today.
    fn admitted(&self, client: Client) -> Option<Client> {
        let Some(url) = client.described_at() else { return Some(client) };
        let (reach, _) = self.settings.client_documents.of_host(url.host())?;
        Some(Client { reach, ..client })
    }

    /// A newer copy of a client's document, for a client whose keys have to be the ones that it has now: where the copy is old,
    /// or where it is a minute old and lacks what is looked for. If there is none to be had, the copy stays good.
    pub(super) async fn renewed(&self, client: &Client, is_lacking: bool) -> Option<Client> {
        let (url, copy) = client.described_at().zip(client.document)?;
        let now = self.clock.now();
        if now < copy.fresh_until && !(is_lacking && now.since(copy.fetched) >= BOUNDS.0) {
            return None;
        }
        let (reach, internal) = self.settings.client_documents.of_host(url.host())?;
        let renewed = self.fetch(&client.id, url, internal).await.ok()?;
        Some(Client { reach, ..renewed })
    }

    async fn fetch(&self, id: &ClientId, url: ClientUrl, internal: bool) -> Outcome {
        let host = url.host().to_owned();
        let fetch = Fetch {
            outbound: self.documents.outbound.clone(),
            destination: if internal { Destination::Anywhere } else { Destination::Public },
            store: self.store.clone(),
            settings: Arc::clone(&self.settings),
            site: self.site.clone(),
            clock: Arc::clone(&self.clock),
            id: id.clone(),
            url,
        };
        self.documents.join(id, &host, || fetch.run().boxed()).await
    }
}

/// One fetch of a document, to the copy in the store.
struct Fetch {
    outbound: Outbound,
    destination: Destination,
    store: StateStore,
    settings: Arc<Oauth>,
    site: Site,
    clock: Arc<dyn Clock>,
    id: ClientId,
    url: ClientUrl,
}

impl Fetch {
    async fn run(self) -> Outcome {
        let fetched = self.outbound.json(self.url.as_url(), self.destination, document::MOST_BYTES).await;
        let fetched = fetched.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(client.id = %self.id, error, "a client's document could not be fetched");
            NoDocument::Unreachable
        })?;
        let destinations = Destinations { schemes: &self.settings.private_schemes, site: &self.site };
        let described = document::read(&fetched.body, &self.url, destinations).map_err(|bad| {
            tracing::warn!(client.id = %self.id, error = %bad, "a client's document was refused");
            NoDocument::Bad(bad)
        })?;
        let (jwks, keys_age) = self.keys(&described.keys).await?;
        let says = [fetched.max_age, keys_age].into_iter().flatten().min();
        let now = self.clock.now();
        let fresh = says.unwrap_or(FRESH).clamp(BOUNDS.0, BOUNDS.1);
        let client = self.client(described, jwks, DocumentCopy { fetched: now, fresh_until: now.plus(fresh) });
        match self.store.adopt_client(&client, self.settings.registration_cap, now).await {
            Ok(Registration::Done) => Ok(client),
            Ok(Registration::Full) => Err(NoDocument::Full),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(client.id = %self.id, error, "a client's document could not be kept");
                Err(NoDocument::NotKept)
            }
        }
    }

    /// The keys of a client, and how long they are good if they come from an address of their own.
    async fn keys(&self, keys: &Keys) -> Result<(Option<String>, Option<Duration>), NoDocument> {
        let url = match keys {
            Keys::None => return Ok((None, None)),
            Keys::Here(jwks) => return Ok((Some(jwks.clone()), None)),
            Keys::At(url) => url,
        };
        // The operator has named the host of the document, and no other.
        let is_same_host = url.host_str() == Some(self.url.host());
        let destination = if is_same_host { self.destination } else { Destination::Public };
        let fetched = self.outbound.json(url, destination, MOST_KEY_BYTES).await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(client.id = %self.id, error, "a client's keys could not be fetched");
            NoDocument::Unreachable
        })?;
        let jwks = check_client_keys(&fetched.body).ok().and_then(|()| String::from_utf8(fetched.body).ok());
        Ok((Some(jwks.ok_or(NoDocument::Bad(BadDocument::Keys))?), fetched.max_age))
    }

    fn client(&self, described: Described, jwks: Option<String>, copy: DocumentCopy) -> Client {
        let Described { name, redirect_uris, auth_method, keys: _, grant_types, scopes } = described;
        Client {
            auth_method,
            jwks,
            grant_types,
            scopes,
            redirect_uris,
            // What the configuration says of the host is asked each time.
            reach: Reach::EveryTenant,
            document: Some(copy),
            ..Client::new(self.id.clone(), name, ClientOrigin::MetadataDocument, copy.fetched)
        }
    }
}
