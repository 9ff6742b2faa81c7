//! The one place where access is decided. A security reviewer starts here.

use std::sync::Arc;

use super::{Action, Authorized, Receipt};
use crate::authn::Principal;
use crate::clock::Clock;
use crate::model::Scope;
use crate::policy::{Policies, Ruling};
use crate::random::{self, Random, RandomError};
use crate::store::audit::{AuditError, AuditLog, Ending, Holder, Record, Verdict};

/// Why there is no permit. A denial, and a lack of scope, has been recorded before it is returned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The policy does not allow it. To the caller this looks like something that does not exist.
    #[error("the policy does not allow it (decision {0})")]
    Denied(String),
    /// The policy allows it; the token lacks the scope.
    #[error("the token lacks the scope {0} (decision {1})")]
    Scope(Scope, String),
    /// The decision cannot be recorded, so nothing is decided.
    #[error("the audit store does not take the decision")]
    Audit(#[from] AuditError),
    /// The decision cannot be given an id, so nothing is decided.
    #[error("the decision cannot be given an id")]
    Random(#[from] RandomError),
}

/// The gate's word that it asks the policy on behalf of a principal. Nothing else can make one or name its type, so nothing
/// else hears a ruling, which may hold rows, and no action is written outside `authz`.
#[derive(Debug)]
pub struct Ask(());

/// Decides, and records what it decides.
#[derive(Debug, Clone)]
pub struct Gate {
    policies: Arc<Policies>,
    audit: AuditLog,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Gate {
    /// A gate over the policy in force and the audit trail.
    pub fn new(policies: Arc<Policies>, audit: AuditLog, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { policies, audit, clock, random }
    }

    /// Decides whether `principal` may do `action`, for the request of this id.
    ///
    /// One policy snapshot answers from start to end, and its revision is in the record. A place in the audit is taken
    /// before the permit exists; a denial is durable before it is returned.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]; there is no other way to be told no.
    pub async fn authorize<A: Action>(
        &self,
        principal: &Principal,
        (request, ending): (&str, &Ending),
        action: A,
    ) -> Result<Authorized<A>, Refusal> {
        let place = self.audit.reserve(Holder::person(principal.requester(), principal.proof()))?.of(ending);
        let policy = self.policies.current();
        let ruling = action.rule(Ask(()), &policy, principal.requester());
        let lacking = A::NEEDS.filter(|needed| !principal.proof().scopes.contains(*needed));

        let decision = random::hex::<12>(self.random.as_ref())?;
        let ids = (decision.clone(), request);
        let mut record = Box::new(Record::open(self.clock.now(), ids, principal.requester(), principal.proof()));
        let (Ruling::Allow(_, lines) | Ruling::Deny(lines)) = &ruling;
        record.asked(action.names(), action.through());
        record.decided(policy.revision(), lines);

        let refusal = match (ruling, lacking) {
            (Ruling::Allow(scope, _), None) => {
                record.verdict = Verdict::Allow;
                return Ok(Authorized::redeem(action, scope, Receipt::open(place, record, Arc::clone(&self.clock))));
            }
            (Ruling::Allow(..), Some(needed)) => {
                "scope".clone_into(&mut record.reason);
                Refusal::Scope(needed, decision)
            }
            (Ruling::Deny(_), _) => Refusal::Denied(decision),
        };
        place.record(record).await?;
        Err(refusal)
    }

    /// Says what the policy would say of `action`, scopes aside. Permits nothing and records nothing: the challenge or the
    /// refusal that follows comes from [`Gate::authorize`].
    pub fn would_allow<A: Action>(&self, principal: &Principal, action: &A) -> bool {
        matches!(action.rule(Ask(()), &self.policies.current(), principal.requester()), Ruling::Allow(..))
    }
}
