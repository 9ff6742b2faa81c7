use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{Audit, Durability};
use crate::model::Timestamp;
use crate::store::audit::{AuditLog, Event, Holder, Outcome, Record};

const NOON: i64 = 1_795_262_400;

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(NOON)
    }
}

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: AuditCommand,
}

fn parse(line: &str) -> AuditCommand {
    Line::try_parse_from(format!("audit {line}").split(' ')).unwrap().command
}

fn settings(directory: &Path) -> Audit {
    Audit {
        path: directory.join("audit.db"),
        durability: Durability::Process,
        queue: 16,
        keep: Duration::ZERO,
        max_bytes: 0,
    }
}

fn record(decision: &str, verdict: Verdict) -> Record {
    Record {
        at: Timestamp::from_secs(NOON - 3_600),
        decision: decision.to_owned(),
        request: "r-1".to_owned(),
        subject: "demo/341200000000000101".to_owned(),
        external_user: Some("a.very.long.name@department.acme.example".to_owned()),
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
        verdict,
        reason: "policy".to_owned(),
        lines: vec!["policy.csv:12".to_owned()],
        revision: "3f9a8b7c".to_owned(),
        outcome: match verdict {
            Verdict::Allow => Outcome::Answered { rows: Some(20) },
            Verdict::Deny => Outcome::Refused,
        },
        changed: None,
        duration: Duration::from_micros(1_234),
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is the app here")]
async fn write(settings: &Audit, records: Vec<Record>) {
    let (log, writer) = AuditLog::open(settings, Arc::new(Noon)).await.unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(writer.run(stop.clone()));
    for record in records {
        log.reserve(Holder::Ourselves).unwrap().record(Box::new(record)).await.unwrap();
    }
    log.count_rejection("expired", "192.0.2.1".parse().unwrap());
    let detail = "policy.csv:12: unknown effect `Deny`; write `allow` or `deny`; the policy in force stays";
    log.record_event(Event { at: Noon.now(), kind: "policy_refused".to_owned(), detail: detail.to_owned() })
        .await
        .unwrap();
    stop.cancel();
    task.await.unwrap();
}

async fn output(line: &str, settings: &Audit) -> String {
    let mut out = Vec::new();
    run(parse(line), settings, &Noon, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn the_table_fits_a_hundred_columns() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let deny = Record {
        tool: None,
        tenant: "a-tenant-with-a-long-name".to_owned(),
        object: "tool:a_tool_that_does_not_exist_here".to_owned(),
        ..record("d-2", Verdict::Deny)
    };
    write(&settings, vec![record("d-1", Verdict::Allow), deny]).await;
    let tail = output("tail", &settings).await;
    let expected = "\
TIME (UTC)           WHO                      TENANT    VERDICT  WHAT                   RESULT
2026-11-21 11:00:00  a.very.long.name@depar…  acme      allow    search_documents       20 rows
2026-11-21 11:00:00  a.very.long.name@depar…  a-tenan…  deny     read tool:a_tool_tha…  policy
";
    assert_eq!(tail, expected);
    for line in ["tail", "query", "rejections", "events"] {
        let widest = output(line, &settings).await.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 100), "{line}: {widest:?}");
    }
    let events = output("events", &settings).await;
    let below = format!("write `allow` or\n{:39}`deny`; the policy in force stays\n", "");
    assert!(events.ends_with(&below), "a line ends where a word does: {events}");
}

#[tokio::test]
async fn json_output_is_one_object_per_line() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    write(&settings, vec![record("d-1", Verdict::Allow), record("d-2", Verdict::Deny)]).await;
    let text = output("query --json --verdict deny", &settings).await;
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["decision"], "d-2");
    assert_eq!(rows[0]["at"], "2026-11-21T11:00:00Z");
    assert_eq!(rows[0]["lines"], json!(["policy.csv:12"]));
    assert_eq!(rows[0]["rows"], Value::Null);
    assert_eq!(rows[0]["duration"], 1_234);
    let rejections = output("rejections --json", &settings).await;
    let expected = r#"{"hour":"2026-11-21T12:00:00Z","reason":"expired","address":"192.0.2.1","count":1}"#;
    assert_eq!(rejections.trim_end(), expected);
    assert!(output("events --json", &settings).await.contains("unknown effect"));
}

