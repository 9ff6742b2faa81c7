//! The one way from a tool's name and arguments to an answer: typed action, gate, work, record, reply.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, JsonObject, ListToolsResult};

use super::reply::{self, Reply};
use super::tools::{BuiltIn, Entry, Tool, echo, whoami};
use super::{Caller, Mcp, close};
use crate::authn::Principal;
use crate::authz::{Action, CallTool, List, ReadResource, ReadRows, Refusal, UseUnknown};
use crate::catalog::{Dataset, Operation};
use crate::dataset::{self, Face, Pager, ReadPlan};
use crate::model::Scope;
use crate::store::audit::Outcome;

/// The longest name of an unknown tool or resource that goes into the audit, in characters.
const LONGEST_UNKNOWN: usize = 128;

/// The scope that a call would need and the token lacks, for the step-up challenge (RFC 6750, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepUp(pub Scope);

impl Mcp {
    /// The tools that the policy allows this caller, in a stable order. Listing is one record.
    pub(super) async fn tools_for(&self, caller: &Caller) -> Result<ListToolsResult, ErrorData> {
        let permit = self.permit(caller, List::Tools).await.map_err(reply::refusal)?;
        let (_, visible, receipt) = permit.spend();
        let tools = self.tools.visible(&visible);
        let rows = u64::try_from(tools.len()).ok();
        close(receipt, Outcome::Answered { rows }, tools).await.map(reply::tools)
    }

    /// Calls a tool. One that does not exist and one that is hidden are answered alike, each with one denied record.
    pub(super) async fn dispatch(
        &self,
        caller: &Caller,
        name: &str,
        arguments: JsonObject,
    ) -> Result<CallToolResult, ErrorData> {
        let Some(entry) = self.tools.get(name) else {
            return Err(self.unknown(caller, format!("tool:{}", cut(name)), reply::unknown_tool(name)).await);
        };
        match &entry.tool {
            Tool::BuiltIn(tool) => self.call_built_in(caller, entry, *tool, &arguments).await,
            Tool::Rows { declared, operation } => {
                self.read_rows(caller, entry, declared.dataset(), *operation, &arguments).await
            }
        }
    }

    async fn call_built_in(
        &self,
        caller: &Caller,
        entry: &Entry,
        tool: BuiltIn,
        arguments: &JsonObject,
    ) -> Result<CallToolResult, ErrorData> {
        let action = CallTool(entry.name.clone());
        let permit = self.permit(caller, action).await;
        let (_, (), receipt) = permit.map_err(|refusal| reply::tool_refusal(refusal, entry.name.as_str()))?.spend();
        let answer = match tool {
            BuiltIn::Echo => echo::call(arguments),
            BuiltIn::WhoAmI => whoami::call(arguments, &caller.principal, &self.parts.policies.current()),
        };
        let recorded = match answer {
            Ok(answer) => close(receipt, Outcome::Answered { rows: None }, Reply::Structured(answer)).await,
            Err(bad) => close(receipt, Outcome::BadArguments, Reply::Error(bad.to_string())).await,
        };
        recorded.map(reply::tool)
    }

    async fn read_rows(
        &self,
        caller: &Caller,
        entry: &Entry,
        dataset: &Arc<Dataset>,
        operation: Operation,
        arguments: &JsonObject,
    ) -> Result<CallToolResult, ErrorData> {
        let action = ReadRows { dataset: dataset.name.clone(), tool: entry.name.clone() };
        let permit = self.permit(caller, action).await;
        let (_, scope, receipt) = permit.map_err(|refusal| reply::tool_refusal(refusal, entry.name.as_str()))?.spend();

        let binding = caller.principal.binding();
        let pager = Pager {
            key: &self.parts.cursor_key,
            random: self.parts.random.as_ref(),
            principal: &binding,
            tenant: &caller.principal.requester().tenant,
        };
        // Only declared datasets have tools, and a configuration that declares one names its database.
        let Some(data) = &self.parts.data else { return Err(reply::no_data()) };
        let face = Face::new(Arc::clone(dataset), Arc::clone(scope.columns()));
        let planned = match dataset::arguments::parse(face, operation, arguments) {
            Ok(request) => ReadPlan::new(request, scope, &pager).map_err(|error| reply::bad_plan(&error)),
            Err(bad) => Err(bad.to_string()),
        };
        let recorded = match planned {
            Ok(plan) => {
                match dataset::read(&data.database, &data.schema, plan, &caller.principal.proof().subject).await {
                    Ok(rows) => {
                        let (outcome, reply) = reply::rows(rows, &pager);
                        close(receipt, outcome, reply).await
                    }
                    Err(error) => {
                        let text = reply::failed(&error, receipt.record().map_or("", |record| &record.decision));
                        close(receipt, Outcome::Failed, Reply::Error(text)).await
                    }
                }
            }
            Err(text) => close(receipt, Outcome::BadArguments, Reply::Error(text)).await,
        };
        recorded.map(reply::tool)
    }

    /// Records that something unknown was asked for, then gives the answer for it.
    pub(super) async fn unknown(&self, caller: &Caller, object: String, answer: ErrorData) -> ErrorData {
        match self.permit(caller, UseUnknown(object)).await {
            Err(refusal @ (Refusal::Audit(_) | Refusal::Random(_))) => reply::refusal(refusal),
            // Its rule is to deny; were it ever allowed, the dropped permit would be recorded as abandoned.
            Err(Refusal::Denied(_) | Refusal::Scope(..)) | Ok(_) => answer,
        }
    }

    /// Asked by the http layer before dispatch, so that it can answer 403 `insufficient_scope`: says whether the scope
    /// alone is missing. What the policy hides is not revealed by it, and a token with the scope never gets here.
    ///
    /// # Errors
    ///
    /// When the decision cannot be recorded.
    pub async fn step_up(
        &self,
        principal: &Principal,
        request: &str,
        method: &str,
        name: Option<&str>,
    ) -> Result<Option<StepUp>, Refusal> {
        if principal.proof().scopes.contains(Scope::Read) {
            return Ok(None);
        }
        let refusal = match (method, name) {
            ("tools/call", Some(name)) => match self.tools.get(name).map(|entry| (&entry.tool, &entry.name)) {
                Some((Tool::BuiltIn(_), tool)) => self.scope_refusal(principal, request, CallTool(tool.clone())).await,
                Some((Tool::Rows { declared, .. }, tool)) => {
                    let action = ReadRows { dataset: declared.dataset().name.clone(), tool: tool.clone() };
                    self.scope_refusal(principal, request, action).await
                }
                None => None,
            },
            ("resources/read", Some(uri)) => match self.parts.catalog.resources.get(uri) {
                Some(uri) => self.scope_refusal(principal, request, ReadResource(uri.clone())).await,
                None => None,
            },
            _ => None,
        };
        match refusal {
            Some(Refusal::Scope(needed, _)) => Ok(Some(StepUp(needed))),
            None | Some(Refusal::Denied(_)) => Ok(None),
            Some(refusal @ (Refusal::Audit(_) | Refusal::Random(_))) => Err(refusal),
        }
    }

    /// The recorded refusal of a token without the scope. What the policy denies is left to dispatch, so that one call is
    /// one record.
    async fn scope_refusal<A: Action>(&self, principal: &Principal, request: &str, action: A) -> Option<Refusal> {
        if !self.parts.gate.would_allow(principal, &action) {
            return None;
        }
        self.parts.gate.authorize(principal, request, action).await.err()
    }
}

/// What the audit keeps of a name that nothing is known of.
pub(super) fn cut(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST_UNKNOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}
