//! What a policy is refused for, word by word. Whole files that are malformed stand in `tests/policies/malformed`
//! (`fixtures`).

use super::*;

const GOOD: &str = "p, *, *, tool:echo, call, true, allow\n";

/// The one finding of a policy that consists of this text.
fn only(policy: impl AsRef<[u8]>) -> String {
    let found = findings(directory(policy).path());
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn an_effect_is_one_of_two_words() {
    let line = |effect: &str| {
        only(format!(
            "p, *, *, tool:echo, call, true, {effect}
"
        ))
    };
    assert_eq!(line("block"), "1:33 refused: `block` is not an effect; there are `allow`, `deny`");
    assert_eq!(line("alow"), "1:33 refused: `alow` is not an effect; did you mean `allow`?");
}

#[test]
fn a_quote_is_a_character() {
    let open = only(
        "p, *, *, dataset:documents, read, r.obj.title == \"open, deny
",
    );
    assert_eq!(open, "1:50 refused: the text has no closing `\"`");
    // A condition may hold one, and then its comma is still a comma.
    let comma = only(
        "p, *, *, dataset:documents, read, r.obj.title == \"a, b\", deny
",
    );
    assert_eq!(
        comma,
        "1:1 refused: 8 fields; `p, who, tenant, what, may, when, effect` has 7; a quote does not protect a comma"
    );
}

#[test]
fn what_a_reader_cannot_see_or_would_mistake_is_refused() {
    let line = |what: &str| only(format!("p, *, *, {what}, call, true, deny\n"));
    assert_eq!(
        line("tool:e\u{200B}cho"),
        "1:16 refused: the invisible character U+200B stands here; remove it, or put a space"
    );
    assert_eq!(
        line("tool:\u{435}cho"),
        "1:15 refused: `\u{435}` (U+0435) stands among Latin letters and can be mistaken for one; write the whole word in one script"
    );
    // A whole word in another script is a name like any other.
    let found =
        only("p, user:иван, *, tool:echo, call, true, allow\np, user:иван, acme, tool:echo, call, true, allow\n");
    assert_eq!(found, "2:0 warning: `policy.csv:1` already says as much; remove this line");
}

#[test]
fn every_word_is_checked_and_every_finding_told() {
    let found = findings(
        directory("p, member, akme, dataset:document, reed, r.obj.titel == \"x\", alow\ng, *, user:x, *\n").path(),
    );
    assert_eq!(
        found,
        [
            "1:4 refused: `member` has no prefix; write `role:member` or `user:member`",
            "1:12 refused: the tenant `akme` is not declared; did you mean `acme`?",
            "1:26 refused: there is no dataset `document`; did you mean `documents`?",
            "1:36 refused: `reed` is not a permission; did you mean `read`?",
            "1:62 refused: `alow` is not an effect; did you mean `allow`?",
            "2:4 refused: `*` cannot be a member, because it would hand a role to the unknown; write `verified`, or a `p` line for `*`",
            "2:7 refused: `user:x` comes from a token and cannot be given; the right side of a `g` line is a `role:` or an entry of a list, as in `room:finance`",
        ]
    );
}

#[test]
fn names_need_a_prefix_and_a_known_issuer() {
    let line = |who: &str| only(format!("p, {who}, *, tool:echo, call, true, deny\n"));
    assert_eq!(line(""), "1:4 refused: the name is empty; write a prefix and a name, as in `role:member`");
    assert_eq!(line("usr:x"), "1:4 refused: `usr:` is not a prefix of names; did you mean `user:`?");
    assert_eq!(line("user:"), "1:9 refused: the name after `user:` is empty");
    assert_eq!(
        line("user:j*"),
        "1:10 refused: `*` in a name matches nothing but itself; name each one, or write `*` alone for everyone"
    );
    assert_eq!(line("idp:admin"), "1:8 refused: `idp:admin` names no issuer; write `idp:<issuer>/admin`");
    assert_eq!(
        line("subject:blockbrian/x"),
        "1:12 refused: the issuer `blockbrian` is not declared; did you mean `blockbrain`?"
    );
}

#[test]
fn patterns_end_in_a_star_or_have_none() {
    let line = |what: &str, may: &str, effect: &str| only(format!("p, *, *, {what}, {may}, true, {effect}\n"));
    assert_eq!(
        line("resource:a/*/b", "read", "deny"),
        "1:21 refused: `*` can only end a pattern or be the whole field; write one line for each name"
    );
    assert_eq!(
        line("*", "*", "allow"),
        "1:10 refused: `*` alone would allow everything there is; name a kind, as in `dataset:*`"
    );
    assert_eq!(line("tool:", "call", "deny"), "1:15 refused: `tool:` names nothing; write a name, or `tool:*` for all");
    assert_eq!(line("tol:echo", "call", "deny"), "1:10 refused: `tol:` is not a kind of object; did you mean `tool`?");
    assert_eq!(
        line("tool:echo", "read", "deny"),
        "1:21 refused: `read` is not a permission of `tool:` objects; there are `call`"
    );
    assert_eq!(
        line("column:documents/titel", "read", "deny"),
        "1:17 refused: there is no column `documents/titel`; did you mean `documents/title`?"
    );
}

/// The one finding of a deny line with this condition, without its line.
fn condition(when: &str) -> String {
    let found = only(format!("p, *, *, dataset:documents, read, {when}, deny\n"));
    found.strip_prefix("1:").unwrap().to_owned()
}

#[test]
fn conditions_that_do_not_parse_are_refused_at_the_byte() {
    let cases = [
        ("", "35 refused: the condition is empty; write `true` for always"),
        ("false", "35 refused: `false` never holds; remove the line"),
        ("r.obj.title = \"x\"", "47 refused: `=` does not compare; write `==`"),
        ("r.obj.title == 'x'", "50 refused: text stands in double quotes, not in single ones"),
        ("r.obj.title == x", "50 refused: `x` is not a term; text stands in double quotes, as in `\"x\"`"),
        (
            "r.obj.title == \"x%\"",
            "52 refused: `%` cannot stand in a text; letters, digits, spaces and `- _ . : / @ #` can",
        ),
        (
            "r.obj.title == \"a r.x\"",
            "53 refused: casbin would rewrite `r.` or `p.` at the start of a word, even in a text; compare with a claim or column instead",
        ),
        (
            "r.obj.title == \"p2.x\"",
            "51 refused: casbin would rewrite `r.` or `p.` at the start of a word, even in a text; compare with a claim or column instead",
        ),
        ("r.obj.final == true and true == true", "55 refused: `and` is written `&&`"),
        ("!r.obj.final", "36 refused: `r.obj.final` stands where `(` after `!` is expected"),
        ("(r.obj.final == true", "55 refused: the condition ends where `)` is expected"),
        ("r.obj.final == true)", "54 refused: this `)` has no `(`"),
        (
            "r.obj.final",
            "46 refused: the condition ends where a comparison (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`) is expected",
        ),
        ("r.obj.amount < 1e3", "50 refused: `1e3` is not a number; write digits, as in `-3` or `0.5`"),
        (
            "r.obj.amount < -007",
            "50 refused: `-007` begins with a zero, which not every reader of numbers takes for nothing; leave it out",
        ),
        ("r.obj.amount < 9223372036854775808", "50 refused: `9223372036854775808` does not fit into 64 bits"),
        (
            "r.obj.amount < 0.1000000000000000055",
            "50 refused: `0.1000000000000000055` has 19 digits; decimals compare exactly up to 15",
        ),
        ("eval(r.sub.id)", "35 refused: nothing is called in a condition but `present(…)`"),
        ("p.sub == \"x\"", "35 refused: `p.sub` is not a term; text stands in double quotes, as in `\"p.sub\"`"),
    ];
    for (when, message) in cases {
        assert_eq!(condition(when), message, "{when}");
    }
}

#[test]
fn conditions_that_do_not_type_check_are_refused() {
    let cases = [
        ("r.obj.titel == \"x\"", "35 refused: the dataset `documents` has no column `titel`; did you mean `title`?"),
        ("r.sub.clearence < 3", "35 refused: `r.sub` has no `clearence`; did you mean `clearance`?"),
        (
            "r.ctx.thread == \"x\"",
            "35 refused: `r.ctx.thread` comes from a header, so the line would trust whoever sends it; where only a platform can, list it: `context.trusted = [\"thread\"]`",
        ),
        (
            "r.obj.amount == \"3\"",
            "35 refused: a number is compared with text in dataset `documents`; compare like with like",
        ),
        ("r.obj.title < \"b\"", "35 refused: `<` orders text in dataset `documents`; only numbers have an order"),
        (
            "r.obj.final >= true",
            "35 refused: `>=` orders true or false in dataset `documents`; only numbers have an order",
        ),
        ("r.obj.owner_id in r.sub.id", "53 refused: `in` needs a list on its right; in `r.sub` there are `rooms`"),
        ("r.sub.rooms == \"x\"", "35 refused: a list does not compare; write `term in list`"),
        ("r.obj.amount in r.sub.rooms", "35 refused: lists hold text; only text can be in one"),
        (
            "present(r.sub.rooms)",
            "43 refused: a list is always there, though it may be empty; ask with `in` what it holds",
        ),
        (
            "present(r.obj.updated_at)",
            "43 refused: the column `updated_at` of dataset `documents` is of type `time`, which conditions cannot read; `id`, `text`, `number` and `boolean` can be",
        ),
        (
            "r.obj.classification == \"secrt\"",
            "59 refused: `secrt` is not among the declared values in dataset `documents`; did you mean `secret`?",
        ),
        (
            "r.sub.assurance == \"sure\"",
            "54 refused: `sure` is not among the declared values in dataset `documents`; there are `verified`, `asserted`",
        ),
    ];
    for (when, message) in cases {
        assert_eq!(condition(when), message, "{when}");
    }
    let rowless = only("p, *, *, tool:echo, call, r.obj.title == \"x\", deny\n");
    assert_eq!(rowless, "1:27 refused: `r.obj.title` is a column, and only `dataset:` lines have rows to look at");
    // A pattern is checked for every dataset that it covers.
    let covered = findings(directory("p, *, *, dataset:*, read, r.obj.title == \"x\", deny\n").path());
    assert_eq!(
        covered,
        [
            "1:27 refused: the dataset `comments` has no column `title`; there are `id`, `owner_id`, `document_id`",
            "1:27 refused: the dataset `rates` has no column `title`; there are `id`, `owner_id`",
        ]
    );
}

#[test]
fn a_condition_cannot_exhaust_the_stack() {
    let nested = |depth: usize| format!("{}r.obj.final == true{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(
        findings(directory(format!("p, *, *, dataset:documents, read, {}, deny\n", nested(63))).path()),
        [""; 0]
    );
    let deep = condition(&nested(64));
    assert_eq!(deep, "99 refused: the condition is nested more than 64 deep; split it into several lines");
    let long = condition(&nested(40_000));
    assert_eq!(long, "35 refused: the condition is 80019 bytes long; at most 4096 are read");
}

#[test]
fn chains_end_after_sixteen_and_cycles_end() {
    let chain = |length: usize| {
        let links = (1..length).map(|i| format!("g, role:r{i}, role:r{}, *\n", i + 1));
        let last = format!("p, role:r{length}, *, tool:echo, call, true, allow\n");
        format!("g, user:a, role:r1, *\n{}{last}", links.collect::<String>())
    };
    assert_eq!(findings(directory(chain(16)).path()), [""; 0]);
    let found = findings(directory(chain(17)).path());
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        "17:0 refused: `role:r17` is reached through more than 16 `g` lines in tenant `acme`; shorten the chain"
    );
    let cycle = format!("{}g, role:r3, role:r1, *\n", chain(3));
    assert_eq!(findings(directory(cycle).path()), [""; 0]);
    // Nobody stands before a long cycle, and it is as long as a chain.
    let links = (0..20).map(|i| format!("g, role:r{i}, role:r{}, acme\n", (i + 1) % 20));
    let found = findings(directory(links.collect::<String>()).path());
    assert!(found.iter().any(|found| found.contains("is reached through more than 16 `g` lines")), "{found:?}");
}

#[test]
fn a_directory_without_a_policy_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(
        findings(empty.path()),
        [
            "0:0 refused: there is no `*.csv` here; without a line nobody has access",
            "0:0 refused: the file is missing; a policy directory holds `model.conf` and `*.csv`",
        ]
    );
    let missing = findings(&empty.path().join("nowhere"));
    let cause = std::io::Error::from_raw_os_error(2);
    assert_eq!(missing, [format!("0:0 refused: the policy directory cannot be read: {cause}")]);
    let capital = directory(GOOD);
    fs::write(capital.path().join("b.CSV"), "p, *, *, tool:echo, call, true, deny\n").unwrap();
    assert_eq!(
        findings(capital.path()),
        ["0:0 refused: the extension is `.CSV`, and only `.csv` is read; rename the file"]
    );
    // Locks and swap files of editors are not policies.
    let editing = directory(GOOD);
    fs::write(editing.path().join(".#policy.csv"), "garbage").unwrap();
    fs::write(editing.path().join("policy.csv~"), "garbage").unwrap();
    assert_eq!(findings(editing.path()), [""; 0]);
}
