//! Every row of the table of malformed files that casbin's own reader lets through, and what is said instead.

use super::*;

const GOOD: &str = "p, *, *, tool:echo, call, true, allow\n";

/// The one finding of a policy that consists of this text.
fn only(policy: impl AsRef<[u8]>) -> String {
    let found = findings(directory(policy).path());
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn what_casbin_reads_well_is_read() {
    let text = "# a comment\r\n  # an indented one\r\n\r\np,*,*,tool:echo,call,true,allow\r\n  p , verified ,acme, dataset:documents , read , true , allow  \n";
    assert_eq!(findings(directory(text).path()), Vec::<String>::new());
}

#[test]
fn a_byte_order_mark_does_not_swallow_the_first_line() {
    let found = only(format!("\u{FEFF}{GOOD}"));
    assert_eq!(found, "1:1 refused: the file begins with a byte order mark; save it as UTF-8 without one");
    let inside = only(format!("# first\n\u{FEFF}{GOOD}"));
    assert_eq!(inside, "2:1 refused: the invisible character U+FEFF stands here; remove it, or put a space");
}

#[test]
fn another_encoding_is_refused() {
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(GOOD.bytes().flat_map(|b| [b, 0])).collect();
    assert_eq!(only(utf16), "0:0 refused: the file is UTF-16; save it as UTF-8 without a byte order mark");
    let latin: Vec<u8> = [GOOD.as_bytes(), b"# Pr\xFCfer\n"].concat();
    assert_eq!(only(latin), "2:5 refused: the byte 0xFC is not UTF-8; save the file as UTF-8");
}

#[test]
fn carriage_returns_alone_do_not_end_lines() {
    let found = only("p, *, *, tool:echo, call, true, allow\rp, *, *, tool:echo, call, true, deny\n");
    assert_eq!(found, "1:38 refused: a carriage return stands inside a line; end lines with LF or CRLF");
}

#[test]
fn a_file_that_may_be_cut_short_is_refused() {
    let message = "the last line does not end in a newline, so it may be cut short; end it with one";
    assert_eq!(only(format!("{GOOD}# cut")), format!("2:0 refused: {message}"));
}

#[test]
fn an_effect_that_casbin_would_overlook_is_refused() {
    let line = |effect: &str| only(format!("p, *, *, tool:echo, call, true, {effect}\n"));
    assert_eq!(line("Deny"), "1:33 refused: `Deny` is not an effect; did you mean `deny`?");
    assert_eq!(line("dney"), "1:33 refused: `dney` is not an effect; did you mean `deny`?");
    assert_eq!(line("deny;"), "1:33 refused: `deny;` is not an effect; did you mean `deny`?");
    assert_eq!(
        line("deny # note"),
        "1:33 refused: `deny # note` is not an effect; a comment stands on a line of its own"
    );
    assert_eq!(line("block"), "1:33 refused: `block` is not an effect; there are `allow`, `deny`");
}

#[test]
fn a_first_field_that_casbin_would_skip_is_refused() {
    let line = |first: &str| only(format!("{first}, *, *, tool:echo, call, true, deny\n"));
    let form = "a line begins with `p` (a rule), `g` (a membership) or `#` (a comment)";
    assert_eq!(line("P"), "1:1 refused: `P` does not begin a policy line; write it in lower case, `p`");
    assert_eq!(line("p2"), "1:1 refused: `p2` does not begin a policy line; did you mean `p`?");
    assert_eq!(line("x"), format!("1:1 refused: `x` does not begin a policy line; {form}"));
    assert_eq!(line("policy"), format!("1:1 refused: `policy` does not begin a policy line; {form}"));
    assert_eq!(line("// p"), "1:1 refused: `// p` does not begin a policy line; a comment begins with `#`");
    assert_eq!(only("garbage\n"), format!("1:1 refused: `garbage` does not begin a policy line; {form}"));
    assert_eq!(
        only("p; *; *\n"),
        "1:1 refused: `p; *; *` does not begin a policy line; fields are separated by commas"
    );
    assert_eq!(
        only("p\t*\t*\n"),
        "1:2 refused: a tab stands here; separate fields by commas, and align them with spaces"
    );
}

#[test]
fn a_wrong_number_of_fields_is_refused() {
    let form = "`p, who, tenant, what, may, when, effect` has 7";
    assert_eq!(only("p, *, *, tool:echo, call, deny\n"), format!("1:1 refused: 6 fields; {form}"));
    assert_eq!(
        only("p, *, *, tool:echo, call, true, deny,\n"),
        format!("1:1 refused: 8 fields; {form}; the line ends in a comma")
    );
    assert_eq!(only("p\n"), format!("1:1 refused: 1 field; {form}"));
    let form = "`g, member, group, tenant` has 4";
    assert_eq!(only("g, user:a, role:b\n"), format!("1:1 refused: 3 fields; {form}"));
    assert_eq!(only("g, user:a, role:b, acme, x\n"), format!("1:1 refused: 5 fields; {form}"));
}

#[test]
fn a_quote_is_a_character() {
    let line = |who: &str| only(format!("p, {who}, *, tool:echo, call, true, deny\n"));
    let count = "`p, who, tenant, what, may, when, effect` has 7; a quote does not protect a comma";
    assert_eq!(line("\"role:a, b\""), format!("1:1 refused: 8 fields; {count}"));
    assert!(
        line("\"role:member\"").starts_with("1:4 refused: `\"role:` is not a prefix of names; did you mean `role:`?")
    );
    assert!(line("'role:member'").starts_with("1:4 refused: `'role:` is not a prefix of names; did you mean `role:`?"));
    let open = only("p, *, *, dataset:documents, read, r.obj.title == \"open, deny\n");
    assert_eq!(open, "1:50 refused: the text has no closing `\"`");
}

#[test]
fn what_a_reader_cannot_see_or_would_mistake_is_refused() {
    let line = |what: &str| only(format!("p, *, *, {what}, call, true, deny\n"));
    let invisible = "stands here; remove it, or put a space";
    assert_eq!(line("tool:e\u{200B}cho"), format!("1:16 refused: the invisible character U+200B {invisible}"));
    assert_eq!(line("\u{A0}tool:echo"), format!("1:10 refused: the invisible character U+00A0 {invisible}"));
    assert_eq!(line("tool:\u{202E}echo"), format!("1:15 refused: the invisible character U+202E {invisible}"));
    assert_eq!(line("tool:\u{7}echo"), "1:15 refused: the control character U+0007 stands here; remove it");
    assert_eq!(
        line("tool:\u{435}cho"),
        "1:15 refused: `\u{435}` (U+0435) stands among Latin letters and can be mistaken for one; write the whole word in one script"
    );
    // A whole word in another script is a name like any other.
    let found = only("g, user:иван, role:member, acme\ng, user:иван, role:member, acme\n");
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
fn a_line_that_does_nothing_is_a_warning_when_it_allows_and_a_refusal_when_it_denies() {
    let gives = "g, user:a, role:member, acme\n";
    let cases = [
        ("p, role:ghost, acme, tool:echo, call, true", "nobody has `role:ghost` in tenant `acme`; a `g` line gives it"),
        (
            "p, role:member, globex, tool:echo, call, true",
            "nobody has `role:member` in tenant `globex`; a `g` line gives it",
        ),
        (
            "p, *, acme, dataset:rates, read, true",
            "the line can never match: `dataset:rates` belongs to another tenant than `acme`",
        ),
        (
            "p, *, *, tool:nothing_*, call, true",
            "the line can never match: `tool:nothing_*` covers nothing that is declared",
        ),
        (
            "p, *, *, resource:https://x, read, true",
            "the line can never match: `resource:https://x` covers nothing that is declared",
        ),
        (
            "p, *, *, tool:echo, call, 1 == 2 && r.sub.id == \"x\"",
            "the line can never match: `(1 == 2 && r.sub.id == \"x\")` never holds",
        ),
    ];
    for (line, message) in cases {
        for (effect, severity) in [("allow", "warning"), ("deny", "refused")] {
            let found = only(format!("{gives}{line}, {effect}\n"));
            assert_eq!(found, format!("2:0 {severity}: {message}"), "{line}");
        }
    }
    for (effect, severity) in [("allow", "warning"), ("deny", "refused")] {
        let wide = format!("p, *, *, tool:e*, call, true, {effect}\n");
        let message = "`policy.csv:1` already says as much; remove this line";
        let narrow = only(format!("{wide}p, user:a, acme, tool:echo, call, r.sub.id == \"x\", {effect}\n"));
        assert_eq!(narrow, format!("2:0 {severity}: {message}"));
        assert_eq!(only(format!("{wide}{wide}")), format!("2:0 {severity}: {message}"));
    }
    let generated = only("p, *, *, tool:list_documents, call, true, allow\n");
    assert!(generated.starts_with("1:0 warning: `tool:list_documents` comes with its dataset"), "{generated}");
}

#[test]
fn a_role_that_hangs_on_a_role_nobody_has_is_nobodys() {
    let found = findings(
        directory("g, role:lead, role:member, acme\np, role:member, acme, tool:echo, call, true, deny\n").path(),
    );
    assert_eq!(
        found,
        [
            "1:0 warning: nobody has `role:lead` in tenant `acme`; a `g` line gives it",
            "2:0 refused: nobody has `role:member` in tenant `acme`; a `g` line gives it"
        ]
    );
}

#[test]
fn chains_end_after_sixteen_and_cycles_end() {
    let chain = |length: usize| {
        let links = (1..length).map(|i| format!("g, role:r{i}, role:r{}, *\n", i + 1));
        format!("g, user:a, role:r1, *\n{}", links.collect::<String>())
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
}

#[test]
fn only_the_model_that_is_compiled_is_accepted() {
    let with_model = |model: &str| {
        let directory = directory(GOOD);
        fs::write(directory.path().join("model.conf"), model).unwrap();
        findings(directory.path())
    };
    let shipped = shipped_model();
    assert_eq!(with_model(&shipped.replace(" = ", "  =   ").replace('\n', "\r\n")), [""; 0]);
    for (from, to) in [
        ("some(where (p.eft == allow)) && !some", "!some"),
        ("p.dom == \"*\" || ", ""),
        ("r = sub, dom, obj, act, ctx", "r = sub, dom, obj, act"),
        ("[role_definition]\ng = _, _, _\n", ""),
    ] {
        assert_ne!(shipped.replace(from, to), shipped);
        let found = with_model(&shipped.replace(from, to));
        assert_eq!(found.len(), 1, "{from}");
        assert!(found[0].contains("is not the model that this server compiles"), "{found:?}");
    }
    let short = with_model(shipped.split("[matchers]").next().unwrap());
    assert_eq!(short, ["0:0 refused: the model ends too soon: `[matchers]` is missing"]);
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
    assert!(missing[0].starts_with("0:0 refused: the policy directory cannot be read: "), "{missing:?}");
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
