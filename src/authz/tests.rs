//! What the records say of each action, and what a receipt writes. That the gate asks, and whom it lets through, is tested
//! through the server.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::config::{Audit, Durability};
use crate::policy::{Listed, Object};
use crate::store::audit::{AuditLog, AuditReader, Filter, Holder, Outcome, Record, Verdict};
use crate::test_support::clock::ManualClock;

#[test]
fn an_action_is_recorded_by_what_is_done_to_what_and_through_what() {
    let name = |name: &str| name.parse().unwrap();
    let told = |action: &dyn Told| action.told();
    let read = |method| ReadRows { dataset: name("documents"), tool: name("get_documents"), method };
    let text = |verb: &str, object: &str, through: Option<&str>| {
        (verb.to_owned(), object.to_owned(), through.map(ToOwned::to_owned))
    };
    assert_eq!(told(&Use(Object::Tool(name("echo")))), text("call", "tool:echo", None));
    assert_eq!(
        told(&Use(Object::Resource("static://welcome".into()))),
        text("read", "resource:static://welcome", None)
    );
    assert_eq!(told(&Use(Object::Prompt(name("greet")))), text("read", "prompt:greet", None));
    assert_eq!(told(&read(None)), text("read", "dataset:documents", Some("get_documents")));
    assert_eq!(told(&read(Some("resources/read"))), text("read", "dataset:documents", Some("resources/read")));
    assert_eq!(told(&List(Listed::Tools)), text("list", "tools", None));
    assert_eq!(told(&List(Listed::Templates)), text("list", "templates", None));
    assert_eq!(told(&UseUnknown("tool:rm".to_owned())), text("use", "tool:rm", None));
}

/// What the gate puts into a record of an action.
trait Told {
    fn told(&self) -> (String, String, Option<String>);
}

impl<A: Action> Told for A {
    fn told(&self) -> (String, String, Option<String>) {
        let (verb, object) = self.names();
        (verb.to_owned(), object, self.through().map(ToOwned::to_owned))
    }
}

fn record(decision: &str, clock: &ManualClock) -> Record {
    Record {
        at: clock.now(),
        decision: decision.to_owned(),
        request: "r-1".to_owned(),
        subject: "demo/ada".to_owned(),
        external_user: None,
        actor: None,
        client: None,
        tenant: "acme".to_owned(),
        agent: None,
        data_room: None,
        thread: None,
        stated: None,
        action: "call".to_owned(),
        object: "tool:echo".to_owned(),
        tool: None,
        verdict: Verdict::Allow,
        reason: "policy".to_owned(),
        lines: Vec::new(),
        revision: "0123456789ab".to_owned(),
        outcome: Outcome::Refused,
        changed: None,
        duration: Duration::ZERO,
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test is the app here")]
async fn a_receipt_is_recorded_with_what_became_of_it_or_as_abandoned() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let path = directory.path().join("audit.db");
    let settings = Audit { path, durability: Durability::Process, queue: 4, keep: Duration::ZERO, max_bytes: 0 };
    let (log, writer) = AuditLog::open(&settings, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    let stop = CancellationToken::new();
    let writing = tokio::spawn(writer.run(stop.clone()));
    let open = |decision| {
        Receipt::open(log.reserve(Holder::Ourselves).unwrap(), Box::new(record(decision, &clock)), clock.clone())
    };

    let (answered, abandoned) = (open("answered"), open("abandoned"));
    assert_eq!(answered.record().map(|record| record.decision.as_str()), Some("answered"), "the log reads it");
    clock.advance(Duration::from_millis(7));
    let outcome = Outcome::Answered { rows: Some(3) };
    assert_eq!(answered.close(outcome, "the answer").await.unwrap().into_inner(), "the answer");
    drop(abandoned);
    stop.cancel();
    writing.await.unwrap();

    let found = AuditReader::open(&settings.path).await.unwrap().query(&Filter::default(), 9).await.unwrap();
    let told = found.iter().map(|found| &found.record);
    let mut told: Vec<_> = told.map(|record| (record.decision.as_str(), record.outcome, record.duration)).collect();
    told.sort_by_key(|(decision, ..)| *decision);
    let took = Duration::from_millis(7);
    assert_eq!(told, [("abandoned", Outcome::Abandoned, took), ("answered", outcome, took)]);
}
