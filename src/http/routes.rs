//! Which path leads where.

use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt as _, IntoEndpoint as _, Request, Response, Route};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::bearer::Bearer;
use super::cors::{Cors, Origins};
use super::description::{self, Described, Served};
use super::error::{Challenges, answer};
use super::foreign::Ours;
use super::in_hand::InHand;
use super::intake::{Intake, RequestLimits};
use super::mcp::McpEndpoint;
use super::oauth::{self, OauthEdge};
use super::operations::{Discovery, Operations, Readiness, ResourceMetadata};
use super::pages::{self, Frame};
use super::session::{SessionKey, Sessions};
use super::sse::{self, LegacySse};
use crate::authn::Authenticator;
use crate::clock::Clock;
use crate::config::{McpOffer, Server};
use crate::mcp::{self, Mcp};
use crate::random::{self, Random, RandomError};
use crate::store::audit::AuditLog;

/// What stands between the network and MCP.
pub struct Edge {
    /// Addresses, limits, allowed hosts and origins.
    pub server: Server,
    /// What MCP offers.
    pub offer: McpOffer,
    /// Establishes who asks.
    pub authenticator: Arc<Authenticator>,
    /// Counts who was turned away.
    pub audit: AuditLog,
    /// MCP itself.
    pub mcp: Mcp,
    /// What `/readyz` says.
    pub readiness: Arc<dyn Readiness>,
    /// The authorization server, where it is on.
    pub oauth: Option<OauthEdge>,
    /// The issuers that the metadata names, as their `iss` claims spell them.
    pub issuers: Vec<String>,
    /// What ids of sessions are sealed with.
    pub session_key: SessionKey,
    /// Tells how old a session is.
    pub clock: Arc<dyn Clock>,
    /// Ids of requests.
    pub random: Arc<dyn Random>,
    /// Ends the streams that would go on for ever, when the server begins to stop.
    pub stopping: CancellationToken,
    /// Ends sessions, and whatever is still being answered, when it has stopped.
    pub stopped: CancellationToken,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why the HTTP surface could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum RoutesError {
    /// There was no key for the ids of streams.
    #[error("no key for the ids of streams could be made")]
    Random(#[source] RandomError),
    /// The description of the endpoints is no JSON.
    #[error("the endpoints could not be described")]
    Description(#[source] serde_json::Error),
}

/// The whole HTTP surface. `around` is what answers MCP: the server itself, or what a program puts around it. `more` are further
/// routes (the demo's), outside the bearer layer.
///
/// # Errors
///
/// When no key can be made, or the endpoints cannot be described.
pub fn routes<H: ServerHandler + Clone>(
    edge: Edge,
    around: impl FnOnce(Mcp) -> H,
    more: Option<Route>,
) -> Result<impl Endpoint<Output = Response> + 'static, RoutesError> {
    let origin = edge.server.public_url.origin().ascii_serialization();
    let metadata_url = format!("{origin}/.well-known/oauth-protected-resource/mcp");
    let challenges = Challenges::new(&metadata_url, &mcp::SCOPES);
    let scopes = edge.mcp.scopes();
    let limits = RequestLimits {
        body: edge.server.body_limit,
        body_timeout: edge.server.body_timeout,
        request_timeout: edge.server.request_timeout,
    };
    let (most, times) = (edge.server.sessions_per_person, (edge.server.session_lifetime, edge.server.session_idle));
    let in_hand = InHand::new(edge.server.requests_per_person, &edge.clock);
    let sessions = Sessions::new(edge.session_key, edge.clock, most, times);
    let origins = Origins::Listed(std::iter::once(origin.clone()).chain(edge.server.allowed_origins.clone()).collect());
    let config = transport(&edge.server, &origin, edge.stopped.clone());
    let handler = around(edge.mcp.clone());
    let intake = Intake { mcp: edge.mcp.clone(), challenges: challenges.clone(), limits, in_hand };
    let guard = Guard {
        authenticator: edge.authenticator,
        challenges,
        audit: edge.audit,
        random: edge.random,
        origins,
        mcp: edge.mcp,
        config: config.clone(),
    };
    let legacy = match &edge.offer {
        McpOffer { legacy_sse: true, .. } => {
            let key = random::bytes(guard.random.as_ref()).map(SessionKey::new).map_err(RoutesError::Random)?;
            let random = Arc::clone(&guard.random);
            let legacy = LegacySse::new(intake.clone(), handler.clone(), (key, random), edge.stopped);
            Some(guard.around(legacy))
        }
        McpOffer { legacy_sse: false, .. } => None,
    };
    let mcp = guard.around(McpEndpoint::new(intake, handler, config, sessions, edge.stopping));
    // Ours first: clients go to the first that is named.
    let ours = edge.oauth.as_ref().map(|oauth| oauth.server.site.issuer().to_owned());
    let issuers = ours.into_iter().chain(edge.issuers).collect();
    let metadata = ResourceMetadata::new(format!("{origin}/mcp"), issuers, scopes);
    let beside = description::service(Operations { readiness: edge.readiness }, Discovery { metadata });
    let beside = Cors { inner: beside.into_endpoint(), origins: Origins::WellKnown };
    let served = edge.oauth.as_ref().map_or(Served::None, OauthEdge::served);
    let described =
        Described::new(&origin, Frame::new(&edge.server.public_url), served).map_err(RoutesError::Description)?;
    let route = with_documentation(more.unwrap_or_default(), described);
    let route = match edge.oauth {
        Some(edge) => oauth::routes(edge, route),
        None => route,
    };
    let route = match legacy {
        Some(legacy) => {
            let legacy = Arc::new(legacy);
            route.at(sse::STREAM, Arc::clone(&legacy)).at(sse::MESSAGES, legacy)
        }
        None => route,
    };
    Ok(route.at("/mcp", mcp).nest("/", beside).catch_all_error(not_served))
}

/// What stands around every way to MCP.
struct Guard {
    authenticator: Arc<Authenticator>,
    challenges: Challenges,
    audit: AuditLog,
    random: Arc<dyn Random>,
    origins: Origins,
    mcp: Mcp,
    config: StreamableHttpServerConfig,
}

impl Guard {
    fn around<E>(&self, inner: E) -> Cors<Bearer<Ours<E>>> {
        let bearer = Bearer {
            inner: Ours::new(inner, self.mcp.clone(), self.config.clone()),
            authenticator: Arc::clone(&self.authenticator),
            challenges: self.challenges.clone(),
            audit: self.audit.clone(),
            random: Arc::clone(&self.random),
        };
        Cors { inner: bearer, origins: self.origins.clone() }
    }
}

/// The description of everything beside MCP, for programs and for people, and what the pages load.
fn with_documentation(route: Route, described: Described) -> Route {
    let page = described.clone();
    let json = poem::endpoint::make_sync(move |_| described.json());
    route
        .at("/openapi.json", Cors { inner: poem::get(json), origins: Origins::Anyone })
        .at("/docs", poem::get(poem::endpoint::make_sync(move |_| page.page())))
        .at("/pages/:name", poem::get(poem::endpoint::make_sync(|request: Request| asset(&request))))
}

fn asset(request: &Request) -> Response {
    let name = request.uri().path().rsplit('/').next().unwrap_or("");
    pages::asset(name).unwrap_or_else(|| answer(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"))
}

/// rmcp's own checks of `Host` and `Origin` (RUSTSEC-2026-0189): off by default there, on here.
fn transport(server: &Server, origin: &str, stopped: CancellationToken) -> StreamableHttpServerConfig {
    let mut hosts = server.allowed_hosts.clone();
    hosts.extend(server.public_url.host_str().map(ToOwned::to_owned));
    if server.listen.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned));
    }
    let origins = server.allowed_origins.iter().map(String::as_str).chain([origin]).map(with_port);
    StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins)
        .enforce_origin_validation()
        .with_sse_keep_alive(Some(Duration::from_secs(15)))
        .with_cancellation_token(stopped)
}

/// An origin with its port written out: rmcp takes one without a port for every port of that host.
fn with_port(origin: &str) -> String {
    match origin.parse::<Url>() {
        Ok(url) if url.port().is_none() => {
            url.port_or_known_default().map_or_else(|| origin.to_owned(), |port| format!("{origin}:{port}"))
        }
        Ok(_) | Err(_) => origin.to_owned(),
    }
}

/// Everything that poem itself answers with an error: unknown paths and methods, as JSON.
async fn not_served(error: poem::Error) -> Response {
    match error.status() {
        StatusCode::NOT_FOUND => {
            answer(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path; MCP is at /mcp")
        }
        status @ StatusCode::METHOD_NOT_ALLOWED => {
            let mut refusal = answer(status, "method_not_allowed", "this path is read by GET");
            let allow = poem::http::HeaderValue::from_static("GET, HEAD, OPTIONS");
            refusal.headers_mut().insert(poem::http::header::ALLOW, allow);
            refusal
        }
        status => {
            tracing::error!(%error, "a request could not be answered");
            answer(status, "server_error", "the request could not be answered")
        }
    }
}
