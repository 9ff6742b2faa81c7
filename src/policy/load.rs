//! The policy in force: loaded whole, swapped whole, or kept. Files that vanished are refused here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
#[expect(clippy::disallowed_types, reason = "two reloads must not overtake each other; it guards no data")]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;

use super::decision::Revision;
use super::files::{self, Lines, Sources};
use super::finding::{Finding, LineRef, Severity};
use super::lint::lint;
use super::names::Names;
use super::snapshot::Snapshot;
use super::status::Status;
use crate::catalog::Catalog;
use crate::model::Timestamp;

/// Why a policy was not taken. The one in force, if any, stays.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the policy in `{}` is refused{}", directory.display(), Listed(findings))]
pub struct Refused {
    /// The policy directory.
    pub directory: PathBuf,
    /// Everything that was found; at least one is a refusal.
    pub findings: Vec<Finding>,
    /// The revision of these contents; `None` where they could not be read.
    pub contents: Option<Revision>,
    /// Whether `bailiwick policy accept` puts them in force: nothing is wrong but that files are gone or empty.
    pub acceptable: bool,
}

impl Refused {
    /// The revision that comes into force once somebody says that it is meant.
    pub fn awaits(&self) -> Option<Revision> {
        self.contents.filter(|_| self.acceptable)
    }
}

/// The refusals, one on a line.
struct Listed<'a>(&'a [Finding]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusals = self.0.iter().filter(|finding| finding.severity == Severity::Refusal);
        refusals.into_iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// What was found in a policy directory.
#[derive(Debug)]
pub struct Checked {
    /// Refusals and warnings, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// The policy, unless something was refused.
    pub snapshot: Option<Snapshot>,
}

/// Reads, checks, builds and rehearses a policy directory, without putting it in force.
pub fn check(directory: &Path, catalog: &Arc<Catalog>) -> Checked {
    match Sources::read(directory) {
        Ok(sources) => check_sources(directory, sources.digest(), sources, catalog),
        Err(findings) => Checked { findings, snapshot: None },
    }
}

/// The same of a directory that is not on a disk: the files of a revision, by name. Findings name `place`.
pub fn check_contents(place: &Path, files: BTreeMap<String, Vec<u8>>, catalog: &Arc<Catalog>) -> Checked {
    match Sources::of(place, files) {
        Ok(sources) => check_sources(place, sources.digest(), sources, catalog),
        Err(findings) => Checked { findings, snapshot: None },
    }
}

fn check_sources(directory: &Path, digest: [u8; 32], sources: Sources, catalog: &Arc<Catalog>) -> Checked {
    let (lines, mut findings) = files::parse(directory, sources, catalog);
    let broken = findings.iter().any(|finding| finding.severity == Severity::Refusal);
    let names = Names::new(&lines.grants, catalog);
    findings.extend(lint(directory, &lines, &names, catalog, !broken));
    findings.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    let refused = findings.iter().any(|finding| finding.severity == Severity::Refusal);
    let snapshot = if refused { None } else { build(directory, digest, (lines, names), catalog, &mut findings) };
    Checked { findings, snapshot }
}

fn build(
    directory: &Path,
    digest: [u8; 32],
    (lines, names): (Lines, Names),
    catalog: &Arc<Catalog>,
    findings: &mut Vec<Finding>,
) -> Option<Snapshot> {
    let snapshot = Snapshot::new(digest, lines, names, Arc::clone(catalog));
    match snapshot.rehearse() {
        Ok(()) => Some(snapshot),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            findings.push(Finding::of_file(directory, format!("{error}{cause}")));
            None
        }
    }
}

/// A line that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedLine {
    /// Where it stands, or stood.
    pub line: LineRef,
    /// What it says, or said.
    pub text: Arc<str>,
}

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// The revision that was in force.
    pub old: Revision,
    /// The revision in force now.
    pub new: Revision,
    /// The lines that came. A line that only moved is not among them.
    pub added: Vec<ChangedLine>,
    /// The lines that went.
    pub removed: Vec<ChangedLine>,
    /// The lines that do nothing.
    pub warnings: Vec<Finding>,
    /// The files that were lost, and somebody said that it is meant.
    pub accepted: Vec<Finding>,
    /// Whether files were refused before, and are not any more.
    pub mended: bool,
}

impl Reload {
    /// Says whether another policy is in force than before.
    pub fn is_change(&self) -> bool {
        self.old != self.new
    }
}

/// The policy in force, behind one pointer.
#[derive(Debug)]
pub struct Policies {
    directory: PathBuf,
    catalog: Arc<Catalog>,
    current: ArcSwap<Snapshot>,
    status: ArcSwap<Status>,
    #[expect(clippy::disallowed_types, reason = "two reloads must not overtake each other; it guards no data")]
    reloading: Mutex<()>,
}

impl Policies {
    /// Loads the directory for the first time.
    ///
    /// # Errors
    ///
    /// With everything that was found, when something is refused: without a policy there is no server.
    #[expect(clippy::disallowed_types, reason = "two reloads must not overtake each other; it guards no data")]
    pub fn load(directory: impl Into<PathBuf>, catalog: Arc<Catalog>) -> Result<Self, Refused> {
        let directory = directory.into();
        let Checked { findings, snapshot } = check(&directory, &catalog);
        let Some(snapshot) = snapshot else {
            return Err(Refused { directory, findings, contents: None, acceptable: false });
        };
        let status = ArcSwap::from_pointee(Status::at_start(snapshot.revision()));
        let current = ArcSwap::from_pointee(snapshot);
        Ok(Self { directory, catalog, current, status, reloading: Mutex::new(()) })
    }

