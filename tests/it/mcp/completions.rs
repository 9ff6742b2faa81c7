//! Completions come from the caller's own rows, and from nothing else.

use std::collections::BTreeSet;

use bailiwick::store::audit::{Outcome, Verdict};
use serde_json::{Value, json};

use crate::isolation::{DATASETS, PEOPLE, Tables, caller, has};
use crate::support::client::Answer;
use crate::support::rows::Caller;
use crate::support::server::Server;
use crate::support::world::edit;

fn template(dataset: &str) -> String {
    match dataset {
        "invoice_lines" => "bailiwick://invoice_lines/{invoice_id}/{line_no}".to_owned(),
        name => format!("bailiwick://{name}/{{id}}"),
    }
}

async fn ask(caller: &Caller<'_>, template: &str, argument: (&str, &str), known: Value) -> Answer {
    let params = json!({
        "ref": { "type": "ref/resource", "uri": template },
        "argument": { "name": argument.0, "value": argument.1 },
        "context": { "arguments": known }
    });
    caller.client.rpc("completion/complete", params).token(&caller.token).send().await
}

fn values(answer: &Answer) -> (Vec<String>, bool) {
    let completion = answer.json()["result"]["completion"].clone();
    assert!(completion.get("total").is_none(), "a number would tell: {completion}");
    let values = completion["values"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let values = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    (values, completion["hasMore"].as_bool().unwrap_or(false))
}

/// The first column of a key as it is written in answers.
fn first(key: &str) -> &str {
    key.split_once('/').map_or(key, |(first, _)| first)
}

#[tokio::test]
async fn a_key_is_completed_from_the_rows_of_the_caller_and_no_others() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let (mut asked, mut more_than_shown) = (0, 0);
    for one in &PEOPLE {
        let caller = caller(&server, one);
        for (dataset, key) in DATASETS.into_iter().filter(|(dataset, _)| has(one, dataset)) {
            let own: BTreeSet<String> = tables.seen(one, dataset).iter().map(|key| first(key).to_owned()).collect();
            // The beginnings of what others see among them: they find what is one's own.
            let others = PEOPLE.iter().flat_map(|other| tables.seen(other, dataset)).map(|key| first(&key).to_owned());
            let begins: BTreeSet<String> = others.map(|key| key.chars().take(3).collect()).collect();
            for begin in begins.iter().take(12).map(String::as_str).chain(["", "zzz", "%", "_", "'"]) {
                let expected: BTreeSet<String> = own.iter().filter(|key| key.starts_with(begin)).cloned().collect();
                let (found, more) = values(&ask(&caller, &template(dataset), (key[0], begin), json!({})).await);
                let found_set: BTreeSet<String> = found.iter().cloned().collect();
                assert_eq!(found_set.len(), found.len(), "a value twice");
                assert_eq!(more, expected.len() > 100, "{}: {dataset} {begin}", one.name);
                if more {
                    assert!(found.len() == 100 && found_set.is_subset(&expected), "{}: {dataset} {begin}", one.name);
                    more_than_shown += 1;
                } else {
                    assert_eq!(found_set, expected, "{}: {dataset} {begin}", one.name);
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 200 && more_than_shown > 3, "{asked} and {more_than_shown}");
}

#[tokio::test]
async fn what_is_known_of_the_key_narrows_the_rest() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let (ada, bob) = (caller(&server, &PEOPLE[0]), caller(&server, &PEOPLE[1]));
    let lines = tables.seen(&PEOPLE[0], "invoice_lines");
    let hidden = lines.difference(&tables.seen(&PEOPLE[1], "invoice_lines")).next().unwrap().clone();
    let invoice = first(&hidden);
    let expected: BTreeSet<String> =
        lines.iter().filter(|key| first(key) == invoice).map(|key| key.split_once('/').unwrap().1.to_owned()).collect();
    let uri = template("invoice_lines");
    let of = async |caller: &Caller<'_>, known: Value| values(&ask(caller, &uri, ("line_no", ""), known).await).0;
    let found: BTreeSet<String> = of(&ada, json!({ "invoice_id": invoice })).await.into_iter().collect();
    assert_eq!(found, expected);
    assert_eq!(of(&bob, json!({ "invoice_id": invoice })).await, Vec::<String>::new(), "an invoice of somebody else");
    assert_eq!(of(&ada, json!({ "invoice_id": "A-99999" })).await, Vec::<String>::new());
    let of_number = values(&ask(&ada, &uri, ("invoice_id", ""), json!({ "line_no": "one" })).await);
    assert_eq!(of_number, (Vec::new(), false), "what no row can have leaves none");
}

#[tokio::test]
async fn a_template_that_is_hidden_is_as_unknown_as_one_that_does_not_exist() {
    let server = Server::demo_with(|directory| {
        edit(
            &directory.join("policies/policy.csv"),
            "# Take the",
            "p, user:bob@acme.example, acme, tool:list_people, call, true, deny\n# Take the",
        );
    })
    .await;
    let (eve, bob) = (caller(&server, &PEOPLE[4]), caller(&server, &PEOPLE[1]));
    let hidden = ask(&eve, &template("people"), ("id", "ada"), json!({})).await;
    let none = ask(&eve, &template("peop1e"), ("id", "ada"), json!({})).await;
    assert_eq!(hidden.protocol_error(), (-32602, "Unknown resource template: bailiwick://people/{id}".to_owned()));
    assert_eq!(hidden.text.replace("people", "peop1e"), none.text);
    let misspelt = ask(&eve, &template("documents"), ("ip", ""), json!({})).await;
    let text = "there is no argument `ip`; did you mean `id`?; there are: id";
    assert_eq!(misspelt.protocol_error(), (-32602, text.to_owned()));
    // Bob may get people and may not list them.
    let (found, more) = values(&ask(&bob, &template("people"), ("id", ""), json!({})).await);
    assert!(found.is_empty() && !more);

    let written = server.stop_and_read_decisions().await;
    let rows: Vec<_> = written
        .iter()
        .map(|row| (row.record.object.as_str(), row.record.tool.as_deref(), row.record.verdict, row.record.outcome))
        .collect();
    let through = Some("completion/complete");
    assert_eq!(
        rows,
        [
            ("dataset:people", through, Verdict::Deny, Outcome::Refused),
            ("resource:bailiwick://peop1e/{id}", None, Verdict::Deny, Outcome::Refused),
            ("dataset:people", through, Verdict::Deny, Outcome::Refused),
        ]
    );
}
