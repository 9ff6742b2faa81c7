//! `policy test`: the promises of the shipped policies hold, and a promise that is broken is told with what broke it.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::demo::prepared;
use super::process::{Said, matches_snapshot, run, settled};
use crate::support::world::edit;

const TEST: [&str; 2] = ["policy", "test"];

/// Puts one file of tests where the demo's are.
fn only(directory: &Path, text: &str) {
    let tests = directory.join("policies/tests");
    fs::remove_dir_all(&tests).unwrap();
    fs::create_dir(&tests).unwrap();
    fs::write(tests.join("own.toml"), text).unwrap();
}

fn tested(text: &str) -> Said {
    let directory = prepared();
    only(directory.path(), text);
    run(directory.path(), &TEST)
}

/// The output in one line.
fn plain(said: &Said) -> String {
    said.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_promises_of_the_demo_hold() {
    let directory = prepared();
    let said = run(directory.path(), &TEST);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.contains(" 0 failed "), "{}", said.out);
    let check = run(directory.path(), &["policy", "check"]);
    assert_eq!(check.code, 0, "the tests are no policy: {}", check.out);
}

#[test]
fn the_promises_of_northwind_hold_without_its_database() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = run(&root.join("examples/northwind"), &TEST);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
}

/// Bob joins the finance room, and nobody has written that into the tests.
fn bob_in_finance(directory: &Path) {
    let policy = directory.join("policies/policy.csv");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, text.replace("# g, user:bob", "g, user:bob")).unwrap();
}

#[test]
fn a_broken_promise_is_told_with_what_broke_it() {
    let directory = prepared();
    bob_in_finance(directory.path());
    let said = run(directory.path(), &TEST);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
    matches_snapshot("policy-test.txt", &settled(&said.out));
}

/// A copy of the demo's policy in `draft`, tests included, that gives Bob the finance room.
fn drafted() -> tempfile::TempDir {
    let directory = prepared();
    let (policies, draft) = (directory.path().join("policies"), directory.path().join("draft"));
    fs::create_dir_all(draft.join("tests")).unwrap();
    for file in ["model.conf", "policy.csv", "tests/documents.toml", "tests/people.toml"] {
        fs::copy(policies.join(file), draft.join(file)).unwrap();
    }
    let text = fs::read_to_string(draft.join("policy.csv")).unwrap();
    fs::write(draft.join("policy.csv"), text.replace("# g, user:bob", "g, user:bob")).unwrap();
    directory
}

#[test]
fn a_draft_is_tried_by_its_own_tests_or_by_those_in_force() {
    let directory = drafted();
    let draft = directory.path().join("draft");
    let test = |more: &[&str]| run(directory.path(), &[&TEST[..], more].concat());
    assert_eq!(test(&[]).code, 0, "the policy in force keeps what it promises");

    let own = test(&["draft"]);
    assert_eq!((own.code, own.err.as_str()), (1, ""));
    assert!(own.out.starts_with("the policy in draft, by the tests in draft/tests\n\n"), "{}", own.out);
    assert!(own.out.contains(" 2 failed (policy revision "), "{}", own.out);
    let document: Json = serde_json::from_str(&test(&["draft", "--json"]).out).unwrap();
    assert_eq!((&document["policy"], &document["directory"]), (&"draft".into(), &"draft/tests".into()));

    // Only the promise that it breaks, and only in the draft.
    let of_bob =
        "[[test]]\nname = \"t\"\ntenant = \"acme\"\nas = \"user:bob@acme.example\"\ntools.not_listed = [\"echo\"]\n";
    fs::remove_file(draft.join("tests/documents.toml")).unwrap();
    fs::write(draft.join("tests/people.toml"), of_bob).unwrap();
    let others = test(&["draft"]);
    assert!(others.code == 1 && others.out.contains("1 test: 0 ok, 1 failed"), "{others:?}");
    let those = test(&["--tests", "draft/tests"]);
    assert!(those.code == 1 && those.out.contains("1 test: 0 ok, 1 failed"), "{those:?}");

    fs::remove_dir_all(draft.join("tests")).unwrap();
    let in_force = test(&["draft"]);
    assert!(in_force.code == 1 && in_force.out.contains(" 2 failed (policy revision "), "{in_force:?}");
    assert!(in_force.out.lines().next().unwrap().ends_with("/policies/tests"), "{}", in_force.out);

    let tests = test(&["policies/tests"]);
    assert_eq!((tests.code, tests.out.as_str()), (2, ""));
    assert!(tests.err.starts_with("error: policies/tests holds tests and no policy\nhint: "), "{}", tests.err);
}

