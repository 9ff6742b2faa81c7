//! Whether rows have changed, for those who subscribed to them: their value in the dataset's `changed` column, as stored.
//!
//! What is looked at is within the scope of a permit, like everything that is read. A watch is made of one permit and may be
//! looked at again and again, for as long as the policy that gave the permit is in force; whoever holds it sees to that. It
//! gives no cell away, only whether a row that can be read has another value there than before; so it exists only for
//! somebody who may read that column in every row.

use serde_json::{Map, Value as Json};

use super::arguments::operand;
use super::cell::Cell;
use super::condition::ColumnRef;
use super::database::{Database, Reading};
use super::face::Face;
use super::filter;
use super::relation::Schema;
use super::request::{Operand, Test};
use super::run::RunError;
use super::sql::SqlError;
use super::statement::{Bind, Statement};
use crate::authz::RowScope;
use crate::catalog::{Column, Dataset};
use crate::model::{Name, Person};
use crate::policy::{Operator, RowFilter};

const TABLE: &str = "t";

/// The key of a row, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct RowKey(Vec<Operand>);

impl RowKey {
    /// The key that these arguments of `get_` name; `None` where no row of the dataset could have it.
    pub fn read(dataset: &Dataset, arguments: &Map<String, Json>) -> Option<Self> {
        let part = |name: &Name| {
            let column = dataset.column(name.as_str())?;
            operand(column, name.as_str(), arguments.get(name.as_str())?).ok()
        };
        dataset.key.iter().map(part).collect::<Option<_>>().map(Self)
    }
}

/// What stood in the `changed` column of a row when it was looked at. Compared, and never shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Version(Cell);

/// The right to look whether rows of a dataset have changed.
#[derive(Debug)]
pub struct Watch {
    /// The rows that may be looked at: the first condition of the statement.
    scope: RowScope,
    face: Face,
    changed: Column,
}

impl Watch {
    /// Makes a watch of a permit's scope. `None` where the dataset has no `changed` column, or one that is not read in every row
    /// by whoever holds the permit: when it changes would tell of what they may not read.
    pub fn new(scope: RowScope, face: Face) -> Option<Self> {
        let dataset = face.dataset();
        if scope.filter().dataset != dataset.name || face.columns() != scope.columns() {
            return None;
        }
        let name = dataset.changed.as_ref()?;
        let changed = face.open().find(|column| column.name == *name)?.clone();
        Some(Self { scope, face, changed })
    }
}

/// A look at some rows, without what may be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) changed: &'a Column,
    pub(super) keys: &'a [RowKey],
}

impl Look<'_> {
    /// Renders the look, within a filter. Each row of the answer has the number of its key, and the version.
    pub(super) fn render(self, filter: &RowFilter, schema: &Schema) -> Result<Statement, SqlError> {
        let mut out = Statement::default();
        out.sql("SELECT CASE");
        for (number, key) in (0_i64..).zip(self.keys) {
            self.is(key, schema, out.sql(" WHEN "))?;
            out.sql(" THEN ").bind(Bind::Integer(number));
        }
        self.column_ref(self.changed, schema)?.name(out.sql(" END, "));
        out.sql(" FROM ").name(&self.dataset.table).sql(" AS t WHERE (");
        filter::render(filter, schema, TABLE, &mut out)
            .map_err(|source| SqlError::Filter { dataset: self.dataset.name.clone(), source })?;
        out.sql(") AND (");
        for (number, key) in self.keys.iter().enumerate() {
            if number > 0 {
                out.sql(" OR ");
            }
            self.is(key, schema, &mut out)?;
        }
        out.sql(")");
        Ok(out)
    }

    /// Appends the condition that a row has this key.
    fn is(self, RowKey(key): &RowKey, schema: &Schema, out: &mut Statement) -> Result<(), SqlError> {
        out.sql("(");
        for (number, (name, value)) in self.dataset.key.iter().zip(key).enumerate() {
            if number > 0 {
                out.sql(" AND ");
            }
            let unknown = || SqlError::Column { dataset: self.dataset.name.clone(), column: name.clone() };
            let column = self.dataset.column(name.as_str()).ok_or_else(unknown)?;
            self.column_ref(column, schema)?.test(&Test::Compare(Operator::Equal, value.clone()), out);
        }
        out.sql(")");
        Ok(())
    }

    fn column_ref<'c>(self, column: &'c Column, schema: &Schema) -> Result<ColumnRef<'c>, SqlError> {
        let dataset = &self.dataset.name;
        let unknown = || SqlError::Column { dataset: dataset.clone(), column: column.name.clone() };
        let relation = schema.relations.get(dataset).ok_or_else(unknown)?;
        let affinity = *relation.affinities.get(&column.name).ok_or_else(unknown)?;
        Ok(ColumnRef { alias: TABLE, declared: column, affinity })
    }
}

/// Looks at rows once, in the turn of whoever subscribed: the version of each, in their order; `None` for one that is not there
/// or not in the scope.
///
/// # Errors
///
/// When the database refuses, is too slow, or does not have what was declared.
pub async fn look(
    database: &Database,
    schema: &Schema,
    watch: &Watch,
    keys: &[RowKey],
    whom: &Person,
) -> Result<Vec<Option<Version>>, RunError> {
    let mut versions = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(versions);
    }
    let look = Look { dataset: watch.face.dataset(), changed: &watch.changed, keys };
    let statement = look.render(watch.scope.filter(), schema)?;
    for row in database.fetch_for(Reading::Person(whom), statement).await? {
        let Ok([Cell::Integer(number), version]) = <[Cell; 2]>::try_from(row) else { return Err(RunError::Form) };
        let seen = usize::try_from(number).ok().and_then(|number| versions.get_mut(number));
        *seen.ok_or(RunError::Form)? = Some(Version(version));
    }
    Ok(versions)
}
