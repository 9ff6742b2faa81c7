use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::rejections::ADDRESSES_PER_HOUR;
use super::*;
use crate::clock::Clock;
use crate::config::{Audit, Durability};
use crate::model::Timestamp;

const START: i64 = 1_790_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

#[derive(Debug)]
struct ManualClock(AtomicI64);

impl ManualClock {
    fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock(AtomicI64::new(START)))
}

fn settings(directory: &Path) -> Audit {
    Audit {
        path: directory.join("audit.db"),
        durability: Durability::Process,
        queue: 64,
        keep: Duration::ZERO,
        max_bytes: 0,
    }
}

fn record(decision: &str) -> Record {
    Record {
        at: Timestamp::from_micros(START),
        decision: decision.to_owned(),
        request: "r-1".to_owned(),
        subject: "demo/341200000000000101".to_owned(),
        external_user: Some("ada@acme.example".to_owned()),
        actor: None,
        client: Some("337063032028900001".to_owned()),
        tenant: "acme".to_owned(),
        agent: None,
        data_room: Some("finance".to_owned()),
        thread: None,
        stated: None,
        action: "read".to_owned(),
        object: "dataset:documents".to_owned(),
        tool: Some("search_documents".to_owned()),
        verdict: Verdict::Allow,
        reason: "policy".to_owned(),
        lines: vec!["policy.csv:12".to_owned(), "policy, two.csv:3".to_owned()],
        revision: "3f9a8b7c".to_owned(),
        outcome: Outcome::Answered { rows: Some(20) },
        changed: None,
        duration: Duration::from_micros(1_234),
    }
}

/// A running writer, stopped at the end of the test.
struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the test is the app here")]
    fn start(writer: Writer) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(writer.run(stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn raw(settings: &Audit) -> SqliteConnection {
    SqliteConnectOptions::new().filename(&settings.path).connect().await.unwrap()
}

async fn stored(settings: &Audit) -> Vec<Record> {
    let reader = AuditReader::open(&settings.path).await.unwrap();
    reader.tail(1_000_000).await.unwrap().into_iter().map(|decision| decision.record).collect()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not within ten seconds: {what}");
}

#[tokio::test]
async fn a_record_is_in_the_file_when_its_future_is_ready_even_if_the_writer_is_killed_then() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("d-1"))).await.unwrap();
    running.task.abort();
    // A copy of the files as they are: what a process that was killed leaves behind.
    let after = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), after.path().join(entry.file_name())).unwrap();
    }
    let copied = Audit { path: after.path().join("audit.db"), ..settings };
    let (_log, _writer) = AuditLog::open(&copied, clock()).await.unwrap();
    assert_eq!(stored(&copied).await, [record("d-1")]);
}

#[tokio::test]
async fn every_field_survives_being_stored() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    let full = Record {
        actor: Some("909".to_owned()),
        agent: Some("agent 'x'\u{0}\"".to_owned()),
        thread: Some("t\n\u{1F980}".to_owned()),
        stated: Some("X-User-ID: user_12345".to_owned()),
        ..record("d-1")
    };
    let bare = Record {
        external_user: None,
        client: None,
        data_room: None,
        tool: None,
        lines: vec![],
        verdict: Verdict::Deny,
        outcome: Outcome::Refused,
        ..record("d-2")
    };
    let mut expected = vec![full, bare];
    for outcome in [
        Outcome::Answered { rows: None },
        Outcome::BadArguments,
        Outcome::Failed,
        Outcome::Abandoned,
        Outcome::TimedOut,
        Outcome::Confirmed,
        Outcome::Declined,
        Outcome::Limited,
        Outcome::Unasked,
    ] {
        expected.push(Record { outcome, ..record("d-3") });
    }
    for record in expected.clone() {
        log.reserve(Holder::Ourselves).unwrap().record(Box::new(record)).await.unwrap();
    }
    assert_eq!(stored(&settings).await, expected);
    running.stop().await;
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_a_dropped_place_is_free_again() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Audit { queue: 2, ..settings(directory.path()) };
    let (log, _writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let first = log.reserve(Holder::Ourselves).unwrap();
    let _second = log.reserve(Holder::Ourselves).unwrap();
    assert!(matches!(log.reserve(Holder::Ourselves), Err(AuditError::Full { capacity: 2 })));
    assert_eq!((log.status().waiting, log.status().healthy()), (2, false));
    drop(first);
    let _third = log.reserve(Holder::Ourselves).unwrap();
    // A record that waits for the writer holds its place.
    let fourth = log.reserve(Holder::Ourselves);
    assert!(matches!(fourth, Err(AuditError::Full { .. })));
}

