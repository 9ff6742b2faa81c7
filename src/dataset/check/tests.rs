use super::*;
use crate::catalog::{ColumnType, RoomRule, TenantRule, TimeStorage};
use crate::dataset::relation::Affinity;
use crate::dataset::tests::fixture::{DOCUMENTS, checked, column, dataset, descending, documents, name};

async fn errors(sql: &str, dataset: Dataset) -> Vec<String> {
    match checked(sql, vec![dataset]).await {
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
        Ok(_) => Vec::new(),
    }
}

async fn warnings(sql: &str, dataset: Dataset) -> Vec<String> {
    let (_, warnings) = checked(sql, vec![dataset]).await.unwrap();
    warnings.iter().map(ToString::to_string).collect()
}

fn one(sql_type: &str) -> String {
    format!("CREATE TABLE a (id INTEGER PRIMARY KEY, v {sql_type});")
}

fn with(kind: ColumnType) -> Dataset {
    dataset("a", vec![column("id", ColumnType::Id), column("v", kind)])
}

#[tokio::test]
async fn a_table_or_column_that_is_not_there_is_refused_with_the_nearest_name() {
    let mut wrong = with(ColumnType::Text);
    "A".clone_into(&mut wrong.table);
    let found = errors(&one("TEXT"), wrong).await;
    assert!(found[0].contains("no table or view `A`") && found[0].contains("did you mean `a`?"), "{found:?}");

    let mut wrong = with(ColumnType::Text);
    "vvalu".clone_into(&mut wrong.columns[1].source);
    let found = errors("CREATE TABLE a (id INTEGER PRIMARY KEY, vvalue TEXT);", wrong).await;
    assert!(found[0].contains("no column `vvalu`; did you mean `vvalue`?"), "{found:?}");

    let found = errors("CREATE TABLE b (v TEXT); CREATE VIEW a AS SELECT id, v FROM b;", with(ColumnType::Text)).await;
    assert!(found[0].contains("`a` cannot be examined"), "{found:?}");
}

#[tokio::test]
async fn a_type_must_fit_the_storage_and_the_error_gives_the_view_that_mends_it() {
    let text_time = ColumnType::Time(TimeStorage::Text);
    let unix = ColumnType::Time(TimeStorage::Unix);
    let julian = ColumnType::Time(TimeStorage::Julian);
    for (sql_type, kind, fits) in [
        ("INTEGER", ColumnType::Id, true),
        ("VARCHAR(10)", ColumnType::Id, true),
        ("UUID", ColumnType::Id, true),
        ("", ColumnType::Id, true),
        ("REAL", ColumnType::Id, false),
        ("VARCHAR", ColumnType::Text, true),
        ("", ColumnType::Text, true),
        ("INTEGER", ColumnType::Text, false),
        ("REAL", ColumnType::Number, true),
        ("DECIMAL(10,2)", ColumnType::Number, true),
        ("TEXT", ColumnType::Number, false),
        ("BOOLEAN", ColumnType::Boolean, true),
        ("TEXT", ColumnType::Boolean, false),
        ("DOUBLE", ColumnType::Boolean, false),
        ("DATETIME", text_time, true),
        ("TEXT", text_time, true),
        ("INTEGER", text_time, false),
        ("TIMESTAMP", unix, true),
        ("TEXT", unix, false),
        ("REAL", julian, true),
        ("VARCHAR", julian, false),
        ("JSON", ColumnType::Json, true),
        ("REAL", ColumnType::Json, false),
        ("BLOB", ColumnType::Bytes, true),
        ("TEXT", ColumnType::Bytes, false),
    ] {
        let found = errors(&one(sql_type), with(kind)).await;
        assert_eq!(found.is_empty(), fits, "{sql_type} {kind:?}: {found:?}");
        let Some(error) = found.first() else { continue };
        let (_, view) = error.split_once("CREATE VIEW").expect("the view that mends it");
        let sql = format!("{} CREATE VIEW{view};", one(sql_type));
        let mut mended = with(kind);
        "a_exposed".clone_into(&mut mended.table);
        assert_eq!(errors(&sql, mended).await, [""; 0], "{sql}");
    }
    let found = warnings(&one("STRING"), with(ColumnType::Text)).await;
    assert!(found[0].contains("declared `STRING`"), "{found:?}");
}

