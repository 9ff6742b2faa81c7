//! What the decision is about: the protected data. Nothing here runs without a permit.

mod relation;
mod statement;

pub use relation::{Affinity, Relation, Schema};
pub use statement::{Bind, Statement};
