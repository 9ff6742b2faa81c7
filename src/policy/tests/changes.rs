//! What lines about `create`, `update` and `delete` come to.

use super::*;
use crate::catalog::Change;

/// The datasets of the other tests, where documents and comments are changed in every way and rates in none.
fn writable() -> Arc<Catalog> {
    let catalog = catalog();
    let mut datasets = catalog.datasets.clone();
    for of in ["documents", "comments"] {
        let dataset = Dataset { writable: BTreeSet::from(Change::ALL), ..Dataset::clone(&datasets[&name(of)]) };
        datasets.insert(name(of), Arc::new(dataset));
    }
    let Catalog { tenants, issuers, claims, lists, trusted_context, tools, resources, .. } =
        Arc::try_unwrap(catalog).unwrap();
    let prompts = BTreeMap::new();
    Arc::new(Catalog { tenants, issuers, claims, lists, trusted_context, datasets, tools, resources, prompts })
}

fn policy(text: &str) -> Snapshot {
    let checked = check(directory(text).path(), &writable());
    checked.snapshot.unwrap_or_else(|| panic!("{:#?}", checked.findings))
}

fn tools(policy: &Snapshot, requester: &Requester) -> Vec<String> {
    let tools = policy.visible_tools(requester);
    let changing = |tool: &&Arc<str>| Change::ALL.iter().any(|change| tool.starts_with(change.as_str()));
    tools.keys().filter(changing).map(ToString::to_string).collect()
}

fn row(cells: &[(&str, &str)]) -> Row {
    cells.iter().map(|(column, text)| (name(column), Some(Value::text(*text)))).collect()
}

/// Whether a row may be changed so by the compiled filter, and by casbin's word for reading and for the change.
fn may(policy: &Snapshot, requester: &Requester, change: Change, row: &Row) -> (bool, bool) {
    let documents = name("documents");
    let compiled = match policy.changes_through(requester, &documents, change).rule {
        RowRule::Nothing => false,
        RowRule::Filter(filter) => filter.admits(row, &|_, _| Vec::new()),
    };
    let allows = |permission| policy.admits_row(requester, &documents, permission, row).is_allowed();
    (compiled, allows(Permission::Read) && allows(change.into()))
}

#[test]
fn a_row_may_be_changed_where_it_may_be_read_and_a_line_about_the_change_allows_it() {
    let policy = policy(
        "p, verified, *, dataset:documents, read, r.obj.classification == \"public\", allow\n\
         p, user:ada, *, dataset:documents, read, r.obj.owner_id == \"ada\", allow\n\
         p, user:ada, *, dataset:documents, update, r.obj.data_room_id == \"r1\", allow\n\
         p, user:ada, *, dataset:documents, update, r.obj.classification == \"secret\", deny\n\
         p, user:eve, *, dataset:documents, create, true, allow\n",
    );
    let ada = somebody("acme", &["verified", "user:ada"]);
    for (cells, expected) in [
        ([("owner_id", "ada"), ("data_room_id", "r1"), ("classification", "internal")], true),
        ([("owner_id", "bob"), ("data_room_id", "r1"), ("classification", "public")], true),
        ([("owner_id", "bob"), ("data_room_id", "r1"), ("classification", "internal")], false),
        ([("owner_id", "ada"), ("data_room_id", "r2"), ("classification", "internal")], false),
        ([("owner_id", "ada"), ("data_room_id", "r1"), ("classification", "secret")], false),
    ] {
        let row = row(&[&cells[..], &[("tenant_id", "acme"), ("id", "1")]].concat());
        assert_eq!(may(&policy, &ada, Change::Update, &row), (expected, expected), "{cells:?}");
    }
    // An undecided condition is none: a denial counts where its column is empty.
    let unknown = row(&[("tenant_id", "acme"), ("id", "1"), ("owner_id", "ada"), ("data_room_id", "r1")]);
    assert_eq!(may(&policy, &ada, Change::Update, &unknown), (false, false));
    let elsewhere = row(&[
        ("tenant_id", "globex"),
        ("id", "1"),
        ("owner_id", "ada"),
        ("data_room_id", "r1"),
        ("classification", "internal"),
    ]);
    assert!(!may(&policy, &ada, Change::Update, &elsewhere).0, "another tenant's");
    assert_eq!(tools(&policy, &ada), ["update_documents"]);
    // Whoever reads nothing creates nothing.
    assert_eq!(tools(&policy, &somebody("acme", &["user:eve"])), [] as [&str; 0]);
    assert_eq!(tools(&policy, &somebody("acme", &["verified", "user:eve"])), ["create_documents"]);
}

#[test]
fn a_star_permits_everything_a_tool_denial_removes_the_tool_and_a_child_needs_its_parent() {
    let policy = policy(
        "p, user:ada, *, dataset:documents, *, true, allow\n\
         p, user:ada, *, dataset:rates, *, true, allow\n\
         p, user:ada, *, tool:delete_documents, call, true, deny\n\
         p, verified, *, dataset:comments, *, true, allow\n",
    );
    let ada = somebody("acme", &["verified", "user:ada"]);
    let expected = ["create_comments", "create_documents", "delete_comments", "update_comments", "update_documents"];
    assert_eq!(tools(&policy, &ada), expected, "nothing changes rates, which are not writable");
    assert_eq!(tools(&policy, &somebody("acme", &["verified"])), [] as [&str; 0], "no parent, no child");
    assert_eq!(policy.rows(&ada, &name("rates"), Permission::Create).rule, RowRule::Nothing);
}

