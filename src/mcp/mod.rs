//! MCP itself: what a verified principal can list, call, read and subscribe to, in every revision of the protocol.
//!
//! The module never decides who may do what: `dispatch` turns a name and arguments into a typed action and asks the
//! gate; `reply` makes answers only from recorded outcomes. A handler that panics answers an internal error. `streams` has
//! the open streams: each is told that a list of its person changed (`lists`), or a row that it subscribed to (`looking`), and
//! shown nothing of it.
//!
//! # Adding a tool
//!
//! A built-in tool is one file in `tools/` (its description, its arguments, its function), a variant of `tools::BuiltIn`, which
//! the compiler then asks for in `tools` and `dispatch`, and its name in `catalog::build`. It needs a `tool:` line in the
//! policy; nothing else makes it visible.

mod changes;
mod completion;
mod confirmation;
mod dispatch;
mod lists;
mod looking;
mod missed;
mod notices;
mod prompts;
mod reply;
mod resources;
mod rows;
mod running;
mod step_up;
mod streams;
mod subscriptions;
mod tools;

use std::sync::{Arc, OnceLock};

#[expect(deprecated, reason = "the older revisions have logging")]
use rmcp::model::SetLevelRequestParams;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, CustomRequest, CustomResult,
    GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

pub use missed::Missed;
pub use running::{Deadline, Gone};
pub use step_up::StepUp;
pub use streams::{OpenStream, Session, Sink, Streams};
pub use subscriptions::{LISTEN, Unwatched, Watched};

use self::confirmation::Elicitation;
use self::running::{guarded, limited};
use crate::authn::Principal;
use crate::authz::{Action, Authorized, Gate, Receipt, Recorded, Refusal};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::dataset::{Changes, CursorKey, Database, Schema};
use crate::limits::Limit;
use crate::model::{Person, Scope};
use crate::policy::Policies;
use crate::random::Random;
use crate::store::audit::{Ending, Outcome};

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
    /// Who is told that a list or a row changed.
    pub streams: Arc<Streams>,
    /// How many rows one session, or one stream, may subscribe to.
    pub subscriptions: usize,
    /// How many rows each person may change.
    pub changing: Limit<Person>,
    /// What streams missed while the server was not running.
    pub missed: Missed,
    /// What time it is, for questions that wait for an answer.
    pub clock: Arc<dyn Clock>,
}

/// The protected data.
#[derive(Debug)]
pub struct Data {
    /// The datasets as the database has them.
    pub schema: Schema,
    /// Where they are read.
    pub database: Database,
    /// Where they are changed; `None` where none is writable.
    pub changes: Option<Changes>,
}

/// The MCP server. Cheap to clone: one per request or session, all over the same parts.
#[derive(Debug, Clone)]
pub struct Mcp {
    parts: Arc<Parts>,
    tools: Arc<tools::Tools>,
    /// The questions that were answered.
    answered: confirmation::Answered,
    /// The session that this one serves, once it is initialized. Owned here, so that it ends with it.
    session: OnceLock<Arc<Session>>,
}

/// Who asks, in which request.
#[derive(Debug, Clone)]
struct Caller {
    principal: Arc<Principal>,
    request: Arc<str>,
    ending: Ending,
}

impl Caller {
    fn new(principal: Arc<Principal>, request: Arc<str>) -> Self {
        Self { principal, request, ending: Ending::default() }
    }

    /// Whom shares are counted for.
    fn person(&self) -> Person {
        Person::of(self.principal.requester(), self.principal.proof())
    }
}

impl Mcp {
    /// A server over these parts.
    pub fn new(parts: Parts) -> Self {
        let schema = parts.data.as_ref().map(|data| &data.schema);
        let tools = Arc::new(tools::Tools::new(&parts.catalog, schema));
        Self { parts: Arc::new(parts), tools, answered: confirmation::Answered::default(), session: OnceLock::new() }
    }

