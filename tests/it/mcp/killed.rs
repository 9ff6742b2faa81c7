//! Killed at any moment while rows are made, changed and deleted, the server stands by whatever it has answered, has done
//! nothing by half, and nothing that was not on record before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use bailiwick::store::audit::{AuditReader, Outcome, Record};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::mpsc;

use super::changes::writable;
use crate::cli::process::Running;
use crate::support::rows::Caller;

/// When each round is ended: after so many answers, and so many milliseconds more.
const MOMENTS: [(usize, u64); 6] = [(1, 0), (5, 3), (12, 0), (25, 7), (40, 1), (60, 13)];

const DEMO: [&str; 5] = ["demo", "--dir", ".", "--rows", "50"];

/// Who writes, and where. Each is several callers at once.
const WRITERS: [(&str, &str, &str); 3] = [
    ("ada", "ada@acme.example", "finance"),
    ("bob", "bob@acme.example", "sales"),
    ("dave", "dave@globex.example", "research"),
];
const CALLERS: usize = 2;

/// The other half of each change: a word left by a trigger.
const TRACES: &str = "
CREATE TABLE traces (what TEXT NOT NULL, id INTEGER NOT NULL, owner TEXT NOT NULL, title TEXT NOT NULL);
CREATE TRIGGER trace_insert AFTER INSERT ON documents BEGIN
    INSERT INTO traces VALUES ('create', new.id, new.owner_id, new.title); END;
CREATE TRIGGER trace_update AFTER UPDATE OF title ON documents BEGIN
    INSERT INTO traces VALUES ('update', new.id, new.owner_id, new.title); END;
CREATE TRIGGER trace_delete AFTER DELETE ON documents BEGIN
    INSERT INTO traces VALUES ('delete', old.id, old.owner_id, old.title); END;
";

/// What a change is known by: what it does, whose row it is, and the title that it leaves or takes away. No two are alike.
type Known = (String, String, String);

/// A change that was asked for, and the request that it was answered to, if it was.
struct Asked {
    known: Known,
    answered: Option<String>,
}

struct Writer<'a> {
    caller: Caller<'a>,
    owner: &'static str,
    room: &'static str,
    told: mpsc::UnboundedSender<()>,
    asked: Vec<Asked>,
}

impl Writer<'_> {
    /// Makes rows, changes each and deletes every other one, until nobody answers any more.
    async fn write(mut self, name: String) -> Vec<Asked> {
        for turn in 0.. {
            let (title, changed) = (format!("{name}-{turn}"), format!("{name}-{turn} again"));
            let document = json!({ "data_room_id": self.room, "owner_id": self.owner, "title": title, "body": "killed",
                "classification": "internal", "updated_at": "2026-11-25T18:00:00Z" });
            let Some(row) = self.ask("create", &title, document).await else { break };
            let Some(_) = self.ask("update", &changed, json!({ "id": row["id"], "title": changed })).await else {
                break;
            };
            if turn % 2 == 0 && self.ask("delete", &changed, json!({ "id": row["id"] })).await.is_none() {
                break;
            }
        }
        self.asked
    }

    async fn ask(&mut self, what: &str, title: &str, arguments: Value) -> Option<Value> {
        let known = (what.to_owned(), self.owner.to_owned(), title.to_owned());
        self.asked.push(Asked { known, answered: None });
        let call = self.caller.client.tool(&format!("{what}_documents"), arguments).token(&self.caller.token);
        let answer = call.try_send().await?;
        let row = answer.structured()["row"].clone();
        self.asked.last_mut().unwrap().answered = Some(answer.header("x-request-id").to_owned());
        // Nobody listens any more where enough was heard.
        let _ = self.told.send(());
        Some(row)
    }
}

async fn open(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database).connect().await.unwrap()
}

/// What the triggers saw, in their order. What they saw is the table, and its words are in the full-text index.
async fn traces(database: &Path) -> Vec<Known> {
    let mut connection = open(database).await;
    let traces: Vec<(String, i64, String, String)> =
        sqlx::query_as("SELECT what, id, owner, title FROM traces ORDER BY rowid")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let mut rows = BTreeMap::new();
    for (what, id, owner, title) in &traces {
        match what.as_str() {
            "delete" => drop(rows.remove(id).unwrap()),
            _ => drop(rows.insert(*id, (owner.clone(), title.clone()))),
        }
    }
    let stored: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT id, owner_id, title FROM documents WHERE body = 'killed' ORDER BY id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let seen: Vec<_> = rows.into_iter().map(|(id, (owner, title))| (id, owner, title)).collect();
    assert_eq!(stored, seen, "a row and what its trigger left are not of one piece");
    let words = "INSERT INTO documents_fts (documents_fts, rank) VALUES ('integrity-check', 1)";
    sqlx::raw_sql(words).execute(&mut connection).await.expect("the words are those of the rows");
    traces.into_iter().map(|(what, _, owner, title)| (what, owner, title)).collect()
}

