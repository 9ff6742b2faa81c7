//! Which path leads to which endpoint of the authorization server, by which methods, and who may read the answer from a page
//! of another origin.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Result, Route};
use url::Url;

use super::throttle::Throttle;
use super::{Oauth, authorize, consent, discovery, inspect, provider, register, set_up, sign_in, sign_out, token};
use crate::config::Registration;
use crate::http::cors::{Cors, Origins};
use crate::http::description::Served;
use crate::http::error::answer;
use crate::http::pages::Frame;
use crate::oauth::AuthorizationServer;
use crate::oauth::metadata::path;
use crate::store::audit::AuditLog;
use crate::upstream::CALLBACK;

/// The authorization server, to be served.
#[derive(Debug)]
pub struct OauthEdge {
    /// The server itself.
    pub server: AuthorizationServer,
    /// What its pages call the place they are at.
    pub public_url: Url,
    /// Where its steps are recorded.
    pub audit: AuditLog,
}

impl OauthEdge {
    /// What there is to describe.
    pub(in crate::http) fn served(&self) -> Served {
        match self.server.settings.registration {
            Registration::Off => Served::WithoutRegistration,
            Registration::Open | Registration::Token(_) => Served::All,
        }
    }
}

/// Where clients look for the metadata of an authorization server whose MCP endpoint is at `/mcp`.
const AUTHORIZATION_SERVER: [&str; 3] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/mcp/.well-known/oauth-authorization-server",
];
const OPENID: [&str; 3] = [
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
];

/// Adds the endpoints to the routes.
pub(in crate::http) fn routes(edge: OauthEdge, mut route: Route) -> Route {
    let OauthEdge { server, public_url, audit } = edge;
    let throttle = Throttle::new(&server.clock);
    let oauth = &Arc::new(Oauth { server, frame: Frame::new(&public_url), throttle, audit });

    for at in AUTHORIZATION_SERVER {
        route = route.at(at, public(Methods::of(oauth).get(discovery::authorization_server)));
    }
    for at in OPENID {
        route = route.at(at, public(Methods::of(oauth).get(discovery::openid_configuration)));
    }
    if oauth.registers() {
        route = route.at(path::REGISTER, public(Methods::of(oauth).post(register::post)));
    }
    route
        .at(path::JWKS, public(Methods::of(oauth).get(discovery::jwks)))
        .at(path::TOKEN, public(Methods::of(oauth).post(token::post)))
        .at(path::REVOKE, public(Methods::of(oauth).post(inspect::revoke)))
        .at(path::INTROSPECT, Methods::of(oauth).post(inspect::introspect))
        .at(path::AUTHORIZE, Methods::of(oauth).get(authorize::get))
        .at(path::SET_UP, Methods::of(oauth).get(set_up::get).post(set_up::post))
        .at("/sign-in", Methods::of(oauth).get(sign_in::get).post(sign_in::post))
        .at("/sign-in/with/:name", Methods::of(oauth).get(provider::depart))
        .at(format!("{CALLBACK}:name"), Methods::of(oauth).get(provider::arrive))
        .at("/consent", Methods::of(oauth).get(consent::get).post(consent::post))
        .at("/sign-out", Methods::of(oauth).get(sign_out::get).post(sign_out::post))
}

/// Answers that every page may read; none of them depends on a cookie.
fn public(endpoint: Methods) -> Cors<Methods> {
    Cors { inner: endpoint, origins: Origins::Anyone }
}

type Handler = Box<dyn Fn(Arc<Oauth>, Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// One path, and what answers there by which method.
struct Methods {
    oauth: Arc<Oauth>,
    get: Option<Handler>,
    post: Option<Handler>,
}

impl Methods {
    fn of(oauth: &Arc<Oauth>) -> Self {
        Self { oauth: Arc::clone(oauth), get: None, post: None }
    }

    fn get<F: Future<Output = Response> + Send + 'static>(
        mut self,
        handler: impl Fn(Arc<Oauth>, Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.get = Some(Box::new(move |oauth, request| Box::pin(handler(oauth, request))));
        self
    }

    fn post<F: Future<Output = Response> + Send + 'static>(
        mut self,
        handler: impl Fn(Arc<Oauth>, Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.post = Some(Box::new(move |oauth, request| Box::pin(handler(oauth, request))));
        self
    }

    fn not_allowed(&self) -> Response {
        let allow = match (&self.get, &self.post) {
            (Some(_), Some(_)) => "GET, HEAD, POST",
            (Some(_), None) => "GET, HEAD",
            (None, Some(_) | None) => "POST",
        };
        let text = format!("this path is asked by {allow}");
        let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", &text);
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        refusal
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let handler = match *request.method() {
            Method::GET | Method::HEAD => &self.get,
            Method::POST => &self.post,
            _ => &None,
        };
        Ok(match handler {
            Some(handler) => handler(Arc::clone(&self.oauth), request).await,
            None => self.not_allowed(),
        })
    }
}