#[tokio::test]
async fn each_holder_has_a_part_of_the_queue_and_nobody_fills_it_for_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Audit { queue: 32, ..settings(directory.path()) };
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let at = |address: &str| Holder::at(address.parse().unwrap());
    let mut places: Vec<_> = (0..4).map(|_| log.reserve(at("2001:db8:1::1")).unwrap()).collect();
    let refused = log.reserve(at("2001:db8:1:2::9")).unwrap_err();
    assert!(refused.is_of_one() && matches!(refused, AuditError::Share { most: 4, .. }), "{refused}");
    assert_eq!(
        refused.to_string().split_once(" (").unwrap().0,
        "4 decisions of 2001:db8:1:: wait already, which is the most of one"
    );
    assert!(places[0].another().unwrap_err().is_of_one(), "what is recorded before a change is theirs too");
    assert_eq!((log.status().waiting, log.status().healthy()), (4, true), "the queue was not touched");
    let other = log.reserve(at("203.0.113.9")).unwrap();
    let ours: Vec<_> = (0..8).map(|_| log.reserve(Holder::Ourselves).unwrap()).collect();

    // A record that waits for the writer is theirs until it is taken.
    places.remove(0).record_detached(Box::new(record("waits")));
    assert!(log.reserve(at("2001:db8:1::1")).is_err());
    drop(places.remove(0));
    places.push(log.reserve(at("2001:db8:1::1")).unwrap());
    assert!(log.reserve(at("2001:db8:1::1")).is_err());
    let running = Running::start(writer);
    eventually("the record is written", || log.reserve(at("2001:db8:1::1")).is_ok()).await;
    drop((places, other, ours));
    running.stop().await;
}

#[tokio::test]
async fn a_log_without_a_writer_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let (log, writer) = AuditLog::open(&settings(directory.path()), clock()).await.unwrap();
    let place = log.reserve(Holder::Ourselves).unwrap();
    drop(writer);
    assert!(matches!(log.reserve(Holder::Ourselves), Err(AuditError::Stopped)));
    assert!(matches!(place.record(Box::new(record("d-1"))).await, Err(AuditError::Stopped)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_records_at_once_take_few_commits() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Audit { queue: 1_000, ..settings(directory.path()) };
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let wal = directory.path().join("audit.db-wal");
    let before = commit_frames(&std::fs::read(&wal).unwrap());
    let running = Running::start(writer);
    let write = async |number: usize| {
        log.reserve(Holder::Ourselves).unwrap().record(Box::new(record(&format!("d-{number}")))).await.unwrap();
    };
    futures_util::future::join_all((0..1_000).map(write)).await;
    let commits = commit_frames(&std::fs::read(&wal).unwrap()) - before;
    assert!(commits < 50, "{commits}");
    running.stop().await;
    let found = stored(&settings).await;
    assert_eq!(found.len(), 1_000);
    for (number, record) in found.iter().enumerate() {
        assert_eq!(record.decision, format!("d-{number}"), "in the order of handing over");
    }
}

#[tokio::test]
async fn records_that_wait_together_are_written_by_one_commit() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let wal = directory.path().join("audit.db-wal");
    let commits = || commit_frames(&std::fs::read(&wal).unwrap());
    let before = commits();
    let mut waiting = Vec::new();
    for number in 0..50 {
        waiting.push(log.reserve(Holder::Ourselves).unwrap().record(Box::new(record(&format!("d-{number}")))));
    }
    let running = Running::start(writer);
    for written in waiting {
        written.await.unwrap();
    }
    assert_eq!(commits() - before, 1);
    running.stop().await;
}

