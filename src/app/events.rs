//! Changes of the policy files in the audit trail.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::in_force::RELOADED;
use crate::clock::Clock;
use crate::policy::{Refused, Reload};
use crate::store::audit::{AuditLog, Event};

/// Puts each policy change into the audit trail, in order.
pub(super) async fn record_changes(
    mut changed: mpsc::UnboundedReceiver<(&'static str, String)>,
    audit: AuditLog,
    clock: Arc<dyn Clock>,
) {
    while let Some((kind, detail)) = changed.recv().await {
        let event = Event { at: clock.now(), kind: kind.to_owned(), detail };
        if let Err(error) = audit.record_event(event).await {
            tracing::error!(%error, "a policy change could not be recorded");
        }
    }
}

/// How many lines of a change an event holds.
const LONGEST_EVENT: usize = 200;

/// What an event says of a change of the policy files: its kind, and the particulars.
pub(super) fn in_words(change: Result<&Reload, &Refused>) -> (&'static str, String) {
    match change {
        Ok(reload) if reload.is_change() => {
            let first = std::iter::once(format!("{} -> {}", reload.old, reload.new));
            let accepted = reload.accepted.iter().map(|loss| format!("accepted: {}", loss.path.display()));
            let removed = reload.removed.iter().map(|changed| format!("- {} {}", changed.line, changed.text));
            let added = reload.added.iter().map(|changed| format!("+ {} {}", changed.line, changed.text));
            (RELOADED, cut(first.chain(accepted).chain(removed).chain(added)))
        }
        Ok(same) => (RELOADED, format!("{}: the files are as in force again", same.new)),
        Err(refused) => ("policy_refused", cut(refused.to_string().lines().map(|line| line.trim().to_owned()))),
    }
}

/// The first lines, and how many there are more.
fn cut(mut lines: impl Iterator<Item = String>) -> String {
    let mut text: Vec<_> = lines.by_ref().take(LONGEST_EVENT).collect();
    let more = lines.count();
    if more > 0 {
        text.push(format!("and {more} lines more"));
    }
    text.join("\n")
}
