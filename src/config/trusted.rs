//! An issuer as it is in force: whom we trust, and what its tokens mean.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use url::Url;

use crate::model::{IssuerName, Name, Scopes};

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
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` or `application/at+jwt`.
    AccessToken,
    /// `JWT`, as Zitadel and Keycloak write it.
    Jwt,
    /// No `typ` at all.
    Missing,
}

/// As a token spells it: it is read where one was refused.
impl fmt::Debug for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessToken => "`at+jwt`",
            Self::Jwt => "`JWT`",
            Self::Missing => "none",
        })
    }
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
#[derive(Clone, PartialEq, Eq)]
pub enum ActorRule {
    /// The token is refused.
    Deny,
    /// The token is accepted; the actor is recorded and is `r.sub.actor`.
    Allow,
    /// Accepted for these actors' `sub` only.
    Only(Vec<String>),
}

/// As it reads where a token was refused by it.
impl fmt::Debug for ActorRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny => f.write_str("none (`actor` of the issuer)"),
            Self::Allow => f.write_str("an actor with a `sub`"),
            Self::Only(known) => write!(f, "one of {known:?} (`actor` of the issuer)"),
        }
    }
}
