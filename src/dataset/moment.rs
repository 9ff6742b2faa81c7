//! Points in time as databases store them: read from a cell, written for a comparison.
//!
//! Text is read as SQLite's own date functions read it (`YYYY-MM-DD`, then optionally `T` or blanks and
//! `HH:MM[:SS[.fraction]]`, then optionally `Z` or an offset), so that a filter and an answer mean the same row. A time
//! without an offset is UTC. Years are 0000 to 9999, as in RFC 3339.

use jiff::civil::Date;
use jiff::tz::Offset;

use super::cell::Cell;
use super::statement::Bind;
use crate::catalog::TimeStorage;
use crate::model::Timestamp;

/// 0000-01-01T00:00:00Z in seconds.
pub(super) const FIRST_SECOND: i64 = -62_167_219_200;
/// The last second that is in the years of RFC 3339 at every offset.
pub(super) const LAST_SECOND: i64 = 253_402_207_199;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MILLI: i64 = 1_000;
const MILLIS_PER_DAY: f64 = 86_400_000.0;
/// The epoch as a Julian day, in milliseconds, as SQLite counts (`iJD`).
const EPOCH_JULIAN_MILLIS: i64 = 210_866_760_000_000;

/// The time in a cell; `None` where the cell does not hold one.
pub(super) fn read(storage: TimeStorage, cell: &Cell) -> Option<Timestamp> {
    let micros = match (storage, cell) {
        (TimeStorage::Text, Cell::Text(text)) => read_text(text)?,
        (TimeStorage::Unix, Cell::Integer(seconds)) => seconds.checked_mul(MICROS_PER_SECOND)?,
        (TimeStorage::Unix, Cell::Real(seconds)) => rounded(seconds * 1e6)?,
        (TimeStorage::UnixMillis, Cell::Integer(millis)) => millis.checked_mul(MICROS_PER_MILLI)?,
        (TimeStorage::UnixMillis, Cell::Real(millis)) => rounded(millis * 1e3)?,
        (TimeStorage::Julian, Cell::Real(days)) => julian(*days)?,
        (TimeStorage::Julian, Cell::Integer(days)) => julian(approximate(*days))?,
        (
            TimeStorage::Text | TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian,
            Cell::Null | Cell::Integer(_) | Cell::Real(_) | Cell::Text(_) | Cell::BrokenText(_) | Cell::Bytes(_),
        ) => return None,
    };
    let time = Timestamp::from_micros(micros);
    is_read(time).then_some(time)
}

/// Whether a cell can hold this time: it is in the years of RFC 3339 at every offset.
pub(super) fn is_read(time: Timestamp) -> bool {
    (FIRST_SECOND..=LAST_SECOND).contains(&time.as_secs())
}

/// The time as a number to compare a cell with; `None` for text, which is compared through SQLite's own reading.
pub(super) fn number(storage: TimeStorage, time: Timestamp) -> Option<Bind> {
    let micros = time.as_micros();
    match storage {
        TimeStorage::Text => None,
        TimeStorage::Unix => Some(units(micros, MICROS_PER_SECOND)),
        TimeStorage::UnixMillis => Some(units(micros, MICROS_PER_MILLI)),
        TimeStorage::Julian => {
            let millis = micros.div_euclid(MICROS_PER_MILLI).saturating_add(EPOCH_JULIAN_MILLIS);
            Some(Bind::Real(approximate(millis) / MILLIS_PER_DAY))
        }
    }
}

fn units(micros: i64, unit: i64) -> Bind {
    if micros.rem_euclid(unit) == 0 {
        Bind::Integer(micros.div_euclid(unit))
    } else {
        Bind::Real(approximate(micros) / approximate(unit))
    }
}

#[expect(clippy::cast_precision_loss, reason = "the values in question are below 2^53")]
fn approximate(integer: i64) -> f64 {
    integer as f64
}

fn rounded(micros: f64) -> Option<i64> {
    const LIMIT: f64 = 9e17;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    (micros.abs() < LIMIT).then_some(micros.round() as i64)
}

