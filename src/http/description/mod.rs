//! The `OpenAPI` document of the endpoints beside MCP, and the page that shows it.
//!
//! Health and protected-resource metadata are poem-openapi's own endpoints. Those of the authorization server are not: its
//! readers take the first of two parameters, a malformed `Authorization` for none, and bodies without limit, where the RFCs ask
//! for a refusal. So they stay poem handlers over a strict reader, and are described here in poem-openapi's own terms;
//! `tests/it/openapi.rs` holds each answer of theirs against the document.

mod authorization;
mod operation;
mod page;
mod pages;
mod shapes;

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use poem_openapi::OpenApiService;
use serde_json::Value;

use self::authorization::Authorization;
use super::operations::{Discovery, Operations, Readiness, ReadyCheck, ResourceMetadata};
use super::pages::Frame;
use crate::oauth::metadata::path;

const ABOUT: &str = "The endpoints beside MCP. MCP itself is at POST /mcp and describes itself by its own protocol.";

/// What of the authorization server is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// Nothing.
    None,
    /// Everything but the registration of clients by themselves.
    WithoutRegistration,
    /// Everything.
    All,
}

/// The endpoints that poem-openapi serves.
pub(super) fn service(operations: Operations, discovery: Discovery) -> OpenApiService<(Operations, Discovery), ()> {
    OpenApiService::new((operations, discovery), "Bailiwick", env!("CARGO_PKG_VERSION")).description(ABOUT)
}

/// The same and the authorization server's, to be described and not to be served.
fn whole() -> OpenApiService<(Operations, Discovery, Authorization), ()> {
    let (operations, discovery) = nothing();
    OpenApiService::new((operations, discovery, Authorization), "Bailiwick", env!("CARGO_PKG_VERSION"))
        .description(ABOUT)
}

/// Endpoints that are looked at and never asked.
fn nothing() -> (Operations, Discovery) {
    struct Nothing;
    impl Readiness for Nothing {
        fn checks(&self) -> Vec<ReadyCheck> {
            Vec::new()
        }
    }
    let metadata = ResourceMetadata::new(String::new(), Vec::new(), &[]);
    (Operations { readiness: Arc::new(Nothing) }, Discovery { metadata })
}

/// The document with everything that can be served, as `openapi/bailiwick.yaml` holds it.
pub fn specification() -> String {
    whole().spec_yaml()
}

/// The document of a server at this origin.
fn document(origin: &str, served: Served) -> Result<Value, serde_json::Error> {
    let text = match served {
        Served::None => {
            let (operations, discovery) = nothing();
            service(operations, discovery).server(origin).spec()
        }
        Served::WithoutRegistration | Served::All => whole().server(origin).spec(),
    };
    let mut document: Value = serde_json::from_str(&text)?;
    if served == Served::WithoutRegistration
        && let Some(paths) = document["paths"].as_object_mut()
    {
        paths.remove(path::REGISTER);
    }
    Ok(document)
}

/// `/openapi.json` and `/docs`, made once.
#[derive(Debug, Clone)]
pub(super) struct Described {
    json: Arc<str>,
    page: page::Page,
    frame: Frame,
}

impl Described {
    /// The description of a server at this origin.
    ///
    /// # Errors
    ///
    /// When poem-openapi's own document is no JSON.
    pub(super) fn new(origin: &str, frame: Frame, served: Served) -> Result<Self, serde_json::Error> {
        let document = document(origin, served)?;
        Ok(Self { json: document.to_string().into(), page: page::Page::of(&document, &frame), frame })
    }

    /// `/openapi.json`.
    pub(super) fn json(&self) -> Response {
        Response::builder()
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "public, max-age=300")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .body(Body::from(self.json.to_string()))
    }

    /// `/docs`.
    pub(super) fn page(&self) -> Response {
        let mut response = self.frame.page(StatusCode::OK, &self.page);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_is_not_described() {
        let paths = |served| {
            let document = document("http://127.0.0.1:8080", served).unwrap();
            assert_eq!(document["servers"][0]["url"], "http://127.0.0.1:8080");
            document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        let (none, closed, all) = (paths(Served::None), paths(Served::WithoutRegistration), paths(Served::All));
        assert!(none.iter().all(|path| !["/token", "/register", "/jwks.json"].contains(&path.as_str())), "{none:?}");
        assert!(closed.contains(&"/token".to_owned()) && !closed.contains(&"/register".to_owned()), "{closed:?}");
        assert_eq!(all.len(), closed.len() + 1);
    }
}
