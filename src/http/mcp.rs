//! `/mcp`: every revision of the protocol on one endpoint.
//!
//! Requests of 2026-07-28, and single requests of older clients that open no session, go to a stateless service;
//! `initialize` and what follows it goes to one with sessions. Before either, the body is read within its limits and its
//! method and name are looked at, so that a missing scope can be answered as HTTP wants it (403 with a challenge).

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use http_body_util::{BodyExt as _, BodyStream, Full};
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, Request, Response, Result};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::batch;
use super::error::{answer, in_use, json_rpc};
use super::in_hand::OneOfThem;
use super::intake::{Boxed, Intake, Taken};
use super::peek::{REVISION, not_a_request, unknown_revision};
use super::resumed;
use super::session::{Asked, Carried, Owner, Sessions, Within};
use crate::authn::Principal;
use crate::mcp::{Gone, RequestId, Session, Sink};
use crate::model::Person;

const SESSION_ID: &str = "mcp-session-id";
const BOTH_MEDIA_TYPES: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The MCP endpoint, below the bearer layer.
pub(super) struct McpEndpoint<H> {
    intake: Intake,
    with_sessions: StreamableHttpService<H, Within>,
    stateless: StreamableHttpService<H, NeverSessionManager>,
    sessions: Sessions,
    stopping: CancellationToken,
}

impl<H: ServerHandler + Clone> McpEndpoint<H> {
    /// `handler` answers what is taken in.
    pub(super) fn new(
        intake: Intake,
        handler: H,
        config: StreamableHttpServerConfig,
        sessions: Sessions,
        stopping: CancellationToken,
    ) -> Self {
        let config = config.with_max_request_body_bytes(intake.limits.body);
        let (one, other) = (handler.clone(), handler);
        let mut carrying = config.clone();
        carrying.session_store = Some(Arc::new(Carried));
        carrying.sse_retry = None;
        let manager = Arc::clone(sessions.manager());
        let with_sessions = StreamableHttpService::new(move || Ok(one.clone()), manager, carrying);
        let stateless = StreamableHttpService::new(
            move || Ok(other.clone()),
            Arc::new(NeverSessionManager::default()),
            config.with_legacy_session_mode(false).with_json_response(true),
        );
        Self { intake, with_sessions, stateless, sessions, stopping }
    }

    async fn post(&self, request: Request, principal: &Arc<Principal>) -> Response {
        let (parts, body) = match self.intake.body(request).await {
            Ok(taken) => taken,
            Err(refusal) => return refusal,
        };
        if batch::is_one(&body) {
            return Box::pin(self.batch(parts, &body, principal)).await;
        }
        self.message(parts, body, principal).await
    }

    /// Answers a batch, in the revision that has them.
    async fn batch(&self, mut parts: http::request::Parts, body: &Bytes, principal: &Arc<Principal>) -> Response {
        let revision = match parts.headers.get(SESSION_ID) {
            Some(wire) => match self.asked(&Owner::of(principal), wire).await {
                Some(asked) => Some(asked.revision().to_string()),
                None => return unknown_session(),
            },
            None => None,
        };
        let named = parts.headers.get(REVISION).and_then(|value| value.to_str().ok());
        let revision = revision.as_deref().or(named).unwrap_or(batch::REVISION);
        if revision != batch::REVISION {
            let text = format!("MCP {revision} has no batches; send one message at a time");
            return json_rpc(&Value::Null, -32600, &text);
        }
        let messages = match batch::messages(body) {
            Ok(messages) => messages,
            Err(refusal) => return refusal,
        };
        // One in hand, until the answers together are written. What is no request reaches those that are.
        let mut together = None;
        if batch::asks(&messages) {
            match self.intake.in_hand.take(&Person::of(principal.requester(), principal.proof())) {
                Ok(one) => {
                    parts.extensions.insert(one.clone());
                    together = Some(one);
                }
                Err(over) => return over.answered().await,
            }
        }
        let each = batch::answered(messages, |body| self.message(parts.clone(), body, principal));
        match (tokio::time::timeout(self.intake.limits.patience(), each).await, together) {
            (Ok(response), Some(together)) => together.with(response),
            (Ok(response), None) => response,
            (Err(_), _) => too_long(),
        }
    }

    async fn message(&self, parts: http::request::Parts, body: Bytes, principal: &Arc<Principal>) -> Response {
        let taken = match self.intake.message(parts, body, principal).await {
            Ok(taken) => taken,
            Err(refusal) => return refusal,
        };
        let one = taken.parts.extensions.get::<OneOfThem>().cloned();
        let response = self.answered(taken, principal).await;
        match one {
            Some(one) => one.with(response),
            None => response,
        }
    }

