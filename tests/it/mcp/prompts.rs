//! Prompts: to each person their own, with the rows in them that this person may see.

use std::fs;

use bailiwick::store::audit::{Outcome, Verdict};
use serde_json::{Value, json};

use crate::isolation::{PEOPLE, Tables, caller};
use crate::support::client::Answer;
use crate::support::rows::Caller;
use crate::support::server::Server;
use crate::support::world::edit;

async fn get(caller: &Caller<'_>, name: &str, arguments: Value) -> Answer {
    let params = json!({ "name": name, "arguments": arguments });
    caller.client.modern("prompts/get", params).token(&caller.token).send().await
}

async fn listed(caller: &Caller<'_>) -> Vec<Value> {
    let answer = caller.client.modern("prompts/list", json!({})).token(&caller.token).send().await.json();
    assert_eq!(answer["result"]["cacheScope"], "private", "{answer}");
    answer["result"]["prompts"].as_array().unwrap().clone()
}

async fn complete(caller: &Caller<'_>, prompt: &str, argument: &str, begin: &str) -> Answer {
    let params = json!({
        "ref": { "type": "ref/prompt", "name": prompt }, "argument": { "name": argument, "value": begin }
    });
    caller.client.rpc("completion/complete", params).token(&caller.token).send().await
}

fn messages(answer: &Answer) -> Vec<Value> {
    let value = answer.json();
    value["result"]["messages"].as_array().unwrap_or_else(|| panic!("{value}")).clone()
}

#[tokio::test]
async fn a_prompt_holds_the_row_that_its_caller_reads_and_no_other() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let (ada, bob) = (caller(&server, &PEOPLE[0]), caller(&server, &PEOPLE[1]));
    let (of_ada, of_bob) = (tables.seen(&PEOPLE[0], "documents"), tables.seen(&PEOPLE[1], "documents"));
    let hidden: Vec<&String> = of_ada.difference(&of_bob).take(3).collect();
    assert_eq!(hidden.len(), 3);
    for id in hidden {
        let row = ada.call("get_documents", json!({ "id": id })).await.structured()["row"].clone();
        let said = messages(&get(&ada, "review_document", json!({ "document": id })).await);
        let text = format!(
            "Review “{}”, which is {}. Say what must be mended before it goes out.",
            row["title"].as_str().unwrap(),
            row["classification"].as_str().unwrap()
        );
        assert_eq!(said[0], json!({ "role": "user", "content": { "type": "text", "text": text } }));
        assert_eq!(said.len(), 2, "what speaks of a focus is left out: {said:?}");
        let resource = &said[1]["content"]["resource"];
        assert_eq!(resource["uri"], format!("bailiwick://documents/{id}"));
        assert_eq!((&resource["text"], &resource["mimeType"]), (&row["body"], &json!("text/plain")));

        // To Bob, a row that is Ada's is one that does not exist, and so is no row at all.
        let refused = get(&bob, "review_document", json!({ "document": id })).await;
        let text = "the argument `document` names no row of documents that this person may see";
        assert_eq!(refused.protocol_error(), (-32602, text.to_owned()));
        for none in ["999999999", "", "x"] {
            let other = get(&bob, "review_document", json!({ "document": none })).await;
            assert_eq!((other.status, other.text), (refused.status, refused.text.clone()), "{none}");
        }
    }
    let own = of_bob.first().unwrap();
    let said = messages(&get(&bob, "review_document", json!({ "document": own, "focus": "risks" })).await);
    assert_eq!(said[1]["content"]["text"], "Look at the risks above all.");
    assert_eq!(said.len(), 3);
}

#[tokio::test]
async fn who_has_no_line_has_no_prompt_and_cannot_tell_it_from_none() {
    let server = Server::demo().await;
    let mut with = Vec::new();
    for who in &PEOPLE {
        let caller = caller(&server, who);
        let prompts = listed(&caller).await;
        if !prompts.is_empty() {
            assert_eq!(prompts.len(), 1);
            assert_eq!(prompts[0]["name"], "review_document");
            let focus = json!({
                "name": "focus", "description": "What matters most. One of: figures, language, risks", "required": false
            });
            let document =
                json!({ "name": "document", "description": "The key of one of documents", "required": true });
            assert_eq!(prompts[0]["arguments"], json!([document, focus]));
            with.push(who.name);
            continue;
        }
        for (hidden, none) in [
            (
                get(&caller, "review_document", json!({ "document": "1" })).await,
                get(&caller, "review_d0cument", json!({ "document": "1" })).await,
            ),
            (
                complete(&caller, "review_document", "focus", "").await,
                complete(&caller, "review_d0cument", "focus", "").await,
            ),
        ] {
            assert_eq!(hidden.protocol_error(), (-32602, "Unknown prompt: review_document".to_owned()));
            assert_eq!(hidden.text.replace("review_document", "review_d0cument"), none.text);
        }
    }
    assert_eq!(with, ["ada", "bob", "dave"], "the members");
}

