//! Cells of SQLite, where any column can hold anything: the guards and the comparisons that an index can serve.
//!
//! Everything that is SQLite's own stands here.

use crate::catalog::ColumnType;
use crate::dataset::relation::Affinity;
use crate::dataset::statement::{Bind, Statement};
use crate::model::{Number, Value};

/// How many values stand in a list as they are; more are bound as one JSON text.
const LISTED: usize = 32;
/// The largest integer up to which every integer is a floating-point number (IEEE 754 binary64).
const EXACT_REAL: i64 = 1 << 53;

/// A column of a table under its name in the statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) alias: &'a str,
    pub(super) source: &'a str,
    pub(super) kind: ColumnType,
    pub(super) affinity: Affinity,
}

/// The value as SQLite compares it.
pub(super) fn bind(value: &Value) -> Bind {
    match value {
        Value::Text(text) => Bind::Text(text.clone()),
        Value::Number(Number::Integer(integer)) => Bind::Integer(*integer),
        Value::Number(Number::Real(real)) => Bind::Real(*real),
        Value::Boolean(boolean) => Bind::Integer(i64::from(*boolean)),
    }
}

/// The integer that prints as this text, byte for byte: `7` is one, `007` is not.
fn printed_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Text(text) => text.parse().ok().filter(|integer: &i64| integer.to_string() == **text),
        Value::Number(_) | Value::Boolean(_) => None,
    }
}

