//! Who may do what, for people to review: `tests/snapshots/policy-matrix.txt` is what the policy files say,
//! `policy-matrix-live.txt` what the demo's people were really answered, each with their own token.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bailiwick::demo;
use serde_json::{Value, json};

use crate::cli::process::{matches_snapshot, run};
use crate::support::server::Server;

const PEOPLE: [&str; 5] = ["ada", "bob", "carol", "dave", "eve"];
const DATASETS: [&str; 5] = ["data_rooms", "documents", "invoice_lines", "invoices", "people"];

#[test]
fn the_policy_matrix_is_the_reviewed_one() {
    let directory = crate::cli::demo::prepared();
    let said = run(directory.path(), &["policy", "matrix"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
    matches_snapshot("policy-matrix.txt", &said.out);
    let acme = run(directory.path(), &["policy", "matrix", "--tenant", "acme"]).out;
    assert!(acme.contains("Tenant acme") && !acme.contains("globex"), "{acme}");
}

/// Every row of a dataset that a person is given, page by page.
async fn rows(server: &Server, token: &str, dataset: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let arguments =
            if cursor.is_null() { json!({ "limit": 200 }) } else { json!({ "limit": 200, "cursor": cursor }) };
        let page = server.client.tool(&format!("list_{dataset}"), arguments).token(token).send().await.structured();
        rows.extend(page["rows"].as_array().unwrap().iter().cloned());
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return rows;
        }
    }
}

/// Calls a tool with arguments that would be right; `None` where it is unknown to this person.
async fn called(server: &Server, token: &str, tool: &str, known: Option<&Value>) -> Option<Value> {
    let arguments = match tool.split_once('_') {
        Some(("get", dataset)) => {
            let key = if dataset == "invoice_line" || dataset == "invoice_lines" {
                &["invoice_id", "line_no"][..]
            } else {
                &["id"]
            };
            let value = |name: &&str| known.map_or(json!("1"), |row| row[*name].clone());
            Value::Object(key.iter().map(|name| ((*name).to_owned(), value(name))).collect())
        }
        Some(("search", _)) => json!({ "query": "the" }),
        _ if tool == "echo" => json!({ "text": "hello" }),
        _ => json!({}),
    };
    let answer = server.client.tool(tool, arguments).token(token).send().await;
    // Without arguments nothing is changed, and whoever may do it is told what is missing.
    if ["create_", "update_", "delete_"].iter().any(|word| tool.starts_with(word)) && answer.json()["error"].is_null() {
        assert!(answer.tool_error().contains(" is missing; expected "), "{answer:?}");
        return Some(json!({}));
    }
    if answer.json()["error"].is_null() {
        return Some(answer.structured());
    }
    assert_eq!(answer.protocol_error(), (-32602, format!("Unknown tool: {tool}")));
    None
}

/// The values of a column, in order.
fn distinct(rows: &[Value], column: &str) -> String {
    let values: BTreeSet<_> = rows.iter().filter_map(|row| row[column].as_str()).collect();
    values.into_iter().collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn everybody_is_answered_as_the_reviewed_matrix_says() {
    let server = Server::demo().await;
    let tokens: Vec<_> = PEOPLE.iter().map(|person| server.token(person)).collect();
    let mut listed: Vec<Vec<String>> = Vec::new();
    for token in &tokens {
        listed.push(server.client.tools(token).await);
    }
    let tools: BTreeSet<&String> = listed.iter().flatten().collect();
    let mut seen: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    for ((person, token), listed) in PEOPLE.iter().zip(&tokens).zip(&listed) {
        for dataset in DATASETS.iter().filter(|dataset| listed.contains(&format!("list_{dataset}"))) {
            seen.insert((person, dataset), rows(&server, token, dataset).await);
        }
    }

    let mut text = String::from(
        "What the people of the demo are answered, each with their own token (1,000 documents).\n\n\
         yes: called and answered. A number: the rows counted. -: not listed, and unknown when called.\n\n",
    );
    for (person, token) in PEOPLE.iter().zip(&tokens) {
        let who = called(&server, token, "whoami", None).await.unwrap();
        let names: Vec<_> = who["names"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        // Who it is stands before them, and that it is verified goes without saying.
        let own = ["subject:", "user:", "verified", "*"];
        let names: Vec<_> = names.into_iter().filter(|name| !own.iter().any(|own| name.starts_with(own))).collect();
        let clearance = demo::person(person).unwrap().clearance;
        let clearance = clearance.map_or("no clearance".to_owned(), |clearance| format!("clearance {clearance}"));
        writeln!(text, "{person} of {}, {clearance}:\n    {}", who["tenant"].as_str().unwrap(), names.join(", "))
            .unwrap();
    }
    write!(text, "\n{:<22}", "tool").unwrap();
    text.extend(PEOPLE.iter().map(|person| format!("{person:>8}")));
    for tool in &tools {
        write!(text, "\n{tool:<22}").unwrap();
        for ((person, token), listed) in PEOPLE.iter().zip(&tokens).zip(&listed) {
            let dataset = DATASETS.iter().find(|dataset| tool.starts_with("get_") && dataset.starts_with(&tool[4..]));
            let known = dataset.and_then(|dataset| seen.get(&(*person, *dataset))?.first());
            let answer = called(&server, token, tool, known).await;
            assert_eq!(answer.is_some(), listed.contains(tool), "{person}: {tool} is listed if and only if it answers");
            let cell = match &answer {
                None => "-".to_owned(),
                Some(answer) => answer["count"].as_i64().map_or("yes".to_owned(), |count| count.to_string()),
            };
            write!(text, "{cell:>8}").unwrap();
        }
    }
    text.push_str("\n\nrows that were given, and what is in them\n");
    for ((person, dataset), rows) in &seen {
        let token = &tokens[PEOPLE.iter().position(|name| name == person).unwrap()];
        let counted = called(&server, token, &format!("count_{dataset}"), None).await.unwrap();
        assert_eq!(counted["count"].as_u64(), u64::try_from(rows.len()).ok(), "{person}: {dataset}");
        writeln!(text, "\n{person}, {dataset}: {} rows", rows.len()).unwrap();
        for column in ["data_room_id", "classification", "owner_id"] {
            let values = distinct(rows, column);
            if !values.is_empty() && values.len() < 80 {
                writeln!(text, "    {column}: {values}").unwrap();
            }
        }
        let columns: BTreeSet<_> =
            rows.iter().flat_map(|row| row.as_object().unwrap().keys()).map(String::as_str).collect();
        writeln!(text, "    columns: {}", columns.into_iter().collect::<Vec<_>>().join(", ")).unwrap();
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    matches_snapshot("policy-matrix-live.txt", &text);
}
