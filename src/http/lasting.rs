//! Streams that last: each ends soon after the token of the request that opened it stops being good, because it expired, was
//! revoked, or its account or client was disabled. Every other request brings its token anew; a stream would not.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use poem::http::{HeaderMap, Method};
use poem::{Body, Request, Response};

use super::intake::Boxed;
use super::mcp::pieces;
use crate::authn::{Authenticator, Rejection};

/// How often it is asked whether the token of an open stream is still good.
const EVERY: Duration = Duration::from_secs(5);

/// The headers of a request whose answer may be a stream without an end of its own, to be looked at again.
pub(super) fn of(request: &Request) -> Option<HeaderMap> {
    let headers = request.headers();
    let listens = headers.get("mcp-method").is_some_and(|method| method.as_bytes() == b"subscriptions/listen");
    (request.method() == Method::GET || listens).then(|| headers.clone())
}

/// The response, cut when the credential in these headers is no longer good. While that cannot be found out it goes on.
pub(super) fn while_good(mut response: Response, authenticator: Arc<Authenticator>, headers: HeaderMap) -> Response {
    let is_stream = response.content_type().is_some_and(|kind| kind.starts_with("text/event-stream"));
    if !is_stream {
        return response;
    }
    let ended = async move {
        loop {
            tokio::time::sleep(EVERY).await;
            match authenticator.authenticate(&headers).await {
                Ok(_) | Err(Rejection::Unavailable { .. }) => {}
                Err(rejection) => {
                    tracing::info!(reason = rejection.code(), "a stream ended, because its token is no longer good");
                    return;
                }
            }
        }
    };
    let body: Boxed = response.take_body().into();
    response.set_body(Body::from_bytes_stream(pieces(body).take_until(Box::pin(ended))));
    response
}