#[tokio::test]
async fn times_are_points_or_so_long_ago() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    write(&settings, vec![record("d-1", Verdict::Allow)]).await;
    assert_eq!(output("query --since 2h --json", &settings).await.lines().count(), 1);
    assert_eq!(output("query --since 59m --json", &settings).await.lines().count(), 0);
    assert_eq!(output("query --until 2026-11-21T11:00:01Z --json", &settings).await.lines().count(), 1);
    for bad in ["", "h", "-2h", "+2h", "2 h", "2w", "yesterday", "99999999999999999999d"] {
        assert!(bad.parse::<When>().is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn one_decision_is_shown_in_full() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    write(&settings, vec![record("d-1", Verdict::Allow)]).await;
    let text = output("query --decision d-1", &settings).await;
    for part in ["policy.csv:12", "a.very.long.name@department.acme.example", "3f9a8b7c", "1.234ms", "20 rows"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let of_request = output("query --request r-1", &settings).await;
    assert_eq!(of_request, text);
    let unknown = run(parse("query --decision d-9"), &settings, &Noon, &mut Vec::new()).await.unwrap_err();
    assert!(unknown.to_string().starts_with("no decision in "), "{unknown}");
}

#[tokio::test]
async fn what_a_client_chose_cannot_drive_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let tool = "\u{1b}[2J\u{202e}x\r\n2026 forged line".to_owned();
    let forged = Record { tool: Some(tool.clone()), object: format!("tool:{tool}"), ..record("d-1", Verdict::Deny) };
    write(&settings, vec![forged]).await;
    for line in ["tail", "query --decision d-1"] {
        let text = output(line, &settings).await;
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("2026 forged")), "{text:?}");
    }
    assert_eq!(output("tail --json", &settings).await.lines().count(), 1);
}

#[tokio::test]
async fn following_shows_what_is_written_later() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    write(&settings, vec![record("before", Verdict::Allow)]).await;
    let mut out = Vec::new();
    let following = run(parse("tail --follow --lines 0 --json"), &settings, &Noon, &mut out);
    let writing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        write(&settings, vec![record("after", Verdict::Allow)]).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        result = following => panic!("it ended: {result:?}"),
        () = writing => {}
    }
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("after") && !text.contains("before"), "{text}");
}

#[tokio::test]
async fn pruning_says_what_it_did_and_reading_nothing_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let error = run(parse("tail"), &settings, &Noon, &mut Vec::new()).await.unwrap_err();
    assert!(format!("{error:#}").contains("the server creates it"), "{error:#}");
    let error = run(parse("prune --before 1d"), &settings, &Noon, &mut Vec::new()).await.unwrap_err();
    assert!(format!("{error:#}").contains("does not exist"), "{error:#}");
    write(&settings, vec![record("d-1", Verdict::Allow)]).await;
    let text = output("prune --before 2026-11-21T13:00:00Z", &settings).await;
    assert_eq!(text, "deleted 3 rows written before 2026-11-21T13:00:00Z\n");
    assert_eq!(output("tail --json", &settings).await, "");
}

#[tokio::test]
async fn a_closed_pipe_is_not_an_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    write(&settings, vec![record("d-1", Verdict::Allow)]).await;
    run(parse("tail"), &settings, &Noon, &mut Closed).await.unwrap();
    run(parse("query"), &settings, &Noon, &mut Closed).await.unwrap();
}

#[tokio::test]
async fn a_name_that_no_decision_has_is_told_with_one_that_is_near() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let odd = Record { tool: None, object: "tool:\u{1b}[2J".to_owned(), ..record("d-2", Verdict::Deny) };
    write(&settings, vec![record("d-1", Verdict::Allow), odd]).await;
    let reader = AuditReader::open(&settings.path).await.unwrap();
    let told = async |filter: Filter| unknown::told(&reader, &filter).await.unwrap();
    let name = |name: &str| Some(name.to_owned());

    let slips = Filter { tool: name("serch_documents"), tenant: name("globex"), ..Filter::default() };
    let expected = [
        "no decision is recorded with --tenant `globex`; there are `acme`",
        "no decision is recorded with --tool `serch_documents`; did you mean `search_documents`?",
    ];
    assert_eq!(told(slips).await, expected);
    let object = told(Filter { object: name("prompt:welcome"), ..Filter::default() }).await;
    let expected =
        "no decision is recorded with --object `prompt:welcome`; there are `dataset:documents`, `tool:\\u{1b}[2J`";
    assert_eq!(object, [expected]);
    let who = told(Filter { who: name("demo/341200000000000102"), ..Filter::default() }).await;
    assert!(who[0].ends_with("did you mean `demo/341200000000000101`?"), "{who:?}");

    // What is recorded, if with other things, is no unknown name.
    let known =
        Filter { who: name("a.very.long.name@department.acme.example"), tenant: name("acme"), ..Filter::default() };
    assert!(told(Filter { tool: name("search_documents"), verdict: Some(Verdict::Deny), ..known }).await.is_empty());
}
