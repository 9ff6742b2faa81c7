//! A row as a resource: its entry in a list, its template, its contents. Made from answered rows alone, so that what a
//! person may not read of a row is in none of them.

use rmcp::model::{Resource, ResourceContents, ResourceTemplate};
use serde_json::{Map, Value};

use crate::catalog::{ColumnType, Content, Dataset, JSON};
use crate::dataset::address;
use crate::policy::Columns;

/// The template of a dataset's rows, for somebody who sees these columns of them.
pub(super) fn template(dataset: &Dataset, columns: &Columns) -> ResourceTemplate {
    let what = dataset.description.trim().trim_end_matches('.');
    let key: Vec<_> = dataset.key.iter().map(ToString::to_string).collect();
    let template = ResourceTemplate::new(address::template(dataset), dataset.name.to_string())
        .with_title(dataset.name.as_str().replace('_', " "))
        .with_description(format!("{what}. One row, by its {}.", key.join(", ")));
    match media_type(dataset, columns) {
        Some(media_type) => template.with_mime_type(media_type),
        None => template,
    }
}

/// The entry of a row in a list; `None` where its key is not in the answer.
pub(super) fn entry(dataset: &Dataset, columns: &Columns, row: &Map<String, Value>) -> Option<Resource> {
    let uri = address::of_row(dataset, row)?;
    let key: Vec<_> = dataset.key.iter().filter_map(|column| address::written(row.get(column.as_str())?)).collect();
    let declared = dataset.resource.as_ref()?;
    let text = |column: &crate::model::Name| row.get(column.as_str()).and_then(Value::as_str);
    let mut entry = Resource::new(uri, format!("{}/{}", dataset.name, key.join("/")));
    entry.title = declared.title.as_ref().and_then(text).filter(|title| !title.is_empty()).map(ToOwned::to_owned);
    entry.mime_type = media_type(dataset, columns).map(ToOwned::to_owned);
    Some(entry)
}

/// The contents of a row: the column that is declared as such, where this person reads it in this row; otherwise all that
/// this person reads of it, as `get_` answers.
pub(in crate::mcp) fn contents(dataset: &Dataset, uri: &str, row: &Map<String, Value>) -> ResourceContents {
    let whole = || ResourceContents::text(Value::Object(row.clone()).to_string(), uri).with_mime_type(JSON);
    let Some(Content { column, media_type }) = content(dataset) else { return whole() };
    let kind = dataset.column(column.as_str()).map(|column| column.kind);
    match (kind, row.get(column.as_str())) {
        (None, _) | (_, None | Some(Value::Null)) => whole(),
        (Some(ColumnType::Bytes), Some(Value::String(base64))) => {
            ResourceContents::blob(base64, uri).with_mime_type(media_type)
        }
        (Some(_), Some(Value::String(text))) => ResourceContents::text(text, uri).with_mime_type(media_type),
        (Some(_), Some(other)) => ResourceContents::text(other.to_string(), uri).with_mime_type(media_type),
    }
}

fn content(dataset: &Dataset) -> Option<&Content> {
    dataset.resource.as_ref()?.content.as_ref()
}

/// The media type that every row has for somebody; `None` where it differs, because the content is hidden in some rows.
fn media_type<'a>(dataset: &'a Dataset, columns: &Columns) -> Option<&'a str> {
    match content(dataset) {
        Some(content) if columns.masked.contains_key(&content.column) => None,
        Some(content) if columns.is_open(&content.column) => Some(&content.media_type),
        Some(_) | None => Some(JSON),
    }
}