/// Counts the commits in a write-ahead log: the frames whose header has a database size
/// (<https://sqlite.org/fileformat2.html>, section 4.1).
fn commit_frames(wal: &[u8]) -> usize {
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    wal[32..].chunks(24 + page).filter(|frame| frame.len() > 24 && frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn every_size_of_group_is_written_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut store =
        super::store::Store::open(&settings(directory.path()), Timestamp::from_micros(START)).await.unwrap();
    let mut total = 0;
    for size in [1, 2, 3, 4, 5, 63, 64, 65, 511, 512] {
        let entries = (0..size).map(|_| log::Entry::Decision(Box::new(record("d")))).collect();
        store.write(entries, Timestamp::from_micros(START)).await.unwrap();
        total += size;
        assert_eq!(stored(&settings(directory.path())).await.len(), total);
    }
}

#[tokio::test]
async fn a_failing_write_is_answered_with_an_error_and_the_log_refuses_until_it_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    let mut saboteur = raw(&settings).await;
    sqlx::raw_sql(
        "CREATE TRIGGER no_decisions BEFORE INSERT ON decisions BEGIN SELECT RAISE(FAIL, 'disk on fire'); END;
         CREATE TRIGGER no_events BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'disk on fire'); END",
    )
    .execute(&mut saboteur)
    .await
    .unwrap();
    let held = log.reserve(Holder::Ourselves).unwrap();
    let error = log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("lost"))).await.unwrap_err();
    assert!(matches!(error, AuditError::Write(_)), "{error}");
    assert!(matches!(log.reserve(Holder::Ourselves), Err(AuditError::Failed(_))));
    assert!(log.status().failure.unwrap().why.contains("disk on fire"));
    // A place taken before the failure is answered, not left waiting.
    assert!(held.record(Box::new(record("lost too"))).await.is_err());

    sqlx::raw_sql("DROP TRIGGER no_decisions; DROP TRIGGER no_events").execute(&mut saboteur).await.unwrap();
    eventually("the log recovers", || log.reserve(Holder::Ourselves).is_ok()).await;
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("kept"))).await.unwrap();
    assert_eq!(stored(&settings).await, [record("kept")]);
    let events = AuditReader::open(&settings.path).await.unwrap().events(None).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "audit_recovered");
    assert!(events[0].detail.contains("disk on fire"), "{}", events[0].detail);
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_moved_away_refuses_and_one_that_is_put_back_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("state");
    std::fs::create_dir(&inner).unwrap();
    let settings = settings(&inner);
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("before"))).await.unwrap();

    let away = directory.path().join("away");
    std::fs::rename(&inner, &away).unwrap();
    let error = log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("lost"))).await.unwrap_err();
    assert!(matches!(error, AuditError::Replaced(_)), "{error}");
    assert!(matches!(log.reserve(Holder::Ourselves), Err(AuditError::Failed(_))));
    eventually("the reason names the directory", || {
        log.status().failure.is_some_and(|failure| failure.why.contains("does not exist"))
    })
    .await;

    std::fs::rename(&away, &inner).unwrap();
    eventually("the log recovers", || log.reserve(Holder::Ourselves).is_ok()).await;
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("after"))).await.unwrap();
    assert_eq!(stored(&settings).await, [record("before"), record("after")]);
    running.stop().await;
}

