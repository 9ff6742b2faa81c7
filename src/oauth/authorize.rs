//! The authorization request (RFC 6749, section 4.1.1; OAuth 2.1, draft 16), decided from its parameters and the client.
//!
//! The order is the argument: first the client, then where an answer may go, and only then anything that is answered there.
//! Until both are known to be good the answer is a page of ours and nobody is sent anywhere.

use super::destination::Destinations;
use super::metadata::Site;
use super::parameters::{Parameters, Repeated};
use super::refusal::{Local, Refusal};
use crate::model::oauth::{CodeChallenge, GrantType, RedirectUri};
use crate::model::{ClientId, Scope, Scopes, percent_encode};
use crate::store::state::{AuthorizationRequest, Client};

/// The longest `state`, in bytes.
const MOST_STATE: usize = 4096;

/// Why an authorization request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAsked {
    /// Told on a page of ours.
    Local(Local),
    /// Told to the client.
    Redirect {
        /// Where.
        redirect_uri: RedirectUri,
        /// Its own word for the request.
        state: Option<String>,
        /// Why.
        refusal: Refusal,
    },
}

impl From<Local> for NotAsked {
    fn from(local: Local) -> Self {
        Self::Local(local)
    }
}

/// The client that a request says it comes from.
pub fn client_id(parameters: &Parameters) -> Result<ClientId, Local> {
    let id = parameters.one("client_id")?.ok_or(Local::NoClient)?;
    id.parse().map_err(|_| Local::UnknownClient)
}

/// Decides on a request of this client: what a person can be asked about. Answers go to `destinations` alone.
pub fn validate(
    parameters: &Parameters,
    client: &Client,
    destinations: Destinations<'_>,
) -> Result<AuthorizationRequest, NotAsked> {
    let redirect_uri = redirect_uri(parameters, client, destinations)?;
    let site = destinations.site;
    let answered = |state: Option<&str>, refusal| NotAsked::Redirect {
        redirect_uri: redirect_uri.clone(),
        state: state.map(ToOwned::to_owned),
        refusal,
    };
    let state = parameters.one("state").map_err(|repeated| answered(None, repeated.into()))?;
    if state.is_some_and(|state| state.len() > MOST_STATE) {
        return Err(answered(None, Refusal::State));
    }
    let (scopes, challenge) = rest(parameters, client, site).map_err(|refusal| answered(state, refusal))?;
    Ok(AuthorizationRequest {
        client: client.id.clone(),
        redirect_uri_sent: parameters.has("redirect_uri"),
        resource: site.resource().to_owned(),
        state: state.map(ToOwned::to_owned),
        redirect_uri,
        scopes,
        challenge,
    })
}

/// Where an answer may go: what the request names, if it is the client's own; or the client's only one.
fn redirect_uri(
    parameters: &Parameters,
    client: &Client,
    destinations: Destinations<'_>,
) -> Result<RedirectUri, Local> {
    let asked = parameters.one("redirect_uri")?;
    let found = match (asked, client.redirect_uris.as_slice()) {
        (None, [only]) => only.clone(),
        (None, _) => return Err(Local::NoRedirect),
        (Some(asked), registered) => {
            let asked: RedirectUri = asked.parse().map_err(|_| Local::UnknownRedirect)?;
            let known = registered.iter().any(|registered| registered.matches(&asked));
            if known { asked } else { return Err(Local::UnknownRedirect) }
        }
    };
    // What was accepted once is held to what is accepted now, and a loopback URI may name another port than it did then.
    destinations.allowed(found).map_err(|_| Local::UnknownRedirect)
}

/// Everything whose answer goes to the client.
fn rest(parameters: &Parameters, client: &Client, site: &Site) -> Result<(Scopes, CodeChallenge), Refusal> {
    if parameters.has("request") {
        return Err(Refusal::Request);
    }
    if parameters.has("request_uri") {
        return Err(Refusal::RequestUri);
    }
    match parameters.one("response_type")? {
        None => return Err(Refusal::NoResponseType),
        Some("code") => {}
        Some(_) => return Err(Refusal::ResponseType),
    }
    if parameters.one("response_mode")?.is_some_and(|mode| mode != "query") {
        return Err(Refusal::ResponseMode);
    }
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(Refusal::Grant);
    }
    let challenge = parameters.one("code_challenge")?.ok_or(Refusal::NoChallenge)?;
    if parameters.one("code_challenge_method")? != Some("S256") {
        return Err(Refusal::ChallengeMethod);
    }
    let challenge = challenge.parse().map_err(|_| Refusal::Challenge)?;
    match parameters.one("resource") {
        Ok(None) => {}
        Ok(Some(resource)) if is_ours(resource, site) => {}
        Ok(Some(_)) | Err(Repeated(_)) => return Err(Refusal::Target),
    }
    let scopes = scopes(parameters.one("scope")?, &client.scopes).ok_or(Refusal::Scope)?;
    Ok((scopes, challenge))
}

/// Whether a `resource` means the one that is served: the same but for the case of scheme and host, and for a slash at its
/// end, as MCP asks servers to take it (RFC 8707, section 2).
pub(super) fn is_ours(resource: &str, site: &Site) -> bool {
    let Some((origin, path)) = resource.match_indices('/').nth(2).map(|(at, _)| resource.split_at(at)) else {
        return false;
    };
    origin.eq_ignore_ascii_case(site.issuer()) && matches!(path, "/mcp" | "/mcp/")
}

/// The scopes that are given: those asked for that this client may have, or, if it asks for none, the least one. Words of
/// other servers are left out; if nothing remains, nothing is given.
pub(super) fn scopes(asked: Option<&str>, allowed: &Scopes) -> Option<Scopes> {
    let asked = asked.map_or_else(|| [Scope::Read].into_iter().collect(), Scopes::known_in);
    let given: Scopes = asked.iter().filter(|scope| allowed.contains(*scope)).collect();
    (!given.is_empty()).then_some(given)
}

/// The URI that carries an answer to the client. What it had as its query stays, and our parameters come after it, once.
pub fn answer(redirect_uri: &RedirectUri, parameters: &[(&str, &str)]) -> String {
    let mut uri = redirect_uri.as_str().to_owned();
    for (name, value) in parameters {
        if !uri.contains('?') {
            uri.push('?');
        } else if !uri.ends_with(['?', '&']) {
            uri.push('&');
        }
        uri.push_str(name);
        uri.push('=');
        percent_encode(value, &mut uri);
    }
    uri
}
