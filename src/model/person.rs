//! Whom a share is counted for.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::{Proof, Requester, Tenant};

/// A person of one tenant, whoever speaks for them: what each may have of what all share (requests at once, places in the
/// audit, turns at the database, sessions, streams) is counted for this.
///
/// Not for the subject, the client or the token: somebody who comes through two issuers, or through ten clients, has one share.
/// What belongs to somebody (a session, a cursor) is another matter, and is bound to the subject and the client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    tenant: Tenant,
    name: Arc<str>,
}

/// What the name of a person begins with that an issuer may give, whose word for them the operator takes (`users = true`).
const USER: &str = "user:";

impl Person {
    /// The person behind a request: the customer's own identifier where an issuer may say it, because it is the same at every
    /// issuer; else the subject.
    pub fn of(requester: &Requester, proof: &Proof) -> Self {
        let from = (Bound::Included(USER), Bound::Unbounded);
        let named = requester.names.range::<str, _>(from).next().filter(|name| name.starts_with(USER));
        let name = named.map_or_else(|| proof.subject.name(), Arc::clone);
        Self { tenant: requester.tenant.clone(), name }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Attributes, Context, Scopes, Subject, Timestamp};

    fn person(tenant: &str, names: &[&str], (issuer, subject): (&str, &str), client: &str) -> Person {
        let requester = Requester {
            tenant: tenant.parse().unwrap(),
            names: names.iter().map(|name| Arc::from(*name)).collect::<BTreeSet<_>>(),
            attributes: Attributes::default(),
            context: Context::default(),
        };
        let proof = Proof {
            subject: Subject { issuer: issuer.parse().unwrap(), id: subject.parse().unwrap() },
            actor: None,
            client: Some(client.parse().unwrap()),
            scopes: Scopes::default(),
            expires: Timestamp::from_secs(0),
            taken_until: Timestamp::from_secs(0),
        };
        Person::of(&requester, &proof)
    }

    #[test]
    fn a_person_is_the_same_through_every_issuer_and_client() {
        let known = ["*", "idp:one/user:eve", "user:jdoe", "verified"];
        let ada = person("acme", &known, ("one", "1"), "a");
        assert_eq!(ada, person("acme", &["*", "user:jdoe"], ("other", "2"), "b"));
        assert_eq!(ada.to_string(), "user:jdoe of acme");
        assert_ne!(ada, person("globex", &known, ("one", "1"), "a"), "another tenant's");
    }

    #[test]
    fn without_the_customers_word_it_is_the_subject() {
        let subject = person("acme", &["*", "verified"], ("one", "user:jdoe"), "a");
        assert_eq!(subject, person("acme", &["*", "zz"], ("one", "user:jdoe"), "b"));
        assert_eq!(subject.to_string(), "subject:one/user:jdoe of acme", "no `sub` is taken for another's identifier");
        assert_ne!(subject, person("acme", &["*"], ("two", "user:jdoe"), "a"));
    }
}
