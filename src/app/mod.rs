//! The composition root: configuration in, a server out. It owns the background tasks and their end.

mod events;
mod handles;
mod health;
mod in_force;
mod issuers;
mod oauth;
mod surface;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use events::{in_words, record_changes};
use handles::Handles;
use health::Health;
pub use in_force::recorded as recorded_policy;
pub use issuers::trusted;
use issuers::{authorities, forwarding, known};
pub use oauth::{Own, SetUpLink};
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt as _, Response, Route};
use rmcp::ServerHandler;
use surface::Surface;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authn::Authenticator;
use crate::authz::Gate;
use crate::catalog::{self, Catalog};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::dataset::check::Warning;
use crate::dataset::{self, ChangeWriter, Changes, Database};
use crate::http::{self, Edge, Limits, RoutesError};
use crate::keys::own::OwnKeysError;
use crate::keys::{FetchError, KeyCache};
use crate::limits::Limit;
use crate::mcp::{Data, Mcp, Missed, Parts, Streams};
use crate::model::Timestamp;
use crate::oauth::Failure;
use crate::outbound::{BadAuthorities, OutboundError};
use crate::passwords::PasswordError;
use crate::policy::{self, Policies, Refused, Reload, Revision};
use crate::random::{Random, RandomError};
use crate::store::audit::{AuditError, AuditLog, AuditReader, Writer};
use crate::store::state::StateError;
use crate::upstream::ProviderError;

