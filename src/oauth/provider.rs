//! Sign-in at an OpenID provider, in the middle of an authorization request: a browser is sent away and comes back.
//!
//! A journey belongs to the browser's session: the `state` names it once, and the verifier and the nonce are worked out of the
//! session's secret, so that nobody else can begin or end one for somebody (RFC 9700, section 4.7). Whoever comes back signed
//! in is asked for their consent as everybody is: that the provider asks nobody twice lets no client through.

use std::time::Duration;

use super::parameters::{Parameters, Repeated};
use super::person::Waiting;
use super::{AuthorizationServer, Failure};
use crate::model::oauth::{AccountId, ProviderState, RequestHandle, SessionSecret};
use crate::random::{self, Random};
use crate::store::state::{Account, Client, Grant, Identity, SignedIn};
use crate::upstream::{Arrival, Provider, ProviderError};

/// How long somebody may take at a provider.
const JOURNEY: Duration = Duration::from_mins(10);

/// Why a browser is not sent to a provider.
#[derive(Debug)]
pub enum NotSent {
    /// No such provider speaks for people who can use the client.
    NoProvider,
    /// The provider cannot be had now.
    Provider(ProviderError),
    /// It could not be worked on.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for NotSent {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why it is not known who came back.
#[derive(Debug)]
pub enum NotIdentified {
    /// The provider sent them back without saying: they would not, or may not.
    Declined,
    /// What the provider said does not do.
    Refused(ProviderError),
}

impl From<ProviderError> for NotIdentified {
    fn from(error: ProviderError) -> Self {
        Self::Refused(error)
    }
}

/// What became of somebody whom a provider vouches for.
#[derive(Debug)]
pub enum Admitted {
    /// They are signed in, under this session.
    SignedIn(SessionSecret, Account),
    /// Their account is disabled here.
    Disabled,
    /// The session has ended meanwhile.
    Gone,
}

impl AuthorizationServer {
    /// The providers whose people can use this client.
    pub fn providers_for(&self, client: &Client) -> impl Iterator<Item = &Provider> {
        self.providers.iter().filter(|provider| provider.tenants().iter().any(|tenant| client.reach.covers(tenant)))
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name().as_str() == name)
    }

    /// Whether the provider where a grant's person had signed in is one still; who signs in here needs none.
    pub(super) fn is_vouched_for(&self, grant: &Grant) -> bool {
        grant.terms.provider.as_ref().is_none_or(|name| self.provider(name.as_str()).is_some())
    }

    /// Where the browser of a waiting request goes, to sign in at a provider.
    pub async fn depart(
        &self,
        name: &str,
        waiting: &Waiting,
        handle: &RequestHandle,
        secret: &SessionSecret,
    ) -> Result<String, NotSent> {
        let mut providers = self.providers_for(&waiting.client);
        let provider = providers.find(|provider| provider.name().as_str() == name).ok_or(NotSent::NoProvider)?;
        let random: &dyn Random = self.random.as_ref();
        let state = ProviderState::from_random(random::bytes(random)?);
        let (nonce, verifier) = (secret.nonce(&state), secret.provider_verifier(&state));
        let address = provider.address(&state, &nonce, &verifier.challenge()).await.map_err(NotSent::Provider)?;
        let now = self.clock.now();
        let from = (&waiting.session.id, handle);
        self.store.depart(&state, from, provider.name(), now.plus(JOURNEY), now).await?;
        Ok(address)
    }

    /// Takes a browser back from a provider: the handle that its request goes on under. `None` where it was not sent there, or has
    /// come back before.
    pub async fn come_back(
        &self,
        provider: &Provider,
        secret: &SessionSecret,
        state: &ProviderState,
    ) -> Result<Option<RequestHandle>, Failure> {
        let now = self.clock.now();
        let Some(session) = self.store.session(secret, now).await? else { return Ok(None) };
        let handle = RequestHandle::from_random(random::bytes(self.random.as_ref())?);
        let goes_on = self.store.come_back(state, &session.id, provider.name(), &handle, now).await?;
        Ok(goes_on.then_some(handle))
    }

    /// Asks the provider who it is that came back. It may take a while, and changes nothing.
    pub async fn identify(
        &self,
        provider: &Provider,
        secret: &SessionSecret,
        state: &ProviderState,
        parameters: &Parameters,
    ) -> Result<Identity, NotIdentified> {
        let (iss, code) = answer(parameters).map_err(|_| NotIdentified::Declined)?;
        provider.check_source(iss).await?;
        let code = code.filter(|_| !parameters.has("error")).ok_or(NotIdentified::Declined)?;
        let (nonce, verifier) = (secret.nonce(state), secret.provider_verifier(state));
        Ok(provider.identity(Arrival { code, iss, verifier: &verifier, nonce: &nonce }).await?)
    }

    /// Signs in whomever a provider vouches for.
    pub async fn admit(
        &self,
        provider: &Provider,
        secret: &SessionSecret,
        identity: &Identity,
    ) -> Result<Admitted, Failure> {
        let (now, random): (_, &dyn Random) = (self.clock.now(), self.random.as_ref());
        let id = AccountId::from_random(random::bytes(random)?);
        let account = self.store.account_of_identity(identity, &id, now).await?;
        let new = SessionSecret::from_random(random::bytes(random)?);
        // Whoever consents later consents by what was said now.
        let ends = now.plus(self.settings.sign_in.min(provider.counts_for()));
        match self.store.sign_in(secret, &new, &account, ends, now).await? {
            SignedIn::Done(_) => Ok(Admitted::SignedIn(new, account)),
            SignedIn::AccountChanged => Ok(Admitted::Disabled),
            SignedIn::NoSession => Ok(Admitted::Gone),
        }
    }
}

fn answer(parameters: &Parameters) -> Result<(Option<&str>, Option<&str>), Repeated> {
    Ok((parameters.one("iss")?, parameters.one("code")?))
}
