//! The gate: a principal and an action in, a permit or a refusal out.

mod row_scope;

pub use row_scope::RowScope;
