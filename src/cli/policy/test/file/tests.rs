use std::path::Path;

use super::*;
use crate::{catalog, config};

/// The declarations of the demo.
fn demo() -> Catalog {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("bailiwick.toml"), include_str!("../../../../../bailiwick.toml")).unwrap();
    let inputs = config::Inputs { working_directory: directory.path().to_owned(), ..config::Inputs::default() };
    catalog::build(&config::read(inputs).unwrap()).unwrap()
}

fn refused(text: &str) -> Vec<String> {
    let found = read(Path::new("t.toml"), text, &demo()).err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

const GOOD: &str = r#"
[[rows.documents]]
id = 7
tenant_id = "acme"
updated_at = 2026-11-21T09:30:00Z

[[rows.invoice_lines]]
invoice_id = "A-1"
line_no = 1
unit_price = 3.5

[[test]]
name = "all there is to write"
tenant = "acme"
as = ["user:ada@acme.example", "role:member"]
claims = { clearance = 3, email = "ada@acme.example" }
context = { agent = "assistant", data_room = "finance", thread = "t1" }
tools = { listed = ["echo"], not_listed = "list_people", only = ["whoami"] }
datasets = { readable = ["documents"], not_readable = ["people"], only = [] }
rows.documents = { visible = ["7"], not_visible = [8], only = [7] }
rows.invoice_lines = { visible = [["A-1", 1]] }
columns.people.visible = ["name"]
columns.people.masked = ["title"]
columns.people.hidden = ["salary"]
columns.people.visible_in = { title = ["ada@acme.example"] }
columns.people.masked_in = { salary = ["ada@acme.example", "bob@acme.example"] }
"#;

#[test]
fn everything_that_can_be_written_is_read() {
    let file = read(Path::new("t.toml"), GOOD, &demo()).unwrap_or_else(|found| panic!("{found:?}"));
    assert_eq!(file.rows.unwrap().iter().map(|row| row.line).collect::<Vec<_>>(), [2, 7]);
    let case = &file.cases[0];
    assert_eq!((case.line, case.name.as_str()), (12, "all there is to write"));
    assert!(case.requester.names.contains("verified") && case.requester.names.contains("role:member"));
    assert_eq!(case.requester.attributes.claims.len(), 1);
    assert_eq!(case.requester.attributes.email.as_deref(), Some("ada@acme.example"));
    assert_eq!(case.requester.context.data_room.as_ref().unwrap().as_str(), "finance");
    // tools 3, datasets 3, rows 1 + 1 + 1 with its count, 1, columns 3 + 1 + 2
    assert_eq!(case.expectations.len(), 3 + 3 + 4 + 1 + 6);
    assert_eq!(case.expectations[0].line, 18);
}

#[test]
fn whom_a_platform_names_has_proved_nothing() {
    let text = with("as = [\"user:bob@acme.example\", \"role:member\"]\nasserted_by = \"portal\"");
    let file = read(Path::new("t.toml"), &text, &demo()).unwrap_or_else(|found| panic!("{found:?}"));
    let requester = &file.cases[0].requester;
    let names: Vec<_> = requester.names.iter().map(AsRef::as_ref).collect();
    assert_eq!(names, ["role:member", "user:bob@acme.example"]);
    let own = &requester.attributes;
    assert_eq!(own.external_id.as_ref().unwrap().as_str(), "bob@acme.example");
    assert_eq!((own.assurance.unwrap().as_str(), own.actor.as_ref().unwrap().as_str()), ("asserted", "portal"));
}

/// A test in which one line is as given.
fn with(line: &str) -> String {
    format!("[[test]]\nname = \"a\"\ntenant = \"acme\"\ntools.listed = [\"echo\"]\n{line}\n")
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (text, line, expected) in [
        ("tests = 1".to_owned(), 1, "`tests` means nothing; did you mean `test`?"),
        ("[[test]\n".to_owned(), 1, "this is not TOML: "),
        ("test = 3".to_owned(), 1, "`test` is 3; expected a list"),
        (with("tools.listd = [\"echo\"]"), 5, "`test.tools.listd` means nothing; did you mean `listed`?"),
        (with("rows.documents.seen = [\"1\"]"), 5, "`test.rows.documents.seen` means nothing; here stand `visible`"),
        (with("colour = \"red\""), 5, "`test.colour` means nothing; here stand `name`, `tenant`"),
        (with("tools.not_listed = [\"ecko\"]"), 5, "`ecko` is not a tool of this server; did you mean `echo`?"),
        (with("datasets.readable = [\"document\"]"), 5, "is not a declared dataset; did you mean `documents`?"),
        (with("rows.document.visible = [\"1\"]"), 5, "is not a declared dataset; did you mean `documents`?"),
        (with("rows.documents.visible = \"1\""), 5, "`test.rows.documents.visible` is \"1\"; expected a list"),
        (with("rows.documents.visible = [[\"1\", \"2\"]]"), 5, "`1,2` has 2 part(s); the key of `documents` is id"),
        (with("rows.documents.only = [\"1\", 1]"), 5, "the row 1 stands here twice"),
        (with("columns.people.masked_in = { salry = [\"a\"] }"), 5, "no column `salry`; did you mean `salary`?"),
        (with("columns.people.masked_in = [\"salary\"]"), 5, "is a list; expected a table"),
        (with("rows.documents.visible = [{ id = 1 }]"), 5, "a row is named by its key"),
        (with("rows.invoice_lines.visible = [[\"A\", \"x\"]]"), 5, "`A,x` is no key: argument `line_no` is"),
        (with("columns.people.hidden = [\"salry\"]"), 5, "`people` has no column `salry`; did you mean `salary`?"),
        (with("as = \"ada\""), 5, "`ada` has no prefix; write `role:ada` or `user:ada`"),
        (
            with("asserted_by = \"portal\"\nclaims = { clearance = 3 }"),
            5,
            "a platform's word (`asserted_by`) has no claims; leave `claims` out",
        ),
        (
            with("as = \"subject:demo/1\"\nasserted_by = \"portal\""),
            6,
            "a platform names a person by `user:` alone, and `subject:demo/1` is what somebody proves",
        ),
        (with("as = [\"user:a\", \"user:b\"]\nasserted_by = \"portal\""), 6, "here are 2 `user:` names; leave one"),
        (with("as = [3]"), 5, "`test.as` is 3; expected a text"),
        (with("claims = { clearence = 3 }"), 5, "the claim `clearence` is not declared; did you mean `clearance`?"),
        (with("claims = { clearance = \"3\" }"), 5, "the claim `clearance` is \"3\"; it is declared as number"),
        (with("claims = { clearance = [3] }"), 5, "expected a text, a number, true or false"),
        (with("context = { data_rom = \"x\" }"), 5, "`test.context.data_rom` means nothing; did you mean `data_room`?"),
        (with("[[test]]\nname = \"a\"\ntenant = \"acme\"\ntools.listed = [\"echo\"]"), 5, "stands on line 1 already"),
        ("[[test]]\ntenant = \"acme\"\n".to_owned(), 1, "the test has no `name`"),
        ("[[test]]\nname = \"a\"\ntools.listed = [\"echo\"]".to_owned(), 1, "the test has no `tenant`"),
        (with("").replace("\"acme\"", "\"acm\""), 3, "`acm` is not a declared tenant; did you mean `acme`?"),
        (with("").replace("tools.listed = [\"echo\"]", ""), 1, "the test \"a\" expects nothing"),
        (with("prompts.listd = [\"x\"]").replace("tools.listed = [\"echo\"]", ""), 5, "did you mean `listed`?"),
        ("[[rows.document]]\nid = 1".to_owned(), 1, "did you mean `documents`?"),
        ("[[rows.documents]]\ntitle = \"x\"".to_owned(), 1, "`id` is missing; it is in the key of `documents`"),
        ("[[rows.documents]]\nid = 1\ntitel = \"x\"".to_owned(), 3, "no column `titel`; did you mean `title`?"),
        ("[[rows.documents]]\nid = 1\ntitle = 3".to_owned(), 3, "`title` is 3; expected a text"),
        ("[[rows.documents]]\nid = 1\ntitle = []".to_owned(), 3, "`rows.documents.title` is a list; expected a value"),
        ("[[rows.documents]]\nid = 1\nclassification = \"secert\"".to_owned(), 3, "did you mean `secret`?"),
        ("[[rows.documents]]\nid = 1\nupdated_at = \"soon\"".to_owned(), 3, "`updated_at` is \"soon\"; expected"),
        ("[rows]\ndocuments = 3".to_owned(), 2, "`rows.documents` is 3; expected a list"),
    ] {
        let found = refused(&text);
        let place = format!("t.toml:{line}: refused: ");
        assert!(found.iter().any(|found| found.starts_with(&place) && found.contains(expected)), "{text}\n{found:#?}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = with("tools.only = [\"ecko\"]\nclaims = { x = 1 }\ncolour = 1");
    let lines: Vec<u32> = read(Path::new("t.toml"), &text, &demo()).err().unwrap().iter().map(|f| f.line).collect();
    assert_eq!(lines, [5, 6, 7]);
}
