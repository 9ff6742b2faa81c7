//! The bearer layer: credential out of the headers, principal into the request's extensions.
//!
//! It is a courtesy to what stands below it, not part of the argument: without it, MCP finds no principal and refuses.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Addr, Endpoint, IntoResponse, Request, Response, Result};
use tracing::Instrument as _;

use super::error::{Challenges, answer};
use super::lasting;
use crate::authn::Authenticator;
use crate::mcp::RequestId;
use crate::random::{self, Random};
use crate::store::audit::AuditLog;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers only requests whose caller is established.
pub(super) struct Bearer<E> {
    pub(super) inner: E,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) challenges: Challenges,
    pub(super) audit: AuditLog,
    pub(super) random: Arc<dyn Random>,
}

impl<E: Endpoint> Endpoint for Bearer<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let Ok(id) = random::hex::<8>(self.random.as_ref()) else {
            tracing::error!("a request could not be given an id");
            let status = poem::http::StatusCode::INTERNAL_SERVER_ERROR;
            return Ok(answer(status, "server_error", "internal error"));
        };
        let id: Arc<str> = id.into();
        let lasting = lasting::of(&request);
        let span = tracing::debug_span!("request", request.id = %id);
        let mut response = async {
            match self.authenticator.authenticate(request.headers()).await {
                Ok(principal) => {
                    // Nothing below needs the token, so nothing below can log, store or forward it.
                    request.headers_mut().remove(header::AUTHORIZATION);
                    request.extensions_mut().insert(Arc::new(principal));
                    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
                    self.inner.get_response(request).await
                }
                Err(rejection) => {
                    self.audit.count_rejection(rejection.code(), peer(&request));
                    tracing::info!(request.id = %id, reason = rejection.code(), detail = %rejection, "a request was rejected");
                    self.challenges.rejection(&rejection)
                }
            }
        }
        .instrument(span)
        .await;
        if let Some(headers) = lasting {
            response = lasting::while_good(response, Arc::clone(&self.authenticator), headers);
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        Ok(response.into_response())
    }
}

/// The address that the connection comes from; never one that a header claims.
fn peer(request: &Request) -> IpAddr {
    match &request.remote_addr().0 {
        Addr::SocketAddr(addr) => addr.ip(),
        Addr::Unix(_) | Addr::Custom(..) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}
