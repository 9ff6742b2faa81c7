//! From recorded outcomes to the protocol's answers, and from errors to its error codes.
//!
//! What a caller may not know is never in a reply: a refusal reads like something that does not exist, and a failure of
//! ours is one sentence with the decision's id, while the log has the cause.

use std::any::Any;

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, CallToolResult, CompleteResult, CompletionInfo, ContentBlock, ErrorCode, GetPromptResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, Prompt, PromptMessage,
    ReadResourceResult, Resource, ResourceContents, ResourceTemplate, Tool,
};
use serde_json::{Map, Value};

use crate::authz::{Recorded, Refusal};
use crate::catalog::Change;
use crate::dataset::{CursorError, Pager, PlanError, Rows, RunError};
use crate::model::{Name, nearest, suggestion};
use crate::store::audit::{AuditError, Outcome};

/// How long a client may keep a list, in milliseconds: shorter than a policy edit takes to be noticed would be pointless,
/// longer would show tools that are gone.
const LIST_TTL_MS: u64 = 1_000;

/// What a tool came to.
#[derive(Debug)]
pub(super) enum Reply {
    /// An answer by the declared output schema.
    Structured(Value),
    /// There is no such row, or it is not one that this person may see.
    NotThere,
    /// What is wrong with the arguments, in a sentence that a model can act on.
    Unfit(String),
    /// The data could not be read.
    Failed(String),
}

/// What is said to whoever has as many requests in hand as one person may.
const AT_ONCE: &str = "Too many requests of this person are being answered; try again when some of them have been.";

/// What is said of a row that is not there, and of one that is out of sight.
const NOT_THERE: &str = "Not found: there is no such row, or it is not one that this person may see.";

/// What is said of every change that was not made, whatever the reason.
pub(super) fn unchanged(change: Change) -> &'static str {
    match change {
        Change::Create => {
            "Nothing was created: it is not a row that this person may create, or it does not fit what is there. \
             A key may be taken, or a row that it refers to may not be there."
        }
        Change::Update => {
            "Nothing was changed: there is no such row, or this person may not change it, or not in this way, or what it would \
             become does not fit what is there."
        }
        Change::Delete => {
            "Nothing was deleted: there is no such row, or this person may not delete it, or something still refers to it."
        }
    }
}

/// The answer of a tool.
pub(super) fn tool(recorded: Recorded<Reply>) -> CallToolResult {
    match recorded.into_inner() {
        Reply::Structured(value) => CallToolResult::structured(value),
        Reply::NotThere => CallToolResult::error(vec![ContentBlock::text(NOT_THERE)]),
        Reply::Unfit(text) | Reply::Failed(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
    }
}

/// The list of tools.
pub(super) fn tools(recorded: Recorded<Vec<Tool>>) -> ListToolsResult {
    ListToolsResult::with_all_items(recorded.into_inner())
        .with_cache_scope(CacheScope::Private)
        .with_ttl_ms(LIST_TTL_MS)
}

/// The member of a list's `_meta` that names the datasets whose rows are missing in it.
const UNREAD: &str = "bailiwick/unread";

/// A page of the list of resources, and the datasets whose rows could not be read for it.
pub(super) fn resources(items: Vec<Resource>, next: Option<String>, unread: &[Name]) -> ListResourcesResult {
    let mut list = ListResourcesResult::with_all_items(items);
    if !unread.is_empty() {
        let names = unread.iter().map(ToString::to_string).collect::<Vec<_>>().into();
        list.meta.get_or_insert_default().insert(UNREAD.to_owned(), names);
    }
    list.next_cursor = next;
    list.with_cache_scope(CacheScope::Private).with_ttl_ms(LIST_TTL_MS)
}

/// The list of resource templates.
pub(super) fn templates(recorded: Recorded<Vec<ResourceTemplate>>) -> ListResourceTemplatesResult {
    ListResourceTemplatesResult::with_all_items(recorded.into_inner())
        .with_cache_scope(CacheScope::Private)
        .with_ttl_ms(LIST_TTL_MS)
}

/// Values to complete an argument with.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) values: Vec<String>,
    /// Whether there are others; how many is not told.
    pub(super) more: bool,
}

/// A completion.
pub(super) fn completion(recorded: Recorded<Values>) -> CompleteResult {
    let Values { values, more } = recorded.into_inner();
    let mut completion = CompletionInfo::default();
    (completion.values, completion.has_more) = (values, Some(more));
    CompleteResult::new(completion)
}

/// A completion without values.
pub(super) fn no_values() -> CompleteResult {
    CompleteResult::new(CompletionInfo::default())
}

/// A resource template that does not exist, or that is hidden.
pub(super) fn unknown_template(template: &str) -> ErrorData {
    invalid(format!("Unknown resource template: {}", super::dispatch::cut(template)))
}

