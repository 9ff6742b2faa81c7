//! The one connection that writes: changes wait for each other, each is one transaction, and each ends whole or not at all.
//!
//! There is one task and one connection, because SQLite has one writer: taking turns here is fair and bounded, waiting for
//! each other's locks is neither. Whoever goes away before the commit has changed nothing; from the commit on, what happened is
//! in the receipt, which is recorded whoever goes away. So the commit is not waited for by a request that could be cancelled,
//! and the task outlives every request.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::turns::{Reading, Turns};
use super::{DatabaseError, LONGEST_WAIT, Reader, connect, existing_file, fetch, opening, options};
use crate::authz::{Begun, Receipt};
use crate::config;
use crate::dataset::cell::Cell;
use crate::dataset::change::{Prepared, Shown};
use crate::dataset::statement::{Bind, Statement};
use crate::model::Person;
use crate::store::audit::Outcome;

/// How many changes wait for the connection; the others wait for a place.
const WAITING: usize = 64;

/// Why a change was not made, besides that it must not be.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another program held the file, or other changes took too long.
    #[error("the database did not take the change within {0:?}, because it was busy with others")]
    Busy(Duration),
    /// The statements ran too long.
    #[error("the change ran longer than {0:?} (`database.statement_timeout`) and was undone")]
    TimedOut(Duration),
    /// The connection could not be made.
    #[error("the database could not be opened for writing")]
    Open(#[source] DatabaseError),
    /// SQLite refuses, for a reason that is not the row.
    #[error("the change failed in the database")]
    Statement(#[source] sqlx::Error),
    /// Whoever asked went away, or the server is stopping.
    #[error("the change was not waited for, and was undone")]
    Abandoned,
}

/// What became of a change, and its receipt.
pub(in crate::dataset) type Ended = (Receipt, Result<Attempt, WriteError>);

/// A change, and who waits for it.
struct Job {
    prepared: Prepared,
    begun: Begun,
    queued: Instant,
    answer: oneshot::Sender<Ended>,
}

/// Takes changes in. Nothing is changed unless its [`ChangeWriter`] runs.
pub struct Changes {
    queue: mpsc::Sender<Job>,
    turns: Turns,
    limit: Duration,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The task that makes changes.
#[must_use = "nothing is changed unless the writer runs"]
pub struct ChangeWriter {
    options: SqliteConnectOptions,
    path: PathBuf,
    limit: Duration,
    jobs: mpsc::Receiver<Job>,
    connection: Option<Reader>,
}

impl std::fmt::Debug for ChangeWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Changes {
    /// Opens the file for writing, and finds out that it can be written. What a writer that was killed left unfinished is undone
    /// by that.
    ///
    /// # Errors
    ///
    /// When there is no such file, or it cannot be written.
    pub async fn open(settings: &config::Database) -> Result<(Self, ChangeWriter), DatabaseError> {
        let path = existing_file(&settings.path)?;
        let options = options(&path, settings).read_only(false).foreign_keys(true);
        let mut connection = connect(&options, &path).await?;
        match probe(&mut connection.connection).await {
            // Somebody else writes at this moment, so it can be written.
            Err(source) if !is_busy(&source) => {
                let opened = opening(&path, source);
                return Err(if let DatabaseError::Open { path, source } = opened {
                    DatabaseError::NotWritable { path, source }
                } else {
                    opened
                });
            }
            Ok(()) | Err(_) => {}
        }
        let (queue, jobs) = mpsc::channel(WAITING);
        let limit = settings.statement_timeout;
        // Two places: a person's changes wait for each other before they come to the queue that all share.
        let changes = Self { queue, turns: Turns::new(2), limit };
        Ok((changes, ChangeWriter { options, path, limit, jobs, connection: Some(connection) }))
    }

    /// Makes a change in the turn of whoever asks. `None` where the server stopped before it was made.
    pub(in crate::dataset) async fn make(&self, person: &Person, prepared: Prepared, begun: Begun) -> Option<Ended> {
        let queued = Instant::now();
        let ready = async {
            let turn = self.turns.take(Reading::Person(person)).await;
            (turn, self.queue.reserve().await)
        };
        let (_turn, place) = match timeout(self.limit, ready).await {
            Ok((turn, Ok(place))) => (turn, place),
            Ok((_, Err(_))) => return None,
            Err(_) => return Some((begun.ended(Outcome::Failed), Err(WriteError::Busy(self.limit)))),
        };
        let (answer, ended) = oneshot::channel();
        place.send(Job { prepared, begun, queued, answer });
        ended.await.ok()
    }
}

/// What the statements of a change came to; only what was made is committed.
#[derive(Debug)]
pub(in crate::dataset) enum Attempt {
    /// One row was changed, and stands where it may: this one.
    Made(Vec<Cell>),
    /// No row was changed, or one that may not stand so.
    Refused,
    /// The row is another than its person was shown.
    Moved,
}

impl ChangeWriter {
    /// Makes changes until the shutdown, and then those that are waited for.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if !self.jobs.is_closed() => self.jobs.close(),
                job = self.jobs.recv() => match job {
                    Some(job) => self.serve(job).await,
                    None => break,
                },
            }
        }
        if let Some(Reader { connection, .. }) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    async fn serve(&mut self, job: Job) {
        let Job { prepared, begun, queued, mut answer } = job;
        let ended = if answer.is_closed() {
            Err(WriteError::Abandoned)
        } else if queued.elapsed() > self.limit {
            Err(WriteError::Busy(self.limit))
        } else {
            self.make(prepared, &mut answer).await
        };
        let outcome = match &ended {
            Ok(Attempt::Made(_)) => Outcome::Changed,
            Ok(Attempt::Refused | Attempt::Moved) => Outcome::Unchanged,
            Err(WriteError::Abandoned) => Outcome::Abandoned,
            Err(WriteError::Busy(_) | WriteError::TimedOut(_) | WriteError::Open(_) | WriteError::Statement(_)) => {
                Outcome::Failed
            }
        };
        // Should nobody wait any more, the receipt comes back and is recorded as it is dropped.
        drop(answer.send((begun.ended(outcome), ended)));
    }

    async fn make(&mut self, prepared: Prepared, answer: &mut oneshot::Sender<Ended>) -> Result<Attempt, WriteError> {
        let mut reader = match self.connection.take() {
            Some(reader) => reader,
            None => connect(&self.options, &self.path).await.map_err(WriteError::Open)?,
        };
        let attempt = tokio::select! {
            biased;
            attempt = timeout(self.limit + LONGEST_WAIT, attempt(&mut reader.connection, prepared)) => match attempt {
                Ok(attempt) => attempt.map_err(|source| self.failed(source)),
                Err(_) => Err(WriteError::TimedOut(self.limit)),
            },
            () = answer.closed() => Err(WriteError::Abandoned),
        };
        let ended = match attempt {
            Ok(attempt) => finish(&mut reader.connection, attempt).await.map_err(|source| self.failed(source)),
            Err(error) => {
                reader.stop.store(true, Ordering::Relaxed);
                Err(error)
            }
        };
        if ended.is_ok() {
            self.connection = Some(reader);
        } else {
            close(reader.connection).await;
        }
        ended
    }

    fn failed(&self, source: sqlx::Error) -> WriteError {
        if is_busy(&source) { WriteError::Busy(self.limit) } else { WriteError::Statement(source) }
    }
}

