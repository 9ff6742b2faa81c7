//! Declarations in, catalog out: whether what is declared makes sense together.
//!
//! Each declaration is checked for itself, then against the others. Everything that is wrong is reported at once; a
//! declaration that was refused still counts as declared for those that name it, so that one slip gives one message.

mod columns;
mod datasets;
mod names;
mod parents;
mod prompts;
mod resource;
mod tenants;
#[cfg(test)]
mod tests;
mod writable;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Catalog;
use super::error::{CatalogError, Findings};
use crate::config::Loaded;
use crate::model::{IssuerName, Name};

/// Tools that are always there, under a `tool:` line.
const TOOLS: [&str; 2] = ["echo", "whoami"];

/// Resources that are always there, under a `resource:` line.
const RESOURCES: [&str; 1] = ["static://welcome"];

/// Builds the catalog of a configuration.
pub fn build(loaded: &Loaded) -> Result<Catalog, Vec<CatalogError>> {
    let declarations = &loaded.declarations;
    let mut findings = Findings::default();
    let mut issuers: BTreeSet<_> = loaded.settings.issuers.iter().map(|issuer| issuer.name.clone()).collect();
    let tenants = tenants::tenants(&declarations.tenants, &issuers, &mut findings);
    if loaded.settings.oauth.is_some() {
        issuers.insert(IssuerName::ours());
    }
    let claims = names::claims(&declarations.claims, &mut findings);
    let lists = names::lists(&declarations.lists, &declarations.claims, &mut findings);
    let datasets = datasets::datasets(&declarations.datasets, &declarations.tenants, &mut findings);
    parents::check(&declarations.datasets, &datasets, &mut findings);
    let prompts = prompts::prompts(&declarations.prompts, &datasets, &mut findings);
    let problems = findings.end();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Catalog {
        tenants,
        issuers,
        claims,
        lists,
        trusted_context: declarations.trusted.clone(),
        datasets: datasets.into_iter().map(|dataset| (dataset.name.clone(), Arc::new(dataset))).collect(),
        tools: TOOLS.iter().filter_map(|name| name.parse::<Name>().ok()).collect(),
        resources: RESOURCES.into_iter().map(Arc::from).collect(),
        prompts,
    })
}
