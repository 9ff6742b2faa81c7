//! What is asked about: a tool, a dataset, a row, a column, a resource, a prompt. What is not declared cannot be.

use std::sync::Arc;

use anyhow::bail;

use crate::catalog::{Catalog, Change, Dataset, Generated, ROWS};
use crate::cli::arguments::Explain;
use crate::cli::policy::person;
use crate::cli::policy::preview::RowKey;
use crate::model::Name;
use crate::policy::{Object, Permission};

/// What is asked about.
pub(super) struct Asked {
    pub(super) object: Object,
    pub(super) permission: Permission,
    /// The generated tool that was named, where the rows of its dataset decide.
    pub(super) through: Option<Name>,
    /// The dataset, where the question is about one.
    pub(super) dataset: Option<Arc<Dataset>>,
    /// The row of it.
    pub(super) row: Option<RowKey>,
    /// The column of it.
    pub(super) column: Option<Name>,
}

/// Reads what is asked from the arguments.
pub(super) fn read(request: &Explain, catalog: &Catalog) -> anyhow::Result<Asked> {
    let about =
        |object, permission| Asked { object, permission, through: None, dataset: None, row: None, column: None };
    let named = &request.object;
    if let Some(tool) = &named.tool {
        return tool_asked(tool, request, catalog);
    }
    if let Some(uri) = &named.resource {
        let Some(uri) = catalog.resources.get(uri.as_str()) else {
            if uri.starts_with(ROWS) {
                bail!("`{uri}` is a row, and the `dataset:` lines decide about it; ask with --dataset and --row");
            }
            let known: Vec<_> = catalog.resources.iter().map(AsRef::as_ref).collect();
            bail!("`{uri}` is not a resource of this server{}", person::instead(uri, &known));
        };
        return Ok(about(Object::Resource(Arc::clone(uri)), Permission::Read));
    }
    if let Some(name) = &named.prompt {
        let Some(prompt) = catalog.prompts.get(name.as_str()) else {
            let known: Vec<_> = catalog.prompts.keys().map(Name::as_str).collect();
            bail!("`{name}` is not a prompt of this server{}", person::instead(name, &known));
        };
        return Ok(about(Object::Prompt(prompt.name.clone()), Permission::Read));
    }
    let name = named.dataset.as_deref().unwrap_or_default();
    let Some(dataset) = catalog.datasets.get(name) else {
        let known: Vec<_> = catalog.datasets.keys().map(Name::as_str).collect();
        bail!("`{name}` is not a declared dataset{}", person::instead(name, &known));
    };
    within(dataset, Permission::Read, request)
}

/// A dataset, and what of it is asked about.
fn within(dataset: &Arc<Dataset>, permission: Permission, request: &Explain) -> anyhow::Result<Asked> {
    Ok(Asked {
        object: Object::Dataset(dataset.name.clone()),
        permission,
        through: None,
        dataset: Some(Arc::clone(dataset)),
        row: request.row.as_deref().map(|key| row(key, dataset)).transpose()?,
        column: request.column.as_deref().map(|name| column(name, dataset)).transpose()?,
    })
}

fn tool_asked(tool: &str, request: &Explain, catalog: &Catalog) -> anyhow::Result<Asked> {
    if let Some((name, does, dataset)) = catalog.generated_tools().find(|(name, ..)| name.as_str() == tool) {
        if does == Generated::Change(Change::Create) && request.row.is_some() {
            bail!(
                "`{tool}` makes rows that are not there yet; leave --row out, or ask about a tool that reads or changes them"
            );
        }
        return Ok(Asked { through: Some(name), ..within(dataset, does.into(), request)? });
    }
    let Some(name) = catalog.tools.get(tool) else {
        let generated: Vec<Name> = catalog.generated_tools().map(|(name, ..)| name).collect();
        let known: Vec<_> = catalog.tools.iter().chain(&generated).map(Name::as_str).collect();
        bail!("`{tool}` is not a tool of this server{}", person::instead(tool, &known));
    };
    if request.row.is_some() || request.column.is_some() {
        bail!("`{tool}` is not a tool of a dataset; --row and --column are asked of a dataset, or of one of its tools");
    }
    let object = Object::Tool(name.clone());
    Ok(Asked { object, permission: Permission::Call, through: None, dataset: None, row: None, column: None })
}

fn row(key: &str, dataset: &Arc<Dataset>) -> anyhow::Result<RowKey> {
    // A key of one part may contain commas.
    let parts: Vec<&str> = if dataset.key.len() == 1 { vec![key] } else { key.split(',').collect() };
    RowKey::new(key, dataset, parts.into_iter().map(Into::into).collect())
        .map_err(|why| anyhow::anyhow!("`--row {key}` {why}"))
}

fn column(name: &str, dataset: &Dataset) -> anyhow::Result<Name> {
    let Some(column) = dataset.column(name) else {
        let known: Vec<_> = dataset.columns.iter().map(|column| column.name.as_str()).collect();
        bail!("`{}` has no column `{name}`{}", dataset.name, person::instead(name, &known));
    };
    Ok(column.name.clone())
}
