//! The protected data: a few read-only connections to one SQLite file, one that writes where a dataset is writable
//! (`writer`), and the only place that runs SQL on it.
//!
//! The connections are ours to hand out, because what is needed beside each of them is its stop flag: dropping sqlx's
//! future does not stop the statement (it runs on in the connection's thread), so a progress handler reads the flag, and
//! whoever gives a connection back in the middle of a statement sets it. The flag is cleared only after the old
//! statement has ended. Nobody gets all of them at once (`turns`). Nothing that reads can
//! write: for reading, the file is opened `mode=ro` with `query_only`. It is never created.

mod turns;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, Decode, Row as _, Sqlite};
use sqlx::{SqliteConnection, TypeInfo as _, ValueRef as _};
use tokio::sync::{Mutex, mpsc};

pub(super) use self::turns::Reading;
use self::turns::Turns;
pub(super) use self::writer::Attempt;
pub use self::writer::{ChangeWriter, Changes, WriteError};
#[cfg(test)]
pub(super) use self::writer::{attempt, finish};
use super::cell::Cell;
use super::statement::{Bind, Statement};
use crate::config;

/// How many steps of SQLite's virtual machine run between two looks at the stop flag.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;
/// How long a statement waits for a writer to let go of the file; the wait itself cannot be stopped.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many prepared statements a connection keeps.
const STATEMENTS_KEPT: usize = 256;
/// How much of the file a connection keeps in memory, in KiB, as SQLite's `cache_size` takes it: a page merged from hundreds
/// of searches touches a thousand leaves of the file, twice what the default of 2 MB holds.
const KEPT_OF_FILE: &str = "-8192";
/// More rows than any page has, so that the statement never waits for its reader.
const ROWS_BUFFERED: usize = 256;

/// Why the protected data could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is no such file.
    #[error("there is no database at `{}`; it is never created, so set `database.url` to an existing file", .0.display())]
    Missing(PathBuf),
    /// The path is a directory or a device.
    #[error("`{}` is not a file; set `database.url` to the SQLite file itself", .0.display())]
    NotAFile(PathBuf),
    /// The operating system refuses to let us read the file.
    #[error("`{}` cannot be read by this user; it needs read permission on the file and its directories", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The file is something else.
    #[error("`{}` is not a SQLite database (or it is encrypted)", .0.display())]
    NotADatabase(PathBuf),
    /// `connections = 0`.
    #[error("`database.connections` is 0; at least 1 is needed to read anything")]
    NoConnections,
    /// SQLite refuses to open the file.
    #[error(
        "`{}` cannot be opened read-only; a database in WAL mode also needs its `-shm` file, or a directory that this user may write to",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        #[source]
        source: sqlx::Error,
    },
    /// A program that wrote ended in the middle of it, and only one that writes can undo it.
    #[error(
        "`{}` holds an unfinished change of a program that was killed, and cannot be read until that is undone; open it once for \
         writing, with that program or with `sqlite3`",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// The file cannot be written, and a dataset is writable.
    #[error(
        "`{}` cannot be written by this user, and a dataset is `writable`; it needs write permission on the file and its directory",
        path.display()
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        #[source]
        source: sqlx::Error,
    },
    /// Every connection was in use for too long.
    #[error("no connection to the database was free within {0:?}; raise `database.connections`")]
    Busy(Duration),
    /// The statement was stopped.
    #[error("the statement ran longer than {0:?} (`database.statement_timeout`) and was stopped")]
    TimedOut(Duration),
    /// SQLite refuses the statement.
    #[error("the statement failed")]
    Statement(#[source] sqlx::Error),
}

/// One connection and the flag that stops its statement.
struct Reader {
    connection: SqliteConnection,
    stop: Arc<AtomicBool>,
}

