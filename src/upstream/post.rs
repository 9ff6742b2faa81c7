//! What goes over the wire to a provider: its metadata, the code against an ID token (RFC 6749, section 4.1.3), and the question
//! what else it says of the person (OpenID Connect Core 1.0, section 5.3). Bounded in time and size; no redirect is followed, and
//! no proxy is taken from the environment.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde_json::{Map, Value};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::Arrival;
use super::fault::ProviderError;
use super::metadata::Metadata;
use crate::config::SignIn;
use crate::keys::strict_json;
use crate::model::BearerToken;
use crate::outbound::Authorities;

/// The longest wait for a connection, and for an answer in all.
const CONNECT: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(5);

/// The largest answer.
const MOST: usize = 64 << 10;

/// What a code was good for.
#[derive(Debug)]
pub(super) struct Redeemed {
    /// Says who signed in.
    pub(super) id_token: BearerToken,
    /// Good for asking the provider about them, if it gave one.
    pub(super) access: Option<BearerToken>,
}

/// The HTTP client for one provider.
#[derive(Debug)]
pub(super) struct Wire(Client);

impl Wire {
    pub(super) fn new(authorities: &Authorities) -> Result<Self, ProviderError> {
        Ok(Self(authorities.client(CONNECT).build().map_err(ProviderError::Client)?))
    }

    /// A JSON document.
    pub(super) async fn get(&self, url: &Url) -> Result<Map<String, Value>, ProviderError> {
        match self.ask(url, self.0.get(url.clone())).await? {
            (StatusCode::OK, document) => Ok(document),
            (status, _) => Err(ProviderError::Status { url: url.clone(), status }),
        }
    }

    /// What a provider says of the person whom this token of its own was given for.
    pub(super) async fn userinfo(&self, url: &Url, token: &BearerToken) -> Result<Map<String, Value>, ProviderError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| ProviderError::NoUserinfo { url: url.clone() })?;
        value.set_sensitive(true);
        match self.ask(url, self.0.get(url.clone()).header(AUTHORIZATION, value)).await? {
            (StatusCode::OK, document) => Ok(document),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Err(ProviderError::NoUserinfo { url: url.clone() })
            }
            (status, _) => Err(ProviderError::Status { url: url.clone(), status }),
        }
    }

    /// Redeems the code of an arrival: the tokens, as they came.
    pub(super) async fn redeem(
        &self,
        metadata: &Metadata,
        settings: &SignIn,
        callback: &str,
        arrival: &Arrival<'_>,
    ) -> Result<Redeemed, ProviderError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", arrival.code),
            ("redirect_uri", callback),
            ("code_verifier", arrival.verifier.expose()),
        ];
        let mut request = self.0.post(metadata.token.clone());
        let id = settings.client_id.as_str();
        match &settings.client_secret {
            Some(secret) if !metadata.secret_in_body => {
                request = request.header(AUTHORIZATION, basic(id, secret.expose())?);
            }
            Some(secret) => form.extend([("client_id", id), ("client_secret", secret.expose())]),
            None => form.push(("client_id", id)),
        }
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let (status, answer) = self.ask(&metadata.token, request).await?;
        if status.is_server_error() {
            return Err(ProviderError::Status { url: metadata.token.clone(), status });
        }
        if status != StatusCode::OK {
            return Err(ProviderError::Refused(word(&answer)));
        }
        let token = |name: &str| answer.get(name).and_then(Value::as_str).map(|text| BearerToken::new(text.to_owned()));
        Ok(Redeemed { id_token: token("id_token").ok_or(ProviderError::NoIdToken)?, access: token("access_token") })
    }

    async fn ask(&self, url: &Url, request: RequestBuilder) -> Result<(StatusCode, Map<String, Value>), ProviderError> {
        let answered = tokio::time::timeout(LIMIT, unbounded(url, request.header(ACCEPT, "application/json"))).await;
        let (status, body) = answered.map_err(|_| ProviderError::Timeout { url: url.clone(), limit: LIMIT })??;
        match strict_json::object(&body) {
            Ok(document) => Ok((status, document)),
            // What a failure looks like is the provider's own business.
            Err(_) if status != StatusCode::OK => Ok((status, Map::new())),
            Err(source) => Err(ProviderError::Json { url: url.clone(), source }),
        }
    }
}

async fn unbounded(url: &Url, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), ProviderError> {
    // The error of a request names its address, which has no secret in it: codes go in the body.
    let failed = |source| ProviderError::Request { url: url.clone(), source };
    let mut response = request.send().await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MOST {
            return Err(ProviderError::TooLong { url: url.clone(), most: MOST });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}

/// The header of a client with a secret (RFC 6749, section 2.3.1): both are encoded as in a form first.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, ProviderError> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| ProviderError::NoIdToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The provider's word for why it refuses, as a log line can hold it.
fn word(answer: &Map<String, Value>) -> String {
    let word = answer.get("error").and_then(Value::as_str).unwrap_or("no error code");
    word.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect()
}
