//! The first account, made in a browser by whoever has the link that the server prints when it starts and finds none.
//!
//! The link is a secret of the operator's terminal: it works once, for an hour, and only while there is no account. Looking
//! at its page spends nothing, because programs look at links too.

use std::time::Duration;

use super::{AuthorizationServer, Failure};
use crate::model::oauth::{AccountId, BadPassword, Login, Password, SetUpToken};
use crate::model::{BadIdentifier, ExternalUserId, Tenant};
use crate::random;
use crate::store::state::{Account, PasswordHash};

/// How long the link is good.
const LINK: Duration = Duration::from_hours(1);

/// What the first account is to be, as it was typed.
#[derive(Debug)]
pub struct FirstAccount<'a> {
    /// What the person will type.
    pub login: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// The customer's own identifier of the person; empty where there is none.
    pub external_user: &'a str,
    /// The password.
    pub password: Password,
    /// The password once more, because nobody sees what they type.
    pub again: Password,
}

/// What is wrong with what was typed. The text is for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each text says what the variant means")]
pub enum BadFirstAccount {
    #[error("the account {0}")]
    Login(BadIdentifier),
    #[error("the external user id {0}")]
    ExternalUser(BadIdentifier),
    #[error("no tenant of this server is called so")]
    Tenant,
    #[error("the two passwords differ")]
    Again,
    #[error(transparent)]
    Password(#[from] BadPassword),
}

/// What was typed, ready to be an account.
#[derive(Debug)]
pub struct Prepared(Account, PasswordHash);

/// What comes of what was typed.
#[derive(Debug)]
pub enum SetUp {
    /// It can be an account.
    Ready(Box<Prepared>),
    /// Something that was typed does not do.
    Bad(BadFirstAccount),
    /// The link is not good, or not any more.
    Gone,
}

impl AuthorizationServer {
    /// Makes a link, where there is no account; one made before is good no longer.
    pub async fn open_set_up(&self) -> Result<Option<SetUpToken>, Failure> {
        let (token, now) = (SetUpToken::from_random(random::bytes(self.random.as_ref())?), self.clock.now());
        let opened = self.store.open_set_up(&token, now.plus(LINK), now).await?;
        Ok(opened.then_some(token))
    }

    /// Says whether a link is good.
    pub async fn is_set_up_open(&self, token: &SetUpToken) -> Result<bool, Failure> {
        Ok(self.store.is_set_up_open(token, self.clock.now()).await?)
    }

    /// Gets the first account ready. It takes a while, and changes nothing.
    pub async fn prepare(&self, token: &SetUpToken, wanted: FirstAccount<'_>) -> Result<SetUp, Failure> {
        // A password is hashed for nobody without a link.
        if !self.is_set_up_open(token).await? {
            return Ok(SetUp::Gone);
        }
        let (login, tenant, external_user) = match self.check(&wanted) {
            Ok(checked) => checked,
            Err(bad) => return Ok(SetUp::Bad(bad)),
        };
        let hash = self.passwords.hash(wanted.password).await?;
        let now = self.clock.now();
        let id = AccountId::from_random(random::bytes(self.random.as_ref())?);
        let account = Account {
            id,
            login,
            tenant,
            external_user,
            created: now,
            password_set: now,
            disabled: None,
            provider: None,
        };
        Ok(SetUp::Ready(Box::new(Prepared(account, hash))))
    }

    /// Spends the link and makes the account; `None` where the link is not good any more.
    pub async fn set_up(&self, token: &SetUpToken, prepared: Prepared) -> Result<Option<Account>, Failure> {
        let Prepared(account, hash) = prepared;
        let made = self.store.set_up(token, &account, &hash, self.clock.now()).await?;
        Ok(made.then_some(account))
    }

    fn check(&self, wanted: &FirstAccount<'_>) -> Result<(Login, Tenant, Option<ExternalUserId>), BadFirstAccount> {
        let login = wanted.login.parse().map_err(BadFirstAccount::Login)?;
        let tenant = self.tenants.iter().find(|tenant| tenant.as_str() == wanted.tenant);
        let external_user = (!wanted.external_user.is_empty()).then(|| wanted.external_user.parse()).transpose();
        let external_user = external_user.map_err(BadFirstAccount::ExternalUser)?;
        if wanted.password.expose() != wanted.again.expose() {
            return Err(BadFirstAccount::Again);
        }
        wanted.password.check_new()?;
        Ok((login, tenant.ok_or(BadFirstAccount::Tenant)?.clone(), external_user))
    }
}
