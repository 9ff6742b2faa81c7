//! What happens between an authorization request and its answer, in one browser: sign-in, consent, sign-out.
//!
//! Everything that is asked stands in the store under a handle that works once, in the browser that opened it. What a page
//! carries besides the handle is what the person decides, and a token that no other site can know.

use std::time::Duration;

use super::authorize::{self, NotAsked};
use super::parameters::Parameters;
use super::refusal::{Local, Refusal};
use super::{AuthorizationServer, Failure};
use crate::model::oauth::{
    AccountId, AuthorizationCode, DeviceToken, GrantId, Login, LoginSessionId, Password, RedirectUri, RequestHandle,
    SessionSecret,
};
use crate::passwords::{Comparison, PasswordError};
use crate::random::{self, Random};
use crate::store::state::{
    Account, AuthorizationRequest, Client, Consent, Grant, LoginSession, PasswordHash, SignedIn,
};
use crate::upstream::Provider;

/// How long a request waits for a person.
const REQUEST: Duration = Duration::from_mins(10);

/// How long a browser is known in which nobody has signed in.
const ANONYMOUS: Duration = Duration::from_mins(30);

/// A request that waits now.
#[derive(Debug)]
pub struct Begun {
    /// Its handle.
    pub handle: RequestHandle,
    /// The browser's session, where it had none.
    pub session: Option<SessionSecret>,
    /// Whether somebody is signed in in that browser.
    pub is_signed_in: bool,
}

/// Why a request does not wait.
#[derive(Debug)]
pub enum NotBegun {
    /// It is refused.
    Refused(NotAsked),
    /// It is refused, and the answer goes to a place that nobody has vouched for: the person decides whether they go there.
    Unvouched {
        /// Where.
        redirect_uri: RedirectUri,
        /// The client's own word for the request.
        state: Option<String>,
        /// Why.
        refusal: Refusal,
    },
    /// It could not be worked on.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for NotBegun {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A request that waits in a browser, and for whom.
#[derive(Debug)]
pub struct Waiting {
    /// What is asked.
    pub request: AuthorizationRequest,
    /// Who asks.
    pub client: Client,
    /// The browser.
    pub session: LoginSession,
    /// Who is signed in there.
    pub account: Option<Account>,
}

impl Waiting {
    /// Whether this person may use this client.
    fn suits(&self, server: &AuthorizationServer, account: &Account) -> bool {
        self.client.reach.covers(&account.tenant) && server.tenants.contains(&account.tenant)
    }
}

/// Somebody who has shown the password of an account.
#[derive(Debug)]
pub struct Proved {
    /// The account, as it was when its hash was read.
    account: Account,
    /// The hash as it was.
    hash: PasswordHash,
    /// As it would be made today, if that is another.
    renewed: Option<PasswordHash>,
}

/// What a password came to.
#[derive(Debug)]
pub enum Proof {
    /// It is that of an account that may sign in.
    Given(Proved),
    /// No such account, another password, or an account that is disabled: nobody is told which.
    Wrong,
    /// It was not compared, because too many wait for that.
    Busy,
}

/// What became of a sign-in.
#[derive(Debug)]
pub enum SignIn {
    /// The browser has this session now, and is one of the account's from now on.
    Done(SessionSecret, DeviceToken, Account),
    /// The account was disabled, or given another password, while the old one was compared.
    Wrong,
    /// The session is not there any more.
    Gone,
}

/// What a person's decision came to.
#[derive(Debug)]
pub enum Decided {
    /// The client gets this code.
    Allowed(AuthorizationCode, Box<(AuthorizationRequest, Grant)>),
    /// The client gets none.
    Denied(AuthorizationRequest),
    /// The request does not wait here any more.
    Gone,
}

impl AuthorizationServer {
    /// Opens an authorization request in a browser.
    pub async fn begin(&self, parameters: &Parameters, session: Option<&SessionSecret>) -> Result<Begun, NotBegun> {
        let refused = |local: Local| NotBegun::Refused(NotAsked::Local(local));
        let id = authorize::client_id(parameters).map_err(refused)?;
        let client = self.asking_client(&id).await?;
        let known = match session {
            Some(secret) => self.store.session(secret, self.clock.now()).await?,
            None => None,
        };
        let is_signed_in = known.as_ref().is_some_and(|session| session.account.is_some());
        let request = match authorize::validate(parameters, &client, self.destinations()) {
            Ok(request) => request,
            // Anybody can register an address of theirs and let us send strangers there (RFC 9700, section 4.11.2).
            Err(NotAsked::Redirect { redirect_uri, state, refusal })
                if !is_signed_in && !client.origin.is_vouched_for() && !redirect_uri.is_loopback() =>
            {
                return Err(NotBegun::Unvouched { redirect_uri, state, refusal });
            }
            Err(refused) => return Err(NotBegun::Refused(refused)),
        };
        let (new, session) = match known {
            Some(session) => (None, session),
            None => self.open_session().await.map(|(secret, session)| (Some(secret), session))?,
        };
        let now = self.clock.now();
        let handle = RequestHandle::from_random(random::bytes(self.random.as_ref())?);
        self.store.open_request(&handle, &session.id, &request, now.plus(REQUEST), now).await?;
        Ok(Begun { handle, session: new, is_signed_in })
    }