    /// The scopes that any operation of this server may need, for its metadata.
    pub fn scopes(&self) -> &'static [Scope] {
        let writes = self.parts.catalog.datasets.values().any(|dataset| !dataset.writable.is_empty());
        if writes { &Scope::ALL } else { &SCOPES }
    }

    /// The open streams.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.parts.streams
    }

    /// The caller of this request. Without a principal in the request's extensions there is no caller and no answer: the
    /// bearer layer is not part of the argument.
    fn caller(context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let extensions =
            &context.extensions.get::<http::request::Parts>().ok_or_else(reply::unauthenticated)?.extensions;
        let principal = extensions.get::<Arc<Principal>>().ok_or_else(reply::unauthenticated)?;
        let request = extensions.get::<RequestId>().ok_or_else(reply::unauthenticated)?;
        let ending = extensions.get::<Deadline>().map(Deadline::ending).unwrap_or_default();
        Ok(Caller { principal: Arc::clone(principal), request: Arc::clone(&request.0), ending })
    }

    /// Asks the gate, and logs what it refuses.
    async fn permit<A: Action>(&self, caller: &Caller, action: A) -> Result<Authorized<A>, Refusal> {
        let (_, object) = action.names();
        let outcome = self.parts.gate.authorize(&caller.principal, (&caller.request, &caller.ending), action).await;
        if let Err(Refusal::Denied(decision) | Refusal::Scope(_, decision)) = &outcome {
            let (subject, tenant) = (&caller.principal.proof().subject, &caller.principal.requester().tenant);
            tracing::info!(
                request.id = %caller.request, subject.id = %subject, %tenant, decision.id = %decision, object = %object.escape_debug(), "denied"
            );
        }
        outcome
    }
}

/// Records what became of a permit. The audit has every answer, so the log has them at `debug` only: a line each would cost a
/// third of the call.
async fn close<T>(receipt: Receipt, outcome: Outcome, answer: T) -> Result<Recorded<T>, ErrorData> {
    if let Some(record) = receipt.record() {
        let tool = record.tool.as_deref();
        tracing::debug!(
            request.id = %record.request, subject.id = %record.subject, tenant = %record.tenant,
            decision.id = %record.decision, object = %record.object, tool, "{}", outcome.as_str()
        );
    }
    receipt.close(outcome, answer).await.map_err(reply::unrecorded)
}

