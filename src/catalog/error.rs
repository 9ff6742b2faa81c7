//! What is wrong with a declaration.

use crate::config::Origin;
use crate::model::{BadIdentifier, BadName};
use crate::model::{nearest, suggestion};

/// Why a declaration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDeclaration {
    /// A name of ours does not have the form of one.
    #[error("`{key}`: {reason}")]
    Name {
        /// The whole key.
        key: String,
        /// What is wrong with it.
        reason: BadName,
    },
    /// An identifier of somebody else's does not have the form of one.
    #[error("`{key}`: {found:?} {reason}")]
    Identifier {
        /// The whole key.
        key: String,
        /// What stands there.
        found: String,
        /// What is wrong with it.
        reason: BadIdentifier,
    },
    /// A name of something that is not declared.
    #[error("`{key}`: there is no {kind} `{found}`{}", otherwise(nearest.as_deref(), known))]
    Unknown {
        /// The whole key.
        key: String,
        /// What the name should be the name of.
        kind: &'static str,
        /// What stands there.
        found: String,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// Every name that could stand there.
        known: String,
    },
    /// Two things that must differ are the same.
    #[error("`{key}`: `{found}` stands at {first} already; {hint}")]
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
    /// A value that cannot stand there.
    #[error("`{key}` is {found}; expected {expected}")]
    Unfit {
        /// The whole key.
        key: String,
        /// What stands there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// Datasets that are within each other.
    #[error("`{key}` goes round in a circle: {circle}; one of them must stand alone")]
    Circle {
        /// The whole key.
        key: String,
        /// The way round.
        circle: String,
    },
}

fn otherwise(nearest: Option<&str>, known: &str) -> String {
    match nearest {
        Some(_) => suggestion(nearest),
        None if known.is_empty() => "; none is declared".to_owned(),
        None => format!("; there are {known}"),
    }
}

/// A refused declaration and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct CatalogError {
    /// Where it is.
    pub origin: Origin,
    /// What it is.
    pub what: BadDeclaration,
}

/// Collects what is refused, so that one attempt tells everything.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<CatalogError>);

impl Findings {
    /// Refuses a declaration.
    pub(super) fn refuse(&mut self, origin: &Origin, what: BadDeclaration) {
        self.0.push(CatalogError { origin: origin.clone(), what });
    }

    /// Refuses a value that cannot stand there.
    pub(super) fn unfit(
        &mut self,
        origin: &Origin,
        key: String,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.refuse(origin, BadDeclaration::Unfit { key, found: found.into(), expected: expected.into() });
    }

    /// Refuses a name of something that is not declared, and suggests the nearest.
    pub(super) fn unknown<'n>(
        &mut self,
        origin: &Origin,
        key: String,
        kind: &'static str,
        found: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let what = BadDeclaration::Unknown {
            key,
            kind,
            found: found.to_owned(),
            nearest: nearest(found, known.clone()).map(str::to_owned),
            known: known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        };
        self.refuse(origin, what);
    }

    /// Everything that was refused.
    pub(super) fn end(self) -> Vec<CatalogError> {
        self.0
    }
}
