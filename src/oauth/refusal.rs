//! Why the authorization server refuses, and the RFC's word for it.
//!
//! Each reason has a sentence that holds nothing of what was sent, in the characters that RFC 6749, section 5.2, allows. The
//! words are mapped without a wildcard, so that a new reason has to be given one.

use std::time::Duration;

use super::known::NoDocument;
use super::parameters::{BadParameters, Repeated};

/// Why an authorization request is answered on a page of ours. Until the client and its redirect URI are known to be good,
/// nobody is sent anywhere (RFC 9700, section 4.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum Local {
    #[error(transparent)]
    Parameters(#[from] BadParameters),
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("the request is too long")]
    TooLong,
    #[error("the request does not say which client it comes from")]
    NoClient,
    #[error("the client is not registered here, or not any more")]
    UnknownClient,
    #[error(
        "the client's address is not one that a document is fetched from: https, in its one spelling, with a path and \
         without user and fragment"
    )]
    ClientUrl,
    #[error("clients that are known by a document of that host are not taken here")]
    ClientHost,
    #[error(transparent)]
    Document(#[from] NoDocument),
    #[error("the client has several redirect URIs and the request names none")]
    NoRedirect,
    #[error("the redirect URI of the request is not one of the client's")]
    UnknownRedirect,
}

/// Why an authorization request is refused with a redirect to the client (RFC 6749, section 4.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum Refusal {
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("response_type is missing")]
    NoResponseType,
    #[error("the only response_type is code")]
    ResponseType,
    #[error("the only response_mode is query")]
    ResponseMode,
    #[error("this client is not registered for the authorization code grant")]
    Grant,
    #[error("code_challenge is missing; PKCE is required of every client (RFC 7636)")]
    NoChallenge,
    #[error("code_challenge_method must be S256")]
    ChallengeMethod,
    #[error("code_challenge must be 43 characters of base64url")]
    Challenge,
    #[error("none of the requested scopes can be granted to this client")]
    Scope,
    #[error("the requested resource is not served here; the protected-resource metadata names the one that is")]
    Target,
    #[error("request objects are not supported")]
    Request,
    #[error("request objects by reference are not supported")]
    RequestUri,
    #[error("state must be at most 4096 bytes")]
    State,
    #[error("the person did not allow it")]
    Denied,
    #[error("the server cannot do this now; try again later")]
    Unavailable,
}

impl Refusal {
    /// The value of `error`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Repeated(_)
            | Self::NoResponseType
            | Self::ResponseMode
            | Self::NoChallenge
            | Self::ChallengeMethod
            | Self::Challenge
            | Self::State => "invalid_request",
            Self::ResponseType => "unsupported_response_type",
            Self::Grant => "unauthorized_client",
            Self::Scope => "invalid_scope",
            Self::Target => "invalid_target",
            Self::Request => "request_not_supported",
            Self::RequestUri => "request_uri_not_supported",
            Self::Denied => "access_denied",
            Self::Unavailable => "temporarily_unavailable",
        }
    }
}

/// How a client tried to authenticate: what a 401 has to challenge for (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// In the `Authorization` header.
    Header,
    /// In the body, or not at all.
    Body,
}

/// Why the token, revocation or introspection endpoint refuses (RFC 6749, section 5.2; RFC 8707, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum TokenRefusal {
    #[error(transparent)]
    Parameters(#[from] BadParameters),
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("credentials do not belong into the URL")]
    InUrl,
    #[error("the body must be application/x-www-form-urlencoded")]
    ContentType,
    #[error("the body is too long")]
    TooLong,
    #[error("the client authenticated in two ways at once")]
    TwoMethods,
    #[error("client authentication failed")]
    Client(Presented),
    #[error("the code_verifier is not of the form that RFC 7636 asks for")]
    Verifier,
    #[error("this grant_type is not served here")]
    GrantType,
    #[error("this client is not registered for this grant_type")]
    Unauthorized,
    #[error("the code or token is invalid, expired, used or not for this client")]
    Grant,
    #[error("the scope is wider than what was granted")]
    Scope,
    #[error("the resource is not the one that was granted")]
    Target,
    #[error("too many requests; try again later")]
    TooMany(Duration),
    #[error("the server cannot do this now; try again later")]
    Unavailable,
}

