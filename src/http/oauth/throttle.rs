//! How often each address, account and client may ask.
//!
//! One address can be a whole platform that exchanges codes for everybody, so the token endpoint is generous and only its
//! failures are not; what costs a hash, a row or a look at a password is held short.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::limits::{Addresses, Failures, Limit, allotment};
use crate::model::{ClientId, TokenHash};

/// The limits.
#[derive(Debug)]
pub(super) struct Throttle {
    pages: Addresses,
    sign_in: Addresses,
    account_here: Limit<(TokenHash, IpAddr)>,
    account: Limit<TokenHash>,
    account_known: Limit<(TokenHash, IpAddr)>,
    token: Addresses,
    client: Limit<ClientId>,
    failure: Addresses,
    guesses: Failures<(ClientId, IpAddr)>,
    registration: Addresses,
}

/// So many at once, and one more in each so many milliseconds.
const PAGES: (u32, u64) = (60, 1_000);
const SIGN_IN: (u32, u64) = (20, 3_000);
const ACCOUNT_HERE: (u32, u64) = (5, 12_000);
const ACCOUNT: (u32, u64) = (100, 1_000);
const TOKEN: (u32, u64) = (300, 100);
const CLIENT: (u32, u64) = (300, 100);
const FAILURE: (u32, u64) = (30, 2_000);
const GUESSES: (u32, u64) = (30, 2_000);
const REGISTRATION: (u32, u64) = (20, 60_000);

impl Throttle {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            pages: addresses(PAGES, clock),
            sign_in: addresses(SIGN_IN, clock),
            account_here: limit(ACCOUNT_HERE, clock),
            account: limit(ACCOUNT, clock),
            account_known: limit(ACCOUNT_HERE, clock),
            token: addresses(TOKEN, clock),
            client: limit(CLIENT, clock),
            failure: addresses(FAILURE, clock),
            guesses: failures(GUESSES, clock),
            registration: addresses(REGISTRATION, clock),
        }
    }

    /// An authorization request, or a page.
    pub(super) fn page(&self, address: IpAddr) -> Result<(), Duration> {
        self.pages.take(address)
    }

    /// A password for this login, from a browser that nobody has signed in to it from. All of these share what the account
    /// has, so that many strangers together do not guess many times as fast as one; a dozen networks that never stop can use
    /// it up. Then whoever has signed in before does it [from there](Self::sign_in_again), and only a new browser has to wait.
    pub(super) fn sign_in(&self, address: IpAddr, login: &str) -> Result<(), Duration> {
        let login = account(login);
        self.sign_in.take(address)?;
        self.account_here.take(&(login, allotment(address)))?;
        self.account.take(&login)
    }

    /// A password for this login, from a browser in which somebody has signed in to it before: nothing that a stranger does
    /// is counted there, be it from the same address.
    pub(super) fn sign_in_again(&self, address: IpAddr, login: &str) -> Result<(), Duration> {
        self.account_known.take(&(account(login), allotment(address)))
    }

    /// A request to the token, revocation or introspection endpoint.
    pub(super) fn token(&self, address: IpAddr) -> Result<(), Duration> {
        self.token.take(address)
    }

    /// The same, of a client that has proved itself: nobody else can use up what it has.
    pub(super) fn client(&self, client: &ClientId) -> Result<(), Duration> {
        self.client.take(client)
    }

    /// A client that could not prove itself, or a code or token that is none.
    pub(super) fn failure(&self, address: IpAddr) -> Result<(), Duration> {
        self.failure.take(address)
    }

    /// Whether somebody there may show a secret of this client. Not counted for the address alone: a whole platform can be
    /// behind it, and one client that has lost its secret stops none of the others.
    pub(super) fn may_guess(&self, address: IpAddr, client: &ClientId) -> Result<(), Duration> {
        self.guesses.check(&(client.clone(), allotment(address)))
    }

    /// A secret that was not this client's.
    pub(super) fn guessed(&self, address: IpAddr, client: &ClientId) {
        self.guesses.count(&(client.clone(), allotment(address)));
    }

    /// A registration.
    pub(super) fn registration(&self, address: IpAddr) -> Result<(), Duration> {
        self.registration.take(address)
    }
}

/// However it is typed. Not kept as it is: a password is often typed in its place.
fn account(login: &str) -> TokenHash {
    TokenHash::of(&login.trim().to_lowercase())
}

fn failures<K: Clone + Eq + std::hash::Hash>((burst, refill): (u32, u64), clock: &Arc<dyn Clock>) -> Failures<K> {
    Failures::new(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), Duration::from_millis(refill), clock)
}

fn addresses((burst, refill): (u32, u64), clock: &Arc<dyn Clock>) -> Addresses {
    Addresses::new(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), Duration::from_millis(refill), clock)
}

fn limit<K: Clone + Eq + std::hash::Hash>((burst, refill): (u32, u64), clock: &Arc<dyn Clock>) -> Limit<K> {
    Limit::new(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), Duration::from_millis(refill), clock)
}
