//! What a requester sees of each list.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::Columns;
use super::decision::RowRule;
use super::object::{Object, Permission};
use super::snapshot::Snapshot;
use crate::catalog::{Dataset, Generated, Operation};
use crate::model::{Name, Requester};

/// What a requester sees of a list, by name; of what is made from a dataset, with the columns that it has.
pub type Visible = BTreeMap<Arc<str>, Option<Arc<Columns>>>;

/// The lists that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// `tools/list`
    Tools,
    /// `resources/list`: resources that are no rows, by URI, and datasets whose rows are resources, by name.
    Resources,
    /// `resources/templates/list`: datasets whose rows are resources, by name.
    Templates,
    /// `prompts/list`
    Prompts,
}

impl Listed {
    /// The word in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "templates",
            Self::Prompts => "prompts",
        }
    }
}

impl Snapshot {
    /// What a requester sees of a list.
    pub fn visible(&self, requester: &Requester, list: Listed) -> Visible {
        match list {
            Listed::Tools => self.visible_tools(requester),
            Listed::Resources => {
                let mut visible = self.visible_resources(requester);
                visible.extend(self.visible_datasets(requester));
                visible
            }
            Listed::Templates => self.visible_datasets(requester),
            Listed::Prompts => self.visible_prompts(requester),
        }
    }

    /// The tools that a requester may call: those that a line allows, and those of datasets with rows.
    pub fn visible_tools(&self, requester: &Requester) -> Visible {
        let called =
            |tool: &&Name| self.decide(requester, &Object::Tool((*tool).clone()), Permission::Call).is_allowed();
        let declared = self.catalog.tools.iter().filter(called).map(|tool| (tool.as_str().into(), None));
        let generated = self.catalog.generated_tools().filter_map(|(tool, does, dataset)| {
            let rows = match does {
                Generated::Read(_) => self.rows_through(requester, &dataset.name, &tool),
                Generated::Change(change) => self.changes_through(requester, &dataset.name, change),
            };
            (rows.rule != RowRule::Nothing).then(|| (tool.as_str().into(), Some(rows.columns)))
        });
        declared.chain(generated).collect()
    }

    /// The MCP resources that a requester may read and that are no rows.
    pub fn visible_resources(&self, requester: &Requester) -> Visible {
        let read =
            |uri: &&Arc<str>| self.decide(requester, &Object::Resource(Arc::clone(uri)), Permission::Read).is_allowed();
        self.catalog.resources.iter().filter(read).map(|uri| (Arc::clone(uri), None)).collect()
    }

    /// The MCP prompts that a requester may get.
    pub fn visible_prompts(&self, requester: &Requester) -> Visible {
        let read =
            |prompt: &&Name| self.decide(requester, &Object::Prompt((*prompt).clone()), Permission::Read).is_allowed();
        self.catalog.prompts.keys().filter(read).map(|prompt| (prompt.as_str().into(), None)).collect()
    }

    /// The datasets whose rows are resources for a requester: those that `get_` reads for them.
    pub fn visible_datasets(&self, requester: &Requester) -> Visible {
        let resources = self.catalog.datasets.values().filter(|dataset| dataset.resource.is_some());
        let read = |dataset: &Arc<Dataset>| {
            let rows = self.rows_through(requester, &dataset.name, &dataset.tool(Operation::Get)?);
            (rows.rule != RowRule::Nothing).then(|| (dataset.name.as_str().into(), Some(rows.columns)))
        };
        resources.filter_map(read).collect()
    }
}
