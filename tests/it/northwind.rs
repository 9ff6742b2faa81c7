//! A database that nobody here designed, served as `examples/northwind` says. What each employee may see is computed from
//! `ReportsTo` over another connection. Skipped, visibly, where the database is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::SqliteConnection;
use tempfile::TempDir;

use crate::support::clock::ManualClock;
use crate::support::issuer::{Answer, ORGANISATION_CLAIM, SigningKey, TestIssuer, Token};
use crate::support::rows::{self, Caller, key_of};
use crate::support::server::Server;

const ORDER: &[&str] = &["OrderID"];
const LINE: &[&str] = &["OrderID", "ProductID"];

struct Northwind {
    server: Server,
    oracle: SqliteConnection,
    key: SigningKey,
    _issuer: TestIssuer,
    _files: TempDir,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn database() -> Option<PathBuf> {
    let path = root().join("../shared/data/northwind.db");
    if !path.exists() {
        eprintln!("SKIPPED: ../shared/data/northwind.db is not there");
        return None;
    }
    Some(path.canonicalize().unwrap())
}

/// The example's own files; only where the keys, the database and the port are is the test's.
fn settings(database: &Path, issuer: &TestIssuer) -> String {
    let text = fs::read_to_string(root().join("examples/northwind/bailiwick.toml")).unwrap();
    let iss = "issuer = \"https://login.northwind.example\"\n";
    let parts = [
        ("port = 8080\n".to_owned(), "port = {port}\n".to_owned()),
        ("url = \"sqlite:northwind.db\"\n".to_owned(), format!("url = \"sqlite:{}\"\n", database.display())),
        (iss.to_owned(), format!("{iss}jwks_url = \"{}\"\n", issuer.jwks_url())),
    ];
    parts.into_iter().fold(text, |text, (from, to)| {
        assert_eq!(text.matches(&from).count(), 1, "{from}");
        text.replace(&from, &to)
    })
}

impl Northwind {
    async fn start() -> Option<Self> {
        let original = database()?;
        let key = SigningKey::rsa("1");
        let issuer = TestIssuer::start(Answer::keys(&[&key]));
        let files = tempfile::tempdir().unwrap();
        // Orders are writable, and what is shared stays as it is.
        let database = files.path().join("northwind.db");
        fs::write(&database, fs::read(original).unwrap()).unwrap();
        fs::create_dir(files.path().join("policies")).unwrap();
        for name in ["model.conf", "policy.csv"] {
            let from = root().join("examples/northwind/policies").join(name);
            fs::copy(from, files.path().join("policies").join(name)).unwrap();
        }
        fs::write(files.path().join("bailiwick.toml"), settings(&database, &issuer)).unwrap();
        let server = Server::over(files.path(), Arc::new(ManualClock::new())).await;
        Some(Self { server, oracle: rows::open(&database).await, key, _issuer: issuer, _files: files })
    }

    /// Somebody whose identity provider says that this is the employee's number.
    fn caller(&self, number: &str) -> Caller<'_> {
        let organisation = "337063032028926100";
        let token = Token::new()
            .claim("iss", "https://login.northwind.example")
            .claim("aud", json!(["337063032028910000", "337063032028910001"]))
            .claim("client_id", "337063032028910001")
            .claim("sub", format!("3412000000000002{}", number.trim()))
            .claim(ORGANISATION_CLAIM, organisation)
            .claim("urn:zitadel:iam:user:resourceowner:id", organisation)
            .claim("external_user_id", number);
        Caller { client: &self.server.client, token: token.sign(&self.key) }
    }

    fn employee(&self, number: u32) -> Caller<'_> {
        self.caller(&number.to_string())
    }

    /// The orders of an employee and of everyone below, in so far as they meet the condition.
    async fn orders(&mut self, employee: u32, condition: &str) -> BTreeSet<String> {
        let sql = format!("{} SELECT CAST(OrderID AS TEXT) FROM mine WHERE {condition}", mine(employee));
        rows::texts(&mut self.oracle, &sql).await
    }

    /// The lines of those orders.
    async fn lines(&mut self, employee: u32, condition: &str) -> BTreeSet<String> {
        let sql = format!(
            r#"{} SELECT line.OrderID || '/' || line.ProductID FROM "Order Details" AS line JOIN mine USING (OrderID)
               WHERE {condition}"#,
            mine(employee)
        );
        rows::texts(&mut self.oracle, &sql).await
    }
}

