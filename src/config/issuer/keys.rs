//! Where an issuer's keys come from, and how they are kept.

use std::time::Duration;

use url::Url;

use crate::config::origin::{At, Origin};
use crate::config::problem::BadSetting;
use crate::config::quantity::show_duration;
use crate::config::reading::Warning;
use crate::config::section::Section;
use crate::config::settings::{KeyLimits, KeySource};
use crate::model::{IssuerName, is_of_this_machine};

const KEY_URL: &str = "a URL that begins with `https://` (`http://` on a loopback address), without a user or password";

/// A URL that keys may be fetched from: the network must not be able to change them.
pub(in crate::config) fn key_url(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| KEY_URL)?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_of_this_machine(&url));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if safe && plain { Ok(url) } else { Err(KEY_URL) }
}

/// Reads where an issuer's keys are; if nothing is written, its metadata says so.
pub(super) fn source(section: &mut Section<'_>, iss: Option<&At<Vec<At<String>>>>) -> Option<KeySource> {
    let jwks = section.checked("jwks_url", key_url);
    let discovery = section.checked("discovery_url", key_url);
    match (jwks, discovery) {
        (Some(_), Some(discovery)) => {
            let what = BadSetting::Both {
                one: section.key("jwks_url"),
                other: section.key("discovery_url"),
                hint: "leave `jwks_url` out if the metadata shall say where the keys are",
            };
            section.refuse(&discovery.origin, what);
            None
        }
        (Some(url), None) => Some(KeySource::Jwks(url.value)),
        (None, Some(url)) => Some(KeySource::Discovery(url.value)),
        (None, None) if section.has("jwks_url") || section.has("discovery_url") => None,
        (None, None) => {
            // OpenID Connect Discovery 1.0, section 4: the path is appended to the issuer without its final slash.
            let first = iss?.value.first()?;
            let text = format!("{}/.well-known/openid-configuration", first.value.trim_end_matches('/'));
            let Ok(url) = key_url(&text) else {
                let expected = "an `https://` URL, below which its metadata is; or else write `jwks_url`";
                section.unfit(&first.origin, section.key("issuer"), format!("{:?}", first.value), expected);
                return None;
            };
            section.take("discovery_url", text, &Origin::Derived("from issuer"));
            Some(KeySource::Discovery(url))
        }
    }
}

/// Warns where the keys of the Blockbrain preset were replaced and its issuer was not: real tokens may say otherwise.
pub(super) fn warn_of_foreign(section: &Section<'_>, name: &IssuerName, keys: &Url) {
    let Some((iss, Origin::Preset(_))) = section.raw_text("issuer") else { return };
    if iss.parse::<Url>().is_ok_and(|iss| iss.origin() != keys.origin()) {
        section.reading().warn(Warning::KeysElsewhere {
            issuer: name.to_string(),
            keys: keys.to_string(),
            iss: iss.to_owned(),
        });
    }
}

/// Reads `[issuer.keys]`.
pub(super) fn limits(section: &mut Section<'_>) -> Option<KeyLimits> {
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_hours(24);
    let cool_down = section.duration("cool_down", SECOND..=DAY);
    let fresh = section.duration("fresh", SECOND..=DAY);
    let fresh_min = section.duration("fresh_min", SECOND..=DAY);
    let fresh_max = section.duration("fresh_max", SECOND..=DAY);
    let stale = section.duration("stale", Duration::ZERO..=DAY);
    let negative = section.duration("negative", SECOND..=DAY);
    let max_bytes = section.size("max_size", 1 << 10..=1 << 20);
    let max_keys = section.integer::<usize>("max_keys", 1..=1_000);
    let timeout = section.duration("timeout", Duration::from_millis(100)..=Duration::from_secs(30));
    let (fresh, min, max) = (fresh?, fresh_min?, fresh_max?);
    if min.value > max.value {
        let expected = "a duration that is not longer than `fresh_max`";
        section.unfit(&min.origin, section.key("fresh_min"), format!("\"{}\"", show_duration(min.value)), expected);
        return None;
    }
    Some(KeyLimits {
        cool_down: cool_down?.value,
        fresh: fresh.value.clamp(min.value, max.value),
        fresh_bounds: (min.value, max.value),
        stale: stale?.value,
        negative: negative?.value,
        max_bytes: usize::try_from(max_bytes?.value).ok()?,
        max_keys: max_keys?.value,
        timeout: timeout?.value,
    })
}
