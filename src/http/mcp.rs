//! `/mcp`: every revision of the protocol on one endpoint.
//!
//! Requests of 2026-07-28, and single requests of older clients that open no session, go to a stateless service;
//! `initialize` and what follows it goes to one with sessions. Before either, the body is read within its limits and its
//! method and name are looked at, so that a missing scope can be answered as HTTP wants it (403 with a challenge).

use std::collections::BTreeSet;
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

use super::error::{Challenges, RetryAfter as _, answer, json_rpc};
use super::session::Sessions;
use crate::authn::Principal;
use crate::keys::strict_json::{self, BadJson};
use crate::mcp::{Mcp, RequestId, Session, Sink, StepUp};

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
    manager: Arc<LocalSessionManager>,
    sessions: Sessions,
    challenges: Challenges,
    limits: RequestLimits,
    stopping: CancellationToken,
}

/// What is looked at before dispatch.
struct Peek {
    id: Value,
    method: String,
    /// The tool, the resource or the prompt that is asked for.
    name: Option<String>,
    /// A request of 2026-07-28 names its revision in `_meta` and has no session, whatever its headers say.
    is_modern: bool,
    /// The resources that a `subscriptions/listen` wants to be told of.
    watched: Vec<String>,
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
        let manager = Arc::new(LocalSessionManager::default());
        let config = config.with_max_request_body_bytes(limits.body);
        let (one, other) = (handler.clone(), handler);
        let with_sessions = StreamableHttpService::new(move || Ok(one.clone()), Arc::clone(&manager), config.clone());
        let stateless = StreamableHttpService::new(
            move || Ok(other.clone()),
            Arc::new(NeverSessionManager::default()),
            config.with_legacy_session_mode(false).with_json_response(true),
        );
        Self { mcp, with_sessions, stateless, manager, sessions, challenges, limits, stopping }
    }

    async fn post(&self, request: Request, principal: &Arc<Principal>) -> Response {
        if !is_json(request.headers()) {
            let text = "the body must be sent as Content-Type: application/json";
            return answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text);
        }
        let id = request.extensions().get::<RequestId>().cloned();
        let (mut parts, body) = http::Request::<poem_body::Boxed>::from(request).into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let peek = match peek(&body) {
            Ok(peek) => peek,
            Err(refusal) => return refusal,
        };
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
        if !peek.watched.is_empty()
            && let Some(id) = &id
        {
            match self.mcp.watch(principal, id, &peek.watched).await {
                Ok(watched) => drop(parts.extensions.insert(watched)),
                Err(error) => return json_rpc(&peek.id, error.code(), &error.to_string()),
            }
        }
        accept_both(&mut parts.headers);
        let opens = peek.method == "initialize";
        let has_session = parts.headers.contains_key(SESSION_ID);
        let request = http::Request::from_parts(parts, Full::new(body));
        if opens || (has_session && !peek.is_modern) {
            let response = self.in_session(request, &owner(principal)).await;
            // The stream of one answer; two requests of one id would leave the other's open for ever.
            until(response, tokio::time::sleep(self.limits.request_timeout))
        } else {
            self.alone(request).await
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
    async fn stream(&self, mut request: http::Request<poem_body::Boxed>, principal: Arc<Principal>) -> Response {
        accept_both(request.headers_mut());
        let wire = request.headers().get(SESSION_ID).and_then(|wire| wire.to_str().ok());
        let owner = owner(&principal);
        let session = wire.and_then(|wire| self.sessions.find(&owner, wire));
        let id = request.extensions().get::<RequestId>().cloned();
        let response = self.in_session(request, &owner).await;
        // It has no end of its own, so that a shutdown would wait for it in vain.
        match session.zip(id).filter(|_| response.status().is_success()) {
            Some((session, id)) => {
                until(response, self.mcp.streams().open(principal, id, Sink::Session(session)).ended())
            }
            None => until(response, self.stopping.clone().cancelled_owned()),
        }
    }

    /// Waits for the answer's beginning, within the time limit; dropping the future cancels the work.
    async fn timed(&self, answering: impl Future<Output = http::Response<RmcpBody>>) -> Response {
        match tokio::time::timeout(self.limits.request_timeout, answering).await {
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

/// Reads the body strictly: a member that comes twice, at any depth, is refused, since two readers could read it differently.
#[expect(clippy::result_large_err, reason = "the refusal is the answer, made at most once per request")]
fn peek(body: &Bytes) -> Result<Peek, Response> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(json_rpc(&Value::Null, -32600, "Batches are not supported; send one request at a time"));
    }
    let members = strict_json::object(body).map_err(|bad| match bad {
        BadJson::Syntax(error) if error.is_data() => not_a_request(&error),
        BadJson::Syntax(error) => json_rpc(&Value::Null, -32700, &format!("Not JSON: {error}")),
        BadJson::NotAnObject => not_a_request(&"it is not an object"),
    })?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let params = members.get("params");
    let of_params = |name| params.and_then(|params| params.get(name));
    let version = of_params("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion")?.as_str());
    let method = text(members.get("method")).unwrap_or_default();
    if let Some(wrong) = misshapen(&method, of_params) {
        return Err(json_rpc(members.get("id").unwrap_or(&Value::Null), -32602, wrong));
    }
    let is_modern = version.is_some_and(|version| version >= "2026-07-28");
    let watched = watched(of_params("notifications").filter(|_| is_modern && method == "subscriptions/listen"));
    let name = text(of_params("name")).or_else(|| text(of_params("uri"))).or_else(|| completed(of_params("ref")));
    let name = name.or_else(|| watched.first().cloned());
    Ok(Peek { id: members.get("id").cloned().unwrap_or_default(), method, name, is_modern, watched })
}

/// The resources that somebody wants to be told of, each once.
fn watched(notifications: Option<&Value>) -> Vec<String> {
    let asked = notifications.and_then(|notifications| notifications.get("resourceSubscriptions")?.as_array());
    let uris: BTreeSet<&str> = asked.into_iter().flatten().filter_map(Value::as_str).collect();
    uris.into_iter().map(ToOwned::to_owned).collect()
}

/// The prompt, or the template, whose argument is to be completed.
fn completed(reference: Option<&Value>) -> Option<String> {
    let reference = reference?;
    reference.get("name").or_else(|| reference.get("uri"))?.as_str().map(ToOwned::to_owned)
}

/// What is wrong with the parameters of a call or a read. rmcp would take one that it cannot read for an unknown method.
fn misshapen<'a>(method: &str, param: impl Fn(&'static str) -> Option<&'a Value>) -> Option<&'static str> {
    let is_text = |name| param(name).is_some_and(Value::is_string);
    let has_arguments = param("arguments").is_none_or(|arguments| arguments.is_object() || arguments.is_null());
    match method {
        "tools/call" if !is_text("name") => Some("`params.name` must be the name of a tool"),
        "tools/call" if !has_arguments => Some("`params.arguments` must be an object"),
        "resources/read" if !is_text("uri") => Some("`params.uri` must be the URI of a resource"),
        _ => None,
    }
}

fn not_a_request(why: &dyn std::fmt::Display) -> Response {
    json_rpc(&Value::Null, -32600, &format!("Not a JSON-RPC request: {why}"))
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
