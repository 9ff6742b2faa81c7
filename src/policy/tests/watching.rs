//! What the watcher sees: files written in place, files replaced, directories swapped through links; and what it tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::SystemClock;

const ALLOW: &str = "p, *, *, tool:echo, call, true, allow\n";
const DENY: &str = "p, *, *, tool:echo, call, true, deny\n";
const SETTLE: Duration = Duration::from_millis(100);
/// Longer than the watcher takes to look without a notice, and then to wait for the files to settle.
const A_LOOK: Duration = Duration::from_millis(700);

fn echoes(policies: &Policies) -> bool {
    policies.current().decide(&somebody("acme", &[]), &Object::Tool(name("echo")), Permission::Call).is_allowed()
}

/// What the watcher told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Taken(Revision),
    AsBefore(Revision),
    Refused(String),
}

struct Changes(mpsc::UnboundedReceiver<Told>);

impl Changes {
    async fn next(&mut self) -> Told {
        // The promise is one second; a machine under load is given more before the test gives up.
        timeout(Duration::from_secs(10), self.0.recv()).await.unwrap().unwrap()
    }

    /// Nothing is told though the watcher has looked again.
    async fn is_quiet(&mut self) {
        sleep(A_LOOK).await;
        assert_eq!(self.0.try_recv().ok(), None);
    }
}

/// Watches while something is done.
async fn watched(
    policies: &Arc<Policies>,
    settle: Duration,
    accepted: impl Fn(Revision) -> bool,
    act: impl AsyncFnOnce(&mut Changes),
) {
    let shutdown = CancellationToken::new();
    let (tell, told) = mpsc::unbounded_channel();
    let tell = move |change: Result<&Reload, &Refused>| {
        tell.send(match change {
            Ok(reload) if reload.is_change() => Told::Taken(reload.new),
            Ok(same) => Told::AsBefore(same.new),
            Err(refused) => Told::Refused(refused.to_string()),
        })
        .unwrap();
    };
    let accepted = |revision, _| std::future::ready(accepted(revision));
    let watching = watch(Arc::clone(policies), settle, Arc::new(SystemClock), shutdown.clone(), accepted, tell);
    let acting = async {
        // The watch is set up when it first waits.
        tokio::task::yield_now().await;
        act(&mut Changes(told)).await;
        shutdown.cancel();
    };
    tokio::join!(watching, acting);
}

async fn comes_into_force(policies: Arc<Policies>, change: impl FnOnce()) {
    watched(
        &policies,
        SETTLE,
        |_| false,
        async |changes: &mut Changes| {
            change();
            assert_eq!(changes.next().await, Told::Taken(policies.current().revision()));
            changes.is_quiet().await;
        },
    )
    .await;
    assert!(!echoes(&policies));
}

fn load(directory: &Path) -> Arc<Policies> {
    let policies = Policies::load(directory, catalog()).unwrap();
    assert!(echoes(&policies));
    Arc::new(policies)
}

#[tokio::test]
async fn a_file_written_in_place_comes_into_force_by_itself() {
    let directory = directory(ALLOW);
    let file = directory.path().join("policy.csv");
    comes_into_force(load(directory.path()), || fs::write(file, DENY).unwrap()).await;
}

