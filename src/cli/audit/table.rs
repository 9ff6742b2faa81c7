//! The trail for people: lines of at most 100 characters, and one decision in full.

use std::io::{self, Write};

use crate::cli::policy::layout::wrapped;
use crate::model::{Timestamp, is_invisible};
use crate::store::audit::{Decision, Event, Outcome, Record, Rejection, Verdict};

const WHO: usize = 23;
const TENANT: usize = 8;
const WHAT: usize = 21;
const RESULT: usize = 12;
const REASON: usize = 24;
const KIND: usize = 16;
const DETAIL: usize = 61;

/// One line per decision.
pub(super) fn decisions(found: &[Decision], header: bool, out: &mut dyn Write) -> io::Result<()> {
    if header {
        writeln!(
            out,
            "{:19}  {:WHO$}  {:TENANT$}  {:7}  {:WHAT$}  RESULT",
            "TIME (UTC)", "WHO", "TENANT", "VERDICT", "WHAT"
        )?;
    }
    for Decision { written: _, record } in found {
        let who = record.external_user.as_deref().unwrap_or(&record.subject);
        let what = match &record.tool {
            // A method of MCP says how; a generated tool also says of what.
            Some(method) if method.contains('/') => format!("{} {method}", record.object),
            Some(tool) => tool.clone(),
            None => format!("{} {}", record.action, record.object),
        };
        writeln!(
            out,
            "{}  {:WHO$}  {:TENANT$}  {:7}  {:WHAT$}  {}",
            time(record.at),
            fitted(who, WHO),
            fitted(&record.tenant, TENANT),
            record.verdict.as_str(),
            fitted(&what, WHAT),
            fitted(&result(record), RESULT),
        )?;
    }
    Ok(())
}

/// What came of it, or why it was denied.
fn result(record: &Record) -> String {
    match (record.verdict, record.outcome) {
        (Verdict::Deny, _) => record.reason.clone(),
        (Verdict::Allow, Outcome::Answered { rows: Some(1) }) => "1 row".to_owned(),
        (Verdict::Allow, Outcome::Answered { rows: Some(rows) }) => format!("{rows} rows"),
        (Verdict::Allow, Outcome::Answered { rows: None }) => "answered".to_owned(),
        (Verdict::Allow, Outcome::BadArguments) => "bad input".to_owned(),
        (
            Verdict::Allow,
            Outcome::Failed
            | Outcome::Abandoned
            | Outcome::TimedOut
            | Outcome::Refused
            | Outcome::Begun
            | Outcome::Changed
            | Outcome::Unchanged
            | Outcome::Asked
            | Outcome::Confirmed
            | Outcome::Declined
            | Outcome::Limited
            | Outcome::Unasked,
        ) => record.outcome.as_str().to_owned(),
    }
}

/// Every field of each decision.
pub(super) fn in_full(found: &[Decision], out: &mut dyn Write) -> io::Result<()> {
    for (index, Decision { written, record }) in found.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let written = Timestamp::from_micros(*written).to_string();
        let fields = [
            ("decision", Some(record.decision.clone())),
            ("at", Some(record.at.to_string())),
            ("written", Some(written)),
            ("duration", Some(format!("{:?}", record.duration))),
            ("request", Some(record.request.clone())),
            ("tenant", Some(record.tenant.clone())),
            ("subject", Some(record.subject.clone())),
            ("external user", record.external_user.clone()),
            ("actor", record.actor.clone()),
            ("client", record.client.clone()),
            ("agent", record.agent.clone()),
            ("data room", record.data_room.clone()),
            ("thread", record.thread.clone()),
            ("stated", record.stated.clone()),
            ("what", Some(format!("{} {}", record.action, record.object))),
            ("tool", record.tool.clone()),
            ("verdict", Some(record.verdict.as_str().to_owned())),
            ("reason", Some(record.reason.clone())),
            ("result", Some(result(record))),
            ("changed", record.changed.clone()),
            ("revision", Some(record.revision.clone())),
            ("lines", (!record.lines.is_empty()).then(|| record.lines.join("  "))),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                writeln!(out, "{name:13}  {}", escaped(&value))?;
            }
        }
    }
    Ok(())
}

/// One line per hour, reason and address.
pub(super) fn rejections(found: &[Rejection], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:19}  {:REASON$}  {:>9}  ADDRESS", "HOUR (UTC)", "REASON", "COUNT")?;
    for row in found {
        let reason = fitted(&row.reason, REASON);
        writeln!(out, "{}  {reason:REASON$}  {:>9}  {}", time(row.hour), row.count, escaped(&row.address))?;
    }
    Ok(())
}

/// One line per event; a detail that is longer goes on below, from word to word.
pub(super) fn events(found: &[Event], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:19}  {:KIND$}  DETAIL", "TIME (UTC)", "EVENT")?;
    for event in found {
        // A word that no line can hold is broken where it must be.
        let chunks = |line: String| -> Vec<String> {
            let line: Vec<char> = line.chars().collect();
            line.chunks(DETAIL).map(|chunk| chunk.iter().collect()).collect()
        };
        let below = |line| wrapped(&escaped(line), DETAIL).into_iter().flat_map(chunks);
        let mut lines = event.detail.lines().flat_map(below);
        let first = lines.next().unwrap_or(String::new());
        writeln!(out, "{}  {:KIND$}  {first}", time(event.at), fitted(&event.kind, KIND))?;
        for line in lines {
            writeln!(out, "{:39}{line}", "")?;
        }
    }
    Ok(())
}

/// `2026-11-21 09:30:00`, in UTC.
fn time(timestamp: Timestamp) -> String {
    let text = Timestamp::from_secs(timestamp.as_secs()).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// The text on one line of a terminal, cut to a width.
fn fitted(text: &str, width: usize) -> String {
    let text = escaped(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// The text with everything written out that a terminal would obey or a reader could not see.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    escaped
}