#[tokio::test]
async fn a_column_that_does_not_compare_as_bytes_is_refused_with_the_view_that_mends_it() {
    for collation in ["NOCASE", "rtrim"] {
        let sql = one(&format!("TEXT COLLATE {collation}"));
        let found = errors(&sql, with(ColumnType::Text)).await;
        let name = collation.to_ascii_uppercase();
        assert!(found[0].to_ascii_uppercase().contains(&format!("COMPARES BY `{name}`")), "{found:?}");
        let (_, view) = found[0].split_once("CREATE VIEW").unwrap();
        let mut mended = with(ColumnType::Text);
        "a_exposed".clone_into(&mut mended.table);
        assert_eq!(errors(&format!("{sql} CREATE VIEW{view};"), mended).await, [""; 0]);
    }
    // An index does not hide the column's own collation, nor does a view, nor does a key.
    let sql = format!("{} CREATE INDEX i ON a (v COLLATE BINARY);", one("TEXT COLLATE NOCASE"));
    assert_eq!(errors(&sql, with(ColumnType::Text)).await.len(), 1);
    let sql = "CREATE TABLE b (id TEXT COLLATE NOCASE PRIMARY KEY, v TEXT); CREATE VIEW a AS SELECT id, v FROM b;";
    assert_eq!(errors(sql, with(ColumnType::Text)).await.len(), 1);
    let sql = "CREATE TABLE a (id TEXT COLLATE NOCASE PRIMARY KEY, v TEXT) WITHOUT ROWID;";
    assert_eq!(errors(sql, with(ColumnType::Text)).await.len(), 1);
    let sql = "CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT, w TEXT COLLATE NOCASE);
               CREATE VIEW a AS SELECT id, w AS v FROM b UNION ALL SELECT id, v FROM b;";
    assert_eq!(errors(sql, with(ColumnType::Text)).await.len(), 1);
    assert_eq!(errors(&one("TEXT"), with(ColumnType::Text)).await, [""; 0]);
}

#[tokio::test]
async fn the_affinity_and_nullability_of_tables_and_views_are_the_database_s() {
    let sql = "CREATE TABLE b (id INTEGER PRIMARY KEY, v VARCHAR(9) NOT NULL, n DECIMAL);
               CREATE VIEW a AS SELECT id, v, n + 1 AS n FROM b;";
    let columns = || vec![column("id", ColumnType::Id), column("v", ColumnType::Text), column("n", ColumnType::Number)];
    let table = Dataset { table: "b".to_owned(), ..dataset("a", columns()) };
    let (schema, warnings) = checked(sql, vec![table]).await.unwrap();
    let relation = &schema.relations[&name("a")];
    assert_eq!(relation.affinities[&name("n")], Affinity::Numeric);
    assert_eq!(relation.never_null.iter().map(crate::model::Name::as_str).collect::<Vec<_>>(), ["id", "v"]);
    assert_eq!(warnings, []);

    let (schema, warnings) = checked(sql, vec![dataset("a", columns())]).await.unwrap();
    let relation = &schema.relations[&name("a")];
    assert_eq!(relation.affinities[&name("id")], Affinity::Integer);
    assert_eq!(relation.affinities[&name("v")], Affinity::Text);
    assert!(relation.never_null.is_empty());
    assert!(matches!(warnings[..], [Warning::KeyNotEnforced { .. }]), "{warnings:?}");
}

