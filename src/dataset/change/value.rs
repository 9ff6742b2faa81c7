//! A value of a caller as the database will store it, of the column's declared type.
//!
//! SQLite converts what is written by the column's affinity, and says nothing; and what it keeps is read by the declared type,
//! which not everything is of. So a value is taken only if it is answered afterwards as it was given, and refused otherwise: who
//! writes 9999-12-31 must not find nothing there.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::catalog::{Column, ColumnType};
use crate::dataset::arguments::{ArgumentError, declared, operand, wrong};
use crate::dataset::cell::Cell;
use crate::dataset::condition::{canonical_integer, is_exact_as_real, number_bind};
use crate::dataset::moment;
use crate::dataset::relation::Affinity;
use crate::dataset::request::Operand;
use crate::dataset::statement::Bind;
use crate::model::{Number, Timestamp};

/// The longest value that is written, in characters.
pub(super) const MAX_WRITTEN: usize = 100_000;

/// From here on a number may have been a whole one that was rounded when it was read as JSON: 2^63.
const ROUNDED: f64 = 9_223_372_036_854_775_808.0;

/// The value to bind; `None` is NULL. `is_key` says whether the column is a part of the key.
pub(super) fn stored(
    column: &Column,
    affinity: Affinity,
    is_key: bool,
    value: &Json,
) -> Result<Option<Bind>, ArgumentError> {
    if value.is_null() {
        return Ok(None);
    }
    if let Json::String(text) = value {
        named(column, is_key, text)?;
    }
    let bind = bound(column, affinity, value)?;
    let answered = kept(affinity, &bind).into_json(column.kind);
    if is_same(column.kind, value, &answered) {
        return Ok(Some(bind));
    }
    let expected = format!("a value that this column keeps as it is; it would be answered as {answered}");
    Err(wrong(column.name.as_str(), value, expected))
}

fn bound(column: &Column, affinity: Affinity, value: &Json) -> Result<Bind, ArgumentError> {
    let name = column.name.as_str();
    let refuse = |expected: &str| Err(wrong(name, value, expected.to_owned()));
    Ok(match (column.kind, value) {
        (ColumnType::Text, Json::String(text)) => Bind::Text(plain(column, affinity, declared(column, name, text)?)?),
        (ColumnType::Json, _) => Bind::Text(plain(column, affinity, &value.to_string())?),
        (ColumnType::Bytes, Json::String(text)) => match STANDARD.decode(text) {
            Ok(bytes) => Bind::Bytes(bytes),
            Err(_) => return refuse("bytes as base64 text"),
        },
        (ColumnType::Bytes, _) => return refuse("bytes as base64 text"),
        (ColumnType::Id | ColumnType::Text | ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_), _) => {
            match (operand(column, name, value)?, column.kind) {
                (Operand::Id(id), _) => match (affinity, canonical_integer(&id)) {
                    (Affinity::Integer | Affinity::Numeric, Some(integer)) => Bind::Integer(integer),
                    (_, _) => Bind::Text(plain(column, affinity, declared(column, name, &id)?)?),
                },
                (Operand::Number(number), _) if affinity == Affinity::Real && !is_exact_as_real(number) => {
                    return refuse("a number that a floating-point number can hold exactly");
                }
                (Operand::Number(Number::Real(real)), _) if real.abs() >= ROUNDED => {
                    return refuse("a whole number of 64 bits, or one below 2^63");
                }
                (Operand::Number(number), _) => number_bind(number),
                (Operand::Boolean(boolean), _) => Bind::Integer(i64::from(boolean)),
                (Operand::Time(time), _) if !moment::is_read(time) => {
                    return refuse("a time from 0000-01-01T00:00:00Z to 9999-12-30T21:59:59Z");
                }
                (Operand::Time(_), _) if value.as_str().is_some_and(is_finer) => {
                    return refuse("a time to the microsecond");
                }
                (Operand::Time(time), ColumnType::Time(storage)) => {
                    moment::number(storage, time).unwrap_or_else(|| Bind::Text(time.to_string().into()))
                }
                (Operand::Text(text), _) => Bind::Text(text),
                (Operand::Time(time), _) => Bind::Text(time.to_string().into()),
            }
        }
    })
}

