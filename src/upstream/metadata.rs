//! A provider's metadata (OpenID Connect Discovery 1.0, section 3): fetched when it is needed, kept for a while.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::Url;
use serde_json::{Map, Value};

use super::fault::ProviderError;
use super::post::Wire;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::outbound::is_loopback_http;

/// How long a document is used.
const FRESH: Duration = Duration::from_mins(10);

/// What is read of the document.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Where browsers are sent.
    pub(super) authorization: Url,
    /// Where codes are redeemed.
    pub(super) token: Url,
    /// Where more is said of a person, if it is said anywhere that can be asked.
    pub(super) userinfo: Option<Url>,
    /// Whether our secret goes into the body, because the provider does not take it in the header.
    pub(super) secret_in_body: bool,
    /// Whether its answers say that they are its own (RFC 9207).
    pub(super) names_itself: bool,
}

/// The document, and where it is.
#[derive(Debug)]
pub(super) struct Documents {
    url: Url,
    issuers: Vec<String>,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<(Timestamp, Arc<Metadata>)>,
}

impl Documents {
    pub(super) fn new(url: Url, issuers: Vec<String>, clock: Arc<dyn Clock>) -> Self {
        Self { url, issuers, clock, held: ArcSwapOption::empty() }
    }

    /// The document. Where a new one cannot be had, the old one goes on: a provider that moves its endpoints says so first.
    pub(super) async fn get(&self, wire: &Wire) -> Result<Arc<Metadata>, ProviderError> {
        let held = self.held.load_full();
        let now = self.clock.now();
        if let Some(held) = held.as_ref().filter(|held| now.since(held.0) < FRESH) {
            return Ok(Arc::clone(&held.1));
        }
        match (self.fetch(wire).await, held) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                self.held.store(Some(Arc::new((now, Arc::clone(&metadata)))));
                Ok(metadata)
            }
            (Err(error), Some(held)) if error.is_outage() => {
                tracing::warn!(%error, "the metadata of a provider could not be fetched anew");
                Ok(Arc::clone(&held.1))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn fetch(&self, wire: &Wire) -> Result<Metadata, ProviderError> {
        let document = wire.get(&self.url).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let found = text("issuer").unwrap_or_default();
        if !self.issuers.iter().any(|known| known == found) {
            let (url, found, expected) = (self.url.clone(), found.into(), self.issuers.clone().into());
            return Err(ProviderError::Issuer { url, found, expected });
        }
        Ok(Metadata {
            authorization: self.endpoint(&document, "authorization_endpoint")?,
            token: self.endpoint(&document, "token_endpoint")?,
            // Not needed by everybody; where it is, what it would have said is missed.
            userinfo: self.endpoint(&document, "userinfo_endpoint").ok(),
            secret_in_body: !takes_header(&document),
            names_itself: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
        })
    }

    fn endpoint(&self, document: &Map<String, Value>, member: &'static str) -> Result<Url, ProviderError> {
        let named = document.get(member).and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
        let usable = |url: &Url| {
            let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
            plain && (url.scheme() == "https" || is_loopback_http(url) && is_loopback_http(&self.url))
        };
        named.filter(usable).ok_or_else(|| ProviderError::Endpoint { url: self.url.clone(), member })
    }
}

/// Whether a secret can be sent in the header, which is what a provider takes that does not say what it takes.
fn takes_header(document: &Map<String, Value>) -> bool {
    let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
    methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
}
