//! How policies come into force, and how they do not.

use super::*;
use crate::model::Timestamp;

const ALLOW: &str = "p, *, *, tool:echo, call, true, allow\n";
const DENY: &str = "p, *, *, tool:echo, call, true, deny\n";
const NOW: Timestamp = Timestamp::from_secs(1_795_248_000);
const LATER: Timestamp = Timestamp::from_secs(1_795_248_060);

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
fn contents_are_told_apart_by_every_digit_of_their_revision() {
    let revision = Revision(std::array::from_fn(|index| u8::try_from(8 * index + 7).unwrap()));
    let digits = revision.0.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    assert_eq!(revision.hex(), digits);
    assert_eq!(revision.to_string(), digits[..12]);
}

#[test]
fn a_reload_swaps_the_whole_policy_and_says_what_changed() {
    let directory = directory(ALLOW);
    let policies = policies(&directory);
    let before = policies.current();
    assert!(!policies.reload(NOW).unwrap().is_change());
    write(&directory, "policy.csv", &format!("# moved down\n{ALLOW}"));
    write(&directory, "b.csv", DENY);
    let reload = policies.reload(NOW).unwrap();
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
    // Of two lines that say the same, the second is new, and it is the one that went.
    let second = ChangedLine { line: LineRef { file: "policy.csv".into(), line: 2 }, text: ALLOW.trim().into() };
    write(&directory, "policy.csv", &ALLOW.repeat(2));
    let reload = policies.reload(NOW).unwrap();
    assert_eq!((&reload.added[..], &reload.removed[..]), (&[second.clone()][..], &[][..]));
    write(&directory, "policy.csv", ALLOW);
    let reload = policies.reload(NOW).unwrap();
    assert_eq!((&reload.added[..], &reload.removed[..]), (&[][..], &[second][..]));
}

#[test]
fn a_bad_file_keeps_the_policy_in_force_and_is_remembered() {
    let directory = directory(ALLOW);
    let policies = policies(&directory);
    let revision = policies.current().revision();
    write(&directory, "policy.csv", &DENY.replace("deny", "Deny"));
    let refused = policies.reload(NOW).unwrap_err();
    assert!(refused.to_string().contains("policy.csv:1:33: refused: `Deny` is not an effect"), "{refused}");
    assert!(echoes(&policies) && policies.current().revision() == revision);
    assert!(policies.status().refusal.as_ref().is_some_and(|refused| refused.awaits().is_none()));
    write(&directory, "policy.csv", ALLOW);
    assert!(!policies.reload(NOW).unwrap().is_change());
    assert!(policies.status().refusal.is_none());
}

#[test]
fn a_file_that_was_in_force_and_is_gone_or_empty_is_refused_until_a_restart() {
    let directory = directory(ALLOW);
    write(&directory, "walls.csv", DENY);
    let policies = policies(&directory);
    assert!(!echoes(&policies));
    write(&directory, "walls.csv", "# nothing\n");
    let refused = policies.reload(NOW).unwrap_err();
    let told = "walls.csv: refused: the file was in force with 1 line and is empty; put it back, or run \
                `bailiwick policy accept` if that is meant";
    assert!(refused.to_string().contains(told), "{refused}");
    fs::remove_file(directory.path().join("walls.csv")).unwrap();
    assert!(policies.reload(NOW).unwrap_err().to_string().contains("and is gone"));
    assert!(!echoes(&policies), "the denial is still in force");
    assert!(echoes(&self::policies(&directory)), "a restart accepts what is there");
}

#[test]
fn a_file_that_said_nothing_may_go() {
    let directory = directory(ALLOW);
    write(&directory, "walls.csv", "# none yet\n");
    let policies = policies(&directory);
    fs::remove_file(directory.path().join("walls.csv")).unwrap();
    assert!(policies.reload(NOW).unwrap().is_change() && echoes(&policies));
}

