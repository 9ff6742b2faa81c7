//! `bailiwick audit`: reads the trail, also while the server writes it.
//!
//! What stands in the trail was partly chosen by clients (the name of a tool that does not exist), so nothing of it
//! reaches a terminal unescaped.

mod table;
mod unknown;
mod when;

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

pub(crate) use when::When;

use super::is_closed_pipe;
use crate::clock::Clock;
use crate::config;
use crate::store::audit::{self, AuditReader, Decision, Filter, Verdict};

/// How often `--follow` looks for new decisions.
const FOLLOW: Duration = Duration::from_millis(500);

/// How many new decisions `--follow` prints at once.
const FOLLOW_BATCH: u32 = 1_000;

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the decisions that were written last
    Tail {
        /// Go on showing new ones, until interrupted
        #[arg(short, long)]
        follow: bool,
        /// How many to begin with
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: u32,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show the decisions that match every option given
    Query(Query),
    /// Show how many requests without a verified credential were rejected, by hour, reason and address
    Rejections {
        /// From this time on: `2026-11-21T09:30:00Z`, or `2h` for two hours ago
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show what happened to the server itself: policies loaded, refused or accepted, the audit store recovered
    Events {
        /// From this time on: `2026-11-21T09:30:00Z`, or `2h` for two hours ago
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Delete everything that was written before a time
    Prune {
        /// The time: `2026-11-21T09:30:00Z`, or `90d` for ninety days ago
        #[arg(long, value_name = "TIME")]
        before: When,
    },
}

/// Which decisions to show.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// From this time on: `2026-11-21T09:30:00Z`, or `2h` for two hours ago
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Of this person: the external user, or the subject as `issuer/sub`
    #[arg(long, value_name = "PERSON")]
    who: Option<String>,
    /// Of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// With this verdict
    #[arg(long, value_enum)]
    verdict: Option<VerdictWord>,
    /// About this: `dataset:documents`, `tool:echo`
    #[arg(long)]
    object: Option<String>,
    /// Through this tool, or this method of MCP: `list_documents`, `resources/read`
    #[arg(long)]
    tool: Option<String>,
    /// With this id, in full; `--json` shows the ids
    #[arg(long, value_name = "ID")]
    decision: Option<String>,
    /// Of the request whose answer had this `X-Request-Id`, in full
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The newest so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

/// A verdict, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum VerdictWord {
    /// Allowed
    Allow,
    /// Denied
    Deny,
}

/// Runs one command against the configured store.
pub(crate) async fn run(
    command: AuditCommand,
    settings: &config::Audit,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> Result<()> {
    match dispatch(command, settings, clock, out).await {
        // `bailiwick audit tail | head` closes the pipe when it has seen enough.
        Err(error) if is_closed_pipe(&error) => Ok(()),
        other => other,
    }
}

async fn dispatch(
    command: AuditCommand,
    settings: &config::Audit,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> Result<()> {
    let now = clock.now();
    let reader = async || AuditReader::open(&settings.path).await;
    match command {
        AuditCommand::Tail { follow, lines, json } => tail(&reader().await?, follow, lines, json, out).await,
        AuditCommand::Query(query) => {
            let in_full = query.decision.is_some() || query.request.is_some();
            let filter = Filter {
                since: query.since.map(|when| when.resolve(now)),
                until: query.until.map(|when| when.resolve(now)),
                who: query.who,
                tenant: query.tenant,
                verdict: query.verdict.map(|word| match word {
                    VerdictWord::Allow => Verdict::Allow,
                    VerdictWord::Deny => Verdict::Deny,
                }),
                object: query.object,
                tool: query.tool,
                decision: query.decision,
                request: query.request,
            };
            let reader = reader().await?;
            let found = reader.query(&filter, query.limit).await?;
            if in_full && found.is_empty() {
                bail!(
                    "no decision in {} matches\n\
                     hint: give the id in full; `bailiwick audit tail --json` shows those of decisions and requests",
                    settings.path.display()
                );
            }
            if found.is_empty() {
                for sentence in unknown::told(&reader, &filter).await? {
                    writeln!(io::stderr(), "note: {sentence}")?;
                }
            }
            match (query.json, in_full) {
                (true, _) => json_lines(found.iter().map(decision_json), out),
                (false, true) => table::in_full(&found, out),
                (false, false) => table::decisions(&found, true, out),
            }
            .context("the decisions could not be printed")
        }
        AuditCommand::Rejections { since, json } => {
            let found = reader().await?.rejections(since.map(|when| when.resolve(now))).await?;
            if json {
                let rows = found.iter().map(|row| json!({"hour": row.hour.to_string(), "reason": row.reason, "address": row.address, "count": row.count}));
                json_lines(rows, out)
            } else {
                table::rejections(&found, out)
            }
            .context("the rejections could not be printed")
        }
        AuditCommand::Events { since, json } => {
            let found = reader().await?.events(since.map(|when| when.resolve(now))).await?;
            if json {
                let rows = found
                    .iter()
                    .map(|event| json!({"at": event.at.to_string(), "kind": event.kind, "detail": event.detail}));
                json_lines(rows, out)
            } else {
                table::events(&found, out)
            }
            .context("the events could not be printed")
        }
        AuditCommand::Prune { before } => {
            let before = before.resolve(now);
            let deleted = audit::prune(settings, before, now).await?;
            writeln!(out, "deleted {deleted} rows written before {before}")?;
            Ok(())
        }
    }
}

async fn tail(reader: &AuditReader, follow: bool, lines: u32, json: bool, out: &mut dyn Write) -> Result<()> {
    let mut found = reader.tail(lines.max(1)).await?;
    let mut last = found.last().map_or(0, |decision| decision.written);
    if lines == 0 {
        found.clear();
    }
    let mut first = true;
    loop {
        if json {
            json_lines(found.iter().map(decision_json), out)?;
        } else if first || !found.is_empty() {
            table::decisions(&found, first, out)?;
        }
        out.flush()?;
        if !follow {
            return Ok(());
        }
        first = false;
        tokio::time::sleep(FOLLOW).await;
        found = reader.after(last, FOLLOW_BATCH).await?;
        last = found.last().map_or(last, |decision| decision.written);
    }
}

fn json_lines(rows: impl Iterator<Item = Value>, out: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        writeln!(out, "{row}")?;
    }
    Ok(())
}

/// One decision as an export has it. Times are RFC 3339, the duration is in microseconds.
fn decision_json(decision: &Decision) -> Value {
    let record = &decision.record;
    json!({
        "at": record.at.to_string(),
        "decision": record.decision,
        "request": record.request,
        "subject": record.subject,
        "external_user": record.external_user,
        "actor": record.actor,
        "client": record.client,
        "tenant": record.tenant,
        "agent": record.agent,
        "data_room": record.data_room,
        "thread": record.thread,
        "stated": record.stated,
        "action": record.action,
        "object": record.object,
        "tool": record.tool,
        "verdict": record.verdict.as_str(),
        "reason": record.reason,
        "lines": record.lines,
        "revision": record.revision,
        "outcome": record.outcome.as_str(),
        "rows": record.outcome.rows(),
        "changed": record.changed,
        "duration": u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests;
