//! The statements of changes, as a person can judge them, and what they must never say.

use std::collections::BTreeSet;

use serde_json::json;

use super::{arguments, sql};
use crate::catalog::Change;
use crate::dataset::face::Face;
use crate::dataset::tests::fixture::{DOCUMENTS, World, documents, name, object, tenant};
use crate::dataset::tests::statements::reviewed;
use crate::policy::RowFilter;

#[tokio::test]
async fn statements_are_as_reviewed_and_the_scope_is_in_each_that_meets_a_row() {
    let mut dataset = documents();
    (dataset.writable, dataset.search) = (BTreeSet::from(Change::ALL), None);
    let world = World::new(DOCUMENTS, vec![dataset]).await;
    let dataset = world.dataset("documents");
    let room = Some((name("room"), "finance".parse().unwrap()));
    let acme = RowFilter { data_room: room, ..tenant("documents", "acme") };
    let cases = [
        (
            Change::Create,
            json!({ "title": "New\"; DROP TABLE documents; --", "amount": 2.5, "done": true, "extra": null }),
        ),
        (Change::Update, json!({ "id": "1", "title": "Newer", "extra": { "a": [1] } })),
        (Change::Delete, json!({ "id": "1" })),
    ];
    for (change, asked) in cases {
        let face = Face::declared_for(dataset, change);
        let asked = arguments::parse(&face, change, &world.schema.relations[&dataset.name], &object(asked)).unwrap();
        let prepared = sql::render(change, &face, &asked, &acme, &world.schema).unwrap();
        reviewed(change.as_str(), &prepared.statement);
        let meets_rows = prepared.before.iter().chain(&prepared.after).map(|read| &read.statement);
        let changed = (change != Change::Create).then_some(&prepared.statement);
        for statement in meets_rows.chain(changed) {
            let (text, binds) = statement.parts();
            let (_, conditions) = text.split_once(" WHERE (").unwrap();
            assert!(conditions.trim_start_matches('(').starts_with("\"t\".\"tenant_id\""), "{text}");
            assert_eq!(text.matches('$').count(), binds.len(), "{text}");
        }
        if let Some(after) = prepared.after {
            reviewed(&format!("{}_stored", change.as_str()), &after.statement);
        }
    }
}
