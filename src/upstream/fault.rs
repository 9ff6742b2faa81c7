//! Why nobody signed in at a provider. The log gets the text; the person gets a sentence without particulars.

use std::time::Duration;

use reqwest::{StatusCode, Url};

use crate::authn::Rejection;
use crate::keys::NotSigned;
use crate::keys::strict_json::BadJson;

/// Why nobody signed in at a provider.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means and what its fields are")]
pub enum ProviderError {
    #[error("the HTTP client for providers could not be set up")]
    Client(#[source] reqwest::Error),
    #[error("`{url}` gave no answer")]
    Request { url: Url, source: reqwest::Error },
    #[error("`{url}` gave no answer within {limit:?}")]
    Timeout { url: Url, limit: Duration },
    #[error("`{url}` answered {status}; 200 is expected, and redirects are not followed")]
    Status { url: Url, status: StatusCode },
    #[error("`{url}` answered with more than {most} bytes")]
    TooLong { url: Url, most: usize },
    #[error("`{url}` answered with something that is no JSON object")]
    Json { url: Url, source: BadJson },
    #[error("`{url}` speaks for the issuer `{found}`; expected is one of {expected:?}")]
    Issuer { url: Url, found: Box<str>, expected: Box<[String]> },
    #[error(
        "`{url}` names no usable `{member}`: https is needed, or http on a loopback address of a provider that is on one"
    )]
    Endpoint { url: Url, member: &'static str },
    #[error("the token endpoint refused the code: `{0}`")]
    Refused(String),
    #[error("the token endpoint gave no `id_token`; is `openid` among the scopes?")]
    NoIdToken,
    #[error("`{url}` does not take the access token that the code was good for")]
    NoUserinfo { url: Url },
    #[error("`{url}` speaks of somebody else: its `sub` is not the ID token's")]
    OtherPerson { url: Url },
    #[error("the ID token and `{url}` contradict each other: {pair} must be equal")]
    Contradiction { url: Url, pair: Box<str> },
    #[error("the answer names another issuer, or none although the provider says that it always does (RFC 9207)")]
    Source,
    #[error("the ID token is of another journey: its `nonce` is not the one that was sent")]
    Nonce,
    #[error("the ID token was issued to another client (`azp`)")]
    AuthorizedParty,
    #[error("somebody acts for the person at the provider (`act`), and a sign-in is the person's own")]
    Acted,
    #[error("the ID token is refused")]
    Signature(#[from] NotSigned),
    #[error("the ID token is refused")]
    Token(#[from] Rejection),
}

impl ProviderError {
    /// Whether the same may work in a moment: nobody was refused.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Client(_)
            | Self::Request { .. }
            | Self::Timeout { .. }
            | Self::Status { .. }
            | Self::TooLong { .. }
            | Self::Json { .. }
            | Self::Issuer { .. }
            | Self::Endpoint { .. }
            | Self::Signature(NotSigned::Unavailable { .. })
            | Self::Token(Rejection::Unavailable { .. }) => true,
            Self::Refused(_)
            | Self::NoIdToken
            | Self::NoUserinfo { .. }
            | Self::OtherPerson { .. }
            | Self::Contradiction { .. }
            | Self::Source
            | Self::Nonce
            | Self::AuthorizedParty
            | Self::Acted
            | Self::Signature(NotSigned::Fault(_))
            | Self::Token(_) => false,
        }
    }

    /// Whether the person is known, and belongs to nobody whom this server is for.
    pub fn is_unknown_tenant(&self) -> bool {
        matches!(self, Self::Token(Rejection::UnknownTenant { .. }))
    }
}
