//! The `cond` language: what can be written can be compiled to SQL exactly, and nothing else can be written.
//!
//! Text becomes tokens (`token`), tokens a tree (`parse`), names in the tree get their types from the catalog (`check`),
//! and a checked condition is evaluated against a requester, with a row or leaving a [`Predicate`](super::Predicate) over
//! columns (`evaluate`). No policy text is ever given to an interpreter.

mod check;
mod evaluate;
mod parse;
mod token;

use std::fmt;
use std::sync::Arc;

pub(super) use evaluate::{Read, View};
pub(super) use parse::ONE_BY_ONE;

use super::finding::Flaw;
use super::predicate::Operator;
use crate::catalog::{Catalog, ClaimType, Dataset};
use crate::model::{ContextField, Name, Value};

/// The longest condition, in bytes.
const MAX_BYTES: usize = 4096;
/// How deep parentheses may be nested, so that nothing that walks the tree can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// The shape of a condition over terms of some kind: named ones after parsing, typed ones after the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree<T> {
    /// The condition `true`.
    Always,
    Compare {
        left: T,
        operator: Operator,
        right: T,
    },
    In {
        item: T,
        list: T,
    },
    Present(T),
    Not(Box<Tree<T>>),
    All(Box<[Tree<T>]>),
    Any(Box<[Tree<T>]>),
}

/// A checked condition.
pub(super) type Condition = Tree<Term>;

/// What a condition compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    Literal(Value),
    /// `r.sub.NAME`
    Attribute(Attribute),
    /// `r.sub.NAME` for a list. Few conditions read one, and every term would be as large.
    List(Box<List>),
    /// `r.ctx.NAME`
    Context(ContextField),
    /// `r.obj.NAME`
    Column(Name),
}

/// A list of the requester: the names with this prefix, without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) name: Name,
    pub(super) prefix: Arc<str>,
}

/// An attribute of the requester.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Attribute {
    Id,
    ExternalId,
    Issuer,
    Tenant,
    Email,
    Assurance,
    Actor,
    Claim(Name, ClaimKind),
}

/// [`ClaimType`] with the order that cache keys need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ClaimKind {
    Text,
    Number,
    Boolean,
}

impl From<ClaimType> for ClaimKind {
    fn from(kind: ClaimType) -> Self {
        match kind {
            ClaimType::Text => Self::Text,
            ClaimType::Number => Self::Number,
            ClaimType::Boolean => Self::Boolean,
        }
    }
}

impl Attribute {
    const BUILT_IN: [Self; 7] =
        [Self::Id, Self::ExternalId, Self::Issuer, Self::Tenant, Self::Email, Self::Assurance, Self::Actor];

    fn as_str(&self) -> &str {
        match self {
            Self::Id => "id",
            Self::ExternalId => "external_id",
            Self::Issuer => "issuer",
            Self::Tenant => "tenant",
            Self::Email => "email",
            Self::Assurance => "assurance",
            Self::Actor => "actor",
            Self::Claim(name, _) => name.as_str(),
        }
    }
}

/// Reads the *when* field of a line. `datasets` are those that the line covers; `None` where its object has no rows.
pub(super) fn read(text: &str, datasets: Option<&[&Dataset]>, catalog: &Catalog) -> Result<Condition, Vec<Flaw>> {
    let parsed = parsed(text).map_err(|flaw| vec![flaw])?;
    check::Checker { datasets, catalog }.check(parsed)
}

/// Checks the grammar alone.
pub(super) fn grammar(text: &str) -> Result<(), Flaw> {
    parsed(text).map(drop)
}

fn parsed(text: &str) -> Result<Tree<parse::Named<'_>>, Flaw> {
    if text.len() > MAX_BYTES {
        let message = format!("the condition is {} bytes long; at most {MAX_BYTES} are read", text.len());
        return Err(Flaw::new(0, message));
    }
    parse::parse(text)
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(value) => value.fmt(f),
            Self::Attribute(attribute) => write!(f, "r.sub.{}", attribute.as_str()),
            Self::List(list) => write!(f, "r.sub.{}", list.name),
            Self::Context(field) => write!(f, "r.ctx.{}", field.as_str()),
            Self::Column(name) => write!(f, "r.obj.{name}"),
        }
    }
}

impl fmt::Display for Condition {
    /// The condition in one spelling, whatever blanks and parentheses it was written with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, between) = match self {
            Self::Always => return f.write_str("true"),
            Self::Compare { left, operator, right } => {
                return write!(f, "{left} {} {right}", operator.as_str());
            }
            Self::In { item, list } => return write!(f, "{item} in {list}"),
            Self::Present(term) => return write!(f, "present({term})"),
            Self::Not(inner) => return write!(f, "!({inner})"),
            Self::All(parts) => (parts, " && "),
            Self::Any(parts) => (parts, " || "),
        };
        for (index, part) in parts.iter().enumerate() {
            let open = if index == 0 { "(" } else { between };
            write!(f, "{open}{part}")?;
        }
        f.write_str(")")
    }
}
