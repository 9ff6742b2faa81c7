//! A file that is laid out says what it said before, to the letter, and is refused for what it was refused for before.

use proptest::prelude::*;

use super::*;

fn laid_out(text: &str) -> Result<String, Vec<String>> {
    let told = |found: &Finding| format!("{}:{} {}", found.line, found.column, found.message);
    format(Path::new("policy.csv"), text.as_bytes()).map_err(|findings| findings.iter().map(told).collect())
}

#[test]
fn fields_stand_under_each_other_and_everything_else_stays() {
    let text = "\
# A policy.\n#who,tenant,   what, may, when, effect\n\n  \np,verified,*,tool:echo,call,true,allow\n   # A note, with   blanks.   \np, role:a-very-long-name-that-would-push-every-other-line-away,  acme,dataset:documents,  read,\
 r.obj.title==\"a\"   &&r.obj.final == true ,deny\r\n\
g, user:ada,role:member,acme\n# g,  user:bob,role:member,  acme\ng,user:barbara , role:lead , *   \n";
    let expected = "\
# A policy.
#who,        tenant, what,              may,  when,                                     effect


p, verified, *,      tool:echo,         call, true,                                     allow
   # A note, with   blanks.
p, role:a-very-long-name-that-would-push-every-other-line-away, acme, dataset:documents, read, r.obj.title==\"a\"   &&r.obj.final == true, deny\r
g, user:ada,     role:member, acme
# g,  user:bob,role:member,  acme
g, user:barbara, role:lead,   *
";
    assert_eq!(laid_out(text).unwrap(), expected);
    assert_eq!(laid_out(expected).unwrap(), expected);
    assert_eq!(laid_out("").unwrap(), "");
}

#[test]
fn a_long_field_moves_only_what_follows_it_until_there_is_room_again() {
    let long = format!("r.obj.title == \"{}\"", "x".repeat(60));
    let text = format!(
        "p, *, acme, dataset:documents, read, {long}, deny\np, *, globex, dataset:documents, read, true, deny\n"
    );
    let expected = format!(
        "p, *, acme,   dataset:documents, read, {long}, deny\np, *, globex, dataset:documents, read, true, deny\n"
    );
    assert_eq!(laid_out(&text).unwrap(), expected);
    let (name, tenant, what) = (format!("role:{}", "x".repeat(40)), "b".repeat(40), "c".repeat(40));
    let text = format!("p,{name},a,dataset:documents,read,true,deny\np,*,{tenant},{what},read,true,deny\n");
    let room = " ".repeat(18);
    let expected =
        format!("p, {name}, a, dataset:documents, {room}read, true, deny\np, *, {tenant}, {what}, read, true, deny\n");
    assert_eq!(laid_out(&text).unwrap(), expected);
}

#[test]
fn what_cannot_be_told_apart_into_fields_is_left_alone_and_said() {
    for (text, expected) in [
        ("p, *, *, tool:echo, call, true, allow", "1:38 the last line does not end in a newline"),
        ("\u{FEFF}p, *, *, tool:echo, call, true, allow\n", "1:1 the file begins with a byte order mark"),
        ("# a\tb\n", "1:4 a tab stands here"),
        ("p, *, *, tool:echo, call, allow\n", "1:1 6 fields; `p, who, tenant, what, may, when, effect` has 7"),
        ("g, user:ada, role:member\n", "1:1 3 fields; `g, member, group, tenant` has 4"),
        ("P, *, *, tool:echo, call, true, allow\n", "1:1 `P` does not begin a policy line"),
        ("p, *, *, tool:echo, call, true, allow\rp\n", "1:38 a carriage return stands inside a line"),
    ] {
        let found = laid_out(text).unwrap_err();
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text:?}: {found:?}");
    }
    let both = laid_out("x\n\n\u{200B}\n").unwrap_err();
    assert!(both.len() == 2 && both[0].starts_with("1:1") && both[1].starts_with("3:1"), "{both:?}");
}

