//! Rows under a permit, for whatever method asks for them: tools, resources, completions, prompts.

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::JsonObject;

use super::reply::{self, Reply};
use super::{Caller, Mcp, close};
use crate::authz::{Authorized, ReadRows, Recorded};
use crate::catalog::{Dataset, Operation};
use crate::dataset::{self, Face, Pager, ReadPlan};
use crate::store::audit::Outcome;

/// What somebody asks to read as a method of MCP other than `tools/call`. `None` where the dataset has no such tool.
pub(super) fn read_by(dataset: &Dataset, operation: Operation, method: &'static str) -> Option<ReadRows> {
    Some(ReadRows { dataset: dataset.name.clone(), tool: dataset.tool(operation)?, method: Some(method) })
}

impl Mcp {
    /// For whom pages are numbered in this request. The binding is `caller.principal.binding()`.
    pub(super) fn pager<'a>(&'a self, caller: &'a Caller, binding: &'a str) -> Pager<'a> {
        Pager {
            key: &self.parts.cursor_key,
            random: self.parts.random.as_ref(),
            principal: binding,
            tenant: &caller.principal.requester().tenant,
        }
    }

    /// Spends a permit on what its holder asks of the dataset, and records what became of it.
    pub(super) async fn rows(
        &self,
        caller: &Caller,
        permit: Authorized<ReadRows>,
        dataset: &Arc<Dataset>,
        operation: Operation,
        arguments: &JsonObject,
    ) -> Result<Recorded<Reply>, ErrorData> {
        let (_, scope, receipt) = permit.spend();
        let binding = caller.principal.binding();
        let pager = self.pager(caller, &binding);
        // Only declared datasets are asked, and a configuration that declares one names its database.
        let Some(data) = &self.parts.data else { return Err(reply::no_data()) };
        let face = Face::new(Arc::clone(dataset), Arc::clone(scope.columns()));
        let planned = match dataset::arguments::parse(face, operation, arguments) {
            Ok(request) => ReadPlan::new(request, scope, &pager).map_err(|error| reply::bad_plan(&error)),
            Err(bad) => Err(bad.to_string()),
        };
        match planned {
            Ok(plan) => match dataset::read(&data.database, &data.schema, plan, &caller.person()).await {
                Ok(rows) => {
                    let (outcome, reply) = reply::rows(rows, &pager);
                    close(receipt, outcome, reply).await
                }
                Err(error) => {
                    let text = reply::failed(&error, receipt.record().map_or("", |record| &record.decision));
                    close(receipt, Outcome::Failed, Reply::Failed(text)).await
                }
            },
            Err(text) => close(receipt, Outcome::BadArguments, Reply::Unfit(text)).await,
        }
    }
}
