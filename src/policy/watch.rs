//! Puts a change of the files in force within a second of the save.
//!
//! The operating system says that something moved; what counts is the hash of the contents. Editors replace files,
//! Kubernetes swaps links, network file systems say nothing at all: so notices are only a hint to look. Without one, what the
//! file system says of the files is looked at every [`POLL`], and their contents every [`CONTENTS`], whatever it says.
//!
//! Reading, checking and dropping a policy of a hundred thousand lines takes long, so none of it is done where requests are
//! answered.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::decision::Revision;
use super::files::{Footprint, Sources};
use super::finding::Finding;
use super::load::{Policies, Refused, Reload};
use super::snapshot::Snapshot;
use crate::clock::Clock;
use crate::model::Timestamp;

/// How often the files are looked at without a notice.
const POLL: Duration = Duration::from_millis(500);
/// How often their contents are read though nothing says that they changed.
const CONTENTS: Duration = Duration::from_secs(5);
/// How many times as long a directory that never comes to rest is waited for before it is read all the same; reading finds out.
const RESTLESS: u32 = 4;
/// How often it is looked at meanwhile, so that the wait begins with the last write and not with a look after it.
const LOOKS: u32 = 4;

/// Watches the policy directory until the shutdown, and tells of every change once: the policy that came into force, the
/// refusal, or that the files are again as what is in force.
///
/// `accepted` says whether somebody has said since that time (`None`: since the start) that the contents of this revision are
/// meant. It is asked while nothing stands against them but that a file is gone or empty.
pub async fn watch<F: Future<Output = bool>>(
    policies: Arc<Policies>,
    settle: Duration,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    accepted: impl Fn(Revision, Timestamp) -> F,
    on_change: impl Fn(Result<&Reload, &Refused>) + Send + Sync + 'static,
) {
    let (started, on_change) = (clock.now(), Arc::new(on_change));
    let mut sight = Sight::new(policies.directory(), policies.current().revision());
    let mut replaced: Vec<Arc<Snapshot>> = Vec::new();
    let (notices, mut hints) = mpsc::channel(1);
    let mut watcher = start(policies.directory(), &notices);
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let hinted = tokio::select! {
            () = shutdown.cancelled() => return,
            // `notices` lives as long as this loop, so the channel is never closed.
            _ = hints.recv() => true,
            _ = ticks.tick() => false,
        };
        forget(&mut replaced).await;
        let before = sight.clone();
        let Some((moved, now)) = aside(move || before.look(hinted)).await else { continue };
        sight = now;
        let meant = if moved { None } else { meant(&policies, started, &accepted).await };
        if moved {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = rest(policies.directory(), settle) => {}
            }
        } else if meant.is_none() {
            continue;
        }
        let (reloading, time, told) = (Arc::clone(&policies), clock.now(), Arc::clone(&on_change));
        let Some((contents, old)) = aside(move || reload(&reloading, meant, time, told.as_ref())).await else {
            continue;
        };
        sight.contents = contents;
        replaced.extend(old);
        // A link that was swapped leaves the watch on the directory that it pointed to.
        drop(watcher.take());
        watcher = start(policies.directory(), &notices);
    }
}

type Outcome = Result<Reload, Arc<Refused>>;

/// What a directory holds; that it cannot be read is told by why.
type Contents = Result<Revision, Vec<Finding>>;

/// Reloads and tells of it; gives the contents that were read, and the policy that was replaced. A change can have as many
/// lines as the policy, so that even telling of it and dropping it take long.
fn reload(
    policies: &Policies,
    meant: Option<Revision>,
    now: Timestamp,
    on_change: &impl Fn(Result<&Reload, &Refused>),
) -> (Contents, Option<Arc<Snapshot>>) {
    let (before, old) = (policies.status(), policies.current());
    let outcome = match meant {
        Some(revision) => policies.reload_accepted(revision, now),
        None => policies.reload(now),
    };
    if is_news(before.refusal.as_deref(), &outcome) {
        log(policies.current().revision(), &outcome);
        on_change(outcome.as_ref().map_err(AsRef::as_ref));
    }
    match outcome {
        Ok(reload) => (Ok(reload.new), reload.is_change().then_some(old)),
        Err(refused) => (refused.contents.ok_or_else(|| refused.findings.clone()), None),
    }
}

/// What was last seen of the directory.
#[derive(Clone)]
struct Sight {
    directory: PathBuf,
    footprint: Option<Result<Footprint, io::ErrorKind>>,
    /// The contents that were loaded or refused last; that they cannot be read is a change too.
    contents: Contents,
    /// How often the contents were taken for what they were.
    unread: u32,
}

