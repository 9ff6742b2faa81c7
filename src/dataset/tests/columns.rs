//! What becomes of columns that the policy takes away: they are gone from everything, or null and named where they are
//! hidden, and nothing that a caller can ask tells what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::fixture::{DOCUMENTS, World, documents, name, object, tenant};
use crate::catalog::Operation;
use crate::dataset::preview::{preview, statement};
use crate::dataset::{Face, arguments, describe};
use crate::model::Value;
use crate::policy::{ColumnRule, Columns, Operator, Predicate, Truth};

/// `documents` for somebody who may not read `room`, and `title` and `amount` only where they are in the finance room.
fn face(world: &World) -> Face {
    let finance = Predicate::Compare { column: name("room"), operator: Operator::Equal, value: Value::text("finance") };
    let always = Predicate::Known(Truth::True);
    // One by an allowance, one by a denial; both mean: only in the finance room.
    let allowed = ColumnRule { allow: vec![finance.clone()], deny: Vec::new() };
    let denied = ColumnRule { allow: vec![always], deny: vec![Predicate::Not(Box::new(finance))] };
    let dataset = world.dataset("documents");
    let mut columns = Columns::declared(dataset);
    for hidden in ["room", "title", "amount", "updated_at"] {
        assert!(columns.open.remove(hidden));
    }
    columns.masked = BTreeMap::from([(name("title"), allowed), (name("amount"), denied)]);
    Face::new(Arc::clone(dataset), Arc::new(columns))
}

async fn answer(world: &World, operation: Operation, arguments: Json) -> Json {
    let request = arguments::parse(face(world), operation, &object(arguments)).unwrap();
    let pager = world.pager("test/ada");
    let acme = tenant("documents", "acme");
    let rows = preview(&world.database, &world.schema, request, &acme, &pager).await.unwrap();
    rows.structured(&pager).unwrap().map_or(Json::Null, Json::Object)
}

fn refused(world: &World, operation: Operation, arguments: Json) -> String {
    arguments::parse(face(world), operation, &object(arguments)).unwrap_err().to_string()
}

async fn world() -> World {
    World::new(DOCUMENTS, vec![documents()]).await
}

#[tokio::test]
async fn a_masked_column_is_null_and_named_where_it_is_hidden_and_nowhere_else() {
    let world = world().await;
    let list = answer(&world, Operation::List, json!({})).await;
    let rows: Vec<String> = list["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {} {}", row["id"], row["title"], row["amount"], row["masked"]))
        .collect();
    assert_eq!(
        rows,
        [
            r#""1" "Budget plan" 12.5 []"#,
            r#""2" null null ["title","amount"]"#,
            // Its room is absent: what is not known opens nothing.
            r#""3" null null ["title","amount"]"#,
            // The amount is not a number, which is another thing than hidden.
            r#""5" "Odd row" null []"#,
        ]
    );
    let row = answer(&world, Operation::Get, json!({ "id": "2" })).await;
    assert_eq!((&row["row"]["title"], &row["row"]["masked"]), (&Json::Null, &json!(["title", "amount"])));
    assert_eq!(row["row"]["body"], "Between Acme and Zoë");
    let pages = answer(&world, Operation::Search, json!({ "query": "budget" })).await;
    assert_eq!(pages["rows"][0]["title"], "Budget plan");
}

#[tokio::test]
async fn who_sees_every_column_in_every_row_is_told_of_no_mask() {
    let world = world().await;
    let list = world.call(Operation::List, &tenant("documents", "acme"), json!({})).await;
    assert!(list["rows"][0].get("masked").is_none());
}

#[tokio::test]
async fn the_database_never_hands_over_what_is_masked() {
    let world = world().await;
    let request = arguments::parse(face(&world), Operation::Get, &object(json!({ "id": "2" }))).unwrap();
    let statement = statement(&world.schema, request, &tenant("documents", "acme"), &world.pager("test/ada")).unwrap();
    let (text, binds) = statement.parts();
    assert!(
        text.contains("CASE WHEN") && !text.contains("SELECT t.\"title\"") && !text.contains(", t.\"title\""),
        "{text}"
    );
    // Nobody selects what is denied outright; a condition of the policy may read it.
    assert!(!text.contains(", t.\"room\"") && !text.contains(", t.\"updated_at\""), "{text}");
    assert_eq!(text.matches('$').count(), binds.len());
}

