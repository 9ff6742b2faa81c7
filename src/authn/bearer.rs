//! The credential out of the headers (RFC 6750, section 2.1). A token in a query or a body is not looked at.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::Rejection;
use crate::keys::{Reason, Trace};
use crate::model::BearerToken;

/// The one bearer token of a request, of at most `most` bytes.
pub(super) fn token(headers: &HeaderMap, most: usize, trace: &mut Trace) -> Result<BearerToken, Rejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Rejection::Missing)?;
    if values.next().is_some() {
        return Err(Rejection::Malformed("was sent twice"));
    }
    let text = value.to_str().map_err(|_| Rejection::Malformed("is not visible ASCII"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Rejection::Missing); // RFC 6750, section 3.1: another method is no authentication information
    }
    let token = token.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    // From `-` to `9` are `-`, `.`, `/` and the digits.
    if body.is_empty()
        || !body.bytes().all(|b| matches!(b, b'+' | b'-'..=b'9' | b'A'..=b'Z' | b'_' | b'a'..=b'z' | b'~'))
    {
        return Err(Rejection::Malformed("has no token of the form `b64token` after `Bearer`"));
    }
    trace.compare(Reason::Size, token.len() <= most, &token.len(), &format_args!("at most {most} bytes"))?;
    Ok(BearerToken::new(token.to_owned()))
}
