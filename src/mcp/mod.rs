//! MCP itself: what a verified principal can list, call and read, in every revision of the protocol.
//!
//! The module never decides who may do what: [`dispatch`] turns a name and arguments into a typed action and asks the
//! gate; [`reply`] makes answers only from recorded outcomes. A handler that panics answers an internal error.
//!
//! # Adding a tool
//!
//! A built-in tool is one file in `tools/` (its description, its arguments, its function) and one line in
//! [`tools::Tools::new`]. It needs a `tool:` line in the policy; nothing else makes it visible.

mod dispatch;
mod reply;
mod resources;
mod tools;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

pub use dispatch::StepUp;

use crate::authn::Principal;
use crate::authz::Gate;
use crate::catalog::Catalog;
use crate::dataset::{CursorKey, Database, Schema};
use crate::model::Scope;
use crate::policy::Policies;
use crate::random::Random;

/// The id of one HTTP request, put into its extensions by the http layer; it is in every log line and audit record.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// What the handlers work with.
#[derive(Debug)]
pub struct Parts {
    /// Where access is decided.
    pub gate: Gate,
    /// The policy in force, for `whoami`.
    pub policies: Arc<Policies>,
    /// What is exposed.
    pub catalog: Arc<Catalog>,
    /// The protected data; `None` where no dataset is declared.
    pub data: Option<Data>,
    /// What page cursors are encrypted with.
    pub cursor_key: CursorKey,
    /// Where their nonces come from.
    pub random: Arc<dyn Random>,
}

/// The protected data.
#[derive(Debug)]
pub struct Data {
    /// The datasets as the database has them.
    pub schema: Schema,
    /// Where they are read.
    pub database: Database,
}

/// The MCP server. Cheap to clone: one per request or session, all over the same parts.
#[derive(Debug, Clone)]
pub struct Mcp {
    parts: Arc<Parts>,
    tools: Arc<tools::Tools>,
}

/// Who asks, in which request.
#[derive(Debug)]
struct Caller {
    principal: Arc<Principal>,
    request: Arc<str>,
}

impl Mcp {
    /// A server over these parts.
    pub fn new(parts: Parts) -> Self {
        let tools = Arc::new(tools::Tools::new(&parts.catalog));
        Self { parts: Arc::new(parts), tools }
    }

    /// The caller of this request. Without a principal in the request's extensions there is no caller and no answer: the
    /// bearer layer is not part of the argument.
    fn caller(context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let extensions =
            &context.extensions.get::<http::request::Parts>().ok_or_else(reply::unauthenticated)?.extensions;
        let principal = extensions.get::<Arc<Principal>>().ok_or_else(reply::unauthenticated)?;
        let request = extensions.get::<RequestId>().ok_or_else(reply::unauthenticated)?;
        Ok(Caller { principal: Arc::clone(principal), request: Arc::clone(&request.0) })
    }
}

/// Runs a handler until it ends, panics, or its request is cancelled.
///
/// rmcp runs handlers in tasks of its own: a panic there would leave the request without an answer, and a client that
/// goes away only cancels a token. Dropping the handler drops its receipt, which is then recorded as abandoned.
async fn guarded<T>(
    context: &RequestContext<RoleServer>,
    handler: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        outcome = AssertUnwindSafe(handler).catch_unwind() => outcome.unwrap_or_else(|panic| Err(reply::panicked(&panic))),
        () = context.ct.cancelled() => Err(reply::cancelled()),
    }
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("bailiwick", env!("CARGO_PKG_VERSION")).with_title("Bailiwick"))
            .with_instructions(
                "Answers as the person you work for: the tools and rows are those that this person may see. \
                 Call `whoami` to learn who that is.",
            )
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, self.tools_for(&caller)).await
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, self.dispatch(&caller, &call.name, call.arguments.unwrap_or_default()))
            .await
            .map(CallToolResponse::from)
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, self.resources_for(&caller)).await
    }

    async fn read_resource(
        &self,
        read: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, self.read(&caller, &read.uri)).await.map(ReadResourceResponse::from)
    }
}

/// The scopes that any operation of this server may need, for metadata and challenges.
pub const SCOPES: [Scope; 1] = [Scope::Read];