    /// Begins a session in which nobody is signed in.
    async fn open_session(&self) -> Result<(SessionSecret, LoginSession), Failure> {
        let (now, random): (_, &dyn Random) = (self.clock.now(), self.random.as_ref());
        let secret = SessionSecret::from_random(random::bytes(random)?);
        let id = LoginSessionId::from_random(random::bytes(random)?);
        let session = self.store.open_session(&id, &secret, now.plus(ANONYMOUS), now).await?;
        Ok((secret, session))
    }

    /// The session of a browser that comes to a page by itself; a new one where it has none, with its secret.
    pub async fn browser(&self, session: Option<&SessionSecret>) -> Result<Option<SessionSecret>, Failure> {
        if let Some(secret) = session
            && self.store.session(secret, self.clock.now()).await?.is_some()
        {
            return Ok(None);
        }
        Ok(Some(self.open_session().await?.0))
    }

    /// The request of this handle, if it waits in this browser.
    pub async fn waiting(&self, handle: &RequestHandle, secret: &SessionSecret) -> Result<Option<Waiting>, Failure> {
        let now = self.clock.now();
        let Some(session) = self.store.session(secret, now).await? else { return Ok(None) };
        let Some(request) = self.store.request(handle, &session.id, now).await? else { return Ok(None) };
        let Some(client) = self.live_client(&request.client).await? else { return Ok(None) };
        let account = self.account_of(&session).await?;
        Ok(Some(Waiting { request, client, session, account }))
    }

    /// Who is signed in in this browser.
    pub async fn signed_in(&self, secret: &SessionSecret) -> Result<Option<Account>, Failure> {
        match self.store.session(secret, self.clock.now()).await? {
            Some(session) => self.account_of(&session).await,
            None => Ok(None),
        }
    }

    /// Compares a password. Nothing is changed, and it may take a while.
    pub async fn prove(&self, login: &str, password: Password) -> Result<Proof, Failure> {
        let found = match login.parse::<Login>() {
            Ok(login) => self.store.account_by_login(&login).await?,
            Err(_) => None,
        };
        let (account, hash) = found.unzip();
        // Whether there is such an account or not, the same work is done.
        let compared = match self.passwords.verify(password, hash.clone()).await {
            Ok(compared) => compared,
            Err(PasswordError::Busy) => return Ok(Proof::Busy),
            Err(error) => return Err(error.into()),
        };
        let (account, hash) = match (account, hash) {
            (Some(account), Some(hash)) if account.disabled.is_none() => (account, hash),
            (_, _) => return Ok(Proof::Wrong),
        };
        match compared {
            Comparison::Other => Ok(Proof::Wrong),
            Comparison::Same => Ok(Proof::Given(Proved { account, hash, renewed: None })),
            Comparison::SameOutdated(renewed) => Ok(Proof::Given(Proved { account, hash, renewed: Some(renewed) })),
        }
    }

