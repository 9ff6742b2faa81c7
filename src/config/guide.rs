//! The published guide of Blockbrain: its issuer from two variables, and its example values.

use super::document::{Guide, Kind, Node, Table};
use super::origin::{At, Origin};
use super::problem::BadSetting;
use super::reading::{Reading, Warning};
use super::section::Section;
use crate::model::Secret;

const ISSUER: &str = "blockbrain";

/// Says whether a value is one that guides put where the reader's own belongs.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    ["your-", "your_", "<your"].iter().any(|prefix| lower.starts_with(prefix)) || lower == "changeme"
}

/// Refuses example values, except on a loopback address, where they can do no harm.
pub(super) fn check_placeholders(
    section: &Section<'_>,
    key: &str,
    values: &[At<String>],
    hint: &'static str,
    loopback: bool,
) {
    for At { value, origin } in values.iter().filter(|text| is_placeholder(&text.value)) {
        placeholder(section, key, value, origin, hint, loopback);
    }
}

/// The same for a secret, which is not shown even if it is an example. Says whether it is one.
pub(super) fn check_secret_placeholder(section: &Section<'_>, key: &str, secret: &At<Secret>, loopback: bool) -> bool {
    let is_example = is_placeholder(secret.value.expose());
    if is_example {
        let hint = "write the secret that the authorization server gave to this server";
        placeholder(section, key, "[secret]", &secret.origin, hint, loopback);
    }
    is_example
}

fn placeholder(section: &Section<'_>, key: &str, value: &str, origin: &Origin, hint: &'static str, loopback: bool) {
    let (key, value) = (section.key(key), value.to_owned());
    if loopback {
        section.reading().warn(Warning::Placeholder { key, value });
    } else {
        section.refuse(origin, BadSetting::Placeholder { key, found: value, hint });
    }
}

impl Guide {
    /// Completes the issuer with the preset `blockbrain`, or adds it.
    ///
    /// The guide has no word for the clients whose tokens are accepted. An issuer that stands in the variables alone
    /// therefore accepts any client where only this machine can call, and is refused everywhere else.
    pub(super) fn complete(self, document: &mut Table, loopback: bool, reading: &Reading) {
        let Some(origin) = self.audience.as_ref().or(self.jwks_url.as_ref()).map(|node| node.origin.clone()) else {
            return;
        };
        let mut ours: Vec<&mut Table> = document
            .tables_mut("issuer")
            .map(|(_, table)| table)
            .filter(|table| table.text("preset") == Some(ISSUER))
            .collect();
        match ours.as_mut_slice() {
            [] => {}
            [issuer] => return self.write(issuer),
            several => {
                let what = BadSetting::Unfit {
                    key: "issuer".to_owned(),
                    found: format!("{} issuers with the preset `{ISSUER}`", several.len()),
                    expected: "one of them, for this variable to complete; write the values in the file".into(),
                };
                return reading.refuse(&origin, what);
            }
        }
        let mut issuer = Table::default();
        for key in ["name", "preset"] {
            issuer.set(key, Node { origin: origin.clone(), kind: Kind::Text(ISSUER.to_owned()) });
        }
        if loopback {
            let from = Origin::Derived("from server.address");
            issuer.set("any_client", Node { origin: from, kind: Kind::Boolean(true) });
        }
        self.write(&mut issuer);
        document.append("issuer", Node { origin, kind: Kind::Table(issuer) });
    }

    fn write(self, issuer: &mut Table) {
        for (key, node) in [("jwks_url", self.jwks_url), ("audience", self.audience)] {
            if let Some(node) = node {
                issuer.set(key, node);
            }
        }
    }
}
