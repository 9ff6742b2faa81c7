//! Times as people type them.

use std::str::FromStr;
use std::time::Duration;

use crate::model::Timestamp;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time; write `2026-11-21T09:30:00Z`, or `30s`, `15m`, `2h`, `7d` for so long ago")]
pub(crate) struct BadTime(String);

/// A point in time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// A point in time.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl When {
    /// The point in time that is meant.
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(duration) => {
                let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(now.as_micros().saturating_sub(micros))
            }
        }
    }
}

impl FromStr for When {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let bad = || BadTime(text.to_owned());
        let unit = text.chars().next_back().ok_or_else(bad)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        // `parse` would take a sign.
        let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(bad)?;
        let seconds = number.checked_mul(seconds).ok_or_else(bad)?;
        Ok(Self::Ago(Duration::from_secs(seconds)))
    }
}
