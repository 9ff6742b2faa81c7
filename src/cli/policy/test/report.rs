//! What came of the tests, for a person and for a program.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::evaluate::Failure;
use crate::cli::policy::layout::{WIDTH, wrapped};
use crate::cli::policy::reasons::Reason;

/// What came of all of them.
pub(super) struct Report {
    pub(super) revision: String,
    /// The directory of the policy.
    pub(super) policy: PathBuf,
    /// The directory of the tests.
    pub(super) directory: PathBuf,
    /// Whether one of them is another than the configured one, which is said.
    pub(super) is_draft: bool,
    pub(super) outcomes: Vec<Outcome>,
}

/// What came of one test.
pub(super) struct Outcome {
    /// The name of the file.
    pub(super) file: String,
    /// Where the test stands in it.
    pub(super) line: u32,
    pub(super) name: String,
    pub(super) failures: Vec<Failure>,
}

impl Report {
    pub(super) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count()
    }

    /// One line for each test, with what is otherwise below those that failed.
    pub(super) fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.is_draft {
            writeln!(out, "the policy in {}, by the tests in {}\n", self.policy.display(), self.directory.display())?;
        }
        let mut file = "";
        for outcome in &self.outcomes {
            if outcome.file != file {
                file = &outcome.file;
                writeln!(out, "{file}")?;
            }
            let word = if outcome.failures.is_empty() { "ok" } else { "FAILED" };
            writeln!(out, "  {word:<6}  {}", outcome.name)?;
            for line in outcome.failures.iter().flat_map(|failure| told(file, failure)) {
                writeln!(out, "          {line}")?;
            }
        }
        let (all, failed) = (self.outcomes.len(), self.failed());
        let noun = if all == 1 { "test" } else { "tests" };
        writeln!(out, "\n{all} {noun}: {} ok, {failed} failed (policy revision {})", all - failed, self.revision)
    }

    pub(super) fn document(&self) -> Json {
        let tests: Vec<Json> = self.outcomes.iter().map(outcome).collect();
        json!({
            "revision": self.revision,
            "policy": self.policy.display().to_string(),
            "directory": self.directory.display().to_string(),
            "passed": self.outcomes.len() - self.failed(),
            "failed": self.failed(),
            "tests": tests,
        })
    }
}

/// A failure in lines: where, what was expected, what was found, and because of what.
pub(super) fn told(file: &str, failure: &Failure) -> Vec<String> {
    let Failure { line, expected, found, because } = failure;
    let width = WIDTH - 10;
    let mut lines = wrapped(&format!("{file}:{line}: expected that {expected}, but {found}"), width);
    for Reason { line, why } in because {
        let (said, text) = match line {
            Some((line, text)) => (format!("{line} {why}"), Some(text)),
            None => (why.clone(), None),
        };
        let hung =
            |(index, line): (usize, String)| if index == 0 { format!("  {line}") } else { format!("      {line}") };
        lines.extend(wrapped(&said, width - 6).into_iter().enumerate().map(hung));
        lines.extend(text.iter().flat_map(|text| wrapped(text, width - 4)).map(|line| format!("    {line}")));
    }
    lines
}

fn outcome(outcome: &Outcome) -> Json {
    let failures: Vec<Json> = outcome
        .failures
        .iter()
        .map(|Failure { line, expected, found, because }| {
            let because: Vec<Json> = because.iter().map(reason).collect();
            json!({ "line": line, "expected": expected, "found": found, "because": because })
        })
        .collect();
    json!({
        "file": outcome.file,
        "line": outcome.line,
        "name": outcome.name,
        "result": if failures.is_empty() { "ok" } else { "failed" },
        "failures": failures,
    })
}

fn reason(Reason { line, why }: &Reason) -> Json {
    let (line, text) = match line {
        Some((line, text)) => (Some(line.to_string()), Some(text)),
        None => (None, None),
    };
    json!({ "line": line, "text": text, "why": why })
}
