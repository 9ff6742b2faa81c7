//! A caller's filters as SQL conditions on one column.
//!
//! SQLite stores any class of value in any column and orders every text above every number, so a condition first asks for
//! the storage class (the *guard*), unless equality alone already implies it. The bound value is converted to the
//! column's form, never the column, so that an index can serve; only times stored as text go through SQLite's own date
//! functions, behind a coarse bound that an index can serve.

use std::sync::Arc;

use super::moment;
use super::relation::Affinity;
use super::request::{Operand, Test};
use super::statement::{Bind, Statement};
use crate::catalog::{Column, ColumnType, TimeStorage};
use crate::model::{Number, Timestamp};
use crate::policy::Operator;

/// A column where a statement can speak of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnRef<'a> {
    /// The alias of its table.
    pub(super) alias: &'static str,
    /// Its declaration.
    pub(super) declared: &'a Column,
    /// Its affinity in the database.
    pub(super) affinity: Affinity,
}

impl ColumnRef<'_> {
    /// Appends the column's name.
    pub(super) fn name(self, out: &mut Statement) {
        out.sql(self.alias).sql(".").name(&self.declared.source);
    }

    /// Appends the column's name with the collation that everything here compares by, where it can hold text.
    pub(super) fn collated(self, out: &mut Statement) {
        self.name(out);
        self.collation(out);
    }

    /// Appends the collation alone.
    pub(super) fn collation(self, out: &mut Statement) {
        match self.declared.kind {
            ColumnType::Id | ColumnType::Text | ColumnType::Time(TimeStorage::Text) | ColumnType::Json => {
                out.sql(" COLLATE BINARY");
            }
            ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) | ColumnType::Bytes => {}
        }
    }

    /// A name of ours as the column holds it: an integer where that is what the column would make of it.
    pub(super) fn identifier(self, name: &str) -> Bind {
        match (self.declared.kind, self.affinity, canonical_integer(name)) {
            (ColumnType::Id, Affinity::Integer | Affinity::Numeric, Some(integer)) => Bind::Integer(integer),
            (_, _, _) => Bind::Text(name.into()),
        }
    }

    /// Appends one test as a condition in parentheses. It is never true for a cell that is not of the declared type,
    /// except `is_null`, which asks for just that.
    pub(super) fn test(self, test: &Test, out: &mut Statement) {
        out.sql("(");
        match test {
            Test::IsNull(true) => {
                out.sql("NOT (");
                self.guard(out);
                out.sql(")");
            }
            Test::IsNull(false) => self.guard(out),
            Test::Contains(part) => {
                self.guard(out);
                out.sql(" AND instr(lower(");
                self.name(out);
                out.sql("), lower(").bind(Bind::Text(Arc::clone(part))).sql(")) > 0");
            }
            Test::In(values) => self.among(values, out),
            Test::Compare(Operator::Equal, value) => self.among(std::slice::from_ref(value), out),
            Test::Compare(Operator::NotEqual, value) => {
                self.guard(out);
                out.sql(" AND NOT (");
                self.among(std::slice::from_ref(value), out);
                out.sql(")");
            }
            Test::Compare(Operator::Less, value) => self.ordered(" < ", value, out),
            Test::Compare(Operator::LessOrEqual, value) => self.ordered(" <= ", value, out),
            Test::Compare(Operator::Greater, value) => self.ordered(" > ", value, out),
            Test::Compare(Operator::GreaterOrEqual, value) => self.ordered(" >= ", value, out),
        }
        out.sql(")");
    }

    /// Appends a condition that is true where the cell is of the declared type, and false elsewhere; never NULL.
    pub(super) fn guard(self, out: &mut Statement) {
        out.sql("typeof(");
        self.name(out);
        match self.declared.kind {
            ColumnType::Id => out.sql(") IN ('integer', 'text')"),
            ColumnType::Text => out.sql(") = 'text'"),
            ColumnType::Bytes => out.sql(") = 'blob'"),
            ColumnType::Number => {
                out.sql(") IN ('integer', 'real') AND ");
                self.name(out);
                // Not infinite; `abs` would overflow on the smallest integer.
                out.sql(" BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308")
            }
            ColumnType::Boolean => {
                out.sql(") = 'integer' AND ");
                self.name(out);
                out.sql(" IN (0, 1)")
            }
            ColumnType::Json => {
                out.sql(") = 'text' AND json_valid(");
                self.name(out);
                out.sql(")")
            }
            ColumnType::Time(TimeStorage::Text) => {
                out.sql(") = 'text' AND ");
                self.name(out);
                out.sql(" GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND julianday(");
                self.name(out);
                // SQLite reads February 30 as March 1 or 2; here it is not a day.
                out.sql(") IS NOT NULL AND strftime('%d', substr(");
                self.name(out);
                out.sql(", 1, 10)) = substr(");
                self.name(out);
                out.sql(", 9, 2)")
            }
            ColumnType::Time(storage @ (TimeStorage::Unix | TimeStorage::UnixMillis | TimeStorage::Julian)) => {
                out.sql(") IN ('integer', 'real')");
                self.in_years(storage, out);
                out
            }
        };
    }

    fn in_years(self, storage: TimeStorage, out: &mut Statement) {
        let bounds = [moment::FIRST_SECOND, moment::LAST_SECOND].map(Timestamp::from_secs);
        if let [Some(first), Some(last)] = bounds.map(|bound| moment::number(storage, bound)) {
            out.sql(" AND ");
            self.name(out);
            out.sql(" BETWEEN ").bind(first).sql(" AND ").bind(last);
        }
    }

    /// Appends: the cell equals one of these. Without a value that could be equal, it is `0`.
    fn among(self, values: &[Operand], out: &mut Statement) {
        let mut forms = Forms::default();
        for value in values {
            forms.add(self.affinity, value);
        }
        let Forms { plain, integers_only, texts, texts_as_is, times } = forms;
        let mut alternatives = Alternatives { column: self, out, any: false };
        alternatives.list("", "", plain);
        alternatives.list("typeof(", ") = 'integer' AND ", integers_only);
        alternatives.list("typeof(", ") = 'text' AND ", texts);
        alternatives.list("", "", texts_as_is);
        for time in times {
            alternatives.time(time);
        }
        let any = alternatives.any;
        if !any {
            out.sql("0");
        }
    }

    fn ordered(self, operator: &'static str, value: &Operand, out: &mut Statement) {
        match value {
            Operand::Number(number) => {
                self.guard(out);
                out.sql(" AND ");
                if self.affinity == Affinity::Real && !is_exact_as_real(*number) {
                    // An index on a REAL column would be searched with the rounded value.
                    out.sql("+");
                }
                self.name(out);
                out.sql(operator).bind(number_bind(*number));
            }
            Operand::Time(time) => self.time(operator, *time, out),
            // Only numbers and times are ordered; `arguments` offers nothing else.
            Operand::Id(_) | Operand::Text(_) | Operand::Boolean(_) => {
                out.sql("0");
            }
        }
    }

    fn time(self, operator: &'static str, time: Timestamp, out: &mut Statement) {
        let ColumnType::Time(storage) = self.declared.kind else {
            out.sql("0");
            return;
        };
        if let Some(number) = moment::number(storage, time) {
            self.guard(out);
            out.sql(" AND ");
            self.name(out);
            out.sql(operator).bind(number);
            return;
        }
        self.coarse_bound(operator, time, out);
        self.guard(out);
        out.sql(" AND julianday(");
        self.name(out);
        out.sql(")").sql(operator).sql("julianday(").bind(Bind::Text(time.to_string().into())).sql(")");
    }

    /// Stored text begins with its local date, which is within a day of the date in UTC.
    fn coarse_bound(self, operator: &'static str, time: Timestamp, out: &mut Statement) {
        const DAY: i64 = 86_400;
        let (lower, upper) = match operator {
            " < " | " <= " => (false, true),
            " > " | " >= " => (true, false),
            _ => (true, true),
        };
        let mut bound = |compare: &'static str, seconds: i64| {
            if !(moment::FIRST_SECOND..=moment::LAST_SECOND).contains(&seconds) {
                return;
            }
            let mut date = Timestamp::from_secs(seconds).to_string();
            date.truncate(10);
            self.collated(out);
            out.sql(compare).bind(Bind::Text(date.into())).sql(" AND ");
        };
        if lower {
            bound(" >= ", time.as_secs() - DAY);
        }
        if upper {
            bound(" < ", time.as_secs() + 2 * DAY);
        }
    }
}

