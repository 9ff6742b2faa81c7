//! What is exposed, and who can ask: tenants, claims, lists, datasets, columns and prompts, as declared and checked.
//!
//! The configuration goes in (`catalog::build`), checked declarations come out. Nothing here touches a database: that the
//! tables really are as declared is `dataset::check`'s word. The module stands before `policy`, because conditions are
//! typed against it.
//!
//! A declaration that leaves something out never exposes more by that: no tenant rule is an error, no data-room rule means
//! not answered under a data-room header, and a `protected` column is visible to nobody until a `column:` line of the policy
//! makes it so.

mod build;
mod change;
mod dataset;
mod error;
mod prompt;
mod tenant;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use build::build;
pub use change::{Change, Confirm, Generated};
pub use dataset::{
    Column, ColumnType, Content, Dataset, Direction, JSON, Operation, OrderTerm, ROWS, RoomRule, RowResource, Search,
    TenantRule, TimeStorage, Within,
};
pub use error::{BadDeclaration, CatalogError};
pub use prompt::{Choice, MessageBody, Piece, Prompt, PromptArgument, PromptMessage};
pub use tenant::TenantEntry;

use crate::model::{ContextField, IssuerName, Name, Tenant};

/// The type that a declared claim must have to be readable as `r.sub.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimType {
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// Everything that a policy can speak of.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The declared tenants, by name.
    pub tenants: BTreeMap<Tenant, TenantEntry>,
    /// The trusted issuers' names, as they appear in `subject:` and `idp:` names.
    pub issuers: BTreeSet<IssuerName>,
    /// The claims that conditions may read, with their types.
    pub claims: BTreeMap<Name, ClaimType>,
    /// `[policy.lists]`: the list's name in conditions to the prefix of names that fill it, colon included
    /// (`rooms` to `room:`). `rooms` is always there.
    pub lists: BTreeMap<Name, Arc<str>>,
    /// The context fields that conditions may depend on (`context.trusted`).
    pub trusted_context: BTreeSet<ContextField>,
    /// The datasets, by name.
    pub datasets: BTreeMap<Name, Arc<Dataset>>,
    /// Tools that need a `tool:` line: the built-in and the declared ones.
    pub tools: BTreeSet<Name>,
    /// MCP resources that need a `resource:` line, by URI.
    pub resources: BTreeSet<Arc<str>>,
    /// MCP prompts, by name; each needs a `prompt:` line.
    pub prompts: BTreeMap<Name, Prompt>,
}

impl Catalog {
    /// The tools generated from the datasets, by name.
    pub fn generated_tools(&self) -> impl Iterator<Item = (Name, Generated, &Arc<Dataset>)> {
        self.datasets.values().flat_map(|dataset| {
            let read = move |operation| Some((dataset.tool(operation)?, Generated::Read(operation), dataset));
            let change = move |change| Some((dataset.changing_tool(change)?, Generated::Change(change), dataset));
            dataset.operations().filter_map(read).chain(Change::ALL.into_iter().filter_map(change))
        })
    }

    /// A dataset and those that its rows lie within, which decide about them too.
    pub fn lineage<'a>(&'a self, dataset: &'a Dataset) -> Vec<&'a Dataset> {
        let mut lineage = vec![dataset];
        while let Some(within) = lineage.last().and_then(|last| last.within.as_ref())
            && let Some(parent) = self.datasets.get(&within.dataset)
            && !lineage.iter().any(|known| known.name == parent.name)
        {
            lineage.push(parent);
        }
        lineage
    }
}
