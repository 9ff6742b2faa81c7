//! Forgets the oldest records, by age and by size, a batch at a time so that no record waits long for its turn.

use sqlx::SqliteConnection;

use crate::config;
use crate::model::Timestamp;

/// How many rows of each table one batch deletes: more than one group writes, so that pruning keeps up.
const BATCH: i64 = 1_000;

/// Pruning by size goes on down to this share of the limit, in percent, so that the next record does not start it again.
const LOW_WATER: u64 = 90;

/// Deletes one batch of what is too old or too much; says whether there may be more of it. `going_on` says that the
/// batch before was deleted for the same cause.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    settings: &config::Audit,
    now: Timestamp,
    going_on: bool,
) -> Result<bool, sqlx::Error> {
    if !settings.keep.is_zero() {
        let keep = i64::try_from(settings.keep.as_micros()).unwrap_or(i64::MAX);
        let cutoff = now.as_micros().saturating_sub(keep);
        if delete_before(connection, cutoff).await? > 0 {
            return Ok(true);
        }
    }
    if settings.max_bytes == 0 {
        return Ok(false);
    }
    let limit = if going_on { settings.max_bytes / 100 * LOW_WATER } else { settings.max_bytes };
    if used_bytes(connection).await? <= limit {
        return Ok(false);
    }
    match oldest_batch(connection).await? {
        Some(newest_of_them) => Ok(delete_before(connection, newest_of_them.saturating_add(1)).await? > 0),
        None => Ok(false),
    }
}

/// Deletes at most one batch of rows written before this time, oldest first; says how many.
pub(super) async fn delete_before(connection: &mut SqliteConnection, cutoff: i64) -> Result<u64, sqlx::Error> {
    const STATEMENTS: [&str; 3] = [
        "DELETE FROM decisions WHERE written IN
             (SELECT written FROM decisions WHERE written < ? ORDER BY written LIMIT ?)",
        "DELETE FROM events WHERE written IN
             (SELECT written FROM events WHERE written < ? ORDER BY written LIMIT ?)",
        "DELETE FROM rejections WHERE (hour, reason, address) IN
             (SELECT hour, reason, address FROM rejections WHERE hour < ? ORDER BY hour LIMIT ?)",
    ];
    let mut deleted = 0;
    for statement in STATEMENTS {
        deleted += sqlx::query(statement).bind(cutoff).bind(BATCH).execute(&mut *connection).await?.rows_affected();
    }
    if deleted > 0 {
        // The freed pages go back to the file system; without this the file never shrinks.
        sqlx::raw_sql("PRAGMA incremental_vacuum").execute(connection).await?;
    }
    Ok(deleted)
}

/// The time of the newest row among the oldest batch.
async fn oldest_batch(connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT max(oldest) FROM
             (SELECT written AS oldest FROM decisions
              UNION ALL SELECT written FROM events
              UNION ALL SELECT hour FROM rejections
              ORDER BY oldest LIMIT ?) AS batch",
    )
    .bind(BATCH)
    .fetch_one(connection)
    .await
}

async fn used_bytes(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let used: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(used).unwrap_or(0))
}
