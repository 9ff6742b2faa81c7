//! A client that acts for itself (RFC 6749, section 4.4): a machine of one tenant, which the operator made known as that.
//!
//! The token stands for the client and for no person: policies name it `client:<id>`. There is no refresh token, because the
//! client can ask again whenever it can prove itself.

use super::AuthorizationServer;
use super::authorize::{is_ours, scopes};
use super::parameters::Parameters;
use super::refusal::TokenRefusal;
use super::server::Signed;
use super::token::{Issued, NotIssued};
use crate::model::Tenant;
use crate::model::oauth::{AccountId, GrantId, Reach};
use crate::random;
use crate::store::state::{Client, Terms};

impl AuthorizationServer {
    /// Gives a client that has proved itself a token of its own.
    pub(super) async fn act_for_itself(&self, client: &Client, parameters: &Parameters) -> Result<Issued, NotIssued> {
        let (Some(tenant), Ok(account)) = (self.only_tenant(client), AccountId::of_client(&client.id)) else {
            return Err(TokenRefusal::Unauthorized.into());
        };
        let asked = parameters.one("resource").map_err(|_| TokenRefusal::Target)?;
        if asked.is_some_and(|resource| !is_ours(resource, &self.site)) {
            return Err(TokenRefusal::Target.into());
        }
        let asked = parameters.one("scope").map_err(TokenRefusal::from)?;
        let scopes = scopes(asked, &client.scopes).ok_or(TokenRefusal::Scope)?;
        let terms = Terms {
            client: client.id.clone(),
            account,
            tenant: tenant.clone(),
            external_user: None,
            provider: None,
            redirect_uri: None,
            resource: self.site.resource().to_owned(),
            scopes: scopes.clone(),
        };
        let (now, id) = (self.clock.now(), GrantId::from_random(random::bytes(self.random.as_ref())?));
        let expires = now.plus(self.settings.access_token);
        let grant = self.store.grant_to_client(&id, &terms, expires, now).await?.ok_or(TokenRefusal::Unauthorized)?;
        let Signed { token: access, expires_in } = self.sign(&grant, &scopes, 0, now).await?;
        Ok(Issued { access, expires_in, refresh: None, scopes, grant, generation: 0 })
    }

    /// The one tenant of a client that may act for itself. Whoever made themselves known act for people alone.
    fn only_tenant<'c>(&self, client: &'c Client) -> Option<&'c Tenant> {
        let may = client.origin.is_vouched_for() && client.auth_method.is_confidential();
        let Reach::Tenants(tenants) = &client.reach else { return None };
        let mut tenants = tenants.iter().filter(|_| may);
        match (tenants.next(), tenants.next()) {
            (Some(only), None) => Some(only).filter(|tenant| self.tenants.contains(*tenant)),
            (Some(_) | None, _) => None,
        }
    }
}
