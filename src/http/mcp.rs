//! `/mcp`: every revision of the protocol on one endpoint.
//!
//! Requests of 2026-07-28, and single requests of older clients that open no session, go to a stateless service;
//! `initialize` and what follows it goes to one with sessions. Before either, the body is read within its limits and its
//! method and name are looked at, so that a missing scope can be answered as HTTP wants it (403 with a challenge).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, BodyStream, Full, LengthLimitError, Limited, StreamBody};
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, Request, Response, Result};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::batch;
use super::error::{Challenges, RetryAfter as _, answer, json_rpc};
use super::peek::{REVISION, not_a_request, peek, unknown_revision};
use super::session::{Asked, Carried, Sessions};
use crate::authn::Principal;
use crate::mcp::{Gone, Mcp, RequestId, Session, StepUp};

const SESSION_ID: &str = "mcp-session-id";
const BOTH_MEDIA_TYPES: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLimits {
    pub(super) body: usize,
    pub(super) body_timeout: Duration,
    pub(super) request_timeout: Duration,
}

/// The MCP endpoint, below the bearer layer.
pub(super) struct McpEndpoint<H> {
    mcp: Mcp,
    with_sessions: StreamableHttpService<H, LocalSessionManager>,
    stateless: StreamableHttpService<H, NeverSessionManager>,
    sessions: Sessions,
    challenges: Challenges,
    limits: RequestLimits,
    stopping: CancellationToken,
}

impl<H: ServerHandler + Clone> McpEndpoint<H> {
    /// `handler` answers; `mcp` is what it is, or what it stands around.
    pub(super) fn new(
        (mcp, handler): (Mcp, H),
        config: StreamableHttpServerConfig,
        sessions: Sessions,
        challenges: Challenges,
        limits: RequestLimits,
        stopping: CancellationToken,
    ) -> Self {
        let config = config.with_max_request_body_bytes(limits.body);
        let (one, other) = (handler.clone(), handler);
        let mut carrying = config.clone();
        carrying.session_store = Some(Arc::new(Carried));
        let manager = Arc::clone(sessions.manager());
        let with_sessions = StreamableHttpService::new(move || Ok(one.clone()), manager, carrying);
        let stateless = StreamableHttpService::new(
            move || Ok(other.clone()),
            Arc::new(NeverSessionManager::default()),
            config.with_legacy_session_mode(false).with_json_response(true),
        );
        Self { mcp, with_sessions, stateless, sessions, challenges, limits, stopping }
    }

