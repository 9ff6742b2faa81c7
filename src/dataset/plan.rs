//! A permitted read: what is asked, and the rows that may answer. Pure; nothing here touches the database.
//!
//! The scope is a field, not an option, and comes only out of a permit. A plan takes the request and the scope together
//! and refuses a pair that speaks of two datasets, or of different columns of one, so that a permit for one table can never
//! read another, and no question is about a column that the permit does not open.

use std::sync::Arc;

use super::cursor::{InvalidCursor, Pager, QueryDigest};
use super::face::Face;
use super::request::{Ask, Filter, Operand, Paging, Request};
use super::sql::Position;
use crate::authz::RowScope;
use crate::catalog::{Direction, OrderTerm};
use crate::model::Name;
use crate::policy::RowFilter;

/// Why a request and a scope do not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The cursor is not this caller's, or not for this query, or garbage.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The scope is that of another dataset: the caller has mixed up two permits.
    #[error("the row scope is of `{scope}`, but `{asked}` is asked")]
    AnotherDataset {
        /// The dataset of the scope.
        scope: Name,
        /// The dataset of the request.
        asked: Name,
    },
    /// The request was made for other columns than the scope opens: the caller has mixed up two people.
    #[error("the request of `{0}` was made for other columns than its row scope opens")]
    OtherColumns(Name),
}

/// A read that may be run, once.
#[derive(Debug)]
pub struct ReadPlan {
    /// The rows that may answer: the first condition of the statement.
    scope: RowScope,
    /// What is asked of them.
    read: Read,
}

impl ReadPlan {
    /// Joins a request and the scope of its permit.
    ///
    /// # Errors
    ///
    /// When the cursor is invalid for this caller and query, or the scope is that of another dataset.
    pub fn new(request: Request, scope: RowScope, pager: &Pager<'_>) -> Result<Self, PlanError> {
        if request.face.columns() != scope.columns() {
            return Err(PlanError::OtherColumns(request.dataset().name.clone()));
        }
        let read = Read::new(request, scope.filter(), pager)?;
        Ok(Self { scope, read })
    }

    /// The scope's condition and what is asked, for the statement.
    pub(super) fn parts(&self) -> (&RowFilter, &Read) {
        (self.scope.filter(), &self.read)
    }
}

/// What is asked, with its order completed and its cursor opened. Harmless without a [`RowFilter`].
#[derive(Debug)]
pub(super) struct Read {
    /// The dataset, as the caller sees it.
    pub(super) face: Face,
    /// What of it.
    pub(super) shape: Shape,
}

/// The three forms of an answer.
#[derive(Debug)]
pub(super) enum Shape {
    /// A page of rows.
    Page(PageRead),
    /// One row, by its key.
    Row(Vec<Operand>),
    /// The number of rows.
    Count(Vec<Filter>),
}

/// A page of rows.
#[derive(Debug)]
pub(super) struct PageRead {
    /// The words that each row must contain; empty where nothing is searched.
    pub(super) words: Vec<Arc<str>>,
    /// The caller's filters.
    pub(super) filters: Vec<Filter>,
    /// A total order: it ends with the key.
    pub(super) order: Vec<OrderTerm>,
    /// How many rows at most.
    pub(super) limit: u16,
    /// Where the last page ended.
    pub(super) after: Option<Position>,
    /// What the next cursor is bound to.
    pub(super) digest: QueryDigest,
}

impl Read {
    /// Completes a request that is to run within this filter.
    pub(super) fn new(request: Request, filter: &RowFilter, pager: &Pager<'_>) -> Result<Self, PlanError> {
        let operation = request.operation();
        let Request { face, ask } = request;
        let dataset = face.dataset();
        if filter.dataset != dataset.name || face.columns().dataset != dataset.name {
            let (scope, asked) = (filter.dataset.clone(), dataset.name.clone());
            return Err(PlanError::AnotherDataset { scope, asked });
        }
        let page = |words: Vec<Arc<str>>, filters, order: &[OrderTerm], paging: Paging| {
            let order = total(order, &face);
            // `Debug` quotes every text, so two queries never spell alike.
            let spelled = format!("{operation:?} {:?} {words:?} {filters:?} {order:?}", dataset.name);
            let digest = QueryDigest::of(&spelled);
            let after = paging.cursor.map(|cursor| pager.open(digest, &cursor)).transpose()?;
            if after.as_ref().is_some_and(|position| position.len() != order.len()) {
                return Err(PlanError::Cursor(InvalidCursor));
            }
            Ok(Shape::Page(PageRead { words, filters, order, limit: paging.limit, after, digest }))
        };
        let shape = match ask {
            Ask::List { filters, order, paging } if order.is_empty() => {
                page(Vec::new(), filters, &dataset.order, paging)?
            }
            Ask::List { filters, order, paging } => page(Vec::new(), filters, &order, paging)?,
            Ask::Search { words, filters, paging } => page(words, filters, &dataset.order, paging)?,
            Ask::Get { key } => Shape::Row(key),
            Ask::Count { filters } => Shape::Count(filters),
        };
        Ok(Self { face, shape })
    }
}

/// The order with the key at its end, in the direction of the last term, so that an index can be read in one direction.
///
/// A term of a column that is not open is left out, whoever put it there: an order tells what it is by.
pub(super) fn total(order: &[OrderTerm], face: &Face) -> Vec<OrderTerm> {
    let open = |term: &&OrderTerm| face.columns().is_open(&term.column);
    let mut total: Vec<OrderTerm> = order.iter().filter(open).cloned().collect();
    let direction = total.last().map_or(Direction::Ascending, |term| term.direction);
    for column in &face.dataset().key {
        if total.iter().all(|term| term.column != *column) {
            total.push(OrderTerm { column: column.clone(), direction });
        }
    }
    total
}
