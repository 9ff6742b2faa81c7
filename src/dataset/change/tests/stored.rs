//! What is given is stored as the column's declared type says, and what would be stored as something else is refused.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use super::make;
use crate::catalog::{Change, ColumnType, TimeStorage};
use crate::dataset::cell::Cell;
use crate::dataset::face::Face;
use crate::dataset::tests::fixture::{World, column, dataset, everything};

const SQL: &str = "CREATE TABLE a (id INTEGER PRIMARY KEY, n REAL, d NUMERIC, flag BOOLEAN, at INTEGER, written TEXT,
    extra TEXT, picture BLOB, code NUMERIC, day REAL, title TEXT);
    CREATE TABLE named (id TEXT PRIMARY KEY, part TEXT);";

async fn world() -> (World, SqliteConnection) {
    let mut writable = dataset(
        "a",
        vec![
            column("id", ColumnType::Id),
            column("n", ColumnType::Number),
            column("d", ColumnType::Number),
            column("flag", ColumnType::Boolean),
            column("at", ColumnType::Time(TimeStorage::Unix)),
            column("written", ColumnType::Time(TimeStorage::Text)),
            column("extra", ColumnType::Json),
            column("picture", ColumnType::Bytes),
            column("code", ColumnType::Id),
            column("day", ColumnType::Time(TimeStorage::Julian)),
            column("title", ColumnType::Text),
        ],
    );
    writable.writable = BTreeSet::from(Change::ALL);
    let mut named = dataset("named", vec![column("id", ColumnType::Text), column("part", ColumnType::Text)]);
    named.writable = BTreeSet::from(Change::ALL);
    let world = World::new(SQL, vec![writable, named]).await;
    let connection = SqliteConnectOptions::new().filename(world.path()).connect().await.unwrap();
    (world, connection)
}

#[tokio::test]
async fn each_type_is_stored_in_its_form() {
    let (world, mut connection) = world().await;
    let face = Face::declared_for(world.dataset("a"), Change::Create);
    let asked = json!({ "id": "7", "n": 1, "d": 2.5, "flag": true, "at": "2026-11-25T18:00:00Z",
        "written": "2026-11-25T18:00:00+01:00", "extra": { "a": [1] }, "picture": "AP8=", "code": "A-7" });
    let row = make(&mut connection, &world.schema, (&face, &everything("a"), Change::Create), asked).await.unwrap();
    let expected = [
        Cell::Integer(7),
        Cell::Real(1.0),
        Cell::Real(2.5),
        Cell::Integer(1),
        Cell::Integer(1_795_629_600),
        Cell::Text("2026-11-25T17:00:00Z".to_owned()),
        Cell::Text("{\"a\":[1]}".to_owned()),
        Cell::Bytes(vec![0, 255]),
        Cell::Text("A-7".to_owned()),
    ];
    assert_eq!(row.unwrap()[..9], expected);
    // Nothing is given but what the database makes, and then all of it is taken away again.
    let row = make(&mut connection, &world.schema, (&face, &everything("a"), Change::Create), json!({})).await.unwrap();
    assert_eq!(row.unwrap()[..2], [Cell::Integer(8), Cell::Null]);
    let face = Face::declared_for(world.dataset("a"), Change::Update);
    let emptied = json!({ "id": "7", "n": null, "extra": null });
    let row = make(&mut connection, &world.schema, (&face, &everything("a"), Change::Update), emptied).await.unwrap();
    let row = row.unwrap();
    assert_eq!((&row[1], &row[2], &row[6]), (&Cell::Null, &Cell::Real(2.5), &Cell::Null));
}