#[test]
fn a_draft_is_tabulated_and_explained_before_it_is_in_force() {
    let directory = drafted();
    let said = |command: &[&str]| run(directory.path(), &[&["policy"], command].concat());
    let finance = |said: &Said| said.out.matches("engineering, finance, sales").count();
    let (in_force, draft) = (said(&["matrix"]), said(&["matrix", "draft"]));
    assert_eq!((in_force.code, draft.code), (0, 0));
    assert_eq!((finance(&in_force), finance(&draft)), (0, 4), "{}", draft.out);
    let bob = ["--as", "user:bob@acme.example", "--tenant", "acme", "--dataset", "documents"];
    let named = |said: &Said| said.out.contains("room:finance");
    let (in_force, draft) =
        (said(&[&["explain"], &bob[..]].concat()), said(&[&["explain", "draft"], &bob[..]].concat()));
    assert!(!named(&in_force) && named(&draft), "{in_force:?} {draft:?}");
    let nowhere = said(&["matrix", "nowhere"]);
    assert!(nowhere.code == 2 && nowhere.err.contains("nowhere: "), "{nowhere:?}");
}

#[test]
fn json_and_junit_say_the_same() {
    let directory = prepared();
    bob_in_finance(directory.path());
    let said = run(directory.path(), &[&TEST[..], &["--json", "--junit", "report.xml"]].concat());
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let document: Json = serde_json::from_str(&said.out).unwrap();
    let tests = document["tests"].as_array().unwrap();
    let failed: Vec<_> = tests.iter().filter(|test| test["result"] == "failed").collect();
    assert_eq!((document["failed"].as_u64(), document["passed"].as_u64()), (Some(2), Some(tests.len() as u64 - 2)));
    let told = failed.iter().find(|test| test["name"] == "Bob is not in the finance room").unwrap();
    let failure = &told["failures"][0];
    assert_eq!(failure["expected"], "row 2 of documents is not visible");
    assert!(failure["because"].as_array().unwrap().iter().any(|reason| reason["line"] == "policy.csv:17"));
    let report = fs::read_to_string(directory.path().join("report.xml")).unwrap();
    assert_eq!(report.matches("<testcase ").count(), tests.len());
    assert_eq!(report.matches("<testsuite ").count(), 2);
    assert!(report.contains("<failure message=\"expected that row 2 of documents is not visible, but it is\">"));
    assert!(report.contains("name=\"Bob reads his customers&apos; invoices"), "{report}");
}

#[test]
fn without_a_test_nothing_is_said_to_hold() {
    let directory = prepared();
    only(directory.path(), "");
    let none = run(directory.path(), &TEST);
    assert_eq!((none.code, none.out.as_str()), (2, ""));
    assert!(none.err.contains("there is no test in ") && none.err.contains("hint: "), "{}", none.err);
    let elsewhere = run(directory.path(), &[&TEST[..], &["nowhere"]].concat());
    assert_eq!((elsewhere.code, elsewhere.out.as_str()), (2, ""));
    assert!(elsewhere.err.contains("nowhere cannot be read"), "{}", elsewhere.err);
}

