//! Looking, from time to time, whether rows that somebody subscribed to have changed, and telling who did.
//!
//! Each stream's rows are looked at with the rights of the person behind it, one statement for each dataset; what is no
//! longer in their scope looks as if it were not there, and nothing is told. The right is the one that was recorded when the
//! row was subscribed to; a new policy asks for it anew, which is recorded as well. Nothing is looked at for a session whose
//! stream is not open.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::Mcp;
use super::streams::{PATIENCE, Stream};
use super::subscriptions::{Row, Unlooked};
use crate::authz::Refusal;
use crate::catalog::Dataset;
use crate::dataset::{self, RowKey, Version};
use crate::model::Person;
use crate::random;

/// How many looks begin at the same time.
const AT_ONCE: usize = 2;
/// How long a look is one of these. One that is slow, or waits for its turn among the other reads of its person, keeps nobody else
/// from theirs; it goes on beside them, one statement of each person's at most, within the time limit of every statement.
const PLACE: Duration = Duration::from_millis(100);

impl Mcp {
    /// Looks for as long as it is polled, after each pause of about this length.
    ///
    /// Each person has a round of their own, and the next only after it. Whoever has many rows, or does not read what they are
    /// told, makes their own round long and nobody else's: of the looks at the database, which are taken in turn, they wait for
    /// one at a time.
    pub async fn keep_looking(&self, every: Duration) {
        let looks = Semaphore::new(AT_ONCE);
        let mut rounds = FuturesUnordered::new();
        let mut underway = HashSet::new();
        loop {
            let mut pause = std::pin::pin!(tokio::time::sleep(self.jittered(every)));
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some(person) = rounds.next() => drop(underway.remove(&person)),
                }
            }
            for (person, streams) in by_person(self.parts.streams.watching()) {
                if underway.insert(person.clone()) {
                    rounds.push(self.look_for(person, streams, &looks));
                }
            }
        }
    }

    /// Looks at the rows of one person's streams, and tells all of them at the same time.
    async fn look_for(&self, person: Person, streams: Vec<Stream>, looks: &Semaphore) -> Person {
        let turn = Semaphore::new(1);
        let looking = futures_util::stream::iter(streams);
        looking.for_each_concurrent(None, async |stream| self.look_at(&stream, &turn, looks).await).await;
        person
    }

    /// From four fifths of a pause to six fifths, so that several servers do not ask one database in step.
    fn jittered(&self, every: Duration) -> Duration {
        match random::bytes::<1>(self.parts.random.as_ref()) {
            Ok([byte]) => every * (4 * 255 + 2 * u32::from(byte)) / (5 * 255),
            Err(error) => {
                tracing::debug!(%error, "a pause is not jittered");
                every
            }
        }
    }

    async fn look_at(&self, stream: &Stream, turn: &Semaphore, looks: &Semaphore) {
        for (_, (dataset, rows)) in stream.sink.watched().by_dataset() {
            let versions = {
                // Neither is ever closed; if it were, there would be more looks at the same time.
                let (_turn, place) = (turn.acquire().await, looks.acquire().await);
                let mut looking = std::pin::pin!(self.versions(stream, &dataset, &rows));
                if let Ok(versions) = tokio::time::timeout(PLACE, &mut looking).await {
                    versions
                } else {
                    drop(place);
                    looking.await
                }
            };
            for ((uri, row), version) in rows.iter().zip(versions) {
                let Some(version) = version.filter(|version| row.seen.as_ref() != Some(version)) else { continue };
                if !self.still_holds(stream, &dataset) {
                    return;
                }
                match tokio::time::timeout(PATIENCE, stream.sink.tell_updated(uri)).await {
                    Ok(Ok(())) => stream.sink.watched().saw(uri, version),
                    Ok(Err(error)) => {
                        tracing::debug!(request.id = %stream.caller.request, %error, "a stream ended untold");
                        return;
                    }
                    Err(_) => {
                        tracing::debug!(request.id = %stream.caller.request, "a stream is not read");
                        return;
                    }
                }
            }
        }
    }

    /// Whether the policy under which rows were looked at is still in force.
    fn still_holds(&self, stream: &Stream, dataset: &Dataset) -> bool {
        let revision = self.parts.policies.current().revision();
        let right = stream.sink.watched().right(&dataset.name);
        right.is_some_and(|right| right.holds(&stream.caller.principal, revision))
    }

    /// What the rows are now; nothing where they may not be looked at, or cannot.
    async fn versions(
        &self,
        stream: &Stream,
        dataset: &Arc<Dataset>,
        rows: &[(Arc<str>, Row)],
    ) -> Vec<Option<Version>> {
        let (caller, watched) = (&stream.caller, stream.sink.watched());
        let keys: Vec<RowKey> = rows.iter().map(|(_, row)| row.key.clone()).collect();
        let revision = self.parts.policies.current().revision();
        if let Some(right) = watched.right(&dataset.name).filter(|right| right.holds(&caller.principal, revision)) {
            let (Some(watch), Some(data)) = (&right.watch, &self.parts.data) else { return Vec::new() };
            let person = caller.person();
            return match dataset::look(&data.database, &data.schema, watch, &keys, &person).await {
                Ok(versions) => versions,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, dataset = %dataset.name, "subscribed rows could not be looked at");
                    Vec::new()
                }
            };
        }
        match self.right(caller, dataset, &keys, stream.sink.method()).await {
            Ok((right, versions)) => {
                watched.keep(&dataset.name, Arc::new(right));
                versions
            }
            Err(Unlooked::Refused(Refusal::Denied(_) | Refusal::Scope(..))) => {
                watched.keep(&dataset.name, Arc::new(self.no_right(caller)));
                Vec::new()
            }
            Err(Unlooked::Refused(refusal @ (Refusal::Audit(_) | Refusal::Random(_)))) => {
                tracing::warn!(error = %refusal, "whether subscribed rows may be looked at cannot be decided");
                Vec::new()
            }
            // Logged where it failed.
            Err(Unlooked::Failed(_)) => Vec::new(),
        }
    }
}

fn by_person(streams: Vec<Stream>) -> HashMap<Person, Vec<Stream>> {
    let mut people: HashMap<Person, Vec<Stream>> = HashMap::new();
    for stream in streams {
        people.entry(stream.person.clone()).or_default().push(stream);
    }
    people
}