fn julian(days: f64) -> Option<i64> {
    let millis = rounded(days * MILLIS_PER_DAY)?;
    millis.checked_sub(EPOCH_JULIAN_MILLIS)?.checked_mul(MICROS_PER_MILLI)
}

fn read_text(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = digits(&[y1, y2, y3, y4])?;
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_microsecond();
    Some(midnight + time_of_day(rest)?)
}

/// Microseconds after midnight UTC: the clock time minus its offset.
fn time_of_day(rest: &[u8]) -> Option<i64> {
    let rest = match rest {
        [] => return Some(0),
        [b'T', rest @ ..] => rest,
        [b' ', ..] => rest.trim_ascii_start(),
        [..] => return None,
    };
    let (clock, rest) = rest.split_at_checked(5)?;
    let [h1, h2, b':', m1, m2] = *clock else { return None };
    let (hour, minute) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
    let (second_micros, rest) = match rest {
        [b':', s1, s2, rest @ ..] => {
            let second = digits(&[*s1, *s2]).filter(|second| *second < 60)?;
            let (fraction, rest) = fraction(rest)?;
            (second * MICROS_PER_SECOND + fraction, rest)
        }
        [..] => (0, rest),
    };
    let offset = offset_minutes(rest)?;
    (hour < 24 && minute < 60).then_some((hour * 60 + minute - offset) * 60 * MICROS_PER_SECOND + second_micros)
}

/// The fraction after the seconds, in microseconds, rounded down.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = rest else { return Some((0, rest)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (found, rest) = rest.split_at_checked(length).filter(|_| length > 0)?;
    let mut six = [b'0'; 6];
    for (place, digit) in six.iter_mut().zip(found) {
        *place = *digit;
    }
    Some((digits(&six)?, rest))
}

fn offset_minutes(rest: &[u8]) -> Option<i64> {
    match rest.trim_ascii_start() {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let offset = hours * 60 + minutes;
            (hours <= 14 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
        }
        [..] => None,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(*byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        read(TimeStorage::Text, &Cell::Text(text.to_owned())).map(|time| time.to_string())
    }

    #[test]
    fn text_is_read_as_utc_unless_it_says_otherwise() {
        for (stored, outside) in [
            ("1996-07-04", "1996-07-04T00:00:00Z"),
            ("1996-07-04 08:09", "1996-07-04T08:09:00Z"),
            ("1996-07-04T08:09:10.5", "1996-07-04T08:09:10.5Z"),
            ("1996-07-04T08:09:10.123456789Z", "1996-07-04T08:09:10.123456Z"),
            ("1996-07-04 08:09:10 +02:00", "1996-07-04T06:09:10Z"),
            ("1996-07-04T23:00:00-05:30", "1996-07-05T04:30:00Z"),
        ] {
            assert_eq!(text(stored).as_deref(), Some(outside), "{stored}");
        }
        for broken in ["", "now", "1996", "1996-7-4", "1996-02-30", "1996-07-04x", "1996-07-04T25:00", "12:00"] {
            assert_eq!(text(broken), None, "{broken}");
        }
    }

    #[test]
    fn numbers_are_read_by_their_unit_and_only_within_the_years_of_rfc_3339() {
        let outside = "2026-11-21T09:30:00.25Z".parse::<Timestamp>().unwrap();
        for storage in [TimeStorage::Unix, TimeStorage::UnixMillis, TimeStorage::Julian] {
            let cell = match number(storage, outside).unwrap() {
                Bind::Integer(integer) => Cell::Integer(integer),
                Bind::Real(real) => Cell::Real(real),
                Bind::Text(_) | Bind::Bytes(_) => panic!("a number was expected"),
            };
            assert_eq!(read(storage, &cell), Some(outside), "{storage:?}");
            assert_eq!(read(storage, &Cell::Text("1".to_owned())), None);
        }
        assert_eq!(read(TimeStorage::Unix, &Cell::Integer(i64::MAX)), None);
        assert_eq!(read(TimeStorage::Unix, &Cell::Real(f64::INFINITY)), None);
    }
}
