//! The policy language, from strict files to decisions and row filters (`policies/`).

mod predicate;

pub use predicate::{Operator, ParentFilter, Predicate, RowFilter, Truth};
