//! Why a request proves nobody. The log gets what arrived and what was expected; the caller gets a safe sentence.

use std::time::Duration;

use crate::keys::{NotSigned, TokenFault};
use crate::model::{IssuerName, OrganisationId, Tenant};

/// Why a request proves nobody. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means and what its fields are")]
pub enum Rejection {
    #[error("no bearer token was sent")]
    Missing,
    #[error("the Authorization header {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Invalid(#[from] TokenFault),
    #[error("the keys of the issuer `{issuer}` cannot be had now; try again in {retry_after:?}")]
    Unavailable { issuer: IssuerName, retry_after: Duration },
    #[error("no `[[tenant]]` of the issuer `{issuer}` declares the token's organisation, {}", told(organisation.as_ref()))]
    UnknownTenant { issuer: IssuerName, organisation: Option<OrganisationId> },
    #[error("the header `{header}: {arrived}` contradicts the token's `{expected}`; see {setting}")]
    ContextMismatch { header: String, arrived: String, expected: String, setting: &'static str },
    #[error("the data room `{room}` is not in `data_rooms` of the tenant `{tenant}`")]
    UnknownDataRoom { tenant: Tenant, room: String },
    #[error("the header `{header}` {problem}")]
    BadHeader { header: String, problem: String },
}

fn told(organisation: Option<&OrganisationId>) -> String {
    organisation.map_or_else(|| "which is absent".to_owned(), |id| format!("`{id}`"))
}

impl From<NotSigned> for Rejection {
    fn from(error: NotSigned) -> Self {
        match error {
            NotSigned::Fault(fault) => Self::Invalid(fault),
            NotSigned::Unavailable { issuer, retry_after } => Self::Unavailable { issuer, retry_after },
        }
    }
}

impl Rejection {
    /// The reason in one word, from a closed list: for the audit's counters, the log and, where the token is not at fault,
    /// the answer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "no_token",
            Self::Malformed(_) => "malformed_authorization",
            Self::Invalid(fault) => fault.code(),
            Self::Unavailable { .. } => "keys_unavailable",
            Self::UnknownTenant { .. } => "unknown_tenant",
            Self::ContextMismatch { .. } => "context_mismatch",
            Self::UnknownDataRoom { .. } => "unknown_data_room",
            Self::BadHeader { .. } => "bad_header",
        }
    }
}
