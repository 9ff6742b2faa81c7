//! Where answers may go here, whatever a client says or has registered before.

use super::metadata::Site;
use super::refusal::RegistrationRefusal;
use crate::model::oauth::RedirectUri;

/// Decides where an answer may go.
#[derive(Debug, Clone, Copy)]
pub struct Destinations<'a> {
    /// The private-use schemes that the operator allows.
    pub schemes: &'a [String],
    /// Where we are ourselves.
    pub site: &'a Site,
}

impl Destinations<'_> {
    /// Reads a redirect URI.
    pub(super) fn read(&self, text: &str) -> Result<RedirectUri, RegistrationRefusal> {
        self.allowed(text.parse().map_err(|_| RegistrationRefusal::Redirect)?)
    }

    /// The URI, if answers may go there. Never to a page of ours: none takes one, and whatever it would do with a code in its
    /// address (keep it, show it, redirect with it) nobody has thought of.
    pub(super) fn allowed(&self, uri: RedirectUri) -> Result<RedirectUri, RegistrationRefusal> {
        if uri.leads_to(self.site.origin()) {
            return Err(RegistrationRefusal::OurOrigin);
        }
        let is_listed = uri.private_scheme().is_none_or(|scheme| self.schemes.iter().any(|allowed| allowed == scheme));
        if is_listed { Ok(uri) } else { Err(RegistrationRefusal::Redirect) }
    }
}
