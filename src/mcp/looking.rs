//! Looking, from time to time, whether rows that somebody subscribed to have changed, and telling who did.
//!
//! Each stream's rows are looked at with the rights of the person behind it, one statement for each dataset; what is no
//! longer in their scope looks as if it were not there, and nothing is told. The right is the one that was recorded when the
//! row was subscribed to; a new policy asks for it anew, which is recorded as well. Nothing is looked at for a session whose
//! stream is not open.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::Mcp;
use super::streams::{PATIENCE, Stream};
use super::subscriptions::{Row, Unlooked};
use crate::authz::Refusal;
use crate::catalog::Dataset;
use crate::dataset::{self, RowKey, Version};
use crate::random;

/// For how many streams rows are looked at at the same time: requests have the other connections to the database.
const AT_ONCE: usize = 2;

impl Mcp {
    /// Looks for as long as it is polled, after each pause of about this length.
    pub async fn keep_looking(&self, every: Duration) {
        loop {
            tokio::time::sleep(self.jittered(every)).await;
            let streams = futures_util::stream::iter(self.parts.streams.watching());
            streams.for_each_concurrent(AT_ONCE, |stream| async move { self.look_for(&stream).await }).await;
        }
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

    async fn look_for(&self, stream: &Stream) {
        for (_, (dataset, rows)) in stream.sink.watched().by_dataset() {
            let versions = self.versions(stream, &dataset, &rows).await;
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
