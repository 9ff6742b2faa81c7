//! Rows changed under a permit: the decision is on record before anything happens, what happened before the answer leaves.

use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, JsonObject};

use super::confirmation::{Confirmed, Elicitation};
use super::reply::{self, Reply};
use super::tools::Entry;
use super::{Caller, Data, Mcp, close};
use crate::authz::{ChangeRows, Receipt, Recorded};
use crate::catalog::{Change, Dataset};
use crate::dataset::change::{self, ChangePlan, Made, Shown};
use crate::dataset::{ChangeError, Rows};
use crate::store::audit::Outcome;

/// A change that somebody asks for.
pub(super) struct ChangeCall<'a> {
    pub(super) entry: &'a Entry,
    pub(super) dataset: &'a Arc<Dataset>,
    pub(super) change: Change,
    pub(super) arguments: &'a JsonObject,
}

impl ChangeCall<'_> {
    /// What the gate is asked. Each time it is asked is a decision of its own.
    pub(super) fn action(&self) -> ChangeRows {
        ChangeRows { dataset: self.dataset.name.clone(), tool: self.entry.name.clone(), change: self.change }
    }
}

impl Mcp {
    /// Makes a change, once the person was asked where something is lost by it.
    pub(super) async fn change_rows(
        &self,
        caller: &Caller,
        asked: ChangeCall<'_>,
        mut elicitation: Elicitation,
    ) -> Result<CallToolResponse, ErrorData> {
        loop {
            let shown = if asked.change.is_destructive() {
                match self.confirmed(caller, &asked, &mut elicitation).await? {
                    Confirmed::Yes(shown) => shown,
                    Confirmed::Answered(response) => return Ok(*response),
                }
            } else {
                None
            };
            // Where the row became another since the person was asked, they are asked about what it is now.
            if let Some(recorded) = self.changed(caller, &asked, shown).await? {
                return Ok(reply::tool(recorded).into());
            }
        }
    }

    /// Spends a permit on the change, and records what became of it; `None` where the row is not the one that was shown.
    async fn changed(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
        shown: Option<Shown>,
    ) -> Result<Option<Recorded<Reply>>, ErrorData> {
        let (receipt, plan) = match self.planned(caller, asked).await? {
            Ok((receipt, plan)) => (receipt, plan.as_shown(shown)),
            Err(recorded) => return Ok(Some(recorded)),
        };
        let (data, person) = (self.data()?, caller.person());
        let Some(changes) = &data.changes else { return Err(reply::no_data()) };
        if let Err(wait) = self.parts.changing.take(&person) {
            let reply = Reply::Unfit(too_many(wait));
            return close(receipt, Outcome::Limited, reply).await.map(Some);
        }
        let decision = decision(&receipt);
        let begun = receipt.begin(plan.columns()).await.map_err(reply::unrecorded)?;
        let ended = change::make(changes, &data.schema, &plan, begun, &person).await;
        let Some((receipt, made)) = ended else { return Err(reply::stopping()) };
        let (outcome, reply) = match made {
            Ok(Made::Row(table)) => {
                let binding = caller.principal.binding();
                let (_, reply) = reply::rows(Rows::One(table), &self.pager(caller, &binding));
                (Outcome::Changed, reply)
            }
            Ok(Made::Nothing) => (Outcome::Unchanged, Reply::Unfit(reply::unchanged(asked.change).to_owned())),
            Ok(Made::Moved) => return close(receipt, Outcome::Unchanged, ()).await.map(|_| None),
            Err(error) => (Outcome::Failed, Reply::Failed(failed(&error, &decision))),
        };
        close(receipt, outcome, reply).await.map(Some)
    }

    /// Spends a permit on a look at the row that would be changed, for the question that its person is asked.
    pub(super) async fn looked_at(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
    ) -> Result<Result<(Receipt, JsonObject, Shown), Recorded<Reply>>, ErrorData> {
        let (receipt, plan) = match self.planned(caller, asked).await? {
            Ok(planned) => planned,
            Err(recorded) => return Ok(Err(recorded)),
        };
        let (data, person) = (self.data()?, caller.person());
        let (outcome, reply) = match change::look(&data.database, &data.schema, &plan, &person).await {
            Ok(Some((row, shown))) => return Ok(Ok((receipt, row, shown))),
            Ok(None) => (Outcome::Unchanged, Reply::Unfit(reply::unchanged(asked.change).to_owned())),
            Err(error) => (Outcome::Failed, Reply::Failed(reply::failed(&error, &decision(&receipt)))),
        };
        close(receipt, outcome, reply).await.map(Err)
    }

    /// Asks the gate, and makes a plan of the arguments; what is wrong with them is recorded.
    async fn planned(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
    ) -> Result<Result<(Receipt, ChangePlan), Recorded<Reply>>, ErrorData> {
        let permit = self.permit(caller, asked.action()).await;
        let permit = permit.map_err(|refusal| reply::tool_refusal(refusal, asked.entry.name.as_str()))?;
        let (receipt, plan) = ChangePlan::new(permit, asked.dataset, &self.data()?.schema, asked.arguments);
        match plan {
            Ok(plan) => Ok(Ok((receipt, plan))),
            Err(bad) => close(receipt, Outcome::BadArguments, Reply::Unfit(bad.to_string())).await.map(Err),
        }
    }

    /// Only declared datasets are asked, and a configuration that declares one names its database.
    fn data(&self) -> Result<&Data, ErrorData> {
        self.parts.data.as_ref().ok_or_else(reply::no_data)
    }
}

fn decision(receipt: &Receipt) -> String {
    receipt.record().map_or(String::new(), |record| record.decision.clone())
}

fn too_many(wait: Duration) -> String {
    let seconds = wait.as_secs() + 1;
    format!(
        "Nothing was changed: this person has made as many changes as one may make in a minute. Try again in {seconds} s, or ask \
         the operator for more (`mcp.changes_per_minute`)."
    )
}

/// The database did not make a change. The caller gets a sentence, the log the cause.
fn failed(error: &ChangeError, decision: &str) -> String {
    tracing::error!(error = %reply::chain(error), decision.id = decision, "a change failed");
    if error.is_passing() {
        return "The database is busy with other changes, and nothing was changed. Try again in a moment.".to_owned();
    }
    format!(
        "The change could not be made, and nothing was changed. If it goes on, give the operator this decision id: {decision}"
    )
}
