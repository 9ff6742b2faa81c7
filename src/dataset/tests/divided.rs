//! Pages that are divided into index searches: the same rows in the same order as undivided, and by an index each.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, Row as _};

use super::fixture::{World, column, dataset, descending, name, tenant};
use super::statements::reviewed;
use crate::catalog::{ColumnType, Dataset, Operation, RoomRule, TenantRule, TimeStorage};
use crate::dataset::{Bind, Statement};
use crate::model::Value;
use crate::policy::{Operator, ParentFilter, Predicate, RowFilter};

/// Documents with many equal times, so that the key has to end the order, and some that are in no room.
fn company(order: &str, rooms: usize) -> String {
    format!(
        "CREATE TABLE documents (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, room TEXT, owner TEXT,
            level TEXT, updated_at TEXT {order});
         CREATE TABLE rooms (id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL);
         CREATE INDEX documents_by_time ON documents (tenant_id, updated_at DESC, id DESC);
         CREATE INDEX documents_by_room ON documents (tenant_id, room, updated_at DESC, id DESC);
         CREATE INDEX documents_by_owner ON documents (tenant_id, owner, updated_at DESC, id DESC);
         CREATE INDEX rooms_by_tenant ON rooms (tenant_id, id);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
         INSERT INTO documents SELECT i, CASE i % 5 WHEN 0 THEN 'globex' ELSE 'acme' END,
            CASE i % 11 WHEN 0 THEN NULL ELSE 'r' || (37 * i % {rooms}) END, CASE i % 7 WHEN 0 THEN NULL ELSE 'p' || (i % 4) END,
            CASE i % 3 WHEN 0 THEN 'secret' WHEN 1 THEN 'public' END, '2026-01-01T00:00:' || (10 + i % 7) || 'Z' FROM n;
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rooms})
         INSERT INTO rooms SELECT 'r' || i, 'acme' FROM n;"
    )
}

fn documents() -> Dataset {
    let columns = vec![
        column("id", ColumnType::Id),
        column("tenant_id", ColumnType::Text),
        column("room", ColumnType::Id),
        column("owner", ColumnType::Id),
        column("level", ColumnType::Text),
        column("updated_at", ColumnType::Time(TimeStorage::Text)),
    ];
    Dataset {
        tenant: TenantRule::Column(name("tenant_id")),
        data_room: RoomRule::Column(name("room")),
        order: vec![descending("updated_at")],
        ..dataset("documents", columns)
    }
}

async fn world(order: &str, count: usize) -> World {
    let rooms = Dataset {
        tenant: TenantRule::Column(name("tenant_id")),
        ..dataset("rooms", vec![column("id", ColumnType::Id), column("tenant_id", ColumnType::Text)])
    };
    World::new(&company(order, count), vec![documents(), rooms]).await
}

fn rooms(numbers: impl Iterator<Item = usize>) -> Predicate {
    Predicate::In { column: name("room"), values: numbers.map(|room| Value::text(format!("r{room}"))).collect() }
}

fn owners(numbers: impl Iterator<Item = usize>) -> Predicate {
    Predicate::In { column: name("owner"), values: numbers.map(|owner| Value::text(format!("p{owner}"))).collect() }
}

fn own() -> Predicate {
    Predicate::Compare { column: name("owner"), operator: Operator::Equal, value: Value::text("p1") }
}

fn secret() -> Predicate {
    Predicate::Compare { column: name("level"), operator: Operator::Equal, value: Value::text("secret") }
}

fn filter(allow: Vec<Predicate>, deny: Vec<Predicate>) -> RowFilter {
    RowFilter { allow, deny, ..tenant("documents", "acme") }
}

/// Every shape that a policy makes, with whether its pages are divided.
fn shapes() -> Vec<(&'static str, RowFilter, bool)> {
    let within = |parent: RowFilter| {
        let by = vec![(name("room"), name("id"))];
        RowFilter { parent: Some(ParentFilter { by, filter: parent.into() }), ..tenant("documents", "acme") }
    };
    let ids = Predicate::In { column: name("id"), values: ["r3", "r4"].map(Value::text).into() };
    let two_rooms = RowFilter { allow: vec![ids], ..tenant("rooms", "acme") };
    let public = Predicate::Not(Box::new(secret()));
    let secret_own = Predicate::All(vec![own(), secret()]);
    vec![
        ("everything", tenant("documents", "acme"), false),
        ("one room", filter(vec![rooms(1..2)], vec![]), false),
        ("four rooms", filter(vec![rooms(1..5)], vec![]), true),
        ("a room twice", filter(vec![rooms([1, 1, 2].into_iter())], vec![]), true),
        ("fifty rooms", filter(vec![rooms(1..51)], vec![]), true),
        ("five hundred rooms", filter(vec![rooms(0..500)], vec![]), true),
        ("own", filter(vec![own()], vec![]), false),
        ("own or rooms", filter(vec![rooms(1..5), own()], vec![]), true),
        ("own or fifty rooms", filter(vec![own(), rooms(1..51)], vec![]), true),
        ("two lists of rooms", filter(vec![rooms(1..40), rooms(30..70)], vec![]), true),
        ("many owners or many rooms", filter(vec![owners(0..40), rooms(1..51), secret_own], vec![]), true),
        ("rooms but no secrets", filter(vec![rooms(1..5)], vec![secret()]), true),
        ("fifty rooms but no secrets", filter(vec![rooms(1..51), own()], vec![secret()]), true),
        ("public of the rooms", filter(vec![Predicate::All(vec![rooms(1..5), public.clone()]), own()], vec![]), true),
        ("public of fifty rooms", filter(vec![Predicate::All(vec![public.clone(), rooms(1..51)])], vec![]), true),
        ("what no index finds", filter(vec![rooms(1..51), public], vec![]), false),
        ("within two rooms", within(two_rooms), true),
        ("within every room", within(tenant("rooms", "acme")), true),
        ("own within every room", RowFilter { allow: vec![own()], ..within(tenant("rooms", "acme")) }, false),
    ]
}

