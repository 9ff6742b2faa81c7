//! A row filter as SQL: the statement gives no row that [`RowFilter::admits`] refuses, and all that it takes, but those in whose
//! place the database itself compares otherwise (below).
//!
//! Conditions have three values, and so has SQL; what SQL has besides is a habit of converting. A column is therefore read
//! through a guard that is NULL unless the cell is of the declared type (`cell`), values are bound and never formatted,
//! and text compares under a stated collation. A bare comparison, which an index can serve, stands in front of a guard
//! only where nothing but *true* counts, and never instead of one: where the database compares otherwise than the guard, it
//! may cost a row; it cannot give one away.
//!
//! The rendered text is a term of a `WHERE`, alone or under `AND`, where NULL is no row. It must not be negated.

mod cell;

#[cfg(test)]
pub(in crate::dataset) mod differential_tests;
#[cfg(test)]
mod tests;

use cell::Cell;

use super::relation::{Relation, Schema};
use super::statement::Statement;
use crate::catalog::ColumnType;
use crate::model::{Name, Value};
use crate::policy::{ColumnRule, Operator, ParentFilter, Predicate, RowFilter, Truth};

/// Parents are called `within_1`, `within_2`, … in the statement.
const PARENT: &str = "within_";

/// Why a filter could not be rendered. Nothing is then answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The filter names a dataset that the schema does not have.
    #[error("the dataset `{0}` is not among those that were checked against the database")]
    Dataset(Name),
    /// The filter names a column that the dataset does not have.
    #[error("the dataset `{dataset}` has no column `{column}`, or the database was not asked about it")]
    Column {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
    },
    /// A column is compared with a value or a column of another type.
    #[error("the column `{column}` of dataset `{dataset}` is of type {kind:?} and cannot be compared with {other}")]
    Type {
        /// The dataset.
        dataset: Name,
        /// The column.
        column: Name,
        /// Its type.
        kind: ColumnType,
        /// What it is compared with.
        other: String,
    },
    /// The statement calls the filtered table by a name that parents have.
    #[error("the alias `{0}` begins with `{PARENT}`, which is what parents are called; choose another")]
    Alias(String),
}

/// Appends the filter as a term of a `WHERE` over `alias`, which is the filter's own table.
///
/// # Errors
///
/// When the filter does not fit the schema; what was appended by then is of no use.
pub(crate) fn render(
    filter: &RowFilter,
    schema: &Schema,
    alias: &'static str,
    out: &mut Statement,
) -> Result<(), FilterError> {
    if alias.starts_with(PARENT) {
        return Err(FilterError::Alias(alias.to_owned()));
    }
    render_at(filter, schema, alias, 1, out)
}

/// Appends the condition under which a column of `alias`, a table of this dataset, is read. Only *true* reads it, so that it
/// stands behind `CASE WHEN`, where NULL is not true.
///
/// # Errors
///
/// When the rule does not fit the schema; what was appended by then is of no use.
pub(super) fn render_column(
    rule: &ColumnRule,
    dataset: &Name,
    schema: &Schema,
    alias: &'static str,
    out: &mut Statement,
) -> Result<(), FilterError> {
    let scope = Scope { relation: relation(schema, dataset)?, alias };
    scope.lines(&rule.allow, &rule.deny, out)
}

/// Appends an alternative of a filter, true where it allows.
pub(super) fn alternative(
    predicate: &Predicate,
    dataset: &Name,
    schema: &Schema,
    alias: &'static str,
    out: &mut Statement,
) -> Result<(), FilterError> {
    Scope { relation: relation(schema, dataset)?, alias }.where_true(predicate, out)
}