#[test]
fn a_file_that_is_not_understood_is_refused_whole() {
    let said = tested("[[test]]\nname = \"a\"\ntenant = \"acme\"\ntols.listed = [\"echo\"]\n");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("own.toml:4: refused: `test.tols` means nothing; did you mean `tools`?"), "{}", said.err);
    let row = "[[test]]\nname = \"a\"\ntenant = \"acme\"\nresources.listed = [\"bailiwick://documents/7\"]\n";
    let said = tested(row);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    let hint = "it is a row: write `rows.<dataset>.visible`, as the `dataset:` lines decide about it";
    assert!(said.err.contains(hint), "{}", said.err);
    let twice = "[[rows.people]]\nid = \"a\"\n\n[[rows.people]]\nid = \"a\"\n\n[[test]]\nname = \"a\"\ntenant = \"acme\"\nrows.people.visible = [\"a\"]\n";
    let said = tested(twice);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("own.toml:4: the row cannot stand beside the others: "), "{}", said.err);
}

#[test]
fn without_rows_of_its_own_a_file_is_run_on_the_configured_database() {
    let text = r#"
[[test]]
name = "colleagues"
tenant = "acme"
as = "user:ada@acme.example"
rows.people.visible = ["bob@acme.example"]
rows.people.not_visible = ["dave@globex.example"]
"#;
    let said = tested(text);
    assert_eq!(said.code, 0, "{said:?}");
    let typo = tested(&text.replace("dave@", "daev@"));
    assert_eq!(typo.code, 1, "a row that is nowhere would pass for one that is protected");
    assert!(plain(&typo).contains("there is no such row, so that this holds whatever the policy says"), "{}", typo.out);
    let directory = prepared();
    only(directory.path(), text);
    fs::remove_file(directory.path().join("company.db")).unwrap();
    let gone = run(directory.path(), &TEST);
    assert_eq!((gone.code, gone.out.as_str()), (2, ""));
    assert!(gone.err.contains("own.toml: the tests of this file read the configured database"), "{}", gone.err);
}

/// Every kind of expectation, each otherwise than it is.
#[test]
fn no_expectation_holds_by_itself() {
    let rows = r#"
[[rows.people]]
id = "a"
tenant_id = "acme"
name = "A"

[[rows.people]]
id = "b"
tenant_id = "acme"

[[rows.people]]
id = "c"
tenant_id = "globex"

[[rows.invoice_lines]]
invoice_id = "none"
line_no = 1
"#;
    for (expectation, found) in [
        ("tools.listed = [\"list_invoice_lines\"]", "list_invoice_lines is listed, but it is not"),
        ("tools.not_listed = [\"whoami\"]", "whoami is not listed, but it is"),
        (
            "tools.only = [\"whoami\", \"echo\"]",
            "only tools echo, whoami are listed, but count_documents, get_documents, list_documents, search_documents are too, and echo is not",
        ),
        ("prompts.listed = [\"review_document\"]", "review_document is listed, but it is not"),
        ("prompts.only = [\"review_document\"]", "only prompt review_document is listed, but review_document is not"),
        ("resources.not_listed = [\"static://welcome\"]", "static://welcome is not listed, but it is"),
        ("resources.only = []", "no resource is listed, but static://welcome is too"),
        ("datasets.readable = [\"people\"]", "people is readable, but it is not"),
        ("datasets.not_readable = [\"documents\"]", "documents is not readable, but it is"),
        ("datasets.only = []", "no dataset is readable, but documents is too"),
        ("rows.people.visible = [\"a\"]", "row a of people is visible, but it is not"),
        ("rows.people.only = [\"a\"]", "row a of people is visible, but it is not"),
        ("columns.people.visible = [\"name\"]", "column name of people is visible, but it is hidden"),
        ("columns.documents.hidden = [\"title\"]", "column title of documents is hidden, but it is visible"),
        ("columns.documents.masked = [\"title\"]", "column title of documents is masked, but it is visible"),
    ] {
        let said = tested(&format!("{rows}\n[[test]]\nname = \"a\"\ntenant = \"acme\"\n{expectation}\n"));
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{expectation}");
        assert!(plain(&said).contains(found), "{expectation}: {}", said.out);
    }
    for (expectation, found) in [
        ("rows.people.not_visible = [\"b\"]", "row b of people is not visible, but it is policy.csv:19 allows it"),
        ("rows.people.only = [\"a\"]", "only row a of people is visible, but b is too policy.csv:19 allows it"),
        ("columns.people.visible = [\"tenant_id\"]", "but it is hidden tenant_id is declared `expose = false`"),
        (
            "columns.people.masked_in = { name = [\"a\"] }",
            "column name of people is masked in row a, but it is visible",
        ),
        ("columns.people.visible_in = { tenant_id = [\"a\"] }", "is visible in row a, but it is hidden"),
        ("columns.people.visible_in = { name = [\"c\"] }", "is visible in row c, but the row is not one of acme"),
        ("rows.people.visible = [\"c\"]", "row c of people is visible, but the row is not one of acme"),
        ("rows.people.visible = [\"d\"]", "row d of people is visible, but there is no such row"),
        ("rows.invoice_lines.visible = [[\"none\", 1]]", "but the row is not one of acme"),
    ] {
        let who = "as = \"user:ada@acme.example\"";
        let said = tested(&format!("{rows}\n[[test]]\nname = \"a\"\ntenant = \"acme\"\n{who}\n{expectation}\n"));
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{expectation}");
        assert!(plain(&said).contains(found), "{expectation}: {}", said.out);
    }
}

