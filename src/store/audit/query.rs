//! Reads the audit trail, for the command line.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqlitePool};

use super::error::AuditError;
use super::insert::COLUMNS;
use super::record::{Event, Outcome, Record, Verdict};
use super::{MIGRATIONS, retention};
use crate::config;
use crate::model::Timestamp;
use crate::store::database;

/// Reads one audit file, also while a server writes it.
#[derive(Debug, Clone)]
pub struct AuditReader(pub(super) SqlitePool);

/// A stored record, with its place in the order of writing.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// When it was written, in microseconds, made unique: later records have larger ones.
    pub written: i64,
    /// The record.
    pub record: Record,
}

/// Rejected requests that were counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// Why they were rejected.
    pub reason: String,
    /// Where they came from: an address, an IPv6 network, or `other`.
    pub address: String,
    /// How many there were.
    pub count: u64,
}

/// Which decisions are wanted. What is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Made at this time or later.
    pub since: Option<Timestamp>,
    /// Made before this time.
    pub until: Option<Timestamp>,
    /// The subject (`issuer/sub`) or the external user.
    pub who: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// Allow or deny.
    pub verdict: Option<Verdict>,
    /// What it was about: `dataset:documents`.
    pub object: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// The decision's id.
    pub decision: Option<String>,
    /// The request's id.
    pub request: Option<String>,
}

/// What decisions name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The person: the external user, and the subject as `issuer/sub`.
    Person,
    /// The tenant.
    Tenant,
    /// What it was about.
    Object,
    /// The tool, or the method of MCP.
    Tool,
}

/// How many names are looked at: clients choose some, and nobody reads more.
const MOST_NAMES: u32 = 10_000;

impl AuditReader {
    /// Opens the file for reading. It must be there, and as new as this program.
    pub async fn open(file: &Path) -> Result<Self, AuditError> {
        Ok(Self(database::open_readers(file, 2, MIGRATIONS).await?))
    }

    /// The newest decisions that match, oldest of them first.
    pub async fn query(&self, filter: &Filter, limit: u32) -> Result<Vec<Decision>, AuditError> {
        let mut builder = select();
        builder.push(" WHERE 1 = 1");
        let equal = [
            (" AND tenant = ", filter.tenant.as_deref()),
            (" AND verdict = ", filter.verdict.map(Verdict::as_str)),
            (" AND object = ", filter.object.as_deref()),
            (" AND tool = ", filter.tool.as_deref()),
            (" AND decision = ", filter.decision.as_deref()),
            (" AND request = ", filter.request.as_deref()),
        ];
        for (condition, value) in equal {
            if let Some(value) = value {
                builder.push(condition).push_bind(value);
            }
        }
        if let Some(who) = &filter.who {
            builder.push(" AND (subject = ").push_bind(who).push(" OR external_user = ").push_bind(who).push(")");
        }
        if let Some(since) = filter.since {
            builder.push(" AND at >= ").push_bind(since.as_micros());
        }
        if let Some(until) = filter.until {
            builder.push(" AND at < ").push_bind(until.as_micros());
        }
        builder.push(" ORDER BY at DESC, written DESC LIMIT ").push_bind(i64::from(limit));
        let mut found = self.fetch(builder).await?;
        found.reverse();
        Ok(found)
    }

    /// The decisions that were written last, oldest of them first.
    pub async fn tail(&self, lines: u32) -> Result<Vec<Decision>, AuditError> {
        let mut builder = select();
        builder.push(" ORDER BY written DESC LIMIT ").push_bind(i64::from(lines));
        let mut found = self.fetch(builder).await?;
        found.reverse();
        Ok(found)
    }

    /// The decisions written after that one, oldest first.
    pub async fn after(&self, written: i64, limit: u32) -> Result<Vec<Decision>, AuditError> {
        let mut builder = select();
        builder.push(" WHERE written > ").push_bind(written);
        builder.push(" ORDER BY written LIMIT ").push_bind(i64::from(limit));
        self.fetch(builder).await
    }

