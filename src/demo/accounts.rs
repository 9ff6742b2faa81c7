//! The demo's way in by OAuth: an account for each of the five people, all with one password, and a client for programs on
//! this machine.
//!
//! The password is made when the directory is, and kept there in a file that only its owner can read, so that whoever serves
//! a copied directory to others has given nobody a password that stands in a manual. Whoever has lost that file is given another
//! password, and it is written last: so whatever is printed is what the accounts have, wherever an earlier start broke off.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::people::{ACME, PEOPLE, Person};
use crate::model::oauth::{AccountId, BadRedirectUri, ClientOrigin, GrantType, Login, Password, Reach};
use crate::model::{BadIdentifier, BadName, Scope, Timestamp};
use crate::passwords::{PasswordError, Passwords};
use crate::random::{self, Random, RandomError};
use crate::store::state::{Account, Client, PasswordHash, StateError, StateStore};

/// The id of the client that is there from the start.
pub const OAUTH_CLIENT: &str = "demo-client";

/// Where its answers may go, on whatever port.
const CALLBACKS: [&str; 3] = ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"];

/// Why the accounts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The file of the password could not be read or written.
    #[error("`{}` could not be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The state could not be read or written.
    #[error("the accounts could not be kept")]
    State(#[from] StateError),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Password(#[from] PasswordError),
    /// There were no random bytes.
    #[error("no password or id could be made")]
    Random(#[from] RandomError),
    /// One of the five has a name that is none.
    #[error("an account's name is not one")]
    Name(#[from] BadName),
    /// One of the five has an identifier that is none.
    #[error("an account's identifier is not one")]
    Identifier(#[from] BadIdentifier),
    /// A redirect URI of the client is none.
    #[error("a redirect URI is not one")]
    RedirectUri(#[from] BadRedirectUri),
}

/// Makes the accounts and the client where they are missing; gives the password of all five.
pub(super) async fn make(directory: &Path, random: &Arc<dyn Random>, now: Timestamp) -> Result<String, AccountsError> {
    let file = directory.join("password.txt");
    let store = StateStore::open(&directory.join("state.db"), now).await?;
    let kept = kept(&file)?;
    let is_new = kept.is_none();
    let password = match kept {
        Some(password) => password,
        None => format!("demo-{}", random::hex::<8>(random.as_ref())?),
    };
    let made: BTreeSet<Login> = store.accounts().await?.into_iter().map(|account| account.login).collect();
    let mut hash = None;
    for person in PEOPLE {
        let login: Login = person.external_user.parse()?;
        let is_made = made.contains(&login);
        if is_made && !is_new {
            // Whatever password it has now, somebody may have set it.
            continue;
        }
        // One hash for all: it is one password, and the demo should start at once.
        let hash = match &hash {
            Some(hash) => hash,
            None => hash.insert(hashed(&password, random).await?),
        };
        if is_made {
            store.set_password(&login, hash, now).await?;
        } else {
            store.create_account(&account(&person, login, random.as_ref(), now)?, hash, now).await?;
        }
    }
    if is_new {
        keep(&file, &password)?;
    }
    let client = client(now)?;
    if store.client(&client.id).await?.is_none() {
        store.create_client(&client, now).await?;
    }
    Ok(password)
}

async fn hashed(password: &str, random: &Arc<dyn Random>) -> Result<PasswordHash, AccountsError> {
    Ok(Passwords::new(Arc::clone(random))?.hash(Password::new(password.to_owned())).await?)
}

fn account(person: &Person, login: Login, random: &dyn Random, now: Timestamp) -> Result<Account, AccountsError> {
    Ok(Account {
        id: AccountId::from_random(random::bytes(random)?),
        login,
        tenant: if person.organisation == ACME { "acme" } else { "globex" }.parse()?,
        external_user: Some(person.external_user.parse()?),
        created: now,
        password_set: now,
        disabled: None,
        provider: None,
    })
}

fn client(now: Timestamp) -> Result<Client, AccountsError> {
    let name = "A program on this computer".to_owned();
    Ok(Client {
        grant_types: GrantType::for_people(),
        scopes: Scope::ALL.into_iter().collect(),
        redirect_uris: CALLBACKS.iter().map(|uri| uri.parse()).collect::<Result<_, _>>()?,
        reach: Reach::EveryTenant,
        ..Client::new(OAUTH_CLIENT.parse()?, name, ClientOrigin::CommandLine, now)
    })
}

/// The password in the file, if there is one.
fn kept(path: &Path) -> Result<Option<String>, AccountsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|password| !password.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AccountsError::File { path: path.to_owned(), source }),
    }
}

/// Writes the password down, for nobody but the file's owner: as a whole or not at all.
fn keep(path: &Path, password: &str) -> Result<(), AccountsError> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(&unfinished)
        .and_then(|mut file| writeln!(file, "{password}").and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|source| AccountsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::Comparison;
    use crate::random::OsRandom;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    async fn make_in(directory: &Path, now: Timestamp) -> String {
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        make(directory, &random, now).await.unwrap()
    }

    /// How many of the five have this password.
    async fn holders(directory: &Path, password: &str) -> usize {
        let store = StateStore::open(&directory.join("state.db"), NOW).await.unwrap();
        let passwords = Passwords::new(Arc::new(OsRandom)).unwrap();
        let mut holders = 0;
        for person in PEOPLE {
            let Some((_, hash)) = store.account_by_login(&person.external_user.parse().unwrap()).await.unwrap() else {
                continue;
            };
            let compared = passwords.verify(Password::new(password.to_owned()), Some(hash)).await.unwrap();
            holders += usize::from(matches!(compared, Comparison::Same));
        }
        holders
    }

    #[tokio::test]
    async fn whatever_password_is_told_is_the_one_of_all_five() {
        let directory = tempfile::tempdir().unwrap();
        let first = make_in(directory.path(), NOW).await;
        assert_eq!(make_in(directory.path(), NOW).await, first);
        assert_eq!(holders(directory.path(), &first).await, 5);

        fs::remove_file(directory.path().join("password.txt")).unwrap();
        let second = make_in(directory.path(), Timestamp::from_secs(1_790_000_001)).await;
        assert_ne!(first, second);
        assert_eq!((holders(directory.path(), &first).await, holders(directory.path(), &second).await), (0, 5));
        assert_eq!(make_in(directory.path(), NOW).await, second);
    }

    #[tokio::test]
    async fn a_start_that_broke_off_is_finished_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let store = StateStore::open(&directory.path().join("state.db"), NOW).await.unwrap();
        let first = account(&PEOPLE[0], PEOPLE[0].external_user.parse().unwrap(), random.as_ref(), NOW).unwrap();
        store
            .create_account(&first, &hashed("some password that was lost", &random).await.unwrap(), NOW)
            .await
            .unwrap();
        drop(store);
        let password = make_in(directory.path(), Timestamp::from_secs(1_790_000_001)).await;
        assert_eq!(holders(directory.path(), &password).await, 5);
    }
}
