//! OAuth scopes (RFC 6749, section 3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Why a text is not a scope that this server knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope of this server; it knows `mcp:read` and `mcp:write`")]
pub struct BadScope(pub String);

/// What a token may be used for. A second condition beside the policy, never a substitute for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `mcp:read`: list and read.
    Read,
    /// `mcp:write`: create, update, delete, and call tools that change something.
    Write,
}

impl Scope {
    /// Every scope, in the order in which metadata lists them.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// The scope as it stands in a token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "mcp:read",
            Self::Write => "mcp:write",
        }
    }
}

impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| BadScope(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes. Prints as the space-separated list of RFC 6749.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Says whether the set has this scope.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes, in the order in which metadata lists them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether every one of these is in `other` too.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The scopes of a token's `scope` claim that this server knows; the others are somebody else's and are ignored.
    pub fn known_in(claim: &str) -> Self {
        claim.split(' ').filter_map(|word| word.parse().ok()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            scope.fmt(f)?;
        }
        Ok(())
    }
}
