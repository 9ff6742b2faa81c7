use serde_json::json;

use super::*;
use crate::dataset::request::{Operand, Test};
use crate::dataset::tests::fixture::{documents, object};
use crate::model::Number;
use crate::policy::Operator;

fn parsed(operation: Operation, arguments: Json) -> Result<Ask, ArgumentError> {
    parse(Face::declared(&Arc::new(documents())), operation, &object(arguments)).map(|request| request.ask)
}

fn refused(operation: Operation, arguments: Json) -> String {
    let shown = arguments.to_string();
    match parsed(operation, arguments) {
        Err(error) => error.to_string(),
        Ok(ask) => panic!("{shown} was taken as {ask:?}"),
    }
}

#[test]
fn arguments_become_typed_filters_in_the_order_of_the_declarations() {
    let arguments = json!({
        "filter": {
            "updated_at": { "lt": "2026-01-01T00:00:00Z" },
            "amount": { "lte": 5, "gt": 1.5 },
            "id": { "in": ["1", "2"] },
        },
        "order": ["-amount", "id"], "limit": 5, "cursor": null,
    });
    let Ok(Ask::List { filters, order, paging }) = parsed(Operation::List, arguments) else { panic!("not a list") };
    let id = |text: &str| Operand::Id(text.into());
    let compare = |operator, number| Test::Compare(operator, Operand::Number(number));
    let shown: Vec<_> = filters.iter().map(|filter| (filter.column.as_str(), filter.test.clone())).collect();
    let time = Operand::Time("2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(
        shown,
        [
            ("id", Test::In(vec![id("1"), id("2")])),
            ("amount", compare(Operator::LessOrEqual, Number::Integer(5))),
            ("amount", compare(Operator::Greater, Number::Real(1.5))),
            ("updated_at", Test::Compare(Operator::Less, time)),
        ]
    );
    assert_eq!(order.len(), 2);
    assert_eq!(paging, Paging { limit: 5, cursor: None });
}

#[test]
fn what_is_left_out_has_its_default() {
    let paging = Paging { limit: 20, cursor: None };
    assert_eq!(parsed(Operation::List, json!({})), Ok(Ask::List { filters: Vec::new(), order: Vec::new(), paging }));
    assert_eq!(parsed(Operation::Count, json!({})), Ok(Ask::Count { filters: Vec::new() }));
}