/// A list of values by the form in which they can be compared with the column.
#[derive(Default)]
struct Forms {
    /// Comparable as they are: equality implies the type.
    plain: Vec<Bind>,
    /// Integers in a column where an equal real number is another value, or none.
    integers_only: Vec<Bind>,
    /// Text in a column that would turn the bound text into a number.
    texts: Vec<Bind>,
    /// Text in a column that leaves it alone.
    texts_as_is: Vec<Bind>,
    /// Points in time.
    times: Vec<Timestamp>,
}

impl Forms {
    fn add(&mut self, affinity: Affinity, value: &Operand) {
        let keeps_text = matches!(affinity, Affinity::Text | Affinity::Blob);
        match value {
            Operand::Id(id) => {
                let integer = canonical_integer(id).map(Bind::Integer);
                match (affinity, integer) {
                    (Affinity::Text, _) => self.texts_as_is.push(Bind::Text(Arc::clone(id))),
                    (Affinity::Integer | Affinity::Numeric, Some(integer)) => self.plain.push(integer),
                    (Affinity::Blob, integer) => {
                        self.integers_only.extend(integer);
                        self.texts_as_is.push(Bind::Text(Arc::clone(id)));
                    }
                    (Affinity::Integer | Affinity::Numeric | Affinity::Real, None) => {
                        self.texts.push(Bind::Text(Arc::clone(id)));
                    }
                    // A real number prints with a fraction: no identifier equals it.
                    (Affinity::Real, Some(_)) => {}
                }
            }
            Operand::Text(text) if keeps_text => self.texts_as_is.push(Bind::Text(Arc::clone(text))),
            Operand::Text(text) => self.texts.push(Bind::Text(Arc::clone(text))),
            Operand::Number(number) if affinity == Affinity::Real && !is_exact_as_real(*number) => {}
            Operand::Number(number) => self.plain.push(number_bind(*number)),
            Operand::Boolean(boolean) => self.integers_only.push(Bind::Integer(i64::from(*boolean))),
            Operand::Time(time) => self.times.push(*time),
        }
    }
}

