//! The demo's own endpoints: its people, their tokens, its issuer's keys. Only `bailiwick demo` serves them, on loopback, and
//! those under `/dev` only by a name of loopback: a page whose own name leads to 127.0.0.1 gets no token.

use std::sync::Arc;
use std::time::Duration;

use poem::http::uri::Authority;
use poem::http::{StatusCode, header};
use poem::web::{Data, Query};
use poem::{Body, Endpoint, EndpointExt as _, Request, Response, Route, get, handler, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::JWKS_PATH;
use super::issuer::Issuer;
use super::people::{self, PEOPLE};
use super::sign_in::{self, Provider};
use crate::clock::Clock;

/// How long a token of the demo is valid.
const LIFETIME: Duration = Duration::from_hours(1);

/// Where the issuer is an OpenID provider.
const METADATA_PATH: &str = "/demo/issuer/.well-known/openid-configuration";
const AUTHORIZE_PATH: &str = "/demo/issuer/authorize";
const TOKEN_PATH: &str = "/demo/issuer/token";

/// The endpoints, for `http::routes`.
pub fn routes(issuer: Arc<Issuer>, clock: Arc<dyn Clock>) -> Route {
    let provider = Provider::new(Arc::clone(&issuer), Arc::clone(&clock), Arc::clone(issuer.random()));
    let provider = Arc::new(provider);
    let signing = get(token).data(Arc::clone(&issuer)).data(clock);
    Route::new()
        .at(METADATA_PATH, get(sign_in::metadata).data(Arc::clone(&provider)).around(here))
        .at(AUTHORIZE_PATH, get(sign_in::authorize).data(Arc::clone(&provider)).around(here))
        .at(TOKEN_PATH, post(sign_in::token).data(provider).around(here))
        .at("/dev/people", get(list).around(here))
        .at("/dev/token", signing.around(here))
        .at("/dev/rotate", post(rotate).data(Arc::clone(&issuer)).around(here))
        .at(JWKS_PATH, get(keys).data(issuer))
}

/// Answers what is asked of this machine by a name of its own.
async fn here<E: Endpoint<Output = Response>>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    if is_here(&request) {
        return endpoint.call(request).await;
    }
    let text = "the demo answers at 127.0.0.1, ::1 and localhost only; the Host of the request is another";
    Ok(answer(StatusCode::FORBIDDEN, &json!({ "error": "forbidden", "error_description": text })))
}

fn is_here(request: &Request) -> bool {
    let named = request.headers().get_all(header::HOST).iter().map(|host| Authority::try_from(host.as_bytes()).ok());
    let asked = request.uri().authority().cloned().map(Some);
    let mut hosts = named.chain(asked).peekable();
    let is_ours = |host: &Authority| ["127.0.0.1", "[::1]", "localhost"].contains(&host.host());
    hosts.peek().is_some() && hosts.all(|host| host.as_ref().is_some_and(is_ours))
}

/// Everybody that `/dev/token` knows.
#[handler]
fn list() -> Response {
    let people = PEOPLE.iter().map(|person| {
        json!({
            "person": person.name,
            "company": person.organisation_name,
            "external_user_id": person.external_user,
            "about": person.about
        })
    });
    answer(StatusCode::OK, &Value::Array(people.collect()))
}

#[derive(Deserialize)]
struct Who {
    person: Option<String>,
}

/// A token of one person, as the platform would forward it.
#[expect(clippy::needless_pass_by_value, reason = "poem hands extractors over by value")]
#[handler]
fn token(Query(who): Query<Who>, issuer: Data<&Arc<Issuer>>, clock: Data<&Arc<dyn Clock>>) -> Response {
    let known = || PEOPLE.map(|person| person.name).join(", ");
    let Some(person) = who.person.as_deref().and_then(people::person) else {
        let found = who.person.map_or("no person was named".to_owned(), |name| format!("`{name}` is not in the demo"));
        let text = format!("{found}; ask for /dev/token?person=NAME, where NAME is one of {}", known());
        return answer(StatusCode::NOT_FOUND, &json!({ "error": "unknown_person", "error_description": text }));
    };
    match issuer.token(person, clock.now(), LIFETIME) {
        Ok(token) => {
            let answer_body =
                json!({ "access_token": token, "token_type": "Bearer", "expires_in": LIFETIME.as_secs() });
            answer(StatusCode::OK, &answer_body)
        }
        Err(error) => failed(&error),
    }
}

/// Makes the issuer sign with its next key, as a real one does from time to time.
#[expect(clippy::needless_pass_by_value, reason = "poem hands extractors over by value")]
#[handler]
fn rotate(issuer: Data<&Arc<Issuer>>) -> Response {
    match issuer.rotate() {
        Ok(()) => answer(StatusCode::OK, &json!({ "rotated": true })),
        Err(error) => failed(&error),
    }
}

/// The issuer's public keys (RFC 7517).
#[expect(clippy::needless_pass_by_value, reason = "poem hands extractors over by value")]
#[handler]
fn keys(issuer: Data<&Arc<Issuer>>) -> Response {
    match serde_json::to_value(issuer.jwks()) {
        Ok(keys) => answer(StatusCode::OK, &keys),
        Err(error) => failed(&error),
    }
}

pub(super) fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "the demo's issuer failed");
    let body = json!({ "error": "server_error", "error_description": "the demo's issuer failed" });
    answer(StatusCode::INTERNAL_SERVER_ERROR, &body)
}

pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_loopback_are_answered() {
        let asked = |host: &str| is_here(&Request::builder().header(header::HOST, host).finish());
        for ours in ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "[::1]:8080"] {
            assert!(asked(ours), "{ours}");
        }
        for other in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost@evil.example", ""] {
            assert!(!asked(other), "{other}");
        }
        assert!(!is_here(&Request::builder().finish()), "no host at all");
        let two = Request::builder().header(header::HOST, "localhost").header(header::HOST, "evil.example").finish();
        assert!(!is_here(&two));
    }

    #[tokio::test]
    async fn nobody_gets_a_token_by_another_name_of_this_machine() {
        let guarded = get(list).around(here);
        let asked = |host: &str| Request::builder().header(header::HOST, host).finish();
        assert_eq!(guarded.call(asked("evil.example")).await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(guarded.call(asked("localhost:8080")).await.unwrap().status(), StatusCode::OK);
    }
}
