//! A condition against a requester: its truth on a row, or what is left of it for all rows.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::{Attribute, ClaimKind, Condition, Term};
use crate::model::{Assurance, ContextField, ExternalUserId, IssuerName, Name, Requester, SubjectId, Value};
use crate::policy::predicate::{Operator, Predicate, Row, Truth};

/// A requester with every name they go by.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy) struct View<'a> {
    pub(in crate::policy) requester: &'a Requester,
    pub(in crate::policy) names: &'a BTreeSet<Arc<str>>,
}

/// Something of the requester that a condition reads, besides the names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::policy) enum Read {
    Attribute(Attribute),
    Context(ContextField),
}

impl Read {
    /// The word for it in conditions, after `r.sub.` or `r.ctx.`.
    pub(in crate::policy) fn name(&self) -> &str {
        match self {
            Self::Attribute(attribute) => attribute.as_str(),
            Self::Context(field) => field.as_str(),
        }
    }

    /// The value for a requester.
    pub(in crate::policy) fn value(&self, requester: &Requester) -> Option<Value> {
        match self {
            Self::Attribute(attribute) => attribute.value(requester),
            Self::Context(field) => requester.context.get(*field).map(Value::text),
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(attribute) => write!(f, "r.sub.{}", attribute.as_str()),
            Self::Context(field) => write!(f, "r.ctx.{}", field.as_str()),
        }
    }
}

impl Attribute {
    fn value(&self, requester: &Requester) -> Option<Value> {
        let attributes = &requester.attributes;
        match self {
            Self::Id => attributes.id.as_ref().map(SubjectId::as_str).map(Value::text),
            Self::ExternalId => attributes.external_id.as_ref().map(ExternalUserId::as_str).map(Value::text),
            Self::Issuer => attributes.issuer.as_ref().map(IssuerName::as_str).map(Value::text),
            Self::Tenant => Some(Value::text(requester.tenant.as_str())),
            Self::Email => attributes.email.as_ref().map(|email| Value::Text(Arc::clone(email))),
            Self::Assurance => attributes.assurance.map(Assurance::as_str).map(Value::text),
            Self::Actor => attributes.actor.as_ref().map(SubjectId::as_str).map(Value::text),
            // A claim of another type than the declared one is absent, whoever let it through.
            Self::Claim(name, kind) => attributes.claims.get(name).cloned().filter(|value| match value {
                Value::Text(_) => *kind == ClaimKind::Text,
                Value::Number(_) => *kind == ClaimKind::Number,
                Value::Boolean(_) => *kind == ClaimKind::Boolean,
            }),
        }
    }
}

/// A term once the requester is known.
enum Side<'a> {
    /// Its value; `None` is absent.
    Value(Option<Value>),
    Column(&'a Name),
}

impl<'a> View<'a> {
    fn side<'t>(&self, term: &'t Term) -> Side<'t> {
        match term {
            Term::Literal(value) => Side::Value(Some(value.clone())),
            Term::Attribute(attribute) => Side::Value(attribute.value(self.requester)),
            Term::Context(field) => Side::Value(self.requester.context.get(*field).map(Value::text)),
            Term::Column(name) => Side::Column(name),
            // The type check lets a list stand on the right of `in` only; anywhere else it has no value.
            Term::List(_) => Side::Value(None),
        }
    }

    fn value(&self, term: &Term, row: &Row) -> Option<Value> {
        match self.side(term) {
            Side::Value(value) => value,
            Side::Column(name) => row.get(name).cloned().flatten(),
        }
    }

    /// The entries of a list: what follows the prefix in the names that begin with it.
    fn list(&self, term: &Term) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let (Term::List(list), names) = (term, self.names) else { return None };
        let prefix = Arc::clone(&list.prefix);
        let from = names.range::<str, _>((Bound::Included(&*prefix), Bound::Unbounded));
        Some(from.map_while(move |name| name.strip_prefix(&*prefix)))
    }
}

