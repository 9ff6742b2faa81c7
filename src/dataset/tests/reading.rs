//! What each tool answers, and what it must not.

use serde_json::{Value as Json, json};

use super::fixture::{DOCUMENTS, World, column, dataset, documents, everything, name, object, tenant};
use crate::catalog::Operation;
use crate::catalog::{ColumnType, Search, TimeStorage};
use crate::dataset::preview::{PreviewError, preview};
use crate::dataset::{Face, InvalidCursor, PlanError, RunError, arguments};

async fn world() -> World {
    World::new(DOCUMENTS, vec![documents()]).await
}

fn ids(answer: &Json) -> Vec<&str> {
    answer["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_list_has_only_the_scope_s_rows_in_the_default_order() {
    let world = world().await;
    let answer = world.call(Operation::List, &tenant("documents", "acme"), json!({})).await;
    // "yesterday" is above every year as text; NULL is the smallest.
    assert_eq!(ids(&answer), ["5", "1", "2", "3"]);
    assert_eq!(answer["next_cursor"], Json::Null);
}

#[tokio::test]
async fn cells_are_answered_by_their_declared_type_and_absent_where_they_are_not_of_it() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    let first = world.call(Operation::Get, &acme, json!({ "id": "1" })).await;
    assert_eq!(
        first["row"],
        json!({
            "id": "1", "room": "finance", "title": "Budget plan", "body": "The \"quarterly\" budget",
            "classification": "internal", "amount": 12.5, "done": true, "updated_at": "2026-01-03T10:00:00Z",
            "extra": { "a": [1] }, "picture": "AP8=",
        })
    );
    let second = world.call(Operation::Get, &acme, json!({ "id": "2" })).await;
    assert_eq!(second["row"]["amount"].to_string(), "9007199254740993");
    assert_eq!(second["row"]["extra"], Json::Null);
    assert_eq!(second["row"]["updated_at"], "2026-01-02T10:00:00Z");
    let odd = world.call(Operation::Get, &acme, json!({ "id": "5" })).await;
    for column in ["amount", "done", "updated_at", "picture"] {
        assert_eq!(odd["row"][column], Json::Null, "{column}");
    }
    assert_eq!(odd["row"]["body"], "7", "a TEXT column turns a number into text by itself");
}

#[tokio::test]
async fn hidden_protected_and_unlisted_columns_are_not_in_answers() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    let list = world.call(Operation::List, &acme, json!({})).await;
    let columns: Vec<&String> = list["rows"][0].as_object().unwrap().keys().collect();
    let expected =
        ["id", "room", "title", "classification", "amount", "done", "updated_at", "extra"].map(str::to_owned);
    assert_eq!(columns, expected.iter().collect::<Vec<_>>());
    let row = world.call(Operation::Get, &acme, json!({ "id": "1" })).await;
    assert!(row["row"].get("secret").is_none() && row["row"].get("tenant_id").is_none());
    assert!(!row.to_string().contains("hush"));
}

#[tokio::test]
async fn a_row_of_another_tenant_is_neither_got_nor_listed_nor_counted_nor_found() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    assert_eq!(world.call(Operation::Get, &acme, json!({ "id": "4" })).await, Json::Null);
    assert_eq!(world.call(Operation::Get, &acme, json!({ "id": "999" })).await, Json::Null);
    assert_eq!(world.call(Operation::Count, &acme, json!({})).await, json!({ "count": 4 }));
    let filter = json!({ "filter": { "title": { "contains": "globex" } } });
    assert_eq!(world.call(Operation::Count, &acme, filter.clone()).await, json!({ "count": 0 }));
    assert_eq!(ids(&world.call(Operation::List, &acme, filter).await), [""; 0]);
    assert_eq!(ids(&world.call(Operation::Search, &acme, json!({ "query": "budget" })).await), ["1"]);
    let globex = tenant("documents", "globex");
    assert_eq!(ids(&world.call(Operation::Search, &globex, json!({ "query": "budget" })).await), ["4"]);
}

