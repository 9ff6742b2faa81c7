//! What is wrong with a policy, in words that a person can act on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::nearest;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy is not taken: it could be meant otherwise than it reads.
    Refusal,
    /// The policy is taken; this line does nothing, or not all that its author will expect.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refusal => "refused",
            Self::Warning => "warning",
        })
    }
}

/// Something wrong with a policy file: where, what was found, what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file or directory.
    pub path: PathBuf,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The byte in the line, from 1; 0 where the line as a whole is meant.
    pub column: u32,
    /// Whether the policy is refused for it.
    pub severity: Severity,
    /// What was found and what would be right.
    pub message: String,
}

impl Finding {
    /// A refusal of a whole file or directory.
    pub(super) fn of_file(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: 0, column: 0, severity: Severity::Refusal, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": {}: {}", self.severity, self.message)
    }
}

/// A policy line, as `file:line`; without a line where it stands for a whole file, or for a declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRef {
    /// The file's name in the policy directory.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for LineRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 { write!(f, ":{}", self.line) } else { Ok(()) }
    }
}

/// What is wrong at one place of a field or condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// The byte where it begins, from 0, counted from the beginning of the field.
    pub(super) at: usize,
    /// What was found and what would be right.
    pub(super) message: String,
}

impl Flaw {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Ends a message about an unknown word: with the nearest known one, or with those there are.
pub(super) fn instead<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(word) = nearest(found, known.iter().copied()) {
        return format!("did you mean `{word}`?");
    }
    if known.is_empty() {
        return "none is declared".to_owned();
    }
    let shown: Vec<String> = known.iter().take(SHOWN).map(|word| format!("`{word}`")).collect();
    let more = if known.len() > SHOWN { ", …" } else { "" };
    format!("there are {}{more}", shown.join(", "))
}
