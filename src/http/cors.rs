//! Cross-origin answers: metadata and the endpoints that clients speak to for every origin, `/mcp` for the configured ones,
//! nothing else, never credentials.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

const EXPOSED: HeaderValue = HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, X-Request-Id, Retry-After");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Which origins may read the answers.
#[derive(Debug, Clone)]
pub(super) enum Origins {
    /// Any, for what is below `/.well-known/`: those answers are public.
    WellKnown,
    /// Any: what is answered depends on nothing that a browser adds by itself.
    Anyone,
    /// These only.
    Listed(Vec<String>),
}

/// Adds cross-origin headers, and answers preflights before anything else sees them.
pub(super) struct Cors<E> {
    pub(super) inner: E,
    pub(super) origins: Origins,
}

impl<E> Cors<E> {
    fn allowed(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        match &self.origins {
            Origins::WellKnown => {
                request.uri().path().starts_with("/.well-known/").then(|| HeaderValue::from_static("*"))
            }
            Origins::Anyone => Some(HeaderValue::from_static("*")),
            Origins::Listed(listed) => {
                listed.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }
}

impl<E: Endpoint> Endpoint for Cors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let allowed = self.allowed(&request);
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if preflight {
            let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            let mut response = Response::from(StatusCode::NO_CONTENT);
            if let Some(origin) = allowed {
                let headers = response.headers_mut();
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
                headers.insert(header::VARY, HeaderValue::from_static("Origin"));
                if let Some(asked) = asked {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
                }
            }
            return Ok(response);
        }
        let mut response = self.inner.call(request).await?.into_response();
        if let Some(origin) = allowed {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        Ok(response)
    }
}
