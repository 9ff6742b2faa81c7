//! No file, however mangled, both loads and loses a line. A lost line can be the one that denies.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};

use super::*;

/// How many files are mangled.
const CASES: u32 = 1_000;

/// Lines of good policies. A file takes some of them, in any order.
const LINES: [&str; 22] = [
    "# a comment",
    "   # p, *, *, tool:echo, call, true, deny",
    "",
    "   ",
    "p, *, *, tool:echo, call, true, allow",
    "p,*,*,tool:web_search,call,true,allow",
    "p, verified,      acme, tool:echo,      call, r.sub.clearance >= 3,  deny",
    "  p, user:mallory@acme.example, *, tool:*, *, true, deny  ",
    "p, *, *, dataset:documents, read, r.obj.classification == \"secret\" && r.sub.clearance < 3, deny",
    "p, *, acme, dataset:documents, read, r.obj.owner_id == r.sub.external_id, allow",
    "p, user:иван, *, dataset:documents, read, !(r.obj.title == \"Ünï\") || present(r.obj.amount), allow",
    "p, role:member, acme, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow",
    "p, role:member, acme, column:documents/margin, read, r.obj.amount < 0.5, allow",
    "p, *, *, column:documents/title, read, r.obj.final != true, deny",
    "p, idp:blockbrain/admin, *, dataset:*, *, true, allow",
    "p, verified, *, resource:welcome://*, read, true, allow",
    "p, subject:zitadel/1, globex, *, *, true, deny",
    "g, user:ada, role:member, acme",
    "g, user:ada, room:finance, acme",
    "g, role:member, room:a b, *",
    "g, verified, role:guest, *",
    "p, role:guest, globex, tool:echo, call, r.ctx.agent == \"bot\", deny",
];

/// What editors, transports and tired people do to a file. A place is a share of its length.
#[derive(Debug, Clone)]
enum Edit {
    Flip { at: usize, bit: u8 },
    Insert { at: usize, text: &'static str },
    Remove { at: usize, length: usize },
    Cut { at: usize },
    Case { at: usize, length: usize },
    EndOfLine { at: usize, becomes: &'static str },
    Repeat { at: usize },
    Replace { at: usize, from: &'static str, to: &'static str },
    Mark,
    Everywhere { from: &'static str, to: &'static str },
}

const INSERTED: [&str; 30] = [
    "\u{FEFF}",
    "\u{200B}",
    "\u{A0}",
    "\u{202E}",
    "\u{AD}",
    "\u{2028}",
    "\u{85}",
    "\0",
    "\t",
    "\r",
    "\n",
    "\u{B}",
    "\u{435}",
    "\"",
    "'",
    ",",
    "#",
    ";",
    "*",
    " ",
    "p",
    "g",
    "p2",
    "\\",
    "//",
    "=",
    "(",
    ")",
    "é",
    "\u{1F512}",
];
const WORDS: [&str; 14] =
    ["p, ", "g, ", ", ", "deny", "allow", "true", "tool", "*", "role:", "user:", "&&", "\"", "r.obj", "read"];

fn edit() -> impl Strategy<Value = Edit> {
    let at = || any::<usize>();
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip { at, bit }),
        (at(), prop::sample::select(&INSERTED[..])).prop_map(|(at, text)| Edit::Insert { at, text }),
        (at(), 1..12_usize).prop_map(|(at, length)| Edit::Remove { at, length }),
        at().prop_map(|at| Edit::Cut { at }),
        (at(), 1..6_usize).prop_map(|(at, length)| Edit::Case { at, length }),
        (at(), prop::sample::select(&["", "\r", "\r\n", "\n\r", "\n\n", " ", ",", "\u{2028}"][..]))
            .prop_map(|(at, becomes)| Edit::EndOfLine { at, becomes }),
        at().prop_map(|at| Edit::Repeat { at }),
        (at(), prop::sample::select(&WORDS[..]), prop::sample::select(&INSERTED[..]))
            .prop_map(|(at, from, to)| Edit::Replace { at, from, to }),
        Just(Edit::Mark),
        prop::sample::select(&[("\n", "\r\n"), ("\n", "\r"), (", ", ","), (",", ";"), (",", "\t"), ("p,", "P,")][..])
            .prop_map(|(from, to)| Edit::Everywhere { from, to }),
    ]
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>) {
        let place = |at: usize, length: usize| if length == 0 { 0 } else { at % length };
        match *self {
            Self::Flip { at, bit } => {
                let at = place(at, file.len());
                file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Insert { at, text } => {
                let at = place(at, file.len() + 1);
                drop(file.splice(at..at, text.bytes()));
            }
            Self::Remove { at, length } => {
                let at = place(at, file.len());
                drop(file.drain(at..(at + length).min(file.len())));
            }
            Self::Cut { at } => file.truncate(place(at, file.len() + 1)),
            Self::Case { at, length } => {
                let at = place(at, file.len());
                let changed = |byte: &mut u8| {
                    if byte.is_ascii_alphabetic() {
                        *byte ^= 0x20;
                    }
                };
                file.iter_mut().skip(at).take(length).for_each(changed);
            }
            Self::EndOfLine { at, becomes } => replace(file, at, "\n", becomes),
            Self::Repeat { at } => {
                let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
                let repeated = lines.get(place(at, lines.len())).map(|line| line.to_vec());
                file.extend(repeated.into_iter().flatten());
            }
            Self::Replace { at, from, to } => replace(file, at, from, to),
            Self::Mark => drop(file.splice(0..0, "\u{FEFF}".bytes())),
            Self::Everywhere { from, to } => {
                for at in (0..occurrences(file, from).len()).rev() {
                    replace(file, at, from, to);
                }
            }
        }
    }
}

