//! The claim about changes: a change is made if and only if the row was, and the row as stored then is, where casbin lets this
//! person read it *and* change it so, with its tenant, data room and parent; and nothing else is changed. What the change
//! would come to is found out by making it without any filter, and taking it back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use super::{arguments, make};
use crate::catalog::{Catalog, Change, Column, Confirm, Dataset, RoomRule, TenantRule, Within};
use crate::dataset::face::Face;
use crate::dataset::filter::differential_tests::{
    Author, BOOLEAN, Dice, ID, INTEGERS, NUMBER, Oracle, Rows, Spec, TEXT, TEXTS, Table, WHO, accepted, bound, catalog,
    name, requester, schema, value,
};
use crate::dataset::relation::Schema;
use crate::model::Requester;
use crate::policy::{RowRule, Snapshot};

const FOLDERS: &[Spec] = &[
    ("id", ID, "TEXT NOT NULL PRIMARY KEY"),
    ("tenant_id", TEXT, "TEXT NOT NULL"),
    ("data_room_id", ID, "TEXT"),
    ("owner_id", ID, "TEXT"),
    ("amount", NUMBER, "NUMERIC"),
    ("open", BOOLEAN, "INTEGER"),
];
const PAPERS: &[Spec] = &[
    ("id", ID, "INTEGER PRIMARY KEY"),
    ("tenant_id", TEXT, "TEXT NOT NULL"),
    ("data_room_id", ID, "TEXT DEFAULT '12'"),
    ("owner_id", ID, "INTEGER"),
    ("title", TEXT, "TEXT UNIQUE ON CONFLICT REPLACE"),
    ("amount", NUMBER, "REAL"),
    ("rank", NUMBER, "INTEGER"),
    ("flag", BOOLEAN, "INTEGER"),
];
const FILES: &[Spec] = &[
    ("id", ID, "INTEGER PRIMARY KEY"),
    ("folder_id", ID, "TEXT REFERENCES folders (id)"),
    ("owner_id", ID, "TEXT"),
    ("amount", NUMBER, "NUMERIC DEFAULT 7"),
];
const TABLES: [Table; 3] = [("folders", FOLDERS, 5), ("papers", PAPERS, 10), ("files", FILES, 6)];

/// A database that has a mind of its own about rows.
const TRIGGERS: [&str; 4] = [
    "CREATE TRIGGER moved AFTER INSERT ON papers WHEN new.rank = 7 BEGIN
         UPDATE papers SET data_room_id = '7', owner_id = 12 WHERE id = new.id; END",
    "CREATE TRIGGER sold AFTER UPDATE ON papers WHEN new.rank = 2 BEGIN
         UPDATE papers SET tenant_id = 'globex' WHERE id = new.id; END",
    "CREATE TRIGGER kept BEFORE DELETE ON papers WHEN old.flag = 1 BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER fixed BEFORE UPDATE ON folders WHEN old.open = 1 BEGIN SELECT RAISE(ABORT, 'it is open'); END",
];

fn dataset(table: &str, specs: &[Spec]) -> Dataset {
    let column = |(column, kind, _): &Spec| Column {
        name: name(column),
        source: (*column).to_owned(),
        kind: *kind,
        description: None,
        expose: true,
        list: true,
        protected: false,
        values: None,
    };
    let within = (table == "files")
        .then(|| Within { dataset: name("folders"), by: BTreeMap::from([(name("folder_id"), name("id"))]) });
    Dataset {
        name: name(table),
        table: table.to_owned(),
        description: String::new(),
        key: vec![name("id")],
        tenant: if within.is_some() { TenantRule::Inherited } else { TenantRule::Column(name("tenant_id")) },
        data_room: if within.is_some() { RoomRule::Ignored } else { RoomRule::Column(name("data_room_id")) },
        within,
        search: None,
        order: Vec::new(),
        resource: None,
        changed: None,
        writable: BTreeSet::from(Change::ALL),
        confirm: Confirm::default(),
        columns: specs.iter().map(column).collect(),
    }
}

