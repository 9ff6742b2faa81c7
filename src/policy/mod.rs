//! The policy language, from strict files to decisions and row filters (`policies/`).
//!
//! People grant access by editing `policies/*.csv`. `files` reads them strictly, `condition` types and evaluates their
//! conditions, `lint` finds the lines that do nothing, and [`Snapshot`] answers: about objects, casbin's own word
//! (`enforcer`); about rows (`scope`) and the columns in them (`columns`), conditions compiled from the same lines, which a
//! differential test holds equal to casbin's word (`oracle`) on every row. [`Policies`] swaps whole snapshots, and [`watch()`]
//! does so when the files change.
//!
//! What must never happen here: a line that is dropped, a condition that grants because something is absent (but where it asks
//! for just that with `!(present(…))`, of which `lint` warns), a policy that is half in force.

mod by_name;
mod changes;
mod columns;
mod comparison;
mod condition;
mod decision;
mod enforcer;
mod files;
mod finding;
mod index;
mod lint;
mod load;
mod names;
mod object;
mod oracle;
mod predicate;
mod scope;
mod simplify;
mod snapshot;
mod status;
mod visible;
mod watch;

#[cfg(test)]
mod tests;

pub use columns::{ColumnRule, Columns};
pub use comparison::{Statement, Undecided};
pub use decision::{Decision, Explanation, LineReport, Revision, RowDecision, RowRule, Ruling};
pub use files::format;
pub use finding::{Finding, LineRef, Severity};
pub use load::{ChangedLine, Checked, Policies, Refused, Reload, check, check_contents};
pub use names::bad_name;
pub use object::{Object, Permission};
pub use predicate::{Operator, ParentFilter, ParentRows, Predicate, Row, RowFilter, Truth};
pub use snapshot::Snapshot;
pub use status::Status;
pub use visible::{Listed, Visible};
pub use watch::watch;
