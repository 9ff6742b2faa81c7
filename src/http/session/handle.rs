//! The id of a session on the wire: what it is inside, what another server must know to take it up, and to whom it belongs.
//!
//! `<id>.<state>.<mac>`. The mac is over the owner and everything before it, so that nobody else's request knows the session and
//! nobody can write a state. The state is no secret: it is what the client itself said when it began, and when that was.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rmcp::model::{ClientCapabilities, InitializeRequestParams, ProtocolVersion};
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::model::Timestamp;

/// The longest state, in bytes. Capabilities that make it longer are left out, and count as not there where it is taken up.
const LONGEST: usize = 1_024;

/// The key that ids of sessions are sealed with. Whoever changes it ends every session, which is safe.
pub struct SessionKey([u8; 64]);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl SessionKey {
    /// Takes the key in.
    pub fn new(key: [u8; 32]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        Self(block)
    }

    pub(in crate::http) fn mac(&self, owner: &str, content: &str) -> String {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        mac.update(&u64::try_from(owner.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(owner.as_bytes());
        mac.update(content.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

/// A session, as its id says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Handle {
    /// `<id>.<state>`: the session's id where it was taken up.
    carried: String,
    /// How much of it is the session's id where it began.
    id: usize,
    pub(super) opened: Timestamp,
    pub(super) client: InitializeRequestParams,
}

impl Handle {
    /// A session that began here, with this id.
    pub(super) fn new(id: &str, client: &InitializeRequestParams, now: Timestamp) -> Self {
        let state = |capabilities: &ClientCapabilities| {
            json!([now.as_secs(), client.protocol_version.as_str(), capabilities]).to_string()
        };
        let mut kept = ClientCapabilities::default();
        (kept.roots, kept.sampling) = (client.capabilities.roots.clone(), client.capabilities.sampling.clone());
        kept.elicitation.clone_from(&client.capabilities.elicitation);
        let mut written = state(&kept);
        if written.len() > LONGEST {
            kept = ClientCapabilities::default();
            written = state(&kept);
        }
        let client = client_of(&client.protocol_version, kept);
        let carried = format!("{id}.{}", URL_SAFE_NO_PAD.encode(written));
        Self { carried, id: id.len(), opened: Timestamp::from_secs(now.as_secs()), client }
    }

    /// The id on the wire for this owner.
    pub(super) fn seal(&self, key: &SessionKey, owner: &str) -> String {
        format!("{}.{}", self.carried, key.mac(owner, &self.carried))
    }

    /// Reads an id of the wire, if it was sealed for this owner.
    pub(super) fn open(key: &SessionKey, owner: &str, wire: &str) -> Option<Self> {
        let (carried, mac) = wire.rsplit_once('.')?;
        let is_owners = bool::from(key.mac(owner, carried).as_bytes().ct_eq(mac.as_bytes()));
        if is_owners { Self::read(carried) } else { None }
    }

    /// Reads what stands before the mac, once it is known to be ours.
    pub(super) fn read(carried: &str) -> Option<Self> {
        let (id, state) = carried.split_once('.')?;
        let state: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(state).ok()?).ok()?;
        let version = serde_json::from_value::<ProtocolVersion>(state.get(1)?.clone()).ok()?;
        let capabilities = serde_json::from_value::<ClientCapabilities>(state.get(2)?.clone()).ok()?;
        Some(Self {
            carried: carried.to_owned(),
            id: id.len(),
            opened: Timestamp::from_secs(state.get(0)?.as_i64()?),
            client: client_of(&version, capabilities),
        })
    }

    /// The session's id where it began.
    pub(super) fn id(&self) -> &str {
        &self.carried[..self.id]
    }

    /// The session's id where it was taken up.
    pub(super) fn carried(&self) -> &str {
        &self.carried
    }
}

/// The client, as far as it is carried; its name is not.
fn client_of(version: &ProtocolVersion, capabilities: ClientCapabilities) -> InitializeRequestParams {
    let mut client = InitializeRequestParams::default();
    client.protocol_version = version.clone();
    client.capabilities = capabilities;
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn client() -> InitializeRequestParams {
        let capabilities = json!({ "elicitation": { "form": {} }, "experimental": { "x": { "y": "z" } } });
        client_of(&ProtocolVersion::V_2025_06_18, serde_json::from_value(capabilities).unwrap())
    }

    #[test]
    fn a_session_opens_for_its_owner_only() {
        let key = SessionKey::new([7; 32]);
        let handle = Handle::new("abc", &client(), NOW);
        let wire = handle.seal(&key, "blockbrain/1 acme");
        let opened = Handle::open(&key, "blockbrain/1 acme", &wire).unwrap();
        assert_eq!(opened, handle);
        assert_eq!((opened.id(), opened.opened), ("abc", NOW));
        assert_eq!(opened.client.protocol_version, ProtocolVersion::V_2025_06_18);
        assert!(opened.client.capabilities.elicitation.is_some() && opened.client.capabilities.experimental.is_none());
        let forged = [
            handle.carried.clone(),
            format!("{}.", handle.carried),
            "abc".to_owned(),
            wire.replace("abc", "abd"),
            Handle::new("abc", &client(), NOW.plus(std::time::Duration::from_secs(1))).carried
                + wire.rsplit_once('.').map(|(_, mac)| mac).unwrap_or_default(),
        ];
        for forged in forged {
            assert_eq!(Handle::open(&key, "blockbrain/1 acme", &forged), None, "{forged}");
        }
        assert_eq!(Handle::open(&key, "blockbrain/2 acme", &wire), None);
        assert_eq!(Handle::open(&SessionKey::new([8; 32]), "blockbrain/1 acme", &wire), None);
    }

    #[test]
    fn what_a_client_says_of_itself_cannot_make_the_id_long() {
        let mut client = client();
        let form = json!({ "form": { "schemaValidation": true }, "url": {} });
        client.capabilities.elicitation = serde_json::from_value(form).unwrap();
        let long = json!({ "tools": { "x": "y".repeat(2 * LONGEST) } });
        client.capabilities.sampling = serde_json::from_value(long).unwrap();
        let handle = Handle::new("abc", &client, NOW);
        assert!(handle.carried.len() < LONGEST, "{}", handle.carried);
        assert_eq!(Handle::read(handle.carried()).unwrap(), handle);
    }
}
