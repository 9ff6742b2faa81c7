//! The task that writes the audit trail: groups, failures, retention, shutdown.
//!
//! It never gives up. When a write fails, everyone who waits is told so, the log refuses new places, and the file is
//! opened anew with growing pauses until it takes a record again; that record says how long it was away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::AuditError;
use super::insert::LARGEST_GROUP;
use super::log::{Entry, Failure, Shared, Waiting};
use super::record::Event;
use super::store::Store;
use crate::config;
use crate::model::Timestamp;

/// How often the writer looks at the clock.
const TICK: Duration = Duration::from_millis(250);

/// How long counts of rejected requests wait to be written together.
const REJECTIONS_WAIT: Duration = Duration::from_secs(5);

/// How often the writer asks what is too old or too much.
const PRUNE_EVERY: Duration = Duration::from_mins(1);

/// The longest pause between two attempts to open a failed store.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Writes what the [`AuditLog`](super::AuditLog) takes in. Nothing is recorded unless it runs.
#[derive(Debug)]
#[must_use = "nothing is recorded unless the writer runs"]
pub struct Writer {
    settings: config::Audit,
    queue: mpsc::Receiver<Waiting>,
    shared: Arc<Shared>,
    state: State,
    rejections_written: Timestamp,
    pruned: Timestamp,
    pruning: bool,
    _gone: DropGuard,
}

#[derive(Debug)]
enum State {
    Writing(Store),
    Failed { failure: Arc<Failure>, again_at: Instant, pause: Duration },
}

impl Writer {
    pub(super) fn new(
        settings: config::Audit,
        store: Store,
        queue: mpsc::Receiver<Waiting>,
        shared: Arc<Shared>,
    ) -> Self {
        let now = shared.clock.now();
        let gone = shared.gone.clone().drop_guard();
        let state = State::Writing(store);
        let (rejections_written, pruned) = (now, now);
        Self { settings, queue, shared, state, rejections_written, pruned, pruning: true, _gone: gone }
    }

    /// Writes until the shutdown, and then until every place that was given out has been used or dropped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut group = Vec::with_capacity(LARGEST_GROUP);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                _ = ticks.tick() => self.look_at_the_clock().await,
                count = self.queue.recv_many(&mut group, LARGEST_GROUP) => {
                    if count == 0 {
                        break;
                    }
                    self.gather(&mut group).await;
                    self.write(&mut group).await;
                }
                () = std::future::ready(()), if self.pruning => {}
            }
            // After every group and not only when nothing waits, or a busy server would never prune.
            if self.pruning {
                self.prune(true).await;
            }
        }
        self.write_rejections().await;
        if let State::Writing(store) = self.state
            && let Err(error) = store.close().await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the audit store did not close cleanly");
        }
    }

    /// Lets the requests that are about to hand a record over do so, as long as there are such: a commit costs the same
    /// for one record as for many. On an idle server nothing comes, and this is one look at the queue.
    async fn gather(&mut self, group: &mut Vec<Waiting>) {
        loop {
            tokio::task::yield_now().await;
            let before = group.len();
            while group.len() < LARGEST_GROUP
                && let Ok(waiting) = self.queue.try_recv()
            {
                group.push(waiting);
            }
            if group.len() == before {
                return;
            }
        }
    }

    async fn write(&mut self, group: &mut Vec<Waiting>) {
        let (entries, answers): (Vec<_>, Vec<_>) =
            group.drain(..).map(|waiting| (waiting.entry, waiting.answer)).unzip();
        let now = self.shared.clock.now();
        let written = match &mut self.state {
            State::Writing(store) => store.write(entries, now).await,
            State::Failed { failure, .. } => {
                return answer(answers, &Err(AuditError::Failed(Arc::clone(failure))));
            }
        };
        if let Err(error) = &written {
            // Before the answers, so that whoever reads one finds the log refusing.
            self.fail(error);
        }
        answer(answers, &written);
    }

    async fn look_at_the_clock(&mut self) {
        let now = self.shared.clock.now();
        match &self.state {
            State::Failed { again_at, .. } => {
                if Instant::now() >= *again_at {
                    self.try_again().await;
                }
            }
            State::Writing(_) => {
                if now.since(self.rejections_written) >= REJECTIONS_WAIT {
                    self.write_rejections().await;
                }
                if now.since(self.pruned) >= PRUNE_EVERY {
                    self.pruned = now;
                    self.prune(false).await;
                }
            }
        }
    }

    async fn write_rejections(&mut self) {
        self.rejections_written = self.shared.clock.now();
        let State::Writing(store) = &mut self.state else {
            return;
        };
        let counts = self.shared.rejections.take();
        if counts.is_empty() {
            return;
        }
        if let Err(error) = store.add_rejections(&counts).await {
            self.shared.rejections.put_back(counts);
            self.fail(&error);
        }
    }

    async fn prune(&mut self, going_on: bool) {
        self.pruning = false;
        let now = self.shared.clock.now();
        let State::Writing(store) = &mut self.state else {
            return;
        };
        match store.prune(&self.settings, now, going_on).await {
            Ok(more) => self.pruning = more,
            Err(error) => self.fail(&error),
        }
    }

    /// Marks the log as failed; the first attempt to mend it comes with the next tick.
    fn fail(&mut self, error: &AuditError) {
        tracing::error!(
            file = %self.settings.path.display(),
            error = error as &dyn std::error::Error,
            "the audit store failed; nothing is answered until it is back"
        );
        let failure = Arc::new(Failure { since: self.shared.clock.now(), why: chain(error) });
        self.shared.failure.store(Some(Arc::clone(&failure)));
        self.state = State::Failed { failure, again_at: Instant::now(), pause: TICK };
    }

    /// Opens the store anew. It is back once it has taken a record.
    async fn try_again(&mut self) {
        let State::Failed { failure, pause, .. } = &self.state else {
            return;
        };
        let (failure, pause) = (Arc::clone(failure), *pause);
        match self.reopen(&failure).await {
            Ok(store) => {
                tracing::info!(file = %self.settings.path.display(), "the audit store is back");
                self.state = State::Writing(store);
                self.shared.failure.store(None);
            }
            Err(error) => {
                let failure = Arc::new(Failure { since: failure.since, why: chain(&error) });
                self.shared.failure.store(Some(Arc::clone(&failure)));
                let again_at = Instant::now() + pause;
                self.state = State::Failed { failure, again_at, pause: (pause * 2).min(LONGEST_PAUSE) };
            }
        }
    }

    async fn reopen(&self, failure: &Failure) -> Result<Store, AuditError> {
        let now = self.shared.clock.now();
        let mut store = Store::open(&self.settings, now).await?;
        let detail = format!("out of order since {}: {}", failure.since, failure.why);
        let event = Event { at: now, kind: "audit_recovered".to_owned(), detail };
        store.write(vec![Entry::Event(event)], now).await?;
        Ok(store)
    }
}

fn answer(answers: Vec<Option<oneshot::Sender<Result<(), AuditError>>>>, written: &Result<(), AuditError>) {
    for answer in answers.into_iter().flatten() {
        // Whoever asked may have gone; the record is written all the same.
        let _ = answer.send(written.clone());
    }
}

/// The error and its causes, in one line.
fn chain(error: &AuditError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
