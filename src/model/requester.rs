//! Who asks, as plain data: what the policy layer reads, with or without a credential behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{Agent, DataRoom, ExternalUserId, IssuerName, Name, Number, SubjectId, Tenant, Thread};

/// A person or machine as one issuer knows it. The pair is unique; neither half alone is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The issuer's configured name.
    pub issuer: IssuerName,
    /// Its identifier of the subject (`sub`).
    pub id: SubjectId,
}

impl Subject {
    /// The name that policies know it by. A client of our own authorization server that acts for itself has a name of its own
    /// kind; whatever another issuer writes as `sub`, it is that issuer's.
    pub fn name(&self) -> Arc<str> {
        if self.issuer == IssuerName::ours() && self.id.as_str().starts_with("client:") {
            return self.id.as_str().into();
        }
        format!("subject:{self}").into()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.issuer, self.id)
    }
}

/// Who uses the subject's rights on its behalf (the `act` claim of RFC 8693, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The actor's issuer, as the token names it.
    pub issuer: Option<Arc<str>>,
    /// The actor's identifier.
    pub id: SubjectId,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// How the identity of the subject was established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assurance {
    /// By a credential of the subject itself.
    Verified,
    /// By the word of a platform that may assert its users.
    Asserted,
}

impl Assurance {
    /// The word that policies compare with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Asserted => "asserted",
        }
    }
}

/// A value that a condition can compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Text, and identifiers of every kind. Compared as bytes.
    Text(Arc<str>),
    /// A number. Compared exactly.
    Number(Number),
    /// True or false.
    Boolean(bool),
}

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
        }
    }
}

/// What a condition may read of the requester (`r.sub.…`), besides the names. Absent is `None`, and never grants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Attributes {
    /// `r.sub.id`: the subject's identifier at its issuer.
    pub id: Option<SubjectId>,
    /// `r.sub.external_id`: the customer's own identifier of the person.
    pub external_id: Option<ExternalUserId>,
    /// `r.sub.issuer`: the configured name of the issuer.
    pub issuer: Option<IssuerName>,
    /// `r.sub.email`, only where the issuer says that it is verified.
    pub email: Option<Arc<str>>,
    /// `r.sub.assurance`.
    pub assurance: Option<Assurance>,
    /// `r.sub.actor`: who uses the subject's rights.
    pub actor: Option<SubjectId>,
    /// The claims that the catalog declares with a type. An undeclared one is never here.
    pub claims: BTreeMap<Name, Value>,
}

/// What a request says about itself. From headers: it narrows an answer and never widens it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Context {
    /// The agent that calls.
    pub agent: Option<Agent>,
    /// The data room that the answer is limited to.
    pub data_room: Option<DataRoom>,
    /// The conversation that the call belongs to.
    pub thread: Option<Thread>,
    /// The headers that name somebody and that no claim could be compared with: recorded, never applied.
    pub stated: Vec<Arc<str>>,
}

impl Context {
    /// The value of one field, as text.
    pub fn get(&self, field: ContextField) -> Option<&str> {
        match field {
            ContextField::Agent => self.agent.as_ref().map(Agent::as_str),
            ContextField::DataRoom => self.data_room.as_ref().map(DataRoom::as_str),
            ContextField::Thread => self.thread.as_ref().map(Thread::as_str),
        }
    }
}

/// A field of [`Context`], as policies name it (`r.ctx.agent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextField {
    /// `agent`
    Agent,
    /// `data_room`
    DataRoom,
    /// `thread`
    Thread,
}

impl ContextField {
    /// Every field.
    pub const ALL: [Self; 3] = [Self::Agent, Self::DataRoom, Self::Thread];

    /// The word in policies and in `context.trusted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::DataRoom => "data_room",
            Self::Thread => "thread",
        }
    }
}

/// Who asks: the tenant, the names that policy lines can match, the attributes that conditions can read, the context.
///
/// A `Requester` proves nothing: a `Principal` contains one, and only a `Principal` passes the gate. `policy explain`
/// and `policy matrix` build requesters to speak of people who sent no token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requester {
    /// The declared tenant. Nothing is ever answered for an undeclared one.
    pub tenant: Tenant,
    /// The names before any `g` line: `*`, `verified`, `user:…`, `subject:…/…`, `idp:…/…`.
    pub names: BTreeSet<Arc<str>>,
    /// What conditions can read.
    pub attributes: Attributes,
    /// What the request says about itself.
    pub context: Context,
}
