//! `bailiwick policy test`: what the policy promises, written down and tried.
//!
//! A test names somebody and what they must and must not get. Rows are read by the statement that serves them, from the
//! configured database or from one that is made of the rows in the file: so what is tested is what is served.

mod evaluate;
mod expectations;
mod file;
mod junit;
mod report;
mod rows;
mod strict;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use self::evaluate::{Subject, evaluate};
use self::file::TestFile;
use self::report::{Outcome, Report};
use super::in_force;
use super::preview::Preview;
use crate::catalog::Catalog;
use crate::cli::arguments::PolicyTest;
use crate::cli::serve::{Given, listed};
use crate::config::Loaded;
use crate::dataset::preview::WrittenRow;

/// The directory of the tests in the policy directory.
const DIRECTORY: &str = "tests";

/// Runs the tests of a directory. The exit code is 0 where every one holds, 1 where one does not; that none could be run is
/// an error.
pub(super) async fn run(request: &PolicyTest, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &request.directory {
        not_its_tests(directory)?;
    }
    let (loaded, catalog, policy) = in_force(given, request.directory.as_deref())?;
    let (loaded, catalog, policy) = (&loaded, &*catalog, &policy);
    let configured = &loaded.settings.policy.directory;
    let tried = request.directory.as_ref().unwrap_or(configured);
    let directory = request.tests.clone().unwrap_or_else(|| own_or(configured, tried).join(DIRECTORY));
    let files = read(&directory, catalog)?;
    if files.iter().all(|(_, file)| file.cases.is_empty()) {
        bail!(
            "there is no test in {}\nhint: a test is a `[[test]]` in a .toml file there; `bailiwick policy test --help` shows one",
            directory.display()
        );
    }
    let mut outcomes = Vec::new();
    for (path, file) in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rows = rows(path, file, loaded, catalog).await?;
        let subject = Subject { policy, catalog, preview: rows.as_ref().map(|rows| &rows.preview) };
        for case in &file.cases {
            let failures = evaluate(case, &subject).await.with_context(|| format!("cannot run {}", path.display()))?;
            outcomes.push(Outcome { file: name.clone(), line: case.line, name: case.name.clone(), failures });
        }
    }
    let revision = policy.revision().to_string();
    let is_draft = request.directory.is_some() || request.tests.is_some();
    let report = Report { revision, policy: tried.clone(), directory, is_draft, outcomes };
    if let Some(file) = &request.junit {
        fs::write(file, junit::document(&report)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if request.json {
        super::json::print(&report.document(), out)?;
    } else {
        report.print(out)?;
    }
    Ok(if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Refuses a directory that holds tests where a policy is expected: what stands around it would be tried otherwise, or nothing.
fn not_its_tests(directory: &Path) -> anyhow::Result<()> {
    let inside = super::inside(directory)?;
    let has = |extension: &str| inside.iter().any(|path| path.extension().is_some_and(|own| own == extension));
    if has("toml") && !has("csv") {
        let shown = directory.display();
        bail!(
            "{shown} holds tests and no policy\n\
             hint: name the directory of the policy, whose `{DIRECTORY}` are run; `--tests {shown}` runs these on the configured policy"
        );
    }
    Ok(())
}

/// The directory whose tests are run on the policy in `tried`: its own, if it has any.
fn own_or<'a>(configured: &'a Path, tried: &'a Path) -> &'a Path {
    if tried.join(DIRECTORY).is_dir() { tried } else { configured }
}

/// Reads every file of tests, in name order.
fn read(directory: &Path, catalog: &Catalog) -> anyhow::Result<Vec<(PathBuf, TestFile)>> {
    let cannot = || format!("the directory of the tests, {}, cannot be read", directory.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        match file::read(&path, &text, catalog) {
            Ok(file) => files.push((path, file)),
            Err(mut found) => findings.append(&mut found),
        }
    }
    if findings.is_empty() { Ok(files) } else { bail!("the tests are refused{}", listed(&findings)) }
}

/// The rows of a file, and the temporary directory that they are in.
struct Rows {
    preview: Preview,
    _directory: Option<tempfile::TempDir>,
}

/// The rows that the tests of a file are run on; `None` where none reads any.
async fn rows(path: &Path, file: &TestFile, loaded: &Loaded, catalog: &Catalog) -> anyhow::Result<Option<Rows>> {
    let mut expected = file.cases.iter().flat_map(|case| &case.expectations);
    if !expected.any(|expectation| expectation.what.reads_rows()) {
        return Ok(None);
    }
    let Some(written) = &file.rows else {
        let Some(settings) = &loaded.settings.database else {
            bail!(
                "{} speaks of rows, and there are none\nhint: write them as [[rows.DATASET]], or configure `[database]`",
                path.display()
            );
        };
        let hint = "the tests of this file read the configured database, because it has no [[rows.…]]";
        let preview =
            Preview::open(settings, catalog).await.with_context(|| format!("cannot run {}: {hint}", path.display()))?;
        return Ok(Some(Rows { preview, _directory: None }));
    };
    let directory = tempfile::tempdir().context("no temporary directory can be made for the written rows")?;
    let rows: Vec<WrittenRow> = written.iter().map(|written| written.row.clone()).collect();
    match Preview::written(&directory.path().join("rows.db"), catalog, &rows).await? {
        Ok(preview) => Ok(Some(Rows { preview, _directory: Some(directory) })),
        Err((index, why)) => {
            let line = written.get(index).map_or(0, |written| written.line);
            bail!("{}:{line}: the row cannot stand beside the others: {why}", path.display())
        }
    }
}
