//! `[[tenant]]`: who can ask.

use std::collections::{BTreeMap, BTreeSet};

use super::super::TenantEntry;
use super::super::error::{BadDeclaration, Findings};
use crate::config::{At, Origin, TenantDeclaration};
use crate::model::{BadIdentifier, DataRoom, IssuerName, OrganisationId, Tenant};

/// A way to spell a tenant that its issuer, or the platform before it, uses.
struct Spelling<'d> {
    issuer: Option<&'d str>,
    tenant: &'d str,
    text: &'d str,
    origin: &'d Origin,
}

/// Checks every `[[tenant]]`.
pub(super) fn tenants(
    declared: &[TenantDeclaration],
    issuers: &BTreeSet<IssuerName>,
    findings: &mut Findings,
) -> BTreeMap<Tenant, TenantEntry> {
    let mut tenants: BTreeMap<Tenant, TenantEntry> = BTreeMap::new();
    let mut spellings: Vec<Spelling<'_>> = Vec::new();
    for (index, declaration) in declared.iter().enumerate() {
        let before = declared.iter().take(index).find(|other| other.name.value == declaration.name.value);
        if let Some(first) = before {
            let what = BadDeclaration::Twice {
                key: "tenant.name".to_owned(),
                found: declaration.name.value.clone(),
                first: first.name.origin.clone(),
                hint: "a tenant is declared once; add organisation ids to it",
            };
            findings.refuse(&declaration.name.origin, what);
            continue;
        }
        check_spellings(declaration, &mut spellings, findings);
        if let Some(entry) = tenant(declaration, issuers, findings) {
            tenants.insert(entry.name.clone(), entry);
        }
    }
    tenants
}

/// Reads an identifier of the issuer's or the platform's.
fn identifier<T: std::str::FromStr<Err = BadIdentifier>>(
    key: String,
    text: &At<String>,
    findings: &mut Findings,
) -> Option<T> {
    match text.value.parse() {
        Ok(identifier) => Some(identifier),
        Err(reason) => {
            findings.refuse(&text.origin, BadDeclaration::Identifier { key, found: text.value.clone(), reason });
            None
        }
    }
}

fn organisations(declaration: &TenantDeclaration) -> &[At<String>] {
    declaration.organisations.as_ref().map_or(&[], |ids| ids.value.as_slice())
}

fn tenant(
    declaration: &TenantDeclaration,
    issuers: &BTreeSet<IssuerName>,
    findings: &mut Findings,
) -> Option<TenantEntry> {
    let key = |word: &str| format!("tenant.{}.{word}", declaration.name.value);
    let name = match declaration.name.value.parse::<Tenant>() {
        Ok(name) => Some(name),
        Err(reason) => {
            findings.refuse(&declaration.name.origin, BadDeclaration::Name { key: key("name"), reason });
            None
        }
    };
    let issuer = match &declaration.issuer {
        None => Some(None),
        Some(named) => {
            let issuer = issuers.iter().find(|issuer| issuer.as_str() == named.value);
            if issuer.is_none() {
                let known = issuers.iter().map(IssuerName::as_str);
                findings.unknown(&named.origin, key("issuer"), "issuer", &named.value, known);
            }
            issuer.cloned().map(Some)
        }
    };
    if let Some(organisations) = declaration.organisations.as_ref().filter(|ids| ids.value.is_empty()) {
        let expected = "at least one organisation id: no token could be told to belong to this tenant";
        findings.unfit(&organisations.origin, key("organisations"), "empty", expected);
    }
    let organisations: BTreeSet<OrganisationId> =
        organisations(declaration).iter().filter_map(|id| identifier(key("organisations"), id, findings)).collect();
    let aliases: BTreeSet<String> = declaration
        .aliases
        .iter()
        .filter_map(|alias| identifier::<OrganisationId>(key("aliases"), alias, findings))
        .map(|alias| alias.as_str().to_owned())
        .collect();
    let mut data_rooms = BTreeMap::new();
    for (alias, room) in &declaration.data_rooms {
        let spelled = identifier::<DataRoom>(key("data_rooms"), alias, findings);
        let room = identifier::<DataRoom>(key("data_rooms"), room, findings);
        data_rooms.extend(spelled.zip(room).map(|(spelled, room)| (spelled.as_str().to_owned(), room)));
    }
    Some(TenantEntry {
        name: name?,
        issuer: issuer?,
        organisations,
        aliases,
        data_rooms,
        data_rooms_as_is: declaration.data_rooms_as_is,
    })
}

/// Refuses a spelling that means another tenant of the same issuer already.
fn check_spellings<'d>(declaration: &'d TenantDeclaration, spellings: &mut Vec<Spelling<'d>>, findings: &mut Findings) {
    let tenant = declaration.name.value.as_str();
    let issuer = declaration.issuer.as_ref().map(|issuer| issuer.value.as_str());
    let groups = [
        ("name", std::slice::from_ref(&declaration.name)),
        ("organisations", organisations(declaration)),
        ("aliases", declaration.aliases.as_slice()),
    ];
    for (word, texts) in groups {
        for At { value, origin } in texts {
            let other =
                spellings.iter().find(|other| other.issuer == issuer && other.tenant != tenant && other.text == value);
            if let Some(other) = other {
                let what = BadDeclaration::Twice {
                    key: format!("tenant.{tenant}.{word}"),
                    found: value.clone(),
                    first: other.origin.clone(),
                    hint: "for one issuer it can mean one tenant only",
                };
                findings.refuse(origin, what);
            }
            spellings.push(Spelling { issuer, tenant, text: value, origin });
        }
    }
}
