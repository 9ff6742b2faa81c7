//! `bailiwick account`, `client`, `key` and `migrate`: who can sign in, for whom, what signs their tokens, and the files that
//! hold all that.
//!
//! They write to the state file. A server that runs on it notices within a quarter of a second, and puts what was done into
//! its audit trail.

pub(super) mod account;
pub(super) mod client;
pub(super) mod key;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) use account::AccountCommand;
pub(super) use client::ClientCommand;
pub(super) use key::KeyCommand;

use super::serve::{self, Given};
use crate::catalog::Catalog;
use crate::config::Loaded;
use crate::model::{Tenant, Timestamp, nearest, suggestion};
use crate::random::Random;
use crate::store::state::StateStore;
use crate::store::{self, Upgraded};

/// `bailiwick migrate`: brings our own files up to date, and says what was done to each.
pub(super) async fn migrate(given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let loaded = given.load()?;
    for Upgraded { file, what, before, now } in store::upgrade(&loaded.settings, serve::seams().clock.now()).await? {
        let done = match before {
            0 => format!("made, with schema version {now}"),
            same if same == now => format!("is up to date: schema version {now}"),
            older => format!("upgraded from schema version {older} to {now}"),
        };
        writeln!(out, "{what}  {}  {done}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What each of the commands works on.
struct Desk {
    loaded: Loaded,
    catalog: Arc<Catalog>,
    store: StateStore,
    random: Arc<dyn Random>,
    now: Timestamp,
}

impl Desk {
    async fn open(given: &Given) -> anyhow::Result<Self> {
        let (loaded, catalog) = given.load_catalog()?;
        let seams = serve::seams();
        let now = seams.clock.now();
        let store = StateStore::open(&loaded.settings.state.path, now).await?;
        Ok(Self { loaded, catalog, store, random: seams.random, now })
    }

    /// A tenant that is declared.
    fn tenant(&self, name: &str) -> anyhow::Result<Tenant> {
        let tenants = &self.catalog.tenants;
        if let Some(tenant) = tenants.keys().find(|tenant| tenant.as_str() == name) {
            return Ok(tenant.clone());
        }
        let meant = suggestion(nearest(name, tenants.keys().map(Tenant::as_str)));
        let known = tenants.keys().map(Tenant::as_str).collect::<Vec<_>>().join(", ");
        anyhow::bail!("no `[[tenant]]` is called `{name}`{meant}\nhint: the configuration declares {known}")
    }

    /// A word of warning where nobody will notice, because the server is off.
    fn hint(&self) -> &'static str {
        if self.loaded.settings.oauth.is_some() {
            ""
        } else {
            "The authorization server is off: write `enabled = true` into `[oauth]`.\n"
        }
    }
}
