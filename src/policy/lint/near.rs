//! Denials of names that are nearly other names. Nobody can say of a `user:` who there is, so a slip in a denial makes a wall
//! around nobody; what can be said is that a name like it stands in other lines, and this one in none.

use std::collections::HashSet;

use super::{Linter, Severity};
use crate::policy::files::{Effect, Lines};
use crate::policy::finding::{Finding, LineRef};

const PREFIXES: [&str; 3] = ["user:", "idp:", "role:"];
/// Shorter names are near each other by nature.
const SHORTEST: usize = 6;
/// How many characters of a slip may differ: one of them, two next to each other, or two that changed places.
const SLIP: usize = 2;

impl Linter<'_> {
    /// Warns of denials of a name that stands nowhere else, where one that is spelled nearly so does.
    pub(super) fn near(&self, lines: &Lines) -> Vec<Finding> {
        let prefixed = |who: &str| PREFIXES.into_iter().any(|prefix| who.starts_with(prefix));
        let mut denials: Vec<_> = lines.rules.iter().filter(|rule| rule.effect == Effect::Deny).collect();
        denials.retain(|rule| prefixed(&rule.who));
        let denied: HashSet<&str> = denials.iter().map(|rule| &*rule.who).collect();
        let known: HashSet<&str> = names(lines).map(|(name, _)| name).filter(|name| denied.contains(name)).collect();
        denials.retain(|rule| !known.contains(&*rule.who));
        if denials.is_empty() {
            return Vec::new();
        }
        let names = Names::new(names(lines).filter(|(name, _)| prefixed(name)).collect());
        let findings = denials.into_iter().filter_map(|rule| {
            let (who, (name, at)) = (&rule.who, names.near(&rule.who)?);
            let message = format!(
                "`{who}` stands in no other line, and `{name}` does (`{at}`); the denial is for `{who}` alone, if there is one"
            );
            Some(self.finding(&rule.at, Severity::Warning, message))
        });
        findings.collect()
    }
}

/// The names that are allowed something, are given one or are given, and where they stand.
fn names(lines: &Lines) -> impl Iterator<Item = (&str, &LineRef)> {
    let allowed = lines.rules.iter().filter(|rule| rule.effect == Effect::Allow).map(|rule| (&*rule.who, &rule.at));
    let given = lines.grants.iter().flat_map(|grant| [&grant.member, &grant.group].map(|name| (&**name, &grant.at)));
    allowed.chain(given)
}

/// Names in two orders, so that those that begin alike, and those that end alike, stand together.
struct Names<'a> {
    from_the_front: Vec<(&'a str, &'a LineRef)>,
    from_the_back: Vec<(&'a str, &'a LineRef)>,
}

impl<'a> Names<'a> {
    /// Takes them in the order in which they are told of: each with the first place that it has.
    fn new(mut names: Vec<(&'a str, &'a LineRef)>) -> Self {
        names.sort_by_key(|(name, _)| *name);
        names.dedup_by_key(|(name, _)| *name);
        let from_the_front = names.clone();
        names.sort_unstable_by(|(a, _), (b, _)| a.bytes().rev().cmp(b.bytes().rev()));
        Self { from_the_front, from_the_back: names }
    }

    /// The first name that a slip makes of this one. Wherever that is, they have in common what stands before it and what
    /// stands after it, and there are few with the longer of both.
    fn near(&self, name: &str) -> Option<(&'a str, &'a LineRef)> {
        let candidates = name.char_indices().flat_map(|(at, _)| {
            let (before, rest) = name.split_at(at);
            let after = rest.char_indices().nth(SLIP).and_then(|(end, _)| rest.get(end..)).unwrap_or_default();
            let (begin, end) = (self.beginning(before), self.ending(after));
            if begin.len() < end.len() { begin } else { end }
        });
        candidates.filter(|(other, _)| of_a_kind(name, other) && is_slip(name, other)).copied().min()
    }

    fn beginning(&self, before: &str) -> &[(&'a str, &'a LineRef)] {
        let names = &self.from_the_front;
        let from = names.partition_point(|(name, _)| *name < before);
        let (_, names) = names.split_at(from);
        names.split_at(names.partition_point(|(name, _)| name.starts_with(before))).0
    }

    fn ending(&self, after: &str) -> &[(&'a str, &'a LineRef)] {
        let names = &self.from_the_back;
        let from = names.partition_point(|(name, _)| name.bytes().rev().lt(after.bytes().rev()));
        let (_, names) = names.split_at(from);
        names.split_at(names.partition_point(|(name, _)| name.ends_with(after))).0
    }
}

/// Whether two names have the same prefix.
fn of_a_kind(one: &str, other: &str) -> bool {
    PREFIXES.into_iter().any(|prefix| one.starts_with(prefix) && other.starts_with(prefix))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name of a few letters against all of them, one after the other.
    #[test]
    fn the_name_that_is_meant_is_found_wherever_the_slip_is() {
        let letters = ["a", "b", "é", "1"];
        let mut ends = vec![String::new()];
        for _ in 0..4 {
            ends = ends.iter().flat_map(|end| letters.map(|letter| format!("{end}{letter}"))).collect();
        }
        let shorter = ends.iter().map(|end| end.chars().skip(1).collect());
        let all: Vec<String> = ends.iter().cloned().chain(shorter).flat_map(|end| with_frames(&end)).collect();
        let at = LineRef { file: "policy.csv".into(), line: 1 };
        let names = Names::new(all.iter().step_by(7).map(|name| (&**name, &at)).collect());
        let mut found = 0;
        for name in all.iter().step_by(5) {
            let one_by_one = names.from_the_front.iter().filter(|(other, _)| of_a_kind(name, other));
            let expected = one_by_one.filter(|(other, _)| is_slip(name, other)).copied().min();
            assert_eq!(names.near(name), expected, "{name}");
            found += usize::from(expected.is_some());
        }
        assert!(found > 100, "{found}");
    }

    fn with_frames(end: &str) -> [String; 3] {
        [format!("user:{end}@acme.example"), format!("user:person-{end}"), format!("role:{end}-person")]
    }
}
