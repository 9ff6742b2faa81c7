//! Since when the lists of this start are served: the audit trail remembers what was served before.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::in_force;
use crate::catalog::Catalog;
use crate::model::Timestamp;
use crate::policy::Revision;
use crate::store::audit::{AuditError, AuditReader};

/// What the event is called.
const KIND: &str = "configuration_loaded";
/// What stands before the time, where there is one.
const SINCE: &str = " since ";

/// What lists are made of besides the policy, and since when these, with the policy in force, are served.
#[derive(Debug)]
pub(super) struct Surface {
    /// The program and the declarations, in one text.
    lists: String,
    /// `None` where there were never others.
    pub(super) since: Option<Timestamp>,
}

impl Surface {
    /// What a start serves that nobody served anything before.
    pub(super) fn first(catalog: &Catalog) -> Self {
        // `Debug` quotes every text, so that two catalogs never spell alike.
        let digest = Sha256::digest(format!("{} {catalog:?}", env!("CARGO_PKG_VERSION")));
        Self { lists: format!("lists {}", URL_SAFE_NO_PAD.encode(digest)), since: None }
    }

    /// The same where there is a trail. Each start writes down since when its lists are served, so that nothing is lost over any
    /// number of them; where the trail does not say (it was pruned), the lists count as new.
    pub(super) async fn after(self, audit: &Path, revision: Revision, now: Timestamp) -> Result<Self, AuditError> {
        let audit = AuditReader::open(audit).await?;
        let (last, policy) = (audit.last_event(&[KIND]).await?, audit.last_event(&in_force::KINDS).await?);
        let since = last.zip(policy).and_then(|(last, policy)| {
            let before = self.read(&last.detail)?;
            let is_same = in_force::revision(&policy.detail) == Some(&*revision.to_string());
            // A policy that came into force after that start is as old as that.
            let reloaded = (policy.kind == in_force::RELOADED).then_some(policy.at);
            is_same.then(|| before.max(reloaded))
        });
        Ok(Self { since: since.unwrap_or(Some(now)), ..self })
    }

    /// What an event says of these lists; nothing where it is of others.
    #[expect(
        clippy::option_option,
        reason = "of other lists, and of lists before which there were none, are two things"
    )]
    fn read(&self, detail: &str) -> Option<Option<Timestamp>> {
        match detail.strip_prefix(&self.lists)?.strip_prefix(SINCE) {
            Some(since) => since.parse().ok().map(Some),
            None => (detail == self.lists).then_some(None),
        }
    }

    /// The event of this start.
    pub(super) fn event(&self) -> (&'static str, String) {
        let since = self.since.map_or(String::new(), |since| format!("{SINCE}{since}"));
        (KIND, format!("{}{since}", self.lists))
    }
}
