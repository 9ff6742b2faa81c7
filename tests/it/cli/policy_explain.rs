//! `policy explain`: why somebody sees what they see, down to one row; by names, by claims, by a token.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::demo::prepared;
use super::policy_matrix::{with_policy, with_writable_people};
use super::process::{Running, Said, matches_snapshot, run, run_with, settled};

const EXPLAIN: [&str; 2] = ["policy", "explain"];
const BOB: [&str; 6] = ["policy", "explain", "--as", "user:bob@acme.example", "--tenant", "acme"];

fn explain(directory: &Path, more: &[&str]) -> Said {
    run(directory, &[&BOB[..], more].concat())
}

fn document(directory: &Path, more: &[&str]) -> Json {
    let said = explain(directory, &[more, &["--json"]].concat());
    assert_eq!(said.err, "", "{more:?}");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn the_whole_answer_is_the_reviewed_one() {
    let directory = prepared();
    // A document of the sales room, where Bob is, that is secret.
    let said = explain(directory.path(), &["--dataset", "documents", "--row", "22"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
    matches_snapshot("policy-explain.txt", &settled(&said.out));
}

#[test]
fn a_row_is_told_condition_by_condition() {
    let directory = prepared();
    let row = |more: &[&str]| document(directory.path(), &[&["--dataset"], more].concat())["row"].clone();
    let truths = |row: &Json| -> Vec<(String, String)> {
        let lines = row["lines"].as_array().unwrap().iter();
        let text = |line: &Json, key: &str| line[key].as_str().unwrap().to_owned();
        lines.map(|line| (text(line, "line"), text(line, "truth"))).collect()
    };
    let secret = row(&["documents", "--row", "22"]);
    assert_eq!((&secret["exists"], &secret["in_scope"]), (&true.into(), &false.into()));
    let expected = [("12", "false"), ("17", "true"), ("18", "false"), ("28", "unknown")];
    assert_eq!(truths(&secret), expected.map(|(line, truth)| (format!("policy.csv:{line}"), truth.to_owned())));
    assert_eq!(secret["casbin"]["verdict"], "deny");
    assert_eq!(secret["casbin"]["lines"], serde_json::json!(["policy.csv:28"]));

    let elsewhere = row(&["documents", "--row", "22", "--data-room", "engineering"]);
    assert_eq!(elsewhere["data_room"]["holds"], false);
    let foreign = row(&["people", "--row", "dave@globex.example"]);
    assert_eq!((&foreign["exists"], &foreign["in_scope"]), (&false.into(), &false.into()));
    let own = row(&["people", "--row", "bob@acme.example"]);
    assert_eq!((&own["in_scope"], &own["casbin"]["verdict"]), (&true.into(), &"allow".into()));
}

#[test]
fn whom_a_platform_names_is_asked_about_as_the_server_would_see_them() {
    let directory = prepared();
    let asserted = |more: &[&str]| explain(directory.path(), &[&["--asserted-by", "portal"], more].concat());
    // `whoami` is for whoever proved who they are; `echo` for members, which he is by his name.
    let whoami = asserted(&["--tool", "whoami"]);
    assert_eq!((whoami.code, whoami.err.as_str()), (1, ""), "{whoami:?}");
    assert!(whoami.out.contains("as user:bob@acme.example, named by portal of acme"), "{}", whoami.out);
    assert!(whoami.out.contains("assumed: nothing: a platform's word has no claims"), "{}", whoami.out);
    let names = whoami.out.lines().find(|line| line.starts_with("names: ")).unwrap();
    assert!(names.contains("role:member") && !names.contains("verified"), "{names}");
    assert_eq!(asserted(&["--tool", "echo"]).code, 0);
    let told: Json = serde_json::from_str(&asserted(&["--dataset", "documents", "--json"]).out).unwrap();
    let attributes = &told["who"]["attributes"];
    assert_eq!((&told["who"]["from"], &attributes["assurance"]), (&"asserted".into(), &"asserted".into()));
    assert_eq!((&attributes["actor"], &attributes["id"]), (&"portal".into(), &Json::Null));

    // A condition can refuse it.
    let policy = directory.path().join("policies/policy.csv");
    let text = fs::read_to_string(&policy).unwrap();
    let line = "p, *, *, tool:echo, call, r.sub.assurance == \"asserted\" && r.sub.actor == \"portal\", deny\n";
    fs::write(&policy, format!("{text}{line}")).unwrap();
    assert_eq!(asserted(&["--tool", "echo"]).code, 1);
    assert_eq!(explain(directory.path(), &["--tool", "echo"]).code, 0);

    for (more, code, expected) in [
        (&["--as", "subject:demo/1", "--tool", "echo"][..], 2, "`subject:demo/1` is what somebody proves"),
        (&["--as", "user:eve@acme.example", "--tool", "echo"], 2, "here are 2 `user:` names; leave one"),
        (&["--claims", "x.json", "--tool", "echo"], 2, "cannot be used with"),
    ] {
        let said = asserted(more);
        assert!(said.code == code && said.err.contains(expected), "{more:?}: {said:?}");
    }
}

#[test]
fn a_row_is_told_of_the_row_that_it_lies_within() {
    let directory = prepared();
    let mut seen = [0, 0];
    for number in 1..=6 {
        let key = format!("A-1000{number}");
        let of = |dataset: &str, key: &str| document(directory.path(), &["--dataset", dataset, "--row", key]);
        let (invoice, line) = (of("invoices", &key), of("invoice_lines", &format!("{key},1")));
        let within = &line["row"]["within"];
        assert_eq!((&within["dataset"], &within["key"]), (&"invoices".into(), &key.as_str().into()));
        assert_eq!(within["holds"], invoice["row"]["in_scope"], "{key}");
        assert_eq!(line["allowed"], invoice["allowed"], "{key}: every line of an invoice may be read, and no other");
        let why = if invoice["allowed"] == true {
            Json::Null
        } else {
            format!("may not be read: no line allows it; --dataset invoices --row {key} says more").into()
        };
        assert_eq!(within["why"], why);
        seen[usize::from(line["allowed"] == true)] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "both were there: {seen:?}");
}

#[test]
fn a_column_is_told_with_the_lines_of_its_rows() {
    let directory = prepared();
    let people = |name: &str, more: &[&str]| {
        let asked = ["--as", name, "--tenant", "acme", "--dataset", "people"];
        run(directory.path(), &[&EXPLAIN[..], &asked, more].concat())
    };
    let (bob, eve) = ("user:bob@acme.example", "user:eve@acme.example");
    let declared = people(bob, &["--column", "email"]);
    assert_eq!(declared.code, 0, "{declared:?}");
    assert!(declared.out.contains("lines about dataset:people\npolicy.csv:19 "), "{}", declared.out);
    let verdicts = "\ndataset:people: allowed by policy.csv:19\ncolumn:people/email: allowed by its declaration\n";
    assert!(declared.out.ends_with(verdicts), "{}", declared.out);
    let nothing = people(eve, &["--column", "email"]);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    let verdicts = "\ndataset:people: denied: no line allows it\n\
                    column:people/email: denied with every row of its dataset\n";
    assert!(nothing.out.ends_with(verdicts), "{}", nothing.out);
    let document = |name: &str, more: &[&str]| -> Json {
        serde_json::from_str(&people(name, &[more, &["--json"]].concat()).out).unwrap()
    };
    for (name, more, allowed, lines) in [
        (bob, &["--column", "email"][..], true, &[][..]),
        (eve, &["--column", "email"], false, &[]),
        (bob, &["--column", "salary"], true, &["policy.csv:31", "policy.csv:32"]),
        (bob, &["--column", "salary", "--row", bob.trim_start_matches("user:")], true, &["policy.csv:31"]),
        (bob, &["--column", "salary", "--row", "eve@acme.example"], false, &[]),
        (bob, &["--row", "eve@acme.example"], true, &["policy.csv:19"]),
    ] {
        let told = document(name, more);
        let verdict = if allowed { "allow" } else { "deny" };
        assert_eq!((&told["allowed"], &told["decision"]["verdict"]), (&allowed.into(), &verdict.into()), "{more:?}");
        assert_eq!(told["decision"]["lines"], serde_json::json!(lines), "{name} {more:?}");
    }
    let masked = people(bob, &["--column", "salary", "--row", "eve@acme.example"]).out;
    assert!(masked.contains("\n  salary policy.csv:31 does not allow it: "), "{masked}");
    assert!(masked.lines().all(|line| line.chars().count() <= 100), "{masked}");
}

#[test]
fn a_column_that_is_denied_in_some_rows_is_shown_in_the_others() {
    let line = "p, role:member, *, column:documents/title, read, r.obj.classification == \"internal\", deny";
    let directory = with_policy(&[], &[line]);
    let said = explain(directory.path(), &["--dataset", "documents", "--column", "title"]);
    let told = "column: masked\n  in every row\n  but never where classification == \"internal\" (or where that is not known)\n  \
                where it is not shown it is null, and nothing can be asked about it\n";
    assert!(said.out.contains(told), "{}", said.out);
    let column = document(directory.path(), &["--dataset", "documents", "--column", "title"])["column"].clone();
    assert_eq!(column["conditions"][0], "in every row");
}

#[test]
fn a_change_is_told_down_to_the_row_and_the_column() {
    let directory = with_writable_people(&[
        "p, role:member, acme, dataset:people, update, r.obj.id == r.sub.external_id, allow",
        "p, role:member, acme, column:people/email, update, true, deny",
    ]);
    let lines = fs::read_to_string(directory.path().join("policies/policy.csv")).unwrap().lines().count();
    let (update, deny) = (format!("policy.csv:{}", lines - 1), format!("policy.csv:{lines}"));
    let update_people = |more: &[&str]| explain(directory.path(), &[&["--tool", "update_people"], more].concat());
    let email = update_people(&["--column", "email"]);
    assert_eq!(email.code, 1, "{email:?}");
    assert!(email.out.starts_with("update column:people/email as user:bob@acme.example of acme"), "{}", email.out);
    assert!(email.out.contains("column: not written\n"), "{}", email.out);
    assert!(email.out.ends_with(&format!("\ncolumn:people/email: denied by {deny}\n")), "{}", email.out);
    let title = update_people(&["--column", "title"]);
    assert_eq!(title.code, 0, "{title:?}");
    assert!(title.out.ends_with("\ncolumn:people/title: allowed by its declaration\n"), "{}", title.out);
    for (column, why) in [
        ("id", "id is of the key, which is not changed"),
        ("salary", "salary is not read in every row, and what is not read is not written"),
        ("manager_id", "manager_id decides in which rows another column is shown, and so is not written"),
    ] {
        let said = update_people(&["--column", column]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.split_whitespace().collect::<Vec<_>>().join(" ").contains(why), "{}", said.out);
    }
    let own = update_people(&["--row", "bob@acme.example"]);
    assert_eq!(own.code, 0, "{own:?}");
    assert!(own.out.ends_with("\nrow bob@acme.example: in these rows\n"), "{}", own.out);
    assert!(own.out.contains(&format!("casbin           allow: {update}, policy.csv:19\n")), "{}", own.out);
    let other = update_people(&["--row", "eve@acme.example"]);
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.out.contains("casbin           deny: no line allows it\n"), "{}", other.out);
    let column = update_people(&["--row", "bob@acme.example", "--column", "email"]);
    assert!(column.code == 1 && column.out.ends_with("in these rows, email not written\n"), "{column:?}");
}

#[test]
fn what_is_absent_is_named() {
    let directory = prepared();
    let told = document(directory.path(), &["--dataset", "documents"]);
    let denial = told["lines"].as_array().unwrap().iter().find(|line| line["effect"] == "deny").unwrap();
    assert_eq!(
        (&denial["counts"], &denial["left"]),
        (&"where".into(), &"(classification == \"secret\" && unknown)".into())
    );
    assert_eq!(denial["absent"], serde_json::json!(["r.sub.clearance"]));
    assert!(denial["why"].as_str().unwrap().contains("r.sub.clearance is absent"), "{denial}");
    assert_eq!(told["rows"]["extent"], "some");
    let values = told["sql"]["values"].as_array().unwrap();
    assert!(values.contains(&"bob@acme.example".into()) && values.contains(&21.into()), "{values:?}");
    let placeholders = told["sql"]["text"].as_str().unwrap().matches('$').count();
    assert_eq!(placeholders, values.len());
}

#[test]
fn claims_alone_are_enough() {
    let directory = prepared();
    fs::write(directory.path().join("c.json"), r#"{"external_id": "bob@acme.example", "clearance": 1}"#).unwrap();
    let asked = ["--claims", "c.json", "--tenant", "acme", "--dataset", "documents"];
    let said = run(directory.path(), &[&EXPLAIN[..], &asked].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("read dataset:documents as user:bob@acme.example of acme"), "{}", said.out);
    assert!(said.out.contains("room:sales"), "the lines about the name count: {}", said.out);
    for (asked, expected) in [
        (&["--tenant", "acme", "--tool", "echo"][..], "<--as <NAME>|--claims <FILE>|--token-file <FILE>>"),
        (&["--as", "verified", "--tool", "echo"], "--tenant <TENANT>"),
        (&["--token-file", "t", "--tenant", "acme", "--tool", "echo"], "cannot be used with"),
        (&["--token-file", "t", "--as", "verified", "--tool", "echo"], "cannot be used with"),
    ] {
        let said = run(directory.path(), &[&EXPLAIN[..], asked].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{asked:?}");
        assert!(said.err.contains(expected), "{asked:?}: {}", said.err);
    }
}

#[test]
fn a_stranger_an_unknown_room_and_a_row_of_a_tool_are_told_apart() {
    let directory = prepared();
    let explain = |asked: &[&str]| run(directory.path(), &[&EXPLAIN[..], &["--tenant", "acme"], asked].concat());
    let note = "note: no line names ";
    let documents = ["--dataset", "documents"];
    let said = |name: &str| explain(&[&["--as", name][..], &documents].concat()).out;
    assert!(said("user:Ada@acme.example").contains(note), "{}", said("user:Ada@acme.example"));
    assert!(!said("user:ada@acme.example").contains(note) && !said("verified").contains(note));
    let near = "note: no line names role:membr, but one names role:member; names compare byte for byte\n";
    assert!(said("role:membr").contains(near), "{}", said("role:membr"));
    assert!(said("user:Ada@acme.example").contains("but one names user:ada@acme.example"));
    let eve = "note: no line names user:eve@acme.example; names compare byte for byte\n";
    assert!(said("user:eve@acme.example").contains(eve), "{}", said("user:eve@acme.example"));
    let room =
        |room: &str| explain(&[&["--as", "user:ada@acme.example", "--data-room", room][..], &documents].concat());
    assert_eq!(room("finance").code, 0);
    let unknown = room("saels");
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(unknown.err.contains("`saels` is not a data room of acme; did you mean `sales`?"), "{}", unknown.err);
    let row = |tool: &str| explain(&["--as", "user:ada@acme.example", "--tool", tool, "--row", "22"]);
    assert!(row("get_documents").out.contains("\nrow 22: "), "{:?}", row("get_documents"));
    assert!(
        row("echo").code == 2 && row("echo").err.contains("`echo` is not a tool of a dataset"),
        "{:?}",
        row("echo")
    );
    let prompt = explain(&["--as", "verified", "--prompt", "review_document", "--column", "title"]);
    assert!(prompt.code == 2 && prompt.err.contains("cannot be used with"), "{prompt:?}");
}

#[tokio::test]
async fn a_token_is_verified_and_then_explained() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &["demo", "--dir", ".", "--rows", "100"]);
    let token = running.token("carol").await;
    let asked = ["--token-file", "-", "--dataset", "documents", "--json"];
    let command = [&EXPLAIN[..], &asked].concat();
    let said = run_with(directory.path(), &command, &token);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let told: Json = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["who"]["from"], &told["who"]["tenant"]), (&"token".into(), &"acme".into()));
    assert_eq!(told["who"]["attributes"]["clearance"], 2);
    let names = told["who"]["names"].as_array().unwrap();
    assert!(names.contains(&"idp:demo/auditor".into()) && names.contains(&"role:auditor".into()), "{names:?}");

    fs::write(directory.path().join("token"), format!("{token}\n")).unwrap();
    let file = run(directory.path(), &["policy", "explain", "--token-file", "token", "--tool", "whoami"]);
    assert_eq!(file.code, 0, "{file:?}");
    assert!(file.out.contains("nothing: the token was verified as the server would"), "{}", file.out);

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = run_with(directory.path(), &command, &format!("{signed}.{other}{}", &signature[1..]));
    assert_eq!((forged.code, forged.out.as_str()), (2, ""), "nothing is explained of a token that proves nothing");
    assert!(forged.err.contains("the token is not accepted (signature_invalid)"), "{}", forged.err);
    assert!(forged.err.contains("hint: `bailiwick token inspect`"), "{}", forged.err);

    drop(running);
    let unreachable = run_with(directory.path(), &command, &token);
    assert_eq!((unreachable.code, unreachable.out.as_str()), (2, ""));
    assert!(unreachable.err.contains("the keys of the issuer `demo` cannot be had now"), "{}", unreachable.err);
    for said in [said, file, forged, unreachable] {
        assert!(!said.out.contains(signature) && !said.err.contains(signature), "the token is not shown");
    }
}

