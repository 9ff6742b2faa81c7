//! `[claims]` and `[policy.lists]`: the names that conditions find under `r.sub`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::ClaimType;
use super::super::error::{BadDeclaration, Findings};
use crate::config::At;
use crate::model::Name;

/// What every requester has under `r.sub`.
const BUILT_IN: [&str; 8] = ["id", "external_id", "issuer", "tenant", "email", "assurance", "actor", "names"];

/// Prefixes of names that only a verified credential, or a role, can give.
const RESERVED_PREFIXES: [&str; 5] = ["user:", "subject:", "idp:", "role:", "client:"];

/// The list that is always there, and its prefix.
const ROOMS: (&str, &str) = ("rooms", "room:");

const CLAIM_TYPES: [(&str, ClaimType); 3] =
    [("text", ClaimType::Text), ("number", ClaimType::Number), ("boolean", ClaimType::Boolean)];

/// Reads the name of a claim or list.
fn name(section: &str, text: &At<String>, findings: &mut Findings) -> Option<Name> {
    let key = format!("{section}.{}", text.value);
    match text.value.parse::<Name>() {
        Err(reason) => {
            findings.refuse(&text.origin, BadDeclaration::Name { key, reason });
            None
        }
        Ok(name) if BUILT_IN.contains(&name.as_str()) => {
            let found = format!("the name of what every requester has as `r.sub.{name}`");
            findings.unfit(&text.origin, key, found, "another name");
            None
        }
        Ok(name) => Some(name),
    }
}

/// Checks `[claims]`.
pub(super) fn claims(declared: &[(At<String>, At<String>)], findings: &mut Findings) -> BTreeMap<Name, ClaimType> {
    let mut claims = BTreeMap::new();
    for (text, kind) in declared {
        let name = name("claims", text, findings);
        let found = CLAIM_TYPES.iter().find(|(word, _)| *word == kind.value);
        if found.is_none() {
            let words = CLAIM_TYPES.iter().map(|(word, _)| *word);
            findings.unknown(&kind.origin, format!("claims.{}", text.value), "type", &kind.value, words);
        }
        claims.extend(name.zip(found.map(|(_, kind)| *kind)));
    }
    claims
}

/// Checks `[policy.lists]` and adds `rooms`.
pub(super) fn lists(
    declared: &[(At<String>, At<String>)],
    claims: &[(At<String>, At<String>)],
    findings: &mut Findings,
) -> BTreeMap<Name, Arc<str>> {
    let mut lists: BTreeMap<Name, Arc<str>> = BTreeMap::new();
    lists.extend(ROOMS.0.parse().ok().map(|name| (name, ROOMS.1.into())));
    for (index, (text, prefix)) in declared.iter().enumerate() {
        let key = format!("policy.lists.{}", text.value);
        if text.value == ROOMS.0 {
            findings.unfit(&text.origin, key, "built in, as the list of what follows `room:`", "another name");
            continue;
        }
        if let Some((claim, _)) = claims.iter().find(|(claim, _)| claim.value == text.value) {
            let hint = "a claim has that name, and `r.sub` can hold it once";
            let (found, first) = (text.value.clone(), claim.origin.clone());
            findings.refuse(&text.origin, BadDeclaration::Twice { key, found, first, hint });
            continue;
        }
        let name = name("policy.lists", text, findings);
        let before = declared.iter().take(index).find(|(_, other)| other.value == prefix.value);
        if let Some(word) = bad_prefix(&prefix.value) {
            findings.unfit(&prefix.origin, key, format!("`{}`", prefix.value), word);
        } else if let Some((_, other)) = before {
            let hint = "two lists cannot be filled by one prefix";
            let (found, first) = (prefix.value.clone(), other.origin.clone());
            findings.refuse(&prefix.origin, BadDeclaration::Twice { key, found, first, hint });
        } else {
            lists.extend(name.map(|name| (name, prefix.value.as_str().into())));
        }
    }
    lists
}

/// Says what a prefix should be instead.
fn bad_prefix(prefix: &str) -> Option<&'static str> {
    let form =
        "a prefix of small letters, digits, `-` and `_` that begins with a letter and ends with `:`, such as `report:`";
    let Some(word) = prefix.strip_suffix(':') else { return Some(form) };
    let first = word.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if !first || !word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')) {
        Some(form)
    } else if RESERVED_PREFIXES.contains(&prefix) || prefix == ROOMS.1 {
        Some("a prefix that is not built in (`user:`, `subject:`, `idp:`, `role:`, `client:` and `room:` are)")
    } else {
        None
    }
}
