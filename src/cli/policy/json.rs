//! What `--json` prints: one document, with names that stay.

use std::io::Write;

use serde_json::Value as Json;

/// Prints a document.
pub(super) fn print(document: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)?;
    Ok(())
}
