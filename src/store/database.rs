//! Opens our own SQLite files: one connection that writes, and a pool that reads.
//!
//! A file is opened only if it is ours: one that some other program made is refused, as is one that a newer version of
//! this program made. Nothing here opens the protected data.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

use super::migration::{self, Migration};
use crate::config::Durability;
use crate::model::Timestamp;

/// How long a connection waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The write-ahead log is cut back to this size after a checkpoint.
const JOURNAL_SIZE_LIMIT: &str = "16777216";

/// Why one of our own databases cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The directory that should hold the file is not there.
    #[error("`{}` cannot be opened: the directory `{}` does not exist; create it, or name another path", file.display(), directory.display())]
    NoDirectory {
        /// The file.
        file: PathBuf,
        /// Its directory.
        directory: PathBuf,
    },
    /// The name stands for a directory.
    #[error("`{}` is a directory; name a file in it", .0.display())]
    Directory(PathBuf),
    /// The file is not there, and a reader does not create it.
    #[error("`{}` does not exist; the server creates it when it first starts", .0.display())]
    Missing(PathBuf),
    /// The file could not be created.
    #[error("`{}` cannot be created; this user needs to be able to write to its directory", file.display())]
    Create {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file, or its directory, cannot be written.
    #[error("`{}` cannot be written; the file and its directory must belong to the user who runs the server", file.display())]
    NotWritable {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file holds something else.
    #[error("`{}` is not a SQLite database; move it away, or name another path", file.display())]
    NotADatabase {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file is a database of another program.
    #[error("`{}` is a database of another program: it has tables, but no `schema_migrations` of ours; name another path", .0.display())]
    Foreign(PathBuf),
    /// Others can read or write a file that holds secrets.
    #[error(
        "others than its owner have access to `{}` (mode {mode:03o}), which holds the keys that tokens are signed with; \
         `chmod go= {}` mends that, and `bailiwick key rotate --replace` if somebody may have read it",
        file.display(), file.display()
    )]
    Shared {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another process holds the file.
    #[error("`{}` is locked by another process; stop it, or wait until it is done", file.display())]
    Locked {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// A newer version of this program made the file.
    #[error("`{}` has schema version {found}, and this program knows {known}; run the version that wrote it, or a newer one", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An older version of this program made the file, and a reader does not change it.
    #[error("`{}` has schema version {found}, and this program needs {known}; start the server once to bring it up to date", file.display())]
    Older {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A migration was applied with another text than ours.
    #[error("`{}` was made by another build: its migration {number} (`{name}`) is not the one that this program has; restore the file, or run that build", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The migration's number.
        number: i64,
        /// The migration's name.
        name: String,
    },
    /// A migration failed; the file is as it was before it.
    #[error("`{}` could not be brought to schema version {number}; it is as it was before", file.display())]
    Migrate {
        /// The file.
        file: PathBuf,
        /// The migration's number.
        number: i64,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// Anything else.
    #[error("`{}` cannot be opened", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
}

impl DatabaseError {
    /// Sorts what SQLite says of a file by what a person can do about it (<https://sqlite.org/rescode.html>).
    pub(super) fn about(file: &Path, source: sqlx::Error) -> Self {
        const BUSY: i32 = 5;
        const READ_ONLY: i32 = 8;
        const CANNOT_OPEN: i32 = 14;
        const NOT_A_DATABASE: i32 = 26;
        let file = file.to_owned();
        match primary_code(&source) {
            Some(BUSY) => Self::Locked { file, source },
            Some(READ_ONLY | CANNOT_OPEN) => Self::NotWritable { file, source },
            Some(NOT_A_DATABASE) => Self::NotADatabase { file, source },
            _ => Self::Open { file, source },
        }
    }
}

/// The primary result code; the extended one has it in its lowest byte.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Opens the connection that writes, creates the file if need be, and applies the migrations that it lacks.
pub(super) async fn open_writer(
    file: &Path,
    durability: Durability,
    migrations: &'static [Migration],
    now: Timestamp,
) -> Result<SqliteConnection, DatabaseError> {
    create(file)?;
    let synchronous = match durability {
        Durability::Process => SqliteSynchronous::Normal,
        Durability::Power => SqliteSynchronous::Full,
    };
    // The vacuum mode is the file's own and can be chosen only while it is empty.
    let options = options(file)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT);
    refuse_foreign(file).await?;
    let mut connection = options.connect().await.map_err(|source| DatabaseError::about(file, source))?;
    migration::apply(&mut connection, file, migrations, now).await?;
    Ok(connection)
}

/// The version of a file's schema: 0 where there is no file, or nothing in it.
pub(super) async fn version(file: &Path) -> Result<i64, DatabaseError> {
    if !file.exists() {
        return Ok(0);
    }
    refuse_foreign(file).await?;
    let about = |source| DatabaseError::about(file, source);
    let mut connection = options(file).read_only(true).connect().await.map_err(about)?;
    migration::version(&mut connection).await.map_err(about)
}

/// Opens a pool that reads a file which the server has made.
pub(super) async fn open_readers(
    file: &Path,
    connections: u32,
    migrations: &'static [Migration],
) -> Result<SqlitePool, DatabaseError> {
    if !file.exists() {
        return Err(DatabaseError::Missing(file.to_owned()));
    }
    refuse_foreign(file).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .connect_with(options(file).read_only(true))
        .await
        .map_err(|source| DatabaseError::about(file, source))?;
    let mut connection = pool.acquire().await.map_err(|source| DatabaseError::about(file, source))?;
    migration::verify(&mut connection, file, migrations).await?;
    drop(connection);
    Ok(pool)
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).foreign_keys(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

/// Creates an empty file that only its owner can read; SQLite gives the files that it puts beside it the same mode.
///
/// A file that exists is not touched: closing any descriptor of it would drop the locks that this process has on it
/// (<https://sqlite.org/howtocorrupt.html>, section 2.2).
fn create(file: &Path) -> Result<(), DatabaseError> {
    if file.is_dir() {
        return Err(DatabaseError::Directory(file.to_owned()));
    }
    if file.exists() {
        return Ok(());
    }
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(DatabaseError::NoDirectory { file: file.to_owned(), directory: directory.to_owned() });
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(DatabaseError::Create { file: file.to_owned(), source }),
    }
}

/// Refuses a file of ours that others than its owner can read or write.
pub(super) async fn refuse_shared(file: &Path) -> Result<(), DatabaseError> {
    if !file.exists() {
        return Ok(());
    }
    // Who may read what is not ours is nothing to us.
    refuse_foreign(file).await?;
    check_private(file)
}

/// The file, and the one beside it: SQLite's log holds the newest rows.
#[cfg(unix)]
fn check_private(file: &Path) -> Result<(), DatabaseError> {
    use std::os::unix::fs::MetadataExt as _;
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    for file in [file, Path::new(&log)] {
        let mode = match std::fs::metadata(file) {
            Ok(metadata) => metadata.mode() & 0o777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(DatabaseError::Create { file: file.to_owned(), source }),
        };
        if mode & 0o077 != 0 {
            return Err(DatabaseError::Shared { file: file.to_owned(), mode });
        }
    }
    Ok(())
}

/// Who may read a file is nothing that is asked here.
#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), DatabaseError> {
    Ok(())
}

/// Refuses another program's database before any setting of it is changed.
async fn refuse_foreign(file: &Path) -> Result<(), DatabaseError> {
    let about = |source| DatabaseError::about(file, source);
    let mut connection = options(file).read_only(true).connect().await.map_err(about)?;
    let (tables, ours): (i64, i64) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(name = 'schema_migrations'), 0) FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(about)?;
    if tables > 0 && ours == 0 { Err(DatabaseError::Foreign(file.to_owned())) } else { Ok(()) }
}
