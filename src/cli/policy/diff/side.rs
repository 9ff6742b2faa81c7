//! One side of a comparison: a directory, or the configured directory in a git revision.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::revision;
use crate::catalog::Catalog;
use crate::cli::policy::accepted;
use crate::policy::{self, Snapshot};

/// Where a policy was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Directory,
    Revision,
}

impl Place {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Revision => "revision",
        }
    }
}

/// A policy, and what it was called.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) called: String,
    pub(super) place: Place,
    pub(super) policy: Snapshot,
}

impl Side {
    /// Reads a side. What is a directory is taken for one, whatever git calls by the same name.
    pub(super) fn read(called: &str, configured: &Path, catalog: &Arc<Catalog>) -> anyhow::Result<Self> {
        let path = Path::new(called);
        if path.is_dir() {
            let policy = accepted(path, policy::check(path, catalog))?;
            return Ok(Self { called: called.to_owned(), place: Place::Directory, policy });
        }
        if path.exists() {
            bail!("`{called}` is a file; a policy is a directory with `model.conf` and `*.csv`, or a git revision");
        }
        let neither = || {
            format!(
                "`{called}` is neither a directory nor a git revision of {}\n\
                 hint: name a directory, or a revision such as HEAD, HEAD~1 or a tag",
                configured.display()
            )
        };
        let Some(files) = revision::files(configured, called).with_context(neither)? else { bail!(neither()) };
        let place = PathBuf::from(format!("{called}:{}", configured.display()));
        let policy = accepted(&place, policy::check_contents(&place, files, catalog)).map_err(|refused| {
            anyhow::anyhow!("{refused}\nhint: a revision is read with the declarations of today's configuration")
        })?;
        Ok(Self { called: called.to_owned(), place: Place::Revision, policy })
    }
}