#[test]
fn check_and_matrix_speak_json_too() {
    let directory = prepared();
    let parsed = |arguments: &[&str]| -> (i32, Json) {
        let said = run(directory.path(), arguments);
        assert_eq!(said.err, "");
        (said.code, serde_json::from_str(&said.out).unwrap())
    };
    let (code, matrix) = parsed(&["policy", "matrix", "--json", "--tenant", "acme"]);
    assert_eq!((code, matrix["tenants"].as_array().unwrap().len()), (0, 1));
    let names = matrix["tenants"][0]["names"].as_array().unwrap();
    let bob = names.iter().find(|name| name["name"] == "user:bob@acme.example").unwrap();
    assert_eq!((&bob["tools"]["echo"], &bob["datasets"]["documents"]), (&"yes".into(), &"some".into()));
    assert!(bob["columns"].is_object(), "{bob}");
    assert!(bob["rules"]["documents"][1].as_str().unwrap().contains("engineering"), "{bob}");
    let everybody = names.iter().find(|name| name["name"] == "verified").unwrap();
    assert_eq!((&everybody["tools"]["echo"], &everybody["datasets"]["people"]), (&"no".into(), &"no".into()));

    let (code, good) = parsed(&["policy", "check", "--json"]);
    assert_eq!((code, &good["in_order"], &good["findings"]), (0, &true.into(), &serde_json::json!([])));
    assert_eq!(good["revision"], matrix["revision"]);
    assert!(good["denied_where_empty"]["read"].is_u64(), "{good}");
    let policy = directory.path().join("policies/policy.csv");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, text + "p, role:member, acme, dataset:documents, raed, true, allow\n").unwrap();
    let (code, bad) = parsed(&["policy", "check", "--json"]);
    assert_eq!(
        (code, &bad["in_order"], &bad["revision"], &bad["refusals"]),
        (1, &false.into(), &Json::Null, &1.into())
    );
    let finding = &bad["findings"][0];
    assert_eq!((&finding["severity"], &finding["column"]), (&"refusal".into(), &42.into()));
    assert!(finding["file"].as_str().unwrap().ends_with("policy.csv") && finding["line"].is_u64(), "{finding}");
}