/// A prompt that does not exist, or that is hidden.
pub(super) fn unknown_prompt(name: &str) -> ErrorData {
    invalid(format!("Unknown prompt: {}", super::dispatch::cut(name)))
}

/// Neither a resource template nor a prompt is referred to.
pub(super) fn unknown_reference() -> ErrorData {
    invalid("`ref.type` must be `ref/resource` or `ref/prompt`".to_owned())
}

/// An argument that is not declared, and those that are.
pub(super) fn no_such_argument(name: &str, known: &[&str]) -> String {
    let shown = super::dispatch::cut(name);
    if known.is_empty() {
        return format!("there is no argument `{shown}`; there are none");
    }
    let nearest = suggestion(nearest(name, known.iter().copied()));
    format!("there is no argument `{shown}`{nearest}; there are: {}", known.join(", "))
}

/// The list of prompts.
pub(super) fn prompts(recorded: Recorded<Vec<Prompt>>) -> ListPromptsResult {
    ListPromptsResult::with_all_items(recorded.into_inner())
        .with_cache_scope(CacheScope::Private)
        .with_ttl_ms(LIST_TTL_MS)
}

/// A prompt.
pub(super) fn prompt(recorded: Recorded<Vec<PromptMessage>>, description: Option<String>) -> GetPromptResult {
    let mut prompt = GetPromptResult::new(recorded.into_inner());
    prompt.description = description;
    prompt
}

/// Parameters that cannot be served, and what would be right.
pub(super) fn invalid(text: String) -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_PARAMS, text, None)
}

/// A cursor that is not this caller's, or not of this list, or garbage.
pub(super) fn invalid_cursor() -> ErrorData {
    let text = "Invalid cursor; pass the `nextCursor` of the last page, or none to begin anew";
    ErrorData::new(ErrorCode::INVALID_PARAMS, text, None)
}

/// What could not be read, where no tool's answer could say so.
pub(super) fn unread(text: String) -> ErrorData {
    ErrorData::internal_error(text, None)
}

/// No row could be listed, because those of these datasets could not be read.
pub(super) fn unlisted(datasets: &[Name]) -> ErrorData {
    let names = datasets.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    unread(format!(
        "The rows of {names} could not be read, and there are no others. Try again later; if it goes on, the operator can take \
         them out of this list (`resource = \"none\"`)."
    ))
}

/// A place in a list could not be sealed.
pub(super) fn unsealed(error: &CursorError) -> ErrorData {
    tracing::error!(error = %chain(error), "a list could not be continued");
    internal()
}

/// The contents of a resource that is no row.
pub(super) fn text(recorded: Recorded<ResourceContents>) -> ReadResourceResult {
    resource(recorded.into_inner())
}

/// The contents of a row. One that is not there, one that is out of sight and a key that no row could have are one answer.
pub(super) fn contents(
    recorded: Recorded<Reply>,
    uri: &str,
    contents: impl FnOnce(&Map<String, Value>) -> ResourceContents,
) -> Result<ReadResourceResult, ErrorData> {
    match recorded.into_inner() {
        Reply::Structured(answer) => match answer.get("row").and_then(Value::as_object) {
            Some(row) => Ok(resource(contents(row))),
            None => Err(unknown_resource(uri)),
        },
        Reply::NotThere | Reply::Unfit(_) => Err(unknown_resource(uri)),
        Reply::Failed(text) => Err(unread(text)),
    }
}

fn resource(contents: ResourceContents) -> ReadResourceResult {
    ReadResourceResult::new(vec![contents]).with_cache_scope(CacheScope::Private).with_ttl_ms(LIST_TTL_MS)
}

/// A dataset whose rows tell nobody, or not this person, that they changed.
pub(super) fn no_subscription(dataset: &Name) -> ErrorData {
    invalid(format!(
        "Rows of `{dataset}` cannot be subscribed to: there is no column that tells you that one changed. Read them again instead"
    ))
}

/// There is no room for another subscription.
pub(super) fn too_many_subscriptions(most: usize) -> ErrorData {
    invalid(format!("This session is subscribed to {most} resources, which is the most; unsubscribe from one first"))
}

/// Something that only a session can have.
pub(super) fn no_session() -> ErrorData {
    ErrorData::new(
        ErrorCode::INVALID_REQUEST,
        "This needs a session: send `initialize` first, and then its Mcp-Session-Id",
        None,
    )
}

/// A method that is not served.
pub(super) fn unknown_method(method: &str) -> ErrorData {
    let text = format!("Method not found: {}", super::dispatch::cut(method));
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, text, None)
}

/// A tool that does not exist, or that is hidden: the two are the same answer.
pub(super) fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_PARAMS, format!("Unknown tool: {}", super::dispatch::cut(name)), None)
}

/// A resource that does not exist, or that is hidden.
pub(super) fn unknown_resource(uri: &str) -> ErrorData {
    ErrorData::resource_not_found(format!("Unknown resource: {}", super::dispatch::cut(uri)), None)
}