/// Every row of a filter, in the order of its pages.
async fn walked(world: &World, filter: &RowFilter, arguments: Json) -> Vec<i64> {
    let mut found = Vec::new();
    let mut arguments = arguments;
    loop {
        let page = world.call(Operation::List, filter, arguments.clone()).await;
        found.extend(
            page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().parse::<i64>().unwrap()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = json!(cursor),
            None => return found,
        }
    }
}

#[tokio::test]
async fn divided_pages_have_the_rows_of_undivided_ones() {
    // The last has more rooms than are searched for one by one where they are the parents.
    for (order, count) in [("NOT NULL", 60), ("", 60), ("NOT NULL", 600)] {
        let world = world(order, count).await;
        for (shape, filter, _) in shapes() {
            for narrowed in [json!({}), json!({ "level": { "eq": "public" } })] {
                // No index serves this order, so the filter stands as it is.
                let whole =
                    json!({ "limit": 100, "order": ["-updated_at", "level", "-id"], "filter": narrowed.clone() });
                let expected: BTreeSet<i64> = walked(&world, &filter, whole).await.into_iter().collect();
                let found = walked(&world, &filter, json!({ "limit": 7, "filter": narrowed })).await;
                let mut sorted: Vec<i64> = expected.into_iter().collect();
                sorted.sort_by_key(|id| std::cmp::Reverse((id % 7, *id)));
                assert!(!sorted.is_empty(), "{shape}");
                assert_eq!(found, sorted, "{shape} {order} {count}");
            }
        }
    }
}

async fn plan(world: &World, statement: &Statement) -> Vec<String> {
    let (text, binds) = statement.parts();
    let mut arguments = SqliteArguments::default();
    for bind in binds {
        match bind {
            Bind::Text(text) => arguments.add(text.to_string()).unwrap(),
            Bind::Integer(integer) => arguments.add(*integer).unwrap(),
            Bind::Real(real) => arguments.add(*real).unwrap(),
            Bind::Bytes(bytes) => arguments.add(bytes.clone()).unwrap(),
        }
    }
    let mut connection = SqliteConnectOptions::new().filename(world.path()).connect().await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
    let rows = sqlx::query_with(explain, arguments).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn an_index_serves_every_shape() {
    let world = world("NOT NULL", 60).await;
    for (shape, filter, divided) in shapes() {
        let first = world.call(Operation::List, &filter, json!({ "limit": 2 })).await;
        for arguments in [json!({}), json!({ "limit": 2, "cursor": first["next_cursor"] })] {
            let statement = world.statement(Operation::List, &filter, arguments);
            let (text, _) = statement.parts();
            let steps = plan(&world, &statement).await;
            let scan = steps.iter().find(|step| step.starts_with("SCAN t") || step.starts_with("SCAN within"));
            assert_eq!(scan, None, "{shape}\n{text}\n{steps:#?}");
            // A merge and a queue need no sorting; only the rows of a queue, a page of them, are put in order at the end.
            let is_divided = text.contains(" UNION ALL ");
            assert_eq!(is_divided, divided, "{shape}\n{text}");
            let in_time =
                steps.iter().filter(|step| step.starts_with("SEARCH t USING INDEX documents_by_time")).count();
            // Parents that turn out to be too many leave the order of time, and that alone.
            let expected = usize::from(text.contains("page parents"));
            assert!(!divided || in_time == expected, "{shape} reads the whole tenant\n{text}\n{steps:#?}");
        }
    }
}

#[tokio::test]
async fn divided_statements_are_as_reviewed() {
    let world = world("NOT NULL", 60).await;
    let shapes = shapes();
    let files = [
        ("list_own_or_rooms", "own or rooms"),
        ("list_many_rooms", "fifty rooms"),
        ("list_own_or_many_rooms", "own or fifty rooms"),
        ("list_within", "within two rooms"),
    ];
    for (file, shape) in files {
        let (_, filter, _) = shapes.iter().find(|(name, ..)| *name == shape).unwrap();
        reviewed(file, &world.statement(Operation::List, filter, json!({})));
    }
}

#[tokio::test]
async fn the_statement_does_not_grow_with_the_rooms() {
    let world = world("NOT NULL", 60).await;
    let text = |count| {
        let statement = world.statement(Operation::List, &filter(vec![rooms(0..count)], vec![]), json!({}));
        statement.parts().0.to_owned()
    };
    assert_eq!(text(50), text(5_000));
    assert!(text(32).matches("UNION ALL").count() == 31);
}