/// `mine`: the orders of the employee, and of everyone below at any depth.
fn mine(employee: u32) -> String {
    format!(
        "WITH RECURSIVE below (id) AS (
             SELECT {employee}
             UNION SELECT person.EmployeeID FROM Employees AS person JOIN below ON person.ReportsTo = below.id
         ), mine AS (SELECT * FROM Orders WHERE EmployeeID IN (SELECT id FROM below))"
    )
}

#[tokio::test]
async fn each_employee_sees_their_own_orders_and_those_of_the_people_below() {
    let Some(mut northwind) = Northwind::start().await else { return };
    let mut seen = Vec::new();
    for number in 1..=9 {
        let (orders, lines) = (northwind.orders(number, "1").await, northwind.lines(number, "1").await);
        let caller = northwind.employee(number);
        assert_eq!(caller.keys("list_orders", json!({}), ORDER).await, orders, "orders of employee {number}");
        assert_eq!(caller.count("count_orders", json!({})).await, orders.len());
        assert_eq!(caller.keys("list_order_lines", json!({}), LINE).await, lines, "lines of employee {number}");
        assert_eq!(caller.count("count_order_lines", json!({})).await, lines.len());
        let own = caller.count("count_orders", json!({ "EmployeeID": { "eq": number.to_string() } })).await;
        seen.push((own, orders.len()));
    }
    // By the sample's own numbers, so that a mistake in the oracle would be seen.
    assert_eq!(
        seen,
        [(123, 123), (96, 830), (127, 127), (156, 156), (42, 224), (67, 67), (72, 72), (104, 104), (43, 43)]
    );
}

#[tokio::test]
async fn pages_of_any_size_and_order_hold_the_same_rows() {
    let Some(mut northwind) = Northwind::start().await else { return };
    let expected = northwind.orders(5, "1").await;
    let caller = northwind.employee(5);
    for (order, limit) in [
        (json!(["-OrderDate"]), 7),
        (json!(["ShipCountry", "-Freight"]), 50),
        (json!(["ShippedDate"]), 31),
        (json!(["-ShippedDate"]), 200),
    ] {
        let rows = caller.rows("list_orders", json!({ "order": order }), limit).await;
        let keys: BTreeSet<String> = rows.iter().map(|row| key_of(row, ORDER)).collect();
        assert_eq!((rows.len(), keys), (expected.len(), expected.clone()), "{order} by {limit}");
    }
}

