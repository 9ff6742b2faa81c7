//! `policy diff` over directories and git revisions: who is told of what, in words, numbers and JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::demo::prepared;
use super::policy_matrix::{with_lines, with_writable_people};
use super::process::{Said, bailiwick, matches_snapshot, run};

/// The demo with its policy, and in `draft` an edited copy of it.
fn edited(edit: impl Fn(&str) -> String) -> TempDir {
    let directory = prepared();
    let draft = directory.path().join("draft");
    fs::create_dir(&draft).unwrap();
    fs::copy(directory.path().join("policies/model.conf"), draft.join("model.conf")).unwrap();
    let text = fs::read_to_string(directory.path().join("policies/policy.csv")).unwrap();
    fs::write(draft.join("policy.csv"), edit(&text)).unwrap();
    directory
}

fn diff(directory: &TempDir) -> Said {
    let said = run(directory.path(), &["policy", "diff", "policies", "draft"]);
    assert_eq!(said.err, "");
    assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
    said
}

/// The text without the revisions, which are those of the files' bytes.
fn without_revisions(text: &str) -> String {
    let mut parts = text.split("(policy ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "(policy …" + &part[12..])
}

#[test]
fn an_edited_policy_is_compared_name_by_name() {
    let directory = edited(|text| {
        with_lines(
            text,
            &[
                "p, role:accountant, *, dataset:invoices",
                "p, role:member, *, tool:echo",
                "p, *, *, dataset:documents, read",
                "p, role:member, *, column:people/salary, read, r.obj.manager_id",
            ],
            &[
                "p, role:auditor, acme, tool:echo, call, true, allow",
                "p, *, *, dataset:documents, read, r.obj.classification == \"secret\" && r.sub.clearance < 2, deny",
                "p, role:member, globex, dataset:documents, read, r.obj.data_room_id == \"plant\", deny",
                "p, role:accountant, acme, column:people/manager_id, read, true, deny",
                "p, role:member, acme, column:people/title, read, r.obj.id != r.sub.external_id, deny",
                "g, user:bob@acme.example, room:finance, acme",
                "g, user:frank@acme.example, role:member, acme",
            ],
        )
    });
    let said = diff(&directory);
    assert_eq!(said.code, 1);
    matches_snapshot("policy-diff.txt", &without_revisions(&said.out));

    let said = run(directory.path(), &["policy", "diff", "policies", "draft", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let whole: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(whole["old"]["name"], "policies");
    assert_eq!(whole["new"]["kind"], "directory");
    let bob = whole["names"].as_array().unwrap().iter().find(|name| name["name"] == "user:bob@acme.example").unwrap();
    assert_eq!((&bob["tenant"], &bob["gains"], &bob["loses"]), (&json!("acme"), &json!(true), &json!(true)));
    let changes = bob["changes"].as_array().unwrap();
    let rooms = changes.iter().find(|change| change["object"] == "data_rooms").unwrap();
    let expected = json!({
        "kind": "dataset", "object": "data_rooms", "effect": "changes",
        "was": ["rooms engineering, sales"], "now": ["rooms engineering, finance, sales"],
        "gained": ["room finance"], "lost": [], "rows_was": 2, "rows_now": 3,
    });
    assert_eq!(*rooms, expected);
    assert_eq!(changes[0], json!({ "kind": "tool", "object": "echo", "effect": "loses" }));
    let text = diff(&directory).out;
    let numbers = ["gain", "lose", "may_differ"].map(|number| whole["summary"][number].as_u64().unwrap());
    assert!(
        text.ends_with(&format!("{} gain, {} lose, {} may differ\n", numbers[0], numbers[1], numbers[2])),
        "{text}"
    );
}

#[test]
fn an_edit_of_the_text_alone_is_no_difference() {
    let same = |edit: &dyn Fn(&str) -> String, why: &str| {
        let said = diff(&edited(edit));
        assert_eq!(said.code, 0, "{}", said.out);
        assert!(said.out.ends_with(&format!("\n\n{why}\n")), "{}", said.out);
    };
    same(&str::to_owned, "No difference: the files are the same.");
    let text = "No difference in effect: only the text differs (order, comments, blanks, model.conf).";
    let reversed = |text: &str| text.lines().rev().flat_map(|line| [line.trim_start_matches('#'), "\n"]).collect();
    same(&|text| with_lines(text, &["#"], &["# New.", ""]), text);
    same(&|text| reversed(&with_lines(text, &["#"], &[])), text);
    same(&|text| text.replace(" == ", "==").replace(", ", ",   "), text);
    // A line for every tenant, and one for each of them; one condition, and one for each of its parts.
    let lines = "No difference in effect: every tenant has the same lines.";
    let each = ["acme", "globex"].map(|tenant| format!("p, role:member, {tenant}, dataset:people, read, true, allow"));
    let each: Vec<&str> = each.iter().map(String::as_str).collect();
    same(&|text| with_lines(text, &["p, role:member, *, dataset:people"], &each), lines);
}

#[test]
fn one_line_of_alternatives_is_as_good_as_two_lines() {
    let own = "r.obj.owner_id == r.sub.external_id";
    let rooms = "r.obj.data_room_id in r.sub.rooms";
    let both = format!("p, role:member, *, dataset:documents, read, {own} || {rooms}, allow");
    let said = diff(&edited(|text| with_lines(text, &["p, role:member, *, dataset:documents, read"], &[&both])));
    assert!(said.code == 0 && said.out.contains("No difference in effect"), "{}", said.out);
}

#[test]
fn a_line_for_everybody_is_told_to_each_name() {
    let line = "p, verified, *, dataset:people, read, r.obj.title == \"Chief financial officer\", allow";
    let said = diff(&edited(|text| with_lines(text, &[], &[line])));
    assert_eq!(said.code, 1);
    // Members see every colleague already.
    let told = "  everybody verified, role:accountant\n    + tools           count_people, get_people, list_people, search_people\n";
    assert!(said.out.contains(told), "{}", said.out);
    assert!(said.out.contains("    + dataset people  1 row: title Chief financial officer\n"), "{}", said.out);
    assert!(!said.out.contains("user:ada") && !said.out.contains("role:auditor"), "{}", said.out);
    assert!(said.out.ends_with("\n4 gain, 0 lose, 0 may differ\n"), "{}", said.out);
}

#[test]
fn narrowing_and_widening_are_told_apart() {
    let narrower = "p, role:member, *, dataset:people, read, r.obj.title == \"Chief financial officer\", allow";
    let directory = edited(|text| with_lines(text, &["p, role:member, *, dataset:people"], &[narrower]));
    let said = diff(&directory);
    let told =
        "    ~ dataset people  18 -> 1 row\n                      - every row but: title Chief financial officer\n";
    assert!(said.out.contains(told) && said.out.contains("\n0 gain, 5 lose, 0 may differ\n"), "{}", said.out);
    let back = run(directory.path(), &["policy", "diff", "draft", "policies"]);
    let told = "    ~ dataset people  1 -> 18 rows\n                      + every row, not only: title Chief financial officer\n";
    assert!(back.out.contains(told) && back.out.contains("\n5 gain, 0 lose, 0 may differ\n"), "{}", back.out);
}

#[test]
fn a_line_that_matters_only_to_people_of_several_names_is_never_called_no_difference() {
    // Whoever is a guest alone sees no invoices anyway; an accountant who is a guest too loses them.
    let lines = ["g, idp:demo/guest, role:guest, acme", "p, role:guest, acme, dataset:invoices, read, true, deny"];
    let said = diff(&edited(|text| with_lines(text, &[], &lines)));
    assert_eq!(said.code, 1);
    assert!(said.out.contains("that went (-) and came (+) and change nothing for one of these names by itself"));
    assert!(said.out.contains("  p, role:guest, acme, dataset:invoices, read, true, deny\n"), "{}", said.out);
    assert!(said.out.ends_with("0 gain, 0 lose, 0 may differ; 2 lines may matter to others\n"), "{}", said.out);
    // A claim that the name does not have, asked for by `present`, which is false rather than unknown without it.
    let line = "p, verified, *, dataset:people, read, present(r.sub.clearance), allow";
    let said = diff(&edited(|text| with_lines(text, &[], &[line])));
    assert!(said.out.contains("may differ with the right clearance, see [1]"), "{}", said.out);
    assert!(said.out.contains("  [1]  now allow when  present(r.sub.clearance)\n"), "{}", said.out);
    assert_eq!(said.code, 1);
}

#[test]
fn without_a_database_it_is_said_that_rows_are_not_counted() {
    let directory = edited(|text| with_lines(text, &["p, role:member, *, dataset:people"], &[]));
    fs::rename(directory.path().join("company.db"), directory.path().join("gone.db")).unwrap();
    let said = diff(&directory);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("    - dataset people  every row\n"), "{}", said.out);
    assert!(said.out.contains("\nRows are not counted: there is no database at `"), "{}", said.out);
    let said = run(directory.path(), &["policy", "diff", "policies", "draft", "--json"]);
    let whole: Value = serde_json::from_str(&said.out).unwrap();
    assert!(whole["rows_not_counted"].as_str().unwrap().starts_with("there is no database"));
    assert_eq!(whole["names"][0]["changes"].as_array().unwrap().last().unwrap()["rows_was"], Value::Null);
}

#[test]
fn what_cannot_be_compared_exits_with_2() {
    let directory = edited(|text| text.replace("allow", "alow"));
    fs::write(directory.path().join("file"), "").unwrap();
    for (command, expected) in [
        (&["policies", "draft"][..], "draft/policy.csv:10:"),
        (&["draft"], "`alow` is not an effect; did you mean `allow`?"),
        (&["file", "policies"], "error: `file` is a file; a policy is a directory"),
        (&["nowhere", "policies"], "error: `nowhere` is neither a directory nor a git revision of "),
        (&[], "required arguments were not provided"),
    ] {
        let said = run(directory.path(), &[&["policy", "diff"], command].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{command:?}");
        assert!(said.err.contains(expected), "{command:?}: {}", said.err);
    }
    let unconfigured = run(directory.path(), &["policy", "diff", "policies", "-c", "none.toml"]);
    assert!(unconfigured.code == 2 && unconfigured.err.contains("none.toml"), "{unconfigured:?}");
    let help = run(directory.path(), &["policy", "diff", "--help"]);
    assert!(help.out.contains("Exit codes: 0 no difference in effect"), "{}", help.out);
}

/// A repository around the demo; `None`, visibly, where git is not installed.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn repository() -> Option<TempDir> {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("SKIPPED: git is not installed");
        return None;
    }
    let directory = prepared();
    git(directory.path(), &["init", "--quiet", "--initial-branch=main"]);
    commit(directory.path(), "The policy as shipped");
    Some(directory)
}

fn git(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]);
    let done = command.args(["-c", "commit.gpgsign=false"]).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
}

