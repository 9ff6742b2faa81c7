//! The tools there are, before anyone asks which of them they may see.

pub(super) mod echo;
pub(super) mod whoami;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rmcp::model::{Tool as ToolDescription, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Dataset, Operation};
use crate::dataset;
use crate::model::Name;

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
        /// The dataset.
        dataset: Arc<Dataset>,
        /// How.
        operation: Operation,
    },
}

/// A tool and its description.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) tool: Tool,
    description: ToolDescription,
}

/// Every tool of the server, by name; the order of names is the order of lists.
#[derive(Debug)]
pub(super) struct Tools(BTreeMap<Name, Entry>);

impl Tools {
    /// The built-in tools and those generated from the datasets.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let built_in = [("echo", BuiltIn::Echo, echo::describe()), ("whoami", BuiltIn::WhoAmI, whoami::describe())];
        let built_in = built_in.into_iter().filter_map(|(name, tool, description)| {
            let name = catalog.tools.get(name)?.clone();
            Some((name.clone(), Entry { name, tool: Tool::BuiltIn(tool), description }))
        });
        let generated = catalog.datasets.values().flat_map(|dataset| {
            dataset::describe::tools(dataset).into_iter().filter_map(move |text| {
                let name = dataset.tool(text.operation)?;
                let tool = Tool::Rows { dataset: Arc::clone(dataset), operation: text.operation };
                Some((name.clone(), Entry { name, tool, description: describe(text) }))
            })
        });
        Self(built_in.chain(generated).collect())
    }

    /// The tool of this name, whoever asks.
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The descriptions of the visible tools, in order.
    pub(super) fn visible(&self, visible: &BTreeSet<Arc<str>>) -> Vec<ToolDescription> {
        let entries = self.0.values().filter(|entry| visible.contains(entry.name.as_str()));
        entries.map(|entry| entry.description.clone()).collect()
    }
}

fn describe(text: dataset::describe::Tool) -> ToolDescription {
    ToolDescription::new(text.name, text.description, Arc::new(text.input_schema))
        .with_title(text.title.clone())
        .with_raw_output_schema(Arc::new(text.output_schema))
        .with_annotations(read_only(text.title))
}

/// Reads, changes nothing, answers from a closed world.
fn read_only(title: String) -> ToolAnnotations {
    ToolAnnotations::with_title(title).read_only(true).destructive(false).idempotent(true).open_world(false)
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
