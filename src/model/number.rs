//! Numbers that compare exactly, whichever way they are stored.

use std::cmp::Ordering;
use std::fmt;

/// A finite number: an integer of 64 bits or a binary floating-point number. Never NaN, never infinite.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// A finite floating-point number.
    Real(f64),
}

impl Number {
    /// A number from a floating-point value; `None` for NaN and the infinities.
    pub fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self::Real(value))
    }

    /// A number from JSON; `None` where it fits neither form exactly enough (an integer beyond 64 bits).
    pub fn from_json(value: &serde_json::Number) -> Option<Self> {
        match value.as_i64() {
            Some(integer) => Some(Self::Integer(integer)),
            None if value.is_u64() => None,
            None => value.as_f64().and_then(Self::from_f64),
        }
    }

    /// Compares by value, without rounding the integer to a float first.
    pub fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Real(b)) => compare_exactly(a, b),
            (Self::Real(a), Self::Integer(b)) => compare_exactly(b, a).reverse(),
        }
    }
}

/// Compares an integer with a finite float exactly: 2^53 + 1 is greater than the float 2^53.
fn compare_exactly(integer: i64, real: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real >= BEYOND {
        return Ordering::Less;
    }
    if real < -BEYOND {
        return Ordering::Greater;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked above, and the fraction is compared next"
    )]
    let whole = real.trunc() as i64;
    integer.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&real.fract()).unwrap_or(Ordering::Equal))
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(*other)
    }
}

impl std::hash::Hash for Number {
    /// Equal numbers hash alike: a float without fraction hashes as the integer that it equals.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match *self {
            Self::Integer(integer) => integer.hash(state),
            Self::Real(real) => {
                #[expect(clippy::cast_possible_truncation, reason = "only used where the comparison says it is exact")]
                let whole = real as i64;
                if compare_exactly(whole, real) == Ordering::Equal {
                    whole.hash(state);
                } else {
                    real.to_bits().hash(state);
                }
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Real(real) => real.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_reals_compare_without_rounding() {
        let big = 9_007_199_254_740_993_i64;
        assert!(Number::Integer(big) > Number::Real(9_007_199_254_740_992.0));
        assert_eq!(Number::Integer(3), Number::Real(3.0));
        assert!(Number::Integer(-3) > Number::Real(-3.5));
        assert!(Number::Integer(i64::MAX) < Number::Real(9_223_372_036_854_775_808.0));
        assert!(Number::Integer(i64::MIN) > Number::Real(-1e300));
        assert!(Number::from_f64(f64::NAN).is_none());
    }
}