#[tokio::test]
async fn a_search_takes_every_word_as_a_word_and_looks_in_visible_columns_only() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    for (query, found) in [
        ("budget", vec!["1"]),
        ("budget quarterly", vec!["1"]),
        ("BUDGET soup", vec![]),
        ("contract OR soup", vec![]),
        ("title:contract", vec![]),
        ("contr*", vec![]),
        ("\"quarterly", vec!["1"]),
        ("zoë", vec!["2"]),
        // Indexed, but protected.
        ("hush", vec![]),
        ("-", vec![]),
        (") OR (", vec![]),
    ] {
        let answer = world.call(Operation::Search, &acme, json!({ "query": query })).await;
        assert_eq!(ids(&answer), found, "{query}");
    }
}

#[tokio::test]
async fn without_a_full_text_table_every_word_is_looked_for_in_every_searched_column() {
    let mut plain = documents();
    plain.search = Some(Search { columns: vec![name("title"), name("body"), name("secret")], fts: None });
    let world = World::new(DOCUMENTS, vec![plain]).await;
    let acme = tenant("documents", "acme");
    for (query, found) in
        [("budget", vec!["1"]), ("PLAN quarterly", vec!["1"]), ("plan soup", vec![]), ("hush", vec![]), ("%", vec![])]
    {
        let answer = world.call(Operation::Search, &acme, json!({ "query": query })).await;
        assert_eq!(ids(&answer), found, "{query}");
    }
}

#[tokio::test]
async fn filters_compare_by_type_and_never_match_a_cell_of_another_type() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    for (filter, found) in [
        (json!({ "id": { "eq": "2" } }), vec!["2"]),
        (json!({ "id": { "eq": "02" } }), vec![]),
        (json!({ "id": { "eq": "2.0" } }), vec![]),
        (json!({ "id": { "in": ["1", "3", "x", "4"] } }), vec!["1", "3"]),
        (json!({ "id": { "ne": "1" } }), vec!["5", "2", "3"]),
        (json!({ "room": { "eq": "FINANCE" } }), vec![]),
        (json!({ "room": { "ne": "finance" } }), vec!["2"]),
        (json!({ "room": { "is_null": true } }), vec!["3"]),
        (json!({ "room": { "is_null": false }, "done": { "eq": true } }), vec!["1"]),
        (json!({ "title": { "contains": "BUD" } }), vec!["1"]),
        (json!({ "title": { "contains": "%" } }), vec![]),
        (json!({ "classification": { "in": ["secret", "internal"] } }), vec!["1", "2"]),
        // Text is above every number for SQLite; row 5 has `much`.
        (json!({ "amount": { "gt": 0 } }), vec!["1", "2"]),
        (json!({ "amount": { "gte": 9_007_199_254_740_993_i64 } }), vec!["2"]),
        (json!({ "amount": { "gt": 9_007_199_254_740_993_i64 } }), vec![]),
        (json!({ "amount": { "lt": 12.5 } }), vec![]),
        (json!({ "amount": { "lte": 12.5 } }), vec!["1"]),
        (json!({ "amount": { "is_null": true } }), vec!["5", "3"]),
        (json!({ "done": { "eq": false } }), vec!["2"]),
        (json!({ "done": { "ne": true } }), vec!["2"]),
        (json!({ "done": { "is_null": true } }), vec!["5", "3"]),
        (json!({ "updated_at": { "eq": "2026-01-02T12:00:00+02:00" } }), vec!["2"]),
        (json!({ "updated_at": { "gte": "2026-01-02T10:00:00Z", "lt": "2026-01-03T10:00:00Z" } }), vec!["2"]),
        (json!({ "updated_at": { "gt": "2026-01-02T10:00:00Z" } }), vec!["1"]),
        (json!({ "updated_at": { "is_null": true } }), vec!["5", "3"]),
        (json!({ "extra": { "is_null": false } }), vec!["5", "1"]),
        (json!({ "picture": { "is_null": false } }), vec!["1"]),
    ] {
        let answer = world.call(Operation::List, &acme, json!({ "filter": filter })).await;
        assert_eq!(ids(&answer), found, "{filter}");
        let count = world.call(Operation::Count, &acme, json!({ "filter": filter })).await;
        assert_eq!(count["count"], found.len(), "{filter}");
    }
}

