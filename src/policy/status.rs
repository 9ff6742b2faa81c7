//! What became of the reloads, in numbers, for `/readyz`.

use std::sync::Arc;

use super::decision::Revision;
use super::load::{Refused, Reload};
use crate::model::Timestamp;

/// How the policy in force and the files on disk stand to each other. One value, replaced whole.
#[derive(Debug, Clone)]
pub struct Status {
    /// The policy in force.
    pub revision: Revision,
    /// Since when the files are known to be in force without a break; `None` since the start.
    pub settled: Option<Timestamp>,
    /// How many reloads put another policy in force.
    pub taken: u64,
    /// How many reloads were refused.
    pub refused: u64,
    /// Why the files, as they are now, are not in force; `None` when they are.
    pub refusal: Option<Arc<Refused>>,
    /// Since when they are not.
    pub refused_since: Option<Timestamp>,
}

impl Status {
    pub(super) fn at_start(revision: Revision) -> Self {
        Self { revision, settled: None, taken: 0, refused: 0, refusal: None, refused_since: None }
    }

    /// The status after a reload that was not refused.
    pub(super) fn after(&self, reload: &Reload, now: Timestamp) -> Self {
        let taken = self.taken + u64::from(reload.is_change());
        let settled = if reload.is_change() || reload.mended { Some(now) } else { self.settled };
        Self { revision: reload.new, settled, taken, refused: self.refused, refusal: None, refused_since: None }
    }

    /// The status after one that was.
    pub(super) fn after_refusal(&self, refusal: Arc<Refused>, now: Timestamp) -> Self {
        let refused_since = self.refused_since.or(Some(now));
        Self { refused: self.refused + 1, refusal: Some(refusal), refused_since, ..self.clone() }
    }
}
