//! Strict reading of a policy directory: `model.conf` and every `*.csv`, in name order, as one namespace.
//!
//! casbin's own file adapter drops what it does not understand, and a dropped line can be the one that denies. So
//! nothing here is skipped, repaired or guessed: a line is blank, a comment, a `p` line, a `g` line, or a refusal. All
//! findings are collected, because a person mends a file in one go. What a line *means* together with the others is the
//! business of `lint`.

mod content;
mod footprint;
mod format;
mod interned;
mod line;
mod record;
mod unread;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub(super) use content::Content;
pub(super) use footprint::Footprint;
pub use format::format;
pub(super) use line::{Effect, Grant, Lines, Rule};

use self::interned::Interned;
use super::finding::{Finding, instead};
use crate::catalog::Catalog;

/// The largest policy file, in bytes.
const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// How often a directory that changes under the reader is read again.
const ATTEMPTS: usize = 3;
const MODEL_FILE: &str = "model.conf";

/// The one model that the compiler of row filters knows.
pub(super) const MODEL: &str = r#"[request_definition]
r = sub, dom, obj, act, ctx
[policy_definition]
p = sub, dom, obj, act, cond, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.sub in r.sub.names) && (p.dom == "*" || p.dom == r.dom) && keyMatch(r.obj.kind, p.obj) && (p.act == "*" || p.act == r.act) && (p.cond == "true" || eval(p.cond))
"#;

/// The bytes of a policy directory at one moment: file name to content.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    files: BTreeMap<String, Vec<u8>>,
    /// Warnings of what else stands there. It is no part of the policy.
    unread: Vec<Finding>,
}

impl Sources {
    /// Reads the directory twice and finds it the same, so that half of somebody's change is not taken for a policy.
    pub(super) fn read(directory: &Path) -> Result<Self, Vec<Finding>> {
        let mut before = Self::read_once(directory)?;
        for _ in 0..ATTEMPTS {
            let after = Self::read_once(directory)?;
            if after.files == before.files {
                return Ok(after);
            }
            before = after;
        }
        let message = "the files change while they are read; a policy is taken once they are at rest";
        Err(vec![Finding::of_file(directory, message)])
    }

    fn read_once(directory: &Path) -> Result<Self, Vec<Finding>> {
        let failed =
            |path: &Path, what: &str, cause: &io::Error| vec![Finding::of_file(path, format!("{what}: {cause}"))];
        let (mut files, mut unread) = (BTreeMap::new(), Vec::new());
        let mut findings = Vec::new();
        let entries = fs::read_dir(directory)
            .map_err(|cause| failed(directory, "the policy directory cannot be read", &cause))?;
        for entry in entries {
            let entry = entry.map_err(|cause| failed(directory, "the policy directory cannot be listed", &cause))?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            // Editors keep locks and swap files beside the real ones (`.#policy.csv`), Kubernetes its links (`..data`).
            if name.starts_with('.') {
                continue;
            }
            if !is_policy_file(&name, &path, &mut findings) {
                unread.extend(unread::warning(&path, &name));
                continue;
            }
            match read_file(&path) {
                Ok(bytes) => drop(files.insert(name, bytes)),
                Err(cause) => findings.extend(failed(&path, "the file cannot be read", &cause)),
            }
        }
        unread.sort_by(|a: &Finding, b| a.path.cmp(&b.path));
        if findings.is_empty() { Ok(Self { files, unread }) } else { Err(findings) }
    }

    /// Takes files from elsewhere, and of them those that [`Sources::read`] would take.
    pub(super) fn of(place: &Path, files: BTreeMap<String, Vec<u8>>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut sources = BTreeMap::new();
        for (name, bytes) in files {
            let path = place.join(&name);
            if name.starts_with('.') || !is_policy_file(&name, &path, &mut findings) {
                continue;
            }
            match fits(bytes.len() as u64) {
                Ok(()) => drop(sources.insert(name, bytes)),
                Err(cause) => findings.push(Finding::of_file(&path, format!("the file cannot be read: {cause}"))),
            }
        }
        if findings.is_empty() { Ok(Self { files: sources, unread: Vec::new() }) } else { Err(findings) }
    }

    /// How a file says nothing, if it does: it is not there, or has no line.
    pub(super) fn silence(&self, file: &str) -> Option<&'static str> {
        let Some(bytes) = self.files.get(file) else { return Some("gone") };
        let says = |line: &[u8]| line.trim_ascii().first().is_some_and(|first| *first != b'#');
        (!bytes.split(|byte| *byte == b'\n').any(says)).then_some("empty")
    }

    /// A hash of names and contents, for the revision and for the watcher.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (name, bytes) in &self.files {
            // Lengths in front, so that no two directories run together into the same bytes.
            for part in [name.as_bytes(), bytes] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().into()
    }
}

