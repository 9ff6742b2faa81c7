//! A person is asked before something is lost, where the client can ask: in rounds, over a session, or not at all.

use std::time::Duration;

use bailiwick::store::audit::Outcome;
use serde_json::{Value, json};

use super::changes::{execute, writable};
use super::deletion::Deletion;
use super::subscriptions::writer;
use crate::support::client::Answer;
use crate::support::server::Server;
use crate::support::session::SESSION;
use crate::support::world::edit;

const DECLINED: &str = "Nothing was changed: the person did not confirm it.";

async fn server() -> Server {
    Server::demo_with(writable).await
}

/// The demo where nothing is lost without a person's word.
pub(super) async fn strict_server() -> Server {
    strict_server_with("").await
}

/// The same, with more in `[server]`.
pub(super) async fn strict_server_with(settings: &str) -> Server {
    Server::demo_with(|directory| {
        writable(directory);
        let (written, file) = ("writable = [\"create\", \"update\", \"delete\"]\n", directory.join("bailiwick.toml"));
        edit(&file, written, &format!("{written}confirm = \"required\"\n"));
        edit(&file, "[server]\n", &format!("[server]\n{settings}"));
    })
    .await
}

/// A call of 2026-07-28 by a client that can ask, with what it brings from the last round.
async fn call(server: &Server, token: &str, (tool, arguments): (&str, &Value), more: &Value) -> Answer {
    let mut params = json!({ "name": tool, "arguments": arguments, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" }
    } });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let call = server.client.rpc("tools/call", params).token(token).header("MCP-Protocol-Version", "2026-07-28");
    let call = call.header("Mcp-Method", "tools/call").header("Mcp-Name", tool);
    call.header("Accept", "application/json, text/event-stream").send().await
}

/// What a client brings in the next round.
fn brought(asked: &Value, answer: &Value) -> Value {
    let state = asked["requestState"].as_str().unwrap();
    json!({ "requestState": state, "inputResponses": { "confirm": answer } })
}

pub(super) fn yes() -> Value {
    json!({ "action": "accept", "content": { "confirm": true } })
}

/// A document of Ada's own.
pub(super) async fn document(server: &Server, title: &str) -> String {
    let arguments = json!({ "data_room_id": "finance", "owner_id": "ada@acme.example", "title": title, "body": "x",
        "classification": "internal", "updated_at": "2026-11-25T18:00:00Z" });
    let created = server.client.tool("create_documents", arguments).token(&server.token("ada")).send().await;
    created.structured()["row"]["id"].as_str().unwrap().to_owned()
}

