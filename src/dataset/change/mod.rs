//! One row created, changed or deleted: under a permit, in one transaction, whole or not at all.
//!
//! The filter of the permit is a condition of the statement that changes a row, so that a row out of sight, or one that may
//! not be changed so, is not found. What the row became is then read back by its key *as it is stored* (defaults, conversions
//! and triggers included) within the same filter; if it is not there, the transaction is rolled back. A new row has only the
//! second half. The transaction begins `IMMEDIATE`: one that began deferred could read a state that another connection changes
//! before the first write.
//!
//! Whatever the reason, a caller is told the same: that nothing was changed. A row out of sight, a key that is taken by one, a
//! parent out of sight, a constraint, a trigger that refuses: told apart, they would tell of rows outside the scope. What the
//! statement itself shows (a column that must be given, a value of another type) is refused before, in words.
//!
//! Where a person said yes to it, the row must besides be the one that they were shown (`shown`), in the same transaction.
//!
//! `OR ABORT` stands in each statement, because a table can be declared to resolve conflicts by deleting the other row
//! (`ON CONFLICT REPLACE`), which could be a row that the caller may not even see. What triggers and foreign keys of the
//! database do to other rows besides is the database's own rule, and happens whoever writes.

mod arguments;
pub mod describe;
mod plan;
mod shown;
mod sql;
#[cfg(test)]
mod tests;
mod value;

pub use plan::{ChangeError, ChangePlan, ChangePlanError, Made, look, make};
pub use shown::Shown;
pub(super) use sql::Prepared;
