//! Where a value comes from.

use std::fmt;
use std::sync::Arc;

/// Where a value comes from. Prints as a person would look it up: `bailiwick.toml:12`, `.env:3 AUDIENCE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `defaults.toml`.
    Default,
    /// A preset that was chosen, or that stands where none was.
    Preset(Arc<str>),
    /// The configuration file, or the `.env` beside it, as a whole.
    File(Arc<str>),
    /// A line of the configuration file.
    Line {
        /// The file, as it was named.
        file: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// A line of `.env`.
    Dotenv {
        /// The file.
        file: Arc<str>,
        /// The line, from 1.
        line: usize,
        /// The variable.
        name: Arc<str>,
    },
    /// A variable of the process's environment.
    Environment(Arc<str>),
    /// An option of the command line.
    CommandLine(&'static str),
    /// Worked out from other settings.
    Derived(&'static str),
}

impl Origin {
    /// Says whether a person wrote it somewhere.
    pub(super) fn is_written(&self) -> bool {
        !matches!(self, Self::Default | Self::Preset(_) | Self::Derived(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File(file) => f.write_str(file),
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Dotenv { file, line, name } => write!(f, "{file}:{line} {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::CommandLine(option) => f.write_str(option),
            Self::Derived(from) => f.write_str(from),
        }
    }
}

/// A value together with its origin, so that a later check can still say where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> At<T> {
    /// Puts the two together.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// Applies `f` to the value and keeps the origin.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At { value: f(self.value), origin: self.origin }
    }
}