#[tokio::test]
async fn nothing_can_be_asked_about_a_hidden_or_masked_column() {
    let world = world().await;
    for column in ["title", "amount", "room", "updated_at", "secret", "tenant_id"] {
        let mut told = Vec::new();
        for test in [json!({ "eq": "x" }), json!({ "is_null": true }), json!({ "contains": "B" }), json!({ "gt": 1 })] {
            for operation in [Operation::List, Operation::Count] {
                told.push(refused(&world, operation, json!({ "filter": { column: test } })));
            }
            told.push(refused(&world, Operation::Search, json!({ "query": "x", "filter": { column: test } })));
        }
        for order in [column.to_owned(), format!("-{column}")] {
            told.push(refused(&world, Operation::List, json!({ "order": [order] })));
        }
        told.push(refused(&world, Operation::Get, json!({ "id": "1", column: "x" })));
        for told in told {
            assert!(told.starts_with("unknown "), "{column}: {told}");
            // Neither suggested nor among the known ones.
            assert!(!told.replacen(column, "", 1).contains(column), "{column}: {told}");
        }
    }
}

#[tokio::test]
async fn a_search_finds_nothing_by_a_masked_column_not_even_where_it_is_shown() {
    for fts in [true, false] {
        let mut dataset = documents();
        if !fts {
            dataset.search.as_mut().unwrap().fts = None;
        }
        let world = World::new(DOCUMENTS, vec![dataset]).await;
        for (query, found) in [("plan", 0), ("Contract", 0), ("hush", 0), ("quarterly", 1), ("Soup", 1)] {
            let answer = answer(&world, Operation::Search, json!({ "query": query })).await;
            assert_eq!(answer["rows"].as_array().unwrap().len(), found, "{query}, fts {fts}");
        }
    }
}

#[tokio::test]
async fn the_order_and_the_cursor_know_nothing_of_a_hidden_column() {
    let world = world().await;
    // By default the newest come first (1, 2, 5, 3); whoever may not know when gets them by their key.
    let mut cursor = Json::Null;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let page = answer(&world, Operation::List, json!({ "limit": 1, "cursor": cursor })).await;
        seen.push(page["rows"][0]["id"].as_str().unwrap().to_owned());
        cursor = page["next_cursor"].clone();
    }
    assert_eq!((seen.join(" ").as_str(), &cursor), ("1 2 3 5", &Json::Null));
}

#[tokio::test]
async fn a_cursor_of_other_columns_is_no_cursor() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    let page = world.call(Operation::List, &acme, json!({ "limit": 1 })).await;
    let cursor = page["next_cursor"].clone();
    let request =
        arguments::parse(face(&world), Operation::List, &object(json!({ "limit": 1, "cursor": cursor }))).unwrap();
    let pager = world.pager("test/ada");
    let error = preview(&world.database, &world.schema, request, &acme, &pager).await.unwrap_err();
    assert!(error.to_string().contains("planned"), "{error}");
}

#[tokio::test]
async fn schemas_and_descriptions_are_those_of_the_face() {
    let world = world().await;
    let face = face(&world);
    for operation in face.operations() {
        let tool = describe::tool(operation, &face);
        let all = format!("{} {:?} {:?}", tool.description, tool.input_schema, tool.output_schema);
        for hidden in ["room", "updated_at", "secret", "tenant_id"] {
            assert!(!all.contains(&format!("`{hidden}`")), "{operation:?}: {hidden}: {all}");
            assert!(!all.contains(&format!("\"{hidden}\": ")), "{operation:?}: {hidden}: {all}");
        }
        assert!(!format!("{:?}", tool.input_schema).contains("amount"), "a masked column cannot be asked about");
        if operation != Operation::Count {
            assert!(tool.description.contains("`amount` (number; hidden in some rows)"), "{}", tool.description);
            let row = tool.output_schema["properties"]
                .get("row")
                .unwrap_or_else(|| &tool.output_schema["properties"]["rows"]["items"]);
            assert_eq!(row["properties"]["masked"]["items"]["enum"], json!(["title", "amount"]));
            assert!(row["required"].as_array().unwrap().contains(&json!("masked")));
        }
    }
}