fn is_policy_file(name: &str, path: &Path, findings: &mut Vec<Finding>) -> bool {
    if name == MODEL_FILE {
        return true;
    }
    if unread::is_misnamed(name) {
        let extension = name.get(name.to_lowercase().rfind(unread::EXTENSION).unwrap_or(0)..).unwrap_or(name);
        let message = format!("the extension is `{extension}`, and only `.csv` is read; rename the file");
        findings.push(Finding::of_file(path, message));
    }
    name.ends_with(unread::EXTENSION)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    fits(fs::metadata(path)?.len())?;
    fs::read(path)
}

fn fits(length: u64) -> io::Result<()> {
    if length <= MAX_FILE_BYTES {
        return Ok(());
    }
    let message = format!("it is {length} bytes long; at most {MAX_FILE_BYTES} are read");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
}

/// Parses the files; every finding is collected. What could be parsed is returned too, so that it can be linted.
pub(super) fn parse(directory: &Path, sources: Sources, catalog: &Catalog) -> (Lines, Vec<Finding>) {
    let Sources { mut files, unread: mut findings } = sources;
    match files.remove(MODEL_FILE) {
        Some(bytes) => findings.extend(compare_model(directory.join(MODEL_FILE), bytes)),
        None => findings.push(Finding::of_file(
            directory.join(MODEL_FILE),
            format!(
                "the file is missing; a policy directory holds `*.csv` and `model.conf`, which always says\n{}",
                MODEL.trim_end()
            ),
        )),
    }
    if files.is_empty() {
        findings.push(Finding::of_file(directory, "there is no `*.csv` here; without a line nobody has access"));
    }
    let mut contents = BTreeMap::new();
    for (name, bytes) in files {
        let text = record::text(&directory.join(&name), bytes).unwrap_or_else(|finding| {
            findings.push(finding);
            String::new()
        });
        contents.insert(Arc::from(name), Content::new(text));
    }
    let (mut lines, found) = read_lines(directory, &contents, catalog);
    findings.extend(found);
    lines.files = contents;
    (lines, findings)
}

fn read_lines(directory: &Path, files: &BTreeMap<Arc<str>, Content>, catalog: &Catalog) -> (Lines, Vec<Finding>) {
    let (mut lines, mut findings) = (Lines::default(), Vec::new());
    let mut interned = Interned::default();
    for (file, content) in files {
        let path = directory.join(&**file);
        let mut reader = line::Reader { file, path: &path, catalog, interned: &mut interned };
        for record in record::records(&path, content.text()) {
            match record {
                Ok(record) => reader.read(&record, &mut lines, &mut findings),
                Err(finding) => findings.push(finding),
            }
        }
    }
    lines.rules.shrink_to_fit();
    (lines, findings)
}

/// Compares the model with ours, blank for blank run, comment lines aside.
fn compare_model(path: PathBuf, bytes: Vec<u8>) -> Option<Finding> {
    let text = match record::text(&path, bytes) {
        Ok(text) => text,
        Err(finding) => return Some(finding),
    };
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut expected = MODEL.lines();
    let numbered = (1..).zip(text.lines().map(squeeze));
    for (number, found) in numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let wanted = expected.next();
        if wanted != Some(found.as_str()) {
            let right = wanted.map_or("nothing more".to_owned(), |line| format!("`{line}`"));
            let message = format!(
                "`{found}` is not the model that this server compiles to row filters; it knows one, where {right} stands here"
            );
            return Some(Finding { line: number, ..Finding::of_file(path, message) });
        }
    }
    expected.next().map(|line| Finding::of_file(path, format!("the model ends too soon: `{line}` is missing")))
}

/// Ends a message about an unknown first field.
fn first_field(found: &str) -> String {
    match found {
        "P" | "G" => format!("write it in lower case, `{}`", found.to_lowercase()),
        _ if found.starts_with("//") || found.starts_with(';') => "a comment begins with `#`".to_owned(),
        _ if found.contains(';') => "fields are separated by commas".to_owned(),
        _ => match instead(found, ["p", "g"]).as_str() {
            near if near.starts_with("did") => near.to_owned(),
            _ => "a line begins with `p` (a rule), `g` (a membership) or `#` (a comment)".to_owned(),
        },
    }
}
