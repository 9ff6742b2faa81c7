//! What policies are refused for, what they decide, and how they come into force.

mod answers;
mod astray;
mod changes;
mod columns;
mod decisions;
mod enforcement;
mod fixtures;
mod format;
mod issuers;
mod malformed;
mod mangled;
mod many_lines;
pub(super) mod memberships;
mod reload;
mod rooms;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::catalog::{
    Catalog, ClaimType, Column, ColumnType, Confirm, Dataset, Prompt, RoomRule, RowResource, Search, TenantEntry,
    TenantRule, TimeStorage, Within,
};
use crate::model::{Attributes, Context, ContextField, Name, Number, Requester, Value};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn columns(columns: &[(&str, ColumnType)]) -> Vec<Column> {
    let column = |(column, kind): &(&str, ColumnType)| Column {
        name: name(column),
        source: (*column).to_owned(),
        kind: *kind,
        description: None,
        expose: true,
        list: true,
        protected: *column == "margin",
        values: (*column == "classification").then(|| ["public", "internal", "secret"].map(ToOwned::to_owned).to_vec()),
    };
    columns.iter().map(column).collect()
}

fn dataset(dataset: &str, kinds: &[(&str, ColumnType)]) -> Dataset {
    Dataset {
        name: name(dataset),
        table: dataset.to_owned(),
        description: String::new(),
        key: vec![name("id")],
        tenant: TenantRule::Column(name("tenant_id")),
        data_room: RoomRule::Column(name("data_room_id")),
        within: None,
        search: None,
        order: Vec::new(),
        resource: Some(RowResource::default()),
        changed: None,
        writable: BTreeSet::new(),
        confirm: Confirm::default(),
        columns: columns(kinds),
    }
}

pub(super) fn catalog() -> Arc<Catalog> {
    let tenant = |(tenant, issuer): (&str, &str)| {
        let entry = TenantEntry {
            name: tenant.parse().unwrap(),
            issuer: Some(issuer.parse().unwrap()),
            organisations: BTreeSet::new(),
            aliases: BTreeSet::new(),
            data_rooms: BTreeMap::new(),
            data_rooms_as_is: true,
        };
        (entry.name.clone(), entry)
    };
    let id = ("id", ColumnType::Id);
    let owner = ("owner_id", ColumnType::Id);
    let tenant_id = ("tenant_id", ColumnType::Text);
    let room = ("data_room_id", ColumnType::Id);
    let documents = Dataset {
        search: Some(Search { columns: vec![name("title")], fts: None }),
        ..dataset(
            "documents",
            &[
                id,
                tenant_id,
                room,
                owner,
                ("title", ColumnType::Text),
                ("classification", ColumnType::Text),
                ("amount", ColumnType::Number),
                ("margin", ColumnType::Number),
                ("final", ColumnType::Boolean),
                ("updated_at", ColumnType::Time(TimeStorage::Unix)),
            ],
        )
    };
    let comments = Dataset {
        tenant: TenantRule::Inherited,
        data_room: RoomRule::Ignored,
        within: Some(Within { dataset: name("documents"), by: BTreeMap::from([(name("document_id"), name("id"))]) }),
        ..dataset("comments", &[id, owner, ("document_id", ColumnType::Id)])
    };
    let rates = Dataset {
        tenant: TenantRule::Fixed("globex".parse().unwrap()),
        data_room: RoomRule::Undeclared,
        ..dataset("rates", &[id, owner])
    };
    let all = [documents, comments, rates].map(|dataset| (dataset.name.clone(), Arc::new(dataset)));
    Arc::new(Catalog {
        tenants: [("acme", "blockbrain"), ("globex", "zitadel")].into_iter().map(tenant).collect(),
        issuers: BTreeSet::from(["blockbrain", "zitadel"].map(|issuer| issuer.parse().unwrap())),
        claims: BTreeMap::from([(name("clearance"), ClaimType::Number)]),
        lists: BTreeMap::from([(name("rooms"), "room:".into())]),
        trusted_context: BTreeSet::from([ContextField::Agent]),
        datasets: all.into_iter().collect(),
        tools: ["echo", "web_search"].into_iter().map(name).collect(),
        resources: BTreeSet::from(["welcome://start".into()]),
        prompts: BTreeMap::new(),
    })
}

/// A policy directory with the shipped model and one file.
pub(super) fn directory(policy: impl AsRef<[u8]>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("model.conf"), shipped_model()).unwrap();
    fs::write(directory.path().join("policy.csv"), policy).unwrap();
    directory
}

fn shipped_model() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/model.conf")).unwrap()
}

/// Findings as `line:column severity message`.
fn findings(directory: &Path) -> Vec<String> {
    let line = |found: &Finding| format!("{}:{} {}: {}", found.line, found.column, found.severity, found.message);
    check(directory, &catalog()).findings.iter().map(line).collect()
}

fn snapshot(policy: &str) -> Snapshot {
    let checked = check(directory(policy).path(), &catalog());
    checked.snapshot.unwrap_or_else(|| panic!("{:#?}", checked.findings))
}

/// Somebody of these names.
fn somebody(tenant: &str, names: &[&str]) -> Requester {
    Requester {
        tenant: tenant.parse().unwrap(),
        names: names.iter().map(|name| Arc::from(*name)).collect(),
        attributes: Attributes::default(),
        context: Context::default(),
    }
}

fn with_clearance(mut requester: Requester, clearance: i64) -> Requester {
    requester.attributes.claims.insert(name("clearance"), Value::Number(Number::Integer(clearance)));
    requester
}