fn policy_text(dice: &mut Dice) -> String {
    let mut text = String::new();
    for member in ["user:u1", "user:u2", "verified", "idp:blockbrain/admin", "role:lead"] {
        for group in ["role:member", "role:lead", "role:auditor", "room:12", "room:finance", "room:7", "team:u1"] {
            if dice.one_in(3) && member != group {
                writeln!(text, "g, {member}, {group}, {}", dice.pick(&["acme", "globex", "*"])).unwrap();
            }
        }
    }
    for (table, columns, _) in TABLES {
        for may in ["read", "create", "update", "delete"] {
            if dice.one_in(2) {
                writeln!(text, "p, verified, *, dataset:{table}, {may}, true, allow").unwrap();
            }
        }
        for _ in 0..2 + dice.below(5) {
            let deny = dice.one_in(4);
            let easy = if deny { 12 } else { 3 };
            let columns = columns.to_vec();
            let when = if dice.one_in(easy) { "true".to_owned() } else { Author { dice, columns }.condition(1) };
            let (who, tenant) = (dice.pick(&WHO), dice.pick(&["acme", "*", "*"]));
            let may = dice.pick(&["read", "create", "update", "delete", "*"]);
            let effect = if deny { "deny" } else { "allow" };
            writeln!(text, "p, {who}, {tenant}, dataset:{table}, {may}, {when}, {effect}").unwrap();
        }
        if dice.one_in(3) {
            let written: Vec<Spec> = columns[1..].iter().filter(|(c, ..)| *c != "tenant_id").copied().collect();
            let column = dice.pick(&written).0;
            writeln!(text, "p, {}, *, column:{table}/{column}, update, true, deny", dice.pick(&WHO)).unwrap();
        }
    }
    text
}

/// A value that a caller could send for a column.
fn given(dice: &mut Dice, (column, kind, sql): &Spec) -> Json {
    if dice.one_in(12) {
        return Json::Null;
    }
    match (*column, *kind) {
        // Not the largest: after it the database draws lots.
        ("id", _) if sql.starts_with("INTEGER") => json!(dice.below(40).to_string()),
        ("data_room_id", _) => json!(dice.pick(&["12", "finance", "7"])),
        ("folder_id", _) => json!(dice.pick(&["12", "7", "u1", "-5", "none"])),
        ("owner_id", _) => json!(dice.pick(&["u1", "u2", "12", "-5"])),
        ("rank", _) => json!(dice.pick(&[0, 2, 7, 12])),
        (_, NUMBER) => json!(dice.pick(&INTEGERS[..7])),
        (_, BOOLEAN) => json!(dice.one_in(2)),
        (_, TEXT) if dice.one_in(2) => json!(format!("t{}", dice.below(20))),
        (_, _) => json!(dice.pick(&TEXTS)),
    }
}