impl Cell<'_> {
    fn is_text(&self) -> bool {
        matches!(self.kind, ColumnType::Id | ColumnType::Text)
    }

    /// Whether conditions can read such a column at all.
    pub(super) fn is_comparable(&self) -> bool {
        match self.kind {
            ColumnType::Id | ColumnType::Text | ColumnType::Number | ColumnType::Boolean => true,
            ColumnType::Time(_) | ColumnType::Json | ColumnType::Bytes => false,
        }
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.kind == ColumnType::Number
    }

    /// Whether a value is of the column's type.
    pub(super) fn holds(&self, value: &Value) -> bool {
        match value {
            Value::Text(_) => self.is_text(),
            Value::Number(_) => self.kind == ColumnType::Number,
            Value::Boolean(_) => self.kind == ColumnType::Boolean,
        }
    }

    /// Whether two columns hold values of the same type.
    pub(super) fn compares_with(&self, other: &Self) -> bool {
        self.is_comparable() && (self.kind == other.kind || self.is_text() && other.is_text())
    }

    fn bare<'s>(&self, out: &'s mut Statement) -> &'s mut Statement {
        out.name(self.alias).sql(".").name(self.source)
    }

    /// The cell if it is of the declared type, else NULL. The expression has no affinity, so nothing compared with it is
    /// converted.
    pub(super) fn guarded<'s>(&self, out: &'s mut Statement) -> &'s mut Statement {
        match self.kind {
            ColumnType::Text => {
                self.bare(out.sql("CASE WHEN typeof(")).sql(") = 'text' THEN ");
                self.bare(out).sql(" END COLLATE BINARY")
            }
            ColumnType::Id => {
                self.bare(out.sql("CASE typeof(")).sql(") WHEN 'text' THEN ");
                self.bare(out).sql(" WHEN 'integer' THEN CAST(");
                self.bare(out).sql(" AS TEXT) END COLLATE BINARY")
            }
            // 9e999 is how infinity is written in SQLite; an infinite cell is no number to us.
            ColumnType::Number => {
                self.bare(out.sql("CASE WHEN typeof(")).sql(") IN ('integer', 'real') AND ");
                self.bare(out).sql(" > -9e999 AND ");
                self.bare(out).sql(" < 9e999 THEN ");
                self.bare(out).sql(" END")
            }
            ColumnType::Boolean => {
                self.bare(out.sql("CASE WHEN typeof(")).sql(") = 'integer' AND ");
                self.bare(out).sql(" IN (0, 1) THEN ");
                self.bare(out).sql(" END")
            }
            ColumnType::Time(_) | ColumnType::Json | ColumnType::Bytes => out.sql("NULL"),
        }
    }

    /// The cell in a list, with all three values: `x IN ()` is false in SQLite even where `x` is NULL.
    pub(super) fn guarded_one_of<'s>(&self, values: &[Value], out: &'s mut Statement) -> &'s mut Statement {
        if values.is_empty() {
            out.sql("CASE WHEN ");
            return self.guarded(out).sql(" IS NOT NULL THEN 0 END");
        }
        self.guarded(out);
        list(values.iter().map(bind).collect(), out)
    }

    /// The cell in a list, where nothing but *true* counts: with a comparison in front that an index can serve, if there
    /// is one that says the same.
    pub(super) fn one_of<'s>(&self, values: &[Value], out: &'s mut Statement) -> &'s mut Statement {
        let Some((binds, storage)) = self.indexed(values) else {
            return self.guarded_one_of(values, out);
        };
        self.bare(out.sql("("));
        if self.affinity == Affinity::Text || self.kind == ColumnType::Text {
            out.sql(" COLLATE BINARY");
        }
        list(binds, out);
        self.bare(out.sql(" AND typeof(")).sql(")").sql(storage).sql(")")
    }

    /// What to compare the bare column with, and which storage classes the cell may then have, where the two together
    /// say the same as the guard: where the column's affinity leaves the bound values as they are.
    fn indexed(&self, values: &[Value]) -> Option<(Vec<Bind>, &'static str)> {
        let as_they_are = || values.iter().map(bind).collect::<Vec<_>>();
        if values.is_empty() {
            return None;
        }
        match (self.kind, self.affinity) {
            (ColumnType::Text, Affinity::Text | Affinity::Blob) => Some((as_they_are(), " = 'text'")),
            // An integer under TEXT affinity is compared as the text that it prints as, which is what an id is.
            (ColumnType::Id, Affinity::Text) => Some((as_they_are(), " IN ('text', 'integer')")),
            (ColumnType::Id, Affinity::Integer) => {
                let integers: Option<Vec<i64>> = values.iter().map(printed_integer).collect();
                Some((integers?.into_iter().map(Bind::Integer).collect(), " = 'integer'"))
            }
            (ColumnType::Number, Affinity::Integer | Affinity::Numeric | Affinity::Blob) => {
                Some((as_they_are(), " IN ('integer', 'real')"))
            }
            // Under REAL affinity a search rounds the integer that it looks for.
            (ColumnType::Number, Affinity::Real) => {
                let exact = |value: &Value| match value {
                    Value::Number(Number::Integer(integer)) => (-EXACT_REAL..=EXACT_REAL).contains(integer),
                    Value::Number(Number::Real(_)) => true,
                    Value::Text(_) | Value::Boolean(_) => false,
                };
                values.iter().all(exact).then(|| (as_they_are(), " IN ('integer', 'real')"))
            }
            (ColumnType::Boolean, Affinity::Integer | Affinity::Numeric | Affinity::Blob) => {
                Some((as_they_are(), " = 'integer'"))
            }
            (
                ColumnType::Id
                | ColumnType::Text
                | ColumnType::Number
                | ColumnType::Boolean
                | ColumnType::Time(_)
                | ColumnType::Json
                | ColumnType::Bytes,
                _,
            ) => None,
        }
    }

    /// This key equals a child's reference. Columns of different affinity would convert each other, so both are guarded;
    /// in front stands a comparison that an index can serve and that is true wherever the guards are equal.
    pub(super) fn equal_reference(&self, reference: &Cell<'_>, out: &mut Statement) {
        let numeric = |cell: &Cell<'_>| match cell.affinity {
            Affinity::Integer | Affinity::Real | Affinity::Numeric => true,
            Affinity::Text | Affinity::Blob => false,
        };
        let alike = self.affinity == reference.affinity && self.affinity != Affinity::Blob;
        if alike || (self.kind == ColumnType::Number && numeric(self) && numeric(reference)) {
            self.bare(out);
            if self.affinity == Affinity::Text {
                out.sql(" COLLATE BINARY");
            }
            reference.bare(out.sql(" = ")).sql(" AND ");
        } else if self.is_text() && matches!(self.affinity, Affinity::Text | Affinity::Integer) {
            // The key's affinity converts the guarded text of the reference, and the guards undo what that lets through.
            reference.guarded(self.bare(out).sql(" = ")).sql(" AND ");
        }
        reference.guarded(self.guarded(out).sql(" = "));
    }
}

/// ` = $1`, ` IN ($1, $2)` or ` IN (SELECT value FROM json_each($1))`.
fn list(binds: Vec<Bind>, out: &mut Statement) -> &mut Statement {
    if let [_] = binds.as_slice() {
        out.sql(" = ");
        return binds.into_iter().fold(out, Statement::bind);
    }
    if binds.len() > LISTED
        && let Some(json) = json(&binds)
    {
        return out.sql(" IN (SELECT value FROM json_each(").bind(Bind::Text(json.into())).sql("))");
    }
    out.sql(" IN (");
    for (index, bind) in binds.into_iter().enumerate() {
        out.sql(if index == 0 { "" } else { ", " }).bind(bind);
    }
    out.sql(")")
}

/// The list as JSON, if every value comes out of it as it went in: text without NUL, and integers.
fn json(binds: &[Bind]) -> Option<String> {
    let value = |bind: &Bind| match bind {
        Bind::Text(text) if !text.contains('\0') => Some(serde_json::Value::from(&**text)),
        Bind::Integer(integer) => Some(serde_json::Value::from(*integer)),
        Bind::Text(_) | Bind::Real(_) | Bind::Bytes(_) => None,
    };
    let values: Option<Vec<serde_json::Value>> = binds.iter().map(value).collect();
    Some(serde_json::Value::Array(values?).to_string())
}