#[tokio::test]
async fn a_shutdown_writes_what_waits_and_takes_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let late = log.reserve(Holder::Ourselves).unwrap();
    let waiting = log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("waiting")));
    log.reserve(Holder::Ourselves).unwrap().record_detached(Box::new(record("detached")));
    log.count_rejection("expired", "192.0.2.1".parse().unwrap());
    let running = Running::start(writer);
    running.stop.cancel();
    waiting.await.unwrap();
    eventually("the queue is closed", || matches!(log.reserve(Holder::Ourselves), Err(AuditError::Stopped))).await;
    assert!(!running.task.is_finished(), "a place is still out");
    late.record(Box::new(record("late"))).await.unwrap();
    running.task.await.unwrap();
    let decisions: Vec<_> = stored(&settings).await.into_iter().map(|record| record.decision).collect();
    assert_eq!(decisions, ["waiting", "detached", "late"]);
    let reader = AuditReader::open(&settings.path).await.unwrap();
    assert_eq!(reader.rejections(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn rejections_become_one_row_for_each_hour_reason_and_address() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let clock = clock();
    let (log, writer) = AuditLog::open(&settings, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    let running = Running::start(writer);
    for _ in 0..1_000 {
        log.count_rejection("expired", "192.0.2.1".parse().unwrap());
        log.count_rejection("expired", "::ffff:192.0.2.1".parse().unwrap());
        log.count_rejection("signature", "2001:db8::1".parse().unwrap());
        log.count_rejection("signature", "2001:db8::ffff:2".parse().unwrap());
    }
    let reader = AuditReader::open(&settings.path).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(reader.rejections(None).await.unwrap(), [], "not before its time");
    clock.advance(Duration::from_secs(5));
    for _ in 0..400 {
        if !reader.rejections(None).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let hour = Timestamp::from_micros(START / HOUR * HOUR);
    let row = |reason: &str, address: &str, count| Rejection {
        hour,
        reason: reason.to_owned(),
        address: address.to_owned(),
        count,
    };
    let expected = [row("expired", "192.0.2.1", 2_000), row("signature", "2001:db8::/64", 2_000)];
    assert_eq!(reader.rejections(None).await.unwrap(), expected);

    log.count_rejection("expired", "192.0.2.1".parse().unwrap());
    running.stop().await;
    assert_eq!(reader.rejections(None).await.unwrap()[0].count, 2_001, "counts are added");
}

#[test]
fn an_attacker_with_many_addresses_costs_a_bounded_number_of_rows() {
    let rejections = super::rejections::Rejections::default();
    let now = Timestamp::from_micros(START);
    for address in 0..100_000_u32 {
        rejections.count(now, "signature", std::net::Ipv4Addr::from(address).into());
    }
    let taken = rejections.take();
    assert_eq!(taken.len(), ADDRESSES_PER_HOUR + 1);
    assert_eq!(taken.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
    // The bound is the hour's, not that of one flush.
    rejections.count(now, "signature", "203.0.113.9".parse().unwrap());
    let taken = rejections.take();
    assert_eq!(taken[0].0.origin.to_string(), "other");
    // The next hour tells addresses apart again.
    rejections.count(Timestamp::from_micros(START + HOUR), "signature", "203.0.113.9".parse().unwrap());
    assert_eq!(rejections.take()[0].0.origin.to_string(), "203.0.113.9");
}

#[tokio::test]
async fn records_are_kept_as_long_as_configured() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Audit { keep: Duration::from_hours(1), queue: 4_000, ..settings(directory.path()) };
    let clock = clock();
    let (log, writer) = AuditLog::open(&settings, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    let running = Running::start(writer);
    let mut waiting = Vec::new();
    for _ in 0..2_500 {
        waiting.push(log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("old"))));
    }
    for written in waiting {
        written.await.unwrap();
    }
    clock.advance(Duration::from_mins(30));
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("young"))).await.unwrap();
    clock.advance(Duration::from_secs(1_801));
    for _ in 0..100 {
        if stored(&settings).await.len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(stored(&settings).await, [record("young")]);
    running.stop().await;
}

#[tokio::test]
async fn the_oldest_records_go_when_the_file_is_too_large_and_the_file_shrinks() {
    let directory = tempfile::tempdir().unwrap();
    let unlimited = Audit { queue: 4_000, ..settings(directory.path()) };
    let (log, writer) = AuditLog::open(&unlimited, clock()).await.unwrap();
    let running = Running::start(writer);
    let mut waiting = Vec::new();
    for number in 0..4_000 {
        waiting.push(log.reserve(Holder::Ourselves).unwrap().record(Box::new(record(&format!("{number:04}")))));
    }
    for written in waiting {
        written.await.unwrap();
    }
    running.stop().await;
    let size = || std::fs::metadata(&unlimited.path).unwrap().len();
    let limit = 500_000;
    assert!(size() > 2 * limit, "{}", size());

    let limited = Audit { max_bytes: limit, ..unlimited.clone() };
    let (_log, writer) = AuditLog::open(&limited, clock()).await.unwrap();
    Running::start(writer).stop().await;
    // One step is taken before the shutdown is seen; the rest is for the next start. So start until it is done.
    for _ in 0..10 {
        let (_log, writer) = AuditLog::open(&limited, clock()).await.unwrap();
        let running = Running::start(writer);
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.stop().await;
    }
    assert!(size() <= limit, "{}", size());
    let kept = stored(&limited).await;
    assert!(!kept.is_empty(), "not all of it");
    assert_eq!(kept.last().unwrap().decision, "3999", "the newest stay");
    let first: usize = kept[0].decision.parse().unwrap();
    assert_eq!(kept.len(), 4_000 - first, "the oldest went, and none between");
}

#[tokio::test]
async fn a_client_cannot_make_a_record_large() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    let object = format!("tool:{}", "ü".repeat(500_000));
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(Record { object, ..record("d-1") })).await.unwrap();
    let stored = stored(&settings).await.remove(0).object;
    assert!(stored.len() <= super::insert::LONGEST_TEXT && stored.ends_with('…'), "{}", stored.len());
    running.stop().await;
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    let later = Timestamp::from_micros(START + 1_000_000);
    let other = Record {
        at: later,
        subject: "demo/5".to_owned(),
        external_user: Some("dave@globex.example".to_owned()),
        tenant: "globex".to_owned(),
        verdict: Verdict::Deny,
        outcome: Outcome::Refused,
        object: "tool:echo".to_owned(),
        tool: Some("echo".to_owned()),
        ..record("d-2")
    };
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("d-1"))).await.unwrap();
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(other)).await.unwrap();
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("d-3"))).await.unwrap();
    let reader = AuditReader::open(&settings.path).await.unwrap();
    let found = async |filter: Filter, limit: u32| -> Vec<String> {
        reader.query(&filter, limit).await.unwrap().into_iter().map(|d| d.record.decision).collect()
    };
    let none = Filter::default;
    assert_eq!(found(none(), 10).await, ["d-1", "d-3", "d-2"], "by time of decision");
    assert_eq!(found(none(), 1).await, ["d-2"]);
    assert_eq!(found(Filter { since: Some(later), ..none() }, 10).await, ["d-2"]);
    assert_eq!(found(Filter { until: Some(later), ..none() }, 10).await, ["d-1", "d-3"]);
    let who = |who: &str| Filter { who: Some(who.to_owned()), ..none() };
    assert_eq!(found(who("dave@globex.example"), 10).await, ["d-2"]);
    assert_eq!(found(who("demo/5"), 10).await, ["d-2"]);
    assert!(found(who("demo"), 10).await.is_empty());
    assert_eq!(found(Filter { tenant: Some("acme".to_owned()), ..none() }, 10).await, ["d-1", "d-3"]);
    assert_eq!(found(Filter { verdict: Some(Verdict::Deny), ..none() }, 10).await, ["d-2"]);
    assert_eq!(found(Filter { object: Some("tool:echo".to_owned()), ..none() }, 10).await, ["d-2"]);
    assert_eq!(found(Filter { tool: Some("echo".to_owned()), ..none() }, 10).await, ["d-2"]);
    assert_eq!(found(Filter { decision: Some("d-3".to_owned()), ..none() }, 10).await, ["d-3"]);

    let tail = reader.tail(2).await.unwrap();
    assert_eq!(tail[1].record.decision, "d-3", "by order of writing");
    assert_eq!(reader.after(tail[0].written, 10).await.unwrap(), tail[1..]);
    running.stop().await;
}

