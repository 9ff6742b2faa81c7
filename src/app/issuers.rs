//! Which issuers' keys are needed, and which issuers' tokens are taken.

use std::sync::Arc;

use super::StartError;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::keys::KeyCache;
use crate::outbound::Authorities;

/// An issuer and its keys.
pub(super) type WithKeys = (config::Issuer, Arc<KeyCache>);

/// The issuers whose tokens are taken, each with its keys.
pub fn trusted(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Vec<WithKeys>, StartError> {
    Ok(forwarding(known(settings, &authorities(settings)?, clock)?, settings))
}

/// Whose certificates are good besides those that the system trusts.
pub(super) fn authorities(settings: &Settings) -> Result<Authorities, StartError> {
    let Some(file) = &settings.authorities else { return Ok(Authorities::default()) };
    Authorities::read(&file.pem).map_err(|source| StartError::Authorities { path: file.path.clone(), source })
}

pub(super) fn forwarding(known: Vec<WithKeys>, settings: &Settings) -> Vec<WithKeys> {
    known.into_iter().filter(|(issuer, _)| settings.forwards(issuer)).collect()
}

/// The issuers whose keys are needed: to take a token, or to let somebody sign in. None is asked yet: one that cannot be reached
/// does not keep the server from starting.
pub(super) fn known(
    settings: &Settings,
    authorities: &Authorities,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<WithKeys>, StartError> {
    let with_keys = |issuer: &config::Issuer| {
        let keys = KeyCache::new(issuer, authorities, Arc::clone(clock)).map_err(StartError::Keys)?;
        Ok((issuer.clone(), keys))
    };
    let signs_in = |issuer: &config::Issuer| settings.oauth.is_some() && settings.sign_in(issuer).is_some();
    let needed = settings.issuers.iter().filter(|issuer| settings.forwards(issuer) || signs_in(issuer));
    needed.map(with_keys).collect()
}