/// Closing undoes what was not committed. A connection that does not close cleanly is gone all the same.
async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection ended in the middle of a change");
    }
}

/// Runs the statements of a change, up to its end.
pub(in crate::dataset) async fn attempt(
    connection: &mut SqliteConnection,
    prepared: Prepared,
) -> Result<Attempt, sqlx::Error> {
    let Prepared { before, shown, statement, after } = prepared;
    run(connection, "BEGIN IMMEDIATE").await?;
    let before = match before {
        Some(before) => match only(fetch(connection, before.statement).await?) {
            Some(row) if shown.is_some_and(|shown| shown != Shown::of(&row)) => return Ok(Attempt::Moved),
            Some(row) => Some(row),
            None => return Ok(Attempt::Refused),
        },
        None => None,
    };
    let changed = match fetch(connection, statement).await {
        Err(source) if is_refusal(&source) => return Ok(Attempt::Refused),
        changed => only(changed?),
    };
    let Some(key) = changed.and_then(|key| key.into_iter().map(bind).collect::<Option<Vec<_>>>()) else {
        return Ok(Attempt::Refused);
    };
    let stored = match after {
        Some(after) => only(fetch(connection, after.statement.with_last(key)).await?),
        None => before,
    };
    Ok(stored.map_or(Attempt::Refused, Attempt::Made))
}

/// Ends the transaction: from here on it cannot be taken back.
pub(in crate::dataset) async fn finish(
    connection: &mut SqliteConnection,
    attempt: Attempt,
) -> Result<Attempt, sqlx::Error> {
    let undone = match attempt {
        Attempt::Made(row) => match run(connection, "COMMIT").await {
            Ok(()) => return Ok(Attempt::Made(row)),
            // A foreign key that is looked at only now.
            Err(source) if is_refusal(&source) => Attempt::Refused,
            Err(source) => return Err(source),
        },
        Attempt::Refused | Attempt::Moved => attempt,
    };
    match run(connection, "ROLLBACK").await {
        Ok(()) => Ok(undone),
        // There is nothing to undo any more: a trigger has undone it all, by `RAISE(ROLLBACK)`.
        Err(source) if code(&source) == Some(GENERAL) => Ok(undone),
        Err(source) => Err(source),
    }
}

/// The row, if there is exactly one: a key that two rows have identifies none.
fn only(mut rows: Vec<Vec<Cell>>) -> Option<Vec<Cell>> {
    let last = rows.pop();
    last.filter(|_| rows.is_empty())
}

/// A part of a stored key, to find the row again. Without one of its parts there is no key.
fn bind(cell: Cell) -> Option<Bind> {
    match cell {
        Cell::Integer(integer) => Some(Bind::Integer(integer)),
        Cell::Real(real) => Some(Bind::Real(real)),
        Cell::Text(text) => Some(Bind::Text(text.into())),
        Cell::Bytes(bytes) => Some(Bind::Bytes(bytes)),
        Cell::Null | Cell::BrokenText(_) => None,
    }
}

async fn probe(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    run(connection, "BEGIN IMMEDIATE").await?;
    run(connection, "ROLLBACK").await
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut statement = Statement::default();
    statement.sql(sql);
    fetch(connection, statement).await.map(drop)
}

/// The primary result code of SQLite: the last byte of the extended one.
fn code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i64>().ok().map(|code| code & 0xff)
}

/// `SQLITE_ERROR`. Of a `ROLLBACK`: no transaction is open.
const GENERAL: i64 = 1;

/// `SQLITE_BUSY`, `SQLITE_LOCKED`.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(5 | 6))
}

/// `SQLITE_CONSTRAINT` and `SQLITE_MISMATCH`: the row is not one that the table takes. A trigger that refuses says so too.
fn is_refusal(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(19 | 20))
}
