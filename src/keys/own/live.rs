//! Whether a token of ours is still good: asked on every request, from memory; and how what other processes change gets there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::{OwnKeys, OwnKeysError};
use crate::keys::claims::Claims;
use crate::keys::fault::{Reason, Trace};
use crate::keys::own::token::access;
use crate::keys::person::Standing;
use crate::keys::trust::NotSigned;
use crate::model::oauth::GrantId;
use crate::model::{IssuerName, Timestamp};

/// How often the state file is looked at for what another process changed: it is known within 250 ms, and half of that is left
/// for the looking. A look is one read of one row.
const LOOK: Duration = Duration::from_millis(100);

/// How long ago the last look may be: after that, whoever asks looks first, and no token is taken while that fails.
const BLIND: Duration = Duration::from_secs(10);

/// How many uses are remembered as noted.
const NOTED: u64 = 10_000;

/// What the watch on the state file knows.
#[derive(Debug)]
pub(super) struct Watch {
    /// When the file was last looked at.
    seen: AtomicI64,
    /// The epoch of the keys in memory; 0 before the first look.
    keys_of: AtomicU64,
    /// The generations that are known to be used.
    noted: moka::sync::Cache<(GrantId, u64), ()>,
}

impl Watch {
    /// The file was read just now.
    pub(super) fn new(now: Timestamp) -> Self {
        let noted = moka::sync::Cache::new(NOTED);
        Self { seen: AtomicI64::new(now.as_micros()), keys_of: AtomicU64::new(0), noted }
    }
}

impl OwnKeys {
    /// Follows what other processes change, until it is dropped. `changed` is told of each change that was taken in.
    pub async fn follow(self: Arc<Self>, changed: impl Fn()) {
        let (mut is_blind, mut told) = (false, 0);
        loop {
            let looked = self.look().await;
            match &looked {
                // Whoever asks may have looked, and taken it in, before this did.
                Ok(epoch) if *epoch != told => {
                    told = *epoch;
                    changed();
                }
                Err(error) if !is_blind => {
                    let error: &dyn std::error::Error = error;
                    tracing::error!(error, "the state file cannot be looked at");
                }
                Ok(_) | Err(_) => {}
            }
            is_blind = looked.is_err();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Takes in what was changed since the last look, by whomever: a purge of this process retires keys too. A look that fails
    /// is made again, because what it should have found is not marked as seen. Gives the epoch.
    pub(super) async fn look(&self) -> Result<u64, OwnKeysError> {
        let now = self.now();
        let epoch = self.store.poll().await?;
        if self.watch.keys_of.load(Ordering::Acquire) != epoch {
            self.reload().await?;
            self.watch.keys_of.store(epoch, Ordering::Release);
        }
        self.watch.seen.store(now.as_micros(), Ordering::Release);
        Ok(epoch)
    }

    /// Goes on if the grant, the client and the account of a token are good, and remembers that it was used. Says for whom it
    /// speaks.
    pub(in crate::keys) async fn standing(&self, claims: &Claims, trace: &mut Trace) -> Result<Standing, NotSigned> {
        let seen = Timestamp::from_micros(self.watch.seen.load(Ordering::Acquire));
        if self.now().since(seen) > BLIND && self.look().await.is_err() {
            return Err(NotSigned::Unavailable { issuer: IssuerName::ours(), retry_after: LOOK });
        }
        let claims = trace.require(Reason::Grant, access(claims), &claims.shown(super::token::GRANT), None)?;
        let revocations = self.store.revocations();
        let withdrawn = revocations.withdrawn(&claims.grant, &claims.client, &claims.account);
        let shown = withdrawn.map_or("none", |what| match what {
            crate::store::state::Withdrawn::Grant => "the grant is revoked",
            crate::store::state::Withdrawn::Client => "the client is disabled",
            crate::store::state::Withdrawn::Account => "the account is disabled",
        });
        trace.check(Reason::Withdrawn, withdrawn.is_none(), &shown)?;
        let asserts = revocations.may_assert(&claims.client, &claims.tenant);
        let person = self.person(&claims, trace).await?;
        let used = (claims.grant, claims.generation);
        // To inspect a token is not to use it; and what came with no refresh token has no generation.
        if !trace.records() && used.1 > 0 && !self.watch.noted.contains_key(&used) {
            match self.store.note_use(&used.0, used.1, self.now()).await {
                Ok(()) => self.watch.noted.insert(used, ()),
                // Then a replay of its predecessor may be taken for a lost answer a little longer.
                Err(error) => tracing::warn!(%error, "the first use of a token could not be noted"),
            }
        }
        Ok(Standing { person, asserts })
    }
}