    /// The counts of rejected requests, oldest hour first.
    pub async fn rejections(&self, since: Option<Timestamp>) -> Result<Vec<Rejection>, AuditError> {
        let since = since.map_or(i64::MIN, Timestamp::as_micros);
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
            "SELECT hour, reason, address, count FROM rejections WHERE hour + 3600000000 > ? ORDER BY hour, reason, address",
        )
        .bind(since)
        .fetch_all(&self.0)
        .await
        .map_err(AuditError::read)?;
        let rejection = |(hour, reason, address, count)| {
            let count = u64::try_from(count).unwrap_or(0);
            Rejection { hour: Timestamp::from_micros(hour), reason, address, count }
        };
        Ok(rows.into_iter().map(rejection).collect())
    }

    /// The events, oldest first.
    pub async fn events(&self, since: Option<Timestamp>) -> Result<Vec<Event>, AuditError> {
        let since = since.map_or(i64::MIN, Timestamp::as_micros);
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT at, kind, detail FROM events WHERE at >= ? ORDER BY written")
                .bind(since)
                .fetch_all(&self.0)
                .await
                .map_err(AuditError::read)?;
        let event = |(at, kind, detail)| Event { at: Timestamp::from_micros(at), kind, detail };
        Ok(rows.into_iter().map(event).collect())
    }

    /// The names that decisions have, in order. Reads the whole trail.
    pub async fn named(&self, named: Named) -> Result<Vec<String>, AuditError> {
        let statement = match named {
            Named::Person => {
                "SELECT external_user FROM decisions WHERE external_user IS NOT NULL UNION SELECT subject FROM decisions \
                 ORDER BY 1 LIMIT ?"
            }
            Named::Tenant => "SELECT DISTINCT tenant FROM decisions ORDER BY 1 LIMIT ?",
            Named::Object => "SELECT DISTINCT object FROM decisions ORDER BY 1 LIMIT ?",
            Named::Tool => "SELECT DISTINCT tool FROM decisions WHERE tool IS NOT NULL ORDER BY 1 LIMIT ?",
        };
        sqlx::query_scalar(statement).bind(MOST_NAMES).fetch_all(&self.0).await.map_err(AuditError::read)
    }

    /// The event of one of these kinds that was written last.
    pub async fn last_event(&self, kinds: &[&str]) -> Result<Option<Event>, AuditError> {
        let mut builder = QueryBuilder::new("SELECT at, kind, detail FROM events WHERE kind IN (");
        let mut listed = builder.separated(", ");
        for kind in kinds {
            listed.push_bind(*kind);
        }
        builder.push(") ORDER BY written DESC LIMIT 1");
        let found: Option<(i64, String, String)> =
            builder.build_query_as().fetch_optional(&self.0).await.map_err(AuditError::read)?;
        Ok(found.map(|(at, kind, detail)| Event { at: Timestamp::from_micros(at), kind, detail }))
    }

    async fn fetch(&self, mut builder: QueryBuilder<Sqlite>) -> Result<Vec<Decision>, AuditError> {
        let rows: Vec<SqliteRow> = builder.build().fetch_all(&self.0).await.map_err(AuditError::read)?;
        rows.iter().map(decision).collect()
    }
}

/// Deletes everything that was written before this time; says how many rows. Works beside a running server, in batches.
pub async fn prune(settings: &config::Audit, before: Timestamp, now: Timestamp) -> Result<u64, AuditError> {
    if !settings.path.exists() {
        return Err(crate::store::DatabaseError::Missing(settings.path.clone()).into());
    }
    let mut connection = database::open_writer(&settings.path, settings.durability, MIGRATIONS, now).await?;
    let mut deleted = 0;
    loop {
        let batch = retention::delete_before(&mut connection, before.as_micros()).await.map_err(AuditError::write)?;
        if batch == 0 {
            break;
        }
        deleted += batch;
    }
    connection.close().await.map_err(AuditError::write)?;
    Ok(deleted)
}

