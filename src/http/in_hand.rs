//! How many requests of one person are answered at once, and what becomes of one more.
//!
//! It is refused. But a refusal costs too, and whoever has two thousand connections and sends the next request as soon as the last was
//! refused has the processor to themselves. So whoever is refused more often than somebody who waits when asked to is answered
//! later: what is left is as many requests as there are connections in each [`LATER`].

use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use poem::http::StatusCode;
use poem::{Body, Response};

use super::error::{RetryAfter as _, answer};
use super::intake::Boxed;
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
/// it, whichever task that is; and with the bytes of the answer, until they are written.
#[derive(Debug, Clone)]
pub(super) struct OneOfThem {
    _share: Arc<Share<Person>>,
}

impl OneOfThem {
    /// The answer, counted for as long as there is something of it.
    pub(super) fn with(self, mut response: Response) -> Response {
        let body: Boxed = response.take_body().into();
        response.set_body(Body::from(Counted { body, one: self }.boxed()));
        response
    }
}

/// A body whose every byte is counted until the system has taken it: the body itself ends when its last bytes wait to be written.
struct Counted {
    body: Boxed,
    one: OneOfThem,
}

/// Bytes, and what is counted for them.
struct Held {
    bytes: Bytes,
    _one: OneOfThem,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let held = |bytes| Bytes::from_owner(Held { bytes, _one: self.one.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
        match self.requests.take(person) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{self, Attributes, Proof, Requester, Scopes, Subject, Timestamp};
    use crate::test_support::clock::ManualClock;

    fn somebody() -> Person {
        let (attributes, context) = (Attributes::default(), model::Context::default());
        let requester = Requester { tenant: "acme".parse().unwrap(), names: [].into(), attributes, context };
        let never = Timestamp::from_secs(0);
        let subject = Subject { issuer: "one".parse().unwrap(), id: "ada".parse().unwrap() };
        let (actor, client, scopes) = (None, None, Scopes::default());
        Person::of(&requester, &Proof { subject, actor, client, scopes, expires: never, taken_until: never })
    }

    #[tokio::test]
    async fn a_request_is_in_hand_until_its_answer_is_written() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let (in_hand, person) = (InHand::new(1, &clock), somebody());
        let answer = in_hand.take(&person).unwrap().with(Response::builder().body("written"));
        assert!(in_hand.take(&person).is_err(), "nobody has read it yet");
        let body: Boxed = answer.into_body().into();
        assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(7), "its length is still known");
        let bytes = body.collect().await.unwrap().to_bytes();
        assert!(in_hand.take(&person).is_err(), "the body is over, and nobody has written its bytes yet");
        assert_eq!(bytes, "written");
        drop(bytes);
        assert!(in_hand.take(&person).is_ok());
    }
}