    /// Whether somebody has signed in to this account in this browser since its password was set.
    pub async fn knows(&self, login: &str, device: &DeviceToken) -> Result<bool, Failure> {
        let Ok(login) = login.parse::<Login>() else { return Ok(false) };
        let found = self.store.account_by_login(&login).await?;
        Ok(found.is_some_and(|(account, hash)| DeviceToken::of(&account.id, hash.as_phc()).hash().is(&device.hash())))
    }

    /// Signs somebody in: another secret, so that one planted before is worth nothing.
    pub async fn sign_in(&self, old: &SessionSecret, proved: Proved) -> Result<SignIn, Failure> {
        let Proved { account, hash, renewed } = proved;
        let new = SessionSecret::from_random(random::bytes(self.random.as_ref())?);
        let now = self.clock.now();
        match self.store.sign_in(old, &new, &account, now.plus(self.settings.sign_in), now).await? {
            SignedIn::Done(_) => {}
            SignedIn::AccountChanged => return Ok(SignIn::Wrong),
            SignedIn::NoSession => return Ok(SignIn::Gone),
        }
        let hash = match renewed {
            None => hash,
            Some(renewed) => match self.store.replace_hash(&account.id, &hash, &renewed).await {
                Ok(()) => renewed,
                Err(error) => {
                    tracing::warn!(%error, account.id = %account.id, "a password is still hashed as in earlier times");
                    hash
                }
            },
        };
        Ok(SignIn::Done(new, DeviceToken::of(&account.id, hash.as_phc()), account))
    }

    /// Ends a session.
    pub async fn sign_out(&self, secret: &SessionSecret) -> Result<bool, Failure> {
        Ok(self.store.sign_out(secret).await?)
    }

    /// Opens a waiting request once more, in a session of its own: for somebody who wants to use another account.
    pub async fn begin_again(&self, waiting: &Waiting) -> Result<Begun, Failure> {
        let (secret, session) = self.open_session().await?;
        let now = self.clock.now();
        let handle = RequestHandle::from_random(random::bytes(self.random.as_ref())?);
        self.store.open_request(&handle, &session.id, &waiting.request, now.plus(REQUEST), now).await?;
        Ok(Begun { handle, session: Some(secret), is_signed_in: false })
    }

    /// Carries out what a person decided. Whoever may not use the client decides against it, whatever they press.
    pub async fn decide(
        &self,
        handle: &RequestHandle,
        waiting: &Waiting,
        account: &Account,
        allow: bool,
    ) -> Result<Decided, Failure> {
        let (now, session) = (self.clock.now(), &waiting.session.id);
        if !allow || !waiting.suits(self, account) {
            let denied = self.store.deny(handle, session, now).await?;
            return Ok(denied.map_or(Decided::Gone, Decided::Denied));
        }
        let random: &dyn Random = self.random.as_ref();
        let code = AuthorizationCode::from_random(random::bytes(random)?);
        let consent = Consent {
            grant: &GrantId::from_random(random::bytes(random)?),
            account: &account.id,
            scopes: waiting.request.scopes.clone(),
            expires: now.plus(self.settings.refresh_absolute),
            counts_for: self.counts_for(account),
            code: &code,
            code_expires: now.plus(self.settings.code),
        };
        let made = self.store.consent(handle, session, &consent, now).await?;
        Ok(made.map_or(Decided::Gone, |made| Decided::Allowed(code, Box::new(made))))
    }

    /// How long what was said of somebody counts, where a provider has said it.
    fn counts_for(&self, account: &Account) -> Option<Duration> {
        let (name, _) = account.provider.as_ref()?;
        self.provider(name.as_str()).map(Provider::counts_for)
    }

    /// Whether the person who is signed in may use the client that asks.
    pub fn suits(&self, waiting: &Waiting, account: &Account) -> bool {
        waiting.suits(self, account)
    }

    async fn account_of(&self, session: &LoginSession) -> Result<Option<Account>, Failure> {
        let Some(id) = &session.account else { return Ok(None) };
        let id: &AccountId = id;
        Ok(self.store.account(id).await?.filter(|account| account.disabled.is_none()))
    }
}