fn render_at(
    filter: &RowFilter,
    schema: &Schema,
    alias: &str,
    depth: usize,
    out: &mut Statement,
) -> Result<(), FilterError> {
    let scope = Scope { relation: relation(schema, &filter.dataset)?, alias };
    let tenant = filter.tenant.iter().map(|(column, tenant)| (column, tenant.as_str()));
    let room = filter.data_room.iter().map(|(column, room)| (column, room.as_str()));
    out.sql("(");
    for (column, wanted) in tenant.chain(room) {
        scope.equal(column, &Value::text(wanted), out)?;
        out.sql(" AND ");
    }
    scope.lines(&filter.allow, &filter.deny, out)?;
    if let Some(parent) = &filter.parent {
        out.sql(" AND ");
        render_parent(parent, schema, &scope, depth, out)?;
    }
    out.sql(")");
    Ok(())
}

fn relation<'a>(schema: &'a Schema, dataset: &Name) -> Result<&'a Relation, FilterError> {
    let relation = schema.relations.get(dataset).ok_or_else(|| FilterError::Dataset(dataset.clone()))?;
    Ok(relation)
}

fn render_parent(
    parent: &ParentFilter,
    schema: &Schema,
    child: &Scope<'_>,
    depth: usize,
    out: &mut Statement,
) -> Result<(), FilterError> {
    let alias = format!("{PARENT}{depth}");
    let scope = Scope { relation: relation(schema, &parent.filter.dataset)?, alias: &alias };
    out.sql("EXISTS (SELECT 1 FROM ").name(&scope.relation.dataset.table).sql(" AS ").name(&alias).sql(" WHERE ");
    for (own, key) in &parent.by {
        let (own_cell, key_cell) = (child.cell(own)?, scope.cell(key)?);
        if !own_cell.compares_with(&key_cell) {
            return Err(child.type_error(own, format!("the parent's `{key}`")));
        }
        key_cell.equal_reference(&own_cell, out);
        out.sql(" AND ");
    }
    render_at(&parent.filter, schema, &alias, depth + 1, out)?;
    out.sql(")");
    Ok(())
}

/// How conditions are joined.
#[derive(Debug, Clone, Copy)]
enum Join {
    All,
    Any,
}

/// A table under its name in the statement.
struct Scope<'a> {
    relation: &'a Relation,
    alias: &'a str,
}

/// Which of its three values a condition is asked for.
#[derive(Debug, Clone, Copy)]
enum Counts {
    /// Whether it is true.
    True,
    /// Which it is.
    Each,
}

impl<'a> Scope<'a> {
    /// Some allowance is true, and no denial is true or unknown.
    fn lines(&self, allow: &[Predicate], deny: &[Predicate], out: &mut Statement) -> Result<(), FilterError> {
        self.joined(allow, Join::Any, Counts::True, out)?;
        for line in deny {
            // NOT (line IS NOT FALSE)
            out.sql(" AND (");
            self.exact(line, out)?;
            out.sql(") IS FALSE");
        }
        Ok(())
    }

