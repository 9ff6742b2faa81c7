//! The members of client metadata (RFC 7591, section 2), as a registration or a client's document has them.
//!
//! Members that are not known are ignored, as section 2 asks; one that is known and of another form is refused.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::refusal::RegistrationRefusal;
use crate::keys::assertion::check_client_keys;
use crate::keys::strict_json;
use crate::model::oauth::GrantType;
use crate::model::{Scope, Scopes, is_invisible};

/// The most redirect URIs of one client.
const MOST_REDIRECTS: usize = 10;

/// The longest name, in characters: it stands in a heading.
const LONGEST_NAME: usize = 80;

/// What a client says of itself.
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Reads an object. A member that is `null` is not there.
    pub(super) fn read(body: &[u8]) -> Result<Self, RegistrationRefusal> {
        let mut members = strict_json::object(body).map_err(|_| RegistrationRefusal::Body)?;
        members.retain(|_, value| !value.is_null());
        Ok(Self(members))
    }

    /// Whether a member is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The keys of a client that proves itself by one (RFC 7591, section 2: `jwks`).
    pub(super) fn jwks(&self) -> Result<Option<String>, RegistrationRefusal> {
        let Some(jwks) = self.0.get("jwks") else { return Ok(None) };
        let text = jwks.to_string();
        check_client_keys(text.as_bytes()).map_err(|error| {
            tracing::info!(%error, "a client's keys were refused");
            RegistrationRefusal::Keys
        })?;
        Ok(Some(text))
    }

    /// A text.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, RegistrationRefusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(RegistrationRefusal::Member(name)),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<&str>>, RegistrationRefusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => {
                let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                texts.map(Some).ok_or(RegistrationRefusal::Member(name))
            }
            Some(_) => Err(RegistrationRefusal::Member(name)),
        }
    }

    /// What the client calls itself.
    pub(super) fn name(&self) -> Result<Option<&str>, RegistrationRefusal> {
        let name = self.text("client_name")?.map(str::trim).filter(|name| !name.is_empty());
        let unfit =
            |name: &str| name.chars().count() > LONGEST_NAME || name.chars().any(|c| c != ' ' && is_invisible(c));
        if name.is_some_and(unfit) { Err(RegistrationRefusal::Member("client_name")) } else { Ok(name) }
    }

    /// Where answers may go, as they are written.
    pub(super) fn redirect_uris(&self) -> Result<Vec<&str>, RegistrationRefusal> {
        let sent = self.texts("redirect_uris")?.filter(|sent| !sent.is_empty());
        let sent = sent.ok_or(RegistrationRefusal::NoRedirect)?;
        if sent.len() > MOST_REDIRECTS { Err(RegistrationRefusal::TooManyRedirects) } else { Ok(sent) }
    }

    /// How the client may get tokens. Grants that are not for people's clients are left out, because common clients list all
    /// that they know, as long as the code remains.
    pub(super) fn grant_types(&self) -> Result<BTreeSet<GrantType>, RegistrationRefusal> {
        if self.texts("response_types")?.is_some_and(|responses| !responses.contains(&"code")) {
            return Err(RegistrationRefusal::ResponseTypes);
        }
        let Some(sent) = self.texts("grant_types")? else { return Ok(GrantType::for_people()) };
        let sent: BTreeSet<GrantType> = sent.iter().filter_map(|grant| grant.parse().ok()).collect();
        let served: BTreeSet<GrantType> = sent.intersection(&GrantType::for_people()).copied().collect();
        if served.contains(&GrantType::AuthorizationCode) { Ok(served) } else { Err(RegistrationRefusal::GrantTypes) }
    }

    /// The most that the client may ask for.
    pub(super) fn scopes(&self) -> Result<Scopes, RegistrationRefusal> {
        let Some(sent) = self.text("scope")? else { return Ok(Scope::ALL.into_iter().collect()) };
        let known = Scopes::known_in(sent);
        if known.is_empty() { Err(RegistrationRefusal::Member("scope")) } else { Ok(known) }
    }
}
