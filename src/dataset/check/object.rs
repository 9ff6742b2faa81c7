//! What the database says of its tables, views, columns and indexes.

use crate::catalog::Dataset;
use crate::dataset::cell::Cell;
use crate::dataset::database::{Database, DatabaseError};
use crate::dataset::relation::Affinity;
use crate::dataset::statement::{Bind, Statement};
use crate::model::{nearest, suggestion};

use super::CheckError;

/// Every table and view by name.
pub(super) struct Catalogue {
    entries: Vec<Entry>,
}

/// A table or view in the list.
pub(super) struct Entry {
    pub(super) name: String,
    /// `table`, `view`, `virtual` or `shadow`.
    pub(super) kind: String,
    without_rowid: bool,
    strict: bool,
}

/// A table or view with everything that the checks need.
pub(super) struct Object {
    pub(super) name: String,
    /// Whether it is a table with rowids.
    pub(super) has_rowid: bool,
    /// Whether it can have indexes.
    pub(super) is_table: bool,
    pub(super) columns: Vec<StoredColumn>,
    pub(super) indexes: Vec<Index>,
}

/// A column as the database declares it.
pub(super) struct StoredColumn {
    pub(super) name: String,
    /// The declared type, as written.
    pub(super) declared: String,
    pub(super) affinity: Affinity,
    pub(super) never_null: bool,
    /// Whether it is another name of the rowid.
    pub(super) is_rowid: bool,
    pub(super) unsaid: Unsaid,
}

/// What a new row has in a column that it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// NULL.
    Nothing,
    /// A default.
    Default,
    /// What the database computes, whatever is said.
    Computed,
}

/// An index over the whole table.
pub(super) struct Index {
    pub(super) unique: bool,
    /// Its columns in order, with those that SQLite appends to find the row.
    pub(super) columns: Vec<IndexColumn>,
    /// How many of them are its own.
    pub(super) own: usize,
}

/// One column of an index.
pub(super) struct IndexColumn {
    /// `None` for an expression.
    pub(super) name: Option<String>,
    pub(super) descending: bool,
    pub(super) binary: bool,
}

impl Catalogue {
    pub(super) async fn read(database: &Database) -> Result<Self, CheckError> {
        let mut statement = Statement::default();
        statement.sql("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'");
        let rows = database.fetch(statement).await.map_err(CheckError::Catalogue)?;
        let entries = rows.into_iter().filter_map(|row| match <[Cell; 4]>::try_from(row) {
            Ok([Cell::Text(name), Cell::Text(kind), Cell::Integer(wr), Cell::Integer(strict)]) => {
                Some(Entry { name, kind, without_rowid: wr != 0, strict: strict != 0 })
            }
            Ok(_) | Err(_) => None,
        });
        Ok(Self { entries: entries.collect() })
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The names that a person could mean.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let shown = |entry: &&Entry| entry.kind != "shadow" && !entry.name.starts_with("sqlite_");
        self.entries.iter().filter(shown).map(|entry| entry.name.as_str())
    }

    /// Examines the table or view of a dataset.
    pub(super) async fn object(&self, dataset: &Dataset, database: &Database) -> Result<Object, CheckError> {
        let Some(entry) = self.entry(&dataset.table) else {
            return Err(CheckError::NoTable {
                dataset: dataset.name.clone(),
                table: dataset.table.clone(),
                suggestion: suggestion(nearest(&dataset.table, self.names())),
            });
        };
        entry.examine(database).await.map_err(|source| CheckError::Unreadable {
            dataset: dataset.name.clone(),
            table: dataset.table.clone(),
            source,
        })
    }
}

