//! What an issuer's claims mean.

use std::collections::BTreeMap;

use super::{some, texts};
use crate::config::section::Section;
use crate::config::settings::{Claims, RoleClaim, RoleShape};
use crate::model::Name;

/// Reads `[issuer.claims]`; `declared` are the names of `[claims]`.
pub(super) fn claims(section: &mut Section<'_>, declared: &[Name], wants_users: bool) -> Option<Claims> {
    let external_user = section.texts("external_user");
    if let Some(claims) = &external_user
        && claims.value.is_empty()
        && wants_users
    {
        let expected = "the claim that gives `user:` names, since `users = true`";
        section.unfit(&claims.origin, section.key("external_user"), "empty".to_owned(), expected);
    }
    let organisation = some(section, "organisation");
    let organisation =
        section.need("organisation", organisation, "without it no token could be told to belong to a tenant");
    let equal = section.couples("equal");
    let roles = section.tables("roles", true, |section| {
        let claim = section.text("claim");
        let claim = section.need("claim", claim, "write the name of the claim");
        let shapes = [("per_organisation", RoleShape::PerOrganisation), ("list", RoleShape::List)];
        let shape = section.word("shape", &shapes);
        let shape = section.need("shape", shape, "write `per_organisation` or `list`");
        Some(RoleClaim { claim: claim?.value, shape: shape?.value })
    });
    let scope = section.text("scope");
    let user_header = section.text("user_header");
    let absent = section.texts("absent");
    let required = section.texts("required");
    let mut attributes: BTreeMap<Name, String> = declared.iter().map(|name| (name.clone(), name.to_string())).collect();
    for (name, claim) in section.pairs("attributes") {
        match attributes.iter_mut().find(|(known, _)| known.as_str() == name.value) {
            Some((_, source)) => *source = claim.value,
            None if declared.is_empty() => {
                let expected = "a claim that `[claims]` declares, which declares none";
                section.unfit(&name.origin, section.key("attributes"), format!("for `{}`", name.value), expected);
            }
            None => section.unknown_word("attributes", &name, declared.iter().map(Name::as_str)),
        }
    }
    Some(Claims {
        external_user: texts(external_user?.value),
        organisation: texts(organisation?.value),
        equal: equal?,
        roles,
        scope: scope.map(|claim| claim.value),
        user_header: user_header.map(|claim| claim.value),
        absent: texts(absent?.value),
        required: texts(required?.value),
        attributes,
    })
}
