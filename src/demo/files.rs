//! The files of the demo: written where they are missing, never over what somebody edited.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

// The repository's own configuration is the demo's, so that what newcomers read first is what runs.
const SETTINGS: &str = include_str!("../../bailiwick.toml");
const POLICY: &str = include_str!("../../policies/policy.csv");
const MODEL: &str = include_str!("../../policies/model.conf");
const TESTS: [(&str, &str); 2] = [
    ("documents.toml", include_str!("../../policies/tests/documents.toml")),
    ("people.toml", include_str!("../../policies/tests/people.toml")),
];

/// The port that the settings are written for.
const WRITTEN_FOR: u16 = 8080;

/// Where the server publishes the keys of the demo's issuer.
pub const JWKS_PATH: &str = "/demo/issuer/keys";

/// The path of the demo's issuer, the last part of its `iss`.
pub const ISSUER_PATH: &str = "/demo/issuer";

/// Why the files of the demo could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A directory or file could not be written.
    #[error("`{}` could not be written", path.display())]
    Write {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file that is there could not be read.
    #[error("`{}` could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Somebody edited the settings, and they are for another port.
    #[error("`{}` was edited and does not name `{wanted}`; give the port that it names with `--port`, or put that URL into it", path.display())]
    OtherPort {
        /// The settings.
        path: PathBuf,
        /// The key URL of the port that was asked for.
        wanted: String,
    },
}

/// The `iss` of the demo's issuer when the server listens on this port.
pub fn issuer_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}{ISSUER_PATH}")
}

fn jwks_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}{JWKS_PATH}")
}

fn settings(port: u16) -> String {
    SETTINGS.replace(&WRITTEN_FOR.to_string(), &port.to_string())
}

/// Writes the settings, the policy and its tests where they are missing; gives the path of the settings.
///
/// Settings that nobody edited follow the port; edited ones must be for it.
pub(super) fn write(directory: &Path, port: u16) -> Result<PathBuf, FilesError> {
    let policies = directory.join("policies");
    let tests = policies.join("tests");
    fs::create_dir_all(&tests).map_err(|source| FilesError::Write { path: tests.clone(), source })?;
    write_new(&policies.join("model.conf"), MODEL)?;
    write_new(&policies.join("policy.csv"), POLICY)?;
    for (name, text) in TESTS {
        write_new(&tests.join(name), text)?;
    }
    let path = directory.join("bailiwick.toml");
    if !write_new(&path, &settings(port))? {
        follow_port(&path, port)?;
    }
    Ok(path)
}

/// Writes a file unless there is one; says whether it did.
fn write_new(path: &Path, text: &str) -> Result<bool, FilesError> {
    let written = fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(FilesError::Write { path: path.to_owned(), source }),
    }
}

fn follow_port(path: &Path, port: u16) -> Result<(), FilesError> {
    let found = fs::read_to_string(path).map_err(|source| FilesError::Read { path: path.to_owned(), source })?;
    let wanted = jwks_url(port);
    let names = |url: &str| found.contains(&format!("\"{url}\""));
    if names(&wanted) && names(&issuer_url(port)) {
        return Ok(());
    }
    let written_for = found.lines().find_map(|line| line.strip_prefix("port = ")?.parse().ok());
    if written_for.is_some_and(|other| found == settings(other)) {
        return fs::write(path, settings(port)).map_err(|source| FilesError::Write { path: path.to_owned(), source });
    }
    Err(FilesError::OtherPort { path: path.to_owned(), wanted })
}
