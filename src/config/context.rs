//! `[context]`: which headers say what.

use std::collections::BTreeSet;

use http::HeaderName;

use super::origin::{At, Origin};
use super::problem::BadSetting;
use super::section::Section;
use super::settings::ContextHeaders;
use crate::model::ContextField;

/// The presets of `presets.toml`.
const PRESETS: [(&str, ()); 4] = [("blockbrain", ()), ("guide", ()), ("template", ()), ("none", ())];

/// Headers whose value is a credential: naming one here would put it into records.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

fn header(text: &str) -> Result<String, &'static str> {
    let name: HeaderName = text.parse().map_err(|_| "the name of a header, such as `X-Agent-ID`")?;
    if CREDENTIALS.contains(&name.as_str()) {
        return Err("a header that holds no credential");
    }
    Ok(text.to_owned())
}

/// Reads `[context]`, with the fields that policies may depend on.
pub(super) fn context(section: &mut Section<'_>) -> Option<(ContextHeaders, BTreeSet<ContextField>)> {
    let preset = section.word("preset", &PRESETS);
    let trusted = section.texts("trusted");
    let mut seen = Vec::new();
    let mut headers = |section: &mut Section<'_>, key: &'static str| {
        let names: Vec<At<String>> = section.checked_texts(key, header)?.value;
        distinct(section, key, &names, &mut seen);
        Some(names.into_iter().map(|name| name.value).collect::<Vec<String>>())
    };
    let agent = headers(section, "agent");
    let data_room = headers(section, "data_room");
    let thread = headers(section, "thread");
    let tenant = headers(section, "tenant");
    let external_user = headers(section, "external_user");
    let user = headers(section, "user");
    let user_email = headers(section, "user_email");

    preset?;
    let mut fields = BTreeSet::new();
    for word in trusted?.value {
        match ContextField::ALL.into_iter().find(|field| field.as_str() == word.value) {
            Some(field) => {
                fields.insert(field);
            }
            None => section.unknown_word("trusted", &word, ContextField::ALL.into_iter().map(ContextField::as_str)),
        }
    }
    let headers = ContextHeaders {
        fields: [(ContextField::Agent, agent?), (ContextField::DataRoom, data_room?), (ContextField::Thread, thread?)]
            .into_iter()
            .collect(),
        tenant: tenant?,
        external_user: external_user?,
        user: user?,
        user_email: user_email?,
    };
    Some((headers, fields))
}

/// Refuses a header that already says something else.
fn distinct(section: &Section<'_>, key: &str, names: &[At<String>], seen: &mut Vec<(String, Origin)>) {
    for name in names {
        let lower = name.value.to_ascii_lowercase();
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == lower) {
            let what = BadSetting::Twice {
                key: section.key(key),
                found: name.value.clone(),
                first: first.clone(),
                hint: "a header can say one thing only",
            };
            section.refuse(&name.origin, what);
        }
        seen.push((lower, name.origin.clone()));
    }
}
