//! What a caller asks of a dataset, typed: nothing in here is text that still has to be understood.

use std::sync::Arc;

use super::face::Face;
use crate::catalog::{Dataset, Operation, OrderTerm};
use crate::model::{Name, Number, Timestamp};
use crate::policy::Operator;

/// A value of a caller, of the type of the column that it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    /// An identifier.
    Id(Arc<str>),
    /// Text.
    Text(Arc<str>),
    /// A number.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// A point in time.
    Time(Timestamp),
}

/// What a filter asks of one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// The value compares so.
    Compare(Operator, Operand),
    /// The value is one of these.
    In(Vec<Operand>),
    /// The text contains this one, whatever the case of its ASCII letters.
    Contains(Arc<str>),
    /// Whether the value is absent.
    IsNull(bool),
}

/// One condition of a caller.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    /// The column.
    pub(super) column: Name,
    /// What is asked of it.
    pub(super) test: Test,
}

/// The part of a paged request that says which page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paging {
    /// How many rows at most.
    pub(super) limit: u16,
    /// Where the last page ended, sealed.
    pub(super) cursor: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    /// A page of rows.
    List { filters: Vec<Filter>, order: Vec<OrderTerm>, paging: Paging },
    /// One row, by the values of its key columns in their order.
    Get { key: Vec<Operand> },
    /// A page of the rows that contain every word.
    Search { words: Vec<Arc<str>>, filters: Vec<Filter>, paging: Paging },
    /// The number of rows.
    Count { filters: Vec<Filter> },
}

/// A request of one dataset, parsed from a tool's arguments. Not yet permitted: a plan also takes a `RowScope`.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) face: Face,
    pub(super) ask: Ask,
}

impl Request {
    /// The dataset that is asked.
    pub fn dataset(&self) -> &Dataset {
        self.face.dataset()
    }

    /// What the request does.
    pub fn operation(&self) -> Operation {
        match self.ask {
            Ask::List { .. } => Operation::List,
            Ask::Get { .. } => Operation::Get,
            Ask::Search { .. } => Operation::Search,
            Ask::Count { .. } => Operation::Count,
        }
    }
}