/// Records a list that is one page, so that every cursor is one that it never gave.
async fn one_page<T>(receipt: Receipt, cursor: Option<&str>, items: Vec<T>) -> Result<Recorded<Vec<T>>, ErrorData> {
    if cursor.is_some() {
        close(receipt, Outcome::BadArguments, ()).await?.into_inner();
        return Err(reply::invalid_cursor());
    }
    let rows = u64::try_from(items.len()).ok();
    close(receipt, Outcome::Answered { rows }, items).await
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_completions()
            .build();
        if let Some(resources) = capabilities.resources.as_mut().filter(|_| self.can_subscribe()) {
            resources.subscribe = Some(true);
        }
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("bailiwick", env!("CARGO_PKG_VERSION")).with_title("Bailiwick"))
            .with_instructions(
                "Answers as the person you work for: the tools and rows are those that this person may see. \
                 Call `whoami` to learn who that is.",
            )
    }

    /// Begins a session; the http layer has put it into the request.
    async fn initialize(
        &self,
        hello: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        if let Some(session) = parts.and_then(|parts| parts.extensions.get::<Arc<Session>>()) {
            self.session.get_or_init(|| Arc::clone(session)).begin(&context.peer);
        }
        context.peer.set_peer_info(hello.clone());
        let mut welcome = self.negotiate_initialize(&hello)?;
        // Of the older revisions alone: `server/discover` does not go this way.
        if self.session.get().is_some() {
            welcome.capabilities.logging = Some(JsonObject::default());
        }
        Ok(welcome)
    }

    /// What a subscription of 2026-07-28 can be told. Every address that a row could have is accepted, whoever asks: which of
    /// them are rows, and of whom, would be told otherwise.
    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let lists = SubscriptionFilter::builder().tools_list_changed().resources_list_changed().prompts_list_changed();
        let mut accepted = lists.build();
        accepted.resource_subscriptions.clone_from(&requested.resource_subscriptions);
        Some(accepted)
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let caller = Self::caller(subscription.request_context())?;
        let parts = subscription.request_context().extensions.get::<http::request::Parts>();
        let watched = parts.and_then(|parts| parts.extensions.get::<Arc<Watched>>()).cloned().unwrap_or_default();
        let sink = Sink::Subscription(subscription.sink().clone(), watched);
        let stream = self.parts.streams.open(caller.principal, RequestId(caller.request), sink);
        Box::pin(self.tell_missed(&stream)).await;
        tokio::select! {
            () = subscription.cancelled() => {}
            () = stream.ended() => {}
        }
        Ok(())
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = Self::caller(&context)?;
        let cursor = page.and_then(|page| page.cursor);
        guarded(&context, Box::pin(self.tools_for(&caller, cursor.as_deref()))).await
    }

    async fn call_tool(
        &self,
        mut call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        let elicitation = Elicitation::of(&context, &mut call, self.session.get().is_some());
        let begun = tokio::time::Instant::now();
        let answer = Box::pin(self.dispatch(&caller, &call.name, call.arguments.unwrap_or_default(), elicitation));
        let answer = limited(&context, answer, |most| Ok(self.too_long(&call.name, most))).await?;
        if let (Some(session), CallToolResponse::Complete(complete)) = (self.session.get(), &answer) {
            session.notice(notices::of_answer(&call.name, &caller.request, complete, begun.elapsed())).await;
        }
        Ok(answer)
    }

    #[expect(deprecated, reason = "the older revisions have logging")]
    async fn set_level(
        &self,
        set: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Self::caller(&context)?;
        if context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28) {
            return Err(reply::unknown_method("logging/setLevel"));
        }
        self.session.get().ok_or_else(reply::no_session)?.level.set(set.level);
        Ok(())
    }

    async fn list_prompts(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let caller = Self::caller(&context)?;
        let cursor = page.and_then(|page| page.cursor);
        guarded(&context, Box::pin(self.prompts_for(&caller, cursor.as_deref()))).await
    }

    async fn get_prompt(
        &self,
        get: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        let arguments = get.arguments.unwrap_or_default();
        guarded(&context, Box::pin(self.prompt(&caller, &get.name, &arguments))).await.map(GetPromptResponse::from)
    }

    async fn complete(
        &self,
        asked: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, Box::pin(self.complete_for(&caller, asked))).await
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = Self::caller(&context)?;
        let cursor = page.and_then(|page| page.cursor);
        guarded(&context, Box::pin(self.resources_for(&caller, cursor.as_deref()))).await
    }

    async fn list_resource_templates(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let caller = Self::caller(&context)?;
        let cursor = page.and_then(|page| page.cursor);
        guarded(&context, Box::pin(self.templates_for(&caller, cursor.as_deref()))).await
    }

    /// A method that no revision has, or not the one of the request.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(reply::unknown_method(&request.method))
    }

    async fn read_resource(
        &self,
        read: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, Box::pin(self.read(&caller, &read.uri))).await.map(ReadResourceResponse::from)
    }

    async fn subscribe(
        &self,
        subscribe: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = Self::caller(&context)?;
        guarded(&context, Box::pin(self.subscribe_to(&caller, &subscribe.uri))).await
    }

    async fn unsubscribe(
        &self,
        unsubscribe: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Self::caller(&context)?;
        if let Some(session) = self.session.get() {
            session.watched.forget(&unsubscribe.uri);
        }
        Ok(())
    }
}

/// The scopes that a client needs to begin with, for challenges: what writes asks for its own when it is called.
pub const SCOPES: [Scope; 1] = [Scope::Read];