#[tokio::test]
async fn a_replaced_file_comes_into_force_by_itself() {
    let directory = directory(ALLOW);
    let file = |name| directory.path().join(name);
    comes_into_force(load(directory.path()), || {
        // As editors save: a new file under the old name.
        fs::write(file(".policy.csv.new"), DENY).unwrap();
        fs::rename(file(".policy.csv.new"), file("policy.csv")).unwrap();
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_is_itself_a_link_comes_into_force_by_itself_when_it_is_swapped() {
    use std::os::unix::fs::symlink;

    let (old, new) = (directory(ALLOW), directory(DENY));
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("policies");
    symlink(old.path(), &link).unwrap();
    comes_into_force(load(&link), || {
        symlink(new.path(), place.path().join("next")).unwrap();
        fs::rename(place.path().join("next"), &link).unwrap();
    })
    .await;
}

/// A mounted configuration as Kubernetes keeps it: each file a link through `..data`, which is a link to the files of one
/// moment.
#[cfg(unix)]
#[tokio::test]
async fn files_swapped_behind_a_link_come_into_force_by_themselves_each_time() {
    use std::os::unix::fs::symlink;

    let mount = tempfile::tempdir().unwrap();
    let at = |name: &str| mount.path().join(name);
    let moment = |name: &str, policy: &str| {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("model.conf"), shipped_model()).unwrap();
        fs::write(at(name).join("policy.csv"), policy).unwrap();
    };
    let swap = |name: &str| {
        symlink(name, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    moment("..2026_11_21_08_00", ALLOW);
    swap("..2026_11_21_08_00");
    for file in ["model.conf", "policy.csv"] {
        symlink(Path::new("..data").join(file), at(file)).unwrap();
    }
    let policies = load(mount.path());
    watched(
        &policies,
        SETTLE,
        |_| false,
        async |changes: &mut Changes| {
            for (name, policy, echo) in [("..2026_11_21_08_01", DENY, false), ("..2026_11_21_08_02", ALLOW, true)] {
                let before = fs::read_link(at("..data")).unwrap();
                moment(name, policy);
                swap(name);
                fs::remove_dir_all(mount.path().join(before)).unwrap();
                assert_eq!(changes.next().await, Told::Taken(policies.current().revision()));
                assert_eq!(echoes(&policies), echo);
            }
            changes.is_quiet().await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_burst_of_writes_is_one_reload() {
    let directory = directory(ALLOW);
    let policies = load(directory.path());
    // Each write comes sooner than the files are taken to be at rest, and all together last longer than one look takes.
    let (settle, pause) = (Duration::from_secs(1), Duration::from_millis(50));
    watched(
        &policies,
        settle,
        |_| false,
        async |changes: &mut Changes| {
            for number in 0..20 {
                let last = if number == 19 { DENY } else { "" };
                fs::write(directory.path().join("policy.csv"), format!("{ALLOW}# {number}\n{last}")).unwrap();
                sleep(pause).await;
            }
            assert_eq!(changes.next().await, Told::Taken(policies.current().revision()));
            assert!(!echoes(&policies), "the last of them");
            changes.is_quiet().await;
        },
    )
    .await;
    assert_eq!(policies.status().taken, 1);
}

#[tokio::test]
async fn a_broken_file_is_told_once_for_each_change() {
    let directory = directory(ALLOW);
    let policies = load(directory.path());
    let revision = policies.current().revision();
    let file = directory.path().join("policy.csv");
    watched(
        &policies,
        SETTLE,
        |_| false,
        async |changes: &mut Changes| {
            for broken in ["nonsense\n", "p, *, *, tool:ecko, call, true, allow\n"] {
                fs::write(&file, broken).unwrap();
                let Told::Refused(_) = changes.next().await else { panic!("it is refused") };
                changes.is_quiet().await;
                // Written anew and still the same: the file changed, its contents did not.
                fs::write(&file, broken).unwrap();
                changes.is_quiet().await;
            }
            fs::write(&file, ALLOW).unwrap();
            assert_eq!(changes.next().await, Told::AsBefore(revision));
            changes.is_quiet().await;
        },
    )
    .await;
    assert_eq!((policies.status().taken, policies.status().refused), (0, 2));
}

#[tokio::test]
async fn a_loss_comes_into_force_when_it_is_accepted_and_not_before() {
    let directory = directory(ALLOW);
    let walls = directory.path().join("walls.csv");
    fs::write(&walls, DENY).unwrap();
    let policies = Arc::new(Policies::load(directory.path(), catalog()).unwrap());
    let said = AtomicBool::new(false);
    watched(
        &policies,
        SETTLE,
        |_| said.load(Ordering::Relaxed),
        async |changes: &mut Changes| {
            fs::remove_file(&walls).unwrap();
            let Told::Refused(why) = changes.next().await else { panic!("it is refused") };
            assert!(why.contains("walls.csv") && why.contains("is gone"), "{why}");
            changes.is_quiet().await;
            assert!(!echoes(&policies));
            said.store(true, Ordering::Relaxed);
            assert_eq!(changes.next().await, Told::Taken(policies.current().revision()));
            assert!(echoes(&policies));
        },
    )
    .await;
}

/// Dropping a large policy takes long. So the watcher keeps one until no request uses it, and drops it then.
#[tokio::test]
async fn a_policy_that_was_replaced_is_kept_while_it_is_used_and_no_longer() {
    let directory = directory(ALLOW);
    let policies = load(directory.path());
    let used = policies.current();
    let file = |text: &str| fs::write(directory.path().join("policy.csv"), text).unwrap();
    let wait_until = async |is_so: &dyn Fn() -> bool| {
        timeout(Duration::from_secs(10), async {
            while !is_so() {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
    };
    watched(
        &policies,
        SETTLE,
        |_| false,
        async |changes: &mut Changes| {
            file(DENY);
            changes.next().await;
            changes.is_quiet().await;
            assert_eq!(Arc::strong_count(&used), 2, "it is ours and the watcher's");
            let unused = Arc::downgrade(&used);
            drop(used);
            wait_until(&|| unused.strong_count() == 0).await;
        },
    )
    .await;
}
