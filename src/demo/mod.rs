//! What `bailiwick demo` serves: a sample database, five people, an issuer that signs tokens for them, and the files that
//! a reader edits. Nothing but the command imports it, and nothing in it opens a socket.
//!
//! Everything lives in one directory. Used again, it is found as it was left: an edited policy stays edited.

mod accounts;
mod data;
mod files;
mod issuer;
mod people;
mod routes;
mod sign_in;
mod staff;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use accounts::{AccountsError, OAUTH_CLIENT};
pub use data::{DEFAULT_ROWS, DataError};
pub use files::{FilesError, ISSUER_PATH, JWKS_PATH, issuer_url};
pub use issuer::{AUDIENCE, CLIENT, Issuer, IssuerError};
pub use people::{ACME, GLOBEX, PEOPLE, Person, person};

pub use routes::routes;

use crate::model::Timestamp;
use crate::random::Random;

/// Why the demo could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its files.
    #[error("the demo's files could not be prepared")]
    Files(#[from] FilesError),
    /// Its database.
    #[error("the demo's database could not be prepared")]
    Data(#[from] DataError),
    /// Its accounts.
    #[error("the demo's accounts could not be prepared")]
    Accounts(#[from] AccountsError),
    /// Its issuer.
    #[error("the demo's issuer could not be prepared")]
    Issuer(#[from] IssuerError),
}

/// A demo that can be served.
#[derive(Debug)]
pub struct Prepared {
    /// Where everything is.
    pub directory: PathBuf,
    /// The settings: `bailiwick.toml`.
    pub settings: PathBuf,
    /// The policy that the reader is told to edit.
    pub policy: PathBuf,
    /// The sample database.
    pub database: PathBuf,
    /// Whether it was there before.
    pub is_kept: bool,
    /// The issuer whose keys the server publishes at [`JWKS_PATH`].
    pub issuer: Arc<Issuer>,
}

/// Puts the demo's files into the directory, for a server on this port of 127.0.0.1: what is missing is written, with so
/// many documents; what is there stays.
pub async fn prepare(directory: &Path, rows: u64, port: u16, random: Arc<dyn Random>) -> Result<Prepared, DemoError> {
    let settings = files::write(directory, port)?;
    let database = directory.join("company.db");
    let is_kept = data::make(&database, rows).await?;
    let issuer = Arc::new(Issuer::new(issuer_url(port), random)?);
    let policy = directory.join("policies").join("policy.csv");
    Ok(Prepared { directory: directory.to_owned(), settings, policy, database, is_kept, issuer })
}

/// Makes an account for each of the five people and a client for programs on this machine, where they are missing; gives the
/// password of all five.
pub async fn open_accounts(prepared: &Prepared, random: &Arc<dyn Random>, now: Timestamp) -> Result<String, DemoError> {
    Ok(accounts::make(&prepared.directory, random, now).await?)
}

#[cfg(test)]
mod tests;