impl Sight {
    fn new(directory: &Path, in_force: Revision) -> Self {
        Self { directory: directory.to_owned(), footprint: None, contents: Ok(in_force), unread: 0 }
    }

    /// Looks again, and says whether the contents are others. After a notice they are read whatever the footprint is: the
    /// file system's clock may be too coarse for it.
    fn look(mut self, hinted: bool) -> (bool, Self) {
        let footprint = Some(Footprint::of(&self.directory));
        let overdue = POLL * (self.unread + 1) >= CONTENTS;
        if !hinted && !overdue && footprint == self.footprint {
            self.unread += 1;
            return (false, self);
        }
        let contents = Sources::read(&self.directory).map(|sources| Revision(sources.digest()));
        let moved = contents != self.contents;
        (moved, Self { directory: self.directory, footprint, contents, unread: 0 })
    }
}

/// Does what takes long on a thread where nobody is answered. Nothing comes of it when it panics, or the process ends.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "the policy files could not be looked at; the policy in force is kept");
            None
        }
    }
}

/// Drops the policies that no request uses any more.
async fn forget(replaced: &mut Vec<Arc<Snapshot>>) {
    let is_used = |policy: &Arc<Snapshot>| Arc::strong_count(policy) > 1;
    let (used, unused): (Vec<_>, Vec<_>) = std::mem::take(replaced).into_iter().partition(is_used);
    *replaced = used;
    if !unused.is_empty() {
        aside(move || drop(unused)).await;
    }
}

/// The revision that waits for somebody's word, if it has been given.
async fn meant<F: Future<Output = bool>>(
    policies: &Policies,
    started: Timestamp,
    accepted: impl Fn(Revision, Timestamp) -> F,
) -> Option<Revision> {
    let status = policies.status();
    let awaited = status.refusal.as_ref()?.awaits()?;
    accepted(awaited, status.settled.unwrap_or(started)).await.then_some(awaited)
}

/// Waits until the directory is the same for the time of `settle`.
async fn rest(directory: &Path, settle: Duration) {
    let footprint = async || {
        let directory = directory.to_owned();
        aside(move || Footprint::of(&directory)).await
    };
    let mut calm = Calm { last: footprint().await, looks: 0 };
    for _ in 0..RESTLESS * LOOKS {
        sleep(settle / LOOKS).await;
        if calm.is_rest(footprint().await) {
            break;
        }
    }
}

/// How many looks in a row have found the same.
struct Calm<T> {
    last: T,
    looks: u32,
}

impl<T: PartialEq> Calm<T> {
    /// Says whether what is seen now has been so for long enough.
    fn is_rest(&mut self, seen: T) -> bool {
        self.looks = if seen == self.last { self.looks + 1 } else { 0 };
        self.last = seen;
        self.looks == LOOKS
    }
}

/// Whether an outcome tells more than is known: files that came and went while they were waited for leave what was.
fn is_news(before: Option<&Refused>, outcome: &Outcome) -> bool {
    match outcome {
        Ok(reload) => reload.is_change() || reload.mended,
        Err(refused) => before.is_none_or(|old| (old.contents, &old.findings) != (refused.contents, &refused.findings)),
    }
}

fn log(in_force: Revision, outcome: &Outcome) {
    match outcome {
        Ok(reload) if reload.is_change() => {
            let (old, new) = (reload.old, reload.new);
            let (added, removed) = (reload.added.len(), reload.removed.len());
            tracing::info!(%old, %new, added, removed, "the policy changed");
        }
        Ok(same) => tracing::info!(revision = %same.new, "the policy files are as in force again"),
        Err(refused) => {
            // One line of the log, readable alone; a change of many lines can have as many refusals.
            let told = refused.to_string().replace("\n  ", "; ");
            tracing::error!(revision = %in_force, refused = told, "the policy in force is kept");
        }
    }
}

/// Asks the operating system for notices. Without them the poll alone has to do, which is said once.
fn start(directory: &Path, notices: &mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let notices = notices.clone();
    let handler = move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(event.kind)) {
            // A full channel holds a notice already, and one is enough.
            let _ = notices.try_send(());
        }
    };
    let started = notify::recommended_watcher(handler).and_then(|mut watcher| {
        for path in watched(directory) {
            watcher.watch(&path, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    match started {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "no file notices; the policy directory is polled every {POLL:?}");
            None
        }
    }
}

/// The directory, and where it is reached through a link the directory of that link too.
fn watched(directory: &Path) -> Vec<PathBuf> {
    let mut paths = vec![directory.to_owned()];
    if directory.is_symlink()
        && let Some(parent) = directory.parent()
    {
        paths.push(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() });
    }
    paths
}

