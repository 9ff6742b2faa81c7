//! Access tokens that say nothing themselves: what one would say is in the state, under its hash.
//!
//! They are checked by the same claims as those that are signed, and asked after on every request as those are: what is
//! remembered here is only what a token says, never that it still holds.

use super::token::{AccessClaims, SignError, access};
use super::{OwnKeys, OwnKeysError};
use crate::keys::claims::Claims;
use crate::keys::fault::{Reason, Trace};
use crate::model::BearerToken;
use crate::model::oauth::{AccessToken, RefreshToken};
use crate::random;
use crate::store::state::Grant;

impl OwnKeys {
    /// Makes a token for which the state keeps what it says.
    pub async fn keep(&self, claims: &AccessClaims) -> Result<BearerToken, SignError> {
        let token = AccessToken::from_random(random::bytes(self.random.as_ref())?);
        let body = self.body(claims)?.to_string();
        self.store.keep_access_token(&token.hash(), &claims.grant, &body, claims.expires).await?;
        Ok(BearerToken::new(token.expose().to_owned()))
    }

    /// What a token says, be it signed by us or kept here. It may have expired since.
    pub async fn claims_of(&self, token: &BearerToken) -> Result<Option<AccessClaims>, OwnKeysError> {
        match token.expose().parse::<AccessToken>() {
            Ok(token) => Ok(self.kept(&token).await?.as_ref().and_then(access)),
            Err(_) => Ok(self.read(token)),
        }
    }

    /// The grant that a token of ours came of, be it an access or a refresh token, and be it good or not.
    pub async fn grant_of(&self, token: &str) -> Result<Option<Grant>, OwnKeysError> {
        if let Ok(token) = token.parse::<RefreshToken>() {
            return Ok(self.store.refresh(&token).await?.map(|stored| stored.grant));
        }
        match self.claims_of(&BearerToken::new(token.to_owned())).await? {
            Some(claims) => Ok(self.store.grant(&claims.grant).await?),
            None => Ok(None),
        }
    }

    /// What a token that is kept here says.
    pub(in crate::keys) async fn kept(&self, token: &AccessToken) -> Result<Option<Claims>, OwnKeysError> {
        let Some(text) = self.store.access_token(&token.hash()).await? else { return Ok(None) };
        Ok(Claims::read(text.as_bytes(), Reason::Payload, &mut Trace::default()).ok())
    }
}
