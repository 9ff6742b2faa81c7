//! Puts a change of the files in force within a second of the save.
//!
//! The operating system says that something moved; what counts is the hash of the contents. Editors replace files,
//! Kubernetes swaps links, network file systems say nothing at all: so notices are only a hint to look, and a look every
//! [`POLL`] catches what no notice told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::files::Sources;
use super::load::{Policies, Refused, Reload};

/// How often the contents are looked at without a notice.
const POLL: Duration = Duration::from_millis(500);
/// How long a directory that never comes to rest is waited for before it is read all the same; reading finds out.
const RESTLESS: u32 = 4;

/// Watches the policy directory until the shutdown, and tells of every change once: the policy that came into force, the
/// refusal, or that the files are again as what is in force.
pub async fn watch(
    policies: Arc<Policies>,
    settle: Duration,
    shutdown: CancellationToken,
    on_change: impl Fn(Result<&Reload, &Refused>),
) {
    // The contents that were loaded or refused last, so that a refused policy is reported once.
    let mut seen = Some(policies.current().revision().0);
    let (notices, mut hints) = mpsc::channel(1);
    let mut watcher = start(policies.directory(), &notices);
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            // `notices` lives as long as this loop, so the channel is never closed.
            _ = hints.recv() => {}
            _ = ticks.tick() => {}
        }
        if digest(policies.directory()) == seen {
            continue;
        }
        let now = tokio::select! {
            () = shutdown.cancelled() => return,
            now = rest(policies.directory(), settle) => now,
        };
        if now == seen {
            continue;
        }
        seen = now;
        match policies.reload() {
            Ok(reload) if reload.is_change() => {
                let (old, new) = (reload.old, reload.new);
                let (added, removed) = (reload.added.len(), reload.removed.len());
                tracing::info!(%old, %new, added, removed, "the policy changed");
                on_change(Ok(&reload));
            }
            Ok(same) => {
                tracing::info!(revision = %same.new, "the policy files are as in force again");
                on_change(Ok(&same));
            }
            Err(refused) => {
                let kept = policies.current().revision();
                // One line of the log, readable alone; a change of many lines can have as many refusals.
                let told = refused.to_string().replace("\n  ", "; ");
                tracing::error!(revision = %kept, refused = told, "the policy in force is kept");
                on_change(Err(&refused));
            }
        }
        // A link that was swapped leaves the watch on the directory that it pointed to.
        drop(watcher.take());
        watcher = start(policies.directory(), &notices);
    }
}

/// The hash of the contents; `None` while they cannot be read, which is a change too.
fn digest(directory: &Path) -> Option<[u8; 32]> {
    Sources::read(directory).ok().map(|sources| sources.digest())
}

/// Waits until the contents are the same for the time of `settle`.
async fn rest(directory: &Path, settle: Duration) -> Option<[u8; 32]> {
    let mut before = digest(directory);
    for _ in 0..RESTLESS {
        sleep(settle).await;
        let after = digest(directory);
        if after == before {
            break;
        }
        before = after;
    }
    before
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