impl Entry {
    pub(super) async fn examine(&self, database: &Database) -> Result<Object, DatabaseError> {
        let is_table = self.kind == "table";
        let has_rowid = is_table && !self.without_rowid;
        let indexes = if is_table { self.indexes(database).await? } else { Vec::new() };
        let mut statement = Statement::default();
        statement
            .sql("SELECT name, type, \"notnull\", pk, dflt_value IS NOT NULL, hidden > 1 FROM pragma_table_xinfo(")
            .bind(Bind::Text(self.name.as_str().into()))
            .sql(", 'main') WHERE hidden <> 1");
        let mut columns = Vec::new();
        let mut key = Vec::new();
        for row in database.fetch(statement).await? {
            let Ok([Cell::Text(name), declared, Cell::Integer(not_null), Cell::Integer(pk), default, computed]) =
                <[Cell; 6]>::try_from(row)
            else {
                continue;
            };
            let declared = if let Cell::Text(declared) = declared { declared } else { String::new() };
            if pk > 0 {
                key.push(columns.len());
            }
            let never_null = not_null != 0 || (pk > 0 && self.without_rowid);
            let affinity = affinity(&declared, self.strict);
            let unsaid = match (default, computed) {
                (_, Cell::Integer(1)) => Unsaid::Computed,
                (Cell::Integer(1), _) => Unsaid::Default,
                (_, _) => Unsaid::Nothing,
            };
            columns.push(StoredColumn { name, declared, affinity, never_null, is_rowid: false, unsaid });
        }
        // A single INTEGER PRIMARY KEY is the rowid, unless it got an index of its own (`INTEGER PRIMARY KEY DESC`).
        if let [only] = key[..]
            && has_rowid
            && let Some(column) = columns.get_mut(only)
            && column.declared.eq_ignore_ascii_case("INTEGER")
            && !indexes.iter().any(|(origin, _)| origin == "pk")
        {
            column.is_rowid = true;
            column.never_null = true;
        }
        let rowid = columns.iter().find(|column| column.is_rowid).map(|column| column.name.clone());
        let mut indexes: Vec<Index> = indexes.into_iter().map(|(_, index)| index).collect();
        for column in indexes.iter_mut().flat_map(|index| &mut index.columns) {
            if column.name.as_deref() == Some(ROWID) {
                column.name.clone_from(&rowid);
            }
        }
        Ok(Object { name: self.name.clone(), has_rowid, is_table, columns, indexes })
    }

    async fn indexes(&self, database: &Database) -> Result<Vec<(String, Index)>, DatabaseError> {
        let mut statement = Statement::default();
        statement
            .sql("SELECT l.name, l.origin, l.\"unique\", x.cid, x.name, x.\"desc\", x.coll, x.\"key\" FROM pragma_index_list(")
            .bind(Bind::Text(self.name.as_str().into()))
            .sql(", 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x WHERE l.partial = 0 ORDER BY l.seq, x.seqno");
        let mut indexes: Vec<(String, String, Index)> = Vec::new();
        for row in database.fetch(statement).await? {
            let Ok([Cell::Text(index), Cell::Text(origin), unique, cid, name, desc, coll, own]) =
                <[Cell; 8]>::try_from(row)
            else {
                continue;
            };
            if indexes.last().is_none_or(|(last, _, _)| *last != index) {
                let unique = unique == Cell::Integer(1);
                indexes.push((index, origin, Index { unique, columns: Vec::new(), own: 0 }));
            }
            let Some((_, _, index)) = indexes.last_mut() else { continue };
            let name = match (cid, name) {
                (Cell::Integer(-1), _) => Some(ROWID.to_owned()),
                (_, Cell::Text(name)) => Some(name),
                _ => None,
            };
            let binary = matches!(&coll, Cell::Text(coll) if coll.eq_ignore_ascii_case("BINARY"));
            index.own += usize::from(own == Cell::Integer(1));
            index.columns.push(IndexColumn { name, descending: desc == Cell::Integer(1), binary });
        }
        Ok(indexes.into_iter().map(|(_, origin, index)| (origin, index)).collect())
    }
}

/// Stands for the rowid until its column's name is known; no declared name has a NUL.
const ROWID: &str = "\0rowid";

/// The affinity of a declared type (sqlite.org/datatype3.html, section 3.1; STRICT tables: stricttables.html).
fn affinity(declared: &str, strict: bool) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if declared.is_empty() || (strict && declared == "ANY") {
        Affinity::Blob
    } else if has(&["INT"]) {
        Affinity::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if has(&["BLOB"]) {
        Affinity::Blob
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_the_affinity_that_sqlite_documents() {
        for (declared, expected) in [
            ("INTEGER", Affinity::Integer),
            ("UNSIGNED BIG INT", Affinity::Integer),
            ("FLOATING POINT", Affinity::Integer),
            ("CHARINT", Affinity::Integer),
            ("VARCHAR(255)", Affinity::Text),
            ("nchar(10)", Affinity::Text),
            ("CLOB", Affinity::Text),
            ("BLOB", Affinity::Blob),
            ("", Affinity::Blob),
            ("DOUBLE PRECISION", Affinity::Real),
            ("float", Affinity::Real),
            ("NUMERIC", Affinity::Numeric),
            ("DECIMAL(10,5)", Affinity::Numeric),
            ("BOOLEAN", Affinity::Numeric),
            ("DATETIME", Affinity::Numeric),
            ("STRING", Affinity::Numeric),
            ("ANY", Affinity::Numeric),
        ] {
            assert_eq!(affinity(declared, false), expected, "{declared}");
        }
        assert_eq!(affinity("ANY", true), Affinity::Blob);
    }
}
