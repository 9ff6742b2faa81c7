//! What is recorded of one decision.

use std::fmt::Display;
use std::time::Duration;

use crate::model::{Proof, Requester, Timestamp};

/// Allow or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The policy allowed it.
    Allow,
    /// The policy, or the lack of a scope, denied it.
    Deny,
}

impl Verdict {
    /// The word in the store and at the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
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
    /// The server ended it, because its request took longer than one may, or a person did not answer in time.
    TimedOut,
    /// Denied: there was nothing to do.
    Refused,
    /// A change is about to be made; what became of it is a record of its own. Where there is none, the server ended before.
    Begun,
    /// The change was made.
    Changed,
    /// Nothing was changed: no such row in scope, or the new row is not, or the database did not take it.
    Unchanged,
    /// Nothing was changed yet: the person is asked first.
    Asked,
    /// The person said yes, in the middle of a call; the change is a decision of its own.
    Confirmed,
    /// Nothing was changed: the person said no.
    Declined,
    /// Nothing was changed: the person had changed as much in that minute as one may.
    Limited,
    /// Nothing was changed: the client of the person cannot ask, or did not.
    Unasked,
}

impl Outcome {
    /// How many rows left, where rows were answered.
    pub fn rows(self) -> Option<u64> {
        match self {
            Self::Answered { rows } => rows,
            Self::BadArguments
            | Self::Failed
            | Self::Abandoned
            | Self::TimedOut
            | Self::Refused
            | Self::Begun
            | Self::Changed
            | Self::Unchanged
            | Self::Asked
            | Self::Confirmed
            | Self::Declined
            | Self::Limited
            | Self::Unasked => None,
        }
    }

    /// The word in the store and at the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::BadArguments => "bad_arguments",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::Begun => "begun",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Limited => "limited",
            Self::Unasked => "unasked",
        }
    }
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
    /// What headers stated about the caller and nothing could be compared with, as `name: value`.
    pub stated: Option<String>,
    /// What was to be done: `read`, `call`, `list`, `create`, `update`, `delete`.
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
    /// Of a change, the columns that were given, by name; never what they hold.
    pub changed: Option<String>,
    /// From the decision to the answer.
    pub duration: Duration,
}

impl Record {
    /// The record of a decision about somebody, with nothing decided: until more is said, the policy denied it.
    pub fn open(at: Timestamp, (decision, request): (String, &str), requester: &Requester, proof: &Proof) -> Self {
        let context = &requester.context;
        Self {
            at,
            decision,
            request: request.to_owned(),
            subject: proof.subject.to_string(),
            external_user: requester.attributes.external_id.as_ref().map(ToString::to_string),
            actor: proof.actor.as_ref().map(ToString::to_string),
            client: proof.client.as_ref().map(ToString::to_string),
            tenant: requester.tenant.to_string(),
            agent: context.agent.as_ref().map(ToString::to_string),
            data_room: context.data_room.as_ref().map(ToString::to_string),
            thread: context.thread.as_ref().map(ToString::to_string),
            stated: (!context.stated.is_empty()).then(|| context.stated.join("; ")),
            action: String::new(),
            object: String::new(),
            tool: None,
            verdict: Verdict::Deny,
            reason: "policy".to_owned(),
            lines: Vec::new(),
            revision: String::new(),
            outcome: Outcome::Refused,
            changed: None,
            duration: Duration::ZERO,
        }
    }

    /// Says what was to be done, to what, and through what.
    pub fn asked(&mut self, (action, object): (&str, String), through: Option<&str>) {
        (self.action, self.object, self.tool) = (action.to_owned(), object, through.map(ToOwned::to_owned));
    }

    /// Says by which policy it was decided, and by which lines of it.
    pub fn decided(&mut self, revision: impl Display, lines: &[impl Display]) {
        self.revision = revision.to_string();
        self.lines = lines.iter().map(ToString::to_string).collect();
    }
}

/// Something that happened to the server itself, and belongs between the decisions that it explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What, in one word from a closed list: `policy_loaded`, `policy_reloaded`, `policy_refused`, `policy_accepted`,
    /// `audit_recovered`.
    pub kind: String,
    /// The particulars, for a person: the revision, the lines that changed, the error.
    pub detail: String,
}