/// The protected data, open for reading.
pub struct Database {
    options: SqliteConnectOptions,
    path: PathBuf,
    limit: Duration,
    turns: Turns,
    free: Mutex<mpsc::Receiver<Option<Reader>>>,
    back: mpsc::Sender<Option<Reader>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.path).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the file and reads from it once, so that a wrong path or file is known at start.
    ///
    /// # Errors
    ///
    /// When there is no such file, it cannot be read, or it is not a SQLite database.
    pub async fn open(settings: &config::Database) -> Result<Self, DatabaseError> {
        let path = existing_file(&settings.path)?;
        let options = options(&path, settings).read_only(true).foreign_keys(false).pragma("query_only", "ON");
        let places = usize::try_from(settings.connections).unwrap_or(usize::MAX);
        if places == 0 {
            return Err(DatabaseError::NoConnections);
        }
        let (back, free) = mpsc::channel(places);
        for _ in 0..places {
            // The channel has exactly this many places.
            let _ = back.try_send(None);
        }
        let (limit, turns) = (settings.statement_timeout, Turns::new(places));
        let database = Self { options, path, limit, turns, free: Mutex::new(free), back };
        let mut probe = Statement::default();
        probe.sql("SELECT count(*) FROM sqlite_schema");
        match database.fetch(probe).await {
            Ok(_) => Ok(database),
            Err(DatabaseError::Statement(source)) => Err(opening(&database.path, source)),
            Err(error) => Err(error),
        }
    }

    /// Runs one statement of our own under the configured time limit. When this future is dropped, the statement stops.
    pub(super) async fn fetch(&self, statement: Statement) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        self.run(Reading::Ourselves, statement, self.limit).await
    }

    /// The same under a time limit of its own; only the checks at start need one.
    pub(super) async fn fetch_within(
        &self,
        statement: Statement,
        limit: Duration,
    ) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        self.run(Reading::Ourselves, statement, limit).await
    }

    /// Runs one statement for somebody under the configured time limit, as [`Database::fetch`].
    pub(super) async fn fetch_for(
        &self,
        whom: Reading<'_>,
        statement: Statement,
    ) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        self.run(whom, statement, self.limit).await
    }

    async fn run(
        &self,
        whom: Reading<'_>,
        statement: Statement,
        limit: Duration,
    ) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let ready = async {
            let turn = self.turns.take(whom).await;
            Ok::<_, DatabaseError>((turn, self.lease().await?))
        };
        // The connection goes back before the next of the same person comes: what is bound last is dropped first.
        let (_turn, mut lease) = tokio::time::timeout(limit, ready).await.map_err(|_| DatabaseError::Busy(limit))??;
        tokio::time::timeout(limit, lease.run(statement)).await.map_err(|_| DatabaseError::TimedOut(limit))?
    }

    async fn lease(&self) -> Result<Lease<'_>, DatabaseError> {
        let reader = self.free.lock().await.recv().await.flatten();
        // From here on the place is given back whatever happens, a dropped future included.
        let mut lease = Lease { back: &self.back, reader, running: false };
        if let Some(reader) = &mut lease.reader
            && reader.stop.load(Ordering::Relaxed)
        {
            // The connection's thread answers in order: after the answer the stopped statement has ended.
            match reader.connection.ping().await {
                Ok(()) => reader.stop.store(false, Ordering::Relaxed),
                Err(_) => lease.reader = None,
            }
        }
        if lease.reader.is_none() {
            lease.reader = Some(self.connect().await?);
        }
        Ok(lease)
    }

    async fn connect(&self) -> Result<Reader, DatabaseError> {
        connect(&self.options, &self.path).await
    }
}

/// How many bytes the rows of one statement may hold together.
const LARGEST: usize = 16 << 20;

/// What every connection has.
fn options(path: &Path, settings: &config::Database) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", KEPT_OF_FILE)
        .busy_timeout(settings.statement_timeout.min(LONGEST_WAIT))
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(ROWS_BUFFERED)
        .disable_statement_logging()
}

async fn connect(options: &SqliteConnectOptions, path: &Path) -> Result<Reader, DatabaseError> {
    let mut connection = options.connect().await.map_err(|source| opening(path, source))?;
    let stop = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&stop);
    let mut handle = connection.lock_handle().await.map_err(DatabaseError::Statement)?;
    handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !watched.load(Ordering::Relaxed));
    drop(handle);
    Ok(Reader { connection, stop })
}

