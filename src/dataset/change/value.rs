//! A value of a caller as the database will store it, of the column's declared type.
//!
//! SQLite converts what is written by the column's affinity, and says nothing. A value that would be stored as something else
//! than what was said is refused instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::catalog::{Column, ColumnType};
use crate::dataset::arguments::{ArgumentError, declared, operand, wrong};
use crate::dataset::condition::{canonical_integer, is_exact_as_real, number_bind};
use crate::dataset::moment;
use crate::dataset::relation::Affinity;
use crate::dataset::request::Operand;
use crate::dataset::statement::Bind;

/// The longest value that is written, in characters.
pub(super) const MAX_WRITTEN: usize = 100_000;

/// The value to bind; `None` is NULL.
pub(super) fn stored(column: &Column, affinity: Affinity, value: &Json) -> Result<Option<Bind>, ArgumentError> {
    let name = column.name.as_str();
    let refuse = |expected: String| Err(wrong(name, value, expected));
    let bind = match (column.kind, value) {
        (_, Json::Null) => return Ok(None),
        (ColumnType::Text, Json::String(text)) => {
            Bind::Text(kept(column, affinity, declared(column, name, text)?)?.into())
        }
        (ColumnType::Json, _) => Bind::Text(kept(column, affinity, &value.to_string())?.into()),
        (ColumnType::Bytes, Json::String(text)) => match STANDARD.decode(text) {
            Ok(bytes) => Bind::Bytes(bytes),
            Err(_) => return refuse("bytes as base64 text".to_owned()),
        },
        (ColumnType::Bytes, _) => return refuse("bytes as base64 text".to_owned()),
        (ColumnType::Id | ColumnType::Text | ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_), _) => {
            match (operand(column, name, value)?, column.kind) {
                (Operand::Id(id), _) => match (affinity, canonical_integer(&id)) {
                    (Affinity::Integer | Affinity::Numeric, Some(integer)) => Bind::Integer(integer),
                    (_, _) => Bind::Text(kept(column, affinity, declared(column, name, &id)?)?.into()),
                },
                (Operand::Number(number), _) if affinity == Affinity::Real && !is_exact_as_real(number) => {
                    return refuse("a number that a floating-point number can hold exactly".to_owned());
                }
                (Operand::Number(number), _) => number_bind(number),
                (Operand::Boolean(boolean), _) => Bind::Integer(i64::from(boolean)),
                (Operand::Time(time), ColumnType::Time(storage)) => {
                    moment::number(storage, time).unwrap_or_else(|| Bind::Text(time.to_string().into()))
                }
                (Operand::Text(text), _) => Bind::Text(text),
                (Operand::Time(time), _) => Bind::Text(time.to_string().into()),
            }
        }
    };
    Ok(Some(bind))
}

/// A text that is stored as it is: not too long, and not one that the column would turn into a number.
fn kept<'a>(column: &Column, affinity: Affinity, text: &'a str) -> Result<&'a str, ArgumentError> {
    let refuse = |expected: &str| Err(wrong(column.name.as_str(), &Json::String(text.to_owned()), expected.to_owned()));
    let is_numeric = matches!(affinity, Affinity::Integer | Affinity::Real | Affinity::Numeric);
    if text.chars().count() > MAX_WRITTEN {
        return refuse("at most 100000 characters");
    }
    // Rust reads every text that SQLite would convert, and a few more.
    if is_numeric && text.trim().parse::<f64>().is_ok() {
        return refuse("a text that the database would not store as a number");
    }
    Ok(text)
}
