//! What is warned of in lines and files that do less, or tell more, than their author will expect.

use super::*;

#[test]
fn a_denial_of_a_name_that_is_nearly_another_is_named() {
    let told = |who: &str| {
        let lines = "p, user:bob@acme.example, acme, tool:echo, call, true, allow\ng, user:ada@acme.example, role:member, acme\n\
                     p, role:member, *, tool:echo, call, true, allow\np, user:10021, *, tool:echo, call, true, allow\n\
                     p, user:smith, *, tool:echo, call, true, allow\np, user:kate, *, tool:echo, call, true, allow\n\
                     p, user:adda@acme.example, *, tool:echo, call, true, allow\n";
        findings(directory(format!("p, {who}, acme, tool:web_search, call, true, deny\n{lines}")).path())
    };
    assert_eq!(
        told("user:bob@acme.exampel"),
        [
            "1:0 warning: `user:bob@acme.exampel` stands in no other line, and `user:bob@acme.example` does (`policy.csv:2`); \
          the denial is for `user:bob@acme.exampel` alone, if there is one"
        ]
    );
    for slip in [
        "user:ada@acme.exmple",
        "user:bbo@acme.example",
        "user:bob@acme.examplee",
        "user:böb@acme.example",
        "user:bob@acme.example\u{1F600}\u{1F600}",
        "user:smiht",
    ] {
        assert_eq!(told(slip).len(), 1, "{slip}");
    }
    for silent in [
        "user:bob@acme.example",
        "user:carol@acme.example",
        "user:bob@globex.example",
        "user:10022",
        "user:bob",
        "user:kaet",
        "*",
        // Nearly Ada, and a person of her own.
        "user:adda@acme.example",
    ] {
        assert_eq!(told(silent), [""; 0], "{silent}");
    }
}

#[test]
fn a_line_that_tells_about_a_hidden_column_is_named() {
    let rows = "p, role:member, acme, dataset:documents, read, true, allow\ng, user:ada, role:member, acme\n";
    let told = |lines: &str| findings(directory(format!("{lines}\n{rows}")).path());
    assert_eq!(
        told("p, *, *, column:documents/title, read, r.obj.margin > 10, deny"),
        [
            "1:0 warning: which rows it is hidden in (`masked`) tells about `documents/margin`, which is protected and not \
          opened for the people whom this line is for"
        ]
    );
    let by_denial = "p, role:member, *, column:documents/amount, read, true, deny\n\
                     p, user:ada, acme, dataset:documents, read, r.obj.amount > 10, deny";
    assert_eq!(
        told(by_denial),
        [
            "2:0 warning: which rows are there tells about `documents/amount`, which `policy.csv:1` hides from the people \
          whom this line is for"
        ]
    );
    for (denied, asking) in [("role:member", "verified"), ("verified", "user:ada"), ("*", "user:ada")] {
        for tenant in ["*", "acme"] {
            let met = format!(
                "p, {denied}, {tenant}, column:documents/amount, read, true, deny\n\
                 p, {asking}, acme, dataset:documents, read, r.obj.amount > 10, deny"
            );
            assert_eq!(told(&met).len(), 1, "{denied} in {tenant} and {asking} meet");
        }
    }
    for (opened, why) in [
        ("role:lead, *", "for others"),
        ("role:member, globex", "in another tenant"),
        ("user:ada, acme", "for one of them"),
    ] {
        let open = format!(
            "p, {opened}, column:documents/margin, read, true, allow\n\
             g, user:eve, role:lead, *\ng, user:eve, role:member, globex\np, *, globex, dataset:documents, read, true, allow\n\
             p, role:member, acme, column:documents/title, read, r.obj.margin > 10, deny"
        );
        let found = told(&open);
        assert!(found.iter().any(|found| found.starts_with("5:0 warning: which rows")), "opened {why}: {found:?}");
    }
    let under_a_condition = "p, role:member, acme, column:documents/margin, read, r.obj.owner_id == r.sub.external_id, allow\n\
                             p, role:member, acme, column:documents/title, read, r.obj.margin > 10, deny";
    assert_eq!(told(under_a_condition).len(), 1, "opened under a condition");
    for silent in [
        "p, *, *, column:documents/title, read, r.obj.amount > 10, deny",
        "p, *, *, column:documents/amount, read, r.obj.amount > 10, deny",
        "p, user:eve, acme, column:documents/amount, read, true, deny\n\
         p, user:ada, acme, dataset:documents, read, r.obj.amount > 10, deny",
        "p, *, globex, column:documents/amount, read, true, deny\n\
         p, user:ada, acme, dataset:documents, read, r.obj.amount > 10, deny",
        "p, role:member, acme, column:documents/margin, read, true, allow\n\
         p, role:member, acme, column:documents/title, read, r.obj.margin > 10, deny",
        "p, *, acme, column:documents/margin, read, true, allow\n\
         p, role:member, acme, column:documents/title, read, r.obj.margin > 10, deny",
        "p, user:eve, globex, column:documents/amount, read, true, deny\n\
         p, user:ada, acme, dataset:documents, read, r.obj.amount > 10, deny",
    ] {
        assert_eq!(told(silent), [""; 0], "{silent}");
    }
}