#[tokio::test]
async fn an_identifier_is_the_same_in_every_storage() {
    let sql = "
        CREATE TABLE whole (id INTEGER PRIMARY KEY, n TEXT);
        CREATE TABLE letters (id TEXT PRIMARY KEY NOT NULL, n TEXT);
        CREATE TABLE loose (id UNIQUE NOT NULL, n TEXT);
        CREATE TABLE uuid (id UUID UNIQUE NOT NULL, n TEXT);
        INSERT INTO whole VALUES (5, 'a'), (-1, 'b');
        INSERT INTO letters VALUES ('5', 'a'), ('05', 'b'), ('x', 'c');
        INSERT INTO loose VALUES (5, 'a'), ('05', 'b'), ('x', 'c'), (6.0, 'd');
        INSERT INTO uuid VALUES (5, 'a'), ('0x5', 'b'), ('x', 'c');
    ";
    let tables = ["whole", "letters", "loose", "uuid"];
    let datasets =
        tables.map(|table| dataset(table, vec![column("id", ColumnType::Id), column("n", ColumnType::Text)])).to_vec();
    let world = World::new(sql, datasets).await;
    for (table, id, found) in [
        ("whole", "5", Some("a")),
        ("whole", "05", None),
        ("whole", "-1", Some("b")),
        ("letters", "5", Some("a")),
        ("letters", "05", Some("b")),
        ("loose", "5", Some("a")),
        ("loose", "05", Some("b")),
        ("loose", "x", Some("c")),
        ("loose", "6", None),
        ("uuid", "5", Some("a")),
        ("uuid", "0x5", Some("b")),
        ("uuid", "5.0", None),
    ] {
        let answer = world.call(Operation::Get, &everything(table), json!({ "id": id })).await;
        assert_eq!(answer.pointer("/row/n").and_then(Json::as_str), found, "{table} {id}");
    }
}

