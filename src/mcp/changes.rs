//! Rows changed under a permit: the decision is on record before anything happens, what happened before the answer leaves.

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, JsonObject};
use serde_json::Value;

use super::confirmation::{Confirmed, Elicitation};
use super::reply::{self, Reply};
use super::tools::Entry;
use super::{Caller, Data, Mcp, close};
use crate::authz::{ChangeRows, Receipt, Recorded};
use crate::catalog::{Change, Dataset};
use crate::dataset::change::{self, ChangePlan, Made};
use crate::dataset::{ChangeError, Rows};
use crate::model::is_invisible;
use crate::store::audit::Outcome;

/// How much of a value is shown to the person who is asked, in characters.
const SHOWN: usize = 80;

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
        elicitation: Elicitation,
    ) -> Result<CallToolResponse, ErrorData> {
        if asked.change.is_destructive()
            && let Confirmed::Answered(response) = self.confirmed(caller, &asked, elicitation).await?
        {
            return Ok(*response);
        }
        self.changed(caller, &asked).await.map(reply::tool).map(CallToolResponse::from)
    }

    /// Spends a permit on the change, and records what became of it.
    async fn changed(&self, caller: &Caller, asked: &ChangeCall<'_>) -> Result<Recorded<Reply>, ErrorData> {
        let (receipt, plan) = match self.planned(caller, asked).await? {
            Ok(planned) => planned,
            Err(recorded) => return Ok(recorded),
        };
        let (data, person) = (self.data()?, caller.person());
        let Some(changes) = &data.changes else { return Err(reply::no_data()) };
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
            Err(error) => (Outcome::Failed, Reply::Failed(failed(&error, &decision))),
        };
        close(receipt, outcome, reply).await
    }

    /// Spends a permit on a look at the row that would be changed, and says what its person is to be asked.
    pub(super) async fn looked_at(
        &self,
        caller: &Caller,
        asked: &ChangeCall<'_>,
    ) -> Result<Result<(Receipt, String), Recorded<Reply>>, ErrorData> {
        let (receipt, plan) = match self.planned(caller, asked).await? {
            Ok(planned) => planned,
            Err(recorded) => return Ok(Err(recorded)),
        };
        let (data, person) = (self.data()?, caller.person());
        let (outcome, reply) = match change::look(&data.database, &data.schema, &plan, &person).await {
            Ok(Some(row)) => return Ok(Ok((receipt, question(asked, &row)))),
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

/// What a person is asked: to what it is done, by its key and its name, and what it would become.
fn question(asked: &ChangeCall<'_>, row: &JsonObject) -> String {
    let dataset = asked.dataset;
    let of = dataset.name.as_str().replace('_', " ");
    let title = dataset.resource.as_ref().and_then(|resource| resource.title.as_ref());
    let named = dataset.key.iter().chain(title.filter(|title| !dataset.key.contains(title)));
    let member = |name: &str, value: &Value| format!("{name}: {}", shown(value));
    let row: Vec<String> =
        named.filter_map(|name| row.get(name.as_str()).map(|value| member(name.as_str(), value))).collect();
    let row = row.join(", ");
    let is_key = |name: &&String| dataset.key.iter().any(|key| key.as_str() == name.as_str());
    let given = asked.arguments.iter().filter(|(name, _)| !is_key(name));
    let given: Vec<String> = given.map(|(name, value)| member(name, value)).collect();
    match asked.change {
        Change::Create => format!("Create one of {of}?"),
        Change::Update => format!("Change one of {of} ({row})? It will have {}.", given.join(", ")),
        Change::Delete => format!("Delete one of {of} ({row})? This cannot be undone here."),
    }
}

/// A value for the eyes of a person: short, and without anything that hides or reorders what stands beside it.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("“{text}”"));
    let visible = |c: char| if c != ' ' && is_invisible(c) { '\u{fffd}' } else { c };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text[..end].chars().map(visible).collect::<String>()),
        None => text.chars().map(visible).collect(),
    }
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
