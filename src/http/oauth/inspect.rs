//! `/revoke` (RFC 7009) and `/introspect` (RFC 7662).

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};
use serde_json::Value;

use super::answer::{json, token_refusal};
use super::events::{About, Kind};
use super::token::unrecorded;
use super::{Oauth, log};
use crate::oauth::{NotIssued, TokenRefusal};

/// Takes a token back. An unknown one is as good as one that is revoked (section 2.2).
pub(super) async fn revoke(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    match oauth.revoke(ip, &mut request).await {
        Ok(()) => json(StatusCode::OK, &Value::Object(serde_json::Map::new())),
        Err(refusal) => token_refusal(refusal),
    }
}

/// Says what a token is worth.
pub(super) async fn introspect(oauth: Arc<Oauth>, mut request: Request) -> Response {
    let ip = oauth.peer(&request);
    match oauth.introspect(ip, &mut request).await {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(refusal) => token_refusal(refusal),
    }
}

impl Oauth {
    async fn revoke(&self, ip: IpAddr, request: &mut Request) -> Result<(), TokenRefusal> {
        let parameters = self.parameters(ip, request).await?;
        let client = self.client(ip, request, &parameters).await?;
        let step = self.step(ip).map_err(|error| unrecorded(&error))?;
        let Some(grant) = self.server.revoke(&client, &parameters).await.map_err(|error| refused(&error))? else {
            return Ok(());
        };
        let mut about = About { client: Some(client.id), ..About::default() };
        about.set_grant(&grant);
        step.record(Kind::Revocation, "ok", &about).await.map_err(|error| unrecorded(&error))
    }

    async fn introspect(&self, ip: IpAddr, request: &mut Request) -> Result<Value, TokenRefusal> {
        let parameters = self.parameters(ip, request).await?;
        let client = self.client(ip, request, &parameters).await?;
        self.server.introspect(&client, &parameters).await.map_err(|error| refused(&error))
    }
}

fn refused(error: &NotIssued) -> TokenRefusal {
    if let Some(failure) = &error.failure {
        log(failure.as_ref());
    }
    error.refusal
}
