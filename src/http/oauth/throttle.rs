//! How often each address, account and client may ask.
//!
//! One address can be a whole platform that exchanges codes for everybody, so the token endpoint is generous and only its
//! failures are not; what costs a hash, a row or a look at a password is held short.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::limits::{Limit, network};
use crate::model::{ClientId, TokenHash};

/// The limits.
#[derive(Debug)]
pub(super) struct Throttle {
    pages: Limit<IpAddr>,
    sign_in: Limit<IpAddr>,
    account_here: Limit<(TokenHash, IpAddr)>,
    account: Limit<TokenHash>,
    token: Limit<IpAddr>,
    client: Limit<ClientId>,
    failure: Limit<IpAddr>,
    registration: Limit<IpAddr>,
}

/// So many at once, and one more in each so many milliseconds.
const PAGES: (u32, u64) = (60, 1_000);
const SIGN_IN: (u32, u64) = (20, 3_000);
const ACCOUNT_HERE: (u32, u64) = (5, 12_000);
const ACCOUNT: (u32, u64) = (20, 3_000);
const TOKEN: (u32, u64) = (300, 100);
const CLIENT: (u32, u64) = (300, 100);
const FAILURE: (u32, u64) = (30, 2_000);
const REGISTRATION: (u32, u64) = (20, 60_000);

impl Throttle {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            pages: limit(PAGES, clock),
            sign_in: limit(SIGN_IN, clock),
            account_here: limit(ACCOUNT_HERE, clock),
            account: limit(ACCOUNT, clock),
            token: limit(TOKEN, clock),
            client: limit(CLIENT, clock),
            failure: limit(FAILURE, clock),
            registration: limit(REGISTRATION, clock),
        }
    }

    /// An authorization request, or a page.
    pub(super) fn page(&self, address: IpAddr) -> Result<(), Duration> {
        self.pages.take(&network(address))
    }

    /// A password for this login. One address cannot use up what the account has in all, which refills faster than any
    /// address may ask: so a stranger delays nobody but themselves, and many strangers together guess no faster than one.
    pub(super) fn sign_in(&self, address: IpAddr, login: &str) -> Result<(), Duration> {
        let (network, login) = (network(address), TokenHash::of(&login.trim().to_lowercase()));
        self.sign_in.take(&network)?;
        self.account_here.take(&(login, network))?;
        self.account.take(&login)
    }

    /// A request to the token, revocation or introspection endpoint.
    pub(super) fn token(&self, address: IpAddr) -> Result<(), Duration> {
        self.token.take(&network(address))
    }

    /// The same, of a client that has proved itself: nobody else can use up what it has.
    pub(super) fn client(&self, client: &ClientId) -> Result<(), Duration> {
        self.client.take(client)
    }

    /// A client that could not prove itself, or a code or token that is none.
    pub(super) fn failure(&self, address: IpAddr) -> Result<(), Duration> {
        self.failure.take(&network(address))
    }

    /// A registration.
    pub(super) fn registration(&self, address: IpAddr) -> Result<(), Duration> {
        self.registration.take(&network(address))
    }
}

fn limit<K: Clone + Eq + std::hash::Hash>((burst, refill): (u32, u64), clock: &Arc<dyn Clock>) -> Limit<K> {
    Limit::new(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), Duration::from_millis(refill), clock)
}
