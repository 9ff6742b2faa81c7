//! What `--json` prints: one document, with names that stay.

use std::io::Write;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::empty::Empty;
use crate::policy::{Checked, Finding, Severity};

/// Prints a document.
pub(super) fn print(document: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)?;
    Ok(())
}

/// What `policy check` found.
pub(super) fn checked(directory: &Path, checked: &Checked, empty: Option<&Empty>) -> Json {
    let count = |severity| checked.findings.iter().filter(|finding| finding.severity == severity).count();
    json!({
        "directory": directory.display().to_string(),
        "in_order": checked.snapshot.is_some(),
        "revision": checked.snapshot.as_ref().map(|snapshot| snapshot.revision().to_string()),
        "refusals": count(Severity::Refusal),
        "warnings": count(Severity::Warning),
        "denied_where_empty": empty.map(Empty::document),
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// One of the findings of a policy.
pub(super) fn finding(finding: &Finding) -> Json {
    let place = |number: u32| (number > 0).then_some(number);
    json!({
        "file": finding.path.display().to_string(),
        "line": place(finding.line),
        "column": place(finding.column),
        "severity": match finding.severity {
            Severity::Refusal => "refusal",
            Severity::Warning => "warning",
        },
        "message": finding.message,
    })
}
