//! Opening the person's browser.

use std::io;
use std::process::{Command, Stdio};

/// What opens an address in the browser that the person prefers.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens the address, without waiting: some openers end at once, others with the browser.
pub(super) fn open(address: &str) -> io::Result<()> {
    // The browser must not write between our lines, nor read what is typed here.
    let quiet = || Stdio::null();
    Command::new(OPENER).arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().map(drop)
}
