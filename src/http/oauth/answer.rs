//! From the authorization server's refusals to HTTP. Every answer of the endpoints that clients speak to is JSON and is kept
//! by nobody; every redirect is a 303, which makes a GET of whatever it answers (RFC 9700, section 4.12).

use std::time::Duration;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use serde_json::Value;

use super::form::BadBody;
use crate::http::error::{RetryAfter as _, answer};
use crate::oauth::{Presented, RegistrationRefusal, TokenRefusal};
use crate::store::state::FIRST_USE;

/// How long to wait for a store that did not do its work.
const SOON: u64 = 2;

/// A JSON answer that nobody keeps.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from(body.to_string()))
}

/// A public document.
pub(super) fn document(body: &Value) -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "public, max-age=300")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from(body.to_string()))
}

/// A refusal of the token, revocation or introspection endpoint.
pub(super) fn token_refusal(refusal: TokenRefusal) -> Response {
    let status = match refusal {
        TokenRefusal::Parameters(_)
        | TokenRefusal::Repeated(_)
        | TokenRefusal::Missing(_)
        | TokenRefusal::InUrl
        | TokenRefusal::ContentType
        | TokenRefusal::TwoMethods
        | TokenRefusal::Verifier
        | TokenRefusal::GrantType
        | TokenRefusal::Unauthorized
        | TokenRefusal::Grant
        | TokenRefusal::Scope
        | TokenRefusal::Target => StatusCode::BAD_REQUEST,
        TokenRefusal::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        TokenRefusal::Client(_) => StatusCode::UNAUTHORIZED,
        TokenRefusal::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        TokenRefusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = answer(status, refusal.code(), &refusal.to_string());
    match refusal {
        TokenRefusal::Client(Presented::Header) => challenge(&mut response, "Basic realm=\"bailiwick\""),
        TokenRefusal::TooMany(wait) => response = response.with_retry_after(seconds(wait)),
        TokenRefusal::Unavailable => response = response.with_retry_after(SOON),
        TokenRefusal::Parameters(_)
        | TokenRefusal::Repeated(_)
        | TokenRefusal::Missing(_)
        | TokenRefusal::InUrl
        | TokenRefusal::ContentType
        | TokenRefusal::TooLong
        | TokenRefusal::TwoMethods
        | TokenRefusal::Client(Presented::Body)
        | TokenRefusal::Verifier
        | TokenRefusal::GrantType
        | TokenRefusal::Unauthorized
        | TokenRefusal::Grant
        | TokenRefusal::Scope
        | TokenRefusal::Target => {}
    }
    response
}

/// A refusal of the registration endpoint.
pub(super) fn registration_refusal(refusal: RegistrationRefusal) -> Response {
    let status = match refusal {
        RegistrationRefusal::Body
        | RegistrationRefusal::NoRedirect
        | RegistrationRefusal::TooManyRedirects
        | RegistrationRefusal::Redirect
        | RegistrationRefusal::OurOrigin
        | RegistrationRefusal::Member(_)
        | RegistrationRefusal::AuthMethod
        | RegistrationRefusal::Keys
        | RegistrationRefusal::GrantTypes
        | RegistrationRefusal::ResponseTypes => StatusCode::BAD_REQUEST,
        RegistrationRefusal::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        RegistrationRefusal::Token => StatusCode::UNAUTHORIZED,
        RegistrationRefusal::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        RegistrationRefusal::Full | RegistrationRefusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = answer(status, refusal.code(), &refusal.to_string());
    if refusal == RegistrationRefusal::Token {
        challenge(&mut response, "Bearer realm=\"bailiwick\"");
    }
    match (refusal, status) {
        (RegistrationRefusal::TooMany(wait), _) => response.with_retry_after(seconds(wait)),
        // By then one that is not used may make room.
        (RegistrationRefusal::Full, _) => response.with_retry_after(FIRST_USE.as_secs()),
        (_, StatusCode::SERVICE_UNAVAILABLE) => response.with_retry_after(SOON),
        _ => response,
    }
}

/// What a body that cannot be read means to a client.
pub(super) fn bad_form(bad: BadBody) -> TokenRefusal {
    match bad {
        BadBody::ContentType => TokenRefusal::ContentType,
        BadBody::TooLong => TokenRefusal::TooLong,
        BadBody::Lost => TokenRefusal::Missing("grant_type"),
        BadBody::Parameters(bad) => TokenRefusal::Parameters(bad),
    }
}

/// On to another page, or to the client.
pub(super) fn see_other(location: &str) -> Response {
    let mut response = Response::from(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match HeaderValue::from_str(location) {
        Ok(mut value) => {
            value.set_sensitive(true);
            headers.insert(header::LOCATION, value);
        }
        Err(error) => {
            tracing::error!(%error, "a redirect could not be written");
            response.set_status(StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
    response
}

fn challenge(response: &mut Response, value: &'static str) {
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(value));
}

/// Whole seconds, and never none.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(1)
}
