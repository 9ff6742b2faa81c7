//! Denials of names that are nearly other names. Nobody can say of a `user:` who there is, so a slip in a denial makes a wall
//! around nobody; what can be said is that a name like it stands in other lines, and this one in none.

use std::collections::HashMap;

use super::{Linter, Severity};
use crate::policy::files::{Effect, Lines, Rule};
use crate::policy::finding::{Finding, LineRef};

const PREFIXES: [&str; 3] = ["user:", "idp:", "role:"];
/// Shorter names are near each other by nature.
const SHORTEST: usize = 6;
/// How many characters of a slip may differ: one of them, two next to each other, or two that changed places.
const SLIP: usize = 2;

impl Linter<'_> {
    /// Warns of denials of a name that stands nowhere else, where one that is spelled nearly so does.
    pub(super) fn near(&self, lines: &Lines) -> Vec<Finding> {
        let prefixed = |rule: &Rule| PREFIXES.into_iter().find(|prefix| rule.who.starts_with(prefix));
        let denials = lines.rules.iter().filter(|rule| rule.effect == Effect::Deny);
        let denials: Vec<_> = denials.filter_map(|rule| Some((rule, prefixed(rule)?))).collect();
        if denials.is_empty() {
            return Vec::new();
        }
        let mut used: HashMap<&str, &LineRef> = HashMap::new();
        for rule in lines.rules.iter().filter(|rule| rule.effect == Effect::Allow) {
            used.entry(&rule.who).or_insert(&rule.at);
        }
        for grant in &lines.grants {
            used.entry(&grant.member).or_insert(&grant.at);
            used.entry(&grant.group).or_insert(&grant.at);
        }
        let mut findings = Vec::new();
        for (rule, prefix) in denials.into_iter().filter(|(rule, _)| !used.contains_key(&*rule.who)) {
            let like = |(name, _): &(&&str, &&LineRef)| name.starts_with(prefix) && is_slip(&rule.who, name);
            if let Some((name, at)) = used.iter().filter(like).min() {
                let who = &rule.who;
                let message = format!(
                    "`{who}` stands in no other line, and `{name}` does (`{at}`); the denial is for `{who}` alone, if there is one"
                );
                findings.push(self.finding(&rule.at, Severity::Warning, message));
            }
        }
        findings
    }
}

/// Whether two names differ by one slip. Digits are no slips: numbers tell people apart. Nor is the case of letters.
fn is_slip(one: &str, other: &str) -> bool {
    if one.len().min(other.len()) < SHORTEST + one.find(':').unwrap_or(0) || one.len().abs_diff(other.len()) > SLIP * 4
    {
        return false;
    }
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let (Some(one), Some(other)) = (one.get(same..), other.get(same..)) else { return false };
    let tail = one.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
    let left = |text: &str| text.chars().count().saturating_sub(tail);
    let differing = |text: &str| text.chars().take(left(text)).collect::<String>();
    let (one, other) = (differing(one), differing(other));
    one.chars().count().max(other.chars().count()) <= SLIP
        && !one.chars().chain(other.chars()).any(|c| c.is_ascii_digit())
        && one.to_lowercase() != other.to_lowercase()
}
