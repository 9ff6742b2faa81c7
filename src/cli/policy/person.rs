//! People who have sent no token: names, and what their names say of their attributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::Value as Json;

use crate::catalog::{Catalog, ClaimType};
use crate::model::{Assurance, Attributes, Context, Name, Number, Requester, Tenant, Value};
use crate::model::{nearest, suggestion};
use crate::policy;

/// The claims that every token has or may have; the rest must be declared in `[claims]`.
const BUILT_IN: [&str; 3] = ["id", "external_id", "email"];

/// A declared tenant, or what would be right.
pub(super) fn tenant(name: &str, catalog: &Catalog) -> anyhow::Result<Tenant> {
    let known: Vec<_> = catalog.tenants.keys().map(Tenant::as_str).collect();
    match catalog.tenants.keys().find(|tenant| tenant.as_str() == name) {
        Some(tenant) => Ok(tenant.clone()),
        None => bail!("`{name}` is not a declared tenant{}", instead(name, &known)),
    }
}

/// The word that was probably meant, else all there are.
pub(super) fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => suggestion(Some(near)),
        None if known.is_empty() => "; there is none".to_owned(),
        None => format!("; there are: {}", known.join(", ")),
    }
}

/// Refuses what nobody can be called.
pub(super) fn check_names(names: &[String], catalog: &Catalog) -> anyhow::Result<()> {
    match names.iter().find_map(|name| policy::bad_name(name, catalog)) {
        Some(why) => bail!("--as: {why}"),
        None => Ok(()),
    }
}

/// Somebody verified who goes by these names. `user:x` has the external id `x`; `subject:i/x` has the id `x`.
pub(super) fn requester(tenant: &Tenant, names: &[impl AsRef<str>], context: Context) -> anyhow::Result<Requester> {
    let mut attributes = Attributes { assurance: Some(Assurance::Verified), ..Attributes::default() };
    for name in names.iter().map(AsRef::as_ref) {
        if let Some(external) = name.strip_prefix("user:") {
            attributes.external_id = Some(external.parse().with_context(|| format!("`{external}` is no user id"))?);
        }
        if let Some((issuer, id)) = name.strip_prefix("subject:").and_then(|subject| subject.split_once('/')) {
            attributes.issuer = Some(issuer.parse().with_context(|| format!("`{issuer}` is no issuer name"))?);
            attributes.id = Some(id.parse().with_context(|| format!("`{id}` is no subject"))?);
        }
    }
    let names = names.iter().map(|name| Arc::from(name.as_ref())).chain([Arc::from("verified")]).collect();
    Ok(Requester { tenant: tenant.clone(), names, attributes, context })
}

/// The same person, whom a platform names by this client and who has proved nothing (`client create --asserts-users`): what is left
/// is what a platform's word can say.
pub(super) fn asserted(mut requester: Requester, client: &str) -> anyhow::Result<Requester> {
    let mut proved = requester.names.iter().filter(|name| !name.starts_with("user:") && !name.starts_with("role:"));
    if let Some(name) = proved.find(|name| name.as_ref() != "verified") {
        bail!("a platform names a person by `user:` alone, and `{name}` is what somebody proves; leave it out");
    }
    let users = requester.names.iter().filter(|name| name.starts_with("user:")).count();
    if users > 1 {
        bail!("a platform names one person, and here are {users} `user:` names; leave one");
    }
    requester.names.retain(|name| name.as_ref() != "verified");
    requester.attributes.assurance = Some(Assurance::Asserted);
    requester.attributes.actor = Some(client.parse().with_context(|| format!("`{client}` is no client id"))?);
    Ok(requester)
}

/// Adds the claims of a file to the attributes, by the types that the catalog declares.
pub(super) fn add_claims(attributes: &mut Attributes, claims: &str, catalog: &Catalog) -> anyhow::Result<()> {
    let claims: BTreeMap<String, Json> = serde_json::from_str(claims).context("the claims are not a JSON object")?;
    claims.iter().try_for_each(|(name, value)| add_claim(attributes, name, value, catalog))
}

/// Adds one claim.
pub(super) fn add_claim(
    attributes: &mut Attributes,
    name: &str,
    value: &Json,
    catalog: &Catalog,
) -> anyhow::Result<()> {
    match (name, value) {
        ("id", Json::String(text)) => attributes.id = Some(text.parse().context("`id`")?),
        ("external_id", Json::String(text)) => {
            attributes.external_id = Some(text.parse().context("`external_id`")?);
        }
        ("email", Json::String(text)) => attributes.email = Some(text.as_str().into()),
        (known, _) if BUILT_IN.contains(&known) => bail!("the claim `{known}` is {value}; it must be a text"),
        (name, value) => {
            let Some((declared, kind)) = catalog.claims.get_key_value(name) else {
                let known: Vec<_> = BUILT_IN.into_iter().chain(catalog.claims.keys().map(Name::as_str)).collect();
                bail!("the claim `{name}` is not declared{}", instead(name, &known));
            };
            attributes.claims.insert(declared.clone(), typed(name, value, *kind)?);
        }
    }
    Ok(())
}

fn typed(name: &str, value: &Json, kind: ClaimType) -> anyhow::Result<Value> {
    let typed = match (kind, value) {
        (ClaimType::Text, Json::String(text)) => Some(Value::text(text)),
        (ClaimType::Number, Json::Number(number)) => Number::from_json(number).map(Value::Number),
        (ClaimType::Boolean, Json::Bool(boolean)) => Some(Value::Boolean(*boolean)),
        (ClaimType::Text | ClaimType::Number | ClaimType::Boolean, _) => None,
    };
    typed.with_context(|| format!("the claim `{name}` is {value}; it is declared as {kind:?}").to_lowercase())
}
