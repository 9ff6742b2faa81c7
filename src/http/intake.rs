//! How a message of MCP is taken in, whatever transport carries it: the body within its limits, a look at it, whether its person
//! has as many in hand as one may (429), and whether the scope alone is missing, which HTTP answers too (403 with a challenge).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Request, Response};

use super::error::{Challenges, RetryAfter as _, answer, answered};
use super::in_hand::{InHand, OneOfThem, too_many};
use super::peek::{Peek, peek, unknown_revision, without};
use crate::authn::Principal;
use crate::authz::Refusal;
use crate::mcp::{Deadline, LISTEN, Mcp, RequestId, StepUp};
use crate::model::Person;

/// The body that a poem request turns into.
pub(super) type Boxed = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLimits {
    pub(super) body: usize,
    pub(super) body_timeout: Duration,
    pub(super) request_timeout: Duration,
}

impl RequestLimits {
    /// How long an answer is waited for: a request ends by its own deadline, and what does not, for whatever reason, is cut.
    pub(super) fn patience(&self) -> Duration {
        self.request_timeout + Duration::from_secs(5)
    }
}

/// Takes messages in.
#[derive(Debug, Clone)]
pub(super) struct Intake {
    pub(super) mcp: Mcp,
    pub(super) challenges: Challenges,
    pub(super) limits: RequestLimits,
    /// How many messages each person has in hand.
    pub(super) in_hand: InHand,
}

/// A message that may be dispatched.
pub(super) struct Taken {
    /// The request that carried it.
    pub(super) parts: http::request::Parts,
    pub(super) body: Bytes,
    pub(super) peek: Peek,
}

impl Intake {
    /// Takes in what a request carries, or gives the answer that refuses it.
    pub(super) async fn body(&self, request: Request) -> Result<(http::request::Parts, Bytes), Response> {
        if !is_json(request.headers()) {
            let text = "the body must be sent as Content-Type: application/json";
            return Err(answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text));
        }
        let (mut parts, body) = http::Request::<Boxed>::from(request).into_parts();
        let body = self.read(body).await?;
        parts.extensions.insert(Deadline::after(self.limits.request_timeout));
        Ok((parts, body))
    }

    /// Looks at one message; lets it through, or gives the answer that refuses it.
    pub(super) async fn message(
        &self,
        mut parts: http::request::Parts,
        mut body: Bytes,
        principal: &Arc<Principal>,
    ) -> Result<Taken, Response> {
        let peek = peek(&body)?;
        if !peek.names_revision
            && let Some(refusal) = unknown_revision(&parts.headers, &peek.id)
        {
            return Err(refusal);
        }
        // What is answered to us, and that a request is cancelled, must reach those that are in hand. Nothing else is done for it.
        if !peek.is_request {
            return Ok(Taken { parts, body, peek });
        }
        let taken = match parts.extensions.get::<OneOfThem>() {
            // One of a batch, which is counted as one.
            Some(batch) => Ok(batch.clone()),
            None => self.in_hand.take(&Person::of(principal.requester(), principal.proof())),
        };
        let share = match taken {
            Ok(share) => share,
            Err(over) => {
                // They may be long, and many wait.
                drop((parts, body, peek));
                return Err(over.answered().await);
            }
        };
        let id = parts.extensions.get::<RequestId>().cloned();
        let request_id = id.as_ref().map_or("", |id| &id.0);
        match self.mcp.step_up(principal, request_id, &peek.method, peek.name.as_deref()).await {
            Ok(None) => {}
            Ok(Some(StepUp(needed))) => return Err(self.challenges.insufficient_scope(needed)),
            Err(Refusal::Audit(error)) if error.is_of_one() => return Err(too_many()),
            Err(error) => {
                // Where it is the audit trail, that has said so; a line for each request would be as many as somebody sends.
                tracing::debug!(%error, "a decision could not be recorded");
                let text = "the server cannot record this request, so it does not answer it";
                let refusal = answer(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text);
                return Err(refusal.with_retry_after(1));
            }
        }
        if !peek.watched.is_empty()
            && let Some(id) = &id
        {
            match Box::pin(self.mcp.watch(principal, id, &peek.watched)).await {
                Ok((watched, untold)) => {
                    parts.extensions.insert(watched);
                    body = without(body, &untold);
                }
                Err(error) => return Err(answered(&peek.id, error.code(), &error.to_string())),
            }
        }
        // A stream is counted as one (`mcp::streams`), for as long as it is open.
        if peek.method != LISTEN {
            parts.extensions.insert(share);
        }
        Ok(Taken { parts, body, peek })
    }

    /// Reads the body, within its size and its time.
    async fn read(&self, body: Boxed) -> Result<Bytes, Response> {
        let read = Limited::new(body, self.limits.body).collect();
        match tokio::time::timeout(self.limits.body_timeout, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let text = format!("the body is longer than {} bytes", self.limits.body);
                Err(answer(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", &text))
            }
            Ok(Err(_)) => Err(answer(StatusCode::BAD_REQUEST, "invalid_request", "the body ended early")),
            Err(_) => Err(answer(StatusCode::REQUEST_TIMEOUT, "request_timeout", "the body took too long to arrive")),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next().unwrap_or(value).trim().eq_ignore_ascii_case("application/json"))
}
