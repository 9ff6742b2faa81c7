//! A person is asked before something is lost (`confirm` of a dataset), where the client can ask one.
//!
//! In 2026-07-28 the call is answered with what is to be asked, and comes again with the answer: the state in between is sealed
//! for the caller, for exactly these arguments and for the row as it was shown, and ends soon, so that a yes to one thing is none
//! to another. It counts once at this server; another with the same key takes it once more, for the same row as it was. In the
//! older revisions a client that said so at the beginning is asked in the middle of the call, over its session. A client without
//! a session cannot be asked: it would have nowhere to send the answer.
//!
//! Asking is one decision, doing another: the second is made after the answer, under the policy in force then. The client is
//! trusted to ask its person; a token is not worth less in the hands of one that lies, and the policy decides in any case.

mod in_session;
mod question;

use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationSchema, InputRequest, InputRequiredResult, InputResponses, JsonObject,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

use self::in_session::Asking;
use super::changes::ChangeCall;
use super::reply::{self, Reply};
use super::running::Deadline;
use super::{Caller, Mcp, close};
use crate::authz::Receipt;
use crate::catalog::Confirm;
use crate::dataset::CursorError;
use crate::dataset::change::Shown;
use crate::model::Timestamp;
use crate::random;
use crate::store::audit::Outcome;

/// The key of the question among the requests for input, and the member of the answer.
const CONFIRM: &str = "confirm";

/// What is said of a no, whatever it was said with.
const DECLINED: &str = "Nothing was changed: the person did not confirm it.";

/// How long a question waits for its answer.
const PATIENCE: Duration = Duration::from_mins(10);

/// How many answers are remembered, so that each counts once; one that is forgotten is still for the row as it was shown.
const REMEMBERED: u64 = 100_000;

/// The questions that were answered at this server.
#[derive(Debug, Clone)]
pub(super) struct Answered(Cache<Arc<str>, ()>);

impl Default for Answered {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).eviction_policy(EvictionPolicy::lru()).build())
    }
}

impl Answered {
    /// Takes the answer to a question; says whether it is the first.
    fn take(&self, question: &str) -> bool {
        self.0.entry(question.into()).or_insert(()).is_fresh()
    }
}

/// How the client of a call can be asked.
#[derive(Debug)]
pub(super) enum Elicitation {
    /// By answering the call with a question (2026-07-28); with what it has brought from the last round.
    Rounds(Option<(String, InputResponses)>),
    /// In the middle of the call, over its session.
    Session(Asking),
    /// Not at all.
    None,
}

/// What became of the question.
pub(super) enum Confirmed {
    /// The person said yes, to a row as it was shown; or nobody has to be asked.
    Yes(Option<Shown>),
    /// The call is answered without having done anything.
    Answered(Box<CallToolResponse>),
}

impl Elicitation {
    /// How the client of this call can be asked; `has_session` says whether it can send an answer by itself.
    pub(super) fn of(
        context: &RequestContext<RoleServer>,
        call: &mut CallToolRequestParams,
        has_session: bool,
    ) -> Self {
        let capability = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
        // Neither of the two modes is named by those that know forms alone.
        let has_forms = capability.is_some_and(|mode| mode.form.is_some() || mode.url.is_none());
        // A client of before that declares the capability has taken it from elsewhere: its revision has no such request.
        let revision = context.protocol_version().filter(|revision| revision.as_str() >= "2025-06-18");
        let Some(revision) = revision.filter(|_| has_forms) else { return Self::None };
        match (revision.as_str() >= "2026-07-28", has_session) {
            (true, _) => Self::Rounds(call.request_state.take().zip(call.input_responses.take())),
            (false, true) => Self::Session(Asking {
                peer: context.peer.clone(),
                deadline: Deadline::of(context),
                names_modes: revision.as_str() >= "2025-11-25",
            }),
            (false, false) => Self::None,
        }
    }
}

impl Mcp {
    /// Asks the person, if it has to be and can be.
    pub(super) async fn confirmed(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
        elicitation: &mut Elicitation,
    ) -> Result<Confirmed, ErrorData> {
        match (elicitation, asked.dataset.confirm) {
            (Elicitation::None, Confirm::WhenPossible) => Ok(Confirmed::Yes(None)),
            (Elicitation::None, Confirm::Required) => {
                let text = "Nothing was changed: a person must confirm this, and this client cannot ask one. Use a client that \
                            supports elicitation.";
                told(self.allowed(caller, asked).await?, Outcome::Unasked, text.to_owned()).await
            }
            (Elicitation::Rounds(brought), Confirm::WhenPossible | Confirm::Required) => {
                match brought.take().and_then(|brought| self.answered(caller, asked, brought)) {
                    Some((answer, shown)) => self.heard(caller, asked, &answer, shown).await,
                    None => self.ask_by_answer(caller, asked).await,
                }
            }
            (Elicitation::Session(asking), Confirm::WhenPossible | Confirm::Required) => {
                self.ask_in_session(caller, asked, asking).await
            }
        }
    }

