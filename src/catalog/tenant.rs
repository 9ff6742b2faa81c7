//! Declared customer organisations.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{BadIdentifier, DataRoom, IssuerName, OrganisationId, Tenant};

/// A customer organisation (`[[tenant]]`): which issuer speaks for it, and what that issuer calls it.
#[derive(Debug, Clone)]
pub struct TenantEntry {
    /// Its name in policies and in tenant columns.
    pub name: Tenant,
    /// The one issuer that may speak for it, beside our own authorization server; there may be none.
    pub issuer: Option<IssuerName>,
    /// The organisation ids in that issuer's tokens that mean this tenant.
    pub organisations: BTreeSet<OrganisationId>,
    /// Other spellings that a platform uses for it in `X-Tenant-ID`.
    pub aliases: BTreeSet<String>,
    /// The data rooms as a platform spells them in `X-Data-Room-ID`, to the value in the database.
    pub data_rooms: BTreeMap<String, DataRoom>,
    /// Whether a data room that is not in `data_rooms` is taken as it is (`data_rooms_as_is = true`) or refused.
    pub data_rooms_as_is: bool,
}

impl TenantEntry {
    /// Says whether this issuer's word for an organisation means this tenant. Our own authorization server speaks for every
    /// declared tenant, by its name.
    pub fn is_spoken_for(&self, issuer: &IssuerName, organisation: &OrganisationId) -> bool {
        if issuer.as_str() == IssuerName::OURS {
            return organisation.as_str() == self.name.as_str();
        }
        self.issuer.as_ref() == Some(issuer) && self.organisations.contains(organisation)
    }

    /// Says whether a platform may mean this tenant by that name.
    pub fn is_called(&self, name: &str) -> bool {
        let organisation = self.organisations.iter().any(|id| id.as_str() == name);
        organisation || name == self.name.as_str() || self.aliases.contains(name)
    }

    /// The data room that a platform means by that name; `None` where it is not declared.
    pub fn data_room(&self, name: &str) -> Option<Result<DataRoom, BadIdentifier>> {
        let declared = self.data_rooms.get(name).cloned().map(Ok);
        declared.or_else(|| self.data_rooms_as_is.then(|| name.parse()))
    }
}