#[tokio::test]
async fn a_key_must_be_unique_by_an_index_or_at_least_be_unique_now() {
    let two = || Dataset {
        key: vec![name("x"), name("y")],
        ..dataset("a", vec![column("x", ColumnType::Id), column("y", ColumnType::Id)])
    };
    let table = "CREATE TABLE a (x TEXT NOT NULL, y TEXT NOT NULL";
    for enforced in [
        format!("{table}, PRIMARY KEY (x, y));"),
        format!("{table}, PRIMARY KEY (y, x)) WITHOUT ROWID;"),
        format!("{table}); CREATE UNIQUE INDEX i ON a (y, x);"),
        format!("{table}, UNIQUE (y));"),
    ] {
        let (_, warnings) = checked(&enforced, vec![two()]).await.unwrap();
        assert!(warnings.iter().all(|warning| matches!(warning, Warning::Index { .. })), "{enforced} {warnings:?}");
    }
    for loose in [
        format!("{table});"),
        format!("{table}, z, UNIQUE (x, y, z));"),
        format!("{table}); CREATE UNIQUE INDEX i ON a (x, y) WHERE x > 'm';"),
        format!("{table}); CREATE UNIQUE INDEX i ON a (x, lower(y));"),
        format!("{table}); CREATE INDEX i ON a (x, y);"),
    ] {
        let (_, warnings) = checked(&loose, vec![two()]).await.unwrap();
        assert!(warnings.iter().any(|w| matches!(w, Warning::KeyNotEnforced { .. })), "{loose} {warnings:?}");
        let sql = format!("{loose} INSERT INTO a (x, y) VALUES ('a', 'b'), ('a', 'b');");
        if !loose.contains("lower") {
            let found = errors(&sql, two()).await;
            assert!(found[0].contains("several rows with the same `x`, `y`"), "{loose} {found:?}");
        }
    }
    let sql = "CREATE TABLE a (x TEXT, y TEXT, PRIMARY KEY (x, y)); INSERT INTO a VALUES ('a', NULL), ('a', NULL);";
    let (_, warnings) = checked(sql, vec![two()]).await.unwrap();
    assert!(warnings.iter().any(|w| matches!(w, Warning::NullKey { .. })), "{warnings:?}");
}

#[tokio::test]
async fn a_missing_index_is_a_warning_whose_statement_takes_it_away() {
    let scoped = || Dataset {
        tenant: TenantRule::Column(name("tenant_id")),
        data_room: RoomRule::Column(name("room")),
        order: vec![descending("at")],
        ..dataset(
            "a",
            vec![
                column("id", ColumnType::Id),
                column("tenant_id", ColumnType::Text),
                column("room", ColumnType::Id),
                column("at", ColumnType::Time(TimeStorage::Unix)),
            ],
        )
    };
    for key in ["id INTEGER PRIMARY KEY", "id TEXT NOT NULL PRIMARY KEY"] {
        let mut sql = format!("CREATE TABLE a ({key}, tenant_id TEXT, room TEXT, at INTEGER);");
        let found = warnings(&sql, scoped()).await;
        assert_eq!(found.len(), 2, "{found:?}");
        for warning in found {
            let (_, create) = warning.split_once("hint: ").unwrap();
            sql.push_str(create);
            sql.push(';');
        }
        assert!(sql.contains("(\"tenant_id\", \"room\", \"at\" DESC"), "{sql}");
        assert_eq!(warnings(&sql, scoped()).await, [""; 0]);
    }
    // Turned around, an index serves as well; with mixed directions, in another collation or in part, it does not.
    let table = "CREATE TABLE a (id INTEGER PRIMARY KEY, tenant_id TEXT, room TEXT, at INTEGER);
                 CREATE INDEX t ON a (tenant_id, at);";
    for (index, serves) in [
        ("(room, tenant_id, at)", true),
        ("(tenant_id, room)", false),
        ("(tenant_id, at, room)", false),
        ("(tenant_id, room COLLATE NOCASE, at)", false),
        ("(tenant_id, room, at) WHERE at > 5", false),
    ] {
        let found = warnings(&format!("{table} CREATE INDEX r ON a {index};"), scoped()).await;
        assert_eq!(found.is_empty(), serves, "{index}: {found:?}");
    }
}