#[test]
fn a_loss_that_is_meant_comes_into_force_and_no_other_contents_with_it() {
    let directory = directory(ALLOW);
    write(&directory, "walls.csv", DENY);
    let policies = policies(&directory);
    fs::remove_file(directory.path().join("walls.csv")).unwrap();
    let awaited = policies.reload(NOW).unwrap_err().awaits().unwrap();

    write(&directory, "b.csv", ALLOW);
    let other = policies.reload_accepted(awaited, NOW).unwrap_err();
    assert!(other.awaits().is_some_and(|other| other != awaited), "the files are not those that were accepted");
    write(&directory, "b.csv", &ALLOW.replace("allow", "Allow"));
    let broken = policies.reload(NOW).unwrap_err();
    assert!(broken.findings.len() == 2 && broken.awaits().is_none(), "{broken}: more is wrong than a loss");
    let broken = policies.reload_accepted(broken.contents.unwrap(), NOW).unwrap_err();
    assert!(broken.to_string().contains("`Allow` is not an effect"), "nobody can accept a line that is not understood");
    assert!(!echoes(&policies));

    fs::remove_file(directory.path().join("b.csv")).unwrap();
    let reload = policies.reload_accepted(awaited, NOW).unwrap();
    assert_eq!((reload.new, reload.accepted.len(), reload.mended), (awaited, 1, true));
    assert!(echoes(&policies));
    assert_eq!(policies.current().revision(), awaited);
}

#[test]
fn the_reloads_are_counted_and_timed() {
    let directory = directory(ALLOW);
    let policies = policies(&directory);
    let counts = || {
        let status = policies.status();
        (status.taken, status.refused, status.settled, status.refused_since)
    };
    assert_eq!(counts(), (0, 0, None, None));
    policies.reload(NOW).unwrap();
    assert_eq!(counts(), (0, 0, None, None), "nothing changed");
    write(&directory, "policy.csv", &format!("{ALLOW}# more\n"));
    policies.reload(NOW).unwrap();
    assert_eq!(counts(), (1, 0, Some(NOW), None));
    write(&directory, "policy.csv", "nonsense\n");
    policies.reload(NOW).unwrap_err();
    write(&directory, "policy.csv", "more nonsense\n");
    policies.reload(LATER).unwrap_err();
    assert_eq!(counts(), (1, 2, Some(NOW), Some(NOW)), "the files have not been in force since the first refusal");
    write(&directory, "policy.csv", &format!("{ALLOW}# more\n"));
    assert!(policies.reload(LATER).unwrap().mended);
    assert_eq!(counts(), (1, 2, Some(LATER), None));
    assert_eq!(policies.status().revision, policies.current().revision());
}

#[test]
fn the_first_load_says_everything_that_is_wrong() {
    let directory = directory("P, x\np, *, *, tool:ecko, call, true, allow\n");
    let refused = Policies::load(directory.path(), catalog()).unwrap_err();
    assert_eq!(refused.findings.len(), 2);
    assert!(refused.to_string().contains("there is no tool `ecko`; did you mean `echo`?"), "{refused}");
}

#[test]
fn a_wall_put_up_in_a_hurry_stands_although_it_makes_another_redundant() {
    let directory = directory(ALLOW);
    write(&directory, "walls.csv", "p, user:mallory, *, tool:echo, call, true, deny\n");
    let policies = policies(&directory);
    assert!(echoes(&policies));
    write(&directory, "emergency.csv", "p, *, *, *, *, true, deny\n");
    let reload = policies.reload(NOW).unwrap();
    assert!(!echoes(&policies), "the emergency line is in force");
    let told: Vec<String> = reload.warnings.iter().map(ToString::to_string).collect();
    let redundant = "walls.csv:1: warning: `emergency.csv:1` already says as much; remove this line";
    assert!(told.iter().any(|warning| warning.ends_with(redundant)), "{told:?}");
}
