//! What can be known of a policy directory without reading its files.
//!
//! A footprint that is another means that somebody wrote. One that is the same proves nothing: two writes in one tick of the
//! file system's clock leave the same, and a network file system may remember old ones. So it says when to read, never what
//! was read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::MODEL_FILE;
use super::unread::{EXTENSION, is_misnamed};

/// The names of the policy files, and of each what the file system says of the file that the name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct Footprint(BTreeMap<OsString, Result<Stamp, io::ErrorKind>>);

/// What the file system says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

/// Which file it is, and when something about it last changed: what an editor that sets the old time cannot set.
#[cfg(unix)]
type Identity = (u64, u64, i64, i64);
#[cfg(not(unix))]
type Identity = ();

impl Footprint {
    /// Takes the footprint, through links; the error is a footprint too.
    pub(in crate::policy) fn of(directory: &Path) -> Result<Self, io::ErrorKind> {
        let mut stamps = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(|error| error.kind())? {
            let entry = entry.map_err(|error| error.kind())?;
            let name = entry.file_name();
            if may_be_policy(&name.to_string_lossy()) {
                let stamp = fs::metadata(entry.path()).map(|metadata| Stamp::of(&metadata));
                stamps.insert(name, stamp.map_err(|error| error.kind()));
            }
        }
        Ok(Self(stamps))
    }
}

/// Whether a file of this name would be read, or refused for its extension.
fn may_be_policy(name: &str) -> bool {
    !name.starts_with('.') && (name == MODEL_FILE || name.ends_with(EXTENSION) || is_misnamed(name))
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}