#[tokio::test]
async fn times_are_rfc_3339_outside_however_they_are_stored() {
    let sql = "
        CREATE TABLE stamps (id INTEGER PRIMARY KEY, u INTEGER, m INTEGER, j REAL);
        INSERT INTO stamps VALUES
            (1, 1767434400, 1767434400250, julianday('2026-01-03T10:00:00.250Z')),
            (2, 'soon', 9e18, -1), (3, 1767434400.5, NULL, 2461043.5);
    ";
    let columns = vec![
        column("id", ColumnType::Id),
        column("u", ColumnType::Time(TimeStorage::Unix)),
        column("m", ColumnType::Time(TimeStorage::UnixMillis)),
        column("j", ColumnType::Time(TimeStorage::Julian)),
    ];
    let world = World::new(sql, vec![dataset("stamps", columns)]).await;
    let all = everything("stamps");
    let answer = world.call(Operation::List, &all, json!({})).await;
    let (exact, odd) = ("2026-01-03T10:00:00.25Z", Json::Null);
    assert_eq!(answer["rows"][0], json!({ "id": "1", "u": "2026-01-03T10:00:00Z", "m": exact, "j": exact }));
    assert_eq!(answer["rows"][1], json!({ "id": "2", "u": odd, "m": odd, "j": odd }));
    assert_eq!(answer["rows"][2]["u"], "2026-01-03T10:00:00.5Z");
    for (filter, found) in [
        (json!({ "u": { "eq": "2026-01-03T10:00:00Z" } }), vec!["1"]),
        (json!({ "u": { "gt": "2026-01-03T10:00:00Z" } }), vec!["3"]),
        (json!({ "u": { "is_null": true } }), vec!["2"]),
        (json!({ "m": { "eq": exact } }), vec!["1"]),
        (json!({ "j": { "eq": exact } }), vec!["1"]),
        (json!({ "j": { "lt": exact } }), vec!["3"]),
        (json!({ "m": { "is_null": true } }), vec!["2", "3"]),
    ] {
        let answer = world.call(Operation::List, &all, json!({ "filter": filter })).await;
        assert_eq!(ids(&answer), found, "{filter}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_same_person_and_question_only() {
    let world = world().await;
    let acme = tenant("documents", "acme");
    let page = world.call(Operation::List, &acme, json!({ "limit": 1 })).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = world.call(Operation::List, &acme, json!({ "limit": 2, "cursor": cursor })).await;
    assert_eq!(ids(&next), ["1", "2"], "the page size may change");

    for (operation, arguments) in [
        (Operation::List, json!({ "cursor": cursor, "order": ["title"] })),
        (Operation::List, json!({ "cursor": cursor, "filter": { "id": { "ne": "9" } } })),
        (Operation::Search, json!({ "cursor": cursor, "query": "budget" })),
        (Operation::List, json!({ "cursor": "garbage" })),
        (Operation::List, json!({ "cursor": "" })),
    ] {
        let refused = world.rows(operation, &acme, arguments.clone()).await;
        assert!(
            matches!(refused, Err(PreviewError::Plan(PlanError::Cursor(InvalidCursor)))),
            "{operation:?} {arguments}: {refused:?}"
        );
    }
    let request = arguments::parse(
        Face::declared(world.dataset("documents")),
        Operation::List,
        &object(json!({ "limit": 1, "cursor": cursor })),
    );
    let stranger = world.pager("test/bob");
    let refused = preview(&world.database, &world.schema, request.unwrap(), &acme, &stranger).await;
    assert!(matches!(refused, Err(PreviewError::Plan(PlanError::Cursor(InvalidCursor)))), "{refused:?}");
}

#[tokio::test]
async fn a_cursor_carries_no_scope_of_its_own() {
    let world = world().await;
    let page = world.call(Operation::List, &everything("documents"), json!({ "limit": 1 })).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = world.call(Operation::List, &tenant("documents", "globex"), json!({ "cursor": cursor })).await;
    assert_eq!(ids(&next), ["4"], "the rows are those of today's scope");
}

#[tokio::test]
async fn a_scope_of_another_dataset_makes_no_plan() {
    let sql = "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY);";
    let datasets = ["a", "b"].map(|table| dataset(table, vec![column("id", ColumnType::Id)])).to_vec();
    let world = World::new(sql, datasets).await;
    let request = arguments::parse(Face::declared(world.dataset("a")), Operation::List, &object(json!({}))).unwrap();
    let pager = world.pager("test/ada");
    let refused = preview(&world.database, &world.schema, request, &everything("b"), &pager).await;
    assert!(matches!(refused, Err(PreviewError::Plan(PlanError::AnotherDataset { .. }))), "{refused:?}");
}

#[tokio::test]
async fn two_rows_of_one_key_are_an_error_and_not_a_choice() {
    let sql = "CREATE TABLE loose (id UNIQUE, n TEXT); INSERT INTO loose VALUES (5, 'a'), ('5', 'b');";
    let columns = vec![column("id", ColumnType::Id), column("n", ColumnType::Text)];
    let world = World::new(sql, vec![dataset("loose", columns)]).await;
    let refused = world.rows(Operation::Get, &everything("loose"), json!({ "id": "5" })).await;
    assert!(matches!(refused, Err(PreviewError::Run(RunError::AmbiguousKey(_)))), "{refused:?}");
}

#[tokio::test]
async fn the_text_for_callers_never_has_the_database_s_own_words() {
    let (directory, settings) = super::fixture::file("CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT);").await;
    let database = crate::dataset::Database::open(&settings).await.unwrap();
    let columns = vec![column("id", ColumnType::Id), column("n", ColumnType::Text)];
    let catalog = super::fixture::catalog([dataset("a", columns)]);
    let (schema, _) = crate::dataset::check::check(&catalog, &database).await.unwrap();
    // The table goes away behind our back.
    let mut writer = sqlx::ConnectOptions::connect(
        &sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join("company.db")),
    )
    .await
    .unwrap();
    sqlx::raw_sql("DROP TABLE a").execute(&mut writer).await.unwrap();
    let dataset = &schema.relations[&name("a")].dataset;
    let request = arguments::parse(Face::declared(dataset), Operation::List, &object(json!({}))).unwrap();
    let key = crate::dataset::CursorKey::new([0; 32]);
    let tenant = "acme".parse().unwrap();
    let pager =
        crate::dataset::Pager { key: &key, random: &crate::random::OsRandom, principal: "test/ada", tenant: &tenant };
    let Err(PreviewError::Run(error)) = preview(&database, &schema, request, &everything("a"), &pager).await else {
        panic!("the table is gone")
    };
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.to_string(), "the read failed in the database");
    assert_eq!(source, "the statement failed");
    assert!(!RunError::SAFE.contains("table"));
}
