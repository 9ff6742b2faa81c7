//! The configuration in force, validated. No security setting here is optional: absence was refused before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::sign_in::SignIn;
pub use super::trusted::{ActorRule, Claims, Issuer, KeyLimits, KeySource, RoleClaim, RoleShape, TokenType, TokenUse};
use crate::model::oauth::{Reach, RedirectUri};
use crate::model::{ClientId, ContextField, Secret};

/// Everything that the server was told.
#[derive(Debug)]
pub struct Settings {
    /// `[server]`
    pub server: Server,
    /// `[mcp]`
    pub mcp: McpOffer,
    /// `[log]`
    pub log: Log,
    /// `[database]`: the protected data. Always there where a dataset is declared.
    pub database: Option<Database>,
    /// `[audit]`
    pub audit: Audit,
    /// `[policy]`
    pub policy: Policy,
    /// `[modes]`: whether tokens that a platform forwards are taken.
    pub user_token: bool,
    /// `[[issuer]]`
    pub issuers: Vec<Issuer>,
    /// `[context]`
    pub context: ContextHeaders,
    /// `[state]`
    pub state: State,
    /// `[oauth]`: the authorization server, where it is on.
    pub oauth: Option<Arc<Oauth>>,
    /// `[oauth]`: the client that the configuration makes known.
    pub oauth_client: Option<OauthClient>,
    /// `[[sign_in]]`: where else people can sign in.
    pub sign_ins: Vec<Arc<SignIn>>,
    /// `[outbound]`: whose certificates are good besides those that the system trusts.
    pub authorities: Option<Authorities>,
}

/// Certificates of authorities.
#[derive(Debug, Clone)]
pub struct Authorities {
    /// The file.
    pub path: PathBuf,
    /// What it holds: certificates in PEM.
    pub pem: Vec<u8>,
}

impl Settings {
    /// Whether tokens of this issuer are taken when a platform forwards them.
    pub fn forwards(&self, issuer: &Issuer) -> bool {
        self.user_token && !issuer.audiences.is_empty()
    }

    /// Where people of this issuer sign in.
    pub fn sign_in(&self, issuer: &Issuer) -> Option<&Arc<SignIn>> {
        self.sign_ins.iter().find(|sign_in| sign_in.issuer == issuer.name)
    }
}

/// The state of the authorization server.
#[derive(Debug, Clone)]
pub struct State {
    /// Its SQLite file; created if it does not exist.
    pub path: PathBuf,
}

/// The authorization server.
#[derive(Debug)]
pub struct Oauth {
    /// How long an access token lives.
    pub access_token: Duration,
    /// What an access token is.
    pub access_token_format: TokenFormat,
    /// How long a refresh token lives that nobody uses.
    pub refresh_idle: Duration,
    /// How long a grant lives, however often it is refreshed.
    pub refresh_absolute: Duration,
    /// How long a spent refresh token may be presented again by whoever did not get the answer, or was overtaken.
    pub refresh_grace: Duration,
    /// How long an authorization code lives.
    pub code: Duration,
    /// How long a browser stays signed in.
    pub sign_in: Duration,
    /// Whether clients can register themselves.
    pub registration: Registration,
    /// How many clients that registered themselves there can be at a time, and as many that describe themselves.
    pub registration_cap: u64,
    /// A client that registered itself and gets no token for so long is forgotten.
    pub registration_unused: Duration,
    /// Whose documents make a client known.
    pub client_documents: ClientDocuments,
    /// The schemes of applications that a redirect URI may have, besides `https:` and `http:` on loopback.
    pub private_schemes: Vec<String>,
    /// The peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// What an access token of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFormat {
    /// A signed text that says what it is good for (RFC 9068).
    Jwt,
    /// A text that says nothing: the state knows what it is good for.
    Opaque,
}

/// Whether clients can register themselves (RFC 7591).
#[derive(Debug)]
pub enum Registration {
    /// They cannot.
    Off,
    /// Anybody can.
    Open,
    /// Whoever shows this initial access token can.
    Token(Secret),
}

/// Whose documents make a client known (OAuth Client ID Metadata Document).
#[derive(Debug, Clone)]
pub struct ClientDocuments {
    /// Of which hosts.
    pub rule: HostRule,
    /// The hosts about which something is said.
    pub hosts: Vec<ClientHost>,
}

/// Of which hosts documents are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostRule {
    /// Of none.
    None,
    /// Of those that are listed.
    Listed,
    /// Of any, listed or not.
    Any,
}

/// A host of clients' documents.
#[derive(Debug, Clone)]
pub struct ClientHost {
    /// The host, as an address has it.
    pub name: String,
    /// Whose people can use its clients.
    pub reach: Reach,
    /// Whether it may be at an address that is not public, and on this machine without TLS.
    pub internal: bool,
}