#[test]
fn a_column_is_written_where_it_is_read_in_every_row_and_no_line_about_update_denies_it() {
    let policy = policy(
        "p, verified, *, dataset:documents, *, true, allow\n\
         p, *, *, column:documents/title, update, true, deny\n\
         p, *, *, column:documents/amount, read, r.obj.owner_id == \"x\", deny\n\
         p, *, *, column:documents/owner_id, update, r.obj.final == true, deny\n\
         p, *, *, column:documents/margin, read, true, allow\n\
         p, user:ada, *, column:documents/margin, update, true, allow\n\
         p, *, *, column:documents/classification, *, true, deny\n",
    );
    let written = |names: &[&str], change| {
        let columns = policy.changes_through(&somebody("acme", names), &name("documents"), change).columns;
        columns.written.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(written(&["verified"], Change::Update), ["data_room_id", "final", "updated_at"]);
    assert_eq!(written(&["verified"], Change::Create), ["data_room_id", "final", "id", "updated_at"]);
    assert_eq!(written(&["verified", "user:ada"], Change::Update), ["data_room_id", "final", "margin", "updated_at"]);
    assert_eq!(written(&["verified"], Change::Delete), [] as [&str; 0]);
    // To read is another thing.
    let read = policy.rows(&somebody("acme", &["verified"]), &name("documents"), Permission::Read).columns;
    assert!(read.is_open(&name("title")) && read.is_open(&name("owner_id")) && read.written.is_empty());
}

#[test]
fn what_a_mask_depends_on_is_not_written_by_whoever_it_hides_something_from() {
    let policy = policy(
        "p, verified, *, dataset:documents, *, true, allow\n\
         p, verified, *, column:documents/amount, read, r.obj.final == true || r.obj.title == \"x\", deny\n\
         p, user:ada, *, column:documents/margin, read, true, allow\n",
    );
    let written = |change| {
        let columns = policy.changes_through(&somebody("acme", &["verified"]), &name("documents"), change).columns;
        assert!(columns.masked.contains_key(&name("amount")), "{columns:?}");
        columns.written.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(written(Change::Update), ["classification", "data_room_id", "owner_id", "updated_at"]);
    // A new row hides nothing that was there.
    let new = ["classification", "data_room_id", "final", "id", "owner_id", "title", "updated_at"];
    assert_eq!(written(Change::Create), new);
}

#[test]
fn a_mask_depends_on_both_columns_that_it_compares() {
    let policy = policy(
        "p, verified, *, dataset:documents, *, true, allow\n\
         p, verified, *, column:documents/amount, read, !(r.obj.owner_id != r.obj.data_room_id), deny\n",
    );
    let decision = policy.changes_through(&somebody("acme", &["verified"]), &name("documents"), Change::Update);
    let written: Vec<&str> = decision.columns.written.iter().map(Name::as_str).collect();
    assert_eq!(written, ["classification", "final", "title", "updated_at"]);
}

#[test]
fn the_lines_on_record_are_those_about_the_change_the_rows_and_the_columns_that_are_written() {
    let policy = policy(
        "p, verified, *, dataset:documents, read, true, allow\n\
         p, verified, *, dataset:documents, update, true, allow\n\
         p, verified, *, dataset:documents, delete, true, allow\n\
         p, verified, *, column:documents/title, update, true, deny\n\
         p, user:ada, *, dataset:documents, *, true, allow\n\
         p, user:eve, *, dataset:documents, read, true, deny\n\
         p, user:bob, *, dataset:documents, update, true, deny\n",
    );
    let lines = |names: &[&str], change| {
        let decision = policy.changes_through(&somebody("acme", names), &name("documents"), change);
        let lines: Vec<u32> = decision.lines.iter().map(|at| at.line).collect();
        (decision.rule != RowRule::Nothing, lines)
    };
    assert_eq!(lines(&["verified"], Change::Update), (true, vec![2, 1, 4]));
    assert_eq!(lines(&["verified"], Change::Delete), (true, vec![3, 1]), "a row that goes has no columns");
    assert_eq!(lines(&["verified", "user:ada"], Change::Update), (true, vec![2, 5, 1, 4]), "each once");
    assert_eq!(lines(&["verified", "user:eve"], Change::Update), (false, vec![6]), "what takes the rows");
    assert_eq!(lines(&["verified", "user:bob"], Change::Update), (false, vec![7]), "what takes the change");
}

#[test]
fn lines_about_changes_that_do_nothing_are_named() {
    let findings = |text: &str| -> Vec<String> {
        let found = check(directory(text).path(), &writable()).findings;
        found.iter().map(|found| format!("{} {}: {}", found.line, found.severity, found.message)).collect()
    };
    assert_eq!(
        findings("p, verified, *, dataset:documents, create, true, allow\n"),
        ["1 warning: the line can never match: no line lets anybody in any tenant read the rows of `documents`"]
    );
    assert_eq!(
        findings(
            "p, verified, *, dataset:documents, *, true, allow\np, verified, *, dataset:rates, delete, true, deny\n"
        ),
        [
            "2 refused: nothing that `dataset:rates` covers can be changed by `delete`; `writable = [\"delete\"]` in a `[[dataset]]` makes its rows so"
        ]
    );
    // What the key is hidden from cannot be read; it may well not be written.
    assert_eq!(
        findings(
            "p, verified, *, dataset:documents, *, true, allow\np, *, *, column:documents/id, update, true, deny\n"
        ),
        [] as [&str; 0]
    );
    // A line about a change tells nobody what a column holds, and hides none.
    let lines = "p, verified, *, dataset:documents, read, r.obj.amount > 10, allow\n\
                 p, verified, *, dataset:documents, update, r.obj.margin > 10, allow\n\
                 p, *, *, column:documents/amount, update, true, deny\n";
    assert_eq!(findings(lines), [] as [&str; 0]);
}
