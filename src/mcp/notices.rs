//! What a session's client is told beside the answers (`notifications/message`), if it has asked for it by
//! `logging/setLevel`: notices of its own calls, and that a policy change touched its own lists.
//!
//! Nothing is in a notice that its person was not answered: how long the call took, that there are more rows than the page
//! holds, which columns were hidden. The server's own log is for the operator and never goes to a client. 2026-07-28 deprecates
//! logging and has no sessions, so there the server does not offer it.

#![expect(deprecated, reason = "the older revisions have logging; SEP-2577 deprecates it for all in rmcp's types")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rmcp::model::{CallToolResult, LoggingLevel, LoggingMessageNotificationParam};
use serde_json::{Value, json};

use super::streams::{PATIENCE, Session};

/// A call that takes so long is worth a warning.
const SLOW: Duration = Duration::from_secs(1);

/// The least severe level that a client wants to be told of; nothing until it says so.
#[derive(Debug, Default)]
pub(super) struct Level(AtomicU8);

impl Level {
    pub(super) fn set(&self, level: LoggingLevel) {
        self.0.store(severity(level), Ordering::Relaxed);
    }

    fn admits(&self, level: LoggingLevel) -> bool {
        let least = self.0.load(Ordering::Relaxed);
        least > 0 && severity(level) >= least
    }
}

fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 1,
        LoggingLevel::Info => 2,
        LoggingLevel::Notice => 3,
        LoggingLevel::Warning => 4,
        LoggingLevel::Error => 5,
        LoggingLevel::Critical => 6,
        LoggingLevel::Alert => 7,
        LoggingLevel::Emergency => 8,
    }
}

/// Something to tell.
#[derive(Debug, PartialEq)]
pub(super) struct Notice {
    level: LoggingLevel,
    data: Value,
}

/// What there is to say of a tool's answer to whoever got it.
pub(super) fn of_answer(tool: &str, request: &str, answer: &CallToolResult, lasted: Duration) -> Vec<Notice> {
    let milliseconds = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
    let say = |level, message: String| {
        let data = json!({ "tool": tool, "request": request, "milliseconds": milliseconds, "message": message });
        Notice { level, data }
    };
    let mut notices = vec![say(LoggingLevel::Debug, "answered".to_owned())];
    let structured = answer.structured_content.as_ref();
    let rows = structured.and_then(|answer| answer.get("rows")?.as_array()).map_or(&[][..], Vec::as_slice);
    if structured.is_some_and(|answer| answer.get("next_cursor").is_some_and(Value::is_string)) {
        let message = format!("the page holds {} rows, and there are more; `next_cursor` leads to them", rows.len());
        notices.push(say(LoggingLevel::Info, message));
    }
    let row = structured.and_then(|answer| answer.get("row"));
    let masked = rows.iter().chain(row).filter_map(|row| row.get("masked")?.as_array()).flatten();
    let masked: BTreeSet<&str> = masked.filter_map(Value::as_str).collect();
    if !masked.is_empty() {
        let columns = masked.into_iter().collect::<Vec<_>>().join(", ");
        notices.push(say(LoggingLevel::Notice, format!("hidden from this person in some of these rows: {columns}")));
    }
    if lasted >= SLOW {
        notices
            .push(say(LoggingLevel::Warning, "the call was slow; narrower filters or a smaller page help".to_owned()));
    }
    notices
}

/// That the policy changed what a person sees listed.
pub(super) fn of_lists(lists: &[&str]) -> Notice {
    let message = "the policy changed what this person sees listed";
    Notice { level: LoggingLevel::Info, data: json!({ "lists": lists, "message": message }) }
}

impl Session {
    /// Tells its client what it wants to know. A client that does not read loses it.
    pub(super) async fn notice(&self, notices: Vec<Notice>) {
        let Some(peer) = self.peer() else { return };
        for Notice { level, data } in notices {
            if !self.level.admits(level) {
                continue;
            }
            let message = LoggingMessageNotificationParam::new(level, data).with_logger("bailiwick");
            match tokio::time::timeout(PATIENCE, peer.notify_logging_message(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a notice could not be told"),
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: Value, took: Duration) -> Vec<(u8, String)> {
        let notices = of_answer("list_people", "r1", &CallToolResult::structured(answer), took);
        let text = |data: &Value| data["message"].as_str().unwrap().to_owned();
        notices.iter().map(|notice| (severity(notice.level), text(&notice.data))).collect()
    }

    #[test]
    fn an_answer_has_notices_of_what_is_in_it_and_of_nothing_else() {
        let moment = Duration::from_millis(3);
        assert_eq!(said(json!({ "count": 3 }), moment), [(1, "answered".to_owned())]);
        let rows =
            json!({ "rows": [{ "id": "1", "masked": ["b", "a"] }, { "id": "2", "masked": [] }], "next_cursor": "x" });
        let expected = [
            (1, "answered"),
            (2, "the page holds 2 rows, and there are more; `next_cursor` leads to them"),
            (3, "hidden from this person in some of these rows: a, b"),
            (4, "the call was slow; narrower filters or a smaller page help"),
        ];
        let said = said(rows, Duration::from_secs(1));
        assert!(said.iter().map(|(level, text)| (*level, &**text)).eq(expected), "{said:?}");
    }

    #[test]
    fn nothing_is_told_until_a_level_is_set_and_nothing_below_it_then() {
        let level = Level::default();
        assert!(!level.admits(LoggingLevel::Emergency));
        level.set(LoggingLevel::Notice);
        let admitted = [LoggingLevel::Debug, LoggingLevel::Info, LoggingLevel::Notice, LoggingLevel::Emergency];
        assert_eq!(admitted.map(|of| level.admits(of)), [false, false, true, true]);
    }
}
