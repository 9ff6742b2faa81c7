//! What `/readyz` says.

use std::sync::Arc;

use crate::http::{Readiness, ReadyCheck};
use crate::keys::KeyCache;
use crate::policy::{self, Policies, Refused, Severity};
use crate::store::audit::AuditLog;

/// Where a refused policy is wrong. Anyone may ask `/readyz`, so what is wrong there is for the log.
fn places(refused: &Refused) -> String {
    let refusals = refused.findings.iter().filter(|finding| finding.severity == Severity::Refusal);
    let places = refusals.take(5).map(|finding| {
        let file = finding.path.file_name().unwrap_or_default().to_string_lossy();
        if finding.line == 0 { file.into_owned() } else { format!("{file}:{}:{}", finding.line, finding.column) }
    });
    places.collect::<Vec<_>>().join(", ")
}

/// How the policy is doing. Anyone may ask, so that nothing of a line is in it.
fn in_force(status: &policy::Status) -> String {
    let policy::Status { revision, taken, refused, .. } = status;
    let counts = format!("reloads: {taken} taken, {refused} refused");
    let (Some(refusal), Some(since)) = (&status.refusal, status.refused_since) else {
        return format!("revision {revision}; {counts}");
    };
    let hint = if refusal.awaits().is_some() { "; `bailiwick policy accept` puts them in force" } else { "" };
    format!(
        "revision {revision} stays in force; the files are not since {since}, refused: {}{hint}; {counts}",
        places(refusal)
    )
}

/// What `/readyz` looks at.
pub(super) struct Health {
    pub(super) policies: Arc<Policies>,
    pub(super) audit: AuditLog,
    pub(super) keys: Vec<Arc<KeyCache>>,
}

impl Readiness for Health {
    /// An issuer that cannot be reached is told and does not make the server unready: others may go on, and known keys do.
    fn checks(&self) -> Vec<ReadyCheck> {
        let policy = in_force(&self.policies.status());
        let status = self.audit.status();
        let audit = match &status.failure {
            None => format!("{} of {} places taken", status.waiting, status.capacity),
            Some(failure) => format!("cannot be written since {}; the log says why", failure.since),
        };
        let mut checks = vec![
            ReadyCheck { name: "policy".to_owned(), ok: true, detail: policy },
            ReadyCheck { name: "audit".to_owned(), ok: status.healthy(), detail: audit },
        ];
        checks.extend(self.keys.iter().map(|keys| {
            let status = keys.status();
            let failed = if status.failure.is_some() { "; the latest fetch failed, the log says why" } else { "" };
            let detail = format!("{} keys, {:?}{failed}", status.keys, status.freshness).to_lowercase();
            ReadyCheck { name: format!("issuer {}", status.issuer), ok: true, detail }
        }));
        checks
    }
}
