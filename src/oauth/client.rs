//! How a client proves itself at the token, revocation and introspection endpoints (RFC 6749, section 2.3).
//!
//! In the `Authorization` header, in the body, or, for a public client, not at all; never in two ways at once. Secrets are
//! compared by their hashes, in a time that tells nothing, and every failure is told in the same words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::assertion::TYPE;
use super::parameters::{Parameters, decode};
use super::refusal::{Presented, TokenRefusal};
use crate::keys::assertion::unverified_client;
use crate::model::oauth::{AuthMethod, ClientSecret};
use crate::model::{ClientId, Secret};
use crate::store::state::Client;

/// Who a client says it is, and with what it proves that.
#[derive(Debug)]
pub struct Credentials {
    id: ClientId,
    secret: Option<ClientSecret>,
    pub(super) assertion: Option<Secret>,
    presented: Presented,
}

impl Credentials {
    /// Reads them out of a request.
    pub fn read(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, TokenRefusal> {
        let (id, secret) = (parameters.one("client_id")?, parameters.one("client_secret")?);
        let assertion = assertion(parameters)?;
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let header = match (sent.next(), sent.next()) {
            (None, _) => None,
            (Some(one), None) => Some(one),
            (Some(_), Some(_)) => return Err(TokenRefusal::TwoMethods),
        };
        if let Some(assertion) = assertion {
            return signed(id, assertion, header.is_some() || secret.is_some());
        }
        let Some(header) = header else {
            let id = id.ok_or(TokenRefusal::Missing("client_id"))?;
            let id = id.parse().map_err(|_| TokenRefusal::Client(Presented::Body))?;
            let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
            return Ok(Self { id, secret, assertion: None, presented: Presented::Body });
        };
        let read = header.to_str().ok().and_then(basic).ok_or(TokenRefusal::Client(Presented::Header))?;
        if secret.is_some() || id.is_some_and(|id| id != read.0.as_str()) {
            return Err(TokenRefusal::TwoMethods);
        }
        Ok(Self { id: read.0, secret: Some(read.1), assertion: None, presented: Presented::Header })
    }

    /// The client that is named.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// Whether a secret is shown, which can be a guess.
    pub fn show_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// What a 401 has to challenge for.
    pub fn presented(&self) -> Presented {
        self.presented
    }

    /// Says whether this is the client that is registered under the name, as far as a secret says it.
    pub fn prove(&self, client: &Client) -> Result<(), TokenRefusal> {
        let secret = match (&self.secret, client.auth_method, self.presented) {
            (None, AuthMethod::None, Presented::Body) => return Ok(()),
            (Some(secret), AuthMethod::SecretEither, Presented::Header | Presented::Body)
            | (Some(secret), AuthMethod::SecretBasic, Presented::Header)
            | (Some(secret), AuthMethod::SecretPost, Presented::Body) => secret,
            (Some(_) | None, _, Presented::Header | Presented::Body) => {
                return Err(TokenRefusal::Client(self.presented));
            }
        };
        let known = client.secret.is_some_and(|known| known.is(&secret.hash()));
        if known { Ok(()) } else { Err(TokenRefusal::Client(self.presented)) }
    }
}

/// What a client signed to prove itself.
fn assertion(parameters: &Parameters) -> Result<Option<&str>, TokenRefusal> {
    match (parameters.one("client_assertion_type")?, parameters.one("client_assertion")?) {
        (None, None) => Ok(None),
        (Some(TYPE), Some(assertion)) => Ok(Some(assertion)),
        (Some(_), Some(_)) => Err(TokenRefusal::Client(Presented::Body)),
        (None, Some(_)) => Err(TokenRefusal::Missing("client_assertion_type")),
        (Some(_), None) => Err(TokenRefusal::Missing("client_assertion")),
    }
}

/// Credentials by an assertion, which names the client itself.
fn signed(id: Option<&str>, assertion: &str, is_second: bool) -> Result<Credentials, TokenRefusal> {
    if is_second {
        return Err(TokenRefusal::TwoMethods);
    }
    let claimed = unverified_client(assertion).ok_or(TokenRefusal::Client(Presented::Body))?;
    if id.is_some_and(|id| id != claimed.as_str()) {
        return Err(TokenRefusal::TwoMethods);
    }
    let assertion = Some(Secret::new(assertion.to_owned()));
    Ok(Credentials { id: claimed, secret: None, assertion, presented: Presented::Body })
}

/// Name and password of the `Basic` scheme, each encoded as in a form (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(ClientId, ClientSecret)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (decode(id).ok()?, decode(secret).ok()?);
    Some((id.parse().ok()?, ClientSecret::new(secret)))
}