/// Our own reading is noticed too; only what can change contents counts.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn the_rest_of_the_files_is_counted_from_their_last_write() {
        let looks = |writes: &[u32]| {
            let mut calm = Calm { last: 0, looks: 0 };
            (1..=RESTLESS * LOOKS).find(|look| calm.is_rest(writes.iter().filter(|write| *write < look).count()))
        };
        assert_eq!(looks(&[]), Some(LOOKS));
        for write in 1..LOOKS {
            assert_eq!(looks(&[write]), Some(write + 1 + LOOKS), "written between the looks {write} and {}", write + 1);
        }
        assert_eq!(looks(&[1, 3, 6]), Some(7 + LOOKS), "each before the files were at rest");
        assert_eq!(looks(&(0..RESTLESS * LOOKS).step_by(LOOKS as usize).collect::<Vec<_>>()), None, "no rest");
    }

    #[tokio::test]
    async fn files_that_lie_still_are_at_rest_after_the_settling_time() {
        let directory = tempfile::tempdir().unwrap();
        let settle = Duration::from_millis(400);
        assert!(timeout(settle / 2, rest(directory.path(), settle)).await.is_err(), "too soon");
        assert!(timeout(settle * RESTLESS, rest(directory.path(), settle)).await.is_ok(), "too late");
    }

    #[test]
    fn what_is_known_is_no_news() {
        let (one, other) = (Revision([1; 32]), Revision([2; 32]));
        let reload = |new, mended| {
            let (added, removed, warnings, accepted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            Ok(Reload { old: one, new, added, removed, warnings, accepted, mended })
        };
        let refused = |contents: Option<Revision>, findings: &[&str]| {
            let findings = findings.iter().map(|message| Finding::of_file("policy.csv", *message)).collect();
            Refused { directory: PathBuf::new(), findings, contents, acceptable: false }
        };
        assert!(!is_news(None, &reload(one, false)), "the files came and went");
        assert!(is_news(None, &reload(other, false)) && is_news(None, &reload(one, true)));
        let known = refused(Some(one), &["broken"]);
        assert!(is_news(None, &Err(Arc::new(known.clone()))));
        assert!(!is_news(Some(&known), &Err(Arc::new(known.clone()))));
        for news in [refused(Some(other), &["broken"]), refused(Some(one), &["gone"]), refused(None, &["broken"])] {
            assert!(is_news(Some(&known), &Err(Arc::new(news))));
        }
    }

    /// The file system's clock may stand still between two writes, and the notices of a network file system do not come.
    #[test]
    fn contents_are_read_from_time_to_time_though_nothing_says_that_they_changed() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("policy.csv"), "# as it is\n").unwrap();
        let mut sight = Sight::new(directory.path(), Revision([0; 32]));
        sight.footprint = Some(Footprint::of(directory.path()));
        assert!(sight.clone().look(true).0, "a notice came");
        let looks = (CONTENTS.as_millis() / POLL.as_millis()) as usize;
        let mut found = Vec::new();
        for _ in 0..=looks {
            let (moved, now) = sight.look(false);
            found.push(moved);
            sight = now;
        }
        let mut expected = vec![false; looks + 1];
        expected[looks - 1] = true;
        assert_eq!(found, expected);
    }

    #[test]
    fn a_footprint_is_another_after_any_kind_of_write() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let print = || Footprint::of(directory.path());
        std::fs::write(at("policy.csv"), "one\n").unwrap();
        let mut seen = vec![print()];
        let mut differs = |what: &str| {
            assert!(!seen.contains(&print()), "{what}");
            seen.push(print());
        };
        std::fs::write(at("policy.csv"), "longer\n").unwrap();
        differs("longer");
        std::fs::write(at("new"), "longer\n").unwrap();
        std::fs::rename(at("new"), at("policy.csv")).unwrap();
        differs("replaced by a file of the same length");
        std::fs::write(at("b.csv"), "").unwrap();
        differs("a file more");
        std::fs::remove_file(at("b.csv")).unwrap();
        std::fs::remove_file(at("policy.csv")).unwrap();
        differs("none left");
        std::fs::write(at(".#policy.csv"), "").unwrap();
        std::fs::write(at("notes.txt"), "").unwrap();
        assert_eq!(seen.last(), Some(&print()), "no policy files");
    }
}
