//! `[[sign_in]]`: the OpenID providers where people can prove who they are, besides by an account of this server.
//!
//! A provider is one of the `[[issuer]]`s: its keys, and what its claims mean, are written there once, so that somebody who
//! signs in is whom a forwarded token would prove. What stands here is how we are known to it.

use std::time::Duration;

use url::Url;

use super::issuer::key_url;
use super::origin::At;
use super::problem::BadSetting;
use super::reading::Warning;
use super::section::{Section, join};
use super::settings::{Issuer, KeySource};
use crate::model::{ClientId, IssuerName, Secret};

/// What is asked for where nothing is written.
const SCOPES: [&str; 2] = ["openid", "email"];

/// How long what a provider says counts where nothing is written: somebody who leaves the company is out a day later at the latest.
const COUNTS_FOR: Duration = Duration::from_hours(24);

/// An OpenID provider where people can sign in.
#[derive(Debug)]
pub struct SignIn {
    /// The `[[issuer]]` that it is.
    pub issuer: IssuerName,
    /// What the button says that leads there.
    pub label: String,
    /// How it knows us.
    pub client_id: ClientId,
    /// What we prove that with, unless we are a public client there.
    pub client_secret: Option<Secret>,
    /// What is asked for; `openid` is among it.
    pub scopes: Vec<String>,
    /// Where its metadata is (OpenID Connect Discovery 1.0).
    pub metadata: Url,
    /// How long what it says of somebody counts.
    pub counts_for: Duration,
}

/// A `[[sign_in]]` as it is written.
pub(super) struct Written {
    pub(super) issuer: At<String>,
    label: Option<String>,
    client_id: ClientId,
    client_secret: Option<Secret>,
    scopes: Vec<String>,
    metadata: Option<Url>,
    counts_for: Duration,
}

/// Reads every `[[sign_in]]`.
pub(super) fn written(root: &mut Section<'_>) -> Vec<Written> {
    root.tables("sign_in", true, |section| {
        let issuer = section.text("issuer");
        let issuer = section.need("issuer", issuer, "write the name of the `[[issuer]]` whose people shall sign in");
        let label = section.checked("label", label);
        let client_id = section.checked("client_id", |text| text.parse::<ClientId>().map_err(|_| "an identifier"));
        let client_id = section.need("client_id", client_id, "write the id that the provider knows this server by");
        let client_secret = section.secret("client_secret", "client_secret_file");
        let scopes = scopes(section);
        let metadata = section.checked("discovery_url", key_url);
        let counts_for = section.duration("counts_for", Duration::from_hours(1)..=Duration::from_hours(365 * 24));
        let counts_for = match counts_for {
            Some(written) => written.value,
            None if section.has("counts_for") => return None,
            None => COUNTS_FOR,
        };
        Some(Written {
            issuer: issuer?,
            label: label.map(|label| label.value),
            client_id: client_id?.value,
            client_secret: client_secret.map(|secret| secret.value),
            scopes: scopes?,
            metadata: metadata.map(|url| url.value),
            counts_for,
        })
    })
}

/// What fits on a button.
fn label(text: &str) -> Result<String, &'static str> {
    let fits = !text.trim().is_empty() && text.chars().count() <= 40 && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("a name of 1 to 40 characters") }
}

fn scopes(section: &mut Section<'_>) -> Option<Vec<String>> {
    let Some(written) = section.texts("scopes") else {
        return (!section.has("scopes")).then(|| SCOPES.map(ToOwned::to_owned).into());
    };
    let unfit =
        |text: &String| text.is_empty() || text.bytes().any(|b| !(0x21..=0x7e).contains(&b) || b == b'"' || b == b'\\');
    let texts: Vec<String> = written.value.into_iter().map(|text| text.value).collect();
    if texts.iter().any(unfit) || !texts.iter().any(|text| text == "openid") {
        let expected = "scopes with `openid` among them: without it nobody is told who signed in";
        section.unfit(&written.origin, section.key("scopes"), join(texts.iter().map(String::as_str)), expected);
        return None;
    }
    Some(texts)
}

/// Checks what is written against the issuers, of which some may have been refused, so that there are only their names; `own` says
/// whether anybody can sign in at all.
pub(super) fn sign_ins(
    root: &Section<'_>,
    written: Vec<Written>,
    (issuers, names): (&[Issuer], &[String]),
    own: bool,
) -> Vec<SignIn> {
    let mut seen: Vec<At<String>> = Vec::new();
    let mut sign_ins = Vec::new();
    for Written { issuer: named, label, client_id, client_secret, scopes, metadata, counts_for } in written {
        let key = || "sign_in.issuer".to_owned();
        if let Some(first) = seen.iter().find(|first| first.value == named.value) {
            let hint = "people sign in at a provider in one way";
            let (found, first) = (named.value.clone(), first.origin.clone());
            root.refuse(&named.origin, BadSetting::Twice { key: key(), found, first, hint });
            continue;
        }
        seen.push(named.clone());
        let Some(issuer) = issuers.iter().find(|issuer| issuer.name.as_str() == named.value) else {
            if !names.contains(&named.value) {
                root.unknown_word("sign_in.issuer", &named, names.iter().map(String::as_str));
            }
            continue;
        };
        let Some(metadata) = metadata.or_else(|| metadata_of(issuer)) else {
            let hint = "write `discovery_url`: the address of its `openid-configuration`";
            root.refuse(
                &named.origin,
                BadSetting::Missing { key: "sign_in.discovery_url".to_owned(), hint: hint.into() },
            );
            continue;
        };
        if !own {
            root.reading().warn(Warning::SignInUnused(named.value));
        }
        let label = label.unwrap_or_else(|| issuer.name.to_string());
        let issuer = issuer.name.clone();
        sign_ins.push(SignIn { issuer, label, client_id, client_secret, scopes, metadata, counts_for });
    }
    sign_ins
}

/// Where an issuer's metadata is, if it is where OpenID Connect Discovery 1.0, section 4, puts it.
fn metadata_of(issuer: &Issuer) -> Option<Url> {
    if let KeySource::Discovery(url) = &issuer.keys {
        return Some(url.clone());
    }
    let first = issuer.issuers.first()?;
    key_url(&format!("{}/.well-known/openid-configuration", first.trim_end_matches('/'))).ok()
}
