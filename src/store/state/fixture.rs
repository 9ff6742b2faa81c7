//! A client and an account for tests.

use super::{Account, Client};
use crate::model::oauth::{AccountId, ClientOrigin, GrantType, Reach};
use crate::model::{Scope, Timestamp};

/// A public client that the operator made known.
pub(crate) fn client(id: &str, now: Timestamp) -> Client {
    Client {
        grant_types: GrantType::for_people(),
        scopes: Scope::ALL.into_iter().collect(),
        redirect_uris: vec!["https://app.example/callback".parse().unwrap()],
        reach: Reach::EveryTenant,
        ..Client::new(id.parse().unwrap(), "An app".to_owned(), ClientOrigin::CommandLine, now)
    }
}

/// An account of acme, whose id its login gives.
pub(crate) fn account(login: &str, now: Timestamp) -> Account {
    let mut id = [0; 16];
    for (byte, from) in id.iter_mut().zip(login.bytes()) {
        *byte = from;
    }
    Account {
        id: AccountId::from_random(id),
        login: login.parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        external_user: Some("ada".parse().unwrap()),
        created: now,
        password_set: now,
        disabled: None,
        provider: None,
    }
}