/// A refused call of a tool.
pub(super) fn tool_refusal(refusal: Refusal, name: &str) -> ErrorData {
    match refusal {
        Refusal::Denied(_) => unknown_tool(name),
        Refusal::Scope(..) | Refusal::Audit(_) | Refusal::Random(_) => self::refusal(refusal),
    }
}

/// A refused read of a resource.
pub(super) fn resource_refusal(refusal: Refusal, uri: &str) -> ErrorData {
    match refusal {
        Refusal::Denied(_) => unknown_resource(uri),
        Refusal::Scope(..) | Refusal::Audit(_) | Refusal::Random(_) => self::refusal(refusal),
    }
}

/// A refused prompt.
pub(super) fn prompt_refusal(refusal: Refusal, name: &str) -> ErrorData {
    match refusal {
        Refusal::Denied(_) => unknown_prompt(name),
        Refusal::Scope(..) | Refusal::Audit(_) | Refusal::Random(_) => self::refusal(refusal),
    }
}

/// A refusal with no name that it could hide behind.
#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
pub(super) fn refusal(refusal: Refusal) -> ErrorData {
    match &refusal {
        Refusal::Denied(_) => ErrorData::new(ErrorCode::INVALID_REQUEST, "Not allowed", None),
        // Reached only over a session whose http layer did not ask first; the challenge itself is made there.
        Refusal::Scope(needed, _) => {
            ErrorData::new(ErrorCode::INVALID_REQUEST, format!("The token lacks the scope `{needed}`"), None)
        }
        Refusal::Audit(error) => unrecorded_ref(error),
        Refusal::Random(error) => {
            tracing::error!(error = %chain(error), "a decision could not be given an id");
            internal()
        }
    }
}

/// The answer could not be recorded, so it is not given.
#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
pub(super) fn unrecorded(error: AuditError) -> ErrorData {
    unrecorded_ref(&error)
}

/// The audit trail has said in the log why it takes nothing in; a line for each request would be as many as somebody sends.
fn unrecorded_ref(error: &AuditError) -> ErrorData {
    tracing::debug!(error = %chain(error), "an answer was withheld because it could not be recorded");
    if error.is_of_one() {
        return ErrorData::new(ErrorCode::INVALID_REQUEST, AT_ONCE, None);
    }
    ErrorData::internal_error("The server cannot record this request, so it does not answer it. Try again later.", None)
}

/// The answer of a read, and what the audit says of it. A row that is not there and one that is out of sight are the same
/// answer.
pub(super) fn rows(rows: Rows, pager: &Pager<'_>) -> (Outcome, Reply) {
    let answered = Outcome::Answered { rows: rows.given() };
    match rows.structured(pager) {
        Ok(Some(answer)) => (answered, Reply::Structured(Value::Object(answer))),
        Ok(None) => (answered, Reply::NotThere),
        Err(CursorError::TooLong) => (Outcome::BadArguments, Reply::Unfit(CursorError::TooLong.to_string())),
        Err(error @ (CursorError::Random(_) | CursorError::Cipher)) => {
            tracing::error!(error = %chain(&error), "a page could not be continued");
            (Outcome::Failed, Reply::Failed(RunError::SAFE.to_owned()))
        }
    }
}

/// A request that does not make a plan, in words for the caller.
pub(super) fn bad_plan(error: &PlanError) -> String {
    match error {
        PlanError::Cursor(_) => "the argument `cursor` is an invalid cursor; pass the `next_cursor` of the last page, \
                                 with the same other arguments, or leave it out"
            .to_owned(),
        PlanError::AnotherDataset { .. } | PlanError::OtherColumns(_) => {
            tracing::error!(%error, "two permits were mixed up");
            RunError::SAFE.to_owned()
        }
    }
}

/// The database failed. The caller gets one sentence, the log the cause.
pub(super) fn failed(error: &RunError, decision: &str) -> String {
    tracing::error!(error = %chain(error), decision.id = decision, "a query failed");
    format!("{} If it goes on, give the operator this decision id: {decision}", RunError::SAFE)
}

/// No verified principal came with the request.
pub(super) fn unauthenticated() -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_REQUEST, "No verified principal", None)
}

/// A handler panicked.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> ErrorData {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    tracing::error!(panic = what, "a handler panicked");
    internal()
}

/// The client went away or cancelled the request.
pub(super) fn cancelled() -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_REQUEST, "The request was cancelled", None)
}

/// The server stopped before a change was made.
pub(super) fn stopping() -> ErrorData {
    ErrorData::internal_error("The server is stopping, and nothing was changed", None)
}

/// A tool of a dataset without a database.
pub(super) fn no_data() -> ErrorData {
    tracing::error!("a dataset has a tool, and no database is open");
    internal()
}

fn internal() -> ErrorData {
    ErrorData::internal_error("Internal error", None)
}

/// An error and its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
