//! One reading of a configuration: what it found wrong, what it took, what it wants to be known.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use super::origin::Origin;
use super::problem::{BadSetting, ConfigErrors, Problem};

/// A setting in force, with its value as it may be shown (a secret is `[secret]`) and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The whole key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Something that is accepted, and that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Tokens travel in the clear outside this machine.
    PlainHttp(String),
    /// A token of any client of the issuer is accepted.
    AnyClient(String),
    /// An example value of the Blockbrain guide is in force.
    Placeholder {
        /// The whole key.
        key: String,
        /// The example value.
        value: String,
    },
    /// A variable of `.env` that is nobody's here.
    ForeignVariable {
        /// Where it stands.
        origin: Origin,
        /// Its name.
        name: String,
    },
    /// No tenant names the issuer.
    NoTenant(String),
    /// A client is written for the authorization server, which is off.
    OauthUnused,
    /// People shall sign in at a provider, and the authorization server is off.
    SignInUnused(String),
    /// A client is written without a redirect URI.
    NoRedirectUri,
    /// Documents of clients are fetched from inside.
    InternalClientHost(String),
    /// The Blockbrain preset's keys were replaced, and its issuer was not.
    KeysElsewhere {
        /// The issuer's name.
        issuer: String,
        /// Where its keys come from.
        keys: String,
        /// What its tokens must say in `iss`.
        iss: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp(url) => {
                write!(
                    f,
                    "`server.public_url` is `{url}`: tokens travel in the clear; put TLS in front and write `https://`"
                )
            }
            Self::AnyClient(issuer) => write!(
                f,
                "`issuer.{issuer}` accepts tokens of any client: every application of that issuer can call; write `clients`"
            ),
            Self::Placeholder { key, value } => {
                write!(f, "`{key}` is `{value}`, an example value: no real token will match it")
            }
            Self::ForeignVariable { origin, name } => {
                write!(f, "{origin}: `{name}` is not a setting of this server, and is ignored")
            }
            Self::NoTenant(issuer) => write!(
                f,
                "no `[[tenant]]` names the issuer `{issuer}`: every token of it is refused as `unknown_tenant`"
            ),
            Self::OauthUnused => {
                f.write_str("`oauth.client_id` is a client of the authorization server, which is off; `oauth.enabled = true` turns it on")
            }
            Self::SignInUnused(issuer) => write!(
                f,
                "nobody signs in at `{issuer}`, because the authorization server is off; `oauth.enabled = true` turns it on"
            ),
            Self::NoRedirectUri => f.write_str(
                "`oauth.client_id` has no `oauth.redirect_uris`, so nobody can sign in for it: write where its answers go, such \
                 as the callback that the platform shows for this server",
            ),
            Self::InternalClientHost(host) => write!(
                f,
                "`oauth.client_host.{host}` is `internal`: documents of clients are fetched from there at whatever address it has, \
                 this machine's too; that is for development, and for hosts of one's own"
            ),
            Self::KeysElsewhere { issuer, keys, iss } => write!(
                f,
                "`issuer.{issuer}` takes its keys from `{keys}` and accepts `iss` = `{iss}` only; \
                 if tokens say otherwise, write `issuer`"
            ),
        }
    }
}

/// Collects while the sections are read, so that one reading tells everything.
pub(super) struct Reading {
    base: PathBuf,
    problems: RefCell<Vec<Problem>>,
    in_force: RefCell<Vec<InForce>>,
    warnings: RefCell<Vec<Warning>>,
}

impl Reading {
    /// Begins; relative paths are relative to `base`.
    pub(super) fn new(base: PathBuf) -> Self {
        Self { base, problems: RefCell::default(), in_force: RefCell::default(), warnings: RefCell::default() }
    }

    /// The directory that relative paths start from.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Notes a problem.
    pub(super) fn refuse(&self, origin: &Origin, what: BadSetting) {
        self.problems.borrow_mut().push(Problem { origin: origin.clone(), what });
    }

    /// Notes a warning.
    pub(super) fn warn(&self, warning: Warning) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Notes a setting in force.
    pub(super) fn take(&self, key: String, value: String, origin: &Origin) {
        self.in_force.borrow_mut().push(InForce { key, value, origin: origin.clone() });
    }

    /// Says whether anything was refused so far.
    pub(super) fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// Ends: what was read with the settings in force and the warnings, or every problem.
    pub(super) fn end<T>(self, read: Option<T>) -> Result<(T, Vec<InForce>, Vec<Warning>), ConfigErrors> {
        let mut problems = self.problems.into_inner();
        match read {
            Some(read) if problems.is_empty() => Ok((read, self.in_force.into_inner(), self.warnings.into_inner())),
            _ => {
                if problems.is_empty() {
                    problems.push(Problem { origin: Origin::Default, what: BadSetting::Incomplete });
                }
                Err(ConfigErrors::new(problems))
            }
        }
    }
}
