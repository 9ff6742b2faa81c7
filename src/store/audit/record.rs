//! What is recorded of one decision.

use std::time::Duration;

use crate::model::Timestamp;

/// Allow or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The policy allowed it.
    Allow,
    /// The policy, or the lack of a scope, denied it.
    Deny,
}

/// What became of an allowed action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; with the number of rows, where there are rows.
    Answered {
        /// How many rows left.
        rows: Option<u64>,
    },
    /// The arguments were refused.
    BadArguments,
    /// It failed on our side.
    Failed,
    /// The client went away, or the server stopped, before there was an answer.
    Abandoned,
    /// Denied: there was nothing to do.
    Refused,
}

/// One decision and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When the decision was made.
    pub at: Timestamp,
    /// Unique; also in the log and in the answer's metadata.
    pub decision: String,
    /// The request that asked, as in the log.
    pub request: String,
    /// The subject, `issuer/sub`.
    pub subject: String,
    /// The customer's own identifier of the person.
    pub external_user: Option<String>,
    /// Who used the subject's rights.
    pub actor: Option<String>,
    /// The client that the token was issued to.
    pub client: Option<String>,
    /// The tenant.
    pub tenant: String,
    /// The agent of the context.
    pub agent: Option<String>,
    /// The data room of the context.
    pub data_room: Option<String>,
    /// The thread of the context.
    pub thread: Option<String>,
    /// What was to be done: `read`, `call`, `list`.
    pub action: String,
    /// To what: `dataset:documents`, `tool:echo`, `tools`.
    pub object: String,
    /// Through which tool, where there is one: `search_documents`.
    pub tool: Option<String>,
    /// Allow or deny.
    pub verdict: Verdict,
    /// Why, in one word from a closed list: `policy`, `scope`, `unknown`.
    pub reason: String,
    /// The policy lines that decided, `file:line`.
    pub lines: Vec<String>,
    /// The policy revision that decided.
    pub revision: String,
    /// What became of it.
    pub outcome: Outcome,
    /// From the decision to the answer.
    pub duration: Duration,
}
