//! The vocabulary: plain, validated values that every layer speaks. No input or output happens here.
//!
//! Text becomes one of these types where it enters (a header, a claim, a configuration key, a policy field); inside,
//! nobody checks it again.

mod address;
mod identifier;
mod nearest;
mod number;
pub mod oauth;
mod person;
mod printed;
mod proof;
mod requester;
mod scope;
mod secret;
mod time;

pub use address::{is_of_this_machine, percent_encode};
pub use identifier::{
    Agent, BadIdentifier, BadName, ClientId, DataRoom, ExternalUserId, IssuerName, MAX_IDENTIFIER_BYTES, Name,
    OrganisationId, Role, SubjectId, Tenant, Thread, is_invisible,
};
pub use nearest::{nearest, suggestion};
pub use number::Number;
pub use person::Person;
pub use proof::Proof;
pub use requester::{Actor, Assurance, Attributes, Context, ContextField, Requester, Subject, Value};
pub use scope::{BadScope, Scope, Scopes};
pub use secret::{BadHash, BearerToken, Secret, TokenHash};
pub use time::{BadTimestamp, Timestamp};
