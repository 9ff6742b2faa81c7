//! People whose names differ only in case. Names compare byte for byte, so they are two people; whoever wrote them seldom
//! thinks so.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Linter;
use crate::policy::files::Lines;
use crate::policy::finding::{Finding, LineRef, Severity};

impl Linter<'_> {
    pub(super) fn alike(&self, lines: &Lines) -> Vec<Finding> {
        let rules = lines.rules.iter().map(|rule| (&rule.at, &rule.who));
        let grants = lines.grants.iter().map(|grant| (&grant.at, &grant.member));
        let mut named: Vec<(&LineRef, &Arc<str>)> =
            rules.chain(grants).filter(|(_, name)| name.starts_with("user:")).collect();
        // Of two that differ in case, one is not in lower case.
        let spelled: HashSet<Cow<'_, str>> =
            named.iter().map(|(_, name)| folded(name)).filter(|folded| matches!(folded, Cow::Owned(_))).collect();
        named.retain(|(_, name)| !spelled.is_empty() && spelled.contains(&folded(name)));
        named.sort();
        let mut first: HashMap<Cow<'_, str>, (&LineRef, &Arc<str>)> = HashMap::new();
        let mut findings = Vec::new();
        for (at, name) in named {
            let (before, spelled) = *first.entry(folded(name)).or_insert((at, name));
            if spelled != name {
                let message = format!(
                    "`{name}` and `{spelled}` (`{before}`) differ only in case, and are two people; write one of them if they are not"
                );
                findings.push(self.finding(at, Severity::Warning, message));
            }
        }
        findings
    }
}

/// A name in lower case; it is its own where that is certain at a glance.
fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_lowercase())
    }
}