#[tokio::test]
async fn a_full_text_table_must_be_one_over_the_searched_columns_and_the_same_rowids() {
    assert_eq!(errors(DOCUMENTS, documents()).await, [""; 0]);
    let drop = format!("{DOCUMENTS} DROP TABLE documents_fts;");
    for (sql, why) in [
        (String::new(), "no such table"),
        ("CREATE TABLE documents_fts (title, body, secret);".to_owned(), "not an FTS5 table"),
        ("CREATE VIRTUAL TABLE documents_fts USING fts4(title, body, secret);".to_owned(), "not an FTS5 table"),
        ("CREATE VIRTUAL TABLE documents_fts USING fts5(title);".to_owned(), "every searched column (title, body, secret)"),
        (
            "CREATE TABLE other (id INTEGER PRIMARY KEY, title, body, secret);
             CREATE VIRTUAL TABLE documents_fts USING fts5(title, body, secret, content=other);"
                .to_owned(),
            "its content is `other`",
        ),
        (
            "CREATE VIRTUAL TABLE documents_fts USING fts5(title, body, secret, content=documents, content_rowid=room);"
                .to_owned(),
            "content_rowid `room`",
        ),
        (
            "CREATE VIRTUAL TABLE documents_fts USING fts5(title, body, secret);
             INSERT INTO documents_fts (rowid, title) VALUES (77, 'x');"
                .to_owned(),
            "whose rowid is not in `documents`",
        ),
    ] {
        let found = errors(&format!("{drop} {sql}"), documents()).await;
        assert!(found.len() == 1 && found[0].contains(why), "{why}: {found:?}");
    }
    let own = "CREATE VIRTUAL TABLE documents_fts USING fts5(title, body, secret);
               INSERT INTO documents_fts (rowid, title) VALUES (1, 'x');";
    let found = warnings(&format!("{drop} {own}"), documents()).await;
    assert!(found.iter().any(|warning| warning.contains("keeps its own rows")), "{found:?}");

    let mut view = documents();
    "documents_view".clone_into(&mut view.table);
    let found = errors(&format!("{DOCUMENTS} CREATE VIEW documents_view AS SELECT * FROM documents;"), view).await;
    assert!(found[0].contains("has no rowids"), "{found:?}");
}

#[tokio::test]
async fn a_full_text_table_follows_the_rows_of_what_is_writable() {
    let writable = || Dataset { writable: crate::catalog::Change::ALL.into(), ..documents() };
    let trigger = |name: &str, event: &str| {
        let follow = "INSERT INTO Documents_FTS (documents_fts) VALUES ('rebuild')";
        format!("CREATE TRIGGER {name} AFTER {event} ON documents BEGIN {follow}; END;")
    };
    let mut triggers = String::new();
    for (event, of) in [("INSERT", "INSERT"), ("UPDATE", "UPDATE OF title, body"), ("DELETE", "DELETE")] {
        let found = errors(&format!("{DOCUMENTS} {triggers}"), writable()).await;
        let why = format!("no trigger of `documents` keeps it after {event}");
        assert!(found.iter().any(|error| error.contains(&why)), "{event}: {found:?}");
        triggers += &trigger(&format!("after_{event}"), of);
    }
    let found = errors(&format!("{DOCUMENTS} {triggers}"), writable()).await;
    assert!(!found.iter().any(|error| error.contains("trigger")), "{found:?}");
    // However it is written: the name of the table may have a blank, and be quoted.
    let mut spaced = writable();
    spaced.search.as_mut().unwrap().fts = Some("Words Of Documents".to_owned());
    let follow = r#"BEGIN INSERT INTO "Words Of Documents" ("Words Of Documents") VALUES ('rebuild'); END;"#;
    let written =
        ["AFTER INSERT ON\"documents\"", "AFTER UPDATE OF title ON [documents]", "AFTER DELETE -- all\n ON documents"];
    let written = written.iter().enumerate().map(|(n, head)| format!("CREATE TRIGGER t{n} {head} {follow}"));
    let table = r#"CREATE VIRTUAL TABLE "Words Of Documents" USING fts5 (title, body, content = documents, content_rowid = rowid);"#;
    let found = errors(&format!("{DOCUMENTS} {table} {}", written.collect::<String>()), spaced).await;
    assert!(!found.iter().any(|error| error.contains("trigger")), "{found:?}");
    // A name is no more than a name.
    let named = "CREATE TRIGGER documents_fts_insert AFTER DELETE ON documents BEGIN DELETE FROM a; END;
        CREATE TRIGGER [insert] AFTER DELETE ON documents BEGIN DELETE FROM documents_fts; END;
        CREATE TRIGGER [x insert on documents_fts] AFTER DELETE ON documents BEGIN DELETE FROM a; END;";
    let found = errors(&format!("{DOCUMENTS} CREATE TABLE a (id TEXT PRIMARY KEY); {named}"), writable()).await;
    assert!(found.iter().any(|error| error.contains("keeps it after INSERT")), "{found:?}");
    let other = triggers.replace("Documents_FTS (documents_fts) VALUES ('rebuild')", "documents (id) VALUES (NULL)");
    let found = errors(&format!("{DOCUMENTS} {other}"), writable()).await;
    assert!(found.iter().any(|error| error.contains("keeps it after INSERT")), "{found:?}");
}

