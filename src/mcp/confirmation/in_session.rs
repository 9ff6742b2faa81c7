//! A person is asked in the middle of a call, over the session of its client.
//!
//! The call waits meanwhile, under a decision of its own: whoever goes away before the answer leaves a record that says so. The
//! question ends before the call has taken as long as one may, so that the call is answered, and is told why nothing was done.

use std::time::Duration;

use rmcp::model::{ClientResult, CustomRequest, ElicitRequestParams, ElicitResult, ServerRequest};
use rmcp::service::{PeerRequestOptions, ServiceError};
use rmcp::{ErrorData, Peer, RoleServer};
use serde_json::Value;

use super::{Confirmed, DECLINED, PATIENCE, form, is_yes, told};
use crate::authz::Recorded;
use crate::mcp::changes::ChangeCall;
use crate::mcp::running::Deadline;
use crate::mcp::{Caller, Mcp, close};
use crate::store::audit::Outcome;

/// The client that is asked.
#[derive(Debug)]
pub(in crate::mcp) struct Asking {
    pub(super) peer: Peer<RoleServer>,
    /// When its call ends.
    pub(super) deadline: Option<Deadline>,
    /// Whether its revision names the mode of a question.
    pub(super) names_modes: bool,
}

impl Asking {
    /// Not by rmcp's own method, which names a mode whatever the revision.
    async fn ask(&self, params: Value) -> Result<ElicitResult, ServiceError> {
        let most = self.deadline.as_ref().map_or(PATIENCE, |deadline| deadline.for_a_question().min(PATIENCE));
        let request = ServerRequest::CustomRequest(CustomRequest::new("elicitation/create", Some(params)));
        let sent = self.peer.send_request_with_option(request, PeerRequestOptions::with_timeout(most)).await?;
        let ClientResult::ElicitResult(answer) = sent.await_response().await? else {
            return Err(ServiceError::UnexpectedResponse);
        };
        Ok(answer)
    }

    fn params(&self, form: &ElicitRequestParams) -> Result<Value, ErrorData> {
        let unwritten = |error| ErrorData::internal_error(format!("the question cannot be written: {error}"), None);
        let mut params = serde_json::to_value(form).map_err(unwritten)?;
        if !self.names_modes
            && let Some(members) = params.as_object_mut()
        {
            members.remove("mode");
        }
        Ok(params)
    }
}

impl Mcp {
    /// Asks, and waits for the answer.
    pub(super) async fn ask_in_session(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
        asking: &Asking,
    ) -> Result<Confirmed, ErrorData> {
        let (receipt, question, shown) = match self.question(caller, asked).await? {
            Ok(question) => question,
            Err(answer) => return Ok(answer),
        };
        let question = asking.params(&form(close(receipt, Outcome::Asked, question).await?.into_inner()))?;
        let waiting = self.allowed(caller, asked).await?;
        let (outcome, text) = match asking.ask(question).await {
            Ok(answer) if is_yes(&answer) => {
                let yes = Confirmed::Yes(Some(shown));
                return close(waiting, Outcome::Confirmed, yes).await.map(Recorded::into_inner);
            }
            Ok(_) => (Outcome::Declined, DECLINED.to_owned()),
            Err(ServiceError::Timeout { timeout }) => (Outcome::TimedOut, not_in_time(timeout)),
            Err(ServiceError::McpError(error)) => (Outcome::Unasked, refused(error.code.0)),
            Err(ServiceError::UnexpectedResponse) => (Outcome::Unasked, NO_ANSWER.to_owned()),
            Err(error) => {
                tracing::debug!(%error, "a client could not be asked");
                (Outcome::Abandoned, GONE.to_owned())
            }
        };
        told(waiting, outcome, text).await
    }
}

const NO_ANSWER: &str = "Nothing was changed: a person must confirm this, and what the client answered the question with is no \
                         answer to one; expected a result with an `action`.";

const GONE: &str = "Nothing was changed: the session ended before the person had answered.";

fn not_in_time(most: Duration) -> String {
    format!(
        "Nothing was changed: a person must confirm this, and did not within {most:.0?}. Call again when the person is there to \
         answer, or ask the operator for more time (`server.request_timeout`)."
    )
}

fn refused(code: i32) -> String {
    format!(
        "Nothing was changed: a person must confirm this, and the client did not ask one: it answered the question with the error \
         {code}. Use a client that supports elicitation."
    )
}
