//! `completion/complete`: what an argument of a resource template or a prompt could be.
//!
//! Values come from rows that the caller may list, and from declarations that everybody who sees the prompt sees. A template
//! or a prompt that is hidden is as unknown as one that does not exist.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{ArgumentInfo, CompleteRequestParams, CompleteResult, CompletionInfo, Reference};
use serde_json::{Map, Value};

use super::reply::{self, Values};
use super::rows::read_by;
use super::{Caller, Mcp, close};
use crate::authz::{Refusal, Use};
use crate::catalog::{Choice, Dataset, Operation};
use crate::dataset::{self, Face, ValuesPlan, address};
use crate::policy::Object;
use crate::store::audit::Outcome;

pub(super) const METHOD: &str = "completion/complete";

/// The most values of a completion, by the protocol.
const MOST: u16 = 100;

const _: () = assert!(MOST as usize == CompletionInfo::MAX_VALUES, "the protocol's own bound");

impl Mcp {
    /// The dataset whose rows have this template.
    pub(super) fn of_template(&self, template: &str) -> Option<&Arc<Dataset>> {
        let datasets = self.parts.catalog.datasets.values().filter(|dataset| dataset.resource.is_some());
        datasets.into_iter().find(|dataset| address::template(dataset) == template)
    }

    /// Completes one argument.
    pub(super) async fn complete_for(
        &self,
        caller: &Caller,
        asked: CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        let known = asked.context.and_then(|context| context.arguments).unwrap_or_default();
        if let Reference::Resource(reference) = &asked.r#ref {
            let template = &reference.uri;
            let unknown = reply::unknown_template(template);
            let Some(dataset) = self.of_template(template) else {
                let object = format!("resource:{}", super::dispatch::cut(template));
                return Err(self.unknown(caller, object, unknown).await);
            };
            return self.complete_key(caller, dataset, &asked.argument, known, unknown).await;
        }
        let Reference::Prompt(reference) = &asked.r#ref else { return Err(reply::unknown_reference()) };
        self.complete_argument(caller, &reference.name, &asked.argument).await
    }

    /// Completes an argument of a prompt: one record for the prompt, and one for the rows whose keys are offered.
    async fn complete_argument(
        &self,
        caller: &Caller,
        name: &str,
        argument: &ArgumentInfo,
    ) -> Result<CompleteResult, ErrorData> {
        let Some(prompt) = self.parts.catalog.prompts.get(name) else {
            return Err(self.unknown_prompt(caller, name).await);
        };
        let permit = self.permit(caller, Use(Object::Prompt(prompt.name.clone()))).await;
        let (_, (), receipt) = permit.map_err(|refusal| reply::prompt_refusal(refusal, name))?.spend();
        let Some(declared) = prompt.argument(&argument.name) else {
            let known: Vec<&str> = prompt.arguments.iter().map(|argument| argument.name.as_str()).collect();
            let wrong = reply::no_such_argument(&argument.name, &known);
            return Err(reply::invalid(close(receipt, Outcome::BadArguments, wrong).await?.into_inner()));
        };
        let values = match &declared.choice {
            Choice::Text => Vec::new(),
            Choice::Values(values) => {
                let begins = values.iter().filter(|value| value.starts_with(&argument.value));
                begins.take(usize::from(MOST)).cloned().collect()
            }
            Choice::Row(dataset) => {
                close(receipt, Outcome::Answered { rows: None }, ()).await?.into_inner();
                let dataset = self.parts.catalog.datasets.get(dataset);
                let key = dataset.and_then(|dataset| Some((dataset, dataset.key.first()?)));
                let Some((dataset, key)) = key else { return Ok(reply::no_values()) };
                return self.values(caller, dataset, (key.as_str(), &argument.value), Some(&Map::new())).await;
            }
        };
        let answer = Values { values, more: false };
        close(receipt, Outcome::Answered { rows: None }, answer).await.map(reply::completion)
    }

    /// Completes a column of the key of a dataset's rows.
    async fn complete_key(
        &self,
        caller: &Caller,
        dataset: &Arc<Dataset>,
        argument: &ArgumentInfo,
        known: HashMap<String, String>,
        unknown: ErrorData,
    ) -> Result<CompleteResult, ErrorData> {
        // Whoever may not get a row does not see the template.
        if let Some(get) = read_by(dataset, Operation::Get, METHOD)
            && !self.parts.gate.would_allow(&caller.principal, &get)
        {
            return match self.permit(caller, get).await {
                Err(refusal @ (Refusal::Audit(_) | Refusal::Random(_))) => Err(reply::refusal(refusal)),
                Err(Refusal::Denied(_) | Refusal::Scope(..)) | Ok(_) => Err(unknown),
            };
        }
        let Some(column) = dataset.key.iter().find(|column| column.as_str() == argument.name) else {
            let names: Vec<&str> = dataset.key.iter().map(crate::model::Name::as_str).collect();
            return Err(reply::invalid(reply::no_such_argument(&argument.name, &names)));
        };
        let fixed: Option<Map<String, Value>> = known
            .into_iter()
            .filter(|(name, _)| dataset.key.iter().any(|column| column.as_str() == name))
            .map(|(name, text)| Some((name.clone(), address::value(&text, dataset.column(&name)?)?)))
            .collect();
        self.values(caller, dataset, (column.as_str(), &argument.value), fixed.as_ref()).await
    }

    /// The values of a column in the rows that the caller may list.
    pub(super) async fn values(
        &self,
        caller: &Caller,
        dataset: &Arc<Dataset>,
        (column, begin): (&str, &str),
        fixed: Option<&Map<String, Value>>,
    ) -> Result<CompleteResult, ErrorData> {
        let Some(action) = read_by(dataset, Operation::List, METHOD) else { return Ok(reply::no_values()) };
        let permit = match self.permit(caller, action).await {
            Ok(permit) => permit,
            Err(Refusal::Denied(_)) => return Ok(reply::no_values()),
            Err(refusal @ (Refusal::Scope(..) | Refusal::Audit(_) | Refusal::Random(_))) => {
                return Err(reply::refusal(refusal));
            }
        };
        let (_, scope, receipt) = permit.spend();
        let Some(data) = &self.parts.data else { return Err(reply::no_data()) };
        let face = Face::new(Arc::clone(dataset), Arc::clone(scope.columns()));
        let found = match ValuesPlan::new(scope, face, (column, begin), fixed, MOST) {
            None => Ok((Vec::new(), false)),
            Some(plan) => dataset::values(&data.database, &data.schema, plan, &caller.person()).await,
        };
        match found {
            Ok((values, more)) => {
                let rows = u64::try_from(values.len()).ok();
                close(receipt, Outcome::Answered { rows }, Values { values, more }).await.map(reply::completion)
            }
            Err(error) => {
                let text = reply::failed(&error, receipt.record().map_or("", |record| &record.decision));
                close(receipt, Outcome::Failed, reply::unread(text)).await.and_then(|error| Err(error.into_inner()))
            }
        }
    }
}
