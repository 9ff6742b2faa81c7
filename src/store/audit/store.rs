//! The file behind the audit trail, while it can be written.

use std::path::{Path, PathBuf};

use sqlx::{Connection, SqliteConnection};

use super::error::AuditError;
use super::log::Entry;
use super::rejections::Key;
use super::{MIGRATIONS, insert, retention};
use crate::config;
use crate::model::Timestamp;
use crate::store::database;

/// An open file with its one writing connection.
#[derive(Debug)]
pub(super) struct Store {
    connection: SqliteConnection,
    file: PathBuf,
    identity: Option<Identity>,
    /// The largest `written` that was given out.
    last: i64,
}

/// Which file a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(file).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    #[cfg(not(unix))]
    fn of(file: &Path) -> Option<Self> {
        file.exists().then_some(Self {})
    }
}

impl Store {
    /// Opens the file, or makes it.
    pub(super) async fn open(settings: &config::Audit, now: Timestamp) -> Result<Self, AuditError> {
        let file = settings.path.clone();
        let mut connection = database::open_writer(&file, settings.durability, MIGRATIONS, now).await?;
        let last: i64 = sqlx::query_scalar(
            "SELECT coalesce(max(written), 0) FROM
                 (SELECT max(written) AS written FROM decisions UNION ALL SELECT max(written) FROM events) AS both_tables",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(AuditError::read)?;
        let identity = Identity::of(&file);
        Ok(Self { connection, file, identity, last })
    }

    /// Writes a group; all of it is durable when this returns.
    pub(super) async fn write(&mut self, entries: Vec<Entry>, now: Timestamp) -> Result<(), AuditError> {
        self.still_there()?;
        let mut group = Vec::with_capacity(entries.len());
        let mut events = Vec::new();
        for entry in entries {
            self.last = now.as_micros().max(self.last.saturating_add(1));
            match entry {
                Entry::Decision(record) => group.push((self.last, record)),
                Entry::Event(event) => events.push((self.last, event)),
            }
        }
        if !group.is_empty() {
            insert::decisions(&mut self.connection, group).await.map_err(AuditError::write)?;
        }
        for (written, event) in events {
            insert::event(&mut self.connection, written, event).await.map_err(AuditError::write)?;
        }
        Ok(())
    }

    /// Adds counts of rejected requests: all or none.
    pub(super) async fn add_rejections(&mut self, counts: &[(Key, u64)]) -> Result<(), AuditError> {
        self.still_there()?;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(AuditError::write)?;
        for (key, count) in counts {
            insert::rejection(&mut transaction, key, *count).await.map_err(AuditError::write)?;
        }
        transaction.commit().await.map_err(AuditError::write)
    }

    /// Deletes one batch of what is too old or too much; says whether there may be more of it.
    pub(super) async fn prune(
        &mut self,
        settings: &config::Audit,
        now: Timestamp,
        going_on: bool,
    ) -> Result<bool, AuditError> {
        self.still_there()?;
        retention::step(&mut self.connection, settings, now, going_on).await.map_err(AuditError::write)
    }

    /// Closes the file; the write-ahead log is folded into it.
    pub(super) async fn close(self) -> Result<(), AuditError> {
        self.connection.close().await.map_err(AuditError::write)
    }

    /// SQLite goes on writing to a file that was removed or moved, and what it writes is lost. Asking costs two
    /// microseconds of a group, and no other thread.
    fn still_there(&self) -> Result<(), AuditError> {
        if self.identity.is_some() && Identity::of(&self.file) == self.identity {
            return Ok(());
        }
        Err(AuditError::Replaced(self.file.clone()))
    }
}
