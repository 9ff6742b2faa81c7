//! A client that proves itself by a key of its own (`private_key_jwt`): the assertion is verified, and then spent.

use super::client::Credentials;
use super::refusal::{Presented, TokenRefusal};
use super::token::NotIssued;
use super::{AuthorizationServer, Failure};
use crate::keys::assertion::{self, Asserted};
use crate::keys::{Reason, TokenFault};
use crate::model::Secret;
use crate::store::state::Client;

/// The one type of assertion (RFC 7523, section 2.2).
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl AuthorizationServer {
    /// Says whether this client has signed the assertion, for us, now, and never before.
    pub(super) async fn prove_by_key(&self, client: &Client, assertion: &Secret) -> Result<(), NotIssued> {
        let refused = || NotIssued::from(TokenRefusal::Client(Presented::Body));
        let Asserted { id, expires } = match self.asserted(client, assertion).await? {
            Ok(asserted) => asserted,
            Err(fault) => {
                tracing::info!(client.id = %client.id, reason = fault.code(), %fault, "a client's assertion was refused");
                return Err(refused());
            }
        };
        if self.store.spend_assertion(&client.id, &id, expires).await? {
            return Ok(());
        }
        tracing::warn!(client.id = %client.id, "a client's assertion came a second time and was refused");
        Err(refused())
    }

    /// Verifies with the keys at hand; with new ones, where the client's document may have them by now.
    async fn asserted(&self, client: &Client, assertion: &Secret) -> Result<Result<Asserted, TokenFault>, Failure> {
        let verify = |client: &Client| {
            let jwks = client.jwks.as_deref().unwrap_or_default();
            assertion::verify(assertion.expose(), jwks, &client.id, self.site.issuer(), self.clock.now())
        };
        let verified = verify(client);
        let is_unknown = matches!(&verified, Err(fault) if fault.reason == Reason::UnknownKey);
        match self.renewed(client, is_unknown).await {
            Some(renewed) => Ok(verify(&renewed)),
            None => Ok(verified),
        }
    }
}

impl Credentials {
    /// What a client signed to prove itself.
    pub(super) fn assertion(&self) -> Option<&Secret> {
        self.assertion.as_ref()
    }
}
