//! SQL text with its bound values, built together so that neither can be without the other.

use std::fmt::Write as _;
use std::sync::Arc;

/// A bound value.
#[derive(Debug, Clone, PartialEq)]
pub enum Bind {
    /// Text.
    Text(Arc<str>),
    /// An integer of 64 bits.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A statement under construction. Values enter only through [`Statement::bind`], names only through
/// [`Statement::name`]; SQLite would read an unbound placeholder as NULL, so the two counts are one.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    text: String,
    binds: Vec<Bind>,
}

impl Default for Statement {
    /// Room for a usual statement: growing from nothing would allocate ten times.
    fn default() -> Self {
        Self { text: String::with_capacity(1_024), binds: Vec::with_capacity(16) }
    }
}

impl Statement {
    /// Appends fixed text of ours.
    pub fn sql(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder (`$1`, `$2`, …) and its value.
    pub fn bind(&mut self, value: Bind) -> &mut Self {
        self.binds.push(value);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "${}", self.binds.len());
        self
    }

    /// Appends a quoted name of the database, so that any name works (`Order Details`).
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.text.push('"');
        if name.as_bytes().contains(&b'"') {
            self.text.push_str(&name.replace('"', "\"\""));
        } else {
            self.text.push_str(name);
        }
        self.text.push('"');
        self
    }

    /// Appends the number of a result column, as `ORDER BY` takes it.
    pub(super) fn ordinal(&mut self, number: usize) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{number}");
        self
    }

    /// The same statement with other values in the place of the last ones.
    pub(super) fn with_last(mut self, values: Vec<Bind>) -> Self {
        self.binds.truncate(self.binds.len().saturating_sub(values.len()));
        self.binds.extend(values);
        self
    }

    /// Whether nothing was appended yet.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text and its values.
    pub fn parts(&self) -> (&str, &[Bind]) {
        (&self.text, &self.binds)
    }

    /// Gives the text and its values to whoever runs them.
    pub(super) fn into_parts(self) -> (String, Vec<Bind>) {
        (self.text, self.binds)
    }
}
