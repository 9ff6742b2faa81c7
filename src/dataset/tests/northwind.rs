//! A database that nobody here designed. Skipped, visibly, where it is not there.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::fixture::{catalog, column, dataset, everything, name, object};
use crate::catalog::Operation;
use crate::catalog::{Column, ColumnType, Dataset, TimeStorage};
use crate::dataset::check::check;
use crate::dataset::preview::preview;
use crate::dataset::{CursorKey, Database, Face, Pager, Rows, arguments};
use crate::random::OsRandom;

const PATH: &str = "../shared/data/northwind.db";

fn order_lines() -> Dataset {
    let source = |outside: &str, kind, source: &str| Column { source: source.to_owned(), ..column(outside, kind) };
    let columns = vec![
        source("order_id", ColumnType::Id, "OrderID"),
        source("product_id", ColumnType::Id, "ProductID"),
        source("price", ColumnType::Number, "UnitPrice"),
        source("discount", ColumnType::Number, "Discount"),
    ];
    Dataset {
        table: "Order Details".to_owned(),
        key: vec![name("order_id"), name("product_id")],
        ..dataset("order_lines", columns)
    }
}

#[tokio::test]
async fn northwind_is_read_as_it_is() {
    if !Path::new(PATH).exists() {
        eprintln!("SKIPPED: {PATH} is not there");
        return;
    }
    let settings =
        crate::config::Database { path: PATH.into(), connections: 1, statement_timeout: Duration::from_secs(20) };
    let database = Database::open(&settings).await.unwrap();
    let mut customers = dataset("Customers", vec![column("CustomerID", ColumnType::Id)]);
    customers.columns.push(column("CompanyName", ColumnType::Text));
    let mut orders = dataset("Orders", vec![column("OrderID", ColumnType::Id)]);
    orders.columns.push(column("EmployeeID", ColumnType::Id));
    orders.columns.push(column("OrderDate", ColumnType::Time(TimeStorage::Text)));
    orders.columns.push(column("Freight", ColumnType::Number));
    let mut categories = dataset("Categories", vec![column("CategoryID", ColumnType::Id)]);
    categories.columns.push(column("Picture", ColumnType::Bytes));
    let catalog = catalog([customers, orders, order_lines(), categories]);
    let (schema, warnings) = check(&catalog, &database).await.unwrap();
    assert_eq!(warnings, []);

    let (key, tenant) = (CursorKey::new([1; 32]), "northwind".parse().unwrap());
    let pager = Pager { key: &key, random: &OsRandom, principal: "test/ada", tenant: &tenant };
    let count = async |dataset: &str, filter: serde_json::Value| {
        let arguments = object(json!({ "filter": filter }));
        let request =
            arguments::parse(Face::declared(&catalog.datasets[&name(dataset)]), Operation::Count, &arguments).unwrap();
        preview(&database, &schema, request, &everything(dataset), &pager).await.unwrap()
    };
    assert_eq!(count("Orders", json!({})).await, Rows::Count(830));
    assert_eq!(count("Orders", json!({ "EmployeeID": { "eq": "2" } })).await, Rows::Count(96));
    assert_eq!(count("Orders", json!({ "EmployeeID": { "eq": "02" } })).await, Rows::Count(0));
    assert_eq!(count("Orders", json!({ "OrderDate": { "is_null": true } })).await, Rows::Count(0));
    assert_eq!(count("Customers", json!({})).await, Rows::Count(93));

    let arguments = object(json!({ "order_id": "10248", "product_id": "11" }));
    let request =
        arguments::parse(Face::declared(&catalog.datasets[&name("order_lines")]), Operation::Get, &arguments).unwrap();
    let row = preview(&database, &schema, request, &everything("order_lines"), &pager).await.unwrap();
    let row = row.structured(&pager).unwrap().unwrap();
    assert_eq!(row["row"], json!({ "order_id": "10248", "product_id": "11", "price": 14, "discount": 0.0 }));

    let arguments = object(json!({ "CategoryID": "1" }));
    let request =
        arguments::parse(Face::declared(&catalog.datasets[&name("Categories")]), Operation::Get, &arguments).unwrap();
    let row = preview(&database, &schema, request, &everything("Categories"), &pager).await.unwrap();
    let row = row.structured(&pager).unwrap().unwrap();
    assert!(row["row"]["Picture"].as_str().is_some_and(|picture| picture.len() > 1_000));
}
