//! The columns of a stored row, each read as what it is.

use std::fmt::Display;
use std::str::FromStr;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::StateError;
use crate::model::{Scopes, Timestamp};

/// A row of a table.
pub(super) struct Row<'r> {
    pub(super) table: &'static str,
    pub(super) row: &'r SqliteRow,
}

impl<'r> Row<'r> {
    pub(super) fn new(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StateError> {
        self.row.try_get(column).map_err(StateError::Read)
    }

    pub(super) fn optional_text(&self, column: &'static str) -> Result<Option<String>, StateError> {
        self.row.try_get(column).map_err(StateError::Read)
    }

    pub(super) fn flag(&self, column: &'static str) -> Result<bool, StateError> {
        self.row.try_get(column).map_err(StateError::Read)
    }

    pub(super) fn number(&self, column: &'static str) -> Result<u64, StateError> {
        let number: i64 = self.row.try_get(column).map_err(StateError::Read)?;
        u64::try_from(number).map_err(|error| self.unfit(column, number.to_string(), &error))
    }

    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, StateError> {
        self.row.try_get(column).map(Timestamp::from_micros).map_err(StateError::Read)
    }

    pub(super) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, StateError> {
        let micros: Option<i64> = self.row.try_get(column).map_err(StateError::Read)?;
        Ok(micros.map(Timestamp::from_micros))
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StateError> {
        let text = self.text(column)?;
        text.parse().map_err(|error| self.unfit(column, text, &error))
    }

    pub(super) fn optional<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, StateError> {
        self.optional_text(column)?
            .map(|text| text.parse().map_err(|error| self.unfit(column, text, &error)))
            .transpose()
    }

    /// The words of a list.
    pub(super) fn words<T: FromStr<Err: Display>, C: FromIterator<T>>(
        &self,
        column: &'static str,
    ) -> Result<C, StateError> {
        let text = self.text(column)?;
        let word = |word: &str| word.parse().map_err(|error| self.unfit(column, word.to_owned(), &error));
        text.split_whitespace().map(word).collect()
    }

    pub(super) fn scopes(&self, column: &'static str) -> Result<Scopes, StateError> {
        Ok(Scopes::known_in(&self.text(column)?))
    }

    pub(super) fn unfit(&self, column: &'static str, found: String, reason: &dyn Display) -> StateError {
        StateError::Stored { table: self.table, column, found, reason: reason.to_string() }
    }
}

/// A list as it is stored.
pub(super) fn joined<T: Display>(words: impl IntoIterator<Item = T>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(" ")
}
