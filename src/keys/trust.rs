//! Which trusted issuer really signed a token. That is all that is said here: whether what it signed holds now, and for us,
//! is `authn`'s question, asked on every request.
//!
//! The order matters (size, parts, header, issuer, key, signature): nothing is fetched for a token that a look at its header
//! refuses, and the token chooses neither the algorithm nor the place where keys come from.
//!
//! A verified signature is remembered by the SHA-256 of the token's exact bytes, for as long as the key that verified it is
//! in the current set.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::cache::KeyCache;
use super::claims::Claims;
use super::fault::{Reason, TokenFault, Trace};
use super::jwk::TrustedKey;
use super::jws::UnverifiedToken;
use super::key_set::KeyError;
use super::own::OwnKeys;
use super::person::{Person, Standing};
use crate::config::{Issuer, TokenType};
use crate::model::oauth::AccessToken;
use crate::model::{Assurance, BearerToken, ExternalUserId, IssuerName, Tenant, TokenHash};

/// How many verified signatures are remembered.
const REMEMBERED: u64 = 4096;

/// When to ask again after the state could not be read.
const SOON: Duration = Duration::from_secs(1);

/// Why no trusted issuer is known to have signed a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The token is refused.
    #[error(transparent)]
    Fault(#[from] TokenFault),
    /// It cannot be said now.
    #[error("the keys of the issuer `{issuer}` cannot be had now; try again in {retry_after:?}")]
    Unavailable {
        /// The issuer.
        issuer: IssuerName,
        /// When to try again.
        retry_after: Duration,
    },
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum IssuerKeys {
    /// At the issuer.
    Fetched(Arc<KeyCache>),
    /// At the issuer, which has said more of the one person whose token is looked at.
    Told(Arc<KeyCache>, Arc<Person>),
    /// Here: the issuer is our own authorization server.
    Own(Arc<OwnKeys>),
}

impl From<Arc<KeyCache>> for IssuerKeys {
    fn from(keys: Arc<KeyCache>) -> Self {
        Self::Fetched(keys)
    }
}

impl IssuerKeys {
    async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<TrustedKey>, KeyError> {
        match self {
            Self::Fetched(keys) | Self::Told(keys, _) => keys.find(kid, algorithm).await,
            Self::Own(keys) => keys.find(kid, algorithm),
        }
    }

    fn holds(&self, key: &TrustedKey) -> bool {
        match self {
            Self::Fetched(keys) | Self::Told(keys, _) => keys.holds(key),
            Self::Own(keys) => keys.holds(key),
        }
    }
}

/// An issuer and its keys.
type Trusted = Arc<(Issuer, IssuerKeys)>;

/// A signature that was verified.
#[derive(Debug)]
struct Verified {
    trusted: Trusted,
    /// Nothing, where it is our own word in the state.
    key: Option<Arc<TrustedKey>>,
    claims: Claims,
}

/// Claims that a trusted issuer signed, and for whom they speak.
#[derive(Debug)]
pub struct Signed {
    verified: Arc<Verified>,
    person: Option<Arc<Person>>,
    asserts: bool,
}

impl Signed {
    /// The issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.verified.trusted.0
    }

    /// What it signed.
    pub fn claims(&self) -> &Claims {
        &self.verified.claims
    }

    /// Which claims say who the person is, and whose claims they are.
    pub fn person(&self) -> (&Issuer, &Claims) {
        self.person.as_ref().map_or((self.issuer(), self.claims()), |person| (&person.issuer, &person.claims))
    }

    /// How it is known who the person is.
    pub fn assurance(&self) -> Assurance {
        self.person.as_ref().map_or(Assurance::Verified, |person| person.assurance)
    }

    /// Whether the token is for this tenant too, where it says which.
    pub fn is_for(&self, tenant: &Tenant) -> bool {
        self.person.as_ref().and_then(|person| person.tenant.as_ref()).is_none_or(|only| only == tenant)
    }

    /// Whether the token's client may name the person that it works for.
    pub fn may_assert(&self) -> bool {
        self.asserts
    }

    /// The same, speaking for the person whom its client names. Nothing changes where the client may not, or names nobody.
    #[must_use]
    pub fn asserting(mut self, user: Option<&ExternalUserId>) -> Self {
        let named = user.filter(|_| self.asserts).and_then(|user| {
            let claims = super::own::access(self.claims())?;
            Some(Person::asserted(self.issuer(), &claims.client, user, claims.tenant))
        });
        self.person = named.map(Arc::new).or(self.person);
        self
    }
}

/// The issuers whose tokens we trust.
#[derive(Debug)]
pub struct Trust {
    issuers: Vec<Trusted>,
    signatures: Cache<TokenHash, Arc<Verified>>,
}

impl Trust {
    /// Trusts these issuers, each with its own keys and no other's.
    pub fn new(issuers: Vec<(Issuer, impl Into<IssuerKeys>)>) -> Self {
        let signatures = Cache::builder().max_capacity(REMEMBERED).eviction_policy(EvictionPolicy::lru()).build();
        let issuers = issuers.into_iter().map(|(issuer, keys)| Arc::new((issuer, keys.into())));
        Self { issuers: issuers.collect(), signatures }
    }

    /// The largest token that any issuer may send.
    pub fn max_token_bytes(&self) -> usize {
        self.issuers.iter().map(|trusted| trusted.0.max_token_bytes).max().unwrap_or(0)
    }