impl ClientDocuments {
    /// What holds for the clients of a host; `None` where its documents are not taken.
    pub fn of_host(&self, host: &str) -> Option<(Reach, bool)> {
        let listed = self.hosts.iter().find(|listed| listed.name == host);
        match (self.rule, listed) {
            (HostRule::None, _) | (HostRule::Listed, None) => None,
            (HostRule::Listed | HostRule::Any, Some(listed)) => Some((listed.reach.clone(), listed.internal)),
            (HostRule::Any, None) => Some((Reach::EveryTenant, false)),
        }
    }
}

/// A client that the configuration makes known (RFC 6749, section 2.3): `OAUTH_CLIENT_ID` of the guide.
#[derive(Debug)]
pub struct OauthClient {
    /// The client id.
    pub id: ClientId,
    /// The client secret.
    pub secret: Option<Secret>,
    /// Where answers to it may go; never empty where the authorization server is on.
    pub redirect_uris: Vec<RedirectUri>,
}

/// Where and how the server listens.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The public origin (scheme, host, port; no path), for metadata and challenges. Never taken from request headers.
    pub public_url: Url,
    /// Accepted `Host` values besides the public URL's and, on a loopback address, the loopback names.
    pub allowed_hosts: Vec<String>,
    /// Accepted `Origin` values besides the public URL's.
    pub allowed_origins: Vec<String>,
    /// The largest request body, in bytes; a larger one is answered 413.
    pub body_limit: usize,
    /// How many connections there may be.
    pub connections: usize,
    /// How many of them from one address; 0 for as many as there may be.
    pub connections_per_address: usize,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// How long a client may read nothing of what it is sent, or too little.
    pub write_timeout: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub shutdown_grace: Duration,
    /// How many requests of one person are answered at once.
    pub requests_per_person: usize,
    /// How many MCP sessions (revisions before 2026-07-28) one person may have open.
    pub sessions_per_person: usize,
    /// How long such a session may be used.
    pub session_lifetime: Duration,
    /// How long what a session subscribed to is kept without a request and without its stream.
    pub session_idle: Duration,
    /// What ids of sessions and cursors are sealed with; `None`: with a key that is made at the start and dies with it.
    pub handle_key: Option<Arc<Secret>>,
}

impl Server {
    /// The public origin as it is written everywhere: in metadata, in `iss`, in challenges.
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// The one resource that tokens of ours are good for (RFC 8707).
    pub fn resource(&self) -> String {
        format!("{}/mcp", self.origin())
    }
}

/// What MCP offers.
#[derive(Debug, Clone)]
pub struct McpOffer {
    /// How many rows one session, or one stream, may subscribe to.
    pub subscriptions: usize,
    /// How many rows one person may change in a minute.
    pub changes_per_minute: NonZeroU32,
    /// How often they are looked at.
    pub look_every: Duration,
    /// Whether `/sse` and `/messages` are served.
    pub legacy_sse: bool,
}

/// Log settings.
#[derive(Debug, Clone)]
pub struct Log {
    /// A `tracing` filter: `info`, or `info,bailiwick=debug`.
    pub level: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event.
    Human,
    /// One JSON object per event.
    Json,
}

/// The protected data.
#[derive(Debug, Clone)]
pub struct Database {
    /// The SQLite file; opened read-only, for writing too where a dataset is writable, never created.
    pub path: PathBuf,
    /// How many connections read from it.
    pub connections: u32,
    /// How long one statement may run.
    pub statement_timeout: Duration,
}

/// What an audit record survives before the answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The process being killed (`process`).
    Process,
    /// A power cut too (`power`).
    Power,
}

/// The audit store.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its SQLite file; created if it does not exist.
    pub path: PathBuf,
    /// What a record survives.
    pub durability: Durability,
    /// How many decisions may wait for the writer; when it is full, requests are refused.
    pub queue: usize,
    /// How long records are kept; zero keeps them for ever.
    pub keep: Duration,
    /// The largest file, in bytes, before the oldest records are pruned; zero is no limit.
    pub max_bytes: u64,
}

/// The policy files.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The directory with `model.conf` and `*.csv`.
    pub directory: PathBuf,
    /// How long the directory must be quiet before a change is loaded.
    pub settle: Duration,
}

/// Which headers say what. A header that is named here and sent twice is refused.
#[derive(Debug, Clone, Default)]
pub struct ContextHeaders {
    /// The headers that may hold each field, in order; two that are both present must agree.
    pub fields: BTreeMap<ContextField, Vec<String>>,
    /// The headers that may name the tenant; compared with the token, never applied.
    pub tenant: Vec<String>,
    /// The headers that may name the external user; compared with the token, never applied.
    pub external_user: Vec<String>,
    /// The headers that may name the platform's user; recorded, and compared only where an issuer says with what.
    pub user: Vec<String>,
    /// The headers that may hold the user's e-mail address; not used, but refused when sent twice.
    pub user_email: Vec<String>,
}
