//! Which policy is in force, as the audit trail has it: for commands that run beside a server, or after it.

use crate::store::audit::{AuditError, AuditReader};

/// What a policy that replaces another is called.
pub(super) const RELOADED: &str = "policy_reloaded";
/// The events that say which policy came into force, as [`in_words`](super::in_words) and the start of a server write them.
pub(super) const KINDS: [&str; 2] = ["policy_loaded", RELOADED];

/// The revision, as it is printed, that a server put in force last; `None` where no server has recorded one.
///
/// # Errors
///
/// When the trail cannot be read.
pub async fn recorded(audit: &AuditReader) -> Result<Option<String>, AuditError> {
    Ok(audit.last_event(&KINDS).await?.and_then(|event| revision(&event.detail).map(ToOwned::to_owned)))
}

/// `revision NEW`, `OLD -> NEW` before the lines of a change, or `NEW: the files are …`.
pub(super) fn revision(detail: &str) -> Option<&str> {
    let first = detail.lines().next()?;
    let (new, _) = first.split_once(": ").unwrap_or((first, ""));
    new.rsplit(' ').next()
}

#[cfg(test)]
mod tests {
    use super::revision;

    // That servers write so is held where one runs (`tests/it/cli/reload.rs`).
    #[test]
    fn the_revision_is_read_from_each_kind_of_words() {
        assert_eq!(revision("revision 0123456789ab"), Some("0123456789ab"));
        assert_eq!(revision("0123456789ab -> ba9876543210\n- policy.csv:1 p, x: y"), Some("ba9876543210"));
        assert_eq!(revision("0123456789ab: the files are as in force again"), Some("0123456789ab"));
        assert_eq!(revision(""), None);
    }
}
