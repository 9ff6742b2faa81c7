//! `bailiwick policy diff`: who gains and who loses what between two policies, before the one takes the place of the other.
//!
//! What is compared is the effect and not the text: both policies answer for every name in either, and the answers are held
//! against each other. What cannot be answered for a name alone is said to be so.

mod change;
mod columns;
mod compare;
mod counts;
mod json;
mod revision;
mod rows;
mod side;
mod text;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use change::Difference;
use side::Side;

use crate::cli::arguments::Diff;
use crate::cli::serve::Given;

/// Two policies and all that differs between them.
struct Comparison {
    old: Side,
    new: Side,
    difference: Difference,
    /// Why rows are not counted, where they should be and are not.
    uncounted: Option<String>,
}

/// Compares two policies. The exit code is 0 where nothing differs in effect, and 1 where something does or may.
pub(super) async fn run(request: &Diff, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (loaded, catalog) = given.load_catalog()?;
    let configured = &loaded.settings.policy.directory;
    let old = Side::read(&request.old, configured, &catalog)?;
    let new = match &request.new {
        Some(new) => Side::read(new, configured, &catalog)?,
        None => Side::read(&nearer(configured)?, configured, &catalog)?,
    };
    let mut difference = compare::compare(&old.policy, &new.policy, &catalog)?;
    let uncounted = counts::count(&mut difference.people, loaded.settings.database.as_ref(), &catalog).await;
    let comparison = Comparison { old, new, difference, uncounted };
    if request.json {
        json::print(&comparison, out)?;
    } else {
        text::print(&comparison, out)?;
    }
    Ok(ExitCode::from(u8::from(!comparison.difference.is_none())))
}

/// The directory as somebody would call it who stands where the command was given.
fn nearer(directory: &Path) -> anyhow::Result<String> {
    let here = std::env::current_dir().context("the working directory cannot be read")?;
    let inside = directory.strip_prefix(&here).ok().filter(|inside| !inside.as_os_str().is_empty());
    Ok(inside.unwrap_or(directory).display().to_string())
}