/// Every row with its number, as it is stored to the letter, and as policies see it.
async fn dump(db: &mut SqliteConnection) -> (Rows, BTreeMap<(&'static str, i64), String>) {
    let (mut rows, mut stored) = (Rows::new(), BTreeMap::new());
    for (table, columns, _) in TABLES {
        let read: Vec<String> = columns.iter().map(|(c, _, _)| format!("\"{c}\", typeof(\"{c}\")")).collect();
        let letters: Vec<String> = columns.iter().map(|(c, _, _)| format!("quote(\"{c}\")")).collect();
        let text = format!("SELECT {}, rowid, {} FROM \"{table}\"", read.join(", "), letters.join(" || ', ' || "));
        let of_table = rows.entry(table).or_default();
        for found in sqlx::query(AssertSqlSafe(text)).fetch_all(&mut *db).await.unwrap() {
            let cells = columns.iter().enumerate().map(|(i, (c, kind, _))| (name(c), value(&found, i, *kind)));
            let number: i64 = found.get_unchecked(2 * columns.len());
            of_table.push((number, cells.collect()));
            stored.insert((table, number), found.get_unchecked(2 * columns.len() + 1));
        }
    }
    (rows, stored)
}

async fn fill(db: &mut SqliteConnection, dice: &mut Dice) {
    for table in ["files", "papers", "folders"] {
        // `kept` keeps rows.
        let texts = ["DROP TRIGGER IF EXISTS kept", &format!("DELETE FROM {table}"), TRIGGERS[2]];
        for text in texts {
            sqlx::query(AssertSqlSafe(text.to_owned())).execute(&mut *db).await.unwrap();
        }
    }
    for (table, columns, count) in TABLES {
        for number in 0..count {
            let value = |dice: &mut Dice, spec: &Spec| match (table, spec.0) {
                ("folders", "id") => format!("'{}'", ["12", "7", "u1", "-5", "acme"][number]),
                (_, "id") => (number + 1).to_string(),
                (_, "tenant_id") => (*dice.pick(&["'acme'", "'acme'", "'globex'"])).to_owned(),
                ("files", "folder_id") => (*dice.pick(&["'12'", "'7'", "'u1'", "NULL"])).to_owned(),
                (_, "title") => format!("'t{number}'"),
                _ => match given(dice, spec) {
                    Json::Null => "NULL".to_owned(),
                    Json::String(text) => format!("'{text}'"),
                    other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => other.to_string(),
                },
            };
            let values: Vec<String> = columns.iter().map(|spec| value(dice, spec)).collect();
            let text = format!("INSERT INTO {table} VALUES ({})", values.join(", "));
            sqlx::query(AssertSqlSafe(text)).execute(&mut *db).await.unwrap();
        }
    }
}

/// What a change would come to without any policy: the rows then, and the number of the row; `None` where the database does
/// not take it. It is taken back.
async fn unfiltered(
    db: &mut SqliteConnection,
    (table, change, number): (&'static str, Change, Option<i64>),
    asked: &arguments::ChangeRequest,
    requester: &Requester,
) -> Option<(Rows, i64)> {
    let mut columns: Vec<(String, _)> = asked.given.iter().map(|(c, bind)| (c.to_string(), bind.clone())).collect();
    if change == Change::Create && table != "files" {
        let text = |text: &str| Some(crate::dataset::Bind::Text(text.into()));
        columns.push(("tenant_id".to_owned(), text(requester.tenant.as_str())));
        let has_room = columns.iter().any(|(column, _)| column == "data_room_id");
        if let (Some(room), false) = (&requester.context.data_room, has_room) {
            columns.push(("data_room_id".to_owned(), text(room.as_str())));
        }
    }
    let names: Vec<&str> = columns.iter().map(|(column, _)| column.as_str()).collect();
    let text = match (change, number) {
        (Change::Create, _) if columns.is_empty() => format!("INSERT OR ABORT INTO {table} DEFAULT VALUES"),
        (Change::Create, _) => {
            let marks = vec!["?"; names.len()].join(", ");
            format!("INSERT OR ABORT INTO {table} ({}) VALUES ({marks})", names.join(", "))
        }
        (Change::Update, Some(number)) => {
            format!("UPDATE OR ABORT {table} SET {} = ? WHERE rowid = {number}", names.join(" = ?, "))
        }
        (Change::Delete, Some(number)) => format!("DELETE FROM {table} WHERE rowid = {number}"),
        (Change::Update | Change::Delete, None) => return None,
    };
    let binds: Vec<_> = columns.iter().map(|(_, bind)| bind.clone()).collect();
    sqlx::query("SAVEPOINT trial").execute(&mut *db).await.unwrap();
    let done = bound(text, &binds).execute(&mut *db).await;
    let after = match &done {
        Ok(done) if done.rows_affected() == 1 => Some((dump(db).await.0, number.unwrap_or(done.last_insert_rowid()))),
        Ok(_) | Err(_) => None,
    };
    sqlx::query("ROLLBACK TO trial").execute(&mut *db).await.unwrap();
    sqlx::query("RELEASE trial").execute(&mut *db).await.unwrap();
    after
}

fn row<'a>(rows: &'a Rows, table: &str, number: i64) -> Option<&'a crate::policy::Row> {
    rows[table].iter().find(|(own, _)| *own == number).map(|(_, row)| row)
}

