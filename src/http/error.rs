//! From refusals to HTTP: every error is JSON with a stable code, and 401 always carries its challenge.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use serde_json::{Value, json};

use crate::authn::Rejection;
use crate::model::Scope;

/// An error answer: `{"error": code, "error_description": text}`, the form of RFC 6749, section 5.2, for all of them.
pub(super) fn answer(status: StatusCode, code: &str, description: &str) -> Response {
    let body = json!({ "error": code, "error_description": description }).to_string();
    Response::builder()
        .status(status)
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(body))
}

/// The error of JSON-RPC that answers this id.
pub(super) fn error_of(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

/// A JSON-RPC error for a request that goes no further; the id is null where it is not known.
pub(super) fn json_rpc(id: &Value, code: i32, message: &str) -> Response {
    let body = Body::from(error_of(id, code, message).to_string());
    Response::builder().status(StatusCode::BAD_REQUEST).content_type("application/json").body(body)
}

/// The refusal of a request under an id whose answer is awaited: answers are told apart by it.
pub(super) fn in_use(id: &Value) -> Response {
    json_rpc(id, -32600, &format!("The id {id} is in use by a request that is not answered yet; take another"))
}

/// The same as an answer like any other: a client that takes 400 for a failure of the transport would not look into it.
pub(super) fn answered(id: &Value, code: i32, message: &str) -> Response {
    let mut answer = json_rpc(id, code, message);
    answer.set_status(StatusCode::OK);
    answer
}

/// Writes `WWW-Authenticate` challenges (RFC 6750, section 3; RFC 9728, section 5.1).
#[derive(Debug, Clone)]
pub(super) struct Challenges {
    metadata: String,
    scope: String,
}

impl Challenges {
    /// Challenges that point to the protected-resource metadata at this URL.
    pub(super) fn new(metadata: &str, scopes: &[Scope]) -> Self {
        let scope = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        Self { metadata: metadata.to_owned(), scope }
    }

    /// The answer to a request whose caller could not be established.
    pub(super) fn rejection(&self, rejection: &Rejection) -> Response {
        let description = sentence(rejection);
        match rejection {
            Rejection::Missing => {
                let answer = answer(StatusCode::UNAUTHORIZED, "unauthorized", &description);
                self.challenge(answer, None, &self.scope)
            }
            Rejection::Malformed(_) => {
                let answer = answer(StatusCode::BAD_REQUEST, "invalid_request", &description);
                self.challenge(answer, Some(("invalid_request", &description)), &self.scope)
            }
            Rejection::Invalid(_) => {
                let answer = answer(StatusCode::UNAUTHORIZED, "invalid_token", &description);
                self.challenge(answer, Some(("invalid_token", &description)), &self.scope)
            }
            Rejection::Unavailable { retry_after, .. } => {
                let seconds = retry_after.as_secs().max(1);
                answer(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", &description)
                    .with_retry_after(seconds)
            }
            Rejection::UnknownTenant { .. } | Rejection::ContextMismatch { .. } | Rejection::UnknownDataRoom { .. } => {
                answer(StatusCode::FORBIDDEN, rejection.code(), &description)
            }
            Rejection::BadHeader { .. } => answer(StatusCode::BAD_REQUEST, "invalid_request", &description),
        }
    }

    /// 403 `insufficient_scope`, naming what is needed, so that the client can step up.
    pub(super) fn insufficient_scope(&self, needed: Scope) -> Response {
        let description = format!("this needs the scope {needed}");
        let answer = answer(StatusCode::FORBIDDEN, "insufficient_scope", &description);
        self.challenge(answer, Some(("insufficient_scope", &description)), needed.as_str())
    }

    fn challenge(&self, mut answer: Response, error: Option<(&str, &str)>, scope: &str) -> Response {
        let mut value = format!("Bearer resource_metadata=\"{}\", scope=\"{scope}\"", self.metadata);
        if let Some((code, description)) = error {
            value.push_str(", error=\"");
            value.push_str(code);
            value.push_str("\", error_description=\"");
            value.push_str(&description.replace(['"', '\\'], "'"));
            value.push('"');
        }
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        answer
    }
}

/// Adds `Retry-After`.
pub(super) trait RetryAfter {
    /// In seconds (RFC 9110, section 10.2.3).
    fn with_retry_after(self, seconds: u64) -> Self;
}

impl RetryAfter for Response {
    fn with_retry_after(mut self, seconds: u64) -> Self {
        self.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        self
    }
}

/// A sentence for the caller. All faults of a token share one; it holds nothing but what the caller sent in a header.
fn sentence(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Missing => "A bearer token is required.".to_owned(),
        Rejection::Malformed(_) => "The Authorization header must be one bearer token.".to_owned(),
        Rejection::Invalid(_) => "The access token is invalid.".to_owned(),
        Rejection::Unavailable { .. } => "The token cannot be verified now; try again later.".to_owned(),
        Rejection::UnknownTenant { .. } => "The token's organisation is not known here.".to_owned(),
        Rejection::ContextMismatch { header, setting, .. } => {
            format!("The header {header} contradicts the token; if both are right, see {setting}.")
        }
        Rejection::UnknownDataRoom { room, .. } => {
            format!("The data room `{room}` is not known here; an alias in `data_rooms` would add it.")
        }
        Rejection::BadHeader { header, problem } => format!("The header {header} {problem}."),
    }
}
