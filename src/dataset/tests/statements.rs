//! The statements, as a person can judge them: `tests/snapshots/sql/*.sql`. `BLESS=1` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::fixture::{DOCUMENTS, World, documents, name, tenant};
use crate::catalog::Operation;
use crate::dataset::{Bind, Statement};
use crate::model::Value;
use crate::policy::{Predicate, RowFilter};

fn rooms(rooms: &[&str]) -> RowFilter {
    let values = rooms.iter().map(Value::text).collect();
    RowFilter { allow: vec![Predicate::In { column: name("room"), values }], ..tenant("documents", "acme") }
}

#[tokio::test]
async fn statements_are_as_reviewed() {
    let world = World::new(DOCUMENTS, vec![documents()]).await;
    let acme = tenant("documents", "acme");
    let page = world.call(Operation::List, &acme, json!({ "limit": 1 })).await;
    let mixed = json!(["title", "-amount"]);
    let second = world.call(Operation::List, &acme, json!({ "limit": 1, "order": mixed })).await;
    let cases: [(&str, Operation, &RowFilter, Json); 10] = [
        ("get", Operation::Get, &acme, json!({ "id": "1" })),
        ("list", Operation::List, &acme, json!({})),
        ("list_next_page", Operation::List, &acme, json!({ "limit": 1, "cursor": page["next_cursor"] })),
        (
            "list_mixed_directions",
            Operation::List,
            &acme,
            json!({ "limit": 1, "order": mixed, "cursor": second["next_cursor"] }),
        ),
        ("list_rooms", Operation::List, &rooms(&["finance", "legal"]), json!({})),
        ("list_rooms_in_another_order", Operation::List, &rooms(&["finance", "legal"]), json!({ "order": ["title"] })),
        (
            "list_filters",
            Operation::List,
            &acme,
            json!({ "filter": {
                "id": { "in": ["1", "x"] },
                "title": { "contains": "a\"; DROP TABLE documents; --" },
                "amount": { "gte": 1, "lt": 2.5 },
                "done": { "ne": true },
                "updated_at": { "gte": "2026-01-01T00:00:00Z" },
                "extra": { "is_null": true },
            } }),
        ),
        ("search", Operation::Search, &acme, json!({ "query": "\"quarterly budget\" OR x" })),
        ("count", Operation::Count, &acme, json!({})),
        ("count_filter", Operation::Count, &acme, json!({ "filter": { "room": { "eq": "finance" } } })),
    ];
    for (file, operation, filter, arguments) in cases {
        reviewed(file, &world.statement(operation, filter, arguments));
    }
}

/// Compares a statement with the one that was reviewed.
pub(in crate::dataset) fn reviewed(file: &str, statement: &Statement) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/sql");
    let (text, binds) = statement.parts();
    assert!(!text.contains("DROP"), "a value is in the text: {text}");
    let mut shown = text.replace(" FROM ", "\nFROM ").replace(" AND (", "\n  AND (");
    shown = shown.replace(" ORDER BY ", "\nORDER BY ").replace(" LIMIT ", "\nLIMIT ");
    shown = shown.replace(" UNION ALL ", "\nUNION ALL\n");
    shown.push('\n');
    for (index, bind) in binds.iter().enumerate() {
        let bind = match bind {
            Bind::Text(text) => format!("{text:?}"),
            Bind::Integer(integer) => integer.to_string(),
            Bind::Real(real) => format!("{real:?}"),
            Bind::Bytes(bytes) => format!("{bytes:?}"),
        };
        writeln!(shown, "-- ${} = {bind}", index + 1).unwrap();
    }
    let path = directory.join(format!("{file}.sql"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(&path, &shown).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, reviewed, "{}: review it and run again with BLESS=1", path.display());
}

#[tokio::test]
async fn every_statement_begins_its_conditions_with_the_row_filter() {
    let world = World::new(DOCUMENTS, vec![documents()]).await;
    let acme = tenant("documents", "acme");
    for (operation, arguments) in [
        (Operation::List, json!({ "filter": { "id": { "eq": "1" } } })),
        (Operation::Get, json!({ "id": "1" })),
        (Operation::Search, json!({ "query": "budget" })),
        (Operation::Count, json!({ "filter": { "title": { "eq": "x" } } })),
    ] {
        let statement = world.statement(operation, &acme, arguments);
        let (text, binds) = statement.parts();
        let (_, conditions) = text.split_once(" WHERE (").unwrap();
        assert!(conditions.trim_start_matches('(').starts_with("\"t\".\"tenant_id\""), "{text}");
        assert_eq!(binds[0], Bind::Text("acme".into()));
        assert_eq!(text.matches('$').count(), binds.len(), "{text}");
    }
}
