//! What is wrong with a configuration: every problem of one reading, each with its place, what was found and what would
//! be right.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use super::origin::Origin;
use crate::model::oauth::BadRedirectUri;
use crate::model::suggestion;

/// What to do without a configuration.
const NO_FILE: &str = "there is no such file\n\
    hint: `bailiwick demo` needs none; for a server of your own, `bailiwick config defaults` prints every setting with its \
    meaning, and `--config` or `BAILIWICK_CONFIG` names another file";

/// Why a setting is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadSetting {
    /// The file, `.env` or secret file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no configuration at all.
    #[error("{NO_FILE}")]
    NoFile,
    /// The file is not TOML.
    #[error("is not TOML: {0}")]
    Syntax(String),
    /// A line of `.env` is not an assignment.
    #[error("is not a line of a `.env` file: {0}")]
    Dotenv(&'static str),
    /// A variable is not UTF-8.
    #[error("the value is not UTF-8")]
    NotUtf8,
    /// A table has a key that means nothing.
    #[error("`{key}` is not a setting{}", instead(nearest.as_deref(), known))]
    UnknownKey {
        /// The whole key.
        key: String,
        /// The key of the same table that was probably meant.
        nearest: Option<String>,
        /// The keys that the table takes.
        known: String,
    },
    /// A `BAILIWICK_…` variable means nothing.
    #[error("`{name}` is not a setting{}", suggestion(nearest.as_deref()))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The variable that was probably meant.
        nearest: Option<String>,
    },
    /// A value is of the wrong type, cannot be read, or is out of bounds.
    #[error("`{key}` is {found}; expected {expected}")]
    Unfit {
        /// The whole key.
        key: String,
        /// What stands there.
        found: String,
        /// What would be right.
        expected: Cow<'static, str>,
    },
    /// A value is none of the words that stand for something.
    #[error("`{key}` is `{found}`{}", words(nearest.as_deref(), known))]
    UnknownWord {
        /// The whole key.
        key: String,
        /// What stands there.
        found: String,
        /// The word that was probably meant.
        nearest: Option<String>,
        /// Every word that can stand there.
        known: String,
    },
    /// A setting without a default is not there.
    #[error("`{key}` is missing; {hint}")]
    Missing {
        /// The whole key.
        key: String,
        /// What to write.
        hint: Cow<'static, str>,
    },
    /// Two things that must differ are the same.
    #[error("`{key}` is `{found}`, which {first} has already; {hint}")]
    Twice {
        /// The whole key.
        key: String,
        /// What stands there.
        found: String,
        /// Where it stands first.
        first: Origin,
        /// Why it can stand only once.
        hint: &'static str,
    },
    /// Two settings exclude each other.
    #[error("`{one}` and `{other}` are both written; {hint}")]
    Both {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// Which to leave out.
        hint: &'static str,
    },
    /// Two variables of one place set the same thing to different values.
    #[error("`{one}` and `{other}` both set `{key}`, and differ; leave one out")]
    Contradiction {
        /// One variable.
        one: String,
        /// The other.
        other: String,
        /// What they set.
        key: String,
    },
    /// A variable that Kubernetes makes has the name of a setting.
    #[error(
        "`{key}` is {found}: Kubernetes makes this variable for a Service of that name; \
         set `enableServiceLinks: false` in the pod"
    )]
    ServiceLink {
        /// The whole key.
        key: String,
        /// What Kubernetes put there.
        found: String,
    },
    /// Something that is designed and not built.
    #[error("`{key}` is not supported yet: {instead}")]
    NotYet {
        /// The key.
        key: String,
        /// What this version does.
        instead: &'static str,
    },
    /// An example value of the Blockbrain guide, where others can reach the server.
    #[error("`{key}` is `{found}`, an example value; it works on a loopback address only. {hint}")]
    Placeholder {
        /// The whole key.
        key: String,
        /// The example value.
        found: String,
        /// How to find the real one.
        hint: &'static str,
    },
    /// Nothing can be sent to such a URI.
    #[error("`{key}`: {error}")]
    RedirectUri {
        /// The whole key.
        key: String,
        /// What is wrong with it.
        error: BadRedirectUri,
    },
    /// An algorithm that anybody with the verifier's key could sign with.
    #[error("`{key}` has `{found}`, an HMAC algorithm: whoever can verify could sign; expected {expected}")]
    Hmac {
        /// The whole key.
        key: String,
        /// The algorithm.
        found: String,
        /// The accepted ones.
        expected: &'static str,
    },
    /// A section that nobody complained of could not be completed.
    #[error("a setting is missing that should have a default")]
    Incomplete,
    /// No way in is left.
    #[error("nothing could be answered: {0}")]
    NoMode(&'static str),
}

/// What an unknown key's table takes instead.
fn instead(nearest: Option<&str>, known: &str) -> String {
    match nearest {
        Some(_) => suggestion(nearest),
        None => format!("; here stand {known}"),
    }
}

/// The words that can stand there, and the one that was probably meant.
fn words(nearest: Option<&str>, known: &str) -> String {
    match nearest {
        Some(_) => suggestion(nearest),
        None => format!("; expected {known}"),
    }
}

/// A problem and its place.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// What it is.
    pub what: BadSetting,
}

impl Problem {
    /// The sentence, with the cause that the operating system gives.
    fn sentence(&self) -> String {
        match std::error::Error::source(&self.what) {
            Some(cause) => format!("{self} ({cause})"),
            None => self.to_string(),
        }
    }
}

/// Every problem of one reading; never empty. Prints one line for each.
#[derive(Debug)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The problems, in the order of reading.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problem.sentence())?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
