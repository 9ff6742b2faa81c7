//! Policies that people can read beside what is said of them: `tests/policies/` holds the files, `tests/snapshots/` the
//! answers. `BLESS=1` writes the answers anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;
use crate::model::Timestamp;

const GOOD: &str = "p, *, *, tool:echo, call, true, allow\np, user:mallory, *, tool:echo, call, true, deny\n";

/// The files of a folder of `tests/policies`, by name.
fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policies").join(folder);
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
    };
    fs::read_dir(folder).unwrap().map(file).collect()
}

/// A file with its lines numbered, and nothing in it invisible.
fn shown(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
    for (number, line) in (1..).zip(lines) {
        write!(shown, "  {number:>2} |").unwrap();
        for chunk in line.utf8_chunks() {
            for c in chunk.valid().chars() {
                let plain = !crate::model::is_invisible(c) && (c.is_ascii() || c.is_alphabetic());
                shown.push_str(&if plain { String::from(c) } else { c.escape_default().to_string() });
            }
            chunk.invalid().iter().for_each(|byte| write!(shown, "\\x{byte:02x}").unwrap());
        }
        shown.push('\n');
    }
    let ends = bytes.is_empty() || bytes.ends_with(b"\n");
    shown + if ends { "" } else { "     (no newline at the end)\n" }
}

/// Findings as they are printed, without the directory.
fn told(directory: &Path, found: &[Finding]) -> String {
    let here = format!("{}/", directory.display());
    let mut told = String::new();
    for finding in found {
        writeln!(told, "  {}", finding.to_string().replace(&here, "")).unwrap();
    }
    told
}

#[track_caller]
fn matches_snapshot(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let reviewed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, reviewed, "{}: review it and run again with BLESS=1", path.display());
}

/// What is said of a good policy in force when one of its files becomes this, and that it stays in force if that is bad.
fn replaced(file: &str, bytes: &[u8]) -> (String, bool) {
    let directory = directory(GOOD);
    let policies = Policies::load(directory.path(), catalog()).unwrap();
    let before = policies.current();
    fs::write(directory.path().join(file), bytes).unwrap();
    match policies.reload(Timestamp::from_secs(0)) {
        Ok(_) => (format!("  in force, {} lines\n", policies.current().lines().count()), true),
        Err(refused) => {
            let current = policies.current();
            assert_eq!(current.revision(), before.revision());
            let called = |names: &[&str]| {
                let echo = Object::Tool(name("echo"));
                current.decide(&somebody("acme", names), &echo, Permission::Call).is_allowed()
            };
            assert!(called(&[]) && !called(&["user:mallory"]));
            assert_eq!(policies.status().refusal.as_ref().unwrap().findings, refused.findings);
            (told(directory.path(), &refused.findings), false)
        }
    }
}

/// Every row of the tables of malformed files that casbin's own reader lets through, drops lines of, or dies of.
fn malformed(folder: &str, file: &str, snapshot: &str) {
    let mut report = String::new();
    for (case, bytes) in files(folder) {
        let (said, taken) = replaced(file, &bytes);
        assert_eq!(taken, case.starts_with("fine_"), "{case}: {said}");
        write!(report, "{case}\n{}{said}\n", shown(&bytes)).unwrap();
    }
    matches_snapshot(snapshot, &report);
}

#[test]
fn a_malformed_file_is_refused_with_its_place_and_the_policy_in_force_stays() {
    malformed("malformed", "policy.csv", "policy-malformed.txt");
}

#[test]
fn a_malformed_model_is_refused_and_the_policy_in_force_stays() {
    malformed("models", "model.conf", "policy-models.txt");
}

#[test]
fn a_line_that_does_nothing_is_named_with_the_reason() {
    let mut report = String::new();
    for (case, bytes) in files("lint") {
        let directory = directory(&bytes);
        let Checked { findings, .. } = check(directory.path(), &catalog());
        write!(report, "{case}\n{}{}\n", shown(&bytes), told(directory.path(), &findings)).unwrap();
    }
    matches_snapshot("policy-lint.txt", &report);
}
