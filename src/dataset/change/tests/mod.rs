//! Changes without a server: the statements and their transaction, on a real database.

mod differential;
mod kept;
mod statements;
mod stored;

use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;

use super::arguments;
use super::sql;
use crate::catalog::Change;
use crate::dataset::arguments::ArgumentError;
use crate::dataset::cell::Cell;
use crate::dataset::database::{Attempt, attempt, finish};
use crate::dataset::face::Face;
use crate::dataset::relation::Schema;
use crate::dataset::tests::fixture::object;
use crate::policy::RowFilter;

/// Asks for a change within a filter: the cells of the row, `None` where nothing was changed.
async fn make(
    connection: &mut SqliteConnection,
    schema: &Schema,
    (face, filter, change): (&Face, &RowFilter, Change),
    asked: Json,
) -> Result<Option<Vec<Cell>>, ArgumentError> {
    let relation = &schema.relations[&face.dataset().name];
    let asked = arguments::parse(face, change, relation, &object(asked))?;
    let prepared = sql::render(change, face, &asked, filter, schema).unwrap();
    let attempt = attempt(connection, prepared).await.unwrap();
    match finish(connection, attempt).await.unwrap() {
        Attempt::Made(row) => Ok(Some(row)),
        Attempt::Refused => Ok(None),
        Attempt::Moved => panic!("nobody was shown anything"),
    }
}
