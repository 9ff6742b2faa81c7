//! The demo's issuer as an OpenID provider: whoever is sent there says which of the five people they are, and is taken at their
//! word. Only `bailiwick demo` serves it, by a name of loopback, and it sends nobody anywhere but back to its own server.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Form, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::files::{ISSUER_PATH, JWKS_PATH};
use super::issuer::Issuer;
use super::people::{self, PEOPLE, Person};
use super::routes::{answer, failed};
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::model::oauth::{CodeChallenge, CodeVerifier};
use crate::random::{self, Random};

/// How the provider knows the server, as `[[sign_in]]` has it.
const CLIENT: &str = "bailiwick";

/// How long a code is good.
const CODE: Duration = Duration::from_mins(1);

/// How many codes can be on their way.
const MOST: u64 = 100;

const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// What a code stands for.
#[derive(Debug, Clone)]
struct Ticket {
    person: &'static Person,
    nonce: String,
    challenge: CodeChallenge,
    until: Timestamp,
}

/// The provider.
pub(super) struct Provider {
    issuer: Arc<Issuer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tickets: moka::sync::Cache<String, Ticket>,
}

impl Provider {
    pub(super) fn new(issuer: Arc<Issuer>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { issuer, clock, random, tickets: moka::sync::Cache::new(MOST) }
    }

    /// Where the server that it belongs to is.
    fn origin(&self) -> &str {
        self.issuer.url().trim_end_matches(ISSUER_PATH)
    }

    fn callback(&self) -> String {
        format!("{}/sign-in/callback/demo", self.origin())
    }
}

/// Its metadata (OpenID Connect Discovery 1.0).
#[expect(clippy::needless_pass_by_value, reason = "poem hands extractors over by value")]
#[handler]
pub(super) fn metadata(provider: Data<&Arc<Provider>>) -> Response {
    let (issuer, origin) = (provider.issuer.url(), provider.origin());
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{origin}{JWKS_PATH}"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    });
    answer(StatusCode::OK, &document)
}

/// What a browser is sent with, and the choice that it made here.
#[derive(Deserialize)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: String,
    code_challenge: String,
    person: Option<String>,
}

#[derive(Template)]
#[template(path = "demo-sign-in.html")]
struct Choices {
    host: String,
    choices: Vec<Choice>,
}

struct Choice {
    name: &'static str,
    about: &'static str,
    query: String,
}

/// Asks who somebody is, and sends them back as that.
#[expect(clippy::needless_pass_by_value, reason = "poem hands extractors over by value")]
#[handler]
pub(super) fn authorize(Query(asked): Query<Asked>, request: &Request, provider: Data<&Arc<Provider>>) -> Response {
    let challenge = asked.code_challenge.parse::<CodeChallenge>().ok();
    let Some(challenge) = challenge.filter(|_| asked.client_id == CLIENT && asked.redirect_uri == provider.callback())
    else {
        let text = "the demo's provider has one client, and sends people back to that alone";
        return answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_request", "error_description": text }));
    };
    let Some(person) = asked.person.as_deref().and_then(people::person) else {
        return provider.ask(request.uri().query().unwrap_or_default());
    };
    let code = match random::hex::<16>(provider.random.as_ref()) {
        Ok(code) => code,
        Err(error) => return failed(&error),
    };
    let until = provider.clock.now().plus(CODE);
    provider.tickets.insert(code.clone(), Ticket { person, nonce: asked.nonce, challenge, until });
    let parameters = [("code", code.as_str()), ("state", &asked.state), ("iss", provider.issuer.url())];
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, format!("{}?{query}", asked.redirect_uri))
        .header(header::CACHE_CONTROL, "no-store")
        .finish()
}

impl Provider {
    fn ask(&self, query: &str) -> Response {
        let choices = PEOPLE.iter().map(|person| Choice {
            name: person.external_user,
            about: person.about,
            query: format!("{query}&person={}", person.name),
        });
        let page = Choices { host: self.origin().trim_start_matches("http://").to_owned(), choices: choices.collect() };
        let text = match page.render() {
            Ok(text) => text,
            Err(error) => return failed(&error),
        };
        let mut response = Response::builder().content_type("text/html; charset=utf-8").body(Body::from(text));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// What the server sends for a code.
#[derive(Deserialize)]
struct Redeemed {
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

/// Gives the ID token for a code, once.
#[expect(clippy::needless_pass_by_value, reason = "poem hands extractors over by value")]
#[handler]
pub(super) fn token(Form(sent): Form<Redeemed>, provider: Data<&Arc<Provider>>) -> Response {
    let now = provider.clock.now();
    let verifier = sent.code_verifier.parse::<CodeVerifier>().ok();
    let is_meant = |ticket: &Ticket| {
        let is_proved = verifier.as_ref().is_some_and(|verifier| ticket.challenge.is_met_by(verifier));
        is_proved && ticket.until > now && sent.client_id == CLIENT && sent.redirect_uri == provider.callback()
    };
    let Some(ticket) = provider.tickets.remove(&sent.code).filter(is_meant) else {
        return answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant" }));
    };
    match provider.issuer.id_token(ticket.person, CLIENT, &ticket.nonce, now) {
        Ok(token) => {
            let body = json!({ "access_token": "of no use", "token_type": "Bearer", "id_token": token });
            answer(StatusCode::OK, &body)
        }
        Err(error) => failed(&error),
    }
}
