//! What is left of the policy lines for one requester and one dataset: conditions on the columns of a row.

use std::sync::Arc;

use crate::model::{DataRoom, Name, Tenant, Value};

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
