//! `bailiwick policy …`: for the people who edit the policy files.

mod accept;
mod column;
mod diff;
mod empty;
mod explain;
mod fmt;
mod json;
pub(super) mod layout;
mod matrix;
mod person;
mod plain;
mod preview;
mod reasons;
mod row;
mod somebody;
mod test;
mod who;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use self::empty::Empty;
use super::arguments::PolicyCommand;
use super::serve::Given;
use super::{is_closed_pipe, tell};
use crate::catalog::Catalog;
use crate::clock::SystemClock;
use crate::config::Loaded;
use crate::policy::{self, Checked, Severity, Snapshot};

/// Runs one of the policy commands.
pub(super) async fn run(command: PolicyCommand, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Check { directory, json } => answered(check(directory, json, given, out).await),
        PolicyCommand::Accept { directory, json } => {
            answered(accept::run(directory.as_deref(), json, given, &SystemClock, out).await)
        }
        PolicyCommand::Test(request) => answered(test::run(&request, given, out).await),
        PolicyCommand::Explain(request) => answered(explain::run(&request, given, out).await),
        PolicyCommand::Matrix { directory, tenant, json } => {
            answered(in_force(given, directory.as_deref()).and_then(|(_, catalog, snapshot)| {
                matrix::run(tenant.as_deref(), json, &catalog, &snapshot, out)?;
                Ok(ExitCode::SUCCESS)
            }))
        }
        PolicyCommand::Diff(request) => answered(diff::run(&request, given, out).await),
        PolicyCommand::Fmt { paths, check, json } => {
            // Where files are named no configuration is needed: the hook of an editor or of a repository has none.
            let paths = if paths.is_empty() {
                given.load().map(|loaded| vec![loaded.settings.policy.directory])
            } else {
                Ok(paths)
            };
            answered(paths.and_then(|paths| fmt::run(&paths, check, json, out)))
        }
    }
}

/// A question whose answer can be no: that it could not be answered is told apart from that, by exit code 2.
fn answered(ended: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    match ended {
        Err(error) if !is_closed_pipe(&error) => {
            tell(&error);
            Ok(ExitCode::from(2))
        }
        ended => ended,
    }
}

/// Prints everything that is wrong or idle in a policy directory.
async fn check(directory: Option<PathBuf>, json: bool, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (loaded, catalog) = given.load_catalog()?;
    let directory = directory.as_ref().unwrap_or(&loaded.settings.policy.directory);
    inside(directory)?;
    let checked = policy::check(directory, &catalog);
    let empty = match &checked.snapshot {
        Some(snapshot) => Some(Empty::ask(snapshot, &loaded, &catalog).await),
        None => None,
    };
    if json {
        json::print(&json::checked(directory, &checked, empty.as_ref()), out)?;
        return Ok(if checked.snapshot.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for finding in &checked.findings {
        writeln!(out, "{finding}")?;
    }
    let refusals = checked.findings.iter().filter(|finding| finding.severity == Severity::Refusal).count();
    let warnings = checked.findings.len() - refusals;
    let shown = directory.display();
    if let (Some(snapshot), Some(empty)) = (checked.snapshot, empty) {
        empty.print(out)?;
        writeln!(out, "{shown}: in order, revision {}, {}", snapshot.revision(), counted(warnings, "warning"))?;
        Ok(ExitCode::SUCCESS)
    } else {
        writeln!(out, "{shown}: refused, {}, {}", counted(refusals, "refusal"), counted(warnings, "warning"))?;
        Ok(ExitCode::FAILURE)
    }
}

/// What is in a policy directory. That it cannot be read is no answer to a question about the policy.
fn inside(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.with_context(|| format!("the policy directory {} cannot be read", directory.display()))
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The configuration, and the policy as a server would load it now: of the configured directory, or of the one that is named.
fn in_force(given: &Given, named: Option<&Path>) -> anyhow::Result<(Loaded, Arc<Catalog>, Snapshot)> {
    let (loaded, catalog) = given.load_catalog()?;
    let directory = named.unwrap_or(&loaded.settings.policy.directory);
    let snapshot = accepted(directory, policy::check(directory, &catalog))?;
    Ok((loaded, catalog, snapshot))
}

/// The policy, or everything that it is refused for.
fn accepted(place: &Path, checked: Checked) -> anyhow::Result<Snapshot> {
    let Checked { findings, snapshot } = checked;
    snapshot.ok_or_else(|| {
        let lines: Vec<_> = findings.iter().map(|finding| format!("  {finding}")).collect();
        anyhow::anyhow!("the policy in {} is refused\n{}", place.display(), lines.join("\n"))
    })
}