#[tokio::test]
async fn keys_and_orders_that_callers_cannot_see_are_refused() {
    let mut hidden = with(ColumnType::Text);
    hidden.columns[0].expose = false;
    let found = errors(&one("TEXT"), hidden).await;
    assert!(found[0].contains("key column `id`"), "{found:?}");

    let mut hidden = with(ColumnType::Text);
    hidden.columns[1].expose = false;
    hidden.order = vec![descending("v")];
    let found = errors(&one("TEXT"), hidden).await;
    assert!(found[0].contains("`order` uses column `v`"), "{found:?}");

    let mut bytes = with(ColumnType::Bytes);
    bytes.key = vec![name("v")];
    let found = errors(&one("BLOB"), bytes).await;
    assert!(found[0].contains("is json or bytes"), "{found:?}");
}

#[tokio::test]
async fn a_type_that_nothing_fits_is_told() {
    let rows = "CREATE TABLE a (id TEXT PRIMARY KEY, v NUMERIC); INSERT INTO a VALUES";
    for (cells, kind, told) in [
        (
            "('1', '1996-07-04'), ('2', NULL)",
            ColumnType::Number,
            Some("none of the first 1 values of column `v` is a number"),
        ),
        ("('1', 32.38), ('2', 11)", ColumnType::Boolean, Some("none of the first 2 values of column `v` is a boolean")),
        ("('1', 32.38), ('2', 1)", ColumnType::Boolean, None),
        ("('1', 'n/a'), ('2', 32.38)", ColumnType::Number, None),
        ("('1', NULL)", ColumnType::Number, None),
    ] {
        let (_, warnings) = checked(&format!("{rows} {cells};"), vec![with(kind)]).await.unwrap();
        let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let found = said.iter().find(|said| said.contains("values of column"));
        assert_eq!(found.is_some(), told.is_some(), "{cells}: {said:?}");
        assert!(told.is_none_or(|told| found.unwrap().contains(told)), "{cells}: {said:?}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let mut wrong = with(ColumnType::Number);
    wrong.columns.push(column("gone", ColumnType::Text));
    let missing = dataset("nowhere", vec![column("id", ColumnType::Id)]);
    let found = checked(&one("TEXT"), vec![wrong, missing]).await.unwrap_err();
    assert_eq!(found.len(), 3, "{found:?}");
}

#[tokio::test]
async fn what_is_writable_is_a_table_with_a_key_that_can_be_filled_from_what_is_declared() {
    let writable = |table: &str| {
        let mut dataset = with(ColumnType::Text);
        dataset.writable = crate::catalog::Change::ALL.into();
        table.clone_into(&mut dataset.table);
        dataset
    };
    assert_eq!(errors(&one("TEXT NOT NULL"), writable("a")).await, [] as [&str; 0]);
    for (sql, table, expected) in [
        (
            "CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT); CREATE VIEW a AS SELECT id, v FROM b;",
            "a",
            "it is not a table of its own",
        ),
        ("CREATE TABLE a (id INTEGER, v TEXT);", "a", "no unique index keeps the key unique"),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT, w TEXT NOT NULL);",
            "a",
            "a new row needs a value for `w`, which is not declared and exposed",
        ),
    ] {
        let found = errors(sql, writable(table)).await;
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
    }
    let filled = "CREATE TABLE a (id TEXT PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x', w TEXT NOT NULL DEFAULT 'y',
         u TEXT GENERATED ALWAYS AS (v || w) STORED);
         CREATE TABLE child (a TEXT REFERENCES a (id) ON DELETE CASCADE);";
    let mut dataset = writable("a");
    dataset.columns.push(column("u", ColumnType::Text));
    let (schema, warnings) = checked(filled, vec![dataset]).await.unwrap();
    let relation = &schema.relations[&name("a")];
    assert_eq!((&relation.needed, &relation.computed), (&[name("id")].into(), &[name("u")].into()));
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("changes rows of `child` along with its rows (`ON DELETE CASCADE`)")),
        "{warnings:?}"
    );
}