/// Runs one statement and reads all that it gives, which is kept only while it is not too large: an answer holds it several
/// times.
async fn fetch(connection: &mut SqliteConnection, statement: Statement) -> Result<Vec<Vec<Cell>>, sqlx::Error> {
    let (text, binds) = statement.into_parts();
    let arguments = arguments(binds)?;
    // The text is ours and quoted names; every value is bound (`Statement` has no other way in).
    let mut rows = sqlx::query_with(AssertSqlSafe(text), arguments).fetch(connection);
    let (mut kept, mut room) = (Vec::new(), Some(LARGEST));
    while let Some(row) = rows.try_next().await? {
        let row = cells(&row)?;
        room = room.and_then(|room| room.checked_sub(row.iter().map(Cell::size).sum()));
        if room.is_some() {
            kept.push(row);
        } else {
            // Read to its end, so that the connection is free of it.
            kept = Vec::new();
        }
    }
    room.map(|_| kept).ok_or_else(|| sqlx::Error::Decode(TooLarge.into()))
}

/// The rows of one statement are too large to be answered.
#[derive(Debug, thiserror::Error)]
#[error("the rows of one statement hold more than {LARGEST} bytes; ask for fewer of them")]
struct TooLarge;

/// A connection in use. It goes back when this is dropped, stopped if a statement was running.
struct Lease<'a> {
    back: &'a mpsc::Sender<Option<Reader>>,
    reader: Option<Reader>,
    running: bool,
}

impl Lease<'_> {
    async fn run(&mut self, statement: Statement) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let Some(reader) = &mut self.reader else {
            return Err(DatabaseError::Statement(sqlx::Error::WorkerCrashed));
        };
        self.running = true;
        let rows = fetch(&mut reader.connection, statement).await;
        self.running = false;
        if matches!(rows, Err(sqlx::Error::WorkerCrashed)) {
            self.reader = None;
        }
        rows.map_err(DatabaseError::Statement)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let reader = self.reader.take();
        if let Some(reader) = &reader
            && self.running
        {
            reader.stop.store(true, Ordering::Relaxed);
        }
        // There is a place for every connection, and the receiver lives as long as the database.
        let _ = self.back.try_send(reader);
    }
}

/// The file's absolute path: SQLite would read one that begins with `file:` as a URI with options.
fn existing_file(path: &Path) -> Result<PathBuf, DatabaseError> {
    let refused = |source: io::Error| {
        if source.kind() == io::ErrorKind::NotFound {
            DatabaseError::Missing(path.to_owned())
        } else {
            DatabaseError::Unreadable { path: path.to_owned(), source }
        }
    };
    let absolute = path.canonicalize().map_err(refused)?;
    if !absolute.is_file() {
        return Err(DatabaseError::NotAFile(path.to_owned()));
    }
    std::fs::File::open(&absolute).map_err(refused)?;
    Ok(absolute)
}

fn opening(path: &Path, source: sqlx::Error) -> DatabaseError {
    let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        // `SQLITE_NOTADB`.
        Some("26") => DatabaseError::NotADatabase(path.to_owned()),
        // `SQLITE_READONLY_ROLLBACK`.
        Some("776") => DatabaseError::Unfinished(path.to_owned()),
        Some(_) | None => DatabaseError::Open { path: path.to_owned(), source },
    }
}

/// The bound values as sqlx takes them.
pub(super) fn arguments(binds: Vec<Bind>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(binds.len(), 0);
    for bind in binds {
        match bind {
            Bind::Text(text) => arguments.add(text),
            Bind::Integer(integer) => arguments.add(integer),
            Bind::Real(real) => arguments.add(real),
            Bind::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn cells(row: &SqliteRow) -> Result<Vec<Cell>, sqlx::Error> {
    (0..row.len()).map(|index| cell(row, index)).collect()
}

/// Reads a cell by its storage class, never by the declared type of its column.
fn cell(row: &SqliteRow, index: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let class = value.type_info();
    let decoded = match class.name() {
        "INTEGER" => <i64 as Decode<'_, Sqlite>>::decode(value).map(Cell::Integer),
        "REAL" => <f64 as Decode<'_, Sqlite>>::decode(value).map(Cell::Real),
        "TEXT" => <&[u8] as Decode<'_, Sqlite>>::decode(value).map(text),
        _ => <Vec<u8> as Decode<'_, Sqlite>>::decode(value).map(Cell::Bytes),
    };
    decoded.map_err(|source| sqlx::Error::ColumnDecode { index: index.to_string(), source })
}

fn text(bytes: &[u8]) -> Cell {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cell::Text(text.to_owned()),
        Err(_) => Cell::BrokenText(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests;