#[test]
fn every_refusal_names_the_argument_and_says_what_would_be_right() {
    for (operation, arguments, words) in [
        (Operation::List, json!({ "limt": 5 }), ["argument `limt`", "did you mean `limit`?"]),
        (Operation::List, json!({ "tenant_id": "globex" }), ["argument `tenant_id`", "filter, order"]),
        (Operation::Count, json!({ "limit": 5 }), ["argument `limit`", "Known here: filter"]),
        (Operation::List, json!({ "limit": 0 }), ["`limit` is the number 0", "from 1 to 200"]),
        (Operation::List, json!({ "limit": 201 }), ["`limit`", "from 1 to 200"]),
        (Operation::List, json!({ "limit": "20" }), ["`limit` is the text \"20\"", "whole number"]),
        (Operation::List, json!({ "limit": 2.5 }), ["`limit` is the number 2.5", "whole number"]),
        (Operation::List, json!({ "cursor": 7 }), ["`cursor` is the number 7", "`next_cursor`"]),
        (Operation::List, json!({ "filter": "id = 1" }), ["`filter`", "one member per column"]),
        (Operation::List, json!({ "filter": { "titel": {} } }), ["`filter: titel`", "did you mean `title`?"]),
        (Operation::List, json!({ "filter": { "id": "7" } }), ["`filter.id` is", "{\"eq\": \"7\"}"]),
        (Operation::List, json!({ "filter": { "id": ["7"] } }), ["`filter.id` is a list", "{\"in\": [\"7\"]}"]),
        (Operation::List, json!({ "filter": { "room": null } }), ["`filter.room` is null", "{\"is_null\": true}"]),
        (Operation::List, json!({ "filter": { "room": {} } }), ["`filter.room`", "eq, ne, in, is_null"]),
        (Operation::List, json!({ "filter": { "id": { "eq": 7 } } }), ["`filter.id.eq`", "write \"7\""]),
        (Operation::List, json!({ "filter": { "id": { "eq": null } } }), ["`filter.id.eq` is null", "is_null"]),
        (Operation::List, json!({ "filter": { "id": { "gt": "7" } } }), ["`filter.id: gt`", "eq, ne, in"]),
        (Operation::List, json!({ "filter": { "amount": { ">=": 7 } } }), ["`filter.amount: >=`", "mean `gte`"]),
        (Operation::List, json!({ "filter": { "amount": { "eq": "7" } } }), ["`filter.amount.eq`", "without quotes"]),
        (
            Operation::List,
            json!({ "filter": { "amount": { "eq": 18_446_744_073_709_551_615_u64 } } }),
            ["`filter.amount.eq`", "a number"],
        ),
        (
            Operation::List,
            json!({ "filter": { "classification": { "eq": "secrt" } } }),
            ["one of public, internal, secret", "did you mean `secret`?"],
        ),
        (Operation::List, json!({ "filter": { "done": { "eq": 1 } } }), ["`filter.done.eq`", "true or false"]),
        (
            Operation::List,
            json!({ "filter": { "updated_at": { "gt": "yesterday" } } }),
            ["`filter.updated_at.gt`", "RFC 3339"],
        ),
        (Operation::List, json!({ "filter": { "title": { "contains": "" } } }), ["contains", "one character"]),
        (
            Operation::List,
            json!({ "filter": { "title": { "eq": "x".repeat(1_001) } } }),
            ["`filter.title.eq` is a text of 1001 characters", "at most 1000"],
        ),
        (
            Operation::List,
            json!({ "filter": { "id": { "in": vec!["7"; 101] } } }),
            ["`filter.id.in` is a list of 101 items", "1 to 100 values"],
        ),
        (Operation::List, json!({ "filter": { "id": { "in": [] } } }), ["`filter.id.in`", "1 to 100 values"]),
        (Operation::List, json!({ "filter": { "id": { "in": ["1", 2] } } }), ["`filter.id.in[1]`", "write \"2\""]),
        (Operation::List, json!({ "order": "title" }), ["`order` is the text", "a list of column names"]),
        (Operation::List, json!({ "order": ["titel"] }), ["`order[0]: titel`", "did you mean `title`?"]),
        (Operation::List, json!({ "order": ["title", "-title"] }), ["`order[1]`", "each column once"]),
        (Operation::List, json!({ "order": ["extra"] }), ["unknown column `order[0]: extra`", "Known here"]),
        (Operation::Get, json!({}), ["`id` is missing", "an identifier as text"]),
        (Operation::Get, json!({ "id": 7 }), ["`id` is the number 7", "write \"7\""]),
        (Operation::Get, json!({ "id": null }), ["`id` is null", "an identifier as text"]),
        (Operation::Get, json!({ "ID": "7" }), ["argument `ID`", "did you mean `id`?"]),
        (Operation::Search, json!({}), ["`query` is missing", "1 to 16 words"]),
        (Operation::Search, json!({ "query": " " }), ["`query` is 0 words", "1 to 16 words"]),
        (Operation::Search, json!({ "query": "a ".repeat(17) }), ["`query` is 17 words", "1 to 16 words"]),
        (Operation::Search, json!({ "query": "a\u{0}b" }), ["`query`", "U+0000"]),
        (Operation::Search, json!({ "query": "a", "order": ["id"] }), ["argument `order`", "query, filter"]),
    ] {
        let error = refused(operation, arguments);
        for word in words {
            assert!(error.contains(word), "{word} is not in: {error}");
        }
    }
}

#[test]
fn a_hidden_or_protected_column_is_an_unknown_one_and_is_never_suggested() {
    for column in ["tenant_id", "secret", "tenant_idd", "secrett"] {
        let arguments =
            [json!({ "filter": { column: { "eq": "x" } } }), json!({ "order": [column] }), json!({ column: "x" })];
        for arguments in arguments {
            let error = refused(Operation::List, arguments);
            assert!(error.starts_with("unknown "), "{error}");
            let rest = error.replacen(column, "", 1);
            assert!(!rest.contains("tenant") && !rest.contains("secret"), "{error}");
        }
    }
}

#[test]
fn a_dataset_without_searched_columns_has_no_search() {
    let mut dataset = documents();
    dataset.search = None;
    let request = parse(Face::declared(&Arc::new(dataset)), Operation::Search, &object(json!({ "query": "x" })));
    assert!(matches!(request, Err(ArgumentError::NoSearch(_))));
}
