//! `policy explain`: why somebody sees what they see, down to one row; by names, by claims, by a token.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::demo::prepared;
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
        seen[usize::from(line["allowed"] == true)] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "both were there: {seen:?}");
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
    let note = "note: no line names this person; names compare byte for byte";
    let documents = ["--dataset", "documents"];
    let said = |name: &str| explain(&[&["--as", name][..], &documents].concat()).out;
    assert!(said("user:Ada@acme.example").contains(note), "{}", said("user:Ada@acme.example"));
    assert!(!said("user:ada@acme.example").contains(note) && !said("verified").contains(note));
    let room =
        |room: &str| explain(&[&["--as", "user:ada@acme.example", "--data-room", room][..], &documents].concat());
    assert_eq!(room("finance").code, 0);
    let unknown = room("saels");
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(unknown.err.contains("`saels` is not a data room of acme; did you mean `sales`?"), "{}", unknown.err);
    let row = explain(&["--as", "user:ada@acme.example", "--tool", "get_documents", "--row", "22"]);
    assert!(row.code == 2 && row.err.contains("cannot be used with"), "{row:?}");
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
