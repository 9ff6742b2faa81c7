//! `create_`, `update_` and `delete_`: who may, what is stored, what is told, what is recorded.

use std::fs;
use std::path::Path;

use bailiwick::store::audit::{Outcome, Verdict};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::subscriptions::writer;
use crate::support::rows::Caller;
use crate::support::server::Server;
use crate::support::world::edit;

/// What is said of every document that was not changed.
const UNCHANGED: &str = "Nothing was changed: there is no such row, or this person may not change it, or not in this way, or \
                         what it would become does not fit what is there.";

/// Documents are writable in the demo. Here invoices are too, by their owner.
const LINES: &str = "\
p, role:member, *, dataset:invoices,      create, r.obj.owner_id == r.sub.external_id,                                     allow
p, role:member, *, dataset:invoice_lines, *,      true,                                                                     allow
";

/// Makes more of the demo writable.
pub(crate) fn writable(directory: &Path) {
    let (settings, policy) = (directory.join("bailiwick.toml"), directory.join("policies/policy.csv"));
    for (order, words) in [
        ("order = [\"-issued_at\"]", "[\"create\"]"),
        ("key = [\"invoice_id\", \"line_no\"]", "[\"create\", \"update\", \"delete\"]"),
    ] {
        edit(&settings, order, &format!("{order}\nwritable = {words}"));
    }
    fs::write(&policy, fs::read_to_string(&policy).unwrap() + LINES).unwrap();
}

pub(super) async fn server() -> Server {
    Server::demo_with(writable).await
}

pub(super) fn caller<'a>(server: &'a Server, person: &str) -> Caller<'a> {
    Caller { client: &server.client, token: server.token(person) }
}

