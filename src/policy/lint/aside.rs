//! Denials that somebody gets around by signing in elsewhere: `subject:` and `idp:` names are those of one issuer, and the
//! same person has others at our own authorization server.

use super::ground::{has_own_issuer, issued, place};
use super::{Linter, Severity};
use crate::model::IssuerName;
use crate::policy::files::{Effect, Rule};
use crate::policy::finding::Finding;

impl Linter<'_> {
    /// Says of a denial that it does not hold for the same person with a token of our own.
    pub(super) fn aside(&self, rule: &Rule) -> Option<Finding> {
        let (prefix, issuer) = issued(&rule.who)?;
        let serves_both = has_own_issuer(self.catalog)
            && issuer != IssuerName::OURS
            && self
                .ground
                .tenants(rule.tenant.as_ref())
                .any(|entry| entry.issuer.as_ref().is_some_and(|own| own.as_str() == issuer));
        if rule.effect == Effect::Allow || !serves_both {
            return None;
        }
        let besides = match prefix {
            "subject:" => format!("or deny `subject:{}/<account>` too", IssuerName::OURS),
            _ => "or what a `g` line gives both".to_owned(),
        };
        let message = format!(
            "the denial does not hold for somebody who signs in at this server, which also serves {}: only `{issuer}` gives \
             `{}`; deny `user:<external user id>`, {besides}",
            place(rule.tenant.as_ref()),
            rule.who
        );
        Some(self.finding(&rule.at, Severity::Warning, message))
    }
}
