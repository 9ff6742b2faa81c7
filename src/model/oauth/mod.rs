//! The vocabulary of the authorization server (OAuth 2.1): ids, secrets, redirect URIs, code challenges, and the words for
//! what a client is and where it came from.
//!
//! Every secret is a type of its own that cannot be printed, cloned or serialized, and every secret that we mint has a
//! prefix that says what it is and a checksum that lets a scanner recognise it. What is kept of one is its
//! [`TokenHash`](crate::model::TokenHash), never itself.

mod challenge;
mod client;
mod client_url;
mod id;
mod password;
mod person;
mod redirect;
mod token;

pub use challenge::{BadChallenge, BadVerifier, CodeChallenge, CodeVerifier};
pub use client::{AuthMethod, ClientOrigin, GrantType, Reach, UnknownWord};
pub use client_url::{BadClientUrl, ClientUrl};
pub use id::{AccountId, GrantId, KeyId, Login, LoginSessionId};
pub use password::{BadPassword, Password};
pub use person::PersonClaims;
pub use redirect::{BadRedirectUri, RedirectUri};
pub use token::{
    AccessToken, AuthorizationCode, BadToken, ClientSecret, CsrfToken, DeviceToken, ProviderState, RefreshToken,
    RequestHandle, Salt, SessionSecret, SetUpToken,
};
