//! What is left of the policy lines for one requester and one dataset: conditions on the columns of a row.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::{DataRoom, Name, Tenant, Value};
use crate::store::audit::Verdict;

/// One row as policies see it: a column that is not here, or is `None`, is absent.
pub type Row = BTreeMap<Name, Option<Value>>;

/// The truth of a condition in Kleene's logic, which is also SQL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be said, because a value is absent. Never grants, and always denies.
    Unknown,
}

impl Truth {
    /// Whether a line of this effect decides where its condition came to this: it allows where that holds, and
    /// denies unless it does not.
    pub fn decides(self, effect: Verdict) -> bool {
        match effect {
            Verdict::Allow => self == Self::True,
            Verdict::Deny => self != Self::False,
        }
    }

    /// Kleene's negation.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Kleene's conjunction: false as soon as one is false.
    pub fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::True;
        for truth in truths {
            match truth {
                Self::True => {}
                Self::False => return Self::False,
                Self::Unknown => sum = Self::Unknown,
            }
        }
        sum
    }

    /// Kleene's disjunction: true as soon as one is true.
    pub fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        Self::all(truths.into_iter().map(Self::negated)).negated()
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Operator {
    /// Compares two values. Values of different types, and text in an order, compare as unknown: the type check refuses both.
    pub fn compare(self, left: &Value, right: &Value) -> Truth {
        let equality = |equal: bool| match self {
            Self::Equal => equal.into(),
            Self::NotEqual => (!equal).into(),
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => Truth::Unknown,
        };
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => equality(left == right),
            (Value::Boolean(left), Value::Boolean(right)) => equality(left == right),
            (Value::Number(left), Value::Number(right)) => {
                let ordering = left.compare(*right);
                Truth::from(match self {
                    Self::Equal => ordering.is_eq(),
                    Self::NotEqual => ordering.is_ne(),
                    Self::Less => ordering.is_lt(),
                    Self::LessOrEqual => ordering.is_le(),
                    Self::Greater => ordering.is_gt(),
                    Self::GreaterOrEqual => ordering.is_ge(),
                })
            }
            (Value::Text(_) | Value::Boolean(_) | Value::Number(_), _) => Truth::Unknown,
        }
    }

    /// The operator that says the same with the sides exchanged: `a < b` is `b > a`.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    /// The operator as policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A condition on the columns of one row; everything that does not depend on the row has been evaluated.
///
/// A column whose cell is NULL, or is not of the declared type, is absent: comparing it is [`Truth::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// The same for every row.
    Known(Truth),
    /// A column against a value.
    Compare {
        /// The column, on the left side.
        column: Name,
        /// The comparison.
        operator: Operator,
        /// The value, on the right side.
        value: Value,
    },
    /// A column against another column of the same row.
    CompareColumns {
        /// The left side.
        left: Name,
        /// The comparison.
        operator: Operator,
        /// The right side.
        right: Name,
    },
    /// A column in a list of values; the list may be empty (then false where the column is present, else unknown).
    In {
        /// The column.
        column: Name,
        /// The list.
        values: Arc<[Value]>,
    },
    /// Whether the column has a value of its declared type. Never unknown.
    Present(Name),
    /// Kleene's negation.
    Not(Box<Predicate>),
    /// Kleene's conjunction.
    All(Vec<Predicate>),
    /// Kleene's disjunction.
    Any(Vec<Predicate>),
}

impl Predicate {
    /// Evaluates the condition on one row.
    pub fn evaluate(&self, row: &Row) -> Truth {
        let cell = |column: &Name| row.get(column).and_then(Option::as_ref);
        match self {
            Self::Known(truth) => *truth,
            Self::Compare { column, operator, value } => {
                cell(column).map_or(Truth::Unknown, |cell| operator.compare(cell, value))
            }
            Self::CompareColumns { left, operator, right } => match (cell(left), cell(right)) {
                (Some(left), Some(right)) => operator.compare(left, right),
                (None, _) | (_, None) => Truth::Unknown,
            },
            Self::In { column, values } => cell(column).map_or(Truth::Unknown, |cell| values.contains(cell).into()),
            Self::Present(column) => cell(column).is_some().into(),
            Self::Not(inner) => inner.evaluate(row).negated(),
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.evaluate(row))),
            Self::Any(parts) => Truth::any(parts.iter().map(|part| part.evaluate(row))),
        }
    }
}