    /// Finds out who signed the token; of one of ours, that nothing of it was withdrawn, too. A trace that records sees every
    /// check, so nothing remembered is used for it.
    pub async fn signed(&self, token: &BearerToken, trace: &mut Trace) -> Result<Signed, NotSigned> {
        let verified = match self.kept(token, trace).await? {
            Some(kept) => kept,
            None => self.remembered(token, trace).await?,
        };
        let Standing { person, asserts } = match &verified.trusted.1 {
            IssuerKeys::Own(keys) => keys.standing(&verified.claims, trace).await?,
            IssuerKeys::Told(_, person) => Standing { person: Some(Arc::clone(person)), asserts: false },
            IssuerKeys::Fetched(_) => Standing { person: None, asserts: false },
        };
        Ok(Signed { verified, person, asserts })
    }

    /// What our own state says of a token that says nothing itself. What is remembered of it is what it says; whether that
    /// holds is asked each time, as of every token of ours.
    async fn kept(&self, token: &BearerToken, trace: &mut Trace) -> Result<Option<Arc<Verified>>, NotSigned> {
        let Ok(opaque) = token.expose().parse::<AccessToken>() else { return Ok(None) };
        let own = self.issuers.iter().find_map(|trusted| match &trusted.1 {
            IssuerKeys::Own(keys) => Some((trusted, keys)),
            IssuerKeys::Fetched(_) | IssuerKeys::Told(..) => None,
        });
        let Some((trusted, keys)) = own else { return Ok(None) };
        let hash = token.hash();
        if let Some(known) = self.signatures.get(&hash).filter(|_| !trace.records()) {
            return Ok(Some(known));
        }
        let claims = keys.kept(&opaque).await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "what a token says could not be read");
            NotSigned::Unavailable { issuer: trusted.0.name.clone(), retry_after: SOON }
        })?;
        let claims =
            trace.require(Reason::Opaque, claims, &"one of ours by its form", Some(&"a token that is kept here"))?;
        let verified = Arc::new(Verified { trusted: Arc::clone(trusted), key: None, claims });
        self.signatures.insert(hash, Arc::clone(&verified));
        Ok(Some(verified))
    }

    async fn remembered(&self, token: &BearerToken, trace: &mut Trace) -> Result<Arc<Verified>, NotSigned> {
        let hash = token.hash();
        let remembered = self
            .signatures
            .get(&hash)
            .filter(|verified| verified.key.as_ref().is_some_and(|key| verified.trusted.1.holds(key)));
        if let Some(verified) = remembered.filter(|_| !trace.records()) {
            return Ok(verified);
        }
        let verified = Arc::new(self.verify(token.expose(), trace).await?);
        self.signatures.insert(hash, Arc::clone(&verified));
        Ok(verified)
    }

    async fn verify(&self, token: &str, trace: &mut Trace) -> Result<Verified, NotSigned> {
        let UnverifiedToken { signing_input, signature, header, claims } = UnverifiedToken::read(token, trace)?;
        let trusted = self.issuers.iter().find(|trusted| claims.is_from(&trusted.0.issuers));
        let known: Vec<_> = self.issuers.iter().flat_map(|trusted| &trusted.0.issuers).collect();
        let trusted = trace.require(Reason::Issuer, trusted, &claims.shown("iss"), Some(&known))?;
        let (issuer, keys) = &**trusted;
        trace.compare(Reason::Size, token.len() <= issuer.max_token_bytes, &token.len(), &issuer.max_token_bytes)?;
        let accepted = issuer.token_types.iter().any(|accepted| is_type(*accepted, &header));
        trace.compare(Reason::Type, accepted, &header.shown("typ"), &issuer.token_types)?;
        let named = header.text("alg").and_then(|name| name.parse::<Algorithm>().ok());
        let accepted = named.filter(|algorithm| issuer.algorithms.contains(algorithm));
        let algorithm = trace.require(Reason::Algorithm, accepted, &header.shown("alg"), Some(&issuer.algorithms))?;
        let key = match keys.find(header.text("kid"), algorithm).await {
            Ok(key) => key,
            Err(KeyError::Unavailable { retry_after }) => {
                return Err(NotSigned::Unavailable { issuer: issuer.name.clone(), retry_after });
            }
            Err(KeyError::Unknown) => {
                return Err(trace.refuse(Reason::UnknownKey, &header.shown("kid")).into());
            }
            Err(KeyError::Algorithm) => {
                return Err(trace.refuse(Reason::KeyAlgorithm, &header.shown("alg")).into());
            }
            Err(error @ KeyError::Ambiguous { .. }) => {
                return Err(trace.refuse(Reason::KeyAmbiguous, &error).into());
            }
        };
        trace.check(Reason::UnknownKey, true, &header.shown("kid"))?;
        let genuine = key.verifies(signing_input.as_bytes(), signature, algorithm);
        trace.check(Reason::Signature, genuine, if genuine { &"the key's own" } else { &"another's" })?;
        Ok(Verified { trusted: Arc::clone(trusted), key: Some(key), claims })
    }
}

fn is_type(accepted: TokenType, header: &Claims) -> bool {
    let is = |name: &str| header.text("typ").is_some_and(|found| found.eq_ignore_ascii_case(name));
    match accepted {
        TokenType::AccessToken => is("at+jwt") || is("application/at+jwt"),
        TokenType::Jwt => is("JWT"),
        TokenType::Missing => !header.has("typ"),
    }
}
