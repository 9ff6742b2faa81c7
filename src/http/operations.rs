//! The endpoints beside MCP, described by `OpenAPI`: health, readiness, and the protected-resource metadata (RFC 9728).

use std::sync::Arc;

use poem_openapi::payload::{Json, Response as WithHeaders};
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::model::Scope;

/// One thing that must be well before the server is ready.
#[derive(Debug, Clone, Object)]
pub struct ReadyCheck {
    /// What is checked: `policy`, `audit`, `issuer blockbrain`.
    pub name: String,
    /// Whether it is well enough to answer requests.
    pub ok: bool,
    /// Its state, in words.
    pub detail: String,
}

/// Says what is ready and what is not.
pub trait Readiness: Send + Sync {
    /// Every check, in a stable order.
    fn checks(&self) -> Vec<ReadyCheck>;
}

/// That the process answers.
#[derive(Debug, Object)]
struct Alive {
    /// Always `ok`.
    status: String,
}

/// Whether requests can be answered, and why not.
#[derive(Debug, Object)]
struct Ready {
    /// Whether every check is well.
    ready: bool,
    /// The checks.
    checks: Vec<ReadyCheck>,
}

#[derive(ApiResponse)]
enum ReadyAnswer {
    /// Requests can be answered.
    #[oai(status = 200)]
    Ready(Json<Ready>),
    /// Requests cannot be answered; the checks say why.
    #[oai(status = 503)]
    NotReady(Json<Ready>),
}

/// Protected-resource metadata (RFC 9728, section 2).
#[derive(Debug, Clone, Object)]
pub(super) struct ResourceMetadata {
    /// The canonical URL of the MCP endpoint.
    pub(super) resource: String,
    /// Who issues tokens for it.
    pub(super) authorization_servers: Vec<String>,
    /// The scopes that its basic function needs.
    pub(super) scopes_supported: Vec<String>,
    /// How tokens are sent: in the `Authorization` header only.
    pub(super) bearer_methods_supported: Vec<String>,
    /// A name for people.
    pub(super) resource_name: String,
}

impl ResourceMetadata {
    pub(super) fn new(resource: String, authorization_servers: Vec<String>, scopes: &[Scope]) -> Self {
        Self {
            resource,
            authorization_servers,
            scopes_supported: scopes.iter().map(ToString::to_string).collect(),
            bearer_methods_supported: vec!["header".to_owned()],
            resource_name: "Bailiwick".to_owned(),
        }
    }
}

/// The endpoints beside MCP.
pub(super) struct Operations {
    pub(super) readiness: Arc<dyn Readiness>,
}

#[expect(clippy::unused_async, reason = "poem-openapi wants async handlers")]
#[OpenApi]
impl Operations {
    /// Says that the process answers.
    #[oai(path = "/healthz", method = "get", operation_id = "health")]
    async fn health(&self) -> Json<Alive> {
        Json(Alive { status: "ok".to_owned() })
    }

    /// Says whether requests can be answered, and if not, why.
    #[oai(path = "/readyz", method = "get", operation_id = "readiness")]
    async fn readiness(&self) -> ReadyAnswer {
        let checks = self.readiness.checks();
        let ready = checks.iter().all(|check| check.ok);
        let answer = Json(Ready { ready, checks });
        if ready { ReadyAnswer::Ready(answer) } else { ReadyAnswer::NotReady(answer) }
    }
}

/// The discovery documents.
pub(super) struct Discovery {
    pub(super) metadata: ResourceMetadata,
}

impl Discovery {
    fn document(&self) -> WithHeaders<Json<ResourceMetadata>> {
        WithHeaders::new(Json(self.metadata.clone())).header("Cache-Control", "public, max-age=300")
    }
}

#[expect(clippy::unused_async, reason = "poem-openapi wants async handlers")]
#[OpenApi(prefix_path = "/.well-known/oauth-protected-resource")]
impl Discovery {
    /// Names the MCP endpoint and who issues tokens for it (RFC 9728).
    #[oai(path = "/", method = "get", operation_id = "resource_metadata")]
    async fn root(&self) -> WithHeaders<Json<ResourceMetadata>> {
        self.document()
    }

    /// The same document, at the path that RFC 9728, section 3.1, derives from the endpoint's.
    #[oai(path = "/mcp", method = "get", operation_id = "resource_metadata_mcp")]
    async fn mcp(&self) -> WithHeaders<Json<ResourceMetadata>> {
        self.document()
    }
}
