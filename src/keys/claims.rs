//! The members of a token's header or payload, read by type. A wrong type is never taken for an absence.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fault::{Reason, TokenFault, Trace};
use super::strict_json;
use crate::catalog::ClaimType;
use crate::config::{ActorRule, Issuer, RoleClaim, RoleShape};
use crate::model::{
    self, Actor, Attributes, BadIdentifier, Name, Number, OrganisationId, Role, Scopes, SubjectId, Timestamp,
};

/// The last second that a time may name: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The members of a header or payload. Names are literal: they contain `:` and `.`.
#[derive(Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn read(bytes: &[u8], part: Reason, trace: &mut Trace) -> Result<Self, TokenFault> {
        match strict_json::object(bytes) {
            Ok(members) => trace.check(part, true, &"well-formed").map(|()| Self(members)),
            Err(error) => Err(trace.refuse(part, &error)),
        }
    }

    /// Members that were put together here.
    pub(super) fn from_members(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// These, and those of the others that have these names and are not among them.
    #[must_use]
    pub fn and<'n>(&self, others: &Map<String, Value>, names: impl Iterator<Item = &'n str>) -> Self {
        let mut all = self.0.clone();
        for name in names {
            if let (false, Some(value)) = (all.contains_key(name), others.get(name)) {
                all.insert(name.to_owned(), value.clone());
            }
        }
        Self(all)
    }

    /// Those of the members that have these names, as JSON.
    pub fn only<'n>(&self, names: impl Iterator<Item = &'n str>) -> String {
        let mut only = Map::new();
        for name in names {
            if let Some(value) = self.get(name) {
                only.insert(name.to_owned(), value.clone());
            }
        }
        Value::Object(only).to_string()
    }

    /// Says whether there is such a member, `null` included.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The member's value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The member, where it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Says whether `iss` is one of these, byte for byte.
    pub fn is_from(&self, issuers: &[String]) -> bool {
        self.text("iss").is_some_and(|iss| issuers.iter().any(|accepted| accepted == iss))
    }

    /// The first of these members that is there, as an identifier; another type or an unfit text is a fault.
    pub fn identifier<T: FromStr<Err = BadIdentifier>>(
        &self,
        names: &[impl AsRef<str>],
        reason: Reason,
        trace: &mut Trace,
    ) -> Result<Option<T>, TokenFault> {
        self.first(names, reason, trace, |value| value.as_str().map(Cow::Borrowed))
    }

    /// Like [`Claims::identifier`], and a whole number is taken as its digits.
    pub fn identifier_or_number<T: FromStr<Err = BadIdentifier>>(
        &self,
        names: &[impl AsRef<str>],
        reason: Reason,
        trace: &mut Trace,
    ) -> Result<Option<T>, TokenFault> {
        self.first(names, reason, trace, |value| match value {
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(Cow::Owned(number.to_string())),
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }

    fn first<T: FromStr<Err = BadIdentifier>>(
        &self,
        names: &[impl AsRef<str>],
        reason: Reason,
        trace: &mut Trace,
        read: impl Fn(&Value) -> Option<Cow<'_, str>>,
    ) -> Result<Option<T>, TokenFault> {
        let Some(name) = names.iter().map(AsRef::as_ref).find(|name| self.has(name)) else { return Ok(None) };
        let shown = self.shown(name);
        match self.get(name).and_then(read).map(|text| text.parse()) {
            Some(Ok(identifier)) => trace.check(reason, true, &shown).map(|()| Some(identifier)),
            Some(Err(error)) => Err(trace.refuse(reason, &format_args!("{shown}, which {error}"))),
            None => Err(trace.refuse(reason, &shown)),
        }
    }

    /// A point in time that must be there.
    pub fn time(&self, name: &str, trace: &mut Trace) -> Result<Timestamp, TokenFault> {
        let time = self.optional_time(name, trace)?;
        trace.require(Reason::Time, time, &self.shown(name), None)
    }

    /// A point in time (RFC 7519, section 2: `NumericDate`); `None` where it is absent. Anything but a number is a fault.
    pub fn optional_time(&self, name: &str, trace: &mut Trace) -> Result<Option<Timestamp>, TokenFault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let seconds = match value.as_i64() {
            Some(whole) => Some(whole),
            // A fraction is dropped: no check depends on less than a second.
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked before the cast")]
            None => value.as_f64().filter(|real| (0.0..1e12).contains(real)).map(|real| real as i64),
        };
        match seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds)) {
            Some(seconds) => Ok(Some(Timestamp::from_secs(seconds))),
            None => Err(trace.refuse(Reason::Time, &self.shown(name))),
        }
    }

    /// The texts of a member that is one text or a list of texts; `None` where it is neither.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        match self.get(name)? {
            Value::String(text) => Some(vec![text]),
            Value::Array(list) => list.iter().map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }

    /// The scopes in a member that is one text or a list of texts; `None` where it is absent.
    pub fn scopes(&self, name: &str, trace: &mut Trace) -> Result<Option<Scopes>, TokenFault> {
        if !self.has(name) {
            return Ok(None);
        }
        let texts = trace.require(Reason::Scope, self.texts(name), &self.shown(name), None)?;
        Ok(Some(Scopes::known_in(&texts.join(" "))))
    }

    /// The roles that a member gives in this organisation, and in no other. A member of another form is a fault: the role
    /// that is dropped could be the one that a policy denies.
    pub fn roles(
        &self,
        RoleClaim { claim, shape }: &RoleClaim,
        organisation: &OrganisationId,
        trace: &mut Trace,
    ) -> Result<Vec<Role>, TokenFault> {
        let Some(value) = self.get(claim) else { return Ok(Vec::new()) };
        let names: Option<Vec<&str>> = match shape {
            RoleShape::List => value.as_array().and_then(|list| list.iter().map(Value::as_str).collect()),
            RoleShape::PerOrganisation => value.as_object().and_then(|roles| {
                let all = roles.values().all(Value::is_object);
                let ours = |role: &&Value| role.get(organisation.as_str()).is_some();
                all.then(|| roles.iter().filter(|(_, role)| ours(role)).map(|(name, _)| name.as_str()).collect())
            }),
        };
        let roles = names.and_then(|names| names.into_iter().map(|name| name.parse().ok()).collect());
        trace.require(Reason::Roles, roles, &self.shown(claim), None)
    }

    /// The current actor (RFC 8693, section 4.1), where this rule accepts it; those nested in it have no part in the decision.
    pub fn actor(&self, rule: &ActorRule, trace: &mut Trace) -> Result<Option<Actor>, TokenFault> {
        let Some(act) = self.get("act") else { return Ok(None) };
        let issuer = act.get("iss").map_or(Some(None), |iss| iss.as_str().map(|iss| Some(iss.into())));
        let id = act.get("sub").and_then(Value::as_str).and_then(|sub| sub.parse::<SubjectId>().ok());
        let accepted = id.zip(issuer).filter(|(id, _)| match rule {
            ActorRule::Deny => false,
            ActorRule::Allow => true,
            ActorRule::Only(known) => known.iter().any(|known| known == id.as_str()),
        });
        let (id, issuer) = trace.require(Reason::Actor, accepted, &self.shown("act"), Some(rule))?;
        Ok(Some(Actor { issuer, id }))
    }

    /// What conditions can read of the members: those that the catalog declares, from where this issuer has them, and an
    /// e-mail address that it calls verified.
    pub fn attributes(&self, issuer: &Issuer, declared: &BTreeMap<Name, ClaimType>) -> Attributes {
        let verified_email = self.get("email_verified").is_some_and(|verified| verified == true);
        let typed = declared.iter().filter_map(|(name, declared)| {
            let claim = issuer.claims.attributes.get(name).map_or(name.as_str(), String::as_str);
            Some((name.clone(), self.attribute(claim, *declared)?))
        });
        let email = self.text("email").filter(|_| verified_email).map(Arc::from);
        Attributes { email, claims: typed.collect(), ..Attributes::default() }
    }

    /// A member of a declared type; one of another type is absent, and what is absent grants nothing and denies.
    pub fn attribute(&self, name: &str, declared: ClaimType) -> Option<model::Value> {
        let value = self.get(name)?;
        let typed = match (declared, value) {
            (ClaimType::Text, Value::String(text)) => Some(model::Value::text(text)),
            (ClaimType::Number, Value::Number(number)) => Number::from_json(number).map(model::Value::Number),
            (ClaimType::Boolean, Value::Bool(boolean)) => Some(model::Value::Boolean(*boolean)),
            (ClaimType::Text | ClaimType::Number | ClaimType::Boolean, _) => None,
        };
        if typed.is_none() {
            tracing::debug!(claim = name, ?declared, "a claim is not of its declared type and counts as absent");
        }
        typed
    }

    /// The member for a person to read: name and value, or that it is absent.
    pub fn shown<'a>(&'a self, name: &'a str) -> Shown<'a> {
        Shown { claims: self, name }
    }
}

/// A member for a person to read.
pub struct Shown<'a> {
    claims: &'a Claims,
    name: &'a str,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.claims.get(self.name) {
            Some(value) => write!(f, "`{}` = {value}", self.name),
            None => write!(f, "`{}` absent", self.name),
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
