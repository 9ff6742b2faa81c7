//! `[database]`, `[audit]` and `[policy]`: what the server reads and writes.

use std::path::PathBuf;
use std::time::Duration;

use super::origin::At;
use super::quantity;
use super::section::{Pairs, Section};
use super::settings::{Audit, Database, Durability, Policy};

const SQLITE: &str = "`sqlite:` and the path of a file, such as \"sqlite:data/company.db\"";

fn sqlite_path(text: &str) -> Result<&str, &'static str> {
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return Err("`sqlite:` and the path of a file: this version reads SQLite; PostgreSQL is to come");
    }
    let path = text.strip_prefix("sqlite:").ok_or(SQLITE)?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains('?') {
        return Err("`sqlite:` and the path of a file, without options: how it is opened is said by the datasets");
    }
    if path.is_empty() || path == ":memory:" { Err(SQLITE) } else { Ok(path) }
}

/// Reads `[database]`; `None` where no database is written, which [`super::read`] refuses if a dataset needs one.
pub(super) fn database(section: &mut Section<'_>) -> Option<Database> {
    let base = section.reading().base().to_owned();
    let url = section.checked("url", |text| sqlite_path(text).map(|path| base.join(path)));
    let connections = section.integer::<u32>("connections", 1..=64);
    let statement_timeout = section.duration("statement_timeout", Duration::from_millis(10)..=Duration::from_mins(10));
    Some(Database { path: url?.value, connections: connections?.value, statement_timeout: statement_timeout?.value })
}

/// Reads `[audit]`.
pub(super) fn audit(section: &mut Section<'_>) -> Option<Audit> {
    let path = section.path("path");
    let durability = section.word("durability", &[("process", Durability::Process), ("power", Durability::Power)]);
    let queue = section.integer::<usize>("queue", 1..=1_000_000);
    let keep = section.checked("keep", |text| match quantity::duration(text) {
        Some(duration) if duration >= Duration::from_hours(1) => Ok(duration),
        None if text == "forever" => Ok(Duration::ZERO),
        _ => Err("\"forever\", or a duration of at least \"1h\", such as \"90d\""),
    });
    let max_size = section.checked("max_size", |text| match quantity::size(text) {
        Some(size) if size >= 1 << 20 => Ok(size),
        None if text == "unlimited" => Ok(0),
        _ => Err("\"unlimited\", or a size of at least \"1MB\", such as \"10GB\""),
    });
    Some(Audit {
        path: path?.value,
        durability: durability?.value,
        queue: queue?.value,
        keep: keep?.value,
        max_bytes: max_size?.value,
    })
}

/// Reads `[policy]`, and the lists of `[policy.lists]` as they are written.
pub(super) fn policy(section: &mut Section<'_>) -> (Option<Policy>, Pairs) {
    let directory: Option<At<PathBuf>> = section.path("directory");
    let settle = section.duration("settle", Duration::from_millis(10)..=Duration::from_millis(900));
    let lists = section.pairs("lists");
    let policy =
        directory.zip(settle).map(|(directory, settle)| Policy { directory: directory.value, settle: settle.value });
    (policy, lists)
}
