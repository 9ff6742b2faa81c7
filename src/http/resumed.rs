//! A session's own stream that its client takes up where it broke (`Last-Event-ID`).
//!
//! rmcp gives the last event once more, and answers an event that it does not know with a stream that has ended: a client would take
//! the first for news, and come again for ever after the second. So the event after the last is asked for, and a stream that
//! is over before it began is the refusal that it means.

use std::pin::Pin;

use futures_util::{FutureExt as _, StreamExt as _};
use poem::http::{HeaderMap, HeaderValue, StatusCode};
use poem::{Body, Response};

use super::error::answer;
use super::intake::Boxed;
use super::mcp::pieces;

const LAST: &str = "last-event-id";

/// No event has it.
const NONE: HeaderValue = HeaderValue::from_static("none");

/// Asks for what came after the last event, if one is named, instead of what began with it; says whether one is.
pub(super) fn after_the_last(headers: &mut HeaderMap) -> bool {
    let Some(last) = headers.get(LAST) else { return false };
    // The events of an answer have no ids, and those of a session's own stream are numbered.
    let number = last.to_str().ok().and_then(|last| last.parse::<u32>().ok());
    let next = number.map_or(NONE, |number| HeaderValue::from(u64::from(number) + 1));
    headers.insert(LAST, next);
    true
}

/// The response, unless its stream has ended already.
pub(super) fn unless_it_is_over(mut response: Response) -> Option<Response> {
    let body: Boxed = response.take_body().into();
    let mut pieces = Box::pin(pieces(body).peekable());
    if let Some(None) = Pin::as_mut(&mut pieces).peek().now_or_never() {
        return None;
    }
    response.set_body(Body::from_bytes_stream(pieces));
    Some(response)
}

/// What is said of an event that cannot be gone on from. Not 404, which would mean the session.
pub(super) fn unknown() -> Response {
    let text = "nothing can be given after that event; open the stream without Last-Event-ID. A call whose stream broke has ended: \
                make it again";
    answer(StatusCode::BAD_REQUEST, "unknown_event", text)
}
