//! One look at an issuer's key set over HTTPS, bounded in time and size.
//!
//! Nothing in a token ever names an address that is fetched: the address is configured, or comes from the discovery
//! document of the configured issuer. Redirects are not followed and no proxy is taken from the environment.

use std::error::Error;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use super::jwk::{self, BadKeySet, Filtered};
use super::strict_json::{self, BadJson};
use crate::config::{KeyLimits, KeySource};
use crate::outbound::{Authorities, is_loopback_http, max_age};

/// The longest wait for a connection; the whole fetch has its own bound.
const CONNECT: Duration = Duration::from_secs(2);

/// Why a key set could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The HTTP client could not be set up.
    #[error("the HTTP client for key sets could not be set up")]
    Client(#[source] reqwest::Error),
    /// The address is neither HTTPS nor on this machine.
    #[error("`{0}` is not fetched: an address of keys is https, or http on a loopback host")]
    Address(Url),
    /// There was no answer, or it broke off.
    #[error("`{url}` gave no answer")]
    Request {
        /// The address.
        url: Url,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The whole fetch took too long.
    #[error("no key set within {0:?}")]
    Timeout(Duration),
    /// The status is not 200.
    #[error("`{url}` answered {status}; 200 is expected, and redirects are not followed")]
    Status {
        /// The address.
        url: Url,
        /// What was answered.
        status: StatusCode,
    },
    /// The answer is no JSON by its own account.
    #[error(
        "`{url}` answered with the content type `{found}`; `application/json` or `application/jwk-set+json` is expected"
    )]
    ContentType {
        /// The address.
        url: Url,
        /// The content type.
        found: String,
    },
    /// The answer is too long.
    #[error("`{url}` answered with more than {most} bytes (`max_bytes`)")]
    TooLong {
        /// The address.
        url: Url,
        /// The bound.
        most: usize,
    },
    /// The document is not a key set.
    #[error("`{url}` gave no key set")]
    KeySet {
        /// The address.
        url: Url,
        /// Why.
        #[source]
        source: BadKeySet,
    },
    /// The discovery document cannot be read.
    #[error("`{url}` gave no discovery document")]
    Discovery {
        /// The address.
        url: Url,
        /// Why.
        #[source]
        source: BadJson,
    },
    /// The discovery document is another issuer's.
    #[error("`{url}` speaks for the issuer `{found}`; expected is one of {expected:?}")]
    Issuer {
        /// The address.
        url: Url,
        /// Its `issuer`.
        found: Box<str>,
        /// The accepted issuers.
        expected: Box<[String]>,
    },
    /// The discovery document names no usable key set.
    #[error("`{url}` names no usable `jwks_uri`")]
    JwksUri {
        /// The address.
        url: Url,
    },
}

impl FetchError {
    /// The error with what caused it, in one line.
    pub(super) fn with_causes(&self) -> String {
        let causes = std::iter::successors(Error::source(self), |cause| (*cause).source());
        causes.fold(self.to_string(), |told, cause| format!("{told}: {cause}"))
    }
}

/// What one fetch gave.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The keys.
    pub(super) set: Filtered,
    /// How long the answer says it is fresh (`max-age`; zero for `no-store` and `no-cache`), if it says so.
    pub(super) max_age: Option<Duration>,
}

/// Fetches one issuer's key set.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
    source: KeySource,
    issuers: Vec<String>,
    timeout: Duration,
    max_bytes: usize,
    max_keys: usize,
}

impl Fetcher {
    /// A fetcher for this source; `issuers` are the accepted values of a discovery document's `issuer`.
    pub(super) fn new(
        source: KeySource,
        issuers: Vec<String>,
        limits: &KeyLimits,
        authorities: &Authorities,
    ) -> Result<Self, FetchError> {
        let (KeySource::Jwks(url) | KeySource::Discovery(url)) = &source;
        if !(url.scheme() == "https" || is_loopback_http(url)) {
            return Err(FetchError::Address(url.clone()));
        }
        let client = authorities.client(CONNECT.min(limits.timeout)).build().map_err(FetchError::Client)?;
        let KeyLimits { timeout, max_bytes, max_keys, .. } = *limits;
        Ok(Self { client, source, issuers, timeout, max_bytes, max_keys })
    }

