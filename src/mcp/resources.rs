//! MCP resources: `static://welcome`.

use rmcp::ErrorData;
use rmcp::model::{ListResourcesResult, ReadResourceResult, Resource, ResourceContents};

use super::{Caller, Mcp, close, reply};
use crate::authz::{List, ReadResource};
use crate::store::audit::Outcome;

/// The URI of the welcome text.
const WELCOME: &str = "static://welcome";

const WELCOME_TEXT: &str = "\
# Welcome to Bailiwick

You are connected as the person you work for. The tools that are listed are the ones this person may use, and every
answer holds the rows that this person may see, no others.

- `whoami` says who that is: names, tenant, context, and the policy revision in force.
- `list_…`, `get_…`, `count_…` and `search_…` read the data, one family of tools per dataset.
- Identity is never an argument. A row that is not found may not exist, or may be out of this person's sight.
";

impl Mcp {
    /// The resources that the policy allows this caller.
    pub(super) async fn resources_for(&self, caller: &Caller) -> Result<ListResourcesResult, ErrorData> {
        let permit = self.permit(caller, List::Resources).await.map_err(reply::refusal)?;
        let (_, visible, receipt) = permit.spend();
        let welcome = Resource::new(WELCOME, "welcome")
            .with_title("Welcome")
            .with_description("What this server is and how to use it")
            .with_mime_type("text/markdown");
        let resources: Vec<_> =
            [welcome].into_iter().filter(|resource| visible.contains_key(resource.uri.as_str())).collect();
        let rows = u64::try_from(resources.len()).ok();
        close(receipt, Outcome::Answered { rows }, resources).await.map(reply::resources)
    }

    /// The contents of a resource. One that does not exist and one that is hidden are answered alike, each with one denied record.
    pub(super) async fn read(&self, caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let Some(known) = self.parts.catalog.resources.get(uri) else {
            let object = format!("resource:{}", super::dispatch::cut(uri));
            return Err(self.unknown(caller, object, reply::unknown_resource(uri)).await);
        };
        let action = ReadResource(known.clone());
        let permit = self.permit(caller, action).await;
        let (_, (), receipt) = permit.map_err(|refusal| reply::resource_refusal(refusal, uri))?.spend();
        let contents = ResourceContents::text(WELCOME_TEXT, uri).with_mime_type("text/markdown");
        close(receipt, Outcome::Answered { rows: None }, contents).await.map(reply::contents)
    }
}
