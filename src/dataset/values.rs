//! The values that one column has within a scope and that begin with a text, for completions.
//!
//! A value is offered only where the row that holds it may be read, and only of a column that is read in every row: what is
//! offered would otherwise tell of rows, or cells, out of sight. No number of values is told.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::address;
use super::arguments::operand;
use super::condition::ColumnRef;
use super::database::{Database, Reading};
use super::face::Face;
use super::filter;
use super::relation::{Affinity, Schema};
use super::request::{Operand, Test};
use super::run::RunError;
use super::sql::SqlError;
use super::statement::{Bind, Statement};
use crate::authz::RowScope;
use crate::catalog::{Column, ColumnType};
use crate::model::{Name, Person};
use crate::policy::Operator;

const TABLE: &str = "t";

/// A question for values that may be asked, once.
#[derive(Debug)]
pub struct ValuesPlan {
    /// The rows whose values may be offered: the first condition of the statement.
    scope: RowScope,
    face: Face,
    column: Column,
    begin: Arc<str>,
    fixed: Vec<(Name, Operand)>,
    most: u16,
}

impl ValuesPlan {
    /// Asks for at most so many values of a column that begin with a text, in the rows where other columns are as `fixed`
    /// says. `None` where there can be none: the column is not open to whoever holds the permit, has values that are not
    /// written as they are stored, or a fixed value is none of its column (`fixed` is `None` where it is none of any).
    pub fn new(
        scope: RowScope,
        face: Face,
        (column, begin): (&str, &str),
        fixed: Option<&Map<String, Json>>,
        most: u16,
    ) -> Option<Self> {
        let dataset = face.dataset();
        if scope.filter().dataset != dataset.name || face.columns() != scope.columns() {
            return None;
        }
        let open = |name: &str| face.open().find(|column| column.name.as_str() == name).cloned();
        let column = open(column)?;
        if !matches!(column.kind, ColumnType::Id | ColumnType::Text | ColumnType::Number) || begin.contains('\0') {
            return None;
        }
        let others = fixed?.iter().filter(|(name, _)| *name != column.name.as_str());
        let fixed = others.map(|(name, value)| {
            let column = open(name)?;
            Some((column.name.clone(), operand(&column, name, value).ok()?))
        });
        let fixed = fixed.collect::<Option<_>>()?;
        Some(Self { scope, column, begin: begin.into(), fixed, most, face })
    }

    fn column_ref<'a>(&'a self, column: &'a Column, schema: &Schema) -> Result<ColumnRef<'a>, SqlError> {
        let dataset = &self.face.dataset().name;
        let unknown = || SqlError::Column { dataset: dataset.clone(), column: column.name.clone() };
        let relation = schema.relations.get(dataset).ok_or_else(unknown)?;
        let affinity = *relation.affinities.get(&column.name).ok_or_else(unknown)?;
        Ok(ColumnRef { alias: TABLE, declared: column, affinity })
    }

    /// Renders the question.
    pub(super) fn render(&self, schema: &Schema) -> Result<Statement, SqlError> {
        let dataset = self.face.dataset();
        let column = self.column_ref(&self.column, schema)?;
        let mut out = Statement::default();
        out.sql("SELECT DISTINCT ");
        column.name(&mut out);
        out.sql(" FROM ").name(&dataset.table).sql(" AS t WHERE (");
        filter::render(self.scope.filter(), schema, TABLE, &mut out)
            .map_err(|source| SqlError::Filter { dataset: dataset.name.clone(), source })?;
        out.sql(") AND ");
        for (name, value) in &self.fixed {
            let missing = || SqlError::Column { dataset: dataset.name.clone(), column: name.clone() };
            let column = dataset.column(name.as_str()).ok_or_else(missing)?;
            self.column_ref(column, schema)?.test(&Test::Compare(Operator::Equal, value.clone()), &mut out);
            out.sql(" AND ");
        }
        column.guard(&mut out);
        if !self.begin.is_empty() {
            if column.affinity == Affinity::Text {
                // What begins with a text is not before it: a bound for the index.
                out.sql(" AND ");
                column.collated(&mut out);
                out.sql(" >= ").bind(Bind::Text(Arc::clone(&self.begin)));
            }
            out.sql(" AND substr(CAST(");
            column.name(&mut out);
            out.sql(" AS TEXT), 1, length(").bind(Bind::Text(Arc::clone(&self.begin))).sql(")) = ");
            out.bind(Bind::Text(Arc::clone(&self.begin))).sql(" COLLATE BINARY");
        }
        out.sql(" ORDER BY ");
        column.collated(&mut out);
        // One more than asked says whether there are more.
        out.sql(" LIMIT ").bind(Bind::Integer(i64::from(self.most) + 1));
        Ok(out)
    }
}

/// Asks, once, in the turn of whoever asks: the values as they are written, and whether there are more.
///
/// # Errors
///
/// When the database refuses, is too slow, or does not have what was declared.
pub async fn values(
    database: &Database,
    schema: &Schema,
    plan: ValuesPlan,
    person: &Person,
) -> Result<(Vec<String>, bool), RunError> {
    let rows = database.fetch_for(Reading::Person(person), plan.render(schema)?).await?;
    let most = usize::from(plan.most);
    let more = rows.len() > most;
    let cells = rows.into_iter().take(most).filter_map(|row| row.into_iter().next());
    let values = cells.filter_map(|cell| address::written(&cell.into_json(plan.column.kind)));
    Ok((values.collect(), more))
}
