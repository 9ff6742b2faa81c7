use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::dataset::tests::fixture::{file, person};

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0";

fn statement(sql: &'static str) -> Statement {
    let mut statement = Statement::default();
    statement.sql(sql);
    statement
}

fn settings(path: impl Into<PathBuf>) -> config::Database {
    config::Database { path: path.into(), connections: 1, statement_timeout: Duration::from_secs(5) }
}

#[tokio::test]
async fn a_missing_file_is_an_error_that_names_it_and_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nowhere.db");
    let error = Database::open(&settings(&path)).await.unwrap_err();
    assert!(matches!(&error, DatabaseError::Missing(missing) if *missing == path), "{error:?}");
    assert!(error.to_string().contains("nowhere.db"));
    assert!(!path.exists());
    for path in [":memory:", "file:nowhere.db?mode=memory"] {
        let refused = Database::open(&settings(path)).await;
        assert!(matches!(refused, Err(DatabaseError::Missing(_))), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_a_readable_database_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let refused = Database::open(&settings(directory.path())).await;
    assert!(matches!(refused, Err(DatabaseError::NotAFile(_))), "{refused:?}");

    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, although it is longer than a header of sixteen bytes").unwrap();
    let refused = Database::open(&settings(&text)).await;
    assert!(matches!(refused, Err(DatabaseError::NotADatabase(_))), "{refused:?}");

    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if std::fs::File::open(&text).is_err() {
        let refused = Database::open(&settings(&text)).await;
        assert!(matches!(refused, Err(DatabaseError::Unreadable { .. })), "{refused:?}");
    }

    let none = config::Database { connections: 0, ..settings(&text) };
    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Database::open(&none).await, Err(DatabaseError::NoConnections)));
}

/// A change that was cut off in the middle, as a kill leaves it: pages of it in the file, and the journal that undoes them.
async fn killed(path: &Path, copy: &Path) {
    let options = SqliteConnectOptions::new().filename(path).pragma("cache_size", "1");
    let mut connection = options.connect().await.unwrap();
    let change = "BEGIN; UPDATE a SET body = 'half' || body";
    sqlx::raw_sql(change).execute(&mut connection).await.unwrap();
    let journal = |path: &Path| PathBuf::from(format!("{}-journal", path.display()));
    std::fs::copy(path, copy).unwrap();
    std::fs::copy(journal(path), journal(copy)).unwrap();
}

#[tokio::test]
async fn what_a_kill_left_unfinished_is_undone_by_who_writes_and_said_to_who_reads() {
    let made = "CREATE TABLE a (body); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
                INSERT INTO a SELECT hex(zeroblob(500)) FROM n";
    let (directory, whole) = file(made).await;
    let copy = directory.path().join("copy.db");
    killed(&whole.path, &copy).await;
    let settings = settings(&copy);
    let refused = Database::open(&settings).await.unwrap_err();
    assert!(matches!(&refused, DatabaseError::Unfinished(path) if path.ends_with("copy.db")), "{refused:?}");
    drop(Changes::open(&settings).await.unwrap());
    let database = Database::open(&settings).await.unwrap();
    let half = database.fetch(statement("SELECT count(*) FROM a WHERE body LIKE 'half%'")).await.unwrap();
    assert_eq!(half, [[Cell::Integer(0)]]);
}

