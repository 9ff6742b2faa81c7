//! The authorization server (OAuth 2.1), but for serving it: parameters and the `Authorization` header in, decisions out. The
//! time and the randomness are given to it, and whatever it remembers is in the store.
//!
//! A request goes through one function each: [`authorize`] decides on the parameters of an authorization request,
//! `known` on which client it comes from, `person` on what somebody does in a browser, `provider` on their way to an OpenID
//! provider and back, `set_up` on the first account, [`client`] on who a client is, [`token`] on what a code or a refresh token is
//! worth now, `inspect` on what a token still is. Refusals are enums whose variants have the RFCs' words ([`Refusal`],
//! [`TokenRefusal`], [`RegistrationRefusal`]). Single use is never decided by reading first: the store's conditional updates
//! say who was first.

mod assertion;
pub mod authorize;
pub mod client;
mod destination;
mod document;
mod inspect;
mod known;
mod machine;
mod members;
pub mod metadata;
mod parameters;
mod person;
mod provider;
mod refusal;
pub mod register;
mod server;
mod set_up;
pub mod token;

pub use authorize::NotAsked;
pub use client::Credentials;
pub use destination::Destinations;
pub use document::BadDocument;
pub use known::{Documents, NoDocument};
pub use metadata::Site;
pub use parameters::{BadParameters, Parameters, Repeated};
pub use person::{Begun, Decided, NotBegun, Proof, Proved, SignIn, Waiting};
pub use provider::{Admitted, NotIdentified, NotSent};
pub use refusal::{Local, Presented, Refusal, RegistrationRefusal, TokenRefusal};
pub use server::{AuthorizationServer, Failure, Parts};
pub use set_up::{BadFirstAccount, FirstAccount, Prepared, SetUp};
pub use token::{Issued, NotIssued};

#[cfg(test)]
mod tests;
