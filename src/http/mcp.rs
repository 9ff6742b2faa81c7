//! `/mcp`: every revision of the protocol on one endpoint.
//!
//! Requests of 2026-07-28, and single requests of older clients that open no session, go to a stateless service;
//! `initialize` and what follows it goes to one with sessions. Before either, the body is read within its limits and its
//! method and name are looked at, so that a missing scope can be answered as HTTP wants it (403 with a challenge).

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, Request, Response, Result};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use super::error::answer;
use super::intake::{Boxed, Intake, Taken};
use super::peek::not_a_request;
use super::session::Sessions;
use crate::authn::Principal;
use crate::mcp::{RequestId, Session, Sink};

const SESSION_ID: &str = "mcp-session-id";
const BOTH_MEDIA_TYPES: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The MCP endpoint, below the bearer layer.
pub(super) struct McpEndpoint<H> {
    intake: Intake,
    with_sessions: StreamableHttpService<H, LocalSessionManager>,
    stateless: StreamableHttpService<H, NeverSessionManager>,
    manager: Arc<LocalSessionManager>,
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
        let manager = Arc::new(LocalSessionManager::default());
        let config = config.with_max_request_body_bytes(intake.limits.body);
        let (one, other) = (handler.clone(), handler);
        let with_sessions = StreamableHttpService::new(move || Ok(one.clone()), Arc::clone(&manager), config.clone());
        let stateless = StreamableHttpService::new(
            move || Ok(other.clone()),
            Arc::new(NeverSessionManager::default()),
            config.with_legacy_session_mode(false).with_json_response(true),
        );
        Self { intake, with_sessions, stateless, manager, sessions, stopping }
    }

    async fn post(&self, request: Request, principal: &Arc<Principal>) -> Response {
        let Taken { mut parts, body, peek } = match self.intake.take(request, principal).await {
            Ok(taken) => taken,
            Err(refusal) => return refusal,
        };
        accept_both(&mut parts.headers);
        let opens = peek.method == "initialize";
        let has_session = parts.headers.contains_key(SESSION_ID);
        let request = http::Request::from_parts(parts, Full::new(body));
        if opens || (has_session && !peek.is_modern) {
            let response = self.in_session(request, &owner(principal)).await;
            // The stream of one answer; two requests of one id would leave the other's open for ever.
            until(response, tokio::time::sleep(self.intake.limits.request_timeout))
        } else {
            self.alone(request).await
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
        if let Some(wire) = request.headers().get(SESSION_ID) {
            let id = wire.to_str().ok().and_then(|wire| self.sessions.open(owner, wire));
            let Some(id) = id.and_then(|id| HeaderValue::from_str(&id).ok()) else {
                return answer(
                    StatusCode::NOT_FOUND,
                    "unknown_session",
                    "there is no such session; initialize a new one",
                );
            };
            request.headers_mut().insert(SESSION_ID, id.clone());
            if request.method() == Method::DELETE {
                let response = self.timed(self.with_sessions.handle(request)).await;
                if response.status().is_success()
                    && let Ok(id) = id.to_str()
                {
                    self.sessions.ended(owner, id);
                }
                return response;
            }
        }
        // Where the request begins one, the server inside it takes it.
        let session = Arc::new(Session::default());
        request.extensions_mut().insert(Arc::clone(&session));
        let mut response = self.timed(self.with_sessions.handle(request)).await;
        if let Some(id) = response.headers().get(SESSION_ID).and_then(|id| id.to_str().ok()).map(ToOwned::to_owned) {
            self.sessions.opened(owner, (&id, &session), &self.manager).await;
            if let Ok(wire) = HeaderValue::from_str(&self.sessions.seal(owner, &id)) {
                response.headers_mut().insert(SESSION_ID, wire);
            }
        }
        response
    }

    /// The session's own stream, on which its person is told of what changes.
    async fn stream(&self, mut request: http::Request<Boxed>, principal: Arc<Principal>) -> Response {
        accept_both(request.headers_mut());
        let wire = request.headers().get(SESSION_ID).and_then(|wire| wire.to_str().ok());
        let owner = owner(&principal);
        let session = wire.and_then(|wire| self.sessions.find(&owner, wire));
        let id = request.extensions().get::<RequestId>().cloned();
        let response = self.in_session(request, &owner).await;
        // It has no end of its own, so that a shutdown would wait for it in vain.
        match session.zip(id).filter(|_| response.status().is_success()) {
            Some((session, id)) => {
                until(response, self.intake.mcp.streams().open(principal, id, Sink::Session(session)).ended())
            }
            None => until(response, self.stopping.clone().cancelled_owned()),
        }
    }

    /// Waits for the answer's beginning, within the time limit; dropping the future cancels the work.
    async fn timed(&self, answering: impl Future<Output = http::Response<RmcpBody>>) -> Response {
        match tokio::time::timeout(self.intake.limits.request_timeout, answering).await {
            Ok(response) => to_poem(response),
            Err(_) => {
                answer(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took too long; narrow it and try again")
            }
        }
    }
}

impl<H: ServerHandler + Clone> Endpoint for McpEndpoint<H> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(principal) = request.extensions().get::<Arc<Principal>>().cloned() else {
            return Ok(answer(StatusCode::UNAUTHORIZED, "unauthorized", "no verified principal"));
        };
        let response = match *request.method() {
            Method::POST => self.post(request, &principal).await,
            Method::GET if request.headers().contains_key(SESSION_ID) => self.stream(request.into(), principal).await,
            Method::DELETE if request.headers().contains_key(SESSION_ID) => {
                self.in_session(http::Request::<Boxed>::from(request), &owner(&principal)).await
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
pub(super) fn owner(principal: &Principal) -> Arc<str> {
    principal.binding().into()
}

type RmcpBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// The response, its body cut when `end` comes.
pub(super) fn until(mut response: Response, end: impl Future<Output = ()> + Send + Sync + 'static) -> Response {
    let body: Boxed = response.take_body().into();
    let frames = BodyStream::new(body).take_until(end);
    response.set_body(Body::from(http_body_util::BodyExt::boxed(StreamBody::new(frames))));
    response
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
        StatusCode::NOT_ACCEPTABLE => {
            ("not_acceptable", "the client must accept both application/json and text/event-stream")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", "the body is too long"),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
            ("invalid_request", "the body is not a JSON-RPC message of the MCP revision that the headers name")
        }
        _ => ("server_error", "the request could not be answered"),
    }
}
