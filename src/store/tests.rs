use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::database::{DatabaseError, open_readers, open_writer};
use super::migration::Migration;
use crate::config::Durability;
use crate::model::Timestamp;

const FIRST: &[Migration] = &[Migration { name: "things", sql: "CREATE TABLE things (id TEXT)" }];
const BOTH: &[Migration] = &[
    Migration { name: "things", sql: "CREATE TABLE things (id TEXT)" },
    Migration { name: "more", sql: "CREATE TABLE more (id TEXT); CREATE TABLE most (id TEXT)" },
];
const OTHER: &[Migration] = &[Migration { name: "things", sql: "CREATE TABLE things (id TEXT, size BIGINT)" }];
const BROKEN: &[Migration] = &[
    Migration { name: "things", sql: "CREATE TABLE things (id TEXT)" },
    Migration { name: "broken", sql: "CREATE TABLE half (id TEXT); CREATE TABEL whole (id TEXT)" },
];

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

async fn writer(file: &Path, migrations: &'static [Migration]) -> Result<SqliteConnection, DatabaseError> {
    open_writer(file, Durability::Process, migrations, NOW).await
}

async fn plain(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

async fn tables(file: &Path) -> Vec<String> {
    sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .fetch_all(&mut plain(file).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn migrations_are_applied_once_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    writer(&file, FIRST).await.unwrap().close().await.unwrap();
    assert_eq!(tables(&file).await, ["schema_migrations", "things"]);
    writer(&file, BOTH).await.unwrap().close().await.unwrap();
    writer(&file, BOTH).await.unwrap().close().await.unwrap();
    assert_eq!(tables(&file).await, ["more", "most", "schema_migrations", "things"]);
}

#[tokio::test]
async fn a_newer_database_than_the_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    writer(&file, BOTH).await.unwrap().close().await.unwrap();
    let error = writer(&file, FIRST).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(matches!(open_readers(&file, 1, FIRST).await.unwrap_err(), DatabaseError::Newer { .. }));
}

#[tokio::test]
async fn a_migration_with_another_text_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    writer(&file, FIRST).await.unwrap().close().await.unwrap();
    let error = writer(&file, OTHER).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Changed { number: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_failed_migration_leaves_the_file_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let error = writer(&file, BROKEN).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Migrate { number: 2, .. }), "{error}");
    assert_eq!(tables(&file).await, ["schema_migrations", "things"]);
    writer(&file, BOTH).await.unwrap();
}

#[tokio::test]
async fn readers_neither_create_a_file_nor_change_an_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    assert!(matches!(open_readers(&file, 1, FIRST).await.unwrap_err(), DatabaseError::Missing(_)));
    assert!(!file.exists());
    writer(&file, FIRST).await.unwrap().close().await.unwrap();
    let error = open_readers(&file, 1, BOTH).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Older { found: 1, known: 2, .. }), "{error}");
    let pool = open_readers(&file, 1, FIRST).await.unwrap();
    let error = sqlx::query("INSERT INTO things VALUES ('a')").execute(&pool).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("company.db");
    let mut company = plain(&file).await;
    sqlx::query("CREATE TABLE orders (id TEXT)").execute(&mut company).await.unwrap();
    company.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = writer(&file, FIRST).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Foreign(_)), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn errors_name_the_file_and_the_next_step() {
    let directory = tempfile::tempdir().unwrap();

    let nowhere = directory.path().join("missing/state.db");
    let error = writer(&nowhere, FIRST).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NoDirectory { .. }), "{error:?}");
    assert!(error.to_string().contains("missing/state.db"), "{error}");
    assert!(error.to_string().contains("create it"), "{error}");

    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be taken for one ".repeat(40)).unwrap();
    let error = writer(&text, FIRST).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NotADatabase { .. }), "{error:?}");

    let folder = directory.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let error = writer(&folder, FIRST).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Directory(_)), "{error:?}");
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_reported_as_locked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    writer(&file, FIRST).await.unwrap().close().await.unwrap();
    let mut holder = plain(&file).await;
    sqlx::raw_sql("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE held (id TEXT)")
        .execute(&mut holder)
        .await
        .unwrap();
    let error = writer(&file, FIRST).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Locked { .. }), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    let mut connection = writer(&file, FIRST).await.unwrap();
    sqlx::query("INSERT INTO things VALUES ('a')").execute(&mut connection).await.unwrap();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = std::fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