/// The records of changes, in their order.
async fn records(audit: &Path) -> Vec<Record> {
    let reader = AuditReader::open(audit).await.unwrap();
    let all = reader.tail(1_000_000).await.unwrap().into_iter().map(|decision| decision.record);
    all.filter(|record| ["create", "update", "delete"].contains(&record.action.as_str())).collect()
}

/// Every request is in the order of the audit: begun before it was done, done before it was answered. What was done without
/// being answered had begun on record too. Takes what is new in this round alone.
fn held(round: &[Asked], done: &[Known], records: &[Record]) {
    let mut outcomes: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for record in records {
        outcomes.entry(&record.request).or_default().push(record.outcome);
    }
    let committed: BTreeSet<&Known> = done.iter().collect();
    assert_eq!(committed.len(), done.len(), "a change was made twice: {done:?}");
    let mut unanswered: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for Asked { known, answered } in round {
        match answered {
            Some(request) => {
                assert!(committed.contains(known), "{known:?} was answered and is not there");
                assert_eq!(
                    outcomes.remove(request.as_str()),
                    Some(vec![Outcome::Begun, Outcome::Changed]),
                    "{known:?}"
                );
            }
            None if committed.contains(known) => *unanswered.entry((&known.0, &known.1)).or_default() += 1,
            None => {}
        }
    }
    let asked: BTreeSet<&Known> = round.iter().map(|asked| &asked.known).collect();
    assert!(committed.is_subset(&asked), "{:?} were not asked for", committed.difference(&asked));
    // What is left are the requests that nobody heard of again.
    let mut left: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for record in records.iter().filter(|record| outcomes.contains_key(record.request.as_str())) {
        let (begun, changed) = left.entry((&record.action, record.external_user.as_deref().unwrap())).or_default();
        assert!(matches!(record.outcome, Outcome::Begun | Outcome::Changed), "{record:?}");
        *(if record.outcome == Outcome::Begun { begun } else { changed }) += 1;
    }
    for (whose, (begun, changed)) in &left {
        let made = unanswered.get(whose).copied().unwrap_or_default();
        assert!(
            *changed <= made && made <= *begun,
            "{whose:?}: {changed} recorded as changed, {made} made, {begun} begun"
        );
    }
    assert!(unanswered.keys().all(|whose| left.contains_key(whose)), "made without a record: {unanswered:?} {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_is_there_and_nothing_is_half_done_after_a_kill() {
    println!("{}", survives("wal", &MOMENTS).await);
}

/// What is half done must then be undone before anybody reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_is_it_where_changes_are_undone_from_a_journal() {
    println!("{}", survives("delete", &MOMENTS[1..4]).await);
}

/// Kills at these moments; says how many changes it came to.
async fn survives(journal: &str, moments: &[(usize, u64)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (database, audit) = (directory.path().join("company.db"), directory.path().join("audit.db"));
    let running = Running::start(directory.path(), &DEMO);
    let port = running.port;
    running.kill();
    writable(directory.path());
    let mut made = open(&database).await;
    let kept: String = sqlx::query_scalar(AssertSqlSafe(format!("PRAGMA journal_mode = {journal}")))
        .fetch_one(&mut made)
        .await
        .unwrap();
    assert_eq!(kept, journal);
    sqlx::raw_sql(TRACES).execute(&mut made).await.unwrap();
    made.close().await.unwrap();

    let (mut answers, mut silent) = (0, 0);
    let (mut done_before, mut recorded_before) = (0, 0);
    let mut running = Running::start_on(directory.path(), port, &DEMO);
    for (round, (enough, moment)) in moments.iter().copied().enumerate() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let client = running.client.clone();
        let mut writers = Vec::new();
        for (person, owner, room) in WRITERS {
            let token = running.token(person).await;
            for caller in 0..CALLERS {
                let (caller, name) = (Caller { client: &client, token: token.clone() }, format!("{round}-{caller}"));
                writers.push(Writer { caller, owner, room, told: tell.clone(), asked: Vec::new() }.write(name));
            }
        }
        let killing = async {
            for _ in 0..enough {
                told.recv().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(moment)).await;
            running.kill();
        };
        let (asked, ()) = tokio::join!(join_all(writers), killing);
        let asked: Vec<Asked> = asked.into_iter().flatten().collect();
        running = Running::start_on(directory.path(), port, &DEMO);

        let (done, recorded) = (traces(&database).await, records(&audit).await);
        held(&asked, &done[done_before..], &recorded[recorded_before..]);
        answers += asked.iter().filter(|asked| asked.answered.is_some()).count();
        silent += asked.iter().filter(|asked| asked.answered.is_none()).count();
        (done_before, recorded_before) = (done.len(), recorded.len());
    }
    let enough: usize = moments.iter().map(|(enough, _)| enough).sum();
    assert!(answers >= enough && silent > moments.len(), "{answers} answers, {silent} without");
    drop(running);
    for file in [&database, &audit] {
        let found: String =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut open(file).await).await.unwrap();
        assert_eq!(found, "ok", "{}", file.display());
    }
    format!("{answers} changes answered over {} kills, {silent} not, {done_before} made", moments.len())
}
