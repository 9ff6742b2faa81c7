//! What a client signs to prove who it is: a JWT of its own key (`private_key_jwt`; RFC 7523, sections 3 and 4).
//!
//! It is read as strictly as a token that proves a person. Its audience is our issuer and nothing else, as one text: an
//! assertion that several servers would take could be used at one by another (draft-ietf-oauth-rfc7523bis, section 4). It
//! lives a few minutes, and it has an id, so that whoever keeps the state can see that it comes once.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::fault::{Reason, TokenFault, Trace};
use super::jwk::{self, BadKeySet, Filtered, TrustedKey, Unusable};
use super::jws::UnverifiedToken;
use crate::model::{ClientId, Timestamp, TokenHash};

/// The algorithms that are taken, as metadata names them.
pub const ALGORITHMS: [&str; 8] = ["EdDSA", "ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384"];

/// The most keys of one client.
const MOST_KEYS: usize = 10;

/// The largest assertion, in bytes.
const MOST_BYTES: usize = 8 << 10;

/// The longest id of an assertion, in bytes.
const MOST_ID_BYTES: usize = 256;

/// How far in the future an assertion may expire.
const LONGEST_LIFE: Duration = Duration::from_mins(5);

/// How far the clocks may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// Why a client's key set is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BadClientKeys {
    /// It is no key set, or has no usable key.
    #[error(transparent)]
    Set(#[from] BadKeySet),
    /// One of its keys cannot be used. A client would wonder why that one is refused later.
    #[error("the key {} of the set cannot be used: {reason}", .position + 1)]
    Key {
        /// Which one, from 0.
        position: usize,
        /// Why.
        reason: Unusable,
    },
}

/// Says whether a client's key set can be used whole.
pub fn check_client_keys(jwks: &[u8]) -> Result<(), BadClientKeys> {
    let first = match jwk::filter(jwks, MOST_KEYS) {
        Ok(Filtered { skipped, .. }) => skipped.into_iter().next(),
        Err(BadKeySet::Empty { first: Some(first), .. }) => Some(*first),
        Err(bad) => return Err(bad.into()),
    };
    match first {
        Some((position, reason)) => Err(BadClientKeys::Key { position, reason }),
        None => Ok(()),
    }
}

/// An assertion that a client's key has signed for us, and that holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// The hash of its id: whoever sees it a second time refuses it.
    pub id: TokenHash,
    /// Until when it has to be known that it came.
    pub expires: Timestamp,
}

/// The client that an assertion says it is from. Nothing is proved by that.
pub fn unverified_client(assertion: &str) -> Option<ClientId> {
    let read = UnverifiedToken::read(assertion, &mut Trace::default()).ok()?;
    read.claims.text("sub")?.parse().ok()
}

/// Verifies the assertion of a client with these keys, at the issuer that `issuer` names.
pub fn verify(
    assertion: &str,
    jwks: &str,
    client: &ClientId,
    issuer: &str,
    now: Timestamp,
) -> Result<Asserted, TokenFault> {
    let trace = &mut Trace::default();
    trace.compare(Reason::Size, assertion.len() <= MOST_BYTES, &assertion.len(), &MOST_BYTES)?;
    let UnverifiedToken { signing_input, signature, header, claims } = UnverifiedToken::read(assertion, trace)?;
    let types = ["JWT", "client-authentication+jwt"];
    let is_assertion = !header.has("typ")
        || header.text("typ").is_some_and(|found| types.iter().any(|known| known.eq_ignore_ascii_case(found)));
    trace.compare(Reason::Type, is_assertion, &header.shown("typ"), &types)?;
    let named = header.text("alg").filter(|name| ALGORITHMS.contains(name));
    let algorithm = named.and_then(|name| name.parse::<Algorithm>().ok());
    let algorithm = trace.require(Reason::Algorithm, algorithm, &header.shown("alg"), Some(&ALGORITHMS))?;
    let keys = jwk::filter(jwks.as_bytes(), MOST_KEYS).map(|read| read.keys).unwrap_or_default();
    let key = pick(&keys, header.text("kid"), algorithm);
    let key = trace.require(Reason::UnknownKey, key, &header.shown("kid"), None)?;
    let genuine = key.verifies(signing_input.as_bytes(), signature, algorithm);
    trace.check(Reason::Signature, genuine, &"another's")?;

    for name in ["iss", "sub"] {
        let ours = claims.text(name) == Some(client.as_str());
        trace.compare(Reason::Client, ours, &claims.shown(name), &client)?;
    }
    trace.compare(Reason::Audience, claims.text("aud") == Some(issuer), &claims.shown("aud"), &issuer)?;
    let expires = claims.time("exp", trace)?;
    let begins = claims.optional_time("nbf", trace)?.unwrap_or(now);
    let made = claims.optional_time("iat", trace)?.unwrap_or(now);
    let latest = now.plus(LEEWAY);
    trace.compare(Reason::Expired, now < expires.plus(LEEWAY), &expires, &format_args!("later than {now}"))?;
    let soon = latest.plus(LONGEST_LIFE);
    trace.compare(Reason::Time, expires <= soon, &expires, &format_args!("at latest {soon}"))?;
    trace.compare(Reason::NotYet, begins <= latest, &begins, &format_args!("at latest {latest}"))?;
    trace.compare(Reason::Future, made <= latest, &made, &format_args!("at latest {latest}"))?;
    let id = claims.get("jti").and_then(Value::as_str).filter(|id| (1..=MOST_ID_BYTES).contains(&id.len()));
    let id = trace.require(Reason::Required, id, &claims.shown("jti"), None)?;
    Ok(Asserted { id: TokenHash::of(id), expires: expires.plus(LEEWAY) })
}

/// The key that is named; or, where none is named, the only one that fits.
fn pick<'k>(keys: &'k [TrustedKey], kid: Option<&str>, algorithm: Algorithm) -> Option<&'k TrustedKey> {
    let mut fitting = keys.iter().filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid() == kid));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Some(key),
        (Some(_) | None, _) => None,
    }
}
