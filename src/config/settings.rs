//! The configuration in force, validated. No security setting here is optional: absence was refused before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jsonwebtoken::Algorithm;
use url::Url;

use super::sign_in::SignIn;
use crate::model::oauth::RedirectUri;
use crate::model::{ClientId, ContextField, IssuerName, Name, Scopes, Secret};

/// Everything that the server was told.
#[derive(Debug)]
pub struct Settings {
    /// `[server]`
    pub server: Server,
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
    /// How many clients that registered themselves there can be at a time.
    pub registration_cap: u64,
    /// A client that registered itself and gets no token for so long is forgotten.
    pub registration_unused: Duration,
    /// The schemes of applications that a redirect URI may have, besides `https:` and `http:` on loopback.
    pub private_schemes: Vec<String>,
    /// The peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
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
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub shutdown_grace: Duration,
    /// How many MCP sessions (revisions before 2026-07-28) one principal may have open.
    pub sessions_per_principal: usize,
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
    /// The SQLite file; opened read-only, never created.
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

/// A party whose tokens we trust.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its name in policies, tenants, logs.
    pub name: IssuerName,
    /// The accepted values of `iss`, compared as bytes; never empty.
    pub issuers: Vec<String>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// How its keys are fetched and kept.
    pub key_limits: KeyLimits,
    /// A token must name at least one of these in `aud`; empty where its people sign in and none of its tokens is taken.
    pub audiences: Vec<String>,
    /// The accepted signature algorithms, all asymmetric; never empty.
    pub algorithms: Vec<Algorithm>,
    /// The accepted values of the token's client (`client_id`, else `azp`); empty only where `any_client = true` was written.
    pub clients: Vec<String>,
    /// Accepted values of the header's `typ`.
    pub token_types: Vec<TokenType>,
    /// What its tokens are for.
    pub token_use: TokenUse,
    /// What the claims mean.
    pub claims: Claims,
    /// The scopes of a token that carries no scope claim.
    pub scopes: Scopes,
    /// Whether its external user ids give `user:` names.
    pub users: bool,
    /// What an `act` claim does.
    pub actor: ActorRule,
    /// The largest age of a token, from `iat`.
    pub max_age: Duration,
    /// How far the clocks may differ.
    pub leeway: Duration,
    /// The largest token, in bytes.
    pub max_token_bytes: usize,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS document (RFC 7517).
    Jwks(Url),
    /// OpenID discovery or RFC 8414 metadata, which names the JWKS; the document's `issuer` must be an accepted one.
    Discovery(Url),
}

/// How an issuer's keys are fetched and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLimits {
    /// The shortest time between two fetches for an unknown key id.
    pub cool_down: Duration,
    /// How long a set is fresh when the response does not say.
    pub fresh: Duration,
    /// The bounds that a response's `max-age` is held to.
    pub fresh_bounds: (Duration, Duration),
    /// How long known keys are used past their freshness while the issuer cannot be reached.
    pub stale: Duration,
    /// How long an unknown key id is remembered as unknown.
    pub negative: Duration,
    /// The largest response, in bytes.
    pub max_bytes: usize,
    /// The most keys in a set.
    pub max_keys: usize,
    /// How long one fetch may take in all.
    pub timeout: Duration,
}

/// The values of `typ` that an access token may have (RFC 9068 says `at+jwt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` or `application/at+jwt`.
    AccessToken,
    /// `JWT`, as Zitadel and Keycloak write it.
    Jwt,
    /// No `typ` at all.
    Missing,
}

/// What a token is for, and how issuers mark it in the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenUse {
    /// To be sent to a resource.
    Access,
    /// To tell a client who has signed in (OpenID Connect Core 1.0, section 2).
    Identity,
}

impl TokenUse {
    /// The members that mark a token, each with the values of one for this use: Keycloak's `typ`, Cognito's `token_use`, and
    /// `events`, which only logout tokens and other security events have (RFC 8417). One without marks is for any use.
    pub fn marks(self) -> [(&'static str, &'static [&'static str]); 3] {
        match self {
            Self::Access => [("typ", &["Bearer"]), ("token_use", &["access"]), ("events", &[])],
            Self::Identity => [("typ", &["ID"]), ("token_use", &["id"]), ("events", &[])],
        }
    }
}

/// What an issuer's claims mean. Claim names are literal: they contain `:` and `.`.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The customer's own identifier of the person: the first claim that is present.
    pub external_user: Vec<String>,
    /// The organisation: the first claim that is present. A token without one is refused.
    pub organisation: Vec<String>,
    /// Pairs of claims that must be equal where both are present.
    pub equal: Vec<(String, String)>,
    /// The roles, if the issuer sends any.
    pub roles: Vec<RoleClaim>,
    /// The claim that holds scopes, if the issuer sends any.
    pub scope: Option<String>,
    /// The claim that `X-User-ID` must equal, where configured; otherwise that header is only recorded.
    pub user_header: Option<String>,
    /// The claims that must be absent, because only an ID token has them.
    pub absent: Vec<String>,
    /// The claims that must be present.
    pub required: Vec<String>,
    /// Declared attribute to the claim that holds it; typed by the catalog.
    pub attributes: BTreeMap<Name, String>,
}

/// A claim that holds roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleClaim {
    /// Its name.
    pub claim: String,
    /// Its form.
    pub shape: RoleShape,
}

/// The form of a role claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleShape {
    /// Zitadel's `{role: {organisation: domain}}`: a role counts only for the organisation that the token is for.
    PerOrganisation,
    /// A list of texts, valid for the token's organisation.
    List,
}

/// What an `act` claim (RFC 8693, section 4.1) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorRule {
    /// The token is refused.
    Deny,
    /// The token is accepted; the actor is recorded and is `r.sub.actor`.
    Allow,
    /// Accepted for these actors' `sub` only.
    Only(Vec<String>),
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
