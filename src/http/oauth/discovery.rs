//! What anybody may read: the metadata (RFC 8414), the same for those who look where OpenID has it, and our keys (RFC 7517).

use std::sync::Arc;

use poem::{Request, Response};

use super::Oauth;
use super::answer::document;
use crate::config::{HostRule, Registration};
use crate::keys::own::ALGORITHM;
use crate::oauth::metadata::{self, Offers};

impl Oauth {
    /// Whether clients can register themselves.
    pub(super) fn registers(&self) -> bool {
        match self.server.settings.registration {
            Registration::Off => false,
            Registration::Open | Registration::Token(_) => true,
        }
    }

    fn offers(&self) -> Offers {
        let client_documents = self.server.settings.client_documents.rule != HostRule::None;
        Offers { registration: self.registers(), client_documents }
    }
}

/// `/.well-known/oauth-authorization-server`.
pub(super) async fn authorization_server(oauth: Arc<Oauth>, _: Request) -> Response {
    document(&metadata::authorization_server(oauth.site(), oauth.offers()))
}

/// `/.well-known/openid-configuration`.
pub(super) async fn openid_configuration(oauth: Arc<Oauth>, _: Request) -> Response {
    document(&metadata::openid_configuration(oauth.site(), oauth.offers(), ALGORITHM))
}

/// `/jwks.json`: the keys that sign, will sign, and have signed.
pub(super) async fn jwks(oauth: Arc<Oauth>, _: Request) -> Response {
    document(&oauth.server.keys.jwks())
}
