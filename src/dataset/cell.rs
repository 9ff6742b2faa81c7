//! One cell as SQLite stores it, and what it is for the outside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number as JsonNumber, Value as Json};

use super::moment;
use crate::catalog::ColumnType;

/// A stored value with its storage class: SQLite keeps any class in any column, whatever was declared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Text that is not UTF-8; absent for everybody, but it still has a place in an order.
    BrokenText(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Cell {
    /// How many bytes it holds.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(text) => text.len(),
            Self::BrokenText(bytes) | Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// The JSON value of a cell in a column of this type; null where the cell is not of the type.
    pub(super) fn into_json(self, kind: ColumnType) -> Json {
        self.of_type(kind).unwrap_or(Json::Null)
    }

    /// The same, where a cell that is absent is told from the JSON value `null`.
    pub(super) fn of_type(self, kind: ColumnType) -> Option<Json> {
        match (kind, self) {
            (ColumnType::Id, Self::Integer(integer)) => Some(Json::String(integer.to_string())),
            (ColumnType::Id | ColumnType::Text, Self::Text(text)) => Some(Json::String(text)),
            (ColumnType::Number, Self::Integer(integer)) => Some(Json::Number(integer.into())),
            (ColumnType::Number, Self::Real(real)) => JsonNumber::from_f64(real).map(Json::Number),
            (ColumnType::Boolean, Self::Integer(bit @ (0 | 1))) => Some(Json::Bool(bit == 1)),
            (ColumnType::Time(storage), cell) => {
                moment::read(storage, &cell).map(|time| Json::String(time.to_string()))
            }
            (ColumnType::Json, Self::Text(text)) => serde_json::from_str(&text).ok(),
            (ColumnType::Bytes, Self::Bytes(bytes)) => Some(Json::String(STANDARD.encode(bytes))),
            (
                ColumnType::Id
                | ColumnType::Text
                | ColumnType::Number
                | ColumnType::Boolean
                | ColumnType::Json
                | ColumnType::Bytes,
                Self::Null | Self::Integer(_) | Self::Real(_) | Self::Text(_) | Self::BrokenText(_) | Self::Bytes(_),
            ) => None,
        }
    }
}