#[test]
fn what_would_be_too_long_to_be_read_is_left_alone() {
    let large = "#".repeat(32 * 1024 * 1024) + "\n";
    assert_eq!(laid_out(&large).unwrap_err(), ["0:0 it is 33554433 bytes long; at most 33554432 are read"]);
    let wide = ["x"; 4].map(|x| x.repeat(40)).join(",");
    let grows = format!("p,{wide},{},deny\n{}", "x".repeat(60), "p,*,*,tool:echo,call,true,deny\n".repeat(150_000));
    let found = laid_out(&grows).unwrap_err();
    assert!(found[0].starts_with("0:0 laid out, it would be "), "{found:?}");
}

#[test]
fn the_shipped_policies_are_laid_out() {
    for file in ["policies/policy.csv", "examples/northwind/policies/policy.csv"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(laid_out(&text).unwrap() == text, "run `bailiwick policy fmt {file}`");
    }
}

/// The lines of a file: the fields or the comment, and how the line ends. Read without the reader that is tested.
fn lines(text: &str) -> Vec<(Vec<String>, &str)> {
    let line = |raw: &str| -> (Vec<String>, &'static str) {
        let (content, end) = match raw.strip_suffix("\r\n") {
            Some(content) => (content, "\r\n"),
            None => (raw.strip_suffix('\n').unwrap(), "\n"),
        };
        let fields: Vec<String> = content.split(',').map(|field| field.trim_matches(' ').to_owned()).collect();
        let is_head =
            ["who", "member"].map(|head| fields[0].strip_prefix('#').is_some_and(|first| first.trim() == head));
        let is_comment = content.trim_start_matches(' ').starts_with('#');
        if is_comment && !is_head.contains(&true) {
            (vec![content.trim_end_matches(' ').to_owned()], end)
        } else {
            (fields, end)
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// What a policy is refused or warned for, the place in the line aside.
fn refusals(text: &str) -> Vec<String> {
    let told = |found: &Finding| format!("{}: {}: {}", found.line, found.severity, found.message);
    check(directory(text).path(), &catalog()).findings.iter().map(told).collect()
}

/// A piece of a line, or of what makes one: blanks, separators, ends, characters that are refused.
fn piece() -> impl Strategy<Value = String> {
    let whole = prop::sample::select(vec![
        "p, *, *, tool:echo, call, true, allow\n",
        "p,role:member,acme,dataset:documents,read,r.obj.owner_id == r.sub.external_id,allow\n",
        "p,   verified,   globex , dataset:documents,read,   r.obj.classification==\"secret\"&&r.sub.clearance < 3,deny\r\n",
        "g, user:ada, role:member, acme\n",
        "g,user:a-person-with-a-name-of-more-than-forty-characters,role:member,*   \n",
        "g, user:größe, room:finance, acme\n",
        "# who, tenant, what, may, when, effect\n",
        "#member,group,tenant\r\n",
        "# who, tenant, what\n",
        "  # a comment,   with blanks  \n",
        "\n",
        "   \r\n",
    ]);
    let part = prop::sample::select(vec![
        "p",
        "g",
        ",",
        ", ",
        " ",
        "   ",
        "\n",
        "\r\n",
        "\r",
        "#",
        "\t",
        "*",
        "acme",
        "true",
        "allow",
        "deny",
        "read",
        "role:member",
        "tool:echo",
        "\u{FEFF}",
        "\u{A0}",
        "\"",
        "\"a, b\"",
        "r.obj.title == \"a\"",
        "ö",
        "x",
    ]);
    prop_oneof![6 => whole.prop_map(str::to_owned), 1 => part.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn a_file_says_the_same_before_and_after(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        match laid_out(&text) {
            Ok(after) => {
                prop_assert_eq!(lines(&text), lines(&after));
                prop_assert_eq!(laid_out(&after).unwrap(), after.clone(), "laid out twice");
                prop_assert_eq!(refusals(&text), refusals(&after));
                prop_assert!(after.lines().all(|line| !line.ends_with(' ')), "{after:?}");
            }
            // What is left alone is refused by the server too.
            Err(found) => {
                let refusals = refusals(&text);
                prop_assert!(refusals.iter().any(|line| line.contains("refused")), "{found:?}, {refusals:?}");
            }
        }
    }
}