fn commit(directory: &Path, message: &str) {
    git(directory, &["add", "policies"]);
    git(directory, &["commit", "--quiet", "--message", message]);
}

/// Runs the command with the `git` of the test's own PATH, as a hook would: its variables lead elsewhere.
fn diff_in(directory: &Path, arguments: &[&str]) -> Said {
    let mut command = bailiwick(directory, &[&["policy", "diff"], arguments].concat());
    let path = std::env::vars_os().find(|(name, _)| name == "PATH").map(|(_, value)| value);
    command.env("PATH", path.unwrap_or_default()).env("GIT_DIR", "nowhere").env("GIT_INDEX_FILE", "nothing");
    command.output().unwrap().into()
}

#[test]
fn a_revision_is_read_out_of_git() {
    let Some(directory) = repository() else { return };
    let path = directory.path();
    let clean = diff_in(path, &["HEAD"]);
    assert!(clean.code == 0 && clean.out.starts_with("From HEAD (policy "), "{clean:?}");
    assert!(clean.out.contains(") to policies (policy "), "{}", clean.out);
    git(path, &["tag", "first"]);
    let file = path.join("policies/policy.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, with_lines(&text, &[], &["g, user:bob@acme.example, room:finance, acme"])).unwrap();
    let expected = "                                + room finance\n";
    let unsaved = diff_in(path, &["HEAD"]);
    assert!(unsaved.code == 1 && unsaved.out.contains(expected), "{unsaved:?}");
    commit(path, "Bob reads the finance room");
    for sides in [&["first"][..], &["HEAD~1", "HEAD"], &["main~1", "policies"]] {
        let said = diff_in(path, sides);
        assert!(said.code == 1 && said.out.contains(expected), "{sides:?}: {said:?}");
        assert!(said.out.ends_with("\n1 gains, 0 lose, 0 may differ\n"), "{}", said.out);
    }
    let said = diff_in(path, &["HEAD", "HEAD~1", "--json"]);
    let whole: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&whole["old"]["kind"], &whole["new"]["name"]), (&json!("revision"), &json!("HEAD~1")));
}

