//! Careful simplification. Only what Kleene's logic allows: `!(a < b)` stays, and `a == a` is not true.

use super::predicate::{Predicate, Truth};

impl Predicate {
    /// A conjunction without its true parts; false if one part is false. An unknown part stays: it can still become false.
    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Truth::True, Truth::False, Self::All)
    }

    /// A disjunction without its false parts; true if one part is true. An unknown part stays: it can still become true.
    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Truth::False, Truth::True, Self::Any)
    }

    fn join(
        parts: impl IntoIterator<Item = Self>,
        neutral: Truth,
        decisive: Truth,
        join: fn(Vec<Self>) -> Self,
    ) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in parts {
            if part == Self::Known(decisive) {
                return part;
            }
            if part != Self::Known(neutral) && !kept.contains(&part) {
                kept.push(part);
            }
        }
        match (kept.pop(), kept.is_empty()) {
            (None, _) => Self::Known(neutral),
            (Some(only), true) => only,
            (Some(last), false) => {
                kept.push(last);
                join(kept)
            }
        }
    }

    /// What is left where only *true* counts, as in an allow line: true on the same rows as before, though perhaps false
    /// where it was unknown.
    #[must_use]
    pub fn where_true(self) -> Self {
        match self {
            Self::Known(Truth::Unknown) => Self::Known(Truth::False),
            Self::In { values, .. } if values.is_empty() => Self::Known(Truth::False),
            Self::All(parts) => Self::all(parts.into_iter().map(Self::where_true)),
            Self::Any(parts) => Self::any(parts.into_iter().map(Self::where_true)),
            Self::Known(_)
            | Self::Compare { .. }
            | Self::CompareColumns { .. }
            | Self::In { .. }
            | Self::Present(_)
            | Self::Not(_) => self,
        }
    }

    /// What is left where everything but *false* counts, as in a deny line: false on the same rows as before, though
    /// perhaps true where it was unknown.
    #[must_use]
    pub fn where_not_false(self) -> Self {
        match self {
            Self::Known(Truth::Unknown) => Self::Known(Truth::True),
            Self::All(parts) => Self::all(parts.into_iter().map(Self::where_not_false)),
            Self::Any(parts) => Self::any(parts.into_iter().map(Self::where_not_false)),
            Self::Known(_)
            | Self::Compare { .. }
            | Self::CompareColumns { .. }
            | Self::In { .. }
            | Self::Present(_)
            | Self::Not(_) => self,
        }
    }
}
