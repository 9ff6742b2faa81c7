//! What a provider says of a person besides what it has signed (OpenID Connect Core 1.0, section 5.3).
//!
//! Many providers keep ID tokens short, and say roles or an organisation only to whoever asks with the access token. So they
//! are asked where the issuer's `claims` name something that the ID token has not. What it has counts as it is there: the answer
//! is not signed, adds what is missing, and only what is read of a person. That it does not come refuses the sign-in, since
//! somebody with fewer claims is not somebody with fewer rights: a denial may be about a role.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::fault::ProviderError;
use super::metadata::Metadata;
use super::{Provider, of_id_tokens, read};
use crate::config;
use crate::keys::{Claims, Person};
use crate::model::BearerToken;

impl Provider {
    /// The person of an ID token by its claims and those that it lacks, where the provider was asked for them.
    pub(super) async fn told(
        &self,
        signed: &Claims,
        documents: &Metadata,
        access: Option<&BearerToken>,
    ) -> Result<Option<Arc<Person>>, ProviderError> {
        let map = &self.issuer.claims;
        let (Some(url), Some(access), true) = (&documents.userinfo, access, is_lacking(signed, map)) else {
            return Ok(None);
        };
        let said = self.wire.userinfo(url, access).await?;
        let subject = said.get("sub").and_then(Value::as_str);
        if subject.is_none() || subject != signed.text("sub") {
            return Err(ProviderError::OtherPerson { url: url.clone() });
        }
        let told = signed.and(&said, added(signed, &said, map));
        for (left, right) in &map.equal {
            if told.has(left) && told.has(right) && told.get(left) != told.get(right) {
                let pair = format!("`{left}` and `{right}`").into();
                return Err(ProviderError::Contradiction { url: url.clone(), pair });
            }
        }
        let issuer = of_id_tokens(&self.issuer, &self.settings);
        Ok(Some(Arc::new(Person::told(issuer, told))))
    }
}

/// Whether there is something that the issuer's map names, and that the ID token has not. For an address alone nobody is asked.
fn is_lacking(signed: &Claims, map: &config::Claims) -> bool {
    let one_of = |names: &[String]| names.is_empty() || names.iter().any(|name| signed.has(name));
    let roles = map.roles.iter().map(|role| &role.claim);
    let all = map.attributes.values().chain(&map.user_header).chain(roles).all(|name| signed.has(name));
    !(all && one_of(&map.external_user) && one_of(&map.organisation))
}

/// What the answer can add. Whether an address is verified is said by whoever says the address; and of several claims that stand
/// for one thing, one that is signed is not put aside for another that is not.
fn added<'n>(
    signed: &'n Claims,
    said: &'n Map<String, Value>,
    map: &'n config::Claims,
) -> impl Iterator<Item = &'n str> {
    let stands = |names: &[String], name: &str| {
        names.iter().any(|known| known == name) && names.iter().any(|known| signed.has(known))
    };
    read(map).filter(move |name| {
        let of_address = *name == "email_verified" && signed.has("email");
        let is_signed_otherwise = stands(&map.external_user, name) || stands(&map.organisation, name);
        !of_address && !is_signed_otherwise && said.contains_key(*name)
    })
}