#[tokio::test]
async fn nothing_can_be_written() {
    let (directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let copy = directory.path().join("copy.db");
    let mut vacuum = statement("VACUUM INTO ");
    vacuum.bind(Bind::Text(copy.to_str().unwrap().into()));
    for refused in [
        statement("INSERT INTO a VALUES (1)"),
        statement("DELETE FROM a"),
        statement("DROP TABLE a"),
        statement("CREATE TEMP TABLE b (id)"),
        statement("PRAGMA query_only = OFF; DELETE FROM a"),
        vacuum,
    ] {
        let database = Database::open(&settings).await.unwrap();
        let result = database.fetch(refused.clone()).await;
        assert!(matches!(result, Err(DatabaseError::Statement(_))), "{refused:?} {result:?}");
    }
    assert_eq!(std::fs::metadata(&copy).map_or(0, |copy| copy.len()), 0, "VACUUM has written a copy");
}

#[tokio::test]
async fn every_storage_class_comes_back_as_it_is() {
    let (_directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let database = Database::open(&settings).await.unwrap();
    let mut all = statement("SELECT NULL, ");
    all.bind(Bind::Integer(i64::MIN)).sql(", ").bind(Bind::Real(0.1)).sql(", ").bind(Bind::Text("a\0b".into()));
    all.sql(", ").bind(Bind::Bytes(vec![0, 255])).sql(", CAST(x'ff' AS TEXT)");
    let rows = database.fetch(all).await.unwrap();
    let expected = [
        Cell::Null,
        Cell::Integer(i64::MIN),
        Cell::Real(0.1),
        Cell::Text("a\0b".to_owned()),
        Cell::Bytes(vec![0, 255]),
        Cell::BrokenText(vec![255]),
    ];
    assert_eq!(rows, [expected]);
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_stopped_and_its_connection_is_good_again() {
    let (_directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let settings = config::Database { connections: 1, statement_timeout: Duration::from_millis(200), ..settings };
    let database = Database::open(&settings).await.unwrap();
    for _ in 0..3 {
        let stopped = database.fetch(statement(ENDLESS)).await;
        assert!(matches!(stopped, Err(DatabaseError::TimedOut(_))), "{stopped:?}");
        assert_eq!(database.fetch(statement("SELECT 7")).await.unwrap(), [[Cell::Integer(7)]]);
    }
}

#[tokio::test]
async fn a_statement_whose_caller_went_away_is_stopped() {
    let (_directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let settings = config::Database { connections: 1, statement_timeout: Duration::from_mins(10), ..settings };
    let database = Database::open(&settings).await.unwrap();
    for _ in 0..3 {
        let dropped = tokio::time::timeout(Duration::from_millis(50), database.fetch(statement(ENDLESS))).await;
        assert!(dropped.is_err());
        // The only connection serves the next statement once the dropped one has ended.
        let next = tokio::time::timeout(Duration::from_secs(20), database.fetch(statement("SELECT 7"))).await;
        assert_eq!(next.expect("the dropped statement runs on").unwrap(), [[Cell::Integer(7)]]);
    }
}

#[tokio::test]
async fn a_caller_waits_for_a_free_connection_only_so_long() {
    let (_directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let settings = config::Database { connections: 1, statement_timeout: Duration::from_secs(20), ..settings };
    let database = Database::open(&settings).await.unwrap();
    let held = database.lease().await.unwrap();
    let refused = database.fetch_within(statement("SELECT 7"), Duration::from_millis(50)).await;
    assert!(matches!(refused, Err(DatabaseError::Busy(_))), "{refused:?}");
    drop(held);
    assert!(database.fetch(statement("SELECT 7")).await.is_ok());
}

#[tokio::test]
async fn one_person_leaves_a_connection_to_the_others() {
    let (_directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let [mallory, ada, bob] = ["mallory", "ada", "bob"].map(person);
    for connections in [2, 4] {
        let settings = config::Database { connections, statement_timeout: Duration::from_mins(10), ..settings.clone() };
        let database = Database::open(&settings).await.unwrap();
        let slow = || database.fetch_for(Reading::Person(&mallory), statement(ENDLESS));
        let flood = futures_util::future::join_all((0..16).map(|_| slow()));
        let others = async {
            for other in [&ada, &bob, &ada] {
                let rows = database.fetch_for(Reading::Person(other), statement("SELECT 7")).await.unwrap();
                assert_eq!(rows, [[Cell::Integer(7)]]);
            }
            assert_eq!(database.fetch(statement("SELECT 7")).await.unwrap(), [[Cell::Integer(7)]]);
            assert_eq!(database.turns.standing(), 16, "mallory's wait, and nobody else stands in a line");
        };
        // The flood is polled first: all of it is under way before anybody else asks.
        let answered = async {
            tokio::select! { biased; _ = flood => panic!("an endless statement ended"), () = others => () }
        };
        tokio::time::timeout(Duration::from_secs(20), answered).await.expect("one person holds every connection");
        assert_eq!(database.turns.standing(), 0, "whoever is gone stands in no line");
    }
}

#[tokio::test]
async fn rows_that_are_too_large_together_are_not_kept_and_the_connection_goes_on() {
    let (_directory, settings) = file("CREATE TABLE a (id INTEGER PRIMARY KEY)").await;
    let database = Database::open(&settings).await.unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT zeroblob(1048576) FROM n LIMIT ";
    let mut fits = statement(rows);
    assert_eq!(
        database
            .fetch({
                fits.sql("16");
                fits
            })
            .await
            .unwrap()
            .len(),
        16
    );
    let mut large = statement(rows);
    let refused = database
        .fetch({
            large.sql("17");
            large
        })
        .await
        .unwrap_err();
    let DatabaseError::Statement(sqlx::Error::Decode(cause)) = &refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("more than 16777216 bytes; ask for fewer"), "{cause}");
    assert_eq!(database.fetch(statement("SELECT 7")).await.unwrap(), [[Cell::Integer(7)]]);
}
