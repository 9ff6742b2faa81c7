//! Who there can be, before anybody asks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::catalog::{Catalog, TenantEntry};
use crate::model::{IssuerName, Tenant};
use crate::policy::names::{self, Names};

const SUBJECT: &str = "subject:";
const IDP: &str = "idp:";
/// The name of everybody who proved who they are, which no `g` line gives.
pub(super) const VERIFIED: &str = "verified";

/// The tenants, and the names that somebody in each can be given.
pub(super) struct Ground<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) names: &'a Names,
    held: BTreeMap<&'a Tenant, BTreeSet<Arc<str>>>,
    /// Whether a platform can name people who have proved nothing: clients of our own authorization server are let do so.
    asserts: bool,
}

impl<'a> Ground<'a> {
    pub(super) fn new(names: &'a Names, catalog: &'a Catalog) -> Self {
        let held = catalog.tenants.iter().map(|(tenant, entry)| {
            let outside =
                names.members(tenant).filter(|name| !names::is_ours(name, catalog) && from(name, entry, catalog));
            (tenant, names.given(tenant, outside))
        });
        Self { catalog, held: held.collect(), asserts: has_own_issuer(catalog), names }
    }

    /// The tenants that a line is for.
    pub(super) fn tenants(&self, own: Option<&Tenant>) -> impl Iterator<Item = &'a TenantEntry> {
        let tenants = &self.catalog.tenants;
        let one = own.and_then(|own| tenants.get(own));
        let all = own.is_none().then(|| tenants.values());
        one.into_iter().chain(all.into_iter().flatten())
    }

    /// The issuers whose people can be of a tenant: its own, and our authorization server where it is on.
    pub(super) fn issuers(&self, entry: &'a TenantEntry) -> impl Iterator<Item = &'a str> {
        let ours = self.catalog.issuers.iter().filter(|issuer| issuer.as_str() == IssuerName::OURS);
        entry.issuer.iter().chain(ours).map(IssuerName::as_str)
    }

    /// Says why nobody goes by a name in a tenant, or in any; without `complete`, what a `g` line gives is not judged.
    pub(super) fn nobody(&self, name: &str, tenant: Option<&Tenant>, complete: bool) -> Option<String> {
        if !names::is_ours(name, self.catalog) {
            if self.tenants(tenant).any(|entry| from(name, entry, self.catalog)) {
                return None;
            }
            let entry = tenant.and_then(|tenant| self.catalog.tenants.get(tenant));
            let whose = match entry.map(|entry| &entry.issuer) {
                Some(Some(issuer)) => format!("its issuer is `{issuer}`"),
                Some(None) => "it has no issuer, its people sign in here".to_owned(),
                None => "none is of that issuer".to_owned(),
            };
            return Some(format!("nobody has `{name}` in {}: {whose}", place(tenant)));
        }
        let held = |entry: &TenantEntry| self.held.get(&entry.name).is_some_and(|names| names.contains(name));
        let anybody = !complete || self.tenants(tenant).any(held);
        (!anybody).then(|| format!("nobody has `{name}` in {}; a `g` line gives it", place(tenant)))
    }

    /// Says whether somebody in the tenant has an entry in a list: this one, or any.
    pub(super) fn has_entry(&self, tenant: &Tenant, prefix: &str, entry: Option<&str>) -> bool {
        let Some(held) = self.held.get(tenant) else { return false };
        if let Some(entry) = entry {
            return held.contains(format!("{prefix}{entry}").as_str());
        }
        let mut from = held.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.next().is_some_and(|name| name.starts_with(prefix))
    }

    /// Whether somebody can go by a name besides their own.
    pub(super) fn is_come_by(&self, name: &str) -> bool {
        name == VERIFIED || names::is_ours(name, self.catalog)
    }

    /// Whether nobody goes by a name who has not proved who they are. Whom a platform names has a `user:` name and what that is
    /// given, but never a `subject:`.
    pub(super) fn is_proved(&self, name: &str) -> bool {
        name != "*" && (!self.asserts || name.starts_with(SUBJECT))
    }
}

/// Whether a name can be somebody's in this tenant, for all that its issuer says: one issuer speaks for each, and beside it
/// our own authorization server, where it is on. That one gives no roles.
fn from(name: &str, entry: &TenantEntry, catalog: &Catalog) -> bool {
    let Some((prefix, issuer)) = issued(name) else { return true };
    let ours = issuer == IssuerName::OURS && prefix == SUBJECT && has_own_issuer(catalog);
    ours || entry.issuer.as_ref().is_some_and(|own| own.as_str() == issuer)
}

/// The prefix and the issuer of a name that only a token of that issuer gives.
pub(super) fn issued(name: &str) -> Option<(&'static str, &str)> {
    let named = |prefix: &'static str| Some((prefix, name.strip_prefix(prefix)?.split_once('/')?.0));
    [SUBJECT, IDP].into_iter().find_map(named)
}

/// Whether our own authorization server is on: it speaks for every tenant.
pub(super) fn has_own_issuer(catalog: &Catalog) -> bool {
    catalog.issuers.contains(&IssuerName::ours())
}

/// Where, in a message.
pub(super) fn place(tenant: Option<&Tenant>) -> String {
    tenant.map_or_else(|| "any tenant".to_owned(), |tenant| format!("tenant `{tenant}`"))
}
