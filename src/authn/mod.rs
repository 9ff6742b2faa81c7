//! The credential of a request in, a [`Principal`] out. Every request proves itself: nothing is remembered of one but that a
//! signature was good.
//!
//! The order is fixed: the header (`bearer`), the signature (`keys::Trust`), the claims (`verifier`), then tenant and names
//! (`principal`), and last the other headers (`context`), which mean nothing before.

mod bearer;
mod context;
mod fault;
mod principal;
mod verifier;

use std::sync::Arc;

pub use fault::Rejection;
use http::HeaderMap;
pub use principal::Principal;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{ContextHeaders, Issuer};
use crate::keys::{IssuerKeys, Step, Trace, Trust};

/// Turns the headers of a request into a principal.
#[derive(Debug)]
pub struct Authenticator {
    trust: Trust,
    catalog: Arc<Catalog>,
    headers: ContextHeaders,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Trusts these issuers, each with its keys, for the tenants of the catalog.
    pub fn new(
        issuers: Vec<(Issuer, impl Into<IssuerKeys>)>,
        catalog: Arc<Catalog>,
        headers: ContextHeaders,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { trust: Trust::new(issuers), catalog, headers, clock }
    }

    /// Says who is asking, or why that is not proved.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Rejection> {
        self.run(headers, &mut Trace::default()).await
    }

    /// The very same, with every check made as a step to read (`bailiwick token inspect`).
    pub async fn inspect(&self, headers: &HeaderMap) -> (Vec<Step>, Result<Principal, Rejection>) {
        let mut trace = Trace::recording();
        let outcome = self.run(headers, &mut trace).await;
        (trace.into_steps(), outcome)
    }

    async fn run(&self, headers: &HeaderMap, trace: &mut Trace) -> Result<Principal, Rejection> {
        let token = bearer::token(headers, self.trust.max_token_bytes(), trace)?;
        let mut signed = self.trust.signed(&token, trace).await?;
        if signed.may_assert() {
            signed = signed.asserting(context::asserted(headers, &self.headers)?.as_ref());
        }
        let proof = trace.all(|trace| verifier::check(&signed, self.clock.now(), trace))?;
        Principal::of(&signed, proof, &self.catalog, (headers, &self.headers), trace)
    }
}

#[cfg(test)]
mod tests;
