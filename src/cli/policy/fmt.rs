//! `bailiwick policy fmt`: lays policy files out in columns, each file in one step or not at all.

use std::fs::{self, Metadata};
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Value as Json, json};
use tempfile::NamedTempFile;

use super::counted;
use crate::policy::{self, Finding};

/// What came of a file.
enum Outcome {
    InOrder,
    WouldBeLaidOut,
    LaidOut,
    /// It is left as it was, because of this.
    NotUnderstood(Vec<Finding>),
}

impl Outcome {
    /// The word in the document.
    fn as_str(&self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::WouldBeLaidOut => "would_be_laid_out",
            Self::LaidOut => "laid_out",
            Self::NotUnderstood(_) => "not_understood",
        }
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::NotUnderstood(findings) => findings,
            Self::InOrder | Self::WouldBeLaidOut | Self::LaidOut => &[],
        }
    }

    fn document(&self, path: &Path) -> Json {
        let findings: Vec<_> = self.findings().iter().map(super::json::finding).collect();
        json!({ "file": path.display().to_string(), "result": self.as_str(), "findings": findings })
    }

    fn print(&self, path: &Path, out: &mut dyn Write) -> std::io::Result<()> {
        match self {
            Self::InOrder => Ok(()),
            Self::WouldBeLaidOut => writeln!(out, "{}: would be laid out anew", path.display()),
            Self::LaidOut => writeln!(out, "{}: laid out anew", path.display()),
            Self::NotUnderstood(findings) => findings.iter().try_for_each(|finding| writeln!(out, "{finding}")),
        }
    }
}

/// Lays out the files, and those of the directories. With `check` nothing is written, and the exit code is 1 where
/// something would be; it is 1 too where a file cannot be understood. Where one cannot be read or replaced, those before it
/// are told of all the same.
pub(super) fn run(paths: &[PathBuf], check: bool, json: bool, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (mut moved, mut left, mut refused) = (0, 0, 0);
    let (mut told, mut ended) = (Vec::new(), Ok(()));
    for path in files(paths)? {
        let outcome = match lay_out(&path, check) {
            Ok(outcome) => outcome,
            Err(error) => {
                ended = Err(error);
                break;
            }
        };
        *match outcome {
            Outcome::InOrder => &mut left,
            Outcome::WouldBeLaidOut | Outcome::LaidOut => &mut moved,
            Outcome::NotUnderstood(_) => &mut refused,
        } += 1;
        if json {
            told.push(outcome.document(&path));
        } else {
            outcome.print(&path, out)?;
        }
    }
    if json && (ended.is_ok() || !told.is_empty()) {
        super::json::print(&json!({ "files": told }), out)?;
    }
    ended?;
    if !json {
        let done = if check { "to lay out" } else { "laid out anew" };
        writeln!(out, "{} {done}, {left} in order, {refused} not understood and left alone", counted(moved, "file"))?;
    }
    Ok(if refused > 0 || (check && moved > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn lay_out(path: &Path, check: bool) -> anyhow::Result<Outcome> {
    let before = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    match policy::format(path, &before) {
        Err(findings) => Ok(Outcome::NotUnderstood(findings)),
        Ok(after) if after.as_bytes() == before => Ok(Outcome::InOrder),
        Ok(_) if check => Ok(Outcome::WouldBeLaidOut),
        Ok(after) => {
            replace(path, &before, &after).with_context(|| format!("{} is left as it was", path.display()))?;
            Ok(Outcome::LaidOut)
        }
    }
}

/// The files that are named, and the policy files of the directories, as a server would read them.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
            let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !is_hidden && entry.path().extension().is_some_and(|extension| extension == "csv") {
                inside.push(entry.path());
            }
        }
        if inside.is_empty() {
            bail!("there is no `*.csv` in {}", path.display());
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

/// Puts a new file in the place of the old one, so that a server that watches sees the one or the other.
fn replace(path: &Path, before: &[u8], after: &str) -> anyhow::Result<()> {
    // A link stays a link: what it leads to is replaced.
    let path = fs::canonicalize(path)?;
    let directory = path.parent().context("it is in no directory")?;
    // A hidden name, which no server reads.
    let mut new = tempfile::Builder::new()
        .prefix(".fmt-")
        .tempfile_in(directory)
        .with_context(|| format!("nothing can be written in {}", directory.display()))?;
    new.write_all(after.as_bytes())?;
    keep_rights(&new, &fs::metadata(&path)?)?;
    new.as_file().sync_all()?;
    if fs::read(&path)? != before {
        bail!("somebody else is writing it at this moment\nhint: run the command again");
    }
    new.persist(&path)?;
    Ok(())
}

/// Gives the new file the permissions and, if it is another, the owner of the old one.
fn keep_rights(new: &NamedTempFile, old: &Metadata) -> anyhow::Result<()> {
    let own = new.as_file().metadata()?;
    if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
        chown(new.path(), Some(old.uid()), Some(old.gid()))
            .context("the new file cannot be given the owner of the old one")?;
    }
    // After the owner, whose change can take permissions away.
    new.as_file().set_permissions(old.permissions())?;
    Ok(())
}
