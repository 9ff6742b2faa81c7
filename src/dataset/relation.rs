//! Datasets as the database really has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Dataset;
use crate::model::Name;

/// How SQLite converts values that are compared with a column (its "type affinity").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// Everything but NULL and bytes becomes text.
    Text,
    /// What looks like an integer becomes one.
    Integer,
    /// What looks like a number becomes a floating-point one.
    Real,
    /// What looks like a number becomes one.
    Numeric,
    /// Nothing is converted.
    Blob,
}

/// A declared dataset together with what the database says of its columns. Made by `dataset::check` alone.
#[derive(Debug)]
pub struct Relation {
    /// The declaration.
    pub dataset: Arc<Dataset>,
    /// The affinity of each declared column.
    pub affinities: BTreeMap<Name, Affinity>,
    /// The declared columns that the database guarantees to be never NULL.
    pub never_null: BTreeSet<Name>,
    /// The columns for which an index serves tenant, column and default order: a page of rows that have one of several
    /// values there can be merged from one search per value.
    pub divides: BTreeSet<Name>,
    /// The columns that the database computes, so that nobody can write them.
    pub computed: BTreeSet<Name>,
    /// The columns that a new row must be given: never NULL, without a default, and not made by the database.
    pub needed: BTreeSet<Name>,
}

impl Relation {
    /// A declaration and the affinities of its columns, without anything that the database guarantees besides.
    pub(super) fn of(dataset: Arc<Dataset>, affinities: BTreeMap<Name, Affinity>) -> Self {
        let (never_null, divides) = (BTreeSet::new(), BTreeSet::new());
        Self { dataset, affinities, never_null, divides, computed: BTreeSet::new(), needed: BTreeSet::new() }
    }
}

/// Every dataset, checked against the database.
#[derive(Debug, Default)]
pub struct Schema {
    /// By name.
    pub relations: BTreeMap<Name, Arc<Relation>>,
}
