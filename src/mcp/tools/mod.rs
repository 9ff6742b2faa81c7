//! The tools there are, before anyone asks which of them they may see.

pub(super) mod echo;
pub(super) mod whoami;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use moka::sync::Cache;
use rmcp::model::{Tool as ToolDescription, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Change, Operation};
use crate::dataset::{self, Face, Relation, Schema};
use crate::model::Name;
use crate::policy::{Columns, Visible};

/// A tool that this program brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BuiltIn {
    /// Says its argument back.
    Echo,
    /// Says who the server takes the caller for.
    WhoAmI,
}

/// What a tool does.
#[derive(Debug)]
pub(super) enum Tool {
    /// It is built in.
    BuiltIn(BuiltIn),
    /// It reads rows of a dataset.
    Rows {
        /// The dataset as declared; who asks may see less of it, or more.
        declared: Face,
        /// How.
        operation: Operation,
    },
    /// It changes rows of a dataset.
    Changes {
        /// The dataset with every column that can be written; who asks may write fewer.
        declared: Face,
        /// The table, as the database has it.
        relation: Option<Arc<Relation>>,
        /// How.
        change: Change,
    },
}

/// How many descriptions are remembered besides those of datasets whose columns are all as declared.
const REMEMBERED: u64 = 1_000;

/// A tool and its description; that of a dataset's tool is for those who see its columns as declared.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) tool: Tool,
    description: ToolDescription,
}

/// Every tool of the server, by name; the order of names is the order of lists.
#[derive(Debug)]
pub(super) struct Tools {
    entries: BTreeMap<Name, Entry>,
    others: Cache<Look, ToolDescription>,
}

/// A tool as some people see it: by what its description depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Look {
    tool: Name,
    open: BTreeSet<Name>,
    masked: BTreeSet<Name>,
    written: BTreeSet<Name>,
}

impl Tools {
    /// The built-in tools and those generated from the datasets.
    pub(super) fn new(catalog: &Catalog, schema: Option<&Schema>) -> Self {
        let built_in = [("echo", BuiltIn::Echo, echo::describe()), ("whoami", BuiltIn::WhoAmI, whoami::describe())];
        let built_in = built_in.into_iter().filter_map(|(name, tool, description)| {
            let name = catalog.tools.get(name)?.clone();
            Some((name.clone(), Entry { name, tool: Tool::BuiltIn(tool), description }))
        });
        let generated = catalog.datasets.values().flat_map(|dataset| {
            let face = Face::declared(dataset);
            dataset.operations().filter_map(move |operation| {
                let name = dataset.tool(operation)?;
                let tool = Tool::Rows { declared: face.clone(), operation };
                Some((name.clone(), Entry { name, description: tool.describe(&face)?, tool }))
            })
        });
        let changing = catalog.datasets.values().flat_map(|dataset| {
            let relation = schema.and_then(|schema| schema.relations.get(&dataset.name));
            dataset.writable.iter().filter_map(move |change| {
                let name = dataset.changing_tool(*change)?;
                let declared = Face::declared_for(dataset, *change);
                let tool = Tool::Changes { declared: declared.clone(), relation: relation.cloned(), change: *change };
                Some((name.clone(), Entry { name, description: tool.describe(&declared)?, tool }))
            })
        });
        Self { entries: built_in.chain(generated).chain(changing).collect(), others: Cache::new(REMEMBERED) }
    }

    /// The tool of this name, whoever asks.
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The descriptions of the visible tools, in order, each with the columns that are seen. Which are visible,
    /// `Snapshot::visible_tools` decides.
    pub(super) fn visible(&self, visible: &Visible) -> Vec<ToolDescription> {
        let seen = |entry: &Entry| Some(self.described(entry, visible.get(entry.name.as_str())?.as_ref()));
        self.entries.values().filter_map(seen).collect()
    }

    fn described(&self, entry: &Entry, columns: Option<&Arc<Columns>>) -> ToolDescription {
        let declared = match &entry.tool {
            Tool::Rows { declared, .. } | Tool::Changes { declared, .. } => Some(declared),
            Tool::BuiltIn(_) => None,
        };
        match (declared, columns) {
            (Some(declared), Some(columns)) if columns != declared.columns() => {
                let look = Look {
                    tool: entry.name.clone(),
                    open: columns.open.clone(),
                    masked: columns.masked.keys().cloned().collect(),
                    written: columns.written.clone(),
                };
                self.others.get_with(look, || {
                    let face = Face::new(Arc::clone(declared.dataset()), Arc::clone(columns));
                    entry.tool.describe(&face).unwrap_or_else(|| entry.description.clone())
                })
            }
            (Some(_) | None, _) => entry.description.clone(),
        }
    }
}

impl Tool {
    /// The description of a dataset's tool for those who see this face of it.
    fn describe(&self, face: &Face) -> Option<ToolDescription> {
        let (text, annotations): (_, fn(String) -> ToolAnnotations) = match self {
            Self::BuiltIn(_) => return None,
            Self::Rows { operation, .. } => (dataset::describe::tool(*operation, face), read_only),
            Self::Changes { relation, change, .. } => {
                let text = dataset::change::describe::tool(*change, face, relation.as_deref());
                (text, if change.is_destructive() { overwriting } else { adding })
            }
        };
        let description = ToolDescription::new(text.name, text.description, Arc::new(text.input_schema))
            .with_title(text.title.clone())
            .with_raw_output_schema(Arc::new(text.output_schema))
            .with_annotations(annotations(text.title));
        Some(description)
    }
}

/// Reads, changes nothing, answers from a closed world.
fn read_only(title: String) -> ToolAnnotations {
    ToolAnnotations::with_title(title).read_only(true).destructive(false).idempotent(true).open_world(false)
}

/// Adds something each time it is called.
fn adding(title: String) -> ToolAnnotations {
    ToolAnnotations::with_title(title).read_only(false).destructive(false).idempotent(false).open_world(false)
}

/// Loses what was there; done twice, it is as done once.
fn overwriting(title: String) -> ToolAnnotations {
    ToolAnnotations::with_title(title).read_only(false).destructive(true).idempotent(true).open_world(false)
}

/// A schema that is an object, as every literal in this module is.
fn object(schema: Value) -> Arc<Map<String, Value>> {
    if let Value::Object(map) = schema { Arc::new(map) } else { Arc::default() }
}

/// Why a built-in tool's arguments are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadArgument {
    /// It has no such argument.
    #[error("`{found}` is not an argument of this tool; {expected}")]
    Unknown { found: String, expected: &'static str },
    /// A required one is missing.
    #[error("the argument `{0}` is missing; pass a text")]
    Missing(&'static str),
    /// It has the wrong type.
    #[error("the argument `{name}` is {found}; pass a text")]
    NotText { name: &'static str, found: &'static str },
    /// It is too long.
    #[error("the argument `{name}` has {found} characters; at most {most} are accepted")]
    TooLong { name: &'static str, found: usize, most: usize },
}

/// The JSON type of a value, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn no_arguments() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}