fn select() -> QueryBuilder<Sqlite> {
    let mut builder = QueryBuilder::new("SELECT ");
    builder.push(COLUMNS).push(" FROM decisions");
    builder
}

/// The texts and numbers of one row, before they are given their meaning.
struct Columns<'r> {
    row: &'r SqliteRow,
    written: i64,
}

impl Columns<'_> {
    fn text(&self, column: &'static str) -> Result<String, AuditError> {
        self.row.try_get(column).map_err(AuditError::read)
    }

    fn optional(&self, column: &'static str) -> Result<Option<String>, AuditError> {
        self.row.try_get(column).map_err(AuditError::read)
    }

    fn integer(&self, column: &'static str) -> Result<i64, AuditError> {
        self.row.try_get(column).map_err(AuditError::read)
    }

    fn unknown(&self, column: &'static str, found: String) -> AuditError {
        AuditError::Stored { written: self.written, column, found }
    }

    fn verdict(&self) -> Result<Verdict, AuditError> {
        match self.text("verdict")?.as_str() {
            "allow" => Ok(Verdict::Allow),
            "deny" => Ok(Verdict::Deny),
            other => Err(self.unknown("verdict", other.to_owned())),
        }
    }

    fn outcome(&self) -> Result<Outcome, AuditError> {
        match self.text("outcome")?.as_str() {
            "answered" => {
                let rows: Option<i64> = self.row.try_get("answered_rows").map_err(AuditError::read)?;
                let rows = rows.map(u64::try_from).transpose();
                let rows = rows.map_err(|_| self.unknown("answered_rows", "a negative number".to_owned()))?;
                Ok(Outcome::Answered { rows })
            }
            "bad_arguments" => Ok(Outcome::BadArguments),
            "failed" => Ok(Outcome::Failed),
            "abandoned" => Ok(Outcome::Abandoned),
            "timed_out" => Ok(Outcome::TimedOut),
            "refused" => Ok(Outcome::Refused),
            "begun" => Ok(Outcome::Begun),
            "changed" => Ok(Outcome::Changed),
            "unchanged" => Ok(Outcome::Unchanged),
            "asked" => Ok(Outcome::Asked),
            "confirmed" => Ok(Outcome::Confirmed),
            "declined" => Ok(Outcome::Declined),
            "limited" => Ok(Outcome::Limited),
            "unasked" => Ok(Outcome::Unasked),
            other => Err(self.unknown("outcome", other.to_owned())),
        }
    }

    fn lines(&self) -> Result<Vec<String>, AuditError> {
        let text = self.text("lines")?;
        serde_json::from_str(&text).map_err(|_| self.unknown("lines", text))
    }

    fn duration(&self) -> Result<Duration, AuditError> {
        let micros = self.integer("duration")?;
        let micros = u64::try_from(micros).map_err(|_| self.unknown("duration", micros.to_string()))?;
        Ok(Duration::from_micros(micros))
    }
}

fn decision(row: &SqliteRow) -> Result<Decision, AuditError> {
    let written = row.try_get("written").map_err(AuditError::read)?;
    let columns = Columns { row, written };
    let record = Record {
        at: Timestamp::from_micros(columns.integer("at")?),
        decision: columns.text("decision")?,
        request: columns.text("request")?,
        subject: columns.text("subject")?,
        external_user: columns.optional("external_user")?,
        actor: columns.optional("actor")?,
        client: columns.optional("client")?,
        tenant: columns.text("tenant")?,
        agent: columns.optional("agent")?,
        data_room: columns.optional("data_room")?,
        thread: columns.optional("thread")?,
        stated: columns.optional("stated")?,
        action: columns.text("action")?,
        object: columns.text("object")?,
        tool: columns.optional("tool")?,
        verdict: columns.verdict()?,
        reason: columns.text("reason")?,
        lines: columns.lines()?,
        revision: columns.text("revision")?,
        outcome: columns.outcome()?,
        changed: columns.optional("changed")?,
        duration: columns.duration()?,
    };
    Ok(Decision { written, record })
}
