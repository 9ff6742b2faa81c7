//! Why the audit trail could not be written or read.

use std::path::PathBuf;
use std::sync::Arc;

use super::log::{Failure, Holder};
use crate::store::DatabaseError;

/// Why the audit trail could not be written or read. Cloned to everyone who waits for the same write.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The store cannot be opened.
    #[error("the audit store cannot be opened")]
    Open(#[source] Arc<DatabaseError>),
    /// As many decisions wait as may.
    #[error("the audit queue is full: {capacity} decisions wait to be written")]
    Full {
        /// How many may wait.
        capacity: usize,
    },
    /// As many decisions of one holder wait as may of one.
    #[error("{most} decisions of {holder} wait already, which is the most of one (an eighth of `audit.queue`)")]
    Share {
        /// Whose they are.
        holder: Holder,
        /// How many may wait.
        most: usize,
    },
    /// An earlier write failed, and the store has not come back.
    #[error("the audit store is out of order since {}: {}", .0.since, .0.why)]
    Failed(Arc<Failure>),
    /// The writer has stopped.
    #[error("the audit writer has stopped")]
    Stopped,
    /// This write failed.
    #[error("the audit store could not be written")]
    Write(#[source] Arc<sqlx::Error>),
    /// The file was removed or replaced under us: what is written now would be lost.
    #[error("`{}` is no longer the file that was opened; put it back, or leave it away and it is made anew", .0.display())]
    Replaced(PathBuf),
    /// The store could not be read.
    #[error("the audit store could not be read")]
    Read(#[source] Arc<sqlx::Error>),
    /// A stored row does not mean anything to this program.
    #[error("the audit record {written} has `{found}` in `{column}`, which this program did not write")]
    Stored {
        /// The row.
        written: i64,
        /// The column.
        column: &'static str,
        /// What it holds.
        found: String,
    },
}

impl From<DatabaseError> for AuditError {
    fn from(error: DatabaseError) -> Self {
        Self::Open(Arc::new(error))
    }
}

impl AuditError {
    /// Whether only the holder is refused: the audit trail is well, and others are served.
    pub fn is_of_one(&self) -> bool {
        match self {
            Self::Share { .. } => true,
            Self::Open(_)
            | Self::Full { .. }
            | Self::Failed(_)
            | Self::Stopped
            | Self::Write(_)
            | Self::Replaced(_)
            | Self::Read(_)
            | Self::Stored { .. } => false,
        }
    }

    pub(super) fn write(error: sqlx::Error) -> Self {
        Self::Write(Arc::new(error))
    }

    pub(super) fn read(error: sqlx::Error) -> Self {
        Self::Read(Arc::new(error))
    }
}
