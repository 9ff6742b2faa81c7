//! `static://welcome`: what this server is and how to use it.

use rmcp::model::{Resource, ResourceContents};

/// The URI of the welcome text.
pub(super) const URI: &str = "static://welcome";

const MEDIA_TYPE: &str = "text/markdown";

const TEXT: &str = "\
# Welcome to Bailiwick

You are connected as the person you work for. The tools that are listed are the ones this person may use, and every
answer holds the rows that this person may see, no others.

- `whoami` says who that is: names, tenant, context, and the policy revision in force.
- `list_…`, `get_…`, `count_…` and `search_…` read the data, one family of tools per dataset.
- Rows are resources too, `bailiwick://<dataset>/<key>`: listed, read and, where a dataset says so, subscribed to.
- Identity is never an argument. A row that is not found may not exist, or may be out of this person's sight.
";

pub(super) fn describe() -> Resource {
    Resource::new(URI, "welcome")
        .with_title("Welcome")
        .with_description("What this server is and how to use it")
        .with_mime_type(MEDIA_TYPE)
}

pub(super) fn contents() -> ResourceContents {
    ResourceContents::text(TEXT, URI).with_mime_type(MEDIA_TYPE)
}
