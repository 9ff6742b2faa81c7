//! The one way from a tool's name and arguments to an answer: typed action, gate, work, record, reply.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, JsonObject, ListToolsResult};

use super::changes::ChangeCall;
use super::confirmation::Elicitation;
use super::reply::{self, Reply};
use super::tools::{BuiltIn, Entry, Tool, echo, whoami};
use super::{Caller, Mcp, close, one_page, running};
use crate::authz::{List, ReadRows, Refusal, Use, UseUnknown};
use crate::catalog::{Dataset, Operation};
use crate::policy::{Listed, Object};
use crate::store::audit::Outcome;

/// The longest name of an unknown tool or resource that goes into the audit, in characters.
const LONGEST_UNKNOWN: usize = 128;

impl Mcp {
    /// The tools that the policy allows this caller, in a stable order. Listing is one record.
    pub(super) async fn tools_for(&self, caller: &Caller, cursor: Option<&str>) -> Result<ListToolsResult, ErrorData> {
        let revision = self.revision();
        let permit = self.permit(caller, List(Listed::Tools)).await.map_err(reply::refusal)?;
        let (_, visible, receipt) = permit.spend();
        let tools = self.tools.visible(&visible);
        let tools = one_page(receipt, cursor, tools).await?;
        self.gave(caller, Listed::Tools, revision);
        Ok(reply::tools(tools))
    }

    /// Calls a tool. One that does not exist and one that is hidden are answered alike, each with one denied record.
    pub(super) async fn dispatch(
        &self,
        caller: &Caller,
        name: &str,
        arguments: JsonObject,
        elicitation: Elicitation,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(entry) = self.tools.get(name) else {
            return Err(self.unknown(caller, format!("tool:{}", cut(name)), reply::unknown_tool(name)).await);
        };
        match &entry.tool {
            Tool::BuiltIn(tool) => self.call_built_in(caller, entry, *tool, &arguments).await.map(Into::into),
            Tool::Rows { declared, operation } => {
                self.read_rows(caller, entry, declared.dataset(), *operation, &arguments).await.map(Into::into)
            }
            Tool::Changes { declared, change, .. } => {
                let asked = ChangeCall { entry, dataset: declared.dataset(), change: *change, arguments: &arguments };
                Box::pin(self.change_rows(caller, asked, elicitation)).await
            }
        }
    }

    /// The answer of a tool that took too long.
    pub(super) fn too_long(&self, name: &str, most: Duration) -> CallToolResponse {
        let is_change = self.tools.get(name).is_some_and(|entry| matches!(entry.tool, Tool::Changes { .. }));
        running::tool_too_long(most, is_change).into()
    }

    async fn call_built_in(
        &self,
        caller: &Caller,
        entry: &Entry,
        tool: BuiltIn,
        arguments: &JsonObject,
    ) -> Result<CallToolResult, ErrorData> {
        let action = Use(Object::Tool(entry.name.clone()));
        let permit = self.permit(caller, action).await;
        let (_, (), receipt) = permit.map_err(|refusal| reply::tool_refusal(refusal, entry.name.as_str()))?.spend();
        let answer = match tool {
            BuiltIn::Echo => echo::call(arguments),
            BuiltIn::WhoAmI => whoami::call(arguments, &caller.principal, &self.parts.policies.current()),
        };
        let recorded = match answer {
            Ok(answer) => close(receipt, Outcome::Answered { rows: None }, Reply::Structured(answer)).await,
            Err(bad) => close(receipt, Outcome::BadArguments, Reply::Unfit(bad.to_string())).await,
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
        let action = ReadRows { dataset: dataset.name.clone(), tool: entry.name.clone(), method: None };
        let permit = self.permit(caller, action).await;
        let permit = permit.map_err(|refusal| reply::tool_refusal(refusal, entry.name.as_str()))?;
        self.rows(caller, permit, dataset, operation, arguments).await.map(reply::tool)
    }

    /// Records that something unknown was asked for, then gives the answer for it.
    pub(super) async fn unknown(&self, caller: &Caller, object: String, answer: ErrorData) -> ErrorData {
        match self.permit(caller, UseUnknown(object)).await {
            Err(refusal @ (Refusal::Audit(_) | Refusal::Random(_))) => reply::refusal(refusal),
            // Its rule is to deny; were it ever allowed, the dropped permit would be recorded as abandoned.
            Err(Refusal::Denied(_) | Refusal::Scope(..)) | Ok(_) => answer,
        }
    }
}

/// What the audit keeps of a name that nothing is known of.
pub(super) fn cut(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST_UNKNOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}
