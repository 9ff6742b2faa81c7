//! The statements of one change. Pure: what is asked and a filter go in, text and bound values come out.

use super::arguments::ChangeRequest;
use super::shown::Shown;
use crate::catalog::{Change, ColumnType};
use crate::dataset::cell::Cell;
use crate::dataset::face::Face;
use crate::dataset::relation::Schema;
use crate::dataset::run::{self, Table};
use crate::dataset::sql::{From, Rendered, SqlError};
use crate::dataset::statement::{Bind, Statement};
use crate::model::Name;
use crate::policy::RowFilter;

/// What a change is made of, in its order. All of it runs in one transaction.
#[derive(Debug)]
pub(in crate::dataset) struct Prepared {
    /// Reads the row as it is, before it is deleted or held against what was shown of it.
    pub(in crate::dataset) before: Option<Rendered>,
    /// What it must be, as far as its caller sees it.
    pub(in crate::dataset) shown: Option<Shown>,
    /// Makes the change, and says the key of the row.
    pub(in crate::dataset) statement: Statement,
    /// Reads the row as it is stored then, by the key that is bound last; `None` where it is deleted.
    pub(in crate::dataset) after: Option<Rendered>,
}

/// What the cells of the row that comes back are.
#[derive(Debug)]
pub(in crate::dataset) struct Shape {
    columns: Vec<(Name, ColumnType)>,
    masks: Vec<(Name, usize)>,
}

impl Prepared {
    /// What the cells of the row that comes back will be.
    pub(super) fn shape(&self) -> Shape {
        let rendered = self.after.as_ref().or(self.before.as_ref());
        Shape {
            columns: rendered.map(|rendered| rendered.columns.clone()).unwrap_or_default(),
            masks: rendered.map(|rendered| rendered.masks.clone()).unwrap_or_default(),
        }
    }
}

impl Shape {
    pub(super) fn table(&self, row: Vec<Cell>) -> Table {
        run::table(&self.columns, &self.masks, vec![row])
    }
}

/// Renders a change of a row within a filter. What the filter fixes of a new row, its tenant and its data room, the server
/// sets.
pub(super) fn render(
    change: Change,
    face: &Face,
    request: &ChangeRequest,
    filter: &RowFilter,
    schema: &Schema,
) -> Result<Prepared, SqlError> {
    let from = From::of(face, filter, schema)?;
    let mut statement = Statement::default();
    let before = match change {
        Change::Create => {
            insert(&from, request, filter, &mut statement)?;
            None
        }
        Change::Update => {
            statement.sql("UPDATE OR ABORT ").name(from.table_name()).sql(" AS t SET ");
            for (index, (column, value)) in request.given.iter().enumerate() {
                statement
                    .sql(if index == 0 { "" } else { ", " })
                    .name(&from.column_ref(column)?.declared.source)
                    .sql(" = ");
                bound(value.as_ref(), &mut statement);
            }
            changed(&from, request, &mut statement)?;
            request.shown.as_ref().map(|_| from.row(&request.key)).transpose()?
        }
        Change::Delete => {
            statement.sql("DELETE FROM ").name(from.table_name()).sql(" AS t");
            changed(&from, request, &mut statement)?;
            Some(from.row(&request.key)?)
        }
    };
    for (index, key) in face.dataset().key.iter().enumerate() {
        statement.sql(if index == 0 { " RETURNING " } else { ", " }).name(&from.column_ref(key)?.declared.source);
    }
    let after = match change {
        Change::Create | Change::Update => Some(from.one_row(|out| stored(&from, face, out))?),
        Change::Delete => None,
    };
    Ok(Prepared { before, shown: request.shown.clone(), statement, after })
}

fn insert(from: &From<'_>, request: &ChangeRequest, filter: &RowFilter, out: &mut Statement) -> Result<(), SqlError> {
    let is_given = |name: &Name| request.given.iter().any(|(given, _)| given == name);
    let tenant = filter.tenant.iter().map(|(column, tenant)| (column, tenant.as_str()));
    let room = filter.data_room.iter().map(|(column, room)| (column, room.as_str()));
    let room = room.filter(|(column, _)| !is_given(column));
    let fixed = tenant.chain(room).map(|(column, value)| Ok((column, from.column_ref(column)?.identifier(value))));
    let fixed = fixed.collect::<Result<Vec<_>, SqlError>>()?;
    let given = request.given.iter().map(|(column, value)| (column, value.as_ref()));
    let all: Vec<(&Name, Option<&Bind>)> = given.chain(fixed.iter().map(|(name, bind)| (*name, Some(bind)))).collect();
    out.sql("INSERT OR ABORT INTO ").name(from.table_name());
    if all.is_empty() {
        out.sql(" DEFAULT VALUES");
        return Ok(());
    }
    for (index, (column, _)) in all.iter().enumerate() {
        out.sql(if index == 0 { " (" } else { ", " }).name(&from.column_ref(column)?.declared.source);
    }
    for (index, (_, value)) in all.iter().enumerate() {
        out.sql(if index == 0 { ") VALUES (" } else { ", " });
        bound(*value, out);
    }
    out.sql(")");
    Ok(())
}

/// Appends which row is changed: one in the filter, by its key.
fn changed(from: &From<'_>, request: &ChangeRequest, out: &mut Statement) -> Result<(), SqlError> {
    from.filtered(out.sql(" WHERE ("))?;
    from.keyed(&request.key, out.sql(")"))
}

/// Appends the key of the stored row, each part as the database gave it; the values are bound when they are known.
fn stored(from: &From<'_>, face: &Face, out: &mut Statement) -> Result<(), SqlError> {
    for key in &face.dataset().key {
        from.column_ref(key)?.collated(out.sql(" AND "));
        out.sql(" = ").bind(Bind::Integer(0));
    }
    Ok(())
}

fn bound(value: Option<&Bind>, out: &mut Statement) {
    match value {
        Some(value) => out.bind(value.clone()),
        None => out.sql("NULL"),
    };
}