    async fn post(&self, request: Request, principal: &Principal) -> Response {
        if !is_json(request.headers()) {
            let text = "the body must be sent as Content-Type: application/json";
            return answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text);
        }
        let (parts, body) = http::Request::<poem_body::Boxed>::from(request).into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        if batch::is_one(&body) {
            return self.batch(&parts, &body, principal).await;
        }
        self.message(parts, body, principal).await
    }

    /// Answers a batch, in the revision that has them.
    async fn batch(&self, parts: &http::request::Parts, body: &Bytes, principal: &Principal) -> Response {
        let revision = match parts.headers.get(SESSION_ID) {
            Some(wire) => match self.asked(&owner(principal), wire).await {
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
        let each = batch::answered(messages, |body| self.message(parts.clone(), body, principal));
        match tokio::time::timeout(self.limits.request_timeout, each).await {
            Ok(response) => response,
            Err(_) => too_long(),
        }
    }

    async fn message(&self, mut parts: http::request::Parts, body: Bytes, principal: &Principal) -> Response {
        let peek = match peek(&body) {
            Ok(peek) => peek,
            Err(refusal) => return refusal,
        };
        if !peek.names_revision
            && let Some(refusal) = unknown_revision(&parts.headers, &peek.id)
        {
            return refusal;
        }
        let id = parts.extensions.get::<RequestId>().cloned();
        let request_id = id.as_ref().map_or("", |id| &id.0);
        match self.mcp.step_up(principal, request_id, &peek.method, peek.name.as_deref()).await {
            Ok(None) => {}
            Ok(Some(StepUp(needed))) => return self.challenges.insufficient_scope(needed),
            Err(error) => {
                tracing::error!(%error, "a decision could not be recorded");
                let text = "the server cannot record this request, so it does not answer it";
                return answer(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text).with_retry_after(1);
            }
        }
        accept_both(&mut parts.headers);
        let opens = peek.method == "initialize";
        let has_session = parts.headers.contains_key(SESSION_ID);
        if opens || (has_session && !peek.is_modern) {
            let gone = CancellationToken::new();
            parts.extensions.insert(Gone(gone.clone()));
            let (gone, most) = (gone.drop_guard(), self.limits.request_timeout);
            let request = http::Request::from_parts(parts, Full::new(body));
            let response = self.in_session(request, &owner(principal)).await;
            // The stream of one answer; two requests of one id would leave the other's open for ever. Whoever does not read it
            // to its end has the work ended too.
            until(response, async move {
                let _read = gone;
                tokio::time::sleep(most).await;
            })
        } else {
            self.alone(http::Request::from_parts(parts, Full::new(body))).await
        }
    }

    /// Reads the body, within its size and its time.
    async fn read(&self, body: poem_body::Boxed) -> Result<Bytes, Response> {
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

    async fn alone(&self, request: http::Request<Full<Bytes>>) -> Response {
        self.timed(self.stateless.handle(request)).await
    }

    async fn in_session<B>(&self, mut request: http::Request<B>, owner: &Arc<str>) -> Response
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
        let session = Arc::new(Session::default());
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

    async fn asked(&self, owner: &str, wire: &HeaderValue) -> Option<Asked> {
        self.sessions.open(owner, wire.to_str().ok()?).await
    }

    /// The session's own stream, on which its person is told of what changes.
    async fn stream(&self, mut request: http::Request<poem_body::Boxed>, principal: Arc<Principal>) -> Response {
        accept_both(request.headers_mut());
        let wire = request.headers().get(SESSION_ID).cloned();
        let owner = owner(&principal);
        let response = self.in_session(request, &owner).await;
        // Only now, because the request may have taken the session up.
        let asked = match wire {
            Some(wire) => self.asked(&owner, &wire).await,
            None => None,
        };
        let sink = asked.and_then(|asked| self.sessions.find(&owner, &asked)).and_then(|session| session.sink());
        // It has no end of its own, so that a shutdown would wait for it in vain.
        match sink.filter(|_| response.status().is_success()) {
            Some(sink) => until(response, self.mcp.streams().open(principal, sink).ended()),
            None => until(response, self.stopping.clone().cancelled_owned()),
        }
    }

    /// Waits for the answer's beginning, within the time limit; dropping the future cancels the work.
    async fn timed(&self, answering: impl Future<Output = http::Response<RmcpBody>>) -> Response {
        match tokio::time::timeout(self.limits.request_timeout, answering).await {
            Ok(response) => to_poem(response),
            Err(_) => too_long(),
        }
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
            Method::GET if request.headers().contains_key(SESSION_ID) => self.stream(request.into(), principal).await,
            Method::DELETE if request.headers().contains_key(SESSION_ID) => {
                self.in_session(http::Request::<poem_body::Boxed>::from(request), &owner(&principal)).await
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

/// Whom a session belongs to. Requests without one need no name for it.
fn owner(principal: &Principal) -> Arc<str> {
    principal.binding().into()
}

fn too_long() -> Response {
    answer(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took too long; narrow it and try again")
}

fn unknown_session() -> Response {
    answer(StatusCode::NOT_FOUND, "unknown_session", "there is no such session; initialize a new one")
}

type RmcpBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

mod poem_body {
    /// The body that a poem request turns into.
    pub(super) type Boxed = http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>;
}

/// The response, its body cut when `end` comes.
fn until(mut response: Response, end: impl Future<Output = ()> + Send + Sync + 'static) -> Response {
    let body: poem_body::Boxed = response.take_body().into();
    let frames = BodyStream::new(body).take_until(end);
    response.set_body(Body::from(http_body_util::BodyExt::boxed(StreamBody::new(frames))));
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next().unwrap_or(value).trim().eq_ignore_ascii_case("application/json"))
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