    /// Fetches the key set once.
    pub(super) async fn fetch(&self) -> Result<Fetched, FetchError> {
        match tokio::time::timeout(self.timeout, self.unbounded()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FetchError::Timeout(self.timeout)),
        }
    }

    async fn unbounded(&self) -> Result<Fetched, FetchError> {
        let url = match &self.source {
            KeySource::Jwks(url) => url.clone(),
            KeySource::Discovery(url) => self.discover(url).await?,
        };
        let response = self.get(&url, &["application/json", "application/jwk-set+json"]).await?;
        let max_age = max_age(response.headers());
        let body = self.body(&url, response).await?;
        let set = jwk::filter(&body, self.max_keys).map_err(|source| FetchError::KeySet { url, source })?;
        Ok(Fetched { set, max_age })
    }

    /// The JWKS address in a discovery document (OpenID Connect Discovery 1.0, section 4.3; RFC 8414, section 3.3).
    async fn discover(&self, url: &Url) -> Result<Url, FetchError> {
        let response = self.get(url, &["application/json"]).await?;
        let body = self.body(url, response).await?;
        let document =
            strict_json::object(&body).map_err(|source| FetchError::Discovery { url: url.clone(), source })?;
        let issuer = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if !self.issuers.iter().any(|accepted| accepted == issuer) {
            let (found, expected) = (issuer.into(), self.issuers.clone().into());
            return Err(FetchError::Issuer { url: url.clone(), found, expected });
        }
        let named = document.get("jwks_uri").and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
        named.filter(|jwks| may_name(url, jwks)).ok_or_else(|| FetchError::JwksUri { url: url.clone() })
    }

    async fn get(&self, url: &Url, types: &[&str]) -> Result<Response, FetchError> {
        let sent = self.client.get(url.clone()).header(http::header::ACCEPT, types.join(", ")).send().await;
        let response = sent.map_err(|source| FetchError::Request { url: url.clone(), source })?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { url: url.clone(), status: response.status() });
        }
        let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = header.split(';').next().unwrap_or_default().trim();
        if !types.iter().any(|accepted| media_type.eq_ignore_ascii_case(accepted)) {
            return Err(FetchError::ContentType { url: url.clone(), found: header.to_owned() });
        }
        Ok(response)
    }

    async fn body(&self, url: &Url, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|source| FetchError::Request { url: url.clone(), source })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > self.max_bytes {
                return Err(FetchError::TooLong { url: url.clone(), most: self.max_bytes });
            }
            body.extend_from_slice(&chunk);
        }
    }
}

/// Says whether a discovery document at this address may name these keys. A remote document cannot point us at our own machine;
/// one on our own machine may.
fn may_name(document: &Url, jwks: &Url) -> bool {
    jwks.scheme() == "https" || (is_loopback_http(jwks) && is_loopback_http(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_discovery_document_cannot_name_keys_on_this_machine_or_in_clear() {
        for (document, jwks, good) in [
            ("https://a.example/d", "https://a.example/keys", true),
            ("https://a.example/d", "https://keys.example/keys", true),
            ("http://127.0.0.1/d", "http://127.0.0.1/keys", true),
            ("http://127.0.0.1/d", "https://a.example/keys", true),
            ("https://a.example/d", "http://127.0.0.1/keys", false),
            ("https://a.example/d", "http://localhost/keys", false),
            ("https://a.example/d", "http://a.example/keys", false),
            ("https://a.example/d", "file:///etc/passwd", false),
            ("http://127.0.0.1/d", "http://a.example/keys", false),
        ] {
            assert_eq!(may_name(&document.parse().unwrap(), &jwks.parse().unwrap()), good, "{document} {jwks}");
        }
    }
}
