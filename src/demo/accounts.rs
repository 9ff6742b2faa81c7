//! The demo's way in by OAuth: an account for each of the five people, all with one password, and a client for programs on
//! this machine.
//!
//! The password is made when the directory is, and kept there in a file that only its owner can read, so that whoever serves
//! a copied directory to others has given nobody a password that stands in a manual.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::people::{ACME, PEOPLE};
use crate::model::oauth::{AccountId, AuthMethod, BadRedirectUri, ClientOrigin, GrantType, Password, Reach};
use crate::model::{BadIdentifier, BadName, Scope, Timestamp};
use crate::passwords::{PasswordError, Passwords};
use crate::random::{self, Random, RandomError};
use crate::store::state::{Account, Client, StateError, StateStore};

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
    let password = password(&directory.join("password.txt"), random.as_ref())?;
    let store = StateStore::open(&directory.join("state.db"), now).await?;
    if store.accounts().await?.is_empty() {
        // One hash for all: it is one password, and the demo should start at once.
        let hash = Passwords::new(Arc::clone(random))?.hash(Password::new(password.clone())).await?;
        for person in PEOPLE {
            let account = Account {
                id: AccountId::from_random(random::bytes(random.as_ref())?),
                login: person.external_user.parse()?,
                tenant: if person.organisation == ACME { "acme" } else { "globex" }.parse()?,
                external_user: Some(person.external_user.parse()?),
                created: now,
                password_set: now,
                disabled: None,
                provider: None,
            };
            store.create_account(&account, &hash, now).await?;
        }
    }
    let client = client(now)?;
    if store.client(&client.id).await?.is_none() {
        store.create_client(&client, now).await?;
    }
    Ok(password)
}

fn client(now: Timestamp) -> Result<Client, AccountsError> {
    Ok(Client {
        id: OAUTH_CLIENT.parse()?,
        name: "A program on this computer".to_owned(),
        uri: None,
        origin: ClientOrigin::CommandLine,
        auth_method: AuthMethod::None,
        secret: None,
        grant_types: GrantType::ALL.iter().copied().collect(),
        scopes: Scope::ALL.into_iter().collect(),
        redirect_uris: CALLBACKS.iter().map(|uri| uri.parse()).collect::<Result<_, _>>()?,
        reach: Reach::EveryTenant,
        asserts_users: false,
        created: now,
        used: None,
        disabled: None,
    })
}

/// The password in the file, which is made if it is not there.
fn password(path: &Path, random: &dyn Random) -> Result<String, AccountsError> {
    let failed = |source| AccountsError::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let password = format!("demo-{}", random::hex::<8>(random)?);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| writeln!(file, "{password}")).map_err(failed)?;
    Ok(password)
}