    async fn answered(&self, taken: Taken, principal: &Arc<Principal>) -> Response {
        let Taken { mut parts, body, peek } = taken;
        accept_both(&mut parts.headers);
        let opens = peek.method == "initialize";
        let has_session = parts.headers.contains_key(SESSION_ID);
        if opens || (has_session && !peek.is_modern) {
            let owner = Owner::of(principal);
            if let Some(wire) = parts.headers.get(SESSION_ID).and_then(|wire| wire.to_str().ok())
                && peek.is_request
            {
                let Some(held) = self.sessions.hold(&owner, wire, &peek.id) else { return in_use(&peek.id) };
                parts.extensions.insert(held);
            }
            let gone = CancellationToken::new();
            parts.extensions.insert(Gone(gone.clone()));
            let (gone, most) = (gone.drop_guard(), self.intake.limits.patience());
            let request = http::Request::from_parts(parts, Full::new(body));
            let response = Box::pin(self.in_session(request, &owner)).await;
            // The stream of one answer. Whoever does not read it to its end has the work ended too.
            until(response, async move {
                let _read = gone;
                tokio::time::sleep(most).await;
            })
        } else {
            self.alone(http::Request::from_parts(parts, Full::new(body))).await
        }
    }

    async fn alone(&self, request: http::Request<Full<Bytes>>) -> Response {
        self.timed(self.stateless.handle(request)).await
    }

    async fn in_session<B>(&self, mut request: http::Request<B>, owner: &Owner) -> Response
    where
        B: hyper::body::Body + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let mut asked = None;
        if let Some(wire) = request.headers().get(SESSION_ID) {
            let Some(known) = self.asked(owner, wire).await else { return unknown_session() };
            let Ok(here) = HeaderValue::from_str(&known.here) else { return unknown_session() };
            request.headers_mut().insert(SESSION_ID, here);
            if request.method() == Method::DELETE {
                let mut response = self.timed(self.with_sessions.handle(request)).await;
                if response.status().is_success() {
                    self.sessions.ended(owner, &known);
                    // It has ended, and that is all: rmcp's 202 would promise that it will.
                    response.set_status(StatusCode::NO_CONTENT);
                }
                return response;
            }
            asked = Some(known);
        }
        // Where the request begins one, or takes one up, the server inside it takes it.
        let session = Arc::new(if asked.is_some() { Session::taken_up() } else { Session::default() });
        request.extensions_mut().insert(Arc::clone(&session));
        let mut response = self.timed(self.with_sessions.handle(request)).await;
        if let Some(asked) = &asked {
            self.sessions.taken_up(owner, asked, &session).await;
        }
        if let Some(id) = response.headers_mut().remove(SESSION_ID)
            && let Ok(id) = id.to_str()
            && let Some(wire) = self.sessions.opened(owner, id, &session).await
            && let Ok(wire) = HeaderValue::from_str(&wire)
        {
            response.headers_mut().insert(SESSION_ID, wire);
        }
        response
    }

    async fn asked(&self, owner: &Owner, wire: &HeaderValue) -> Option<Asked> {
        self.sessions.open(owner, wire.to_str().ok()?).await
    }

    /// The session's own stream, on which its person is told of what changes.
    async fn stream(&self, mut request: http::Request<Boxed>, principal: Arc<Principal>) -> Response {
        accept_both(request.headers_mut());
        let is_resumed = resumed::after_the_last(request.headers_mut());
        let wire = request.headers().get(SESSION_ID).cloned();
        let id = request.extensions().get::<RequestId>().cloned();
        let owner = Owner::of(&principal);
        let mut response = self.in_session(request, &owner).await;
        if is_resumed && response.status().is_success() {
            response = match resumed::unless_it_is_over(response) {
                Some(response) => response,
                None => return resumed::unknown(),
            };
        }
        // Only now, because the request may have taken the session up.
        let asked = match wire {
            Some(wire) => self.asked(&owner, &wire).await,
            None => None,
        };
        let found = asked.and_then(|asked| Some((self.sessions.find(&owner, &asked)?, asked)));
        let found = found.zip(id).filter(|_| response.status().is_success());
        // It has no end of its own, so that a shutdown would wait for it in vain.
        let Some(((session, asked), id)) = found else {
            return until(response, self.stopping.clone().cancelled_owned());
        };
        let mcp = &self.intake.mcp;
        let stream = mcp.streams().open(principal, id, Sink::Session(session));
        let (mcp, kept) = (mcp.clone(), self.sessions.keep_alive(asked));
        until(response, async move {
            // While it is read, since it may begin with what came before.
            mcp.tell_missed(&stream).await;
            tokio::select! {
                () = stream.ended() => {}
                () = kept => {}
            }
        })
    }

    /// Waits for the answer's beginning, within the time limit; dropping the future cancels the work. Boxed, because what is handed
    /// on would be copied by everyone who hands it on.
    fn timed(
        &self,
        answering: impl Future<Output = http::Response<RmcpBody>> + Send,
    ) -> impl Future<Output = Response> {
        let answering = tokio::time::timeout(self.intake.limits.patience(), Box::pin(answering));
        answering.map(|answer| answer.map_or_else(|_| too_long(), to_poem))
    }
}