/// A salary is in the answer for whom it is about, and null in the rows of the others.
#[test]
fn a_masked_column_is_tested_row_by_row_and_explained() {
    let directory = prepared();
    let policy = fs::read_to_string(directory.path().join("policies/policy.csv")).unwrap();
    let own = |line: &str| line.contains("column:people/salary") && line.contains("r.obj.id ==");
    let at = policy.lines().position(own).unwrap() + 1;
    let test = |visible: &str, masked: &str| {
        let who = "tenant = \"acme\"\nas = \"user:bob@acme.example\"\ncolumns.people.masked = \"salary\"";
        let cells = format!(
            "columns.people.visible_in = {{ salary = [\"{visible}@acme.example\"] }}\ncolumns.people.masked_in = {{ salary = [\"{masked}@acme.example\"] }}"
        );
        only(directory.path(), &format!("[[test]]\nname = \"his own salary\"\n{who}\n{cells}\n"));
        run(directory.path(), &TEST)
    };
    let good = test("bob", "ada");
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{}", good.out);
    let bad = test("ada", "bob");
    assert_eq!(bad.code, 1);
    for found in [
        format!(
            "column salary of people is visible in row ada@acme.example, but it is masked policy.csv:{at} does not allow it: its condition is false (id is \"ada@acme.example\")"
        ),
        format!(
            "column salary of people is masked in row bob@acme.example, but it is visible policy.csv:{at} allows it"
        ),
    ] {
        assert!(plain(&bad).contains(&found), "{}", bad.out);
    }
    let explain = ["policy", "explain", "--as", "user:bob@acme.example", "--tenant", "acme", "--dataset", "people"];
    let of = |more: &[&str]| run(directory.path(), &[&explain[..], &["--column", "salary"], more].concat());
    let said = of(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("\ncolumn: masked\n  where id == \"bob@acme.example\"\n  where manager_id == "),
        "{}",
        said.out
    );
    let own = of(&["--row", "bob@acme.example"]);
    assert!(own.code == 0 && own.out.ends_with("row bob@acme.example: in these rows, salary shown here\n"), "{own:?}");
    let other = of(&["--row", "ada@acme.example"]);
    let ends = "row ada@acme.example: in these rows, salary null here\n";
    assert!(other.code == 1 && other.out.ends_with(ends), "{other:?}");
    let document: Json = serde_json::from_str(&of(&["--row", "ada@acme.example", "--json"]).out).unwrap();
    assert_eq!((&document["allowed"], &document["column"]["visibility"]), (&false.into(), &"masked".into()));
    assert_eq!(document["row"]["masked"], serde_json::json!(["salary"]));
    assert_eq!(document["column"]["on_row"][0]["truth"], "false");
    let hidden = run(directory.path(), &[&explain[..], &["--column", "tenant_id"]].concat());
    assert_eq!(hidden.code, 1);
    assert!(hidden.out.contains("\ncolumn: hidden\n  tenant_id is declared `expose = false`\n"), "{}", hidden.out);
    let typo = run(directory.path(), &[&explain[..], &["--column", "salry"]].concat());
    assert!(typo.code == 2 && typo.err.contains("did you mean `salary`?"), "{typo:?}");
}

