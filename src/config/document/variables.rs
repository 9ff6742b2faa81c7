//! Variables to settings: `BAILIWICK_` + section + `_` + key, and the names of Blockbrain's published guide.

use super::{Kind, Node, Table};
use crate::config::origin::Origin;
use crate::config::problem::BadSetting;
use crate::config::reading::{Reading, Warning};
use crate::model::nearest;

const PREFIX: &str = "BAILIWICK_";

/// The variable that names the configuration file; the command line reads it before anything else.
const CONFIG: &str = "BAILIWICK_CONFIG";

/// The guide's names for settings of ours. `JWKS_URL` and `AUDIENCE` belong to an issuer: see [`Guide`].
const GUIDE: [(&str, &str, &str); 5] = [
    ("SERVER_HOST", "server", "address"),
    ("OAUTH_CLIENT_ID", "oauth", "client_id"),
    ("OAUTH_CLIENT_SECRET", "oauth", "client_secret"),
    ("OAUTH_CLIENT_SECRET_FILE", "oauth", "client_secret_file"),
    ("VALIDATE_USER_TOKEN", "modes", "user_token"),
];

const ISSUER: [&str; 2] = ["JWKS_URL", "AUDIENCE"];

/// Sections whose keys the configuration chooses; they are written in the file only.
const FREE: [&str; 1] = ["claims"];

/// A variable, from `.env` or from the process.
pub(in crate::config) struct Variable {
    pub(in crate::config) name: String,
    pub(in crate::config) value: String,
    pub(in crate::config) origin: Origin,
}

/// Which of the two places variables come from: what is nobody's in `.env` is told, in the process's environment it is
/// everybody's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Place {
    Dotenv,
    Process,
}

/// What the guide's variables say of the issuer `blockbrain`.
#[derive(Default)]
pub(in crate::config) struct Guide {
    pub(in crate::config) jwks_url: Option<Node>,
    pub(in crate::config) audience: Option<Node>,
}

impl Guide {
    /// Lays the variables of a higher layer over these.
    pub(in crate::config) fn overlay(&mut self, upper: Self) {
        self.jwks_url = upper.jwks_url.or(self.jwks_url.take());
        self.audience = upper.audience.or(self.audience.take());
    }
}

/// The settings of one layer of variables, and the guide's two.
#[derive(Default)]
pub(in crate::config) struct Variables {
    pub(in crate::config) settings: Table,
    pub(in crate::config) guide: Guide,
}

impl Variables {
    /// Says whether a variable is one that this server reads.
    pub(in crate::config) fn is_ours(name: &str) -> bool {
        name.starts_with(PREFIX) || ISSUER.contains(&name) || GUIDE.iter().any(|(guide, ..)| *guide == name)
    }

    /// Says whether nothing is set.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.settings.entries.is_empty() && self.guide.jwks_url.is_none() && self.guide.audience.is_none()
    }

    /// Reads one layer. `known` is the document that says which settings there are.
    pub(in crate::config) fn read(variables: Vec<Variable>, place: Place, known: &Table, reading: &Reading) -> Self {
        let mut read = Self::default();
        let mut names: Vec<(String, String)> = Vec::new();
        for variable in variables {
            let Variable { name, value, origin } = variable;
            let node = Node { origin: origin.clone(), kind: Kind::Variable(value.clone()) };
            let (section, key) = if name == CONFIG && place == Place::Process {
                continue;
            } else if let Some(rest) = name.strip_prefix(PREFIX) {
                match setting(rest, known) {
                    Some(place) => place,
                    None if is_service_link(rest, &value) => continue,
                    None => {
                        let candidates = every_variable(known);
                        let nearest = nearest(&name, candidates.iter().map(String::as_str)).map(str::to_owned);
                        reading.refuse(&origin, BadSetting::UnknownVariable { name, nearest });
                        continue;
                    }
                }
            } else if let Some((_, section, key)) = GUIDE.iter().find(|(guide, ..)| *guide == name) {
                if value.is_empty() {
                    continue;
                }
                ((*section).to_owned(), (*key).to_owned())
            } else if ISSUER.contains(&name.as_str()) {
                let slot = if name == "AUDIENCE" { &mut read.guide.audience } else { &mut read.guide.jwks_url };
                *slot = (!value.is_empty()).then_some(node);
                continue;
            } else {
                if place == Place::Dotenv {
                    reading.warn(Warning::ForeignVariable { origin, name });
                }
                continue;
            };
            let whole = format!("{section}.{key}");
            let before = read.settings.get(&section).and_then(|entry| entry.node.kind.as_table()?.text(&key));
            if before.is_some_and(|before| before != value) {
                let one = names.iter().find(|(_, key)| *key == whole).map(|(name, _)| name.clone());
                let one = one.unwrap_or_else(|| whole.clone());
                reading.refuse(&origin, BadSetting::Contradiction { one, other: name, key: whole });
                continue;
            }
            names.push((name, whole));
            read.settings.insert(section, key, node);
        }
        read
    }
}

/// The section and key that a name without its prefix stands for. Sections have no `_`, so the first one parts them.
fn setting(rest: &str, known: &Table) -> Option<(String, String)> {
    let (section, key) = rest.split_once('_')?;
    if rest.bytes().any(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
    if FREE.contains(&section.as_str()) {
        return None;
    }
    let table = known.get(&section)?.node.kind.as_table()?;
    table.get(&key).filter(|entry| entry.node.kind.as_table().is_none())?;
    Some((section, key))
}

/// Every variable that there is.
fn every_variable(known: &Table) -> Vec<String> {
    let mut all = Vec::new();
    for section in known.entries.iter().filter(|section| !FREE.contains(&section.key.as_str())) {
        for entry in section.node.kind.as_table().map_or(&[][..], |table| &table.entries) {
            if entry.node.kind.as_table().is_none() {
                all.push(format!("{PREFIX}{}_{}", section.key, entry.key).to_ascii_uppercase());
            }
        }
    }
    all
}

/// Says whether Kubernetes made the variable for a Service whose name begins with ours (`enableServiceLinks`).
fn is_service_link(rest: &str, value: &str) -> bool {
    rest.ends_with("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
        || ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
        || ["_TCP_", "_UDP_", "_SCTP_"].iter().any(|protocol| rest.contains(protocol))
}