impl TokenRefusal {
    /// The value of `error`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Parameters(_)
            | Self::Repeated(_)
            | Self::Missing(_)
            | Self::InUrl
            | Self::ContentType
            | Self::TooLong
            | Self::TwoMethods
            | Self::Verifier => "invalid_request",
            Self::Client(_) => "invalid_client",
            Self::GrantType => "unsupported_grant_type",
            Self::Unauthorized => "unauthorized_client",
            Self::Grant => "invalid_grant",
            Self::Scope => "invalid_scope",
            Self::Target => "invalid_target",
            Self::TooMany(_) => "slow_down",
            Self::Unavailable => "temporarily_unavailable",
        }
    }
}

/// Why a registration is refused (RFC 7591, section 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum RegistrationRefusal {
    #[error("the body must be a JSON object, sent as application/json")]
    Body,
    #[error("the body is too long")]
    TooLong,
    #[error("redirect_uris is missing or empty")]
    NoRedirect,
    #[error("there are more redirect_uris than a client may have")]
    TooManyRedirects,
    #[error(
        "a redirect URI must be https, or http on a loopback address, or of a private-use scheme that is allowed here, \
             without fragment and without user"
    )]
    Redirect,
    #[error("a redirect URI leads to this server itself; it must lead to the client")]
    OurOrigin,
    #[error("{0} is not of the form that RFC 7591 gives it, or too long")]
    Member(&'static str),
    #[error("this token_endpoint_auth_method is not supported")]
    AuthMethod,
    #[error("private_key_jwt needs jwks with at most ten public keys, all usable, and no jwks_uri")]
    Keys,
    #[error("grant_types must be authorization_code, with refresh_token or without")]
    GrantTypes,
    #[error("response_types must be code")]
    ResponseTypes,
    #[error("an initial access token is needed, as Authorization: Bearer")]
    Token,
    #[error("the server has as many registered clients as it may have; try again later")]
    Full,
    #[error("too many requests; try again later")]
    TooMany(Duration),
    #[error("the server cannot do this now; try again later")]
    Unavailable,
}

impl RegistrationRefusal {
    /// The value of `error`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoRedirect | Self::TooManyRedirects | Self::Redirect | Self::OurOrigin => "invalid_redirect_uri",
            Self::Body
            | Self::TooLong
            | Self::Member(_)
            | Self::AuthMethod
            | Self::Keys
            | Self::GrantTypes
            | Self::ResponseTypes => "invalid_client_metadata",
            Self::Token => "invalid_token",
            Self::TooMany(_) => "slow_down",
            Self::Full | Self::Unavailable => "temporarily_unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::BadDocument;

    #[test]
    fn every_sentence_is_of_the_characters_that_the_rfc_allows() {
        let long = Duration::from_secs(1);
        let sentences = [
            Local::Parameters(BadParameters::Encoding).to_string(),
            Local::Repeated(Repeated("client_id")).to_string(),
            Local::UnknownRedirect.to_string(),
            Local::ClientUrl.to_string(),
            Local::Document(NoDocument::Bad(BadDocument::Secret)).to_string(),
            Refusal::Repeated(Repeated("scope")).to_string(),
            Refusal::NoChallenge.to_string(),
            Refusal::Target.to_string(),
            Refusal::Denied.to_string(),
            TokenRefusal::Missing("code").to_string(),
            TokenRefusal::Client(Presented::Header).to_string(),
            TokenRefusal::Grant.to_string(),
            TokenRefusal::TooMany(long).to_string(),
            RegistrationRefusal::Redirect.to_string(),
            RegistrationRefusal::Member("client_name").to_string(),
        ];
        for sentence in sentences {
            let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            assert!(sentence.bytes().all(allowed), "{sentence}");
        }
    }
}
