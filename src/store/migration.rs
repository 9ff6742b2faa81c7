//! Brings a database of ours to the schema that this program knows, and refuses one that it does not know.
//!
//! Each migration runs in a transaction of its own and leaves a row with the checksum of its text, so that a file made
//! by another build is recognised instead of half understood. Migrations only add.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use sqlx::{Connection, SqliteConnection};

use super::database::DatabaseError;
use crate::model::Timestamp;

/// One step of a schema; its number is its place in the list, beginning with 1.
#[derive(Debug)]
pub(super) struct Migration {
    /// The name of its file, without the number.
    pub(super) name: &'static str,
    /// Its text, the same for SQLite and PostgreSQL.
    pub(super) sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        // Line ends differ by how the sources were checked out; they mean nothing.
        let text = self.sql.replace("\r\n", "\n");
        URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number     BIGINT NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    checksum   TEXT   NOT NULL,
    applied_at BIGINT NOT NULL
)";

/// Applies what is missing.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    file: &Path,
    migrations: &'static [Migration],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    for (number, migration) in (1_i64..).zip(migrations) {
        let failed = |source| DatabaseError::Migrate { file: file.to_owned(), number, source };
        // IMMEDIATE, so that two processes that start together take turns instead of failing half-way.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        sqlx::query(TABLE).execute(&mut *transaction).await.map_err(failed)?;
        let version = checked_version(&mut transaction, file, migrations).await?;
        if version < number {
            sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(failed)?;
            sqlx::query("INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)")
                .bind(number)
                .bind(migration.name)
                .bind(migration.checksum())
                .bind(now.as_micros())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}

/// Says whether the schema is the one that this program knows.
pub(super) async fn verify(
    connection: &mut SqliteConnection,
    file: &Path,
    migrations: &'static [Migration],
) -> Result<(), DatabaseError> {
    let found = checked_version(connection, file, migrations).await?;
    let known = count(migrations);
    if found < known {
        return Err(DatabaseError::Older { file: file.to_owned(), found, known });
    }
    Ok(())
}

/// The version of a file, whoever made it; 0 where it has no schema of ours.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let ours: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'")
        .fetch_one(&mut *connection)
        .await?;
    if ours == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM schema_migrations").fetch_one(connection).await
}

/// The version of the file, which is one of ours: not newer, and made by the same texts.
async fn checked_version(
    connection: &mut SqliteConnection,
    file: &Path,
    migrations: &'static [Migration],
) -> Result<i64, DatabaseError> {
    let applied: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
            .fetch_all(connection)
            .await
            .map_err(|source| DatabaseError::about(file, source))?;
    let known = count(migrations);
    let found = applied.last().map_or(0, |(number, _, _)| *number);
    if found > known {
        return Err(DatabaseError::Newer { file: file.to_owned(), found, known });
    }
    for ((number, name, checksum), (expected, migration)) in applied.into_iter().zip((1_i64..).zip(migrations)) {
        if number != expected || checksum != migration.checksum() {
            return Err(DatabaseError::Changed { file: file.to_owned(), number, name });
        }
    }
    Ok(found)
}

fn count(migrations: &[Migration]) -> i64 {
    (1_i64..).zip(migrations).last().map_or(0, |(number, _)| number)
}
