//! How policies come into force, and how they do not.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;

const ALLOW: &str = "p, *, *, tool:echo, call, true, allow\n";
const DENY: &str = "p, *, *, tool:echo, call, true, deny\n";

fn policies(directory: &TempDir) -> Policies {
    Policies::load(directory.path(), catalog()).unwrap()
}

fn write(directory: &TempDir, file: &str, text: &str) {
    fs::write(directory.path().join(file), text).unwrap();
}

fn echoes(policies: &Policies) -> bool {
    let echo = Object::Tool(name("echo"));
    policies.current().decide(&somebody("acme", &[]), &echo, Permission::Call).is_allowed()
}

#[test]
fn a_reload_swaps_the_whole_policy_and_says_what_changed() {
    let directory = directory(ALLOW);
    let policies = policies(&directory);
    let before = policies.current();
    assert!(!policies.reload().unwrap().is_change());
    write(&directory, "policy.csv", &format!("# moved down\n{ALLOW}"));
    write(&directory, "b.csv", DENY);
    let reload = policies.reload().unwrap();
    assert_eq!((reload.old, reload.new), (before.revision(), policies.current().revision()));
    assert_eq!(
        reload.added,
        [ChangedLine { line: LineRef { file: "b.csv".into(), line: 1 }, text: DENY.trim().into() }]
    );
    assert_eq!(reload.removed, []);
    assert!(!echoes(&policies));
    let echo = Object::Tool(name("echo"));
    assert!(
        before.decide(&somebody("acme", &[]), &echo, Permission::Call).is_allowed(),
        "a request keeps its snapshot"
    );
    assert_eq!(reload.new.to_string().len(), 12);
}

#[test]
fn a_bad_file_keeps_the_policy_in_force_and_is_remembered() {
    let directory = directory(ALLOW);
    let policies = policies(&directory);
    let revision = policies.current().revision();
    write(&directory, "policy.csv", &DENY.replace("deny", "Deny"));
    let refused = policies.reload().unwrap_err();
    assert!(refused.to_string().contains("policy.csv:1:33: refused: `Deny` is not an effect"), "{refused}");
    assert!(echoes(&policies) && policies.current().revision() == revision);
    assert!(policies.last_refusal().is_some());
    write(&directory, "policy.csv", ALLOW);
    assert!(!policies.reload().unwrap().is_change());
    assert!(policies.last_refusal().is_none());
}

#[test]
fn a_file_that_was_in_force_and_is_gone_or_empty_is_refused_until_a_restart() {
    let directory = directory(ALLOW);
    write(&directory, "walls.csv", DENY);
    let policies = policies(&directory);
    assert!(!echoes(&policies));
    write(&directory, "walls.csv", "# nothing\n");
    let refused = policies.reload().unwrap_err();
    assert!(
        refused.to_string().contains("walls.csv: refused: the file was in force with 1 line and is empty"),
        "{refused}"
    );
    fs::remove_file(directory.path().join("walls.csv")).unwrap();
    assert!(policies.reload().unwrap_err().to_string().contains("and is gone"));
    assert!(!echoes(&policies), "the denial is still in force");
    assert!(echoes(&self::policies(&directory)), "a restart accepts what is there");
}

#[test]
fn the_first_load_says_everything_that_is_wrong() {
    let directory = directory("P, x\np, *, *, tool:ecko, call, true, allow\n");
    let refused = Policies::load(directory.path(), catalog()).unwrap_err();
    assert_eq!(refused.findings.len(), 2);
    assert!(refused.to_string().contains("there is no tool `ecko`; did you mean `echo`?"), "{refused}");
}

/// Watches while the change is made, and waits for it to be in force.
async fn watched(policies: Arc<Policies>, change: impl FnOnce()) {
    let shutdown = CancellationToken::new();
    let (told, mut changes) = mpsc::unbounded_channel();
    let watching = watch(Arc::clone(&policies), Duration::from_millis(100), shutdown.clone(), move |change| {
        told.send(change.unwrap().new).unwrap();
    });
    let acting = async {
        // The watch is set up when it first waits.
        tokio::task::yield_now().await;
        change();
        // The promise is one second; a machine under load is given more before the test gives up.
        let revision = timeout(Duration::from_secs(10), changes.recv()).await.unwrap().unwrap();
        assert_eq!(policies.current().revision(), revision);
        shutdown.cancel();
    };
    tokio::join!(watching, acting);
}

#[tokio::test]
async fn a_replaced_file_comes_into_force_by_itself() {
    let directory = directory(ALLOW);
    let policies = Arc::new(policies(&directory));
    watched(Arc::clone(&policies), || {
        // As editors save: a new file under the old name.
        write(&directory, "policy.csv.new", DENY);
        fs::rename(directory.path().join("policy.csv.new"), directory.path().join("policy.csv")).unwrap();
    })
    .await;
    assert!(!echoes(&policies));
}

#[cfg(unix)]
#[tokio::test]
async fn a_swapped_link_comes_into_force_by_itself() {
    use std::os::unix::fs::symlink;

    let (old, new) = (directory(ALLOW), directory(DENY));
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("policies");
    symlink(old.path(), &link).unwrap();
    let policies = Arc::new(Policies::load(&link, catalog()).unwrap());
    watched(Arc::clone(&policies), || {
        // As Kubernetes updates a mounted configuration.
        symlink(new.path(), place.path().join("next")).unwrap();
        fs::rename(place.path().join("next"), &link).unwrap();
    })
    .await;
    assert!(!echoes(&policies));
}
