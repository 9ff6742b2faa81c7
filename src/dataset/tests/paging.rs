//! Pages, put together, are the unpaged result: for NULLs, duplicates, mixed directions and every storage class.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

use super::fixture::{World, column, dataset, descending, everything, name};
use crate::catalog::Operation;
use crate::catalog::{ColumnType, Dataset, RoomRule, TimeStorage};
use crate::model::Value;
use crate::policy::{Predicate, RowFilter};

/// SQL literals that collide, differ only in storage class, or stand at the ends of the order.
const LITERALS: [&str; 12] =
    ["NULL", "NULL", "0", "1", "1.5", "-1", "''", "'a'", "'A'", "'1'", "x'61'", "CAST(x'ff61' AS TEXT)"];

fn literal() -> impl Strategy<Value = &'static str> {
    (0..LITERALS.len()).prop_map(|index| LITERALS[index])
}

fn order() -> impl Strategy<Value = Vec<String>> {
    let columns = Just(["a", "b", "c", "id"].map(str::to_owned).to_vec()).prop_shuffle();
    (columns, vec(any::<bool>(), 4), 0..=4_usize).prop_map(|(columns, signs, length)| {
        let terms = columns.into_iter().zip(signs).take(length);
        terms.map(|(column, minus)| if minus { format!("-{column}") } else { column }).collect()
    })
}

async fn pages(world: &World, filter: &RowFilter, order: &[String], limit: usize) -> (Vec<String>, usize) {
    let (mut ids, mut count, mut cursor) = (Vec::new(), 0, Json::Null);
    loop {
        let mut arguments = json!({ "limit": limit, "cursor": cursor });
        if !order.is_empty() {
            arguments["order"] = json!(order);
        }
        let answer = world.call(Operation::List, filter, arguments).await;
        let rows = answer["rows"].as_array().unwrap();
        assert!(rows.len() <= limit);
        ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        count += 1;
        assert!(count < 200, "the pages do not end");
        if answer["next_cursor"].is_null() {
            return (ids, count);
        }
        cursor = answer["next_cursor"].clone();
    }
}

#[test]
fn pages_put_together_are_the_unpaged_result() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner =
        TestRunner::new_with_rng(Config { cases: 120, failure_persistence: None, ..Config::default() }, rng);
    let strategy = (vec((literal(), literal(), literal()), 0..25), order(), 1..8_usize);
    let outcome = runner.run(&strategy, |(rows, order, limit)| {
        // One column converts nothing, one converts to text, one is never NULL.
        let mut sql = "CREATE TABLE rows (id INTEGER PRIMARY KEY, a, b TEXT, c NUMERIC NOT NULL);".to_owned();
        for (index, (a, b, c)) in rows.iter().enumerate() {
            let c = if *c == "NULL" { "2" } else { c };
            write!(sql, "INSERT INTO rows VALUES ({index}, {a}, {b}, {c});").unwrap();
        }
        let columns = vec![
            column("id", ColumnType::Id),
            column("a", ColumnType::Number),
            column("b", ColumnType::Text),
            column("c", ColumnType::Time(TimeStorage::Unix)),
        ];
        let (paged, unpaged, count) = runtime.block_on(async {
            let world = World::new(&sql, vec![dataset("rows", columns)]).await;
            let (paged, count) = pages(&world, &everything("rows"), &order, limit).await;
            let (unpaged, one) = pages(&world, &everything("rows"), &order, 200).await;
            assert_eq!(one, 1);
            (paged, unpaged, count)
        });
        prop_assert_eq!(&paged, &unpaged);
        prop_assert_eq!(unpaged.len(), rows.len());
        prop_assert_eq!(count, rows.len().div_ceil(limit).max(1), "an empty page was given");
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_page_merged_from_rooms_is_the_page_of_one_condition() {
    let mut sql = "CREATE TABLE rows (id INTEGER PRIMARY KEY, room TEXT, at INTEGER);".to_owned();
    for id in 0..200 {
        let at = if id % 11 == 0 { "NULL".to_owned() } else { (id * 7 % 23).to_string() };
        write!(sql, "INSERT INTO rows VALUES ({id}, 'r{}', {at});", id * 5 % 9).unwrap();
    }
    let by_room = Dataset {
        data_room: RoomRule::Column(name("room")),
        order: vec![descending("at")],
        ..dataset(
            "rows",
            vec![column("id", ColumnType::Id), column("room", ColumnType::Id), column("at", ColumnType::Number)],
        )
    };
    let index = "CREATE INDEX by_room ON rows (room, at);";
    let merging = World::new(&format!("{sql}{index}"), vec![by_room.clone()]).await;
    let single = World::new(&sql, vec![by_room]).await;
    // A room that is named twice, or is not there, changes nothing.
    let rooms: Vec<Value> = ["r1", "r3", "r1", "r8", "nowhere"].iter().map(Value::text).collect();
    let allow = vec![Predicate::In { column: name("room"), values: rooms.into() }];
    let filter = RowFilter { allow, ..everything("rows") };
    let text = |world: &World| world.statement(Operation::List, &filter, json!({})).parts().0.to_owned();
    assert_eq!(text(&merging).matches("UNION ALL").count(), 3);
    assert_eq!(text(&single).matches("UNION ALL").count(), 0);
    for limit in [1, 7, 200] {
        let merged = pages(&merging, &filter, &[], limit).await;
        assert_eq!(merged, pages(&single, &filter, &[], limit).await);
        assert!(merged.0.len() > 50);
    }
}