#[tokio::test]
async fn pruning_from_outside_works_beside_a_running_writer() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let clock = clock();
    let (log, writer) = AuditLog::open(&settings, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    let running = Running::start(writer);
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("old"))).await.unwrap();
    clock.advance(Duration::from_secs(10));
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("new"))).await.unwrap();
    let before = Timestamp::from_micros(START + 5_000_000);
    assert_eq!(prune(&settings, before, clock.now()).await.unwrap(), 1);
    assert_eq!(stored(&settings).await, [record("new")]);
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("newer"))).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_restart_after_everything_was_pruned_keeps_the_order_of_writing() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let clock = clock();
    let (log, writer) = AuditLog::open(&settings, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    let running = Running::start(writer);
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("first"))).await.unwrap();
    let reader = AuditReader::open(&settings.path).await.unwrap();
    let first = reader.tail(1).await.unwrap()[0].written;
    running.stop().await;
    clock.advance(Duration::from_secs(1));
    prune(&settings, clock.now(), clock.now()).await.unwrap();
    let (log, writer) = AuditLog::open(&settings, clock).await.unwrap();
    let running = Running::start(writer);
    log.reserve(Holder::Ourselves).unwrap().record(Box::new(record("second"))).await.unwrap();
    assert_eq!(reader.after(first, 10).await.unwrap().len(), 1);
    running.stop().await;
}