    /// The policy in force. A request takes it once and uses it to the end.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// What became of the reloads so far.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// The policy directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts the files in force as they are now. Takes long where there are many lines.
    ///
    /// # Errors
    ///
    /// With everything that was found, when something is refused, a file that was in force and is gone or empty
    /// included; the policy in force stays.
    pub fn reload(&self, now: Timestamp) -> Result<Reload, Arc<Refused>> {
        self.take(None, now)
    }

    /// The same, where somebody said of exactly these contents that a file is gone or empty on purpose. Any other contents
    /// are looked at as [`Policies::reload`] would.
    ///
    /// # Errors
    ///
    /// As [`Policies::reload`], less the losses that are meant.
    pub fn reload_accepted(&self, meant: Revision, now: Timestamp) -> Result<Reload, Arc<Refused>> {
        self.take(Some(meant), now)
    }

    fn take(&self, meant: Option<Revision>, now: Timestamp) -> Result<Reload, Arc<Refused>> {
        let _turn = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.status();
        match self.read(meant) {
            Ok((mut reload, snapshot)) => {
                reload.mended = before.refusal.is_some();
                let replaced = snapshot.map(|snapshot| {
                    let snapshot = Arc::new(snapshot);
                    (self.current.swap(Arc::clone(&snapshot)), snapshot)
                });
                self.status.store(Arc::new(before.after(&reload, now)));
                // What changed is looked for once it is in force: nobody waits for that.
                if let Some((old, new)) = replaced {
                    (reload.added, reload.removed) = changes(&old, &new);
                }
                Ok(reload)
            }
            Err(refused) => {
                let refused = Arc::new(refused);
                self.status.store(Arc::new(before.after_refusal(Arc::clone(&refused), now)));
                Err(refused)
            }
        }
    }

    /// Reads and checks the files against the policy in force; gives the new policy unless it is the same. Which lines are
    /// others is not looked for.
    fn read(&self, meant: Option<Revision>) -> Result<(Reload, Option<Snapshot>), Refused> {
        let old = self.current();
        let directory = || self.directory.clone();
        let sources = Sources::read(&self.directory).map_err(|findings| Refused {
            directory: directory(),
            findings,
            contents: None,
            acceptable: false,
        })?;
        let digest = sources.digest();
        let (old_revision, contents) = (old.revision(), Revision(digest));
        let reload = |warnings, accepted| Reload {
            old: old_revision,
            new: contents,
            added: Vec::new(),
            removed: Vec::new(),
            warnings,
            accepted,
            mended: false,
        };
        if contents == old_revision {
            return Ok((reload(Vec::new(), Vec::new()), None));
        }
        let lost = self.lost(&old, &sources);
        let Checked { mut findings, snapshot } = check_sources(&self.directory, digest, sources, &self.catalog);
        let is_meant = lost.is_empty() || meant == Some(contents);
        match snapshot {
            Some(snapshot) if is_meant => Ok((reload(findings, lost), Some(snapshot))),
            snapshot => {
                findings.extend(lost);
                let acceptable = snapshot.is_some();
                Err(Refused { directory: directory(), findings, contents: Some(contents), acceptable })
            }
        }
    }

    /// The files that were in force with lines, and now are not there or say nothing.
    fn lost(&self, old: &Snapshot, sources: &Sources) -> Vec<Finding> {
        let silent = old.files.iter().filter_map(|(file, before)| Some((file, before.said(), sources.silence(file)?)));
        let findings = silent.filter(|(_, lines, _)| *lines > 0).map(|(file, lines, how)| {
            let message = format!(
                "the file was in force with {lines} {} and is {how}; put it back, or run `bailiwick policy accept` if \
                 that is meant",
                if lines == 1 { "line" } else { "lines" }
            );
            Finding::of_file(self.directory.join(&**file), message)
        });
        findings.collect()
    }
}

/// The lines that came and those that went, each in the order of files and lines. One that only moved is not among them.
fn changes(old: &Snapshot, new: &Snapshot) -> (Vec<ChangedLine>, Vec<ChangedLine>) {
    let changed = |line: &LineRef, text: &str| ChangedLine { line: line.clone(), text: text.into() };
    // How often the old policy says what the new one does not say as often.
    let mut left: HashMap<&str, usize> = HashMap::with_capacity(old.rules.len() + old.grants.len());
    for (_, text) in old.lines() {
        *left.entry(text).or_default() += 1;
    }
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for (line, text) in new.lines() {
        match left.get_mut(text) {
            Some(left) if *left > 0 => *left -= 1,
            Some(_) | None => added.push(changed(line, text)),
        }
    }
    left.retain(|_, left| *left > 0);
    // Of lines that say the same, the first are those that stayed.
    for (line, text) in old.lines().rev() {
        if let Some(left) = left.get_mut(text).filter(|left| **left > 0) {
            *left -= 1;
            removed.push(changed(line, text));
        }
    }
    for lines in [&mut added, &mut removed] {
        lines.sort_by(|a: &ChangedLine, b| a.line.cmp(&b.line));
    }
    (added, removed)
}
