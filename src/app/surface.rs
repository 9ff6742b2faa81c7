//! Whether this start serves other lists than the last one: the audit trail remembers what each served.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::in_force;
use crate::catalog::Catalog;
use crate::policy::Revision;
use crate::store::audit::{AuditError, AuditReader};

/// What the event is called.
pub(super) const KIND: &str = "configuration_loaded";

/// What lists are made of besides the policy, in one text: the program and the declarations.
pub(super) fn surface(catalog: &Catalog) -> String {
    // `Debug` quotes every text, so that two catalogs never spell alike.
    let digest = Sha256::digest(format!("{} {catalog:?}", env!("CARGO_PKG_VERSION")));
    format!("lists {}", URL_SAFE_NO_PAD.encode(digest))
}

/// Whether other declarations were served before, or another policy was in force at the end; not where there was no server yet.
pub(super) async fn is_other(audit: &Path, surface: &str, revision: Revision) -> Result<bool, AuditError> {
    let audit = AuditReader::open(audit).await?;
    let Some(last) = audit.last_event(&[KIND]).await? else { return Ok(false) };
    Ok(last.detail != surface || in_force::recorded(&audit).await?.as_deref() != Some(&*revision.to_string()))
}
