//! For whom a token speaks whose person had signed in at an OpenID provider: what that provider had signed when they consented.
//!
//! It stands in the store beside the grant and never changes there, so it is read once for each grant. What it means is read
//! anew on every request, by the settings of the `[[issuer]]`, exactly as the claims of a forwarded token are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::OwnKeys;
use super::token::AccessClaims;
use crate::config::Issuer;
use crate::keys::claims::Claims;
use crate::keys::fault::{Reason, Trace};
use crate::keys::person::Person;
use crate::keys::trust::NotSigned;
use crate::model::IssuerName;
use crate::model::oauth::GrantId;

/// How many are remembered.
const REMEMBERED: u64 = 10_000;

/// When to ask again where the store could not be read.
const SOON: Duration = Duration::from_secs(1);

/// The people of tokens.
#[derive(Debug)]
pub(super) struct People {
    providers: BTreeMap<IssuerName, Arc<Issuer>>,
    known: moka::sync::Cache<GrantId, Arc<Person>>,
}

impl People {
    pub(super) fn new(providers: Vec<Issuer>) -> Self {
        let providers = providers.into_iter().map(|issuer| (issuer.name.clone(), Arc::new(issuer)));
        Self { providers: providers.collect(), known: moka::sync::Cache::new(REMEMBERED) }
    }
}

impl OwnKeys {
    /// The person of a token, where a provider vouched for them.
    pub(super) async fn person(
        &self,
        claims: &AccessClaims,
        trace: &mut Trace,
    ) -> Result<Option<Arc<Person>>, NotSigned> {
        let Some(provider) = &claims.provider else { return Ok(None) };
        let issuer = self.people.providers.get(provider);
        let issuer = trace.require(Reason::Provider, issuer, provider, None)?;
        if let Some(known) = self.people.known.get(&claims.grant) {
            return Ok(Some(known));
        }
        let stored = self.store.person(&claims.grant).await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "for whom a token speaks could not be read");
            NotSigned::Unavailable { issuer: IssuerName::ours(), retry_after: SOON }
        })?;
        let stored = trace.require(Reason::Grant, stored, &"without what its provider signed", None)?;
        let said = Claims::read(stored.as_json().as_bytes(), Reason::Payload, trace)?;
        let person = Arc::new(Person::signed_in(Arc::clone(issuer), said, claims.tenant.clone()));
        self.people.known.insert(claims.grant.clone(), Arc::clone(&person));
        Ok(Some(person))
    }
}
