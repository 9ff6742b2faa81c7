//! What is taken is answered as it was given, whatever the column's type and whatever SQLite makes of it there.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::catalog::{ColumnType, TimeStorage};
use crate::dataset::cell::Cell;
use crate::dataset::change::value::{is_same, stored};
use crate::dataset::database::{Database, arguments};
use crate::dataset::relation::Affinity;
use crate::dataset::statement::{Bind, Statement};
use crate::dataset::tests::fixture::{column, file};
use crate::model::Timestamp;

const KINDS: [ColumnType; 10] = [
    ColumnType::Id,
    ColumnType::Text,
    ColumnType::Number,
    ColumnType::Boolean,
    ColumnType::Time(TimeStorage::Text),
    ColumnType::Time(TimeStorage::Unix),
    ColumnType::Time(TimeStorage::UnixMillis),
    ColumnType::Time(TimeStorage::Julian),
    ColumnType::Json,
    ColumnType::Bytes,
];

/// A column of each affinity.
const AFFINITIES: [(&str, Affinity); 5] = [
    ("t TEXT", Affinity::Text),
    ("i INTEGER", Affinity::Integer),
    ("r REAL", Affinity::Real),
    ("n NUMERIC", Affinity::Numeric),
    ("b BLOB", Affinity::Blob),
];

/// Texts that SQLite, or we, might take for something else.
const TEXTS: [&str; 20] = [
    "",
    " ",
    "0",
    "-0",
    "007",
    "12",
    "1e3",
    " 5 ",
    "5.0",
    ".5",
    "+7",
    "0x10",
    "inf",
    "nan",
    "a\u{0}b",
    "line\nline",
    "null",
    "9223372036854775807",
    "9223372036854775808",
    "AP8=",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(TEXTS.to_vec()).prop_map(ToOwned::to_owned),
        any::<String>(),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
    ]
}

/// Times of every year that can be written, many of them at the edges.
fn time() -> impl Strategy<Value = String> {
    let edges = [
        "-000001-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "0000-01-01T00:00:00.000001Z",
        "9999-12-30T21:59:59.999999Z",
        "9999-12-31T23:59:59Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-11-25T18:00:00.1234567Z",
        "2026-11-25T18:00:00+05:30",
    ];
    prop_oneof![
        proptest::sample::select(edges.to_vec()).prop_map(ToOwned::to_owned),
        (-62_200_000_000_000_000_i64..253_402_300_000_000_000)
            .prop_map(|micros| Timestamp::from_micros(micros).to_string()),
        (-62_200_000_000_i64..253_402_300_000).prop_map(|seconds| Timestamp::from_secs(seconds).to_string()),
    ]
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        any::<i64>().prop_map(|number| json!(number)),
        (-20_i64..20).prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        (-2_000_i32..2_000).prop_map(|cents| json!(f64::from(cents) / 100.0)),
        text().prop_map(|text| json!(text)),
        time().prop_map(|time| json!(time)),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Cell::Bytes(bytes).into_json(ColumnType::Bytes)),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => scalar(),
        1 => proptest::collection::vec(scalar(), 0..3).prop_map(Json::Array),
        1 => (text(), scalar()).prop_map(|(name, value)| json!({ name: value })),
    ]
}

#[tokio::test]
async fn what_is_taken_is_answered_as_it_was_given() {
    let (_directory, settings) = file("CREATE TABLE a (t TEXT, i INTEGER, r REAL, n NUMERIC, b BLOB)").await;
    let mut connection = SqliteConnectOptions::new().filename(&settings.path).connect().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut given: Vec<(ColumnType, Json)> = Vec::new();
    let mut taken = [[0; AFFINITIES.len()]; KINDS.len()];
    for round in 0..20_000 {
        let (kind, place) = (round % KINDS.len(), round / KINDS.len() % AFFINITIES.len());
        let ((declared, affinity), value) = (AFFINITIES[place], value().new_tree(&mut runner).unwrap().current());
        // As it comes from a client: a float keeps its last digit on the way.
        let read = serde_json::from_str(&value.to_string()).unwrap();
        let Ok(Some(bind)) = stored(&column("c", KINDS[kind]), affinity, round % 3 == 0, &read) else { continue };
        let name = &declared[..1];
        let insert = format!("INSERT INTO a ({name}) VALUES ($1)");
        let binds: Vec<Bind> = vec![bind];
        sqlx::query_with(AssertSqlSafe(insert), arguments(binds).unwrap()).execute(&mut *transaction).await.unwrap();
        taken[kind][place] += 1;
        given.push((KINDS[kind], value));
    }
    transaction.commit().await.unwrap();
    connection.close().await.unwrap();

    let mut all = Statement::default();
    all.sql("SELECT coalesce(t, i, r, n, b) FROM a ORDER BY rowid");
    let cells = Database::open(&settings).await.unwrap().fetch(all).await.unwrap();
    assert_eq!(cells.len(), given.len());
    for (cell, (kind, value)) in cells.into_iter().flatten().zip(&given) {
        let (shown, answered) = (format!("{cell:?}"), cell.into_json(*kind));
        assert!(
            is_same(*kind, value, &answered),
            "{kind:?}: {value} was taken, stored as {shown}, and answered as {answered}"
        );
    }
    // Each type has a column that takes it, and the plain ones take much.
    println!("{taken:?}");
    assert!(taken.iter().all(|places| places.iter().any(|count| *count > 10)), "{taken:?}");
}
