//! Declared tables and views.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Confirm};
use crate::model::{Name, Tenant};

/// How a dataset's rows are divided among tenants. Leaving it out of a declaration is an error, never "shared".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantRule {
    /// A column holds the tenant's name.
    Column(Name),
    /// Every row belongs to this tenant.
    Fixed(Tenant),
    /// Every tenant may see every row (the policy still decides).
    Shared,
    /// The row belongs to its parent's tenant (`within`).
    Inherited,
}

/// What a data-room header does to a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomRule {
    /// A column holds the data room: the header limits the answer to it.
    Column(Name),
    /// `data_room = "none"`: answered under any header.
    Ignored,
    /// Not declared: under a data-room header this dataset is not there.
    Undeclared,
}

/// The type of a column for the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// An identifier: text in policies and JSON, integer or text in the database.
    Id,
    /// Text.
    Text,
    /// An integer or a real number.
    Number,
    /// True or false; 1 or 0 in the database.
    Boolean,
    /// A point in time, RFC 3339 outside.
    Time(TimeStorage),
    /// A JSON value, stored as text.
    Json,
    /// Bytes, base64 outside; never listed.
    Bytes,
}

impl ColumnType {
    /// The word for it in a declaration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Time(_) => "time",
            Self::Json => "json",
            Self::Bytes => "bytes",
        }
    }
}

/// How a point in time stands in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeStorage {
    /// ISO 8601 text; without an offset it is UTC.
    Text,
    /// Seconds since the epoch.
    Unix,
    /// Milliseconds since the epoch.
    UnixMillis,
    /// A Julian day number.
    Julian,
}

/// One exposed column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name for the outside.
    pub name: Name,
    /// Its name in the database.
    pub source: String,
    /// Its type.
    pub kind: ColumnType,
    /// What it means; the model reads this.
    pub description: Option<String>,
    /// Whether it is in answers at all; if not, it is usable in policies only.
    pub expose: bool,
    /// Whether `list_` and `search_` answers have it; `get_` always does.
    pub list: bool,
    /// Whether only a `column:` line makes it visible.
    pub protected: bool,
    /// The only values it can have, if declared.
    pub values: Option<Vec<String>>,
}

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One term of a dataset's default order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerm {
    /// The column.
    pub column: Name,
    /// Its direction.
    pub direction: Direction,
}

/// What `search_` looks through.
#[derive(Debug, Clone)]
pub struct Search {
    /// The columns that are searched.
    pub columns: Vec<Name>,
    /// An FTS5 table over the same rowids, if there is one.
    pub fts: Option<String>,
}

/// A row of this dataset is visible only where its parent row is.
#[derive(Debug, Clone)]
pub struct Within {
    /// The parent dataset.
    pub dataset: Name,
    /// This dataset's column to the parent's key column; it covers the parent's whole key.
    pub by: BTreeMap<Name, Name>,
}

/// The media type of a row as a whole (RFC 8259).
pub const JSON: &str = "application/json";

/// How the addresses of rows as MCP resources begin.
pub const ROWS: &str = "bailiwick://";

/// How a row of a dataset is an MCP resource, `bailiwick://<dataset>/<key>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowResource {
    /// The column that names a row in lists; without one, its key does.
    pub title: Option<Name>,
    /// The column that is the row's content; without one, the whole row is, as JSON.
    pub content: Option<Content>,
}

/// The column that is a row's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The column.
    pub column: Name,
    /// Its media type.
    pub media_type: String,
}

/// A table or view that is exposed.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its name in tools and policies.
    pub name: Name,
    /// The table or view in the database; quoted wherever it is used, so any name works.
    pub table: String,
    /// What it holds; the model reads this.
    pub description: String,
    /// The columns that identify a row, in order; never empty.
    pub key: Vec<Name>,
    /// How rows are divided among tenants.
    pub tenant: TenantRule,
    /// What a data-room header does.
    pub data_room: RoomRule,
    /// The parent, if a row is visible only where its parent is.
    pub within: Option<Within>,
    /// What `search_` looks through; without it there is no such tool.
    pub search: Option<Search>,
    /// The default order; the key breaks ties.
    pub order: Vec<OrderTerm>,
    /// How a row is an MCP resource; `None` where rows are none.
    pub resource: Option<RowResource>,
    /// The column whose value changes whenever the row does, for subscriptions; without it, rows cannot be subscribed to.
    pub changed: Option<Name>,
    /// How its rows can be changed; empty where they are only read.
    pub writable: BTreeSet<Change>,
    /// When a person is asked before something is lost.
    pub confirm: Confirm,
    /// The exposed columns, in the order of their declaration.
    pub columns: Vec<Column>,
}

impl Dataset {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.as_str() == name)
    }

    /// The columns that can be in answers. Which of them are in somebody's is for the policy to say.
    pub fn exposed(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.expose)
    }

    /// The columns that `search_` looks through, for those who may read them.
    pub fn searched(&self) -> impl Iterator<Item = &Column> {
        let names = self.search.as_ref().map_or(&[][..], |search| &search.columns[..]);
        names.iter().filter_map(|name| self.column(name.as_str())).filter(|column| column.expose)
    }

    /// What the generated tools of this dataset do: only one with something to search has a search.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(|operation| operation.exists_for(self))
    }

    /// What the generated tool of this name does, if it is one of this dataset's.
    pub fn operation(&self, tool: &Name) -> Option<Operation> {
        let is_prefix = |operation: &Operation| {
            let rest = tool.as_str().strip_prefix(operation.as_str()).and_then(|rest| rest.strip_prefix('_'));
            rest == Some(self.name.as_str())
        };
        self.operations().find(is_prefix)
    }

    /// The columns that somebody who makes this change can be let give: never the one that holds the tenant, which is the
    /// server's to set, and of a row that is there, never its key.
    pub fn written_by(&self, change: Change) -> impl Iterator<Item = &Column> {
        let is_tenant = |column: &Column| matches!(&self.tenant, TenantRule::Column(own) if *own == column.name);
        self.exposed().filter(move |column| match change {
            Change::Create => !is_tenant(column),
            Change::Update => !is_tenant(column) && !self.key.contains(&column.name),
            Change::Delete => false,
        })
    }

    /// The name of the generated tool, `list_documents`. `None` where it would be too long; `catalog::build` refuses that.
    pub fn tool(&self, operation: Operation) -> Option<Name> {
        operation.tool_name(&self.name).parse().ok()
    }

    /// The name of the tool that makes a change, `create_documents`, where the dataset can be changed so.
    pub fn changing_tool(&self, change: Change) -> Option<Name> {
        self.writable.get(&change)?.tool_name(&self.name).parse().ok()
    }
}

/// What a generated tool does with its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `list_<dataset>`: a page of rows.
    List,
    /// `get_<dataset>`: one row by its key.
    Get,
    /// `search_<dataset>`: a page of the rows that contain every word.
    Search,
    /// `count_<dataset>`: how many rows.
    Count,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::List, Self::Get, Self::Search, Self::Count];

    /// The word that the tool's name begins with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Search => "search",
            Self::Count => "count",
        }
    }

    /// The name of the tool that does this with a dataset.
    pub fn tool_name(self, dataset: &Name) -> String {
        format!("{}_{dataset}", self.as_str())
    }

    /// Whether a dataset has this operation: only one with something to search has a search.
    pub fn exists_for(self, dataset: &Dataset) -> bool {
        match self {
            Self::List | Self::Get | Self::Count => true,
            Self::Search => dataset.searched().next().is_some(),
        }
    }
}