impl Predicate {
    /// Whether it depends on this column.
    pub(super) fn reads(&self, name: &Name) -> bool {
        match self {
            Self::Known(_) => false,
            Self::Compare { column, .. } | Self::In { column, .. } | Self::Present(column) => column == name,
            Self::CompareColumns { left, right, .. } => left == name || right == name,
            Self::Not(inner) => inner.reads(name),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.reads(name)),
        }
    }

    /// How many parts and values there are.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Known(_) | Self::Compare { .. } | Self::CompareColumns { .. } | Self::Present(_) => 1,
            Self::In { values, .. } => 1 + values.len(),
            Self::Not(inner) => 1 + inner.size(),
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::size).sum::<usize>(),
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], between: &str| {
            for (index, part) in parts.iter().enumerate() {
                let open = if index == 0 { "(" } else { between };
                write!(f, "{open}{part}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::Known(Truth::True) => f.write_str("true"),
            Self::Known(Truth::False) => f.write_str("false"),
            Self::Known(Truth::Unknown) => f.write_str("unknown"),
            Self::Compare { column, operator, value } => write!(f, "{column} {} {value}", operator.as_str()),
            Self::CompareColumns { left, operator, right } => {
                write!(f, "{left} {} {right}", operator.as_str())
            }
            Self::In { column, values } => {
                write!(f, "{column} in [")?;
                for (index, value) in values.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{value}")?;
                }
                f.write_str("]")
            }
            Self::Present(column) => write!(f, "present({column})"),
            Self::Not(inner) => write!(f, "!({inner})"),
            Self::All(parts) if parts.is_empty() => f.write_str("true"),
            Self::Any(parts) if parts.is_empty() => f.write_str("false"),
            Self::All(parts) => joined(f, parts, " && "),
            Self::Any(parts) => joined(f, parts, " || "),
        }
    }
}

/// What a policy leaves of one dataset for one requester: a row is in it if and only if every part holds.
///
/// tenant AND room AND parent AND (some `allow` is true) AND (no `deny` is true or unknown).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowFilter {
    /// The dataset.
    pub dataset: Name,
    /// The column that must hold the tenant; `None` where the dataset's rule needs no column (shared, fixed, inherited).
    pub tenant: Option<(Name, Tenant)>,
    /// The column that must hold the data room of the request's context.
    pub data_room: Option<(Name, DataRoom)>,
    /// The parent row, which must be in its own filter.
    pub parent: Option<ParentFilter>,
    /// At least one must be true.
    pub allow: Vec<Predicate>,
    /// None may be true or unknown.
    pub deny: Vec<Predicate>,
}

/// The parent row of a `within` dataset.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ParentFilter {
    /// This dataset's column equals the parent's column.
    pub by: Vec<(Name, Name)>,
    /// The parent's filter for the same requester.
    pub filter: Arc<RowFilter>,
}

/// Finds the rows of a parent dataset whose columns equal the given values.
pub type ParentRows<'a> = dyn Fn(&Name, &[(&Name, &Value)]) -> Vec<Row> + 'a;

impl RowFilter {
    /// How many parts and values there are, those of the parents included.
    pub(super) fn size(&self) -> usize {
        let own: usize = self.allow.iter().chain(&self.deny).map(Predicate::size).sum();
        own + self.parent.as_ref().map_or(0, |parent| parent.filter.size())
    }

    /// Says whether a row is in the filter: what the rendered SQL must say of the same row, to the letter.
    pub fn admits(&self, row: &Row, parents: &ParentRows<'_>) -> bool {
        let holds = |column: &Name, wanted: &str| matches!(row.get(column), Some(Some(Value::Text(text))) if text.as_ref() == wanted);
        self.tenant.as_ref().is_none_or(|(column, tenant)| holds(column, tenant.as_str()))
            && self.data_room.as_ref().is_none_or(|(column, room)| holds(column, room.as_str()))
            && self.allow.iter().any(|line| line.evaluate(row) == Truth::True)
            && self.deny.iter().all(|line| line.evaluate(row) == Truth::False)
            && self.parent.as_ref().is_none_or(|parent| parent.admits(row, parents))
    }
}

impl ParentFilter {
    /// Says whether the row's parent is there and in its own filter. A row with an absent reference has no parent.
    fn admits(&self, row: &Row, parents: &ParentRows<'_>) -> bool {
        let reference: Option<Vec<_>> =
            self.by.iter().map(|(own, key)| row.get(own).and_then(Option::as_ref).map(|value| (key, value))).collect();
        reference.is_some_and(|reference| {
            let found = parents(&self.filter.dataset, &reference);
            found.iter().any(|parent| self.filter.admits(parent, parents))
        })
    }
}