    /// The answer that a client brings, if it is to this question of this caller, the first to it, and not too late; with the
    /// row that was asked about.
    fn answered(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
        brought: (String, InputResponses),
    ) -> Option<(ElicitResult, Shown)> {
        let (state, mut responses) = brought;
        let binding = caller.principal.binding();
        let state = self.pager(caller, &binding).open_place(&named(asked), &state).ok()?;
        let [until, question, shown] = state.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let until = Timestamp::from_micros(until.parse().ok()?);
        let answer = serde_json::from_value(responses.remove(CONFIRM)?).ok()?;
        (self.parts.clock.now() < until && self.answered.take(question)).then(|| (answer, shown.into()))
    }

    async fn ask_by_answer(&self, caller: &Caller, asked: &ChangeCall<'_>) -> Result<Confirmed, ErrorData> {
        let (receipt, question, shown) = match self.question(caller, asked).await? {
            Ok(question) => question,
            Err(answer) => return Ok(answer),
        };
        let binding = caller.principal.binding();
        let until = self.parts.clock.now().plus(PATIENCE).as_micros();
        let id = random::hex::<12>(self.parts.random.as_ref()).map_err(CursorError::Random);
        let id = id.map_err(|error| reply::unsealed(&error))?;
        let state = self.pager(caller, &binding).seal_place(&named(asked), &format!("{until} {id} {shown}"));
        let state = state.map_err(|error| reply::unsealed(&error))?;
        let request = InputRequest::Elicitation(ElicitRequest::new(form(question)));
        let requests = [(CONFIRM.to_owned(), request)].into();
        let response = InputRequiredResult::new(Some(requests), Some(state));
        let recorded = close(receipt, Outcome::Asked, CallToolResponse::from(response)).await?;
        Ok(Confirmed::Answered(Box::new(recorded.into_inner())))
    }

    /// What the person is asked, once it is sure that there is something to ask about.
    async fn question(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
    ) -> Result<Result<(Receipt, String, Shown), Confirmed>, ErrorData> {
        match self.looked_at(caller, asked).await? {
            Ok((receipt, row, shown)) => Ok(Ok((receipt, question::question(asked, &row), shown))),
            Err(recorded) => Ok(Err(Confirmed::Answered(Box::new(reply::tool(recorded).into())))),
        }
    }

    /// What the person said. Only a yes is one.
    async fn heard(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
        answer: &ElicitResult,
        shown: Shown,
    ) -> Result<Confirmed, ErrorData> {
        if is_yes(answer) {
            return Ok(Confirmed::Yes(Some(shown)));
        }
        told(self.allowed(caller, asked).await?, Outcome::Declined, DECLINED.to_owned()).await
    }

    /// A decision for what becomes of a question. Who may not do it at all learns nothing else than ever.
    async fn allowed(&self, caller: &Caller, asked: &ChangeCall<'_>) -> Result<Receipt, ErrorData> {
        let permit = self.permit(caller, asked.action()).await;
        let permit = permit.map_err(|refusal| reply::tool_refusal(refusal, asked.entry.name.as_str()))?;
        let (_, _, receipt) = permit.spend();
        Ok(receipt)
    }
}

/// Says, and records, that nothing was done.
async fn told(receipt: Receipt, outcome: Outcome, text: String) -> Result<Confirmed, ErrorData> {
    let recorded = close(receipt, outcome, Reply::Unfit(text)).await?;
    Ok(Confirmed::Answered(Box::new(reply::tool(recorded).into())))
}

/// Whether the person accepted, and ticked the box.
fn is_yes(answer: &ElicitResult) -> bool {
    let ticked = answer.content.as_ref().and_then(|content| content.get(CONFIRM)).and_then(Value::as_bool);
    answer.action == ElicitationAction::Accept && ticked == Some(true)
}

/// The question as a form with one box to tick.
fn form(message: String) -> ElicitRequestParams {
    let tick = |schema: rmcp::model::BooleanSchema| schema.title("Yes, do it");
    let schema = ElicitationSchema::builder().required_bool_with(CONFIRM, tick).build();
    // The only required property was added in the same breath.
    let requested_schema = schema.unwrap_or_else(|_| ElicitationSchema::new(std::collections::BTreeMap::new()));
    ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema }
}

/// What a sealed state is for: this tool with these arguments, in whatever order.
fn named(asked: &ChangeCall<'_>) -> String {
    let mut arguments: Vec<(&String, &Value)> = asked.arguments.iter().collect();
    arguments.sort_by_key(|(name, _)| *name);
    let arguments: JsonObject = arguments.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    format!("confirm {} {}", asked.entry.name, Value::Object(arguments))
}