#[test]
fn what_is_not_read_is_named_and_what_was_meant_to_be_is_refused() {
    let told = |file: &str| {
        let directory = directory("p, *, *, tool:echo, call, true, allow\n");
        fs::write(directory.path().join(file), "p, *, *, tool:web_search, call, true, deny\n").unwrap();
        findings(directory.path())
    };
    for file in ["deny.tsv", "deny", "deny.csv.2", "policy.conf", "sedation", "sed-is-2"] {
        assert_eq!(
            told(file),
            ["0:0 warning: the file is not read: the name of a policy file ends in `.csv`"],
            "{file}"
        );
    }
    for (file, extension) in
        [("deny.csv.txt", ".csv.txt"), ("deny.csv ", ".csv "), ("deny.CSV", ".CSV"), ("deny.Csv.TXT", ".Csv.TXT")]
    {
        let refused = format!("0:0 refused: the extension is `{extension}`, and only `.csv` is read; rename the file");
        assert_eq!(told(file), [refused], "{file}");
    }
    for file in [
        ".policy.csv.swp",
        "policy.csv~",
        "#policy.csv#",
        ".#policy.csv",
        "4913",
        "sedAbC123",
        "policy.csv.tmp",
        "policy.csv.bak",
        "..data",
        "README.md",
        "README",
    ] {
        assert_eq!(told(file), [""; 0], "{file}");
    }
}

#[test]
fn a_directory_that_is_not_read_is_named() {
    let directory = directory("p, *, *, tool:echo, call, true, allow\n");
    for known in ["tests", "..2026_11_25", ".git"] {
        fs::create_dir(directory.path().join(known)).unwrap();
    }
    assert_eq!(findings(directory.path()), [""; 0]);
    fs::create_dir(directory.path().join("sub")).unwrap();
    let found = "0:0 warning: the directory is not read; policy files stand in the policy directory itself";
    assert_eq!(findings(directory.path()), [found]);
}

#[test]
fn a_resource_line_about_rows_says_what_decides_about_them() {
    let hint = "`bailiwick://` are the rows of datasets, and the `dataset:` lines say who reads them, as resources too";
    for (what, told) in [
        ("resource:bailiwick://documents/*", true),
        ("resource:bailiwick://documents/7", true),
        ("resource:bail*", true),
        ("resource:https://x", false),
        ("resource:bail", false),
    ] {
        let found = findings(directory(format!("p, *, *, {what}, read, true, allow\n")).path());
        assert!(found.len() == 1 && found[0].contains("covers nothing that is declared"), "{what}: {found:?}");
        assert_eq!(found[0].ends_with(&format!("declared; {hint}")), told, "{what}: {found:?}");
    }
}
