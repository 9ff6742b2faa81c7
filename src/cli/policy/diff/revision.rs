//! A policy directory as it was in a git revision, read by the installed `git` without touching the working tree.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, bail};

/// Variables that a hook finds set, and that would lead away from the repository of the directory.
const LEADING_AWAY: [&str; 5] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"];

/// The files that stood in `directory` in a revision, by name. `None` where git knows no such revision.
pub(super) fn files(directory: &Path, revision: &str) -> anyhow::Result<Option<BTreeMap<String, Vec<u8>>>> {
    let commit = format!("{revision}^{{commit}}");
    let found = git(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    if found.status.code() == Some(1) {
        return Ok(None);
    }
    let commit = String::from_utf8(succeeded(found)?).context("git names a commit in another encoding than UTF-8")?;
    let listed = succeeded(git(directory, &["ls-tree", "-z", commit.trim_end()])?)?;
    let mut files = BTreeMap::new();
    for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        // `<mode> <kind> <object>\t<name>`, with nothing quoted under `-z`.
        let entry = String::from_utf8_lossy(entry);
        let (about, name) = entry.split_once('\t').context("git lists a file in an unknown form")?;
        let about: Vec<&str> = about.split(' ').collect();
        let [mode, kind, object] = about.as_slice() else { bail!("git lists `{name}` in an unknown form") };
        if *kind != "blob" || !(name == "model.conf" || has_extension(name, "csv")) {
            continue;
        }
        if *mode == "120000" {
            bail!("`{name}` is a link in {revision}; only files can be read out of a revision");
        }
        files.insert(name.to_owned(), succeeded(git(directory, &["cat-file", "blob", object])?)?);
    }
    if files.is_empty() {
        bail!("there is no policy in {} in {revision}", directory.display());
    }
    Ok(Some(files))
}

fn has_extension(name: &str, wanted: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

fn git(directory: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(arguments);
    for variable in LEADING_AWAY {
        command.env_remove(variable);
    }
    command.output().map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            return anyhow::anyhow!("a revision is read with `git`, and there is no such program here");
        }
        anyhow::Error::from(error).context("`git` cannot be started")
    })
}

/// What git printed, or why it did not.
fn succeeded(output: Output) -> anyhow::Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("git says: {}", said.trim().trim_start_matches("fatal: "))
}
