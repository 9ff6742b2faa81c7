//! Brings our own files to the schema of this version, without starting a server.

use std::path::{Path, PathBuf};

use sqlx::Connection as _;

use super::database::{DatabaseError, open_writer, refuse_shared, version};
use super::migration::Migration;
use super::{audit, state};
use crate::config::{Durability, Settings};
use crate::model::Timestamp;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgraded {
    /// The file.
    pub file: PathBuf,
    /// What it holds, in a word.
    pub what: &'static str,
    /// The version of its schema before; 0 where there was no such file.
    pub before: i64,
    /// The version now.
    pub now: i64,
}

/// Makes or upgrades the files that this configuration uses, one after the other; a server does the same when it starts. The
/// first that cannot be is left as it was, and ends it.
pub async fn upgrade(settings: &Settings, now: Timestamp) -> Result<Vec<Upgraded>, DatabaseError> {
    let mut files = vec![("audit", settings.audit.path.as_path(), settings.audit.durability, audit::MIGRATIONS)];
    // Where the authorization server is off, a file that it left is kept up to date, and none is made.
    if settings.oauth.is_some() || settings.state.path.exists() {
        refuse_shared(&settings.state.path).await?;
        files.push(("state", settings.state.path.as_path(), Durability::Power, state::MIGRATIONS));
    }
    let mut upgraded = Vec::new();
    for (what, file, durability, migrations) in files {
        upgraded.push(one(what, file, durability, migrations, now).await?);
    }
    Ok(upgraded)
}

async fn one(
    what: &'static str,
    file: &Path,
    durability: Durability,
    migrations: &'static [Migration],
    now: Timestamp,
) -> Result<Upgraded, DatabaseError> {
    let before = version(file).await?;
    let connection = open_writer(file, durability, migrations, now).await?;
    connection.close().await.map_err(|source| DatabaseError::about(file, source))?;
    Ok(Upgraded { file: file.to_owned(), what, before, now: version(file).await? })
}
