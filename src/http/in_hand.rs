//! How many requests of one person are answered at once, and what becomes of one more.
//!
//! It is refused. But a refusal costs too, and whoever has two thousand connections and sends the next request as soon as the last was
//! refused has the processor to themselves. So whoever is refused more often than somebody who waits when asked to is answered
//! later: what is left is as many requests as there are connections in each [`LATER`].

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use poem::Response;
use poem::http::StatusCode;

use super::error::{RetryAfter as _, answer};
use crate::clock::Clock;
use crate::limits::{Limit, Share, Shares};
use crate::model::Person;

/// When to come again, as a refusal says; and how long it is kept back where nobody heeds it.
const LATER: Duration = Duration::from_secs(1);

/// How many refusals of a person are answered at once: so many, and then one in each so long.
const PROMPT: (NonZeroU32, Duration) = (NonZeroU32::MIN.saturating_add(63), Duration::from_millis(20));

/// The requests that are being answered, by their people. All clones count together.
#[derive(Debug, Clone)]
pub(super) struct InHand {
    requests: Shares<Person>,
    refusals: Arc<Limit<Person>>,
}

/// A request that is being answered. In the extensions of what carried it, so that it is counted for as long as anything works on
/// it, whichever task that is.
#[derive(Debug, Clone)]
pub(super) struct OneOfThem {
    _share: Arc<Share<Person>>,
}

/// One too many.
#[derive(Debug)]
pub(super) struct Over {
    is_kept_back: bool,
}

impl InHand {
    /// At most so many of each person.
    pub(super) fn new(most: usize, clock: &Arc<dyn Clock>) -> Self {
        let (burst, refill) = PROMPT;
        Self { requests: Shares::new(most), refusals: Arc::new(Limit::new(burst, refill, clock)) }
    }

    /// Takes one more in hand.
    pub(super) fn take(&self, person: &Person) -> Result<OneOfThem, Over> {
        match self.requests.take(person.clone()) {
            Some(share) => Ok(OneOfThem { _share: Arc::new(share) }),
            None => Err(Over { is_kept_back: self.refusals.take(person).is_err() }),
        }
    }
}

impl Over {
    /// The refusal, when it is time.
    pub(super) async fn answered(self) -> Response {
        if self.is_kept_back {
            tokio::time::sleep(LATER).await;
        }
        too_many()
    }
}

/// The refusal of a person who has as much of something as one may.
pub(super) fn too_many() -> Response {
    let text =
        "as many requests of this person are being answered as may be at once; send this one again when some have been";
    answer(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", text).with_retry_after(LATER.as_secs())
}