#[tokio::test]
async fn no_filter_reaches_further_than_the_scope() {
    let Some(mut northwind) = Northwind::start().await else { return };
    let everyone: Vec<String> = (1..=9).map(|number| number.to_string()).collect();
    let mut filters = vec![
        (json!({ "EmployeeID": { "in": everyone } }), "1".to_owned()),
        (json!({ "EmployeeID": { "ne": "5" } }), "EmployeeID <> 5".to_owned()),
        (json!({ "EmployeeID": { "is_null": true } }), "EmployeeID IS NULL".to_owned()),
        (json!({ "EmployeeID": { "is_null": false } }), "EmployeeID IS NOT NULL".to_owned()),
        (json!({ "ShippedDate": { "is_null": true } }), "ShippedDate IS NULL".to_owned()),
        (json!({ "Freight": { "gt": 100 } }), "Freight > 100".to_owned()),
        (json!({ "Freight": { "lte": 8.05 } }), "Freight <= 8.05".to_owned()),
        (json!({ "OrderDate": { "gte": "2018-01-01T00:00:00Z" } }), "OrderDate >= '2018-01-01'".to_owned()),
        (json!({ "ShipCity": { "contains": "LON" } }), "ShipCity LIKE '%lon%'".to_owned()),
        (
            json!({ "ShipCountry": { "ne": "France" }, "Freight": { "gte": 1, "lt": 50 } }),
            "ShipCountry <> 'France' AND Freight >= 1 AND Freight < 50".to_owned(),
        ),
    ];
    filters.extend(
        everyone.iter().map(|other| (json!({ "EmployeeID": { "eq": other } }), format!("EmployeeID = {other}"))),
    );
    for number in 1..=9 {
        for (filter, condition) in &filters {
            let expected = northwind.orders(number, condition).await;
            let caller = northwind.employee(number);
            let found = caller.keys("list_orders", json!({ "filter": filter }), ORDER).await;
            assert_eq!(found, expected, "employee {number}, {filter}");
            assert_eq!(
                caller.count("count_orders", filter.clone()).await,
                expected.len(),
                "employee {number}, {filter}"
            );
        }
        // Everybody else's orders and their lines, named one by one.
        let (own, all) = (northwind.orders(number, "1").await, northwind.orders(2, "1").await);
        let foreign: Vec<&String> = all.difference(&own).collect();
        for batch in foreign.chunks(100) {
            let filter = json!({ "OrderID": { "in": batch } });
            let caller = northwind.employee(number);
            for tool in ["orders", "order_lines"] {
                assert_eq!(
                    caller.count(&format!("count_{tool}"), filter.clone()).await,
                    0,
                    "employee {number}, {tool}"
                );
                assert!(caller.rows(&format!("list_{tool}"), json!({ "filter": filter }), 200).await.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_line_comes_with_its_order_and_only_then() {
    let Some(mut northwind) = Northwind::start().await else { return };
    for number in [2, 5, 9] {
        for (filter, condition) in [
            (json!({ "Discount": { "gt": 0.1 } }), "line.Discount > 0.1"),
            (json!({ "ProductID": { "eq": "11" } }), "line.ProductID = 11"),
            (
                json!({ "Quantity": { "gte": 60 }, "UnitPrice": { "lt": 20 } }),
                "line.Quantity >= 60 AND line.UnitPrice < 20",
            ),
        ] {
            let expected = northwind.lines(number, condition).await;
            let caller = northwind.employee(number);
            assert_eq!(caller.keys("list_order_lines", json!({ "filter": filter }), LINE).await, expected, "{filter}");
            assert_eq!(caller.count("count_order_lines", filter).await, expected.len());
        }
    }
}

#[tokio::test]
async fn a_row_of_somebody_else_is_like_no_row_at_all() {
    let Some(mut northwind) = Northwind::start().await else { return };
    for number in 1..=9 {
        let (own, own_lines) = (northwind.orders(number, "1").await, northwind.lines(number, "1").await);
        for other in 1..=9 {
            let orders = northwind.orders(other, "1").await;
            let lines = northwind.lines(other, "1").await;
            let caller = northwind.employee(number);
            let nobodys = caller.call("get_orders", json!({ "OrderID": "99999" })).await;
            let foreign: Vec<&String> = orders.difference(&own).collect();
            for id in foreign.first().into_iter().chain(foreign.last()) {
                let answer = caller.call("get_orders", json!({ "OrderID": id })).await;
                assert_eq!((answer.status, answer.text), (nobodys.status, nobodys.text.clone()), "{number} gets {id}");
            }
            let nobodys = caller.call("get_order_lines", json!({ "OrderID": "99999", "ProductID": "11" })).await;
            let foreign: Vec<&String> = lines.difference(&own_lines).collect();
            for line in foreign.first().into_iter().chain(foreign.last()) {
                let (order, product) = line.split_once('/').unwrap();
                let arguments = json!({ "OrderID": order, "ProductID": product });
                let answer = caller.call("get_order_lines", arguments).await;
                assert_eq!(
                    (answer.status, answer.text),
                    (nobodys.status, nobodys.text.clone()),
                    "{number} gets {line}"
                );
            }
        }
        let caller = northwind.employee(number);
        let id = own.first().unwrap();
        let row = caller.call("get_orders", json!({ "OrderID": id })).await.structured();
        assert_eq!(row["row"]["OrderID"], json!(id), "but one's own is there");
        let (order, product) = own_lines.last().unwrap().split_once('/').unwrap();
        let row = caller.call("get_order_lines", json!({ "OrderID": order, "ProductID": product })).await.structured();
        assert_eq!((&row["row"]["OrderID"], &row["row"]["ProductID"]), (&json!(order), &json!(product)));
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_whoever_got_it_and_for_the_same_question() {
    let Some(northwind) = Northwind::start().await else { return };
    let refused = northwind.employee(1).error("list_orders", json!({ "cursor": "bm90IGEgY3Vyc29y" })).await;
    assert!(refused.contains("invalid cursor"), "{refused}");
    for number in 1..=9 {
        let caller = northwind.employee(number);
        let cursor = async |arguments: Value| {
            let page = caller.call("list_orders", arguments).await.structured();
            page["next_cursor"].as_str().unwrap().to_owned()
        };
        let own = cursor(json!({ "limit": 5 })).await;
        for other in (1..=9).filter(|other| *other != number) {
            // Employee 2 sees every order that the others see, and still the page is theirs alone.
            let caller = northwind.employee(other);
            assert_eq!(caller.error("list_orders", json!({ "limit": 5, "cursor": own })).await, refused);
        }
        let filtered = cursor(json!({ "limit": 5, "filter": { "Freight": { "gt": 1 } } })).await;
        assert_eq!(caller.error("list_orders", json!({ "limit": 5, "cursor": filtered })).await, refused);
        assert_eq!(caller.error("list_orders", json!({ "cursor": own, "order": ["Freight"] })).await, refused);
        assert_eq!(caller.error("list_order_lines", json!({ "cursor": own })).await, refused);
        assert_eq!(caller.error("search_customers", json!({ "query": "a", "cursor": own })).await, refused);
        assert!(caller.call("list_orders", json!({ "cursor": own })).await.structured()["rows"].is_array());
    }
}

#[tokio::test]
async fn errors_are_the_same_for_everyone_and_undeclared_columns_do_not_exist() {
    let Some(northwind) = Northwind::start().await else { return };
    for (tool, arguments) in [
        ("list_orders", json!({ "filter": { "ShipAddress": { "eq": "x" } } })),
        ("list_orders", json!({ "order": ["ShipAddress"] })),
        ("count_orders", json!({ "filter": { "Freight": { "gt": "much" } } })),
        ("list_orders", json!({ "filter": { "EmployeeID": { "gt": "1" } } })),
        ("list_orders", json!({ "filter": { "EmployeeID": { "eq": 1 } } })),
        ("get_orders", json!({})),
        ("list_order_lines", json!({ "filter": { "EmployeeID": { "eq": "1" } } })),
        ("search_products", json!({ "query": "" })),
    ] {
        let mut said = BTreeSet::new();
        for number in 1..=9 {
            said.insert(northwind.employee(number).error(tool, arguments.clone()).await);
        }
        assert_eq!(said.len(), 1, "{tool} {arguments}: {said:?}");
        let known = said.first().unwrap().replace("ShipAddress", "Zzzzzzzzzzz");
        let made_up: Value =
            serde_json::from_str(&arguments.to_string().replace("ShipAddress", "Zzzzzzzzzzz")).unwrap();
        let unknown = northwind.employee(1).error(tool, made_up).await;
        // The nearest visible name may be suggested; the column that is there and undeclared never is.
        let list = |text: &str| text.rsplit("Known here").next().unwrap().to_owned();
        assert_eq!(list(&known), list(&unknown));
        assert!(!unknown.contains("ShipAddress"));
    }
}

#[tokio::test]
async fn everyone_finds_the_same_products_and_customers() {
    let Some(mut northwind) = Northwind::start().await else { return };
    let products = rows::texts(&mut northwind.oracle, "SELECT CAST(ProductID AS TEXT) FROM Products").await;
    let customers = rows::texts(&mut northwind.oracle, "SELECT CustomerID FROM Customers").await;
    let found = rows::texts(
        &mut northwind.oracle,
        "SELECT CustomerID FROM Customers WHERE CompanyName || ' ' || ContactName LIKE '%mar%'",
    )
    .await;
    assert!(found.len() > 1 && found.len() < customers.len());
    for number in 1..=9 {
        let caller = northwind.employee(number);
        assert_eq!(caller.keys("list_products", json!({}), &["ProductID"]).await, products);
        assert_eq!(caller.keys("list_customers", json!({}), &["CustomerID"]).await, customers);
        assert_eq!(caller.keys("search_customers", json!({ "query": "MAR" }), &["CustomerID"]).await, found);
    }
}

#[tokio::test]
async fn somebody_who_is_no_employee_sees_no_table() {
    let Some(northwind) = Northwind::start().await else { return };
    // Numbers that print like an employee's, and are not one.
    for number in ["10", "02", "2.0", "Andrew"] {
        let caller = northwind.caller(number);
        assert_eq!(northwind.server.client.tools(&caller.token).await, ["whoami"], "{number}");
        let hidden = caller.call("list_orders", json!({})).await;
        let unknown = caller.call("list_nothing", json!({})).await;
        assert_eq!(hidden.status, unknown.status);
        assert_eq!(hidden.text, unknown.text.replace("list_nothing", "list_orders"));
        assert_eq!(hidden.protocol_error(), (-32602, "Unknown tool: list_orders".to_owned()));
    }
    assert_eq!(
        northwind.server.client.tools(&northwind.employee(2).token).await,
        [
            "count_customers",
            "count_employees",
            "count_order_lines",
            "count_orders",
            "count_products",
            "get_customers",
            "get_employees",
            "get_order_lines",
            "get_orders",
            "get_products",
            "list_customers",
            "list_employees",
            "list_order_lines",
            "list_orders",
            "list_products",
            "search_customers",
            "search_employees",
            "search_products",
            "update_orders",
            "whoami"
        ]
    );
}

#[tokio::test]
async fn an_order_leaves_by_the_word_of_whoever_looks_after_it_or_manages_them() {
    let Some(mut northwind) = Northwind::start().await else { return };
    // Employee 5 looks after order 10248, 2 manages 5, and 6 reports to 5.
    let refused = northwind.employee(6).error("update_orders", json!({ "OrderID": "10248", "Freight": 0 })).await;
    assert!(refused.starts_with("Nothing was changed: there is no such row"), "{refused}");
    let missing = northwind.employee(6).error("update_orders", json!({ "OrderID": "99999", "Freight": 0 })).await;
    assert_eq!(missing, refused);
    for (number, freight) in [(5, 33), (2, 34)] {
        let order = json!({ "OrderID": "10248", "ShippedDate": "2026-11-25T09:00:00Z", "Freight": freight });
        let row = northwind.employee(number).call("update_orders", order).await.structured()["row"].clone();
        assert_eq!((&row["ShippedDate"], &row["Freight"]), (&json!("2026-11-25T09:00:00Z"), &json!(freight)));
    }
    for column in ["CustomerID", "EmployeeID", "OrderDate", "RequiredDate", "ShipName", "ShipCity", "ShipCountry"] {
        let refused = northwind.employee(2).error("update_orders", json!({ "OrderID": "10248", column: "6" })).await;
        assert!(refused.starts_with(&format!("unknown argument `{column}`")), "{refused}");
    }
    let stored = "SELECT EmployeeID || ' ' || ShippedDate || ' ' || Freight FROM Orders WHERE OrderID = 10248";
    let stored = rows::texts(&mut northwind.oracle, stored).await;
    assert_eq!(stored, BTreeSet::from(["5 2026-11-25T09:00:00Z 34".to_owned()]));
}

#[test]
fn the_examples_script_shows_who_sees_an_order() {
    let Some(database) = database() else { return };
    let output = Command::new("bash")
        .arg(root().join("examples/northwind/show.sh"))
        .arg(database)
        .env("BAILIWICK", env!("CARGO_BIN_EXE_bailiwick"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("row ") && line.contains(": ")).collect();
    let (seen, unseen) = ("in these rows", "not in these rows");
    assert_eq!(
        rows,
        [
            format!("row 10248: {seen}"),
            format!("row 10248: {seen}"),
            format!("row 10248: {unseen}"),
            format!("row 10248,11: {seen}"),
            format!("row 10248,11: {unseen}"),
        ]
    );
    assert!(text.contains("in order") && text.contains("Which rows"), "{text}");
}

#[tokio::test]
async fn a_home_number_is_shown_to_its_owner_and_to_the_managers_above_and_nobody_can_ask_about_it() {
    let Some(mut northwind) = Northwind::start().await else { return };
    for number in 1..=9 {
        let below = format!(
            "WITH RECURSIVE below (id) AS (SELECT {number} UNION SELECT EmployeeID FROM Employees JOIN below ON ReportsTo = below.id)
             SELECT EmployeeID || ': ' || HomePhone FROM Employees WHERE EmployeeID IN (SELECT id FROM below)"
        );
        let expected = rows::texts(&mut northwind.oracle, &below).await;
        let caller = northwind.employee(number);
        let all = caller.rows("list_employees", json!({}), 200).await;
        let (shown, hidden): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|row| row["masked"] == json!([]));
        let shown: BTreeSet<String> = shown
            .iter()
            .map(|row| format!("{}: {}", row["EmployeeID"].as_str().unwrap(), row["HomePhone"].as_str().unwrap()))
            .collect();
        assert_eq!((shown, all.len()), (expected, 9), "employee {number}");
        assert!(hidden.iter().all(|row| row["masked"] == json!(["HomePhone"]) && row["HomePhone"].is_null()));
        assert!(all.iter().all(|row| row.get("BirthDate").is_none()));
        for column in ["HomePhone", "BirthDate"] {
            let refused = caller.error("list_employees", json!({ "filter": { column: { "is_null": true } } })).await;
            assert!(refused.starts_with("unknown column"), "{refused}");
            let refused = caller.error("list_employees", json!({ "order": [column] })).await;
            assert!(refused.starts_with("unknown column"), "{refused}");
        }
    }
}
