//! `policy check` and `policy explain`, for the people who edit the files.

use std::fs;

use super::demo::prepared;
use super::process::{Said, run};

const ADA: [&str; 6] = ["policy", "explain", "--as", "user:ada@acme.example", "--tenant", "acme"];

#[test]
fn a_policy_in_order_is_said_to_be_and_a_broken_one_is_refused_with_its_place() {
    let directory = prepared();
    let good = run(directory.path(), &["policy", "check"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.out.contains("in order, revision ") && good.out.ends_with("0 warnings\n"), "{}", good.out);
    let file = directory.path().join("policies/policy.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("dataset:people,            read,", "dataset:people, raed,")).unwrap();
    let bad = run(directory.path(), &["policy", "check"]);
    assert_eq!(bad.code, 1);
    assert!(bad.out.contains("policy.csv:19:") && bad.out.contains("`raed`"), "{}", bad.out);
    assert!(bad.out.contains("refused, 1 refusal, "), "{}", bad.out);
    for (command, code) in
        [(&["policy", "matrix"][..], 2), (&["policy", "test"], 2), (&[&ADA[..], &["--tool", "echo"]].concat(), 2)]
    {
        let said = run(directory.path(), command);
        assert_eq!((said.code, said.out.as_str()), (code, ""));
        assert!(said.err.contains("policy.csv:19:"), "{}", said.err);
    }
    let elsewhere = run(directory.path(), &["policy", "check", "nowhere"]);
    assert!(elsewhere.code == 2 && elsewhere.err.contains("nowhere cannot be read"), "{elsewhere:?}");
}

#[test]
fn a_check_says_which_columns_can_be_empty_where_a_denial_reads_them() {
    let directory = prepared();
    let check = |lines: &str| {
        let file = directory.path().join("policies/more.csv");
        fs::write(&file, lines).unwrap();
        run(directory.path(), &["policy", "check"])
    };
    let own = check("");
    assert!(own.out.contains("denials read 1 column, of which 0 can be empty\n"), "{}", own.out);
    let more = check(
        "p, *, *, dataset:people, read, r.obj.manager_id == \"p1\", deny\n\
         p, *, *, dataset:people, read, present(r.obj.email) && r.obj.email == \"x\", deny\n",
    );
    assert_eq!(more.code, 0, "{more:?}");
    assert!(
        more.out.contains(
            "denials read 2 columns, of which 1 can be empty\n  where `people.manager_id` is empty, `more.csv:1` denies; \
             `present(r.obj.manager_id) && …` would not\n"
        ),
        "{}",
        more.out
    );
    fs::remove_file(directory.path().join("company.db")).unwrap();
    let nowhere = check("");
    assert_eq!(nowhere.code, 0, "{nowhere:?}");
    assert!(
        nowhere.out.contains("denials read 1 column; the database cannot be asked which can be empty: "),
        "{}",
        nowhere.out
    );
}

fn explain(more: &[&str]) -> Said {
    let directory = prepared();
    fs::write(directory.path().join("claims.json"), r#"{"clearance": 3}"#).unwrap();
    fs::write(directory.path().join("token.json"), r#"{"aud": ["1"], "sub": "2"}"#).unwrap();
    fs::write(directory.path().join("typo.json"), r#"{"clearence": 3}"#).unwrap();
    run(directory.path(), &[&ADA[..], more].concat())
}

#[test]
fn a_tool_is_explained_by_its_line() {
    let said = explain(&["--tool", "echo"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("allow: its condition is true"), "{}", said.out);
    assert!(said.out.ends_with("allowed by policy.csv:15\n"), "{}", said.out);
    let directory = prepared();
    let eve = ["policy", "explain", "--as", "user:eve@acme.example", "--tenant", "acme", "--tool", "echo"];
    let said = run(directory.path(), &eve);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("plays no part: not role:member"), "{}", said.out);
    assert!(said.out.ends_with("denied: no line allows it\n"), "{}", said.out);
}

#[test]
fn a_generated_tool_is_explained_by_its_dataset() {
    let said = explain(&["--tool", "list_documents"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("the tool list_documents is there where the dataset has rows"), "{}", said.out);
    assert!(said.out.contains("SELECT "), "{}", said.out);
}

#[test]
fn rows_are_explained_with_and_without_a_claim() {
    let without = explain(&["--dataset", "documents"]);
    assert_eq!(without.code, 0);
    let denial = "deny where classification == \"secret\" (r.sub.clearance is absent, and what is";
    assert!(without.out.contains(denial), "{}", without.out);
    let decided = "allowed by policy.csv:12, policy.csv:17, policy.csv:18, less the rows that policy.csv:28 denies\n";
    assert!(without.out.ends_with(decided), "{}", without.out);
    let with = explain(&["--dataset", "documents", "--claims", "claims.json"]);
    assert!(with.out.contains("plays no part: its condition is false (r.sub.clearance is 3)"), "{}", with.out);
    assert!(with.out.ends_with("allowed by policy.csv:12, policy.csv:17, policy.csv:18\n"), "{}", with.out);
}

#[test]
fn a_row_is_allowed_or_denied_by_its_key() {
    let directory = prepared();
    let rows = |person: &str, key: &str| {
        let person = format!("user:{person}@acme.example");
        let command = ["policy", "explain", "--as", &person, "--tenant", "acme", "--dataset", "people", "--row", key];
        run(directory.path(), &command)
    };
    let seen = rows("ada", "bob@acme.example");
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.ends_with("row bob@acme.example: in these rows\n"), "{}", seen.out);
    let foreign = rows("ada", "dave@globex.example");
    assert_eq!(foreign.code, 1, "another company's row: {foreign:?}");
    assert!(foreign.out.ends_with("\nrow dave@globex.example: acme has no such row\n"), "{}", foreign.out);
    let hidden = rows("eve", "bob@acme.example");
    assert_eq!(hidden.code, 1);
    assert!(hidden.out.contains("\ndenied: no line allows it\n"), "{}", hidden.out);
    assert!(hidden.out.ends_with("\nrow bob@acme.example: not in these rows\n"), "{}", hidden.out);
}

#[test]
fn an_unknown_name_is_refused_with_the_one_that_was_probably_meant() {
    for (more, expected) in [
        (&["--tool", "ecko"][..], "`ecko` is not a tool of this server; did you mean `echo`?"),
        (
            &["--resource", "bailiwick://documents/7"],
            "is a row, and the `dataset:` lines decide about it; ask with --dataset",
        ),
        (&["--tool", "lst_documents"], "did you mean `list_documents`?"),
        (&["--tool", "delete_everything"], "; there are: "),
        (&["--dataset", "document"], "`document` is not a declared dataset; did you mean `documents`?"),
        (&["--resource", "static://welcom"], "did you mean `static://welcome`?"),
        (&["--dataset", "documents", "--claims", "typo.json"], "did you mean `clearance`?"),
        (&["--dataset", "documents", "--claims", "none.json"], "cannot read none.json"),
        (
            &["--dataset", "documents", "--claims", "token.json"],
            "hint: it holds attributes by the names that conditions have for them, as in {\"external_id\": ",
        ),
        (
            &["--dataset", "invoice_lines", "--row", "A"],
            "`--row A` has 1 part(s); the key of `invoice_lines` is invoice",
        ),
        (&["--tool", "echo", "--as", "ada"], "`ada` has no prefix; write `role:ada` or `user:ada`"),
        (&["--tool", "echo", "--as", "usr:ada"], "did you mean `user:`?"),
    ] {
        let said = explain(more);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{more:?}");
        assert!(said.err.contains(expected), "{more:?}: {}", said.err);
    }
    let directory = prepared();
    let said = run(directory.path(), &["policy", "matrix", "--tenant", "acm"]);
    assert!(said.code == 2 && said.err.contains("did you mean `acme`?"), "{said:?}");
}