/// Why the server does not start. An issuer that cannot be reached is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The declarations contradict each other.
    #[error("the configuration is refused:\n{}", list(.0))]
    Catalog(Vec<catalog::CatalogError>),
    /// The protected database cannot be opened.
    #[error("the database cannot be opened")]
    Database(#[source] dataset::DatabaseError),
    /// The protected database is not as declared.
    #[error("the database is not as declared:\n{}", list(.0))]
    Schema(Vec<dataset::check::CheckError>),
    /// The policy is refused.
    #[error(transparent)]
    Policy(policy::Refused),
    /// The HTTP client for an issuer's keys cannot be made.
    #[error("the keys of an issuer cannot be fetched at all")]
    Keys(#[source] FetchError),
    /// The audit store cannot be opened.
    #[error(transparent)]
    Audit(AuditError),
    /// The state of the authorization server cannot be opened.
    #[error(transparent)]
    State(StateError),
    /// The signing keys cannot be used.
    #[error(transparent)]
    OwnKeys(OwnKeysError),
    /// The file of authorities holds none.
    #[error("`{}` (`outbound.ca_file`) cannot be used", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BadAuthorities,
    },
    /// Documents of clients cannot be fetched.
    #[error(transparent)]
    Outbound(OutboundError),
    /// Passwords cannot be compared.
    #[error("passwords cannot be compared")]
    Passwords(#[source] PasswordError),
    /// People cannot be sent to a provider.
    #[error("nobody could sign in at a provider")]
    Provider(#[source] Box<ProviderError>),
    /// The link for the first account cannot be made.
    #[error("the link that makes the first account cannot be made")]
    SetUp(#[source] Failure),
    /// A key cannot be made.
    #[error("a key cannot be made")]
    Random(#[from] RandomError),
    /// The endpoints cannot be put together.
    #[error("the endpoints cannot be put together")]
    Routes(#[from] RoutesError),
}

fn list<T: std::fmt::Display>(problems: &[T]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// Where time and randomness come from.
#[derive(Debug, Clone)]
pub struct Seams {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn Random>,
}

/// A server that is ready to listen.
pub struct App {
    endpoint: BoxEndpoint<'static, Response>,
    limits: Limits,
    writer: Writer,
    audit: AuditLog,
    audit_file: PathBuf,
    policies: Arc<Policies>,
    surface: Surface,
    settle: Duration,
    mcp: Mcp,
    look_every: Duration,
    changes: Option<ChangeWriter>,
    keys: Vec<Arc<KeyCache>>,
    own: Option<Own>,
    set_up: Option<SetUpLink>,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl App {
    /// Puts a server together. `more` are further routes (the demo's), outside the bearer layer.
    ///
    /// # Errors
    ///
    /// When the declarations, the database, the policy or the audit store are not in order.
    pub async fn build(loaded: &Loaded, seams: Seams, more: Option<Route>) -> Result<Self, StartError> {
        Self::build_around(loaded, seams, |mcp| mcp, more).await
    }

    /// The same with a handler around the MCP server, for a program that offers more than the configuration declares
    /// (`examples/conformance`). It stands behind the bearer layer and answers for itself: what it does not pass on is neither
    /// decided by the policy nor recorded.
    ///
    /// # Errors
    ///
    /// Those of [`App::build`].
    pub async fn build_around<H: ServerHandler + Clone>(
        loaded: &Loaded,
        seams: Seams,
        around: impl FnOnce(Mcp) -> H,
        more: Option<Route>,
    ) -> Result<Self, StartError> {
        let settings = &loaded.settings;
        let catalog = Arc::new(catalog::build(loaded).map_err(StartError::Catalog)?);
        let (data, changes) = match &settings.database {
            Some(database) => {
                data_with_warnings_logged(database, &catalog).await.map(|(data, changes)| (Some(data), changes))?
            }
            None => (None, None),
        };
        let policies = Policies::load(&settings.policy.directory, Arc::clone(&catalog)).map_err(StartError::Policy)?;
        let policies = Arc::new(policies);
        let is_first = !settings.audit.path.exists();
        let (audit, writer) =
            AuditLog::open(&settings.audit, Arc::clone(&seams.clock)).await.map_err(StartError::Audit)?;
        let (mut surface, revision) = (Surface::first(&catalog), policies.current().revision());
        if !is_first {
            let now = seams.clock.now();
            surface = surface.after(&settings.audit.path, revision, now).await.map_err(StartError::Audit)?;
        }
        let authorities = authorities(settings)?;
        let known = known(settings, &authorities, &seams.clock)?;
        let keys: Vec<_> = known.iter().map(|(_, keys)| Arc::clone(keys)).collect();
        let own = Own::open(settings, &seams).await?;
        let oauth = match &own {
            Some(own) => Some(own.edge(settings, &catalog, &audit, &seams, (&known, &authorities)).await?),
            None => None,
        };
        let set_up = match &oauth {
            Some(edge) => edge.server.open_set_up().await.map_err(StartError::SetUp)?,
            None => None,
        };
        let issuers = Own::trusted(own.as_ref(), forwarding(known, settings), &settings.server);
        let authenticator =
            Authenticator::new(issuers, Arc::clone(&catalog), settings.context.clone(), Arc::clone(&seams.clock));
        let gate = Gate::new(Arc::clone(&policies), audit.clone(), Arc::clone(&seams.clock), Arc::clone(&seams.random));
        let (stopping, stopped) = (CancellationToken::new(), CancellationToken::new());
        let most = settings.server.sessions_per_person;
        let handles = Handles::new(settings.server.handle_key.as_deref(), seams.random.as_ref())?;
        let mcp = Mcp::new(Parts {
            gate,
            policies: Arc::clone(&policies),
            catalog,
            data,
            cursor_key: handles.cursors,
            random: Arc::clone(&seams.random),
            streams: Streams::new(Arc::clone(&seams.clock), most, stopping.clone()),
            subscriptions: settings.mcp.subscriptions,
            changing: Limit::of_a_minute(settings.mcp.changes_per_minute, &seams.clock),
            missed: Missed::new(surface.since),
            clock: Arc::clone(&seams.clock),
        });
        let health = Health { policies: Arc::clone(&policies), audit: audit.clone(), keys: keys.clone() };
        let forwarded = settings.issuers.iter().filter(|issuer| settings.forwards(issuer));
        let edge = Edge {
            server: settings.server.clone(),
            offer: settings.mcp.clone(),
            authenticator: Arc::new(authenticator),
            audit: audit.clone(),
            mcp: mcp.clone(),
            readiness: Arc::new(health),
            oauth,
            issuers: forwarded.filter_map(|issuer| issuer.issuers.first().cloned()).collect(),
            session_key: handles.sessions,
            clock: Arc::clone(&seams.clock),
            random: seams.random,
            stopping: stopping.clone(),
            stopped: stopped.clone(),
        };
        let limits = Limits {
            connections: settings.server.connections,
            connections_per_address: settings.server.connections_per_address,
            header_timeout: settings.server.header_timeout,
            write_timeout: settings.server.write_timeout,
            shutdown_grace: settings.server.shutdown_grace,
        };
        let endpoint = http::routes(edge, around, more)?.boxed();
        Ok(Self {
            endpoint,
            limits,
            writer,
            audit,
            audit_file: settings.audit.path.clone(),
            policies,
            surface,
            settle: settings.policy.settle,
            mcp,
            look_every: settings.mcp.look_every,
            changes,
            keys,
            own,
            set_up: set_up.map(|token| SetUpLink::new(&settings.server, &token)),
            clock: seams.clock,
            stopping,
            stopped,
        })
    }

    /// The link that makes the first account, where there is none; for the eyes of whoever started the server.
    pub fn set_up_link(&self) -> Option<&SetUpLink> {
        self.set_up.as_ref()
    }

    /// Serves until `stop` is cancelled; then open streams end, requests in flight finish, and the audit is written out.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let background = CancellationToken::new();
        for keys in self.keys {
            tasks.spawn(background.clone().run_until_cancelled_owned(keys.keep_fresh()));
        }
        if let Some(changes) = self.changes {
            // What was queued is made or refused before the end, and the audit ends after it.
            tasks.spawn(changes.run(background.clone()));
        }
        if let Some(own) = self.own {
            own.run(self.audit.clone(), Arc::clone(&self.clock), &tasks, &background);
        }
        let (tell, told) = mpsc::unbounded_channel();
        tasks.spawn(record_changes(told, self.audit, Arc::clone(&self.clock)));
        let changed = Arc::new(Notify::new());
        let (looker, every) = (self.mcp.clone(), self.look_every);
        let looking = async move { looker.keep_looking(every).await };
        tasks.spawn(background.clone().run_until_cancelled_owned(looking));
        let telling = tell_streams(self.mcp, Arc::clone(&self.policies), Arc::clone(&changed));
        tasks.spawn(background.clone().run_until_cancelled_owned(telling));
        // Nobody is told after the recorder has ended, and then nothing is served either.
        drop(tell.send(self.surface.event()));
        drop(tell.send(("policy_loaded", format!("revision {}", self.policies.current().revision()))));
        let on_change = move |change: Result<&Reload, &Refused>| {
            drop(tell.send(in_words(change)));
            changed.notify_one();
        };
        let file = self.audit_file;
        let accepted = move |revision, since| is_accepted(file.clone(), revision, since);
        let (clock, shutdown) = (Arc::clone(&self.clock), background.clone());
        tasks.spawn(policy::watch(self.policies, self.settle, clock, shutdown, accepted, on_change));
        let writing = CancellationToken::new();
        let writer = TaskTracker::new();
        writer.spawn(self.writer.run(writing.clone()));

        let (stopping, ending) = (self.stopping, stop.clone());
        tasks.spawn(async move {
            ending.cancelled().await;
            stopping.cancel();
        });
        let grace = self.limits.shutdown_grace;
        http::serve(listener, self.endpoint, self.limits, self.clock, stop).await;
        // Whoever has not been answered within the grace is not answered any more; what was decided for them is recorded.
        self.stopped.cancel();
        background.cancel();
        tasks.close();
        tasks.wait().await;
        // Last, because everything above may still have had something to record; but not for ever, should a handler hang.
        writing.cancel();
        writer.close();
        if tokio::time::timeout(grace, writer.wait()).await.is_err() {
            tracing::warn!("something was still to be recorded when the shutdown's grace time ended");
        }
    }
}

/// Opens the protected database and holds the declarations against it; for writing only where a dataset is writable.
///
/// # Errors
///
/// With what a server does not start for.
pub async fn data(
    settings: &config::Database,
    catalog: &Catalog,
) -> Result<(Data, Option<ChangeWriter>, Vec<Warning>), StartError> {
    // For writing first: what a server that was killed left unfinished is undone by whoever may write, and read by nobody before.
    let (changes, writer) = if catalog.datasets.values().any(|dataset| !dataset.writable.is_empty()) {
        Changes::open(settings)
            .await
            .map(|(changes, writer)| (Some(changes), Some(writer)))
            .map_err(StartError::Database)?
    } else {
        (None, None)
    };
    let database = Database::open(settings).await.map_err(StartError::Database)?;
    let (schema, warnings) = dataset::check::check(catalog, &database).await.map_err(StartError::Schema)?;
    Ok((Data { schema, database, changes }, writer, warnings))
}

async fn data_with_warnings_logged(
    settings: &config::Database,
    catalog: &Catalog,
) -> Result<(Data, Option<ChangeWriter>), StartError> {
    let (data, writer, warnings) = data(settings, catalog).await?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok((data, writer))
}

/// Tells the open streams of each policy that comes into force. Changes that come while they are told are told as one.
async fn tell_streams(mcp: Mcp, policies: Arc<Policies>, changed: Arc<Notify>) {
    let mut known = policies.current();
    loop {
        changed.notified().await;
        let now = policies.current();
        mcp.tell_streams(&known, &now).await;
        known = now;
    }
}

/// Whether somebody said by `bailiwick policy accept`, since that time, that this policy is meant.
async fn is_accepted(audit: PathBuf, revision: Revision, since: Timestamp) -> bool {
    let asked = async { AuditReader::open(&audit).await?.has_accepted(&revision.hex(), since).await };
    asked.await.unwrap_or_else(|error: AuditError| {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(
            error,
            "whether the loss of a policy file is meant cannot be found out; it is not taken as meant"
        );
        false
    })
}