pub(super) async fn is_there(server: &Server, id: &str) -> bool {
    let got = server.client.tool("get_documents", json!({ "id": id })).token(&server.token("ada")).send().await;
    !got.json()["result"]["isError"].as_bool().unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_waits_for_a_yes_to_exactly_this_by_exactly_this_person() {
    let server = server().await;
    let (ada, bob) = (server.token("ada"), server.token("bob"));
    let id = document(&server, "Lay\u{202e}off \"plan\"").await;
    let arguments = json!({ "id": id });
    let delete = ("delete_documents", &arguments);

    let asked = call(&server, &ada, delete, &json!({})).await.json()["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let question = &asked["inputRequests"]["confirm"];
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("form")));
    // Nothing in it hides or turns what stands beside it.
    let message =
        format!("Delete one of documents (id: “{id}”, title: “Lay\u{fffd}off \"plan\"”)? This cannot be undone here.");
    assert_eq!(question["params"]["message"], message);
    assert_eq!(question["params"]["requestedSchema"]["required"], json!(["confirm"]));
    assert!(is_there(&server, &id).await);

    // Whatever is not a yes to this is a no, or another question.
    for answer in [
        json!({ "action": "decline" }),
        json!({ "action": "cancel" }),
        json!({ "action": "accept" }),
        json!({ "action": "accept", "content": { "confirm": false } }),
        json!({ "action": "accept", "content": { "confirm": "true" } }),
    ] {
        let asked = call(&server, &ada, delete, &json!({})).await.json()["result"].clone();
        let told = call(&server, &ada, delete, &brought(&asked, &answer)).await;
        assert_eq!(told.tool_error(), DECLINED, "{answer}");
        let after_all = call(&server, &ada, delete, &brought(&asked, &yes())).await.json()["result"].clone();
        assert_eq!(after_all["resultType"], "input_required", "a question is answered once: {after_all}");
    }
    let other = document(&server, "Another").await;
    let elsewhere = json!({ "id": other });
    let forged = json!({ "requestState": "AAAA", "inputResponses": { "confirm": yes() } });
    let without_state = json!({ "inputResponses": { "confirm": yes() } });
    let changed = json!({ "id": id, "title": "x" });
    for (what, more) in [
        (("delete_documents", &elsewhere), brought(&asked, &yes())),
        (("update_documents", &changed), brought(&asked, &yes())),
        (delete, forged),
        (delete, without_state),
    ] {
        let again = call(&server, &ada, what, &more).await.json()["result"].clone();
        assert_eq!(again["resultType"], "input_required", "{what:?} {again}");
    }
    let stolen = call(&server, &bob, delete, &brought(&asked, &yes())).await;
    assert!(stolen.tool_error().starts_with("Nothing was deleted"), "{stolen:?}");
    assert!(is_there(&server, &id).await && is_there(&server, &other).await);

    let done = call(&server, &ada, delete, &brought(&asked, &yes())).await;
    assert_eq!(done.structured()["row"]["id"], json!(id));
    assert!(!is_there(&server, &id).await);

    let asked = call(&server, &ada, ("delete_documents", &elsewhere), &json!({})).await.json()["result"].clone();
    server.clock.advance(Duration::from_mins(11));
    let late = call(&server, &server.token("ada"), ("delete_documents", &elsewhere), &brought(&asked, &yes())).await;
    assert_eq!(late.json()["result"]["resultType"], "input_required", "a yes is not good for ever");

    let decisions = server.stop_and_read_decisions().await;
    let of_deletion = decisions
        .iter()
        .map(|decision| &decision.record)
        .filter(|record| record.action == "delete" && record.external_user.as_deref() == Some("ada@acme.example"));
    let outcomes: Vec<Outcome> = of_deletion.map(|record| record.outcome).collect();
    let mut expected = vec![Outcome::Asked];
    expected.extend([Outcome::Asked, Outcome::Declined, Outcome::Asked].repeat(5));
    expected.extend([Outcome::Asked; 3]);
    expected.extend([Outcome::Begun, Outcome::Changed, Outcome::Asked, Outcome::Asked]);
    assert_eq!(outcomes, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_what_is_not_there_and_a_new_row_needs_no_word() {
    let server = server().await;
    let ada = server.token("ada");
    let missing = json!({ "id": "987654321" });
    let told = call(&server, &ada, ("delete_documents", &missing), &json!({})).await.tool_error();
    assert!(told.starts_with("Nothing was deleted"), "{told}");
    let id = document(&server, "Old").await;
    let arguments = json!({ "id": id, "title": "New", "body": "y".repeat(100) });
    let asked = call(&server, &ada, ("update_documents", &arguments), &json!({})).await.json()["result"].clone();
    let message = asked["inputRequests"]["confirm"]["params"]["message"].as_str().unwrap().to_owned();
    let body = "y".repeat(80);
    let expected = format!(
        "Change one of documents (id: “{id}”, title: “Old”)? It will have title: “New” (now “Old”), \
         body: “{body}…” (100 characters) (now “x”)."
    );
    assert_eq!(message, expected);
    let done = call(&server, &ada, ("update_documents", &arguments), &brought(&asked, &yes())).await;
    assert_eq!(done.structured()["row"]["title"], "New");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_nothing_names_is_shown_by_its_first_columns() {
    let server = server().await;
    let ada = server.token("ada");
    let create = async |tool: &str, row: Value| server.client.tool(tool, row).token(&ada).send().await.structured();
    let invoice = json!({ "id": "A-1", "owner_id": "ada@acme.example", "customer": "Initech", "amount": 10.5,
        "currency": "EUR", "status": "draft", "issued_at": "2026-11-25T00:00:00Z" });
    create("create_invoices", invoice).await;
    let line = json!({ "invoice_id": "A-1", "line_no": 1, "description": "Advice", "quantity": 2, "unit_price": 10.5 });
    create("create_invoice_lines", line).await;
    let by_key = json!({ "invoice_id": "A-1", "line_no": 1 });
    let changed = json!({ "invoice_id": "A-1", "line_no": 1, "quantity": 3 });
    for (what, expected) in [
        (
            ("delete_invoice_lines", &by_key),
            "Delete one of invoice lines (invoice_id: “A-1”, line_no: 1, description: “Advice”, quantity: 2, \
             unit_price: 10.5)? This cannot be undone here.",
        ),
        (
            ("update_invoice_lines", &changed),
            "Change one of invoice lines (invoice_id: “A-1”, line_no: 1, description: “Advice”, unit_price: 10.5)? \
             It will have quantity: 3 (now 2).",
        ),
    ] {
        let asked = call(&server, &ada, what, &json!({})).await.json()["result"].clone();
        assert_eq!(asked["inputRequests"]["confirm"]["params"]["message"], expected);
    }
}

/// Changes a document behind the back of whoever was asked about it.
async fn retitle(server: &Server, id: &str, title: &str) {
    execute(&mut writer(server).await, &format!("UPDATE documents SET title = '{title}' WHERE id = {id}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_for_the_row_as_it_was_shown_and_counts_once() {
    let server = server().await;
    let ada = server.token("ada");
    let id = document(&server, "Draft").await;
    let by_key = json!({ "id": id });
    let changed = json!({ "id": id, "body": "y" });
    for what in [("update_documents", &changed), ("delete_documents", &by_key)] {
        let asked = call(&server, &ada, what, &json!({})).await.json()["result"].clone();
        retitle(&server, &id, "Contract").await;
        // Not what was shown: the person is asked about what it is now, and nothing was done meanwhile.
        let again = call(&server, &ada, what, &brought(&asked, &yes())).await.json()["result"].clone();
        assert_eq!(again["resultType"], "input_required", "{what:?} {again}");
        let message = again["inputRequests"]["confirm"]["params"]["message"].as_str().unwrap();
        assert!(message.contains("title: “Contract”"), "{message}");
        assert!(is_there(&server, &id).await);
        // It is not enough that the row becomes again what it was: that question has had its answer.
        retitle(&server, &id, "Draft").await;
        let replayed = call(&server, &ada, what, &brought(&asked, &yes())).await.json()["result"].clone();
        assert_eq!(replayed["resultType"], "input_required", "{what:?} {replayed}");
        let asked = call(&server, &ada, what, &json!({})).await.json()["result"].clone();
        call(&server, &ada, what, &brought(&asked, &yes())).await.structured();
    }
    assert!(!is_there(&server, &id).await);

    let decisions = server.stop_and_read_decisions().await;
    let outcomes: Vec<_> = decisions
        .iter()
        .map(|d| &d.record)
        .filter(|record| record.action == "delete")
        .map(|record| record.outcome)
        .collect();
    let asked_again =
        [Outcome::Asked, Outcome::Begun, Outcome::Unchanged, Outcome::Asked, Outcome::Asked, Outcome::Asked];
    assert_eq!(outcomes, [asked_again.as_slice(), &[Outcome::Begun, Outcome::Changed]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_ask_is_left_to_the_policy_unless_a_word_is_required() {
    let server = server().await;
    let ada = server.token("ada");
    let id = document(&server, "Here").await;
    let done = server.client.modern("tools/call", json!({ "name": "delete_documents", "arguments": { "id": id } }));
    assert_eq!(done.token(&ada).send().await.structured()["row"]["id"], json!(id));
    drop(server);

    let server = strict_server().await;
    let (ada, eve) = (server.token("ada"), server.token("eve"));
    let id = document(&server, "There").await;
    let params = json!({ "name": "delete_documents", "arguments": { "id": id } });
    for call in [server.client.modern("tools/call", params.clone()), server.client.rpc("tools/call", params.clone())] {
        let told = call.token(&ada).send().await.tool_error();
        assert!(told.starts_with("Nothing was changed: a person must confirm this, and this client cannot"), "{told}");
    }
    let hidden = server.client.modern("tools/call", params).token(&eve).send().await;
    assert_eq!(hidden.protocol_error().1, "Unknown tool: delete_documents");
    assert!(is_there(&server, &id).await);
    let arguments = json!({ "id": id });
    let asked = call(&server, &ada, ("delete_documents", &arguments), &json!({})).await.json()["result"].clone();
    call(&server, &ada, ("delete_documents", &arguments), &brought(&asked, &yes())).await.structured();
    assert!(!is_there(&server, &id).await);
}

/// A call over a session whose client is asked in the middle of it; how the call ends once this was answered. Where the row
/// is given another title before that, the client is asked twice.
async fn in_session(server: &Server, id: &str, answer: &Value, retitled: Option<&str>) -> Value {
    let mut deletion = Deletion::begin(server, "2025-11-25", id).await;
    let mut question = deletion.question().await;
    assert!(question["params"]["message"].as_str().unwrap().starts_with("Delete one of documents"), "{question}");
    let reply = |question: &Value| json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
    if let Some(title) = retitled {
        retitle(server, id, title).await;
        deletion.send(&reply(&question)).await;
        question = deletion.event(title).await;
        assert_eq!(question["method"], "elicitation/create", "{question}");
    }
    let reply = reply(&question);
    let stranger = server.client.post(reply.to_string()).token(&server.token("bob"));
    let stranger = stranger.header(SESSION, &deletion.session).send().await;
    assert_eq!(stranger.status, 404, "nobody answers in the place of another");
    let sent = deletion.send(&reply).await;
    assert!((200..300).contains(&sent.status), "{sent:?}");
    deletion.answer().await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_session_the_client_is_asked_in_the_middle_of_the_call() {
    let server = strict_server().await;
    let id = document(&server, "Session").await;
    let told = in_session(&server, &id, &json!({ "action": "decline" }), None).await;
    assert_eq!((&told["isError"], &told["content"][0]["text"]), (&json!(true), &json!(DECLINED)), "{told}");
    assert!(is_there(&server, &id).await);
    let done = in_session(&server, &id, &yes(), Some("Another by then")).await;
    let row = &done["structuredContent"]["row"];
    assert_eq!((&row["id"], &row["title"]), (&json!(id), &json!("Another by then")), "{done}");
    assert!(!is_there(&server, &id).await);
}