/// What names a row must be there to be named, in words and in an address.
fn named(column: &Column, is_key: bool, text: &str) -> Result<(), ArgumentError> {
    let refuse = |expected: &str| Err(wrong(column.name.as_str(), &Json::String(text.to_owned()), expected.to_owned()));
    match (text, is_key, column.kind) {
        ("", true, _) => refuse("an identifier of at least one character"),
        // Whoever resolves an address takes them for steps in a path, however they are encoded (RFC 3986, section 6.2.2.3).
        ("." | "..", true, _) => refuse("an identifier that can stand in an address, which `.` and `..` cannot"),
        (_, _, kind) if (is_key || kind == ColumnType::Id) && text.chars().any(char::is_control) => {
            refuse("an identifier without control characters")
        }
        (_, _, _) => Ok(()),
    }
}

/// A text that is stored as it is: not too long, whole in SQLite's eyes, and not one that the column would turn into a number.
fn plain(column: &Column, affinity: Affinity, text: &str) -> Result<Arc<str>, ArgumentError> {
    let refuse = |expected: &str| Err(wrong(column.name.as_str(), &Json::String(text.to_owned()), expected.to_owned()));
    let is_numeric = matches!(affinity, Affinity::Integer | Affinity::Real | Affinity::Numeric);
    if text.chars().count() > MAX_WRITTEN {
        return refuse("at most 100000 characters");
    }
    if text.contains('\0') {
        return refuse("a text without the character U+0000, which ends a text for some who read it");
    }
    // Rust reads every text that SQLite would convert, and a few more.
    if is_numeric && text.trim().parse::<f64>().is_ok() {
        return refuse("a text that the database would not store as a number");
    }
    Ok(text.into())
}

/// Whether a time says more than microseconds hold.
fn is_finer(text: &str) -> bool {
    let fraction = text.split_once(['.', ',']).map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(6).any(|digit| digit != b'0')
}

/// What SQLite keeps of a bound value in a column of this affinity (`datatype3.html`, section 3). A whole number with a fraction
/// of zero may be kept in another form, which is the same number; texts that become numbers were refused.
fn kept(affinity: Affinity, bind: &Bind) -> Cell {
    match (affinity, bind) {
        (Affinity::Text, Bind::Integer(integer)) => Cell::Text(integer.to_string()),
        (Affinity::Text, Bind::Real(real)) => Cell::Text(real.to_string()),
        (Affinity::Real, Bind::Integer(integer)) => {
            #[expect(clippy::cast_precision_loss, reason = "what it loses is what is looked for")]
            let real = *integer as f64;
            Cell::Real(real)
        }
        (_, Bind::Integer(integer)) => Cell::Integer(*integer),
        (_, Bind::Real(real)) => Cell::Real(*real),
        (_, Bind::Text(text)) => Cell::Text(text.as_ref().to_owned()),
        (_, Bind::Bytes(bytes)) => Cell::Bytes(bytes.clone()),
    }
}

/// Whether an answer says what was given, in whatever form.
pub(super) fn is_same(kind: ColumnType, given: &Json, answered: &Json) -> bool {
    match kind {
        ColumnType::Number => {
            let number = |value: &Json| value.as_number().and_then(Number::from_json);
            number(given).is_some_and(|given| number(answered) == Some(given))
        }
        ColumnType::Time(_) => {
            let time = |value: &Json| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            time(given).is_some_and(|given| time(answered) == Some(given))
        }
        ColumnType::Id | ColumnType::Text | ColumnType::Boolean | ColumnType::Json | ColumnType::Bytes => {
            given == answered
        }
    }
}
