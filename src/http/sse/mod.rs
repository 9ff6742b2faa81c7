//! HTTP with server-sent events, the transport of 2024-11-05, for clients that know no other: `GET /sse` is the stream on
//! which everything is answered, `POST /messages` takes what the client says. Off unless the configuration says so.
//!
//! The id in the address that the stream begins with is bound to its principal, as those of sessions are; for anybody
//! else it is as unknown as one that was made up. Like a session it is no credential: each POST brings its own token.
//! What is carried is answered by the same server as at `/mcp`.

mod line;
mod pipe;

use std::collections::HashMap;
#[expect(
    clippy::disallowed_types,
    reason = "a table that changes when a stream opens or ends, held for one change and never across an await"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, Request, Response, Result};
use rmcp::ServerHandler;
use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::line::Line;
use self::pipe::{Noted, Pending, Pipe};
use super::error::{RetryAfter as _, answer, in_use, json_rpc};
use super::intake::{Intake, Taken};
use super::peek::not_a_request;
use super::session::SessionKey;
use crate::authn::Principal;
use crate::mcp::{RequestId, Session, Sink};
use crate::random::{self, Random};

/// Where the stream is.
pub(super) const STREAM: &str = "/sse";
/// Where messages are taken.
pub(super) const MESSAGES: &str = "/messages";

/// How many messages may wait for their turn, and how many answers for their reader.
const WAITING: usize = 16;

/// The endpoint of both paths, below the bearer layer.
pub(super) struct LegacySse<H> {
    intake: Intake,
    handler: H,
    key: SessionKey,
    random: Arc<dyn Random>,
    open: Arc<Open>,
    stopped: CancellationToken,
}

/// The open streams, by their ids.
#[derive(Debug, Default)]
struct Open {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    streams: Mutex<HashMap<Box<str>, Way>>,
}

/// The way to the server in an open stream.
#[derive(Debug, Clone)]
struct Way {
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    session: Arc<Session>,
    pending: Arc<Pending>,
}

