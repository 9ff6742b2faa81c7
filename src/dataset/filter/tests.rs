//! The rendered text, as a person judges it, and that SQLite can use an index for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::{FilterError, render};
use crate::catalog::{Column, ColumnType, Confirm, Dataset, RoomRule, TenantRule};
use crate::dataset::{Affinity, Bind, Relation, Schema, Statement};
use crate::model::{Name, Number, Value};
use crate::policy::{Operator, ParentFilter, Predicate, RowFilter, Truth};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn relation(table: &str, columns: &[(&str, ColumnType, Affinity)]) -> (Name, Arc<Relation>) {
    let column = |(column, kind, _): &(&str, ColumnType, Affinity)| Column {
        name: name(column),
        source: (*column).to_owned(),
        kind: *kind,
        description: None,
        expose: true,
        list: true,
        protected: false,
        values: None,
    };
    let dataset = Dataset {
        name: name(table),
        table: table.to_owned(),
        description: String::new(),
        key: vec![name("id")],
        tenant: TenantRule::Shared,
        data_room: RoomRule::Ignored,
        within: None,
        search: None,
        order: Vec::new(),
        resource: None,
        changed: None,
        writable: BTreeSet::new(),
        confirm: Confirm::default(),
        columns: columns.iter().map(column).collect(),
    };
    let affinities = columns.iter().map(|(column, _, affinity)| (name(column), *affinity)).collect();
    (name(table), Arc::new(Relation::of(Arc::new(dataset), affinities)))
}

fn schema() -> Schema {
    let documents = relation(
        "documents",
        &[
            ("id", ColumnType::Id, Affinity::Integer),
            ("tenant_id", ColumnType::Text, Affinity::Text),
            ("data_room_id", ColumnType::Id, Affinity::Text),
            ("owner_id", ColumnType::Id, Affinity::Integer),
            ("amount", ColumnType::Number, Affinity::Real),
            ("updated_at", ColumnType::Json, Affinity::Text),
        ],
    );
    let comments = relation(
        "comments",
        &[
            ("id", ColumnType::Id, Affinity::Integer),
            ("document_id", ColumnType::Id, Affinity::Integer),
            ("document_text", ColumnType::Id, Affinity::Text),
            ("amount", ColumnType::Number, Affinity::Real),
        ],
    );
    Schema { relations: BTreeMap::from([documents, comments]) }
}

fn compare(column: &str, operator: Operator, value: Value) -> Predicate {
    Predicate::Compare { column: name(column), operator, value }
}

fn documents(allow: Vec<Predicate>, deny: Vec<Predicate>) -> RowFilter {
    RowFilter {
        dataset: name("documents"),
        tenant: Some((name("tenant_id"), "acme".parse().unwrap())),
        data_room: None,
        parent: None,
        allow,
        deny,
    }
}

fn comments(reference: &str, filter: RowFilter) -> RowFilter {
    RowFilter {
        dataset: name("comments"),
        tenant: None,
        data_room: None,
        parent: Some(ParentFilter { by: vec![(name(reference), name("id"))], filter: Arc::new(filter) }),
        allow: vec![Predicate::Known(Truth::True)],
        deny: Vec::new(),
    }
}

fn rendered(filter: &RowFilter) -> Statement {
    let mut out = Statement::default();
    render(filter, &schema(), "t", &mut out).unwrap();
    out
}

const TENANT: &str = r#"("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')"#;

#[test]
fn values_are_bound_and_never_in_the_text() {
    let evil = "x' OR '1'='1";
    let rooms =
        Predicate::In { column: name("data_room_id"), values: Arc::new([Value::text("finance"), Value::text(evil)]) };
    let out = rendered(&documents(vec![rooms], Vec::new()));
    let (sql, binds) = out.parts();
    let room =
        r#"("t"."data_room_id" COLLATE BINARY IN ($2, $3) AND typeof("t"."data_room_id") IN ('text', 'integer'))"#;
    assert_eq!(sql, format!("({TENANT} AND {room})"));
    assert_eq!(binds, [Bind::Text("acme".into()), Bind::Text("finance".into()), Bind::Text(evil.into())]);
}

#[test]
fn a_denial_is_guarded_and_counts_unless_false() {
    let deny = compare("amount", Operator::Greater, Value::Number(Number::Integer(5)));
    let out = rendered(&documents(vec![Predicate::Known(Truth::True)], vec![deny]));
    let amount = r#"CASE WHEN typeof("t"."amount") IN ('integer', 'real') AND "t"."amount" > -9e999 AND "t"."amount" < 9e999 THEN "t"."amount" END"#;
    assert_eq!(out.parts().0, format!("({TENANT} AND 1 AND ({amount} > $2) IS FALSE)"));
}