/// Conditions joined by OR.
struct Alternatives<'a, 'b> {
    column: ColumnRef<'a>,
    out: &'b mut Statement,
    any: bool,
}

impl Alternatives<'_, '_> {
    fn next(&mut self) {
        if self.any {
            self.out.sql(" OR ");
        }
        self.any = true;
    }

    fn list(&mut self, before: &'static str, after: &'static str, values: Vec<Bind>) {
        if values.is_empty() {
            return;
        }
        self.next();
        if !before.is_empty() {
            self.out.sql(before);
            self.column.name(self.out);
            self.out.sql(after);
        }
        let text = matches!(values.first(), Some(Bind::Text(_)));
        if text {
            self.column.collated(self.out);
        } else {
            self.column.name(self.out);
        }
        self.out.sql(if values.len() == 1 { " = " } else { " IN (" });
        let single = values.len() == 1;
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.out.sql(", ");
            }
            self.out.bind(value);
        }
        if !single {
            self.out.sql(")");
        }
    }

    fn time(&mut self, time: Timestamp) {
        self.next();
        self.column.time(" = ", time, self.out);
    }
}

pub(super) fn number_bind(number: Number) -> Bind {
    match number {
        Number::Integer(integer) => Bind::Integer(integer),
        Number::Real(real) => Bind::Real(real),
    }
}

/// Whether a REAL column can hold exactly this number.
pub(super) fn is_exact_as_real(number: Number) -> bool {
    match number {
        Number::Real(_) => true,
        Number::Integer(integer) => {
            #[expect(clippy::cast_precision_loss, reason = "whether it loses anything is the question")]
            let real = integer as f64;
            Number::Real(real) == number
        }
    }
}

/// The integer that prints as exactly these bytes.
pub(super) fn canonical_integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|integer| integer.to_string() == text)
}