impl<H: ServerHandler + Clone> Endpoint for McpEndpoint<H> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(principal) = request.extensions().get::<Arc<Principal>>().cloned() else {
            return Ok(answer(StatusCode::UNAUTHORIZED, "unauthorized", "no verified principal"));
        };
        let is_of_session = [Method::GET, Method::DELETE].contains(request.method());
        if is_of_session && let Some(refusal) = unknown_revision(request.headers(), &Value::Null) {
            return Ok(refusal);
        }
        let response = match *request.method() {
            Method::POST => self.post(request, &principal).await,
            Method::GET if request.headers().contains_key(SESSION_ID) => {
                Box::pin(self.stream(request.into(), principal)).await
            }
            Method::DELETE if request.headers().contains_key(SESSION_ID) => {
                let owner = Owner::of(&principal);
                Box::pin(self.in_session(http::Request::<Boxed>::from(request), &owner)).await
            }
            _ => {
                let text = "send requests by POST; GET and DELETE need the Mcp-Session-Id of a session";
                let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text);
                refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
                refusal
            }
        };
        Ok(response)
    }
}

fn too_long() -> Response {
    answer(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took too long; narrow it and try again")
}

fn unknown_session() -> Response {
    answer(StatusCode::NOT_FOUND, "unknown_session", "there is no such session; initialize a new one")
}

type RmcpBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// The response, its body cut when `end` comes.
fn until(mut response: Response, end: impl Future<Output = ()> + Send + 'static) -> Response {
    let body: Boxed = response.take_body().into();
    response.set_body(Body::from_bytes_stream(pieces(body).take_until(Box::pin(end))));
    response
}

/// What a body gives, piece by piece; streams have no trailers.
pub(super) fn pieces(body: Boxed) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
    BodyStream::new(body).filter_map(async |frame| match frame {
        Ok(frame) => frame.into_data().ok().map(Ok),
        Err(error) => Some(Err(error)),
    })
}

/// `Accept: */*`, or none, accepts both media types (RFC 9110, section 12.5.1); rmcp wants them by name.
fn accept_both(headers: &mut HeaderMap) {
    let any = headers.get_all(header::ACCEPT).iter().all(|value| value.as_bytes() == b"*/*");
    if any {
        headers.insert(header::ACCEPT, BOTH_MEDIA_TYPES);
    }
}

/// An rmcp response as poem's. Its transport errors are plain text; ours are JSON.
fn to_poem(response: http::Response<RmcpBody>) -> Response {
    let (parts, body) = response.into_parts();
    let is_text = !parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().starts_with(b"application/json") || value.as_bytes().starts_with(b"text/event-stream")
    });
    // The media type was looked at before: what rmcp cannot read is a body of the right type and the wrong form.
    if parts.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return not_a_request(&"it is not a message of the MCP revision that the headers name");
    }
    if parts.status.as_u16() >= 400 && is_text {
        let (code, text) = transport_error(parts.status);
        let mut refusal = answer(parts.status, code, text);
        if let Some(allow) = parts.headers.get(header::ALLOW) {
            refusal.headers_mut().insert(header::ALLOW, allow.clone());
        }
        return refusal;
    }
    let mut converted = Response::from(Body::from(body.map_err(|never| match never {}).boxed()));
    converted.set_status(parts.status);
    *converted.headers_mut() = parts.headers;
    converted
}

fn transport_error(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::FORBIDDEN => ("forbidden", "the Host or Origin of the request is not one that this server answers"),
        StatusCode::NOT_FOUND => ("unknown_session", "there is no such session; initialize a new one"),
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this endpoint does not have that method"),
        StatusCode::NOT_ACCEPTABLE => (
            "not_acceptable",
            "the client must accept both application/json and text/event-stream (for a GET, the latter)",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", "the body is too long"),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
            ("invalid_request", "the body is not a JSON-RPC message of the MCP revision that the headers name")
        }
        _ => ("server_error", "the request could not be answered"),
    }
}