fn occurrences(file: &[u8], text: &str) -> Vec<usize> {
    (0..file.len()).filter(|at| file[*at..].starts_with(text.as_bytes())).collect()
}

/// Replaces one of the occurrences of a text.
fn replace(file: &mut Vec<u8>, which: usize, from: &str, to: &str) {
    let found = occurrences(file, from);
    if !found.is_empty() {
        let at = found[which % found.len()];
        drop(file.splice(at..at + from.len(), to.bytes()));
    }
}

/// The lines that a person would count: every one that is neither blank nor a comment.
fn counted(file: &[u8]) -> Vec<String> {
    let lines = file.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).trim().to_owned());
    let mut counted: Vec<String> = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    counted.sort();
    counted
}

#[test]
fn no_file_however_mangled_loads_and_loses_a_line() {
    let directory = directory("");
    let (loaded, refused) = (std::cell::Cell::new(0_u32), std::cell::Cell::new(0_u32));
    let lines = prop::collection::vec(prop::sample::select(&LINES[..]), 1..14);
    let files = (lines, prop::collection::vec(edit(), 0..4));
    let held = |(lines, edits): (Vec<&str>, Vec<Edit>)| {
        let mut file = (lines.join("\n") + "\n").into_bytes();
        for edit in edits {
            edit.apply(&mut file);
        }
        fs::write(directory.path().join("policy.csv"), &file).unwrap();
        let checked = check(directory.path(), &catalog());
        let told = checked.findings.iter().any(|finding| finding.severity == Severity::Refusal);
        prop_assert_eq!(checked.snapshot.is_none(), told, "a refusal says why, and nothing else refuses");
        let Some(snapshot) = checked.snapshot else {
            refused.set(refused.get() + 1);
            return Ok(());
        };
        loaded.set(loaded.get() + 1);
        let mut texts: Vec<String> = snapshot.lines().map(|(_, text)| text.to_owned()).collect();
        texts.sort();
        prop_assert_eq!(texts, counted(&file), "the file was {:?}", String::from_utf8_lossy(&file));
        Ok::<(), TestCaseError>(())
    };
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    match TestRunner::new_with_rng(config, rng).run(&files, held) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}\n{case:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let (loaded, refused) = (loaded.get(), refused.get());
    assert!(loaded > CASES / 8 && refused > CASES / 8, "{loaded} files were loaded, {refused} refused");
}