pub(super) async fn execute(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

/// Every row of every table, to the letter.
pub(super) async fn everything(connection: &mut SqliteConnection) -> Vec<String> {
    let mut all = Vec::new();
    for (table, columns) in [
        ("documents", "id, tenant_id, data_room_id, owner_id, title, body, classification, updated_at"),
        ("invoices", "id, tenant_id, owner_id, customer, amount, currency, status, issued_at"),
        ("invoice_lines", "invoice_id, line_no, description, quantity, unit_price"),
        ("people", "id, tenant_id, name, salary"),
    ] {
        let letters: Vec<String> = columns.split(", ").map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY 1", letters.join(" || ' ' || "));
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.unwrap();
        all.extend(rows.into_iter().map(|row| format!("{table} {row}")));
    }
    all
}

pub(super) fn document(changes: &Value) -> Value {
    let mut document = json!({
        "data_room_id": "finance",
        "owner_id": "ada@acme.example",
        "title": "Budget 2027",
        "body": "As last year.",
        "classification": "internal",
        "updated_at": "2026-11-25T18:00:00Z"
    });
    let more = changes.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(more);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_created_changed_and_deleted_and_each_step_is_answered_as_it_is_stored() {
    let server = server().await;
    let ada = caller(&server, "ada");
    let mut db = writer(&server).await;
    execute(
        &mut db,
        "CREATE TRIGGER stamped AFTER UPDATE OF title ON documents BEGIN
             UPDATE documents SET updated_at = '2030-01-01T00:00:00Z' WHERE id = new.id; END",
    )
    .await;
    let created = ada.call("create_documents", document(&json!({}))).await.structured();
    let id = created["row"]["id"].as_str().unwrap().to_owned();
    assert_eq!(created["row"]["title"], "Budget 2027");
    assert!(created["row"].get("tenant_id").is_none(), "{created}");
    let tenant: String = sqlx::query_scalar("SELECT tenant_id FROM documents WHERE id = $1")
        .bind(id.parse::<i64>().unwrap())
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(tenant, "acme");

    let updated = ada.call("update_documents", json!({ "id": id, "title": "Budget 2028" })).await.structured();
    let row = &updated["row"];
    assert_eq!((&row["title"], &row["body"]), (&json!("Budget 2028"), &json!("As last year.")));
    // The trigger's word, not the caller's.
    assert_eq!(row["updated_at"], "2030-01-01T00:00:00Z");
    assert_eq!(ada.call("get_documents", json!({ "id": id })).await.structured()["row"], *row);

    let deleted = ada.call("delete_documents", json!({ "id": id })).await.structured();
    assert_eq!(deleted["row"], *row);
    assert!(ada.error("get_documents", json!({ "id": id })).await.contains("no such row"));
    assert!(ada.error("delete_documents", json!({ "id": id })).await.starts_with("Nothing was deleted"));

    let decisions = server.stop_and_read_decisions().await;
    let changes: Vec<_> = decisions
        .iter()
        .map(|decision| &decision.record)
        .filter(|record| record.object == "dataset:documents" && record.action != "read")
        .map(|record| (record.action.as_str(), record.outcome, record.changed.as_deref()))
        .collect();
    let given = Some("data_room_id, owner_id, title, body, classification, updated_at");
    let expected = [
        ("create", Outcome::Begun, given),
        ("create", Outcome::Changed, given),
        ("update", Outcome::Begun, Some("title")),
        ("update", Outcome::Changed, Some("title")),
        ("delete", Outcome::Begun, None),
        ("delete", Outcome::Changed, None),
        ("delete", Outcome::Begun, None),
        ("delete", Outcome::Unchanged, None),
    ];
    assert_eq!(changes, expected);
    let pairs: Vec<_> = decisions.iter().filter(|d| d.record.tool.as_deref() == Some("create_documents")).collect();
    assert_eq!(pairs[0].record.decision, pairs[1].record.decision, "two records of one decision");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_may_not_change_stays_to_the_letter_and_every_refusal_reads_the_same() {
    let server = server().await;
    let (ada, bob) = (caller(&server, "ada"), caller(&server, "bob"));
    let mut db = writer(&server).await;
    let hers = ada.call("create_documents", document(&json!({}))).await.structured()["row"]["id"].clone();
    let open_to_all = document(&json!({ "classification": "public" }));
    let public = ada.call("create_documents", open_to_all).await.structured()["row"]["id"].clone();
    let mine = document(&json!({ "data_room_id": "sales", "owner_id": "bob@acme.example" }));
    let his = bob.call("create_documents", mine.clone()).await.structured()["row"]["id"].clone();
    let before = everything(&mut db).await;

    // Out of sight, in sight and not his, not there at all.
    for id in [&hers, &public, &json!("987654321")] {
        assert_eq!(bob.error("update_documents", json!({ "id": id, "title": "Mine" })).await, UNCHANGED, "{id}");
        let deleted = bob.error("delete_documents", json!({ "id": id })).await;
        assert!(deleted.starts_with("Nothing was deleted: there is no such row, or this person may not"), "{deleted}");
    }
    // His own, moved into a room that is not his, given to somebody else, made secret, or to somebody who is not there.
    for moved in [
        json!({ "id": his, "data_room_id": "finance", "owner_id": "ada@acme.example" }),
        json!({ "id": his, "owner_id": "ada@acme.example" }),
        json!({ "id": his, "classification": "secret" }),
        json!({ "id": his, "owner_id": "nobody@acme.example" }),
    ] {
        assert_eq!(bob.error("update_documents", moved.clone()).await, UNCHANGED, "{moved}");
    }
    // A new row: in her room, hers, under the key of hers, under a key that is free but in a room that is not there.
    let mut refusals = Vec::new();
    for other in [
        json!({ "data_room_id": "finance" }),
        json!({ "owner_id": "ada@acme.example" }),
        json!({ "id": hers }),
        json!({ "id": his }),
        json!({ "data_room_id": "nowhere" }),
        json!({ "classification": "secret" }),
    ] {
        let mut row = mine.clone();
        row.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        refusals.push(bob.error("create_documents", row).await);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    // The tenant is nobody's to give, and what is not an argument is not known.
    let error = bob.error("create_documents", document(&json!({ "tenant_id": "globex" }))).await;
    assert!(error.starts_with("unknown argument `tenant_id`"), "{error}");
    assert_eq!(everything(&mut db).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_written_within_a_parent_that_is_in_sight_and_moved_into_no_other() {
    let server = server().await;
    let (ada, bob) = (caller(&server, "ada"), caller(&server, "bob"));
    let mut db = writer(&server).await;
    let invoice = |id: &str, owner: &str| {
        json!({ "id": id, "owner_id": owner, "customer": "Initech", "amount": 10.5, "currency": "EUR", "status": "draft",
                "issued_at": "2026-11-25T00:00:00Z" })
    };
    ada.call("create_invoices", invoice("A-1", "ada@acme.example")).await.structured();
    bob.call("create_invoices", invoice("B-1", "bob@acme.example")).await.structured();
    let line = |invoice: &str, number: u64| json!({ "invoice_id": invoice, "line_no": number, "description": "Advice", "quantity": 1, "unit_price": 10.5 });
    bob.call("create_invoice_lines", line("B-1", 1)).await.structured();
    ada.call("create_invoice_lines", line("A-1", 1)).await.structured();
    let before = everything(&mut db).await;
    let refused = bob.error("create_invoice_lines", line("A-1", 2)).await;
    assert!(refused.starts_with("Nothing was created"), "{refused}");
    // Her line by its key, taken and not: the same answer. So is an invoice that is not there.
    assert_eq!(bob.error("create_invoice_lines", line("A-1", 1)).await, refused);
    assert_eq!(bob.error("create_invoice_lines", line("none", 1)).await, refused);
    let by_key = json!({ "invoice_id": "A-1", "line_no": 1 });
    assert!(bob.error("delete_invoice_lines", by_key.clone()).await.starts_with("Nothing was deleted"));
    // The key of a row is not changed, so that a child cannot be moved.
    let error = bob.error("update_invoice_lines", json!({ "invoice_id": "A-1", "line_no": 1, "quantity": 9 })).await;
    assert_eq!(error, UNCHANGED);
    assert_eq!(everything(&mut db).await, before);
    // What is referred to is not deleted, whoever asks: the database says so, and the answer does not say why.
    assert!(!server.client.tools(&bob.token).await.contains(&"delete_invoices".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_has_no_such_tool_and_a_token_without_the_scope_is_challenged() {
    let server = server().await;
    let tools = |person: &'static str| {
        let token = server.token(person);
        async {
            let token = token;
            let mut tools = server.client.tools(&token).await;
            tools.retain(|tool| ["create_", "update_", "delete_"].iter().any(|word| tool.starts_with(word)));
            tools
        }
    };
    let all = [
        "create_documents",
        "create_invoice_lines",
        "create_invoices",
        "delete_documents",
        "delete_invoice_lines",
        "update_documents",
        "update_invoice_lines",
    ];
    assert_eq!(tools("bob").await, all);
    assert_eq!(tools("carol").await, [] as [&str; 0], "an auditor reads");
    assert_eq!(tools("eve").await, [] as [&str; 0]);
    let unknown = server.client.tool("delete_documents", json!({ "id": "1" })).token(&server.token("eve")).send().await;
    assert_eq!(unknown.protocol_error(), (-32602, "Unknown tool: delete_documents".to_owned()));

    let listed = server.client.rpc("tools/list", json!({})).token(&server.token("bob")).send().await.json();
    let of = |name: &str| {
        let tools = listed["result"]["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap().clone()
    };
    let create = of("create_documents");
    let hints = |tool: &Value| {
        let hints = &tool["annotations"];
        let hint = |name: &str| hints[name].as_bool().unwrap();
        (hint("readOnlyHint"), hint("destructiveHint"), hint("idempotentHint"), hint("openWorldHint"))
    };
    assert_eq!(hints(&create), (false, false, false, false));
    assert_eq!(hints(&of("update_documents")), (false, true, true, false));
    assert_eq!(hints(&of("delete_documents")), (false, true, true, false));
    let properties: Vec<_> = create["inputSchema"]["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(properties, ["id", "data_room_id", "owner_id", "title", "body", "classification", "updated_at"]);
    let needed = ["data_room_id", "owner_id", "title", "body", "classification"];
    assert_eq!(create["inputSchema"]["required"], json!(needed));

    let metadata = server.client.get("/.well-known/oauth-protected-resource/mcp").send().await.json();
    assert_eq!(metadata["scopes_supported"], json!(["mcp:read", "mcp:write"]));
    drop(server);

    let reading = Server::demo_with(|directory| {
        writable(directory);
        edit(&directory.join("bailiwick.toml"), "scopes = [\"mcp:read\", \"mcp:write\"]", "scopes = [\"mcp:read\"]");
    })
    .await;
    let token = reading.token("bob");
    assert!(reading.client.tools(&token).await.contains(&"create_documents".to_owned()), "listed whatever the scopes");
    let answer = reading.client.tool("create_documents", document(&json!({}))).token(&token).send().await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"mcp:write\""),
        "{challenge}"
    );
    let decisions = reading.stop_and_read_decisions().await;
    let refused = decisions.iter().map(|d| &d.record).find(|record| record.action == "create").unwrap();
    assert_eq!((refused.verdict, refused.reason.as_str(), refused.outcome), (Verdict::Deny, "scope", Outcome::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_of_its_type_and_what_is_wrong_with_it_is_said() {
    let server = server().await;
    let ada = caller(&server, "ada");
    for (change, expected) in [
        (json!({ "title": 7 }), "argument `title` is the number 7; expected a text"),
        (json!({ "title": null }), "argument `title` is null; expected a value; it cannot be empty"),
        (json!({ "id": "seven" }), ""),
        (
            json!({ "classification": "publik" }),
            "argument `classification` is the text \"publik\"; expected one of public, internal, secret; did you mean `public`?",
        ),
        (
            json!({ "updated_at": "yesterday" }),
            "argument `updated_at` is the text \"yesterday\"; expected a time as RFC 3339 text, such as \"2026-11-21T09:30:00Z\"",
        ),
        (
            json!({ "titel": "x" }),
            "unknown argument `titel`; did you mean `title`? Known here: id, data_room_id, owner_id, title, body, classification, updated_at",
        ),
        (
            json!({ "id": "1e3" }),
            "argument `id` is the text \"1e3\"; expected a text that the database would not store as a number",
        ),
    ] {
        let error = ada.error("create_documents", document(&change)).await;
        if expected.is_empty() {
            assert!(error.starts_with("Nothing was created"), "{error}");
        } else {
            assert_eq!(error, expected, "{change}");
        }
    }
    let mut incomplete = document(&json!({}));
    incomplete.as_object_mut().unwrap().remove("body");
    let error = ada.error("create_documents", incomplete).await;
    assert_eq!(error, "argument `body` is missing; expected a value: a new row needs it");
    let error = ada.error("update_documents", json!({ "id": "1" })).await;
    assert!(error.contains("at least one column to change: `data_room_id`"), "{error}");
}
