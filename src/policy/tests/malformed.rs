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
fn an_object_is_not_quoted_and_may_have_a_quote_in_it() {
    let line = |what: &str| only(format!("p, *, *, {what}, *, true, allow\n"));
    assert_eq!(line("\"tool:echo\""), "1:10 refused: fields are not quoted; write `tool:echo`");
    assert_eq!(line("tool:'echo'"), "1:20 refused: fields are not quoted; write `tool:echo`");
    assert_eq!(line("'tool:e*'"), "1:10 refused: fields are not quoted; write `tool:e*`");
    assert_eq!(line("tool:\"echo"), "1:15 refused: there is no tool `\"echo`; did you mean `echo`?");
    for what in ["resource:static://it's*", "resource:static://\"it\"*"] {
        let idle = format!("1:0 warning: the line can never match: `{what}` covers nothing that is declared");
        assert_eq!(line(what), idle);
    }
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
    assert_eq!(
        line("tool:ech\u{43E}"),
        "1:18 refused: `\u{43E}` (U+043E) stands among Latin letters and can be mistaken for one; write the whole word in one script"
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
    assert_eq!(line("idp:zitadel/ x"), "1:16 refused: the name after `idp:` begins or ends with a blank");
    assert_eq!(line("verifed"), "1:4 refused: `verifed` has no prefix; did you mean `verified`?");
    assert_eq!(line("veri"), "1:4 refused: `veri` has no prefix; did you mean `verified`?");
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
fn what_nobody_can_be_and_nothing_serves_is_refused() {
    let line = |who: &str, what: &str, may: &str| only(format!("p, {who}, *, {what}, {may}, true, deny\n"));
    assert_eq!(
        line("key:k1", "tool:echo", "call"),
        "1:4 refused: `key:` is not a prefix of names; there are `user:`, `subject:`, `idp:`, `role:`, `client:`, `room:`"
    );
    assert_eq!(
        line("client:https://claude.ai/client", "tool:echo", "call"),
        "1:11 refused: a client that is known by its address acts for people alone, so nobody goes by `client:https://claude.ai/client`; write the id of one that acts for itself"
    );
    assert_eq!(findings(directory("p, client:robot, acme, tool:echo, call, true, deny\n").path()), [] as [&str; 0]);
    for what in ["admin:keys", "admin:*"] {
        assert_eq!(
            line("*", what, "*"),
            "1:10 refused: `admin:` is not a kind of object; there are `dataset`, `column`, `tool`, `resource`, `prompt`"
        );
    }
    assert_eq!(
        line("*", "dataset:documents", "write"),
        "1:29 refused: `write` is not a permission of `dataset:` objects; there are `read`, `create`, `update`, `delete`"
    );
    for may in ["create", "update", "delete"] {
        assert_eq!(
            line("*", "dataset:documents", may),
            format!(
                "1:29 refused: nothing that `dataset:documents` covers can be changed by `{may}`; `writable = [\"{may}\"]` in a `[[dataset]]` makes its rows so"
            )
        );
        assert!(line("*", "dataset:*", may).contains("nothing that `dataset:*` covers can be changed"));
    }
    assert_eq!(
        line("*", "column:documents/title", "update"),
        "1:34 refused: nothing that `column:documents/title` covers can be changed by `update`; `writable = [\"update\"]` in the `[[dataset]]` makes its columns so"
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
    assert_eq!(
        line("column:comments/nosuch", "read", "allow"),
        "1:17 refused: there is no column `comments/nosuch`; there are `comments/document_id`, `comments/id`, `comments/owner_id`"
    );
    assert_eq!(
        line("column:comments", "read", "allow"),
        "1:17 refused: there is no column `comments`; write `<dataset>/<column>`; there are `comments/document_id`, `comments/id`, `comments/owner_id`"
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

#[test]
fn what_there_is_instead_is_told_to_eight_words() {
    let words = ["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9"];
    let told = |words: &[&str]| finding::instead("something", words.iter().copied());
    assert_eq!(told(&words[..8]), "there are `a1`, `b2`, `c3`, `d4`, `e5`, `f6`, `g7`, `h8`");
    assert_eq!(told(&words), "there are `a1`, `b2`, `c3`, `d4`, `e5`, `f6`, `g7`, `h8`, …");
}

/// Whatever else the line has, and as many fields as one of the two.
#[test]
fn a_line_begins_with_one_of_two_letters() {
    for (line, hint) in [
        ("G, user:ada, role:member, acme", "write it in lower case, `g`"),
        ("P, *, *, tool:echo, call, true, deny", "write it in lower case, `p`"),
        ("g2, user:ada, role:member, acme", "did you mean `g`?"),
        ("// g, user:ada, role:member, acme", "a comment begins with `#`"),
    ] {
        let first = line.split(',').next().unwrap();
        assert_eq!(only(format!("{line}\n")), format!("1:1 refused: `{first}` does not begin a policy line; {hint}"));
    }
}

#[test]
fn fields_that_are_too_many_or_too_few_are_told_why() {
    let form = "`p, who, tenant, what, may, when, effect` has 7";
    assert_eq!(
        only("p, user:ada acme, tool:echo, call, r.sub.id == \"a b\", deny\n"),
        format!("1:1 refused: 6 fields; {form}; `user:ada acme` holds two, a comma is missing")
    );
    assert_eq!(
        only("p, *, *, dataset:documents, read, r.obj.title in (\"a\", \"b\"), deny\n"),
        format!(
            "1:1 refused: 8 fields; {form}; `in` takes a list of `r.sub`; write values one by one, as in `r.obj.x == \"a\" || r.obj.x == \"b\"`"
        )
    );
    let comment = "a comment needs a line of its own";
    assert_eq!(
        only("p, *, *, tool:echo, call, true, deny # for now, at least\n"),
        format!("1:1 refused: 8 fields; {form}; {comment}")
    );
    assert_eq!(
        only("p, *, *, tool:echo, call, true, deny # for now\n"),
        format!("1:33 refused: `deny # for now` is not an effect; {comment}")
    );
    assert_eq!(
        only("g, user:ada, role:member, acme # for now\n"),
        format!("1:27 refused: the tenant `acme # for now` is not declared; {comment}")
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
        ("r.obj.final == true & true == true", "55 refused: `&` stands alone; write `&&`"),
        ("r.act == \"x\"", "35 refused: `r.act` is not a term; write `r.sub.NAME`, `r.obj.COLUMN` or `r.ctx.NAME`"),
        ("r.obj.amount < 3-4", "51 refused: `-4` stands where `&&`, `||` or the end is expected"),
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
        (
            "r.obj.amount < 0.1234567890123456",
            "50 refused: `0.1234567890123456` has 16 digits; decimals compare exactly up to 15",
        ),
        ("r.obj.title == “x”", "50 refused: `“` is not a quote; write `\"`"),
        ("eval(r.sub.id)", "35 refused: `eval` is not known here; nothing is called in a condition but `present(…)`"),
        (
            "keyMatch(r.obj.title)",
            "35 refused: `keyMatch` is not known here; nothing is called in a condition but `present(…)`",
        ),
        ("obj.title == \"x\"", "35 refused: `obj.title` is not a term; did you mean `r.obj.title`?"),
        ("r.obj.final == TRUE", "50 refused: `TRUE` is written in small letters, `true`"),
        (
            "r.obj.title like \"x\"",
            "47 refused: there is no `like`; a condition compares whole values, with `==`, `!=`, `<`, `<=`, `>`, `>=` and `in`",
        ),
        (
            "r.obj.title in (\"a\")",
            "50 refused: `in` takes a list of `r.sub`; write values one by one, as in `r.obj.x == \"a\" || r.obj.x == \"b\"`",
        ),
        (
            "p.sub == \"x\"",
            "35 refused: `p.sub` is not a term: `p` is the line itself; write `r.sub.NAME`, `r.obj.COLUMN` or `r.ctx.NAME`",
        ),
    ];
    for (when, message) in cases {
        assert_eq!(condition(when), message, "{when}");
    }
    // Inside a word, casbin sees no variable; and fifteen digits are exact.
    let ends = ["title == \"car.x\"", "title == \"_r.x\"", "title == \"3p.x\"", "amount < 0.123456789012345"];
    for end in ends {
        let line = format!("p, *, *, dataset:documents, read, r.obj.{end}, deny\n");
        assert_eq!(findings(directory(line).path()), [""; 0]);
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
            "54 refused: `sure` is not among the values of `r.sub.assurance`; there are `verified`, `asserted`",
        ),
    ];
    for (when, message) in cases {
        assert_eq!(condition(when), message, "{when}");
    }
    let rowless = only("p, *, *, tool:echo, call, r.obj.title == \"x\", deny\n");
    assert_eq!(
        rowless,
        "1:27 refused: `r.obj.title` is a column, and only `dataset:` and `column:` lines have rows to look at"
    );
    // A pattern is checked for every dataset that it covers.
    let covered = findings(directory("p, *, *, dataset:*, read, r.obj.title == \"x\", deny\n").path());
    assert_eq!(
        covered,
        [
            "1:27 refused: the dataset `comments` has no column `title`; there are `id`, `owner_id`, `document_id`",
            "1:27 refused: the dataset `rates` has no column `title`; there are `id`, `owner_id`",
        ]
    );
    // What needs no row is checked even where the pattern covers nothing yet, and the grammar where nothing is known.
    let covers_nothing = findings(directory("p, *, *, dataset:n*, read, r.sub.clearance == \"x\", deny\n").path());
    assert_eq!(covers_nothing[0], "1:28 refused: a number is compared with text; compare like with like");
    let unknown = findings(directory("p, *, *, dataset:nothing, read, r.obj.title = \"x\", deny\n").path());
    assert_eq!(unknown[1..], ["1:45 refused: `=` does not compare; write `==`"]);
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
    let negated = |depth: usize| format!("{}r.obj.final == true{}", "!(".repeat(depth), ")".repeat(depth));
    assert_eq!(
        findings(directory(format!("p, *, *, dataset:documents, read, {}, deny\n", negated(63))).path()),
        [""; 0]
    );
    assert!(condition(&negated(64)).ends_with("nested more than 64 deep; split it into several lines"));
    let long = condition(&nested(40_000));
    assert_eq!(long, "35 refused: the condition is 80019 bytes long; at most 4096 are read");
    let padded = |bytes: usize| format!("r.obj.final =={}true", " ".repeat(bytes - 18));
    assert_eq!(
        findings(directory(format!("p, *, *, dataset:documents, read, {}, deny\n", padded(4096))).path()),
        [""; 0]
    );
    assert_eq!(condition(&padded(4097)), "35 refused: the condition is 4097 bytes long; at most 4096 are read");
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
    // Its lines may be those of the tenant and those of every one, in any order.
    let orders: [fn(usize) -> bool; 4] = [|_| true, |link| link % 2 == 0, |link| link < 8, |link| link >= 8];
    for own in orders {
        let chain = |length: usize| {
            let name = |at: usize| if at == 0 { "user:a".to_owned() } else { format!("role:r{at}") };
            let tenant = |link: usize| if own(link) { "acme" } else { "*" };
            let links = (0..length).map(|link| format!("g, {}, {}, {}\n", name(link), name(link + 1), tenant(link)));
            let found = findings(directory(links.collect::<String>()).path());
            found.iter().filter(|found| found.contains("is reached through more than 16 `g` lines")).count()
        };
        assert_eq!((chain(16), chain(17)), (0, 1));
    }
    let cycle = format!("{}g, role:r3, role:r1, *\n", chain(3));
    assert_eq!(findings(directory(cycle).path()), [""; 0]);
    // The shortest way counts, from those that somebody is: nobody begins as a role that is only given.
    let short = format!("{}g, user:a, role:r10, *\n", chain(20));
    assert_eq!(findings(directory(short).path()), [""; 0]);
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
            &format!(
                "0:0 refused: the file is missing; a policy directory holds `*.csv` and `model.conf`, which always says\n{}",
                files::MODEL.trim_end()
            ),
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
    let large = directory(GOOD);
    fs::File::create(large.path().join("b.csv")).unwrap().set_len(32 * 1024 * 1024 + 1).unwrap();
    assert_eq!(
        findings(large.path()),
        ["0:0 refused: the file cannot be read: it is 33554433 bytes long; at most 33554432 are read"]
    );
    // Locks and swap files of editors are not policies.
    let editing = directory(GOOD);
    fs::write(editing.path().join(".#policy.csv"), "garbage").unwrap();
    fs::write(editing.path().join("policy.csv~"), "garbage").unwrap();
    assert_eq!(findings(editing.path()), [""; 0]);
}

#[test]
fn contents_from_elsewhere_are_read_as_a_directory_is() {
    let contents = |more: &[&str]| {
        let files = [("model.conf", shipped_model()), ("policy.csv", GOOD.to_owned())];
        let more = more.iter().map(|name| (*name, "not a line of a policy\n".to_owned()));
        let files = files.into_iter().chain(more).map(|(name, text)| (name.to_owned(), text.into_bytes()));
        check_contents(Path::new("elsewhere"), files.collect(), &catalog())
    };
    let checked = contents(&[".policy.csv", "README.md"]);
    assert_eq!(checked.findings, []);
    let echo = Object::Tool(name("echo"));
    assert!(checked.snapshot.unwrap().decide(&somebody("acme", &[]), &echo, Permission::Call).is_allowed());
    assert!(contents(&["b.CSV"]).snapshot.is_none() && contents(&["b.csv"]).snapshot.is_none());
}
