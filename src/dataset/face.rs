//! A dataset as one person sees it: the declaration, less what the policy takes away.
//!
//! Schemas, arguments, order, search and answers are all made from a face, so that a column somebody may not read is, for
//! them, one that does not exist. A column that is masked in some rows is in answers, and nothing can be asked about it at
//! all: what is found, counted, or comes first would tell what it holds.

use std::sync::Arc;

use crate::catalog::{Change, Column, ColumnType, Dataset, Operation, OrderTerm};
use crate::policy::{ColumnRule, Columns};

/// A dataset with the columns that one person may read.
#[derive(Debug, Clone)]
pub struct Face {
    dataset: Arc<Dataset>,
    columns: Arc<Columns>,
}

impl Face {
    /// Puts a declaration and the policy's word on its columns together.
    pub fn new(dataset: Arc<Dataset>, columns: Arc<Columns>) -> Self {
        Self { dataset, columns }
    }

    /// The dataset as it is where no policy line speaks of its columns.
    pub fn declared(dataset: &Arc<Dataset>) -> Self {
        Self::new(Arc::clone(dataset), Arc::new(Columns::declared(dataset)))
    }

    /// The same for a change, with every column that the declaration lets somebody write.
    pub fn declared_for(dataset: &Arc<Dataset>, change: Change) -> Self {
        let read = Columns::declared(dataset);
        let written = dataset.written_by(change).filter(|column| read.is_open(&column.name));
        let written = written.map(|column| column.name.clone()).collect();
        Self::new(Arc::clone(dataset), Arc::new(Columns { written, ..read }))
    }

    /// The declaration.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// What the policy says of the columns.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// The columns that can be filtered, ordered and searched by: those that are read in every row.
    pub(super) fn open(&self) -> impl Iterator<Item = &Column> {
        self.dataset.exposed().filter(|column| self.columns.is_open(&column.name))
    }

    /// The columns that the change that this face is for may write.
    pub(super) fn written(&self) -> impl Iterator<Item = &Column> {
        self.open().filter(|column| self.columns.written.contains(&column.name))
    }

    /// The columns of an answer with one row.
    pub(super) fn answered(&self) -> impl Iterator<Item = &Column> {
        self.dataset.exposed().filter(|column| self.columns.is_open(&column.name) || self.mask(column).is_some())
    }

    /// The columns of an answer with many rows; bytes are never listed.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Column> {
        self.answered().filter(|column| column.list && column.kind != ColumnType::Bytes)
    }

    /// The columns that can be ordered by: those that have an order a reader would understand.
    pub(super) fn orderable(&self) -> impl Iterator<Item = &Column> {
        self.open().filter(|column| !matches!(column.kind, ColumnType::Json | ColumnType::Bytes))
    }

    /// The columns that a search looks through.
    pub(super) fn searched(&self) -> impl Iterator<Item = &Column> {
        self.dataset.searched().filter(|column| self.columns.is_open(&column.name))
    }

    /// The default order, as far as this person may know it.
    pub(super) fn order(&self) -> impl Iterator<Item = &OrderTerm> {
        self.dataset.order.iter().filter(|term| self.columns.is_open(&term.column))
    }

    /// In which rows a column is read, if not in every one.
    pub(super) fn mask(&self, column: &Column) -> Option<&ColumnRule> {
        self.columns.masked.get(&column.name)
    }

    /// What can be done with the dataset: without a column to search there is no search.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        self.dataset.operations().filter(|operation| self.has(*operation))
    }

    /// Says whether the dataset has this operation for this person.
    pub(super) fn has(&self, operation: Operation) -> bool {
        match operation {
            Operation::List | Operation::Get | Operation::Count => true,
            Operation::Search => self.searched().next().is_some(),
        }
    }
}