#[test]
fn an_id_is_an_integer_only_if_it_prints_as_the_same_bytes() {
    let owner = |id: &str| {
        let out = rendered(&documents(vec![compare("owner_id", Operator::Equal, Value::text(id))], Vec::new()));
        let (sql, binds) = out.parts();
        (sql.strip_prefix(&format!("({TENANT} AND ")).unwrap().to_owned(), binds[1].clone())
    };
    let guarded = r#"CASE typeof("t"."owner_id") WHEN 'text' THEN "t"."owner_id" WHEN 'integer' THEN CAST("t"."owner_id" AS TEXT) END COLLATE BINARY = $2)"#;
    let bare = r#"("t"."owner_id" = $2 AND typeof("t"."owner_id") = 'integer'))"#;
    assert_eq!(owner("7"), (bare.to_owned(), Bind::Integer(7)));
    for text in ["007", "+7", " 7", "7.0", "-0", "9223372036854775808", "ada"] {
        assert_eq!(owner(text), (guarded.to_owned(), Bind::Text(text.into())), "{text}");
    }
}

#[test]
fn a_long_list_is_one_bound_value() {
    let values: Vec<Value> = (0..33).map(|i| Value::text(format!("r\"ö'{i}"))).collect();
    let list = |values: &[Value]| Predicate::In { column: name("data_room_id"), values: values.into() };
    let out = rendered(&documents(vec![list(&values)], Vec::new()));
    assert!(out.parts().0.contains("IN (SELECT value FROM json_each($2))"), "{}", out.parts().0);
    assert_eq!(out.parts().1.len(), 2);
    assert_eq!(rendered(&documents(vec![list(&values[..32])], Vec::new())).parts().1.len(), 33);
}

#[test]
fn a_thousand_alternatives_are_not_too_deep() {
    let many = (0..2000).map(|i| compare("amount", Operator::Less, Value::Number(Number::Integer(i)))).collect();
    let out = rendered(&documents(many, Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut db = database().await;
        let text = format!("SELECT 1 FROM documents AS t WHERE {}", out.parts().0);
        assert_eq!(explain(&mut db, &text).await.len(), 1);
    });
}

#[test]
fn what_does_not_fit_the_schema_is_refused() {
    let mut out = Statement::default();
    let mut refuse = |filter: &RowFilter, alias| render(filter, &schema(), alias, &mut out).unwrap_err().to_string();
    let allow = |predicate| documents(vec![predicate], Vec::new());
    let three = || Value::Number(Number::Integer(3));
    assert_eq!(
        refuse(&allow(compare("owner_id", Operator::Equal, three())), "t"),
        "the column `owner_id` of dataset `documents` is of type Id and cannot be compared with 3"
    );
    assert!(refuse(&allow(compare("nowhere", Operator::Equal, three())), "t").contains("no column `nowhere`"));
    assert!(refuse(&allow(Predicate::Present(name("updated_at"))), "t").contains("of type Json"));
    assert!(refuse(&allow(compare("owner_id", Operator::Less, Value::text("x"))), "t").contains("which orders"));
    assert!(refuse(&comments("amount", documents(Vec::new(), Vec::new())), "t").contains("the parent's `id`"));
    let alias = render(&documents(Vec::new(), Vec::new()), &schema(), "within_1", &mut Statement::default());
    assert_eq!(alias, Err(FilterError::Alias("within_1".to_owned())));
}

async fn database() -> SqliteConnection {
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for text in [
        "CREATE TABLE documents (id INTEGER PRIMARY KEY, tenant_id TEXT, data_room_id TEXT, owner_id INTEGER, amount REAL, updated_at TEXT)",
        "CREATE INDEX by_room ON documents (tenant_id, data_room_id)",
        "CREATE INDEX by_owner ON documents (tenant_id, owner_id)",
        "CREATE TABLE comments (id INTEGER PRIMARY KEY, document_id INTEGER, document_text TEXT, amount REAL)",
    ] {
        sqlx::query(text).execute(&mut db).await.unwrap();
    }
    db
}

async fn explain(db: &mut SqliteConnection, text: &str) -> Vec<String> {
    let text = format!("EXPLAIN QUERY PLAN {text}");
    let plan = sqlx::query(AssertSqlSafe(text)).fetch_all(db).await.unwrap();
    plan.iter().map(|row| row.get("detail")).collect()
}

async fn plan(db: &mut SqliteConnection, table: &str, filter: &RowFilter) -> String {
    let out = rendered(filter);
    explain(db, &format!("SELECT * FROM {table} AS t WHERE {}", out.parts().0)).await.join("; ")
}

#[tokio::test]
async fn indexes_serve_tenant_room_owner_and_parent() {
    let mut db = database().await;
    let rooms = Predicate::In {
        column: name("data_room_id"),
        values: Arc::new([Value::text("finance"), Value::text("sales")]),
    };
    let own = compare("owner_id", Operator::Equal, Value::text("7"));
    let by_room = "USING INDEX by_room (tenant_id=? AND data_room_id=?)";
    let by_owner = "USING INDEX by_owner (tenant_id=? AND owner_id=?)";
    let found = plan(&mut db, "documents", &documents(vec![rooms], Vec::new())).await;
    assert!(found.contains(by_room), "{found}");
    let found = plan(&mut db, "documents", &documents(vec![own], Vec::new())).await;
    assert!(found.contains(by_owner), "{found}");
    for reference in ["document_id", "document_text"] {
        let parent = documents(vec![Predicate::Known(Truth::True)], Vec::new());
        let found = plan(&mut db, "comments", &comments(reference, parent)).await;
        assert!(
            found.contains("SEARCH within_1") && found.contains("USING INTEGER PRIMARY KEY (rowid=?)"),
            "{reference}: {found}"
        );
    }
}
