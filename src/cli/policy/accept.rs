//! `bailiwick policy accept`: says that what is there now is meant, though a file of it is gone or empty.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Value as Json, json};

use crate::app;
use crate::catalog::Catalog;
use crate::cli::serve::Given;
use crate::clock::Clock;
use crate::config;
use crate::policy::{self, Checked, Revision, Severity};
use crate::store::audit::{self, AuditReader};

/// The variables that may name who runs a command, the best first.
const NAMES: [&str; 3] = ["SUDO_USER", "LOGNAME", "USER"];

/// Records that exactly these contents are meant, if a server would take them and they are not in force already.
pub(super) async fn run(
    named: Option<&Path>,
    json: bool,
    given: &Given,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let (loaded, catalog) = given.load_catalog()?;
    let configured = &loaded.settings.policy.directory;
    let directory = named.unwrap_or(configured);
    super::inside(directory)?;
    let checked = policy::check(directory, &catalog);
    let answer = match &checked.snapshot {
        None => Answer::Refused,
        Some(snapshot) => {
            let (settings, revision) = (&loaded.settings.audit, snapshot.revision());
            let is_elsewhere = named.is_some_and(|named| !is_one(named, configured));
            if is_elsewhere && !holds(configured, revision, &catalog) {
                Answer::Elsewhere(revision, configured)
            } else if in_force(settings).await?.is_some_and(|known| known == revision.to_string()) {
                Answer::InForce(revision)
            } else {
                let words = format!("accepted by {}, from {}", operator(&given.environment), directory.display());
                audit::accept(settings, &revision.hex(), &words, clock.now()).await.with_context(|| {
                    format!(
                        "revision {revision} is not accepted\nhint: run it as the user who runs the server, with its configuration"
                    )
                })?;
                Answer::Accepted(revision)
            }
        }
    };
    if json {
        super::json::print(&answer.document(directory, &checked), out)?;
    } else {
        answer.print(directory, &checked, out)?;
    }
    Ok(match answer {
        Answer::InForce(_) | Answer::Accepted(_) => ExitCode::SUCCESS,
        Answer::Refused | Answer::Elsewhere(..) => ExitCode::FAILURE,
    })
}

/// What came of it.
enum Answer<'a> {
    /// Something else is wrong with the files.
    Refused,
    /// The configured directory, which a server reads, holds others.
    Elsewhere(Revision, &'a Path),
    InForce(Revision),
    Accepted(Revision),
}

impl Answer<'_> {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Elsewhere(..) => "elsewhere",
            Self::InForce(_) => "in_force",
            Self::Accepted(_) => "accepted",
        }
    }

    /// What the files are; broken ones are no revision.
    fn revision(&self) -> Option<Revision> {
        match self {
            Self::Refused => None,
            Self::Elsewhere(revision, _) | Self::InForce(revision) | Self::Accepted(revision) => Some(*revision),
        }
    }

    fn document(&self, directory: &Path, checked: &Checked) -> Json {
        json!({
            "directory": directory.display().to_string(),
            "result": self.as_str(),
            "revision": self.revision().map(|revision| revision.to_string()),
            "findings": checked.findings.iter().map(super::json::finding).collect::<Vec<_>>(),
        })
    }

    fn print(&self, directory: &Path, checked: &Checked, out: &mut dyn Write) -> anyhow::Result<()> {
        let shown = directory.display();
        match self {
            Self::Refused => {
                for finding in checked.findings.iter().filter(|finding| finding.severity == Severity::Refusal) {
                    writeln!(out, "{finding}")?;
                }
                writeln!(out, "{shown}: refused, and nothing is accepted; only the loss of a file can be")?;
            }
            Self::Elsewhere(revision, configured) => writeln!(
                out,
                "{shown}: revision {revision} is not accepted: a server reads {}, which holds other files; put these there first",
                configured.display()
            )?,
            Self::InForce(revision) => writeln!(
                out,
                "{shown}: nothing is lost, so there is nothing to accept: revision {revision} is in force already"
            )?,
            Self::Accepted(revision) => {
                writeln!(out, "{shown}: revision {revision} is accepted: a running server takes it within a second")?;
            }
        }
        Ok(())
    }
}

/// Whether two paths lead to one directory.
fn is_one(one: &Path, other: &Path) -> bool {
    let (one, other) = (std::fs::canonicalize(one), std::fs::canonicalize(other));
    one.is_ok_and(|one| other.is_ok_and(|other| one == other))
}

/// Whether the directory that a server reads has exactly these contents now: what is accepted before they come does not count.
fn holds(configured: &Path, revision: Revision, catalog: &Arc<Catalog>) -> bool {
    policy::check(configured, catalog).snapshot.is_some_and(|snapshot| snapshot.revision() == revision)
}

/// The revision that a server put in force last. Where there has been none, recording the acceptance says so.
async fn in_force(settings: &config::Audit) -> anyhow::Result<Option<String>> {
    if !settings.path.exists() {
        return Ok(None);
    }
    let asked = async { app::recorded_policy(&AuditReader::open(&settings.path).await?).await };
    asked.await.context("which policy is in force cannot be read from the audit trail")
}

/// Who runs this, as far as the operating system and the environment tell.
fn operator(environment: &[(OsString, OsString)]) -> String {
    let value = |name: &&str| environment.iter().find(|(known, value)| known == *name && !value.is_empty());
    let name = NAMES.iter().find_map(value).map(|(_, value)| value.to_string_lossy().into_owned());
    match (name, user_id()) {
        (Some(name), Some(id)) => format!("{name} (uid {id})"),
        (Some(name), None) => name,
        (None, Some(id)) => format!("uid {id}"),
        (None, None) => "somebody unknown".to_owned(),
    }
}

/// The user that this process runs as, where the system shows it as a file's owner.
#[cfg(unix)]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map(|metadata| metadata.uid()).ok()
}

#[cfg(not(unix))]
fn user_id() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_accepts_is_named_as_well_as_it_is_known() {
        let named = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
            operator(&pairs)
        };
        assert!(named(&[("USER", "root"), ("SUDO_USER", "ada")]).starts_with("ada"));
        assert!(named(&[("USER", "bob"), ("LOGNAME", "")]).starts_with("bob"));
        assert!(named(&[]).contains("uid ") || named(&[]) == "somebody unknown");
    }
}