/// A record is built from names and words; this holds that its columns are exactly those, so that a column for a token,
/// a claim or an answer cannot be added without this test being changed.
#[tokio::test]
async fn the_store_has_no_column_for_a_credential_or_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (_log, _writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name <> 'schema_migrations' ORDER BY 1",
    )
    .fetch_all(&mut raw(&settings).await)
    .await
    .unwrap();
    let decisions = super::insert::COLUMNS.split(", ").map(|column| format!("decisions.{column}"));
    let others = ["events.at", "events.detail", "events.kind", "events.written", "rejections.address"];
    let more = ["rejections.count", "rejections.hour", "rejections.reason"];
    let mut expected: Vec<_> = decisions.chain(others.into_iter().chain(more).map(str::to_owned)).collect();
    expected.sort();
    assert_eq!(columns, expected);
}

#[tokio::test]
async fn an_acceptance_is_found_by_its_whole_hash_from_when_it_was_given() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let (hash, other) = ("ab".repeat(32), format!("{}ac", "ab".repeat(31)));
    let at = |micros| Timestamp::from_micros(START + micros);
    let missing = accept(&settings, &hash, "accepted by ada", at(0)).await.unwrap_err();
    assert!(matches!(missing, AuditError::Open(_)), "no server has been here: {missing}");

    let (log, writer) = AuditLog::open(&settings, clock()).await.unwrap();
    let running = Running::start(writer);
    // An event that speaks of the hash and is of another kind.
    let refused = Event { at: at(0), kind: "policy_refused".to_owned(), detail: format!("{other} accepted") };
    log.record_event(refused).await.unwrap();
    accept(&settings, &hash, "accepted by ada", at(0)).await.unwrap();
    // The server's clock stands still, and the two do not get in each other's way.
    let event = Event { at: at(0), kind: "policy_reloaded".to_owned(), detail: "…".to_owned() };
    log.record_event(event).await.unwrap();

    let reader = AuditReader::open(&settings.path).await.unwrap();
    assert!(reader.has_accepted(&hash, at(0)).await.unwrap());
    assert!(!reader.has_accepted(&hash, at(1)).await.unwrap(), "given before");
    assert!(!reader.has_accepted(&other, at(0)).await.unwrap());
    assert!(!reader.has_accepted(&hash[..63], at(0)).await.unwrap());
    let kinds: Vec<_> = reader.events(None).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["policy_refused", "policy_accepted", "policy_reloaded"]);
    running.stop().await;
}
