//! What a token is worth: introspection (RFC 7662) and revocation (RFC 7009).
//!
//! A client is told of its own tokens; one that the operator made known, of any token of the tenants that it serves. Of what is
//! not its business it learns nothing: that gets the same answer as an unknown or an expired token. Revoking ends the whole
//! family, because an access token that stays good after its refresh token is gone is what nobody expects.

use serde_json::{Value, json};

use super::parameters::Parameters;
use super::refusal::TokenRefusal;
use super::token::NotIssued;
use super::{AuthorizationServer, Failure};
use crate::model::oauth::{ClientOrigin, RefreshToken};
use crate::model::{BearerToken, Scopes, Timestamp};
use crate::store::state::{Client, Grant, RevocationReason};

/// A token that is good now.
#[derive(Debug)]
struct Live {
    grant: Grant,
    scopes: Scopes,
    issued: Timestamp,
    expires: Timestamp,
    /// `Bearer` for an access token; a refresh token has no type (RFC 6749, section 7.1).
    is_access: bool,
}

impl AuthorizationServer {
    /// Revokes the family of the token, if it is this client's; gives what was revoked. The hint is not looked at: what kind of
    /// token it is, it says itself.
    pub async fn revoke(&self, client: &Client, parameters: &Parameters) -> Result<Option<Grant>, NotIssued> {
        let token = parameters.one("token").map_err(TokenRefusal::from)?.ok_or(TokenRefusal::Missing("token"))?;
        parameters.one("token_type_hint").map_err(TokenRefusal::from)?;
        let Some(grant) = self.keys.grant_of(token).await? else { return Ok(None) };
        if grant.terms.client != client.id {
            return Ok(None);
        }
        let revoked = self.store.revoke_grant(&grant.id, RevocationReason::TokenRevoked, self.clock.now()).await?;
        Ok(revoked.then_some(grant))
    }

    /// Describes the token to a client that may know (RFC 7662, section 2.2).
    pub async fn introspect(&self, client: &Client, parameters: &Parameters) -> Result<Value, NotIssued> {
        let token = parameters.one("token").map_err(TokenRefusal::from)?.ok_or(TokenRefusal::Missing("token"))?;
        parameters.one("token_type_hint").map_err(TokenRefusal::from)?;
        if !client.auth_method.is_confidential() {
            return Err(TokenRefusal::Client(super::Presented::Body).into());
        }
        let live = self.live(token).await?.filter(|live| may_know(client, &live.grant));
        let Some(live) = live else { return Ok(json!({ "active": false })) };
        let account = self.store.account(&live.grant.terms.account).await?;
        let terms = &live.grant.terms;
        let mut answer = json!({
            "active": true,
            "iss": self.site.issuer(),
            "aud": terms.resource,
            "sub": terms.account.as_str(),
            "client_id": terms.client.as_str(),
            "scope": live.scopes.to_string(),
            "iat": live.issued.as_secs(),
            "exp": live.expires.as_secs(),
            "tenant": terms.tenant.as_str(),
        });
        if live.is_access {
            answer["token_type"] = "Bearer".into();
        }
        if let Some(account) = account {
            answer["username"] = account.shown().into();
        }
        Ok(answer)
    }

    /// The token, if it is good now.
    async fn live(&self, token: &str) -> Result<Option<Live>, Failure> {
        let now = self.clock.now();
        let live = if let Ok(token) = token.parse::<RefreshToken>() {
            let Some(stored) = self.store.refresh(&token).await? else { return Ok(None) };
            if stored.spent.is_some() {
                return Ok(None);
            }
            let (scopes, issued) = (stored.grant.terms.scopes.clone(), stored.grant.created);
            Live { scopes, issued, expires: stored.expires, grant: stored.grant, is_access: false }
        } else {
            let read = self.keys.claims_of(&BearerToken::new(token.to_owned())).await?;
            let Some(claims) = read else { return Ok(None) };
            let Some(grant) = self.store.grant(&claims.grant).await? else { return Ok(None) };
            Live { grant, scopes: claims.scopes, issued: claims.issued, expires: claims.expires, is_access: true }
        };
        let terms = &live.grant.terms;
        let withdrawn = self.store.revocations().withdrawn(&live.grant.id, &terms.client, &terms.account);
        let holds = live.expires > now
            && live.grant.expires > now
            && live.grant.revoked.is_none()
            && withdrawn.is_none()
            && terms.resource == self.site.resource()
            && self.tenants.contains(&terms.tenant)
            && self.is_vouched_for(&live.grant);
        Ok(holds.then_some(live))
    }
}

/// Whether a client may know what a token of this grant is: its own, or, where the operator made the client known, any of
/// the tenants that it serves. Whoever registered themselves ask about their own alone.
fn may_know(client: &Client, grant: &Grant) -> bool {
    let is_own = grant.terms.client == client.id;
    match client.origin {
        ClientOrigin::CommandLine | ClientOrigin::Configuration => is_own || client.reach.covers(&grant.terms.tenant),
        ClientOrigin::Registration | ClientOrigin::MetadataDocument => is_own,
    }
}
