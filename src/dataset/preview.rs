//! Reads on behalf of people who have sent no token, for the command line.
//!
//! `policy explain`, `policy test` and `policy diff` ask what somebody would see. They have a row filter from the policy and no
//! permit, so this module alone takes a bare [`RowFilter`]. Only `cli` may import it: whoever can run the command can open
//! the file anyway. No server code may ever come here.

pub use super::row::row;
pub use super::sample::{SampleError, WrittenRow, make};

use super::cursor::Pager;
use super::database::{Database, Reading};
use super::plan::{PlanError, Read};
use super::relation::Schema;
use super::request::Request;
use super::run::{self, Rows, RunError};
use super::sql::{self, SqlError};
use super::statement::Statement;
use crate::model::Name;
use crate::policy::RowFilter;

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The request and the filter do not fit together.
    #[error("the request cannot be planned")]
    Plan(#[from] PlanError),
    /// There is no statement for it.
    #[error("the request cannot be put into SQL")]
    Sql(#[from] SqlError),
    /// The request is for more than one row.
    #[error("a row of `{0}` is read by its key, and the request names none")]
    NoKey(Name),
    /// It was not read.
    #[error("the rows could not be read")]
    Run(#[from] RunError),
}

/// Reads what a requester with this filter would get.
///
/// # Errors
///
/// When the request does not fit the filter, or the database refuses.
pub async fn preview(
    database: &Database,
    schema: &Schema,
    request: Request,
    filter: &RowFilter,
    pager: &Pager<'_>,
) -> Result<Rows, PreviewError> {
    let read = Read::new(request, filter, pager)?;
    Ok(run::within(database, schema, &read, filter, Reading::Ourselves).await?)
}

/// The statement that such a request would run, to show it.
///
/// # Errors
///
/// When the request does not fit the filter.
pub fn statement(
    schema: &Schema,
    request: Request,
    filter: &RowFilter,
    pager: &Pager<'_>,
) -> Result<Statement, PreviewError> {
    let read = Read::new(request, filter, pager)?;
    Ok(sql::render(&read, filter, schema)?.statement)
}