/// A stream's place in the table. Dropped, it is free, and nothing can be said to it any more.
struct Entry {
    open: Arc<Open>,
    id: Box<str>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.open.lock().remove(&self.id);
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Way>> {
        // Every change is one insertion or removal, so that a panic leaves it whole.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: ServerHandler + Clone> LegacySse<H> {
    /// `handler` answers what is taken in; each stream has one of its own.
    pub(super) fn new(
        intake: Intake,
        handler: H,
        (key, random): (SessionKey, Arc<dyn Random>),
        stopped: CancellationToken,
    ) -> Self {
        Self { intake, handler, key, random, open: Arc::default(), stopped }
    }

    fn stream(&self, principal: Arc<Principal>, request: RequestId) -> Response {
        let Ok(id) = random::hex::<16>(self.random.as_ref()) else {
            return answer(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal error");
        };
        let address = format!("{MESSAGES}?sessionId={id}.{}", self.key.mac(&principal.binding(), &id));
        let id: Box<str> = id.into();
        let (messages, incoming) = mpsc::channel(WAITING);
        let (outgoing, answers) = mpsc::channel(WAITING);
        let (session, pending) = (Arc::new(Session::default()), Arc::new(Pending::default()));
        let way = Way { messages, session: Arc::clone(&session), pending: Arc::clone(&pending) };
        self.open.lock().insert(id.clone(), way);
        let entry = Entry { open: Arc::clone(&self.open), id };
        let stream = self.intake.mcp.streams().open(principal, request, Sink::Session(session));
        let ending = Arc::clone(&pending);
        let patience = self.intake.limits.patience();
        // Once it is to end nothing more is taken in, and what was is answered; but for an id that was taken anew while its
        // cancellation was on its way, which rmcp takes for the cancelled one.
        let end = async move {
            stream.ended().await;
            drop(entry);
            if tokio::time::timeout(patience, ending.none()).await.is_err() {
                tracing::debug!("a stream ended with a request that was never answered");
            }
        };
        let serving = rmcp::service::serve_server_with_ct(
            self.handler.clone(),
            Pipe { incoming, outgoing, pending: Arc::clone(&pending) },
            self.stopped.child_token(),
        );
        let serving = async move {
            match serving.await {
                Ok(running) => {
                    if let Err(error) = running.waiting().await {
                        tracing::warn!(%error, "a stream ended badly");
                    }
                }
                Err(error) => tracing::debug!(%error, "a stream ended before it was initialized"),
            }
        };
        let line = Line::new(&address, answers, pending, serving, end);
        let mut response = Response::from(Body::from_bytes_stream(line.pieces()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    async fn message(&self, request: Request, principal: &Arc<Principal>) -> Response {
        let Some(way) = self.way(&request, principal) else {
            return answer(StatusCode::NOT_FOUND, "unknown_session", "there is no such stream; open a new one at /sse");
        };
        let taken = match self.intake.body(request).await {
            Ok((parts, body)) => self.intake.message(parts, body, principal).await,
            Err(refusal) => Err(refusal),
        };
        let Taken { mut parts, body, peek } = match taken {
            Ok(taken) => taken,
            Err(refusal) => return refusal,
        };
        if peek.is_modern {
            return json_rpc(&peek.id, -32600, "Requests of 2026-07-28 are answered at /mcp");
        }
        if way.session.client().is_none() && peek.is_request && !["initialize", "ping"].contains(&peek.method.as_str())
        {
            return json_rpc(&peek.id, -32600, "This stream is not initialized: send `initialize` first");
        }
        let mut message: ClientJsonRpcMessage = match serde_json::from_slice(&body) {
            Ok(message) => message,
            Err(error) => return not_a_request(&error),
        };
        parts.extensions.insert(Arc::clone(&way.session));
        match &mut message {
            ClientJsonRpcMessage::Request(request) => drop(request.request.extensions_mut().insert(parts)),
            ClientJsonRpcMessage::Notification(told) => drop(told.notification.extensions_mut().insert(parts)),
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
        match tokio::time::timeout(self.intake.limits.request_timeout, way.messages.reserve()).await {
            Ok(Ok(place)) => {
                // Noted and sent at once, so that nothing is awaited which was never sent.
                match way.pending.sent(&message) {
                    Noted::Yes => place.send(message),
                    Noted::InUse => return in_use(&peek.id),
                    Noted::Full => return unread(),
                }
                Response::builder().status(StatusCode::ACCEPTED).finish()
            }
            Ok(Err(_)) => {
                answer(StatusCode::NOT_FOUND, "unknown_session", "there is no such stream; open a new one at /sse")
            }
            Err(_) => unread(),
        }
    }

    /// The way to an open stream of this principal.
    fn way(&self, request: &Request, principal: &Principal) -> Option<Way> {
        let query = request.uri().query()?;
        let wire = query.split('&').find_map(|pair| pair.strip_prefix("sessionId="))?;
        let (id, mac) = wire.split_once('.')?;
        let is_owners = bool::from(self.key.mac(&principal.binding(), id).as_bytes().ct_eq(mac.as_bytes()));
        self.open.lock().get(id).filter(|_| is_owners).cloned()
    }
}

/// Whether a stream of events is among what the client accepts: an absent header accepts everything (RFC 9110, section 12.5.1).
fn accepts_events(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().peekable();
    let ranges = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        let mut ranges = value.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
        ranges.any(|range| ["text/event-stream", "text/*", "*/*"].contains(&range))
    };
    accepted.peek().is_none() || accepted.any(ranges)
}

fn unread() -> Response {
    let text = "the answers on the stream are not read, so nothing more is taken; read them";
    answer(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text).with_retry_after(1)
}

impl<H: ServerHandler + Clone> Endpoint for LegacySse<H> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let extensions = request.extensions();
        let caller = extensions.get::<Arc<Principal>>().cloned().zip(extensions.get::<RequestId>().cloned());
        let Some((principal, id)) = caller else {
            return Ok(answer(StatusCode::UNAUTHORIZED, "unauthorized", "no verified principal"));
        };
        let response = match (request.method(), request.uri().path()) {
            (&Method::GET, STREAM) if !accepts_events(request.headers()) => {
                let text = "the client must accept text/event-stream, which is all that there is here";
                answer(StatusCode::NOT_ACCEPTABLE, "not_acceptable", text)
            }
            (&Method::GET, STREAM) => self.stream(principal, id),
            (&Method::POST, MESSAGES) => self.message(request, &principal).await,
            (_, path) => {
                let (text, allow) = match path {
                    MESSAGES => ("messages are sent here by POST; the stream is at /sse", "POST"),
                    _ => ("the stream is read here by GET; other clients send requests to /mcp", "GET"),
                };
                let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text);
                refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
                refusal
            }
        };
        Ok(response)
    }
}