#[tokio::test]
async fn arguments_are_completed_from_the_callers_rows_and_the_declaration() {
    let server = Server::demo().await;
    let tables = Tables::read(&server.directory).await;
    let values = |answer: &Answer| answer.json()["result"]["completion"]["values"].clone();
    for who in [&PEOPLE[0], &PEOPLE[1], &PEOPLE[3]] {
        let caller = caller(&server, who);
        let own = tables.seen(who, "documents");
        for begin in ["1", "20", "999"] {
            let found = values(&complete(&caller, "review_document", "document", begin).await);
            let found = found.as_array().unwrap();
            let expected = own.iter().filter(|id| id.starts_with(begin)).count().min(100);
            assert_eq!(found.len(), expected, "{} {begin}", who.name);
            assert!(found.iter().all(|id| own.contains(id.as_str().unwrap())), "{} {begin}", who.name);
        }
        assert_eq!(
            values(&complete(&caller, "review_document", "focus", "").await),
            json!(["figures", "language", "risks"])
        );
        assert_eq!(values(&complete(&caller, "review_document", "focus", "r").await), json!(["risks"]));
        let wrong = complete(&caller, "review_document", "focs", "").await.protocol_error();
        let text = "there is no argument `focs`; did you mean `focus`?; there are: document, focus";
        assert_eq!(wrong, (-32602, text.to_owned()));
    }
}

#[tokio::test]
async fn wrong_arguments_are_named_and_everything_is_recorded() {
    let server = Server::demo().await;
    let ada = caller(&server, &PEOPLE[0]);
    let wrong = async |arguments| get(&ada, "review_document", arguments).await.protocol_error();
    let told = |text: &str| (-32602, text.to_owned());
    assert_eq!(wrong(json!({})).await, told("the argument `document` is missing; pass a text"));
    assert_eq!(wrong(json!({ "document": 1 })).await, told("the argument `document` must be a text"));
    let focus = wrong(json!({ "document": "1", "focus": "x" })).await;
    assert_eq!(focus, told("the argument `focus` must be one of: figures, language, risks"));
    let unknown = wrong(json!({ "dokument": "1" })).await;
    assert_eq!(unknown, told("there is no argument `dokument`; did you mean `document`?; there are: document, focus"));
    wrong(json!({ "document": "999999999" })).await;
    let _no_name = get(&ada, "nothing", json!({})).await.protocol_error();
    let written = server.stop_and_read_decisions().await;
    let rows: Vec<_> = written
        .iter()
        .map(|row| (row.record.object.as_str(), row.record.tool.as_deref(), row.record.verdict, row.record.outcome))
        .collect();
    let refused = ("prompt:review_document", None, Verdict::Allow, Outcome::BadArguments);
    let read = ("dataset:documents", Some("prompts/get"), Verdict::Allow, Outcome::Answered { rows: Some(0) });
    let unknown = ("prompt:nothing", None, Verdict::Deny, Outcome::Refused);
    let (told, rest) = rows.split_at(4);
    assert_eq!(told, [refused; 4]);
    assert!(rest.len() == 3 && rest.contains(&read) && rest.contains(&refused) && rest.contains(&unknown), "{rest:?}");
}

#[tokio::test]
async fn a_column_that_is_hidden_is_not_said_and_a_prompt_that_goes_is_told() {
    let server = Server::demo_with(|directory| {
        edit(
            &directory.join("policies/policy.csv"),
            "# Take the",
            "p, user:bob@acme.example, acme, column:documents/title, read, true, deny\n\
             p, user:bob@acme.example, acme, column:documents/body, read, true, deny\n# Take the",
        );
    })
    .await;
    let tables = Tables::read(&server.directory).await;
    let bob = caller(&server, &PEOPLE[1]);
    let id = tables.seen(&PEOPLE[1], "documents").first().unwrap().clone();
    let said = messages(&get(&bob, "review_document", json!({ "document": id })).await);
    assert!(
        said[0]["content"]["text"].as_str().unwrap().starts_with("Review “(not available)”, which is "),
        "{said:?}"
    );
    let row: Value = serde_json::from_str(said[1]["content"]["resource"]["text"].as_str().unwrap()).unwrap();
    assert!(row.get("title").is_none() && row.get("body").is_none() && row["id"] == *id, "{row}");

    let policy = server.policy();
    let text = fs::read_to_string(&policy).unwrap();
    let denial = "p, user:bob@acme.example, *, prompt:review_document, read, true, deny\n";
    let mut told =
        crate::support::stream::Stream::listening(&server, &bob.token, json!({ "promptsListChanged": true })).await;
    let ada = server.token("ada");
    let mut of_ada = crate::support::stream::Stream::listening(
        &server,
        &ada,
        json!({ "promptsListChanged": true, "resourcesListChanged": true }),
    )
    .await;
    fs::write(&policy, format!("{text}{denial}")).unwrap();
    told.until("notifications/prompts/list_changed").await;
    assert!(listed(&bob).await.is_empty());
    let welcome = "p, *, *, resource:static://welcome, read, true, deny\n";
    fs::write(&policy, format!("{text}{denial}{welcome}")).unwrap();
    of_ada.until("notifications/resources/list_changed").await;
    assert_eq!(of_ada.times("notifications/prompts/list_changed"), 0, "Ada's list of prompts is what it was");
}
