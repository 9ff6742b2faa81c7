//! What stands in a policy directory and is not read. A denial in such a file is a wall that is not there, so nobody should
//! have to find out by trying.
//!
//! A name that was meant to end in `.csv` is refused. Anything else that is not read is only named: an editor, a script or a
//! mounted volume may put what it likes beside the files for a moment, and must not keep a policy from coming into force.

use std::path::Path;

use crate::policy::finding::{Finding, Severity};

/// How the name of a policy file ends.
pub(super) const EXTENSION: &str = ".csv";

/// What editors and tools leave beside a file: a copy, or what will be the file in a moment.
const COPIES: [&str; 9] = ["swp", "swx", "tmp", "temp", "bak", "orig", "rej", "old", "part"];

/// Whether a name was meant to end in `.csv`, and does not.
pub(super) fn is_misnamed(name: &str) -> bool {
    let lower = name.to_lowercase();
    let meant = lower.strip_suffix(".txt").unwrap_or(&lower).trim_end();
    !name.ends_with(EXTENSION) && meant.ends_with(EXTENSION)
}

/// Says of a file or directory that is not read that it is not, unless that is nothing to wonder about.
pub(super) fn warning(path: &Path, name: &str) -> Option<Finding> {
    let message = if path.is_dir() {
        (name != "tests").then_some("the directory is not read; policy files stand in the policy directory itself")?
    } else if is_copy(name) || is_text_for_people(name) {
        return None;
    } else {
        "the file is not read: the name of a policy file ends in `.csv`"
    };
    Some(Finding { severity: Severity::Warning, ..Finding::of_file(path, message) })
}

fn is_copy(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or("");
    // `4913` is how Vim finds out whether it may write, `sedXXXXXX` what `sed -i` writes, `#…#` what Emacs saves.
    let is_of_sed = |rest: &str| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    COPIES.iter().any(|copy| extension.eq_ignore_ascii_case(copy))
        || name.ends_with('~')
        || name.starts_with('#')
        || name.bytes().all(|byte| byte.is_ascii_digit())
        || name.strip_prefix("sed").is_some_and(is_of_sed)
}

fn is_text_for_people(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    extension.eq_ignore_ascii_case("md") || ["README", "LICENSE", "CODEOWNERS"].contains(&stem)
}