/// The demo where members change documents of their own, and neither make nor delete any.
fn writable() -> tempfile::TempDir {
    let directory = prepared();
    let (settings, policy) = (directory.path().join("bailiwick.toml"), directory.path().join("policies/policy.csv"));
    edit(&settings, "writable = [\"create\", \"update\", \"delete\"]", "writable = [\"create\", \"update\"]");
    let text = fs::read_to_string(&policy).unwrap();
    let kept = text.lines().filter(|line| !line.contains(" create,") && !line.contains(" delete,"));
    fs::write(&policy, kept.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    directory
}

#[test]
fn what_may_be_changed_is_promised_as_what_may_be_read() {
    let directory = writable();
    let rows = "[[rows.documents]]\nid = \"1\"\ntenant_id = \"acme\"\ndata_room_id = \"finance\"\nowner_id = \"ada@acme.example\"\nclassification = \"public\"\n";
    let test = |expected: &str| {
        only(
            directory.path(),
            &format!(
                "{rows}\n[[test]]\nname = \"t\"\ntenant = \"acme\"\nas = \"user:ada@acme.example\"\nclaims = {{ clearance = 3 }}\n{expected}\n"
            ),
        );
        run(directory.path(), &TEST)
    };
    let kept = test(
        "tools.listed = [\"update_documents\"]\ntools.not_listed = [\"create_documents\"]\nrows.documents.updatable = [\"1\"]\nrows.documents.not_creatable = [\"1\"]",
    );
    assert_eq!(kept.code, 0, "{}{}", kept.out, kept.err);
    let broken = test("rows.documents.not_updatable = [\"1\"]");
    assert_eq!(broken.code, 1, "{}{}", broken.out, broken.err);
    assert!(plain(&broken).contains("row 1 of documents is not updatable"), "{}", broken.out);
    let refused = test("rows.documents.deletable = [\"1\"]");
    assert!(format!("{}{}", refused.out, refused.err).contains("`documents` is not `writable` by `delete`"));

    let told = run(
        directory.path(),
        &["policy", "explain", "--as", "user:ada@acme.example", "--tenant", "acme", "--tool", "update_documents"],
    );
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.starts_with("update dataset:documents as user:ada@acme.example of acme"), "{}", told.out);
    let matrix = run(directory.path(), &["policy", "matrix", "--tenant", "acme"]);
    assert!(matrix.out.contains("\nChanges ") && matrix.out.contains("update_documents"), "{}", matrix.out);
    assert!(matrix.out.contains("Under «Changes»"), "{}", matrix.out);

    // A line that comes gives somebody something to change.
    let old = directory.path().join("old");
    fs::create_dir(&old).unwrap();
    for file in ["policy.csv", "model.conf"] {
        fs::copy(directory.path().join("policies").join(file), old.join(file)).unwrap();
    }
    let policy = directory.path().join("policies/policy.csv");
    let line = "p, user:bob@acme.example, acme, dataset:documents, create, r.obj.data_room_id == \"sales\", allow\n";
    fs::write(&policy, fs::read_to_string(&policy).unwrap() + line).unwrap();
    let diff = run(directory.path(), &["policy", "diff", "old"]);
    let told = plain(&diff);
    assert!(told.contains("user:bob@acme.example + tool create_documents + dataset create documents ("), "{told}");
    assert!(told.contains("and room sales; never classification secret") && !told.contains("user:ada"), "{told}");
}
