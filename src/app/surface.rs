//! Whether this start serves other lists than the last one: the audit trail remembers what each served.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::catalog::Catalog;
use crate::policy::Revision;
use crate::store::audit::{AuditError, AuditReader};

/// What the event is called.
pub(super) const KIND: &str = "configuration_loaded";

/// What lists are made of, in one text: the program, the declarations and the policy.
pub(super) fn surface(catalog: &Catalog, revision: Revision) -> String {
    // `Debug` quotes every text, so that two catalogs never spell alike.
    let spelled = format!("{} {} {catalog:?}", env!("CARGO_PKG_VERSION"), revision.hex());
    let digest = Sha256::digest(spelled);
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("lists {digits}")
}

/// Whether the last start served something else; not where there was none.
pub(super) async fn is_other(audit: &Path, surface: &str) -> Result<bool, AuditError> {
    let last = AuditReader::open(audit).await?.last_event(KIND).await?;
    Ok(last.is_some_and(|last| last.detail != surface))
}
