//! What the checks at start can find.

use std::fmt;
use std::time::Duration;

use crate::catalog::ColumnType;
use crate::dataset::DatabaseError;
use crate::model::Name;

/// What makes a dataset impossible to answer from.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database's own catalogue could not be read.
    #[error("the database's list of tables could not be read")]
    Catalogue(#[source] DatabaseError),
    /// There is no such table or view.
    #[error("dataset `{dataset}`: the database has no table or view `{table}`{suggestion}")]
    NoTable {
        /// The dataset.
        dataset: Name,
        /// The table.
        table: String,
        /// The nearest one, as words.
        suggestion: String,
    },
    /// The table or view cannot be read.
    #[error("dataset `{dataset}`: `{table}` cannot be examined")]
    Unreadable {
        /// The dataset.
        dataset: Name,
        /// The table.
        table: String,
        /// The database's answer.
        #[source]
        source: DatabaseError,
    },
    /// There is no such column.
    #[error(
        "dataset `{dataset}`: `{table}` has no column `{column}`{suggestion} It has: {known}. Map another name with `column = \"…\"`"
    )]
    NoColumn {
        /// The dataset.
        dataset: Name,
        /// The table.
        table: String,
        /// The column's name in the database.
        column: String,
        /// The nearest one, as words, or a full stop.
        suggestion: String,
        /// The columns that exist.
        known: String,
    },
    /// The column's storage cannot have values of the declared type.
    #[error(
        "dataset `{dataset}`: column `{column}` is declared `{kind}`, but the database declares it `{stored}` ({affinity} affinity), where {why}. A view mends it, with the dataset's `table` set to it:\n    {view}"
    )]
    Storage {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
        /// The declared type.
        kind: &'static str,
        /// The database's declared type.
        stored: String,
        /// The affinity that follows from it.
        affinity: &'static str,
        /// Why it does not fit.
        why: &'static str,
        /// The view.
        view: String,
    },
    /// The column does not compare as bytes.
    #[error(
        "dataset `{dataset}`: column `{column}` compares by `{collation}`, but policies compare bytes. A view mends it, with the dataset's `table` set to it:\n    {view}"
    )]
    Collation {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
        /// The collation.
        collation: String,
        /// The view.
        view: String,
    },
    /// A key column is not visible.
    #[error(
        "dataset `{dataset}`: key column `{column}` must be declared, exposed and not protected, because `get_{dataset}` takes it and answers have it"
    )]
    HiddenKey {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
    },
    /// A key column has no comparable type.
    #[error(
        "dataset `{dataset}`: key column `{column}` is json or bytes; a key is an id, text, number, boolean or time"
    )]
    KeyType {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
    },
    /// The default order uses a column that callers cannot see.
    #[error(
        "dataset `{dataset}`: `order` uses column `{column}`, which callers can never see; the order of rows would tell of its values"
    )]
    HiddenOrder {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
    },
    /// The key is not one.
    #[error("dataset `{dataset}`: `{table}` has several rows with the same {columns}; declare a `key` that is unique")]
    DuplicateKey {
        /// The dataset.
        dataset: Name,
        /// The table.
        table: String,
        /// The key's columns.
        columns: String,
    },
    /// The dataset cannot be written.
    #[error("dataset `{dataset}` is declared `writable`, and `{table}` cannot be written so: {why}")]
    NotWritable {
        /// The dataset.
        dataset: Name,
        /// The table.
        table: String,
        /// Why.
        why: String,
    },
    /// The full-text table cannot be used.
    #[error("dataset `{dataset}`: `search.fts = \"{fts}\"` cannot be used: {why}")]
    Fts {
        /// The dataset.
        dataset: Name,
        /// The full-text table.
        fts: String,
        /// Why.
        why: String,
    },
}

/// What works, but slowly, or only as long as something holds that cannot be proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// No index serves the scope and the order.
    Index {
        /// The dataset.
        dataset: Name,
        /// The statement that makes one.
        create: String,
    },
    /// The key is unique now, but no index keeps it so.
    KeyNotEnforced {
        /// The dataset.
        dataset: Name,
        /// The key's columns.
        columns: String,
    },
    /// Whether the key is unique could not be found out in time.
    KeyNotVerified {
        /// The dataset.
        dataset: Name,
        /// How long was tried.
        limit: Duration,
    },
    /// Rows without a key cannot be got, and pages can miss them.
    NullKey {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
    },
    /// Some values are stored as another class than declared, and are absent.
    Converted {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
        /// The database's declared type.
        stored: String,
    },
    /// None of the first values of a column is of its declared type.
    NothingFits {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
        /// The declared type.
        kind: ColumnType,
        /// How many values were looked at.
        cells: usize,
    },
    /// The database changes rows of another table along with those of the dataset.
    Follows {
        /// The dataset.
        dataset: Name,
        /// The other table.
        table: String,
        /// What its foreign key says.
        action: String,
    },
    /// The full-text table is not tied to the table.
    FtsNotTied {
        /// The dataset.
        dataset: Name,
        /// The full-text table.
        fts: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index { dataset, create } => {
                write!(
                    f,
                    "dataset `{dataset}`: no index serves its scope and order; pages will be slow on many rows. hint: {create}"
                )
            }
            Self::KeyNotEnforced { dataset, columns } => {
                write!(
                    f,
                    "dataset `{dataset}`: {columns} is unique now, but no unique index keeps it so; a duplicate cannot be got, and pages can miss it"
                )
            }
            Self::KeyNotVerified { dataset, limit } => {
                write!(
                    f,
                    "dataset `{dataset}`: no unique index covers the key, and whether it is unique could not be found out within {limit:?}"
                )
            }
            Self::NullKey { dataset, column } => {
                write!(
                    f,
                    "dataset `{dataset}`: some rows have no `{column}`, which is part of the key; they cannot be got, and pages can miss them"
                )
            }
            Self::Converted { dataset, column, stored } => {
                write!(
                    f,
                    "dataset `{dataset}`: column `{column}` is declared `{stored}` in the database, which SQLite treats as numeric: values that look like numbers are stored as numbers, and are absent here"
                )
            }
            Self::NothingFits { dataset, column, kind, cells } => {
                let kind = kind.as_str();
                write!(
                    f,
                    "dataset `{dataset}`: none of the first {cells} values of column `{column}` is a {kind} as it is declared, and what is none is absent in answers and fits no filter; look at its `type`, and at `stored` of a time"
                )
            }
            Self::Follows { dataset, table, action } => {
                write!(
                    f,
                    "dataset `{dataset}` is writable, and the database changes rows of `{table}` along with its rows (`{action}`), whoever may see those"
                )
            }
            Self::FtsNotTied { dataset, fts } => {
                write!(
                    f,
                    "dataset `{dataset}`: `{fts}` keeps its own rows; search relies on its rowids being those of the table. hint: create it with content='<table>', content_rowid='<key>'"
                )
            }
        }
    }
}
