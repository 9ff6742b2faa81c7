//! `writable` and `confirm`: how the rows of a dataset can be changed.

use std::collections::BTreeSet;

use super::super::error::{BadDeclaration, Findings};
use super::super::{Change, Confirm};
use super::datasets::Checked;

impl Checked<'_> {
    /// The changes that are declared. Left out, rows are only read.
    pub(super) fn writable(&self, findings: &mut Findings) -> BTreeSet<Change> {
        let mut changes = BTreeSet::new();
        let Some(declared) = &self.declaration.writable else { return changes };
        for (index, word) in declared.value.iter().enumerate() {
            let Some(change) = Change::ALL.into_iter().find(|change| change.as_str() == word.value) else {
                let words = Change::ALL.iter().map(|change| change.as_str());
                findings.unknown(&word.origin, self.key("writable"), "change", &word.value, words);
                continue;
            };
            if let Some(first) = declared.value.iter().take(index).find(|other| other.value == word.value) {
                let (key, found, first) = (self.key("writable"), word.value.clone(), first.origin.clone());
                findings.refuse(&word.origin, BadDeclaration::Twice { key, found, first, hint: "once is enough" });
            }
            changes.insert(change);
        }
        changes
    }

    /// When a person is asked before something is lost.
    pub(super) fn confirm(&self, writable: &BTreeSet<Change>, findings: &mut Findings) -> Confirm {
        let Some(declared) = &self.declaration.confirm else { return Confirm::default() };
        if !writable.iter().any(|change| change.is_destructive()) {
            let found = "written where nothing can be lost";
            let expected = "it beside `writable` with \"update\" or \"delete\"";
            findings.unfit(&declared.origin, self.key("confirm"), found, expected);
        }
        if declared.value { Confirm::Required } else { Confirm::WhenPossible }
    }
}