impl Condition {
    /// Evaluates the condition on one row, straight from what was written. This is what casbin is told; the compiled
    /// [`Predicate`] must come to the same.
    pub(in crate::policy) fn truth(&self, view: &View<'_>, row: &Row) -> Truth {
        match self {
            Self::Always => Truth::True,
            Self::Compare { left, operator, right } => match (view.value(left, row), view.value(right, row)) {
                (Some(left), Some(right)) => operator.compare(&left, &right),
                (None, _) | (_, None) => Truth::Unknown,
            },
            Self::In { item, list } => match (view.value(item, row), view.list(list)) {
                (Some(Value::Text(item)), Some(mut list)) => list.any(|entry| entry == &*item).into(),
                (Some(Value::Text(_) | Value::Number(_) | Value::Boolean(_)) | None, _) => Truth::Unknown,
            },
            Self::Present(term) => view.value(term, row).is_some().into(),
            Self::Not(inner) => inner.truth(view, row).negated(),
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.truth(view, row))),
            Self::Any(parts) => Truth::any(parts.iter().map(|part| part.truth(view, row))),
        }
    }

    /// Evaluates what is known; what is left speaks of columns only.
    pub(in crate::policy) fn residual(&self, view: &View<'_>) -> Predicate {
        match self {
            Self::Always => Predicate::Known(Truth::True),
            Self::Compare { left, operator, right } => compare(view.side(left), *operator, view.side(right)),
            Self::In { item, list } => {
                let Some(entries) = view.list(list) else { return Predicate::Known(Truth::Unknown) };
                match view.side(item) {
                    Side::Column(column) => {
                        Predicate::In { column: column.clone(), values: entries.map(Value::text).collect() }
                    }
                    Side::Value(Some(Value::Text(item))) => {
                        Predicate::Known(entries.into_iter().any(|entry| entry == &*item).into())
                    }
                    Side::Value(_) => Predicate::Known(Truth::Unknown),
                }
            }
            Self::Present(term) => match view.side(term) {
                Side::Column(column) => Predicate::Present(column.clone()),
                Side::Value(value) => Predicate::Known(value.is_some().into()),
            },
            Self::Not(inner) => {
                let left = inner.residual(view);
                if let Predicate::Known(truth) = left {
                    return Predicate::Known(truth.negated());
                }
                Predicate::Not(Box::new(left))
            }
            Self::All(parts) => Predicate::all(parts.iter().map(|part| part.residual(view))),
            Self::Any(parts) => Predicate::any(parts.iter().map(|part| part.residual(view))),
        }
    }

    /// What the condition reads of this requester, as it is spelled in policies, with the values.
    pub(in crate::policy) fn read_of(&self, requester: &Requester) -> Vec<(Arc<str>, Option<Value>)> {
        let mut reads = BTreeSet::new();
        self.reads(&mut reads);
        reads.into_iter().map(|read| (read.to_string().into(), read.value(requester))).collect()
    }

    /// What could still decide, as it is spelled in policies, unless what is known settles it: what the condition reads of a
    /// requester and is absent, and the lists that it looks for something other than a column in. The entries of a list are
    /// names, and one name does not say which others somebody has beside it.
    pub(in crate::policy) fn open(&self, view: &View<'_>) -> BTreeSet<Arc<str>> {
        let absent = |term: &Term| {
            let is_absent = matches!(view.side(term), Side::Value(None));
            is_absent.then(|| Arc::from(term.to_string()))
        };
        let unsettled = |parts: &[Self], decisive: Truth| {
            let open: Vec<_> = parts.iter().map(|part| (part, part.open(view))).collect();
            let settles = |(part, open): &(&Self, BTreeSet<Arc<str>>)| {
                open.is_empty() && part.residual(view) == Predicate::Known(decisive)
            };
            if open.iter().any(settles) {
                BTreeSet::new()
            } else {
                open.into_iter().flat_map(|(_, open)| open).collect()
            }
        };
        match self {
            Self::Always | Self::In { item: Term::Column(_), .. } => BTreeSet::new(),
            Self::Compare { left, right, .. } => [left, right].into_iter().filter_map(absent).collect(),
            Self::In { item, list } => absent(item).into_iter().chain([Arc::from(list.to_string())]).collect(),
            Self::Present(term) => absent(term).into_iter().collect(),
            Self::Not(inner) => inner.open(view),
            Self::All(parts) => unsettled(parts, Truth::False),
            Self::Any(parts) => unsettled(parts, Truth::True),
        }
    }

    /// Adds what the condition reads of a requester.
    pub(in crate::policy) fn reads(&self, reads: &mut BTreeSet<Read>) {
        let mut term = |term: &Term| match term {
            Term::Attribute(attribute) => drop(reads.insert(Read::Attribute(attribute.clone()))),
            Term::Context(field) => drop(reads.insert(Read::Context(*field))),
            Term::Literal(_) | Term::List(_) | Term::Column(_) => {}
        };
        match self {
            Self::Always => {}
            Self::Compare { left, right, .. } => {
                term(left);
                term(right);
            }
            Self::In { item, list } => {
                term(item);
                term(list);
            }
            Self::Present(one) => term(one),
            Self::Not(inner) => inner.reads(reads),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.reads(reads)),
        }
    }
}

fn compare(left: Side<'_>, operator: Operator, right: Side<'_>) -> Predicate {
    match (left, right) {
        // An absent side makes the comparison unknown whatever the row holds.
        (Side::Value(None), _) | (_, Side::Value(None)) => Predicate::Known(Truth::Unknown),
        (Side::Value(Some(left)), Side::Value(Some(right))) => Predicate::Known(operator.compare(&left, &right)),
        (Side::Column(column), Side::Value(Some(value))) => {
            Predicate::Compare { column: column.clone(), operator, value }
        }
        (Side::Value(Some(value)), Side::Column(column)) => {
            Predicate::Compare { column: column.clone(), operator: operator.mirrored(), value }
        }
        (Side::Column(left), Side::Column(right)) => {
            Predicate::CompareColumns { left: left.clone(), operator, right: right.clone() }
        }
    }
}