#[test]
fn a_revision_that_is_none_or_refused_is_said() {
    let Some(directory) = repository() else { return };
    let path = directory.path();
    let refused = |sides: &[&str], expected: &str| {
        let said = diff_in(path, sides);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{sides:?}");
        assert!(said.err.contains(expected), "{sides:?}: {}", said.err);
    };
    refused(&["HEDA"], "error: `HEDA` is neither a directory nor a git revision of ");
    refused(&["HEDA"], "hint: name a directory, or a revision such as HEAD, HEAD~1 or a tag\n");
    refused(&["--", "--help"], "`--help` is neither a directory nor a git revision of ");
    refused(&["HEAD:policies"], "neither a directory nor a git revision");
    let file = path.join("policies/policy.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(" allow\n", " Allow\n")).unwrap();
    commit(path, "A mistake");
    refused(&["HEAD", "HEAD~1"], "policies/policy.csv:10:");
    refused(&["HEAD", "HEAD~1"], "hint: a revision is read with the declarations of today's configuration\n");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("elsewhere.csv", &file).unwrap();
    commit(path, "A link");
    refused(&["HEAD", "HEAD~2"], "`policy.csv` is a link in HEAD; only files can be read out of a revision");
    git(path, &["rm", "--quiet", "-r", "policies"]);
    git(path, &["commit", "--quiet", "--message", "Nothing left"]);
    fs::create_dir_all(path.join("policies")).unwrap();
    refused(&["HEAD", "HEAD~1"], "there is no policy in ");

    let mut command = bailiwick(path, &["policy", "diff", "HEAD~1"]);
    let said: Said = command.env("PATH", path).output().unwrap().into();
    assert!(said.code == 2 && said.err.contains("and there is no such program here"), "{said:?}");
}

/// The example, and what an edit of its policy comes to over a database, where there is one.
fn northwind(database: &str, from: &str, to: &str) -> Said {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/northwind");
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("draft")).unwrap();
    fs::copy(root.join("policies/model.conf"), directory.path().join("draft/model.conf")).unwrap();
    let text = fs::read_to_string(root.join("policies/policy.csv")).unwrap();
    fs::write(directory.path().join("draft/policy.csv"), with_lines(&text, &[from], &[to])).unwrap();
    let (policies, draft, config) =
        (root.join("policies"), directory.path().join("draft"), root.join("bailiwick.toml"));
    let [policies, draft, config] = [&policies, &draft, &config].map(|path| path.to_str().unwrap());
    let arguments = ["policy", "diff", policies, draft, "--config", config];
    bailiwick(&root, &arguments).env("BAILIWICK_DATABASE_URL", database).output().unwrap().into()
}