#[tokio::test]
async fn what_the_database_would_turn_into_something_else_is_refused() {
    let (world, mut connection) = world().await;
    let face = Face::declared_for(world.dataset("a"), Change::Create);
    for (asked, expected) in [
        (
            json!({ "code": "007" }),
            "argument `code` is the text \"007\"; expected a text that the database would not store as a number",
        ),
        (json!({ "code": "1e3" }), "store as a number"),
        (json!({ "n": 9_007_199_254_740_993_i64 }), "a number that a floating-point number can hold exactly"),
        (json!({ "picture": "no base64!" }), "expected bytes as base64 text"),
        (json!({ "flag": 1 }), "expected true or false"),
        (json!({ "at": "soon" }), "expected a time as RFC 3339 text"),
        (json!({ "id": 7 }), "write \"7\""),
        // What would be read back as nothing, or as something else.
        (
            json!({ "at": "9999-12-30T22:00:00Z" }),
            "argument `at` is the text \"9999-12-30T22:00:00Z\"; expected a time from 0000-01-01T00:00:00Z to 9999-12-30T21:59:59Z",
        ),
        (json!({ "written": "-000001-01-01T00:00:00Z" }), "expected a time from 0000-01-01T00:00:00Z"),
        (json!({ "written": "2026-11-25T18:00:00.1234567Z" }), "expected a time to the microsecond"),
        (
            json!({ "day": "2026-11-25T18:00:00.000001Z" }),
            "expected a value that this column keeps as it is; it would be answered as \"2026-11-25T18:00:00Z\"",
        ),
        (json!({ "d": u64::MAX }), "argument `d` is the number 18446744073709551615; expected a number"),
        (json!({ "d": 18_446_744_073_709_551_616.0 }), "expected a whole number of 64 bits, or one below 2^63"),
        (
            json!({ "title": "a\u{0}b" }),
            "argument `title` is the text \"a\\0b\"; expected a text without the character U+0000",
        ),
        (json!({ "code": "a\nb" }), "expected an identifier without control characters"),
        (json!({ "code": "a\u{0}" }), "expected an identifier without control characters"),
    ] {
        let told = refused(&mut connection, &world, &face, asked.clone()).await;
        assert!(told.contains(expected), "{asked}: {told}");
    }
    // An identifier that prints as the number that it becomes is that number.
    let asked = json!({ "code": "12" });
    let row = make(&mut connection, &world.schema, (&face, &everything("a"), Change::Create), asked).await.unwrap();
    assert_eq!(row.unwrap()[8], Cell::Integer(12));
}

#[tokio::test]
async fn a_key_names_its_row_in_words_and_in_an_address() {
    let (world, mut connection) = world().await;
    let face = Face::declared_for(world.dataset("named"), Change::Create);
    for (key, expected) in [
        ("", "argument `id` is the text \"\"; expected an identifier of at least one character"),
        (".", "expected an identifier that can stand in an address, which `.` and `..` cannot"),
        ("..", "expected an identifier that can stand in an address, which `.` and `..` cannot"),
        ("a\u{0}b", "expected an identifier without control characters"),
        ("a\nb", "expected an identifier without control characters"),
    ] {
        let filter = everything("named");
        let made = make(&mut connection, &world.schema, (&face, &filter, Change::Create), json!({ "id": key })).await;
        let told = made.unwrap_err().to_string();
        assert!(told.contains(expected), "{key:?}: {told}");
    }
    // What is no key may be empty, and stand on several lines.
    for key in ["a/b", "...", "50 %", "日本", "?#"] {
        let asked = json!({ "id": key, "part": "" });
        let row =
            make(&mut connection, &world.schema, (&face, &everything("named"), Change::Create), asked).await.unwrap();
        assert_eq!(row.unwrap()[0], Cell::Text(key.to_owned()));
    }
}

async fn refused(connection: &mut SqliteConnection, world: &World, face: &Face, asked: Json) -> String {
    let made = make(connection, &world.schema, (face, &everything("a"), Change::Create), asked).await;
    made.unwrap_err().to_string()
}

/// Told apart, it would tell of a row that a trigger looked at and nobody here may see.
#[tokio::test]
async fn a_trigger_that_undoes_everything_refuses_like_any_other() {
    let (world, mut connection) = world().await;
    let trigger = "CREATE TRIGGER undone BEFORE INSERT ON a WHEN new.n = 1 BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    sqlx::query(trigger).execute(&mut connection).await.unwrap();
    let face = Face::declared_for(world.dataset("a"), Change::Create);
    for (n, made) in [(1, false), (2, true)] {
        let asked = json!({ "n": n });
        let row = make(&mut connection, &world.schema, (&face, &everything("a"), Change::Create), asked).await.unwrap();
        assert_eq!(row.is_some(), made, "{row:?}");
    }
}
