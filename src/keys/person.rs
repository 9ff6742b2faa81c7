//! For whom signed claims speak.
//!
//! Mostly that is who they are about. A token of our own authorization server can speak for somebody whom an OpenID provider
//! vouched for: then what that provider signed says who they are, by its own `[[issuer]]`. While they sign in there, what it adds
//! when it is asked (userinfo) says so too. And a platform that the operator
//! marked can name the person it works for: then nobody has proved who that is but the platform, and it says so.

use std::sync::Arc;

use serde_json::json;

use super::claims::Claims;
use crate::config::{ActorRule, Issuer};
use crate::model::{Assurance, ClientId, ExternalUserId, Tenant, TokenHash};

/// The longest identifier of a person, in bytes, that stands in a `sub` as it is.
const LONGEST: usize = 200;

/// What the store adds to a token of ours.
#[derive(Debug)]
pub(super) struct Standing {
    /// Whom a provider vouched for.
    pub(super) person: Option<Arc<Person>>,
    /// Whether its client may name the person it works for.
    pub(super) asserts: bool,
}

/// Somebody whom another than our own token describes.
#[derive(Debug)]
pub struct Person {
    /// Whose claims they are.
    pub(super) issuer: Arc<Issuer>,
    /// The claims.
    pub(super) claims: Claims,
    /// The one tenant that the token is for, where it says which.
    pub(super) tenant: Option<Tenant>,
    /// How it is known.
    pub(super) assurance: Assurance,
}

impl Person {
    /// Whom a provider vouched for.
    pub(super) fn signed_in(issuer: Arc<Issuer>, claims: Claims, tenant: Tenant) -> Self {
        Self { issuer, claims, tenant: Some(tenant), assurance: Assurance::Verified }
    }

    /// Whoever signs in at a provider that says of them what it has not signed: it was asked itself, about them.
    pub(crate) fn told(issuer: Issuer, claims: Claims) -> Self {
        Self { issuer: Arc::new(issuer), claims, tenant: None, assurance: Assurance::Verified }
    }

    /// The claims that say who it is.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whom a client of ours names. The `sub` is none that an account could have; the client is the actor.
    pub(super) fn asserted(ours: &Issuer, client: &ClientId, user: &ExternalUserId, tenant: Tenant) -> Self {
        let user = user.as_str();
        let long = TokenHash::of(user).as_text();
        // The longest would be no `sub` behind the prefix.
        let sub = if user.len() <= LONGEST { user } else { &long };
        let said = json!({
            "sub": format!("asserted:{sub}"),
            super::own::TENANT: tenant.as_str(),
            super::own::EXTERNAL_USER: user,
            "act": { "sub": client.as_str() },
        });
        let members = said.as_object().cloned().unwrap_or_default();
        let issuer = Arc::new(Issuer { actor: ActorRule::Allow, ..ours.clone() });
        Self { issuer, claims: Claims::from_members(members), tenant: Some(tenant), assurance: Assurance::Asserted }
    }
}