#[test]
fn the_example_is_compared_with_its_database() {
    let (from, to) = ("g, user:5, report:9", "g, verified, report:1, northwind");
    let said = northwind("sqlite:/nowhere/northwind.db", from, to);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    let body = said.out.split_once('\n').unwrap().1;
    matches_snapshot("policy-diff-northwind.txt", body);
    let database = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/northwind.db");
    if !database.exists() {
        eprintln!("SKIPPED: ../shared/data/northwind.db is not there");
        return;
    }
    let said = northwind(&format!("sqlite:{}", database.display()), from, to);
    assert!(said.out.contains(" -> ") && !said.out.contains("not counted"), "{}", said.out);
}

#[test]
fn a_prompt_comes_and_goes_like_a_tool() {
    let line = "p, role:member, *, prompt:review_document";
    let directory = edited(|text| {
        with_lines(text, &[line], &["p, user:eve@acme.example, acme, prompt:review_document, read, true, allow"])
    });
    let said = diff(&directory);
    assert_eq!(said.code, 1);
    let names = "  user:ada@acme.example, user:bob@acme.example, role:member\n    - prompt  review_document\n";
    assert!(said.out.contains(names), "{}", said.out);
    assert!(said.out.contains("  user:eve@acme.example\n    + prompt  review_document\n"), "{}", said.out);
    assert!(!said.out.contains("Lines that went"), "{}", said.out);
    let draft = directory.path().join("draft/policy.csv");
    let text = fs::read_to_string(directory.path().join("policies/policy.csv")).unwrap();
    let more = ["p, *, acme, prompt:*, read, r.sub.clearance < 3, deny"];
    fs::write(draft, with_lines(&text, &[], &more)).unwrap();
    let said = diff(&directory);
    assert!(said.out.contains("- prompt review_document  "), "{}", said.out);
    assert!(said.out.contains("may differ with the right clearance, see [1]"), "{}", said.out);
}

#[test]
fn a_column_that_is_no_longer_written_is_told() {
    let directory = with_writable_people(&[]);
    let path = directory.path();
    let update = "p, role:member, acme, dataset:people, update, true, allow";
    let text = fs::read_to_string(path.join("policies/policy.csv")).unwrap();
    fs::write(path.join("policies/policy.csv"), with_lines(&text, &[], &[update])).unwrap();
    let draft = path.join("draft");
    fs::create_dir(&draft).unwrap();
    fs::copy(path.join("policies/model.conf"), draft.join("model.conf")).unwrap();
    let write = |more: &[&str]| {
        fs::write(draft.join("policy.csv"), with_lines(&text, &[], &[&[update], more].concat())).unwrap();
        diff(&directory)
    };
    let denied = write(&["p, role:member, acme, column:people/email, update, true, deny"]);
    let expected = "    - column update people/email  written\n";
    assert!(denied.out.contains(expected) && !denied.out.contains("Lines that went"), "{}", denied.out);
    assert!(denied.out.ends_with("\n0 gain, 3 lose, 0 may differ\n"), "{}", denied.out);
    // What is null in some rows is not written, and is no longer read in them.
    let masked = write(&["p, role:member, acme, column:people/email, read, r.obj.title == \"Clerk\", deny"]);
    for expected in ["~ column people/email         - where title Clerk\n", "- column update people/email  written\n"] {
        assert!(masked.out.contains(expected), "{}", masked.out);
    }
}
