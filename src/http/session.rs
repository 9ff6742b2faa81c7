//! Sessions of the MCP revisions before 2026-07-28, bound to the principal that opened them.
//!
//! A session never authorizes anything: every request brings its own token. But its id would let another principal read
//! what the owner's stream carries, so on the wire the id is `<id>.<mac of owner and id>`: another principal's request
//! does not know it (404), on every replica that holds the key.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use moka::sync::Cache;
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::mcp::Session;
use crate::random::{self, Random, RandomError};

/// How many principals' sessions are counted; the least recently used are forgotten, their sessions expire by themselves.
const COUNTED_OWNERS: u64 = 100_000;

#[expect(
    clippy::disallowed_types,
    reason = "a short list per principal, changed once per opened session, never across await"
)]
type Opened = Arc<std::sync::Mutex<VecDeque<(Arc<str>, Weak<Session>)>>>;

/// Binds session ids to principals, and bounds how many one principal has.
#[derive(Debug)]
pub(super) struct Sessions {
    key: [u8; 64],
    opened: Cache<Arc<str>, Opened>,
    per_principal: usize,
}

impl Sessions {
    pub(super) fn new(random: &dyn Random, per_principal: usize) -> Result<Self, RandomError> {
        Ok(Self { key: random::bytes(random)?, opened: Cache::new(COUNTED_OWNERS), per_principal })
    }

    /// The id on the wire for a session of this owner.
    pub(super) fn seal(&self, owner: &str, id: &str) -> String {
        format!("{id}.{}", self.mac(owner, id))
    }

    /// The session's own id, if this owner opened it.
    pub(super) fn open(&self, owner: &str, wire: &str) -> Option<String> {
        let (id, mac) = wire.rsplit_once('.')?;
        bool::from(self.mac(owner, id).as_bytes().ct_eq(mac.as_bytes())).then(|| id.to_owned())
    }

    /// Counts a new session, and closes the owner's oldest where there are too many.
    pub(super) async fn opened(
        &self,
        owner: &Arc<str>,
        (id, session): (&str, &Arc<Session>),
        manager: &LocalSessionManager,
    ) {
        let opened = self.opened.get_with(Arc::clone(owner), Opened::default);
        let oldest = opened.lock().ok().and_then(|mut known| {
            // Those that ended by themselves, idle for too long, are gone from the server inside them.
            known.retain(|(_, session)| session.strong_count() > 0);
            known.push_back((id.into(), Arc::downgrade(session)));
            if known.len() > self.per_principal { known.pop_front() } else { None }
        });
        if let Some((oldest, _)) = oldest
            && let Err(error) = manager.close_session(&oldest).await
        {
            tracing::debug!(%error, "the oldest session of a principal was gone already");
        }
    }

    /// The session of this id on the wire, if this owner opened it and it has not ended.
    pub(super) fn find(&self, owner: &str, wire: &str) -> Option<Arc<Session>> {
        let id = self.open(owner, wire)?;
        let opened = self.opened.get(owner)?;
        let known = opened.lock().ok()?;
        known.iter().find(|(known, _)| **known == *id).and_then(|(_, session)| session.upgrade())
    }

    /// Forgets a session that its owner ended.
    pub(super) fn ended(&self, owner: &Arc<str>, id: &str) {
        if let Some(opened) = self.opened.get(owner)
            && let Ok(mut known) = opened.lock()
        {
            known.retain(|(known, _)| **known != *id);
        }
    }

    fn mac(&self, owner: &str, id: &str) -> String {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(&u64::try_from(owner.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(owner.as_bytes());
        mac.update(id.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn a_session_opens_for_its_owner_only() {
        let sessions = Sessions::new(&OsRandom, 4).unwrap();
        let wire = sessions.seal("blockbrain/1 acme", "abc");
        assert_eq!(sessions.open("blockbrain/1 acme", &wire).as_deref(), Some("abc"));
        assert_eq!(sessions.open("blockbrain/2 acme", &wire), None);
        assert_eq!(sessions.open("blockbrain/1 acme", "abc"), None);
        assert_eq!(sessions.open("blockbrain/1 acme", "abc."), None);
        assert_eq!(sessions.open("blockbrain/1 acme", &wire.replace("abc", "abd")), None);
    }
}
