//! What is no longer good although a token says it is: asked on every request, so it is in memory.
//!
//! A process changes its own copy before the transition that revokes returns. Another process's transition is seen at the
//! next look at the epoch; if looking fails, the copy says since when, and whoever asks can refuse.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use sqlx::SqlitePool;

use super::{StateError, StateStore};
use crate::model::oauth::{AccountId, GrantId, Reach};
use crate::model::{BadIdentifier, ClientId, Tenant};

/// What is withdrawn, as of one epoch.
#[derive(Debug, Default)]
pub struct Revocations {
    epoch: u64,
    grants: HashSet<GrantId>,
    clients: HashSet<ClientId>,
    accounts: HashSet<AccountId>,
    /// Not withdrawn, but asked as often: the clients that may name the person that they work for, and in which tenants.
    asserting: HashMap<ClientId, Reach>,
}

/// Why a token of ours is not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// Its grant was revoked.
    Grant,
    /// Its client is disabled.
    Client,
    /// Its account is disabled.
    Account,
}

impl Revocations {
    /// Since when this holds.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Says whether this client may name the people of this tenant.
    pub fn may_assert(&self, client: &ClientId, tenant: &Tenant) -> bool {
        self.asserting.get(client).is_some_and(|reach| reach.covers(tenant))
    }

    /// Says what of these is withdrawn, if anything.
    pub fn withdrawn(&self, grant: &GrantId, client: &ClientId, account: &AccountId) -> Option<Withdrawn> {
        if self.grants.contains(grant) {
            Some(Withdrawn::Grant)
        } else if self.clients.contains(client) {
            Some(Withdrawn::Client)
        } else if self.accounts.contains(account) {
            Some(Withdrawn::Account)
        } else {
            None
        }
    }
}

impl StateStore {
    /// What is withdrawn now, as far as this process knows. Costs no read.
    pub fn revocations(&self) -> Arc<Revocations> {
        self.0.revocations.load_full()
    }

    /// The number that every change moves which others must notice.
    pub async fn epoch(&self) -> Result<u64, StateError> {
        let epoch: i64 = sqlx::query_scalar("SELECT value FROM epoch WHERE id = 1")
            .fetch_one(self.readers())
            .await
            .map_err(StateError::Read)?;
        Ok(u64::try_from(epoch).unwrap_or(0))
    }

    /// Looks at the epoch, and takes notice of what is withdrawn if it moved; gives the epoch.
    ///
    /// Whoever keeps a copy of something else compares it with the epoch of that copy: this process's own transitions move
    /// it too.
    pub async fn poll(&self) -> Result<u64, StateError> {
        let epoch = self.epoch().await?;
        if epoch != self.revocations().epoch {
            self.take_notice().await?;
        }
        Ok(epoch)
    }

    /// Reads anew what is withdrawn.
    pub(super) async fn take_notice(&self) -> Result<(), StateError> {
        let read = Arc::new(read(self.readers()).await?);
        // Two that read at once may come here in the other order; the newer one stays.
        self.0.revocations.rcu(|held| if held.epoch > read.epoch { Arc::clone(held) } else { Arc::clone(&read) });
        Ok(())
    }
}

/// Everything that is withdrawn, in one look at the file.
pub(super) async fn read(readers: &SqlitePool) -> Result<Revocations, StateError> {
    let mut look = readers.begin().await.map_err(StateError::Read)?;
    let epoch: i64 = sqlx::query_scalar("SELECT value FROM epoch WHERE id = 1")
        .fetch_one(&mut *look)
        .await
        .map_err(StateError::Read)?;
    let grants = sqlx::query_scalar("SELECT id FROM grants WHERE revoked_at IS NOT NULL")
        .fetch_all(&mut *look)
        .await
        .map_err(StateError::Read)?;
    let clients = sqlx::query_scalar("SELECT id FROM clients WHERE disabled_at IS NOT NULL")
        .fetch_all(&mut *look)
        .await
        .map_err(StateError::Read)?;
    let accounts = sqlx::query_scalar("SELECT id FROM accounts WHERE disabled_at IS NOT NULL")
        .fetch_all(&mut *look)
        .await
        .map_err(StateError::Read)?;
    let asserting: Vec<(String, String)> = sqlx::query_as("SELECT id, reach FROM clients WHERE asserts_users")
        .fetch_all(&mut *look)
        .await
        .map_err(StateError::Read)?;
    look.commit().await.map_err(StateError::Read)?;
    Ok(Revocations {
        epoch: u64::try_from(epoch).unwrap_or(0),
        grants: ids("grants", grants)?,
        clients: ids("clients", clients)?,
        accounts: ids("accounts", accounts)?,
        asserting: asserting.into_iter().map(reach).collect::<Result<_, _>>()?,
    })
}

fn reach((id, reach): (String, String)) -> Result<(ClientId, Reach), StateError> {
    let stored = |column, found, reason: &dyn std::fmt::Display| StateError::Stored {
        table: "clients",
        column,
        found,
        reason: reason.to_string(),
    };
    let client = id.parse().map_err(|reason: BadIdentifier| stored("id", id.clone(), &reason))?;
    let tenants = reach.parse().map_err(|reason: crate::model::BadName| stored("reach", reach.clone(), &reason))?;
    Ok((client, tenants))
}

/// The ids that a column holds.
pub(super) fn ids<T: FromStr<Err = BadIdentifier>, C: FromIterator<T>>(
    table: &'static str,
    texts: Vec<String>,
) -> Result<C, StateError> {
    let id = |text: String| match text.parse::<T>() {
        Ok(id) => Ok(id),
        Err(reason) => Err(StateError::Stored { table, column: "id", found: text, reason: reason.to_string() }),
    };
    texts.into_iter().map(id).collect()
}
