//! `[dataset.resource]`: how the rows of a dataset are MCP resources.

use super::super::error::Findings;
use super::super::{ColumnType, Content, RowResource};
use super::datasets::Checked;
use crate::config::{At, ResourceWord};
use crate::model::Name;

/// The media type of a content that is text, where none is declared.
const TEXT: &str = "text/plain";
/// The same for one that is bytes (RFC 2046, section 4.5.1).
const BYTES: &str = "application/octet-stream";

impl Checked<'_> {
    /// What is declared of its rows as resources; without a word they are resources, as JSON.
    pub(super) fn resource(&self, findings: &mut Findings) -> Option<RowResource> {
        let declared = match &self.declaration.resource {
            ResourceWord::None => return None,
            ResourceWord::Absent => return Some(RowResource::default()),
            ResourceWord::Declared(declared) => declared,
        };
        let title = declared.title.as_ref().and_then(|name| {
            let fits = |kind| matches!(kind, ColumnType::Id | ColumnType::Text);
            let name =
                self.resource_column("resource.title", name, (fits, "a column of type `text` or `id`"), findings)?;
            let listed = self.declaration.columns.iter().find(|column| column.name.value == name.as_str());
            if let Some(At { value: false, origin }) = listed.and_then(|column| column.list.as_ref()) {
                let found = format!("`{name}`, which is not in lists");
                findings.unfit(origin, self.key("resource.title"), found, "a column without `list = false`");
            }
            Some(name)
        });
        let content = declared.content.as_ref().and_then(|name| {
            let fits = |kind| matches!(kind, ColumnType::Text | ColumnType::Json | ColumnType::Bytes);
            let expected = "a column of type `text`, `json` or `bytes`";
            let column = self.resource_column("resource.content", name, (fits, expected), findings)?;
            let kind = self.column("resource.content", name, findings)?.kind;
            let usual = match kind {
                ColumnType::Bytes => BYTES,
                ColumnType::Json => crate::catalog::JSON,
                ColumnType::Id | ColumnType::Text | ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) => {
                    TEXT
                }
            };
            let media_type = declared.media_type.as_ref().map_or(usual, |media_type| &media_type.value);
            Some(Content { column, media_type: media_type.to_owned() })
        });
        if let (Some(media_type), None) = (&declared.media_type, &declared.content) {
            let expected = "`resource.content` beside it: a whole row is always JSON";
            findings.unfit(&media_type.origin, self.key("resource.media_type"), "written alone", expected);
        }
        Some(RowResource { title, content })
    }

    /// The column that tells that a row changed. Who may not read it is not told, so it must be one that can be read.
    pub(super) fn changed(&self, findings: &mut Findings) -> Option<Name> {
        let name = self.declaration.changed.as_ref()?;
        if matches!(self.declaration.resource, ResourceWord::None) {
            let expected = "rows that are resources: leave out `resource = \"none\"`, or this";
            findings.unfit(&name.origin, self.key("changed"), "written where rows are no resources", expected);
            return None;
        }
        let fits = |kind| !matches!(kind, ColumnType::Boolean | ColumnType::Json | ColumnType::Bytes);
        let expected = "a column of type `time`, `number`, `id` or `text` whose value changes whenever the row does";
        self.resource_column("changed", name, (fits, expected), findings)
    }

    /// A column that is in answers and of a type that fits.
    fn resource_column(
        &self,
        word: &str,
        name: &At<String>,
        (fits, expected): (impl Fn(ColumnType) -> bool, &str),
        findings: &mut Findings,
    ) -> Option<Name> {
        let column = self.column(word, name, findings)?;
        if !column.expose {
            let found = format!("`{}`, which is in no answer", column.name);
            findings.unfit(&name.origin, self.key(word), found, "an exposed column");
        } else if !fits(column.kind) {
            let found = format!("`{}`, a column of type `{}`", column.name, column.kind.as_str());
            findings.unfit(&name.origin, self.key(word), found, expected);
        }
        Some(column.name.clone())
    }
}