#[derive(Default)]
struct Tally {
    asked: usize,
    made: BTreeMap<(&'static str, Change), usize>,
    /// Changes that the old row alone would have let through.
    by_new_row: usize,
}

/// Whether a person may change this row so, or leave it so, by casbin's word.
fn may(oracle: &Oracle<'_>, table: &str, change: Change, row: &crate::policy::Row) -> bool {
    let allowed = oracle.snapshot.admits_row(oracle.requester, &name(table), change.into(), row).is_allowed();
    allowed && oracle.admits(table, row)
}

async fn one(
    db: &mut SqliteConnection,
    dice: &mut Dice,
    (catalog, schema, snapshot, requester): (&Catalog, &Schema, &Snapshot, &Requester),
    tally: &mut Tally,
) {
    let (table, columns, _) = *dice.pick(&TABLES);
    let change = *dice.pick(&Change::ALL);
    let decision = snapshot.changes_through(requester, &name(table), change);
    let RowRule::Filter(filter) = &decision.rule else { return };
    let (before, stored_before) = dump(db).await;
    let face = Face::new(Arc::clone(&catalog.datasets[&name(table)]), Arc::clone(&decision.columns));
    let mut arguments = Map::new();
    for spec in columns.iter().filter(|(column, ..)| face.columns().written.contains(&name(column))) {
        if !dice.one_in(4) && (change == Change::Create && (spec.0 != "id" || dice.one_in(3)) || dice.one_in(2)) {
            arguments.insert(spec.0.to_owned(), given(dice, spec));
        }
    }
    let mut number = None;
    if change != Change::Create {
        let (rowid, row) = dice.pick(&before[table]);
        number = Some(*rowid);
        let Some(crate::model::Value::Text(id)) = &row[&name("id")] else { panic!("{row:?}") };
        arguments.insert("id".to_owned(), json!(&**id));
    }
    let relation = &schema.relations[&name(table)];
    let Ok(asked) = arguments::parse(&face, change, relation, &arguments) else { return };
    let would = unfiltered(db, (table, change, number), &asked, requester).await;
    let oracle = Oracle { catalog, snapshot, requester, rows: &before };
    let old = number.and_then(|number| row(&before, table, number));
    let old_is_ours = old.is_none_or(|row| may(&oracle, table, change, row));
    let new_is_ours = would.as_ref().is_some_and(|(rows, number)| {
        let oracle = Oracle { catalog, snapshot, requester, rows };
        change == Change::Delete || row(rows, table, *number).is_some_and(|row| may(&oracle, table, change, row))
    });
    let expected = old_is_ours && new_is_ours;

    let made = make(db, schema, (&face, filter, change), Json::Object(arguments.clone())).await.unwrap();
    let (_, stored) = dump(db).await;
    let told = || {
        format!("{change:?} in {table}: {arguments:?}\nwas {old:?}\nwould be {would:?}\n{requester:?}\n{decision:?}")
    };
    assert_eq!(made.is_some(), expected, "{}", told());
    let changed: BTreeSet<_> = stored_before
        .iter()
        .filter(|(at, row)| stored.get(at) != Some(row))
        .map(|(at, _)| *at)
        .chain(stored.keys().filter(|at| !stored_before.contains_key(at)).copied())
        .collect();
    let meant = if expected { would.as_ref().map(|(_, number)| (table, *number)) } else { None };
    assert!(changed.iter().all(|at| Some(*at) == meant), "{changed:?} changed, {meant:?} was meant\n{}", told());
    tally.asked += 1;
    *tally.made.entry((table, change)).or_default() += usize::from(made.is_some());
    tally.by_new_row += usize::from(old_is_ours && would.is_some() && !new_is_ours);
}

async fn compare(seed: u64, policies: usize) -> Tally {
    let mut dice = Dice(seed);
    let catalog = Arc::new(catalog(&TABLES, dataset));
    let schema = schema(&catalog, &TABLES);
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for (table, columns, _) in TABLES {
        let columns: Vec<String> = columns.iter().map(|(name, _, sql)| format!("\"{name}\" {sql}")).collect();
        let text = format!("CREATE TABLE \"{table}\" ({})", columns.join(", "));
        sqlx::query(AssertSqlSafe(text)).execute(&mut db).await.unwrap();
    }
    for trigger in TRIGGERS {
        sqlx::query(trigger).execute(&mut db).await.unwrap();
    }
    let mut tally = Tally::default();
    for _ in 0..policies {
        let snapshot = accepted(&policy_text(&mut dice), &catalog);
        fill(&mut db, &mut dice).await;
        for _ in 0..8 {
            let requester = requester(&mut dice);
            for _ in 0..6 {
                one(&mut db, &mut dice, (&catalog, &schema, &snapshot, &requester), &mut tally).await;
            }
        }
    }
    tally
}

#[test]
fn a_change_is_made_if_and_only_if_casbin_allows_the_row_before_and_after() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tally = runtime.block_on(compare(1, 150));
    // A comparison of nothing with nothing would prove nothing.
    assert!(tally.asked > 1_000, "{}", tally.asked);
    for (table, _, _) in TABLES {
        for change in Change::ALL {
            let made = tally.made.get(&(table, change)).copied().unwrap_or_default();
            assert!(made >= 5, "{made} times {change:?} in {table} of {}", tally.asked);
        }
    }
    assert!(tally.by_new_row >= 20, "{} refused by the new row alone", tally.by_new_row);
}