    fn cell(&self, name: &Name) -> Result<Cell<'a>, FilterError> {
        let column = self.relation.dataset.column(name.as_str());
        let affinity = self.relation.affinities.get(name);
        match (column, affinity) {
            (Some(column), Some(affinity)) => {
                Ok(Cell { alias: self.alias, source: &column.source, kind: column.kind, affinity: *affinity })
            }
            (None, _) | (_, None) => {
                Err(FilterError::Column { dataset: self.relation.dataset.name.clone(), column: name.clone() })
            }
        }
    }

    fn type_error(&self, name: &Name, other: String) -> FilterError {
        let dataset = self.relation.dataset.name.clone();
        match self.relation.dataset.column(name.as_str()) {
            Some(column) => FilterError::Type { dataset, column: name.clone(), kind: column.kind, other },
            None => FilterError::Column { dataset, column: name.clone() },
        }
    }

    /// A column that is compared with these values, all of its type.
    fn comparable(&self, name: &Name, values: &[Value]) -> Result<Cell<'a>, FilterError> {
        let cell = self.cell(name)?;
        match values.iter().find(|value| !cell.holds(value)) {
            Some(value) => Err(self.type_error(name, value.to_string())),
            None if cell.is_comparable() => Ok(cell),
            None => Err(self.type_error(name, "anything".to_owned())),
        }
    }

    /// A condition where nothing but *true* counts.
    fn where_true(&self, predicate: &Predicate, out: &mut Statement) -> Result<(), FilterError> {
        match predicate {
            Predicate::Known(Truth::True) => out.sql("1"),
            Predicate::Known(Truth::False | Truth::Unknown) => out.sql("0"),
            Predicate::Compare { column, operator: Operator::Equal, value } => {
                return self.equal(column, value, out);
            }
            Predicate::In { column, values } => {
                self.comparable(column, values)?.one_of(values, out);
                return Ok(());
            }
            Predicate::All(parts) => return self.joined(parts, Join::All, Counts::True, out),
            Predicate::Any(parts) => return self.joined(parts, Join::Any, Counts::True, out),
            Predicate::Compare { .. }
            | Predicate::CompareColumns { .. }
            | Predicate::Present(_)
            | Predicate::Not(_) => return self.exact(predicate, out),
        };
        Ok(())
    }

    fn equal(&self, column: &Name, value: &Value, out: &mut Statement) -> Result<(), FilterError> {
        self.comparable(column, std::slice::from_ref(value))?.one_of(std::slice::from_ref(value), out);
        Ok(())
    }

    /// A condition with all its three values.
    fn exact(&self, predicate: &Predicate, out: &mut Statement) -> Result<(), FilterError> {
        match predicate {
            Predicate::Known(Truth::True) => out.sql("1"),
            Predicate::Known(Truth::False) => out.sql("0"),
            Predicate::Known(Truth::Unknown) => out.sql("NULL"),
            Predicate::Compare { column, operator, value } => {
                let cell = self.comparable(column, std::slice::from_ref(value))?;
                if !cell.is_ordered() && !is_equality(*operator) {
                    return Err(self.type_error(column, format!("`{}`, which orders", operator.as_str())));
                }
                cell.guarded(out).sql(sign(*operator)).bind(cell::bind(value))
            }
            Predicate::CompareColumns { left, operator, right } => {
                let (own, other) = (self.comparable(left, &[])?, self.comparable(right, &[])?);
                if !own.compares_with(&other) || (!own.is_ordered() && !is_equality(*operator)) {
                    return Err(self.type_error(left, format!("`{right}` by `{}`", operator.as_str())));
                }
                own.guarded(out).sql(sign(*operator));
                other.guarded(out)
            }
            Predicate::In { column, values } => self.comparable(column, values)?.guarded_one_of(values, out),
            Predicate::Present(column) => self.comparable(column, &[])?.guarded(out).sql(" IS NOT NULL"),
            Predicate::Not(inner) => {
                out.sql("NOT (");
                self.exact(inner, out)?;
                out.sql(")")
            }
            Predicate::All(parts) => return self.joined(parts, Join::All, Counts::Each, out),
            Predicate::Any(parts) => return self.joined(parts, Join::Any, Counts::Each, out),
        };
        Ok(())
    }

    /// Joins in halves: SQLite refuses an expression deeper than 1000, and a chain is as deep as it is long.
    fn joined(&self, parts: &[Predicate], join: Join, counts: Counts, out: &mut Statement) -> Result<(), FilterError> {
        match parts {
            [] => {
                out.sql(match join {
                    Join::All => "1",
                    Join::Any => "0",
                });
                Ok(())
            }
            [only] => match counts {
                Counts::True => self.where_true(only, out),
                Counts::Each => self.exact(only, out),
            },
            _ => {
                let (first, second) = parts.split_at(parts.len().div_ceil(2));
                out.sql("(");
                self.joined(first, join, counts, out)?;
                out.sql(match join {
                    Join::All => " AND ",
                    Join::Any => " OR ",
                });
                self.joined(second, join, counts, out)?;
                out.sql(")");
                Ok(())
            }
        }
    }
}

fn is_equality(operator: Operator) -> bool {
    matches!(operator, Operator::Equal | Operator::NotEqual)
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => " = ",
        Operator::NotEqual => " <> ",
        Operator::Less => " < ",
        Operator::LessOrEqual => " <= ",
        Operator::Greater => " > ",
        Operator::GreaterOrEqual => " >= ",
    }
}
