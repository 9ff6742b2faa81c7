//! What the decision is about: the protected data. For the server nothing here runs without a permit; the command line, which
//! has none, reads through [`preview`].
//!
//! [`check`] holds the declarations against the real database at start. [`describe::tool`] says what a dataset offers,
//! [`arguments::parse`] makes a [`Request`] of a call, [`ReadPlan::new`] joins it with the scope of its permit, and [`read`]
//! runs the one statement that follows. A change has its own plan and its own transaction ([`change`]). Whatever a caller
//! sends can only narrow the scope, which is always the first condition; and no error of the database reaches a caller.

pub mod address;
pub mod arguments;
mod cell;
pub mod change;
pub mod check;
mod condition;
mod cursor;
mod database;
pub mod describe;
mod face;
mod filter;
mod moment;
mod plan;
pub mod preview;
mod relation;
mod request;
mod row;
mod run;
mod sample;
mod sql;
mod statement;
#[cfg(test)]
mod tests;
mod values;
mod watch;

pub use change::{ChangeError, ChangePlan, ChangePlanError, Made};
pub use cursor::{CursorError, CursorKey, InvalidCursor, Pager};
pub use database::{ChangeWriter, Changes, Database, DatabaseError, WriteError};
pub use face::Face;
pub use filter::FilterError;
pub use plan::{PlanError, ReadPlan};
pub use relation::{Affinity, Relation, Schema};
pub use request::Request;
pub use run::{Next, Rows, RunError, Table, read};
pub use sql::SqlError;
pub use statement::{Bind, Statement};
pub use values::{ValuesPlan, values};
pub use watch::{RowKey, Version, Watch, look};
