//! The gate: a principal and an action in, a permit or a refusal out. Whatever an MCP client
//! reads or does passes here; the OAuth endpoints, which give tokens and no data, decide for themselves (`oauth`).
//!
//! # Adding an action
//!
//! 1. Give it a type in `action.rs`: its fields are what is to be done, [`Action::Scope`] is what the permit carries
//!    (`RowScope` where rows are concerned, `()` elsewhere).
//! 2. Write its `rule`: ask the policy snapshot, and nothing else.
//! 3. Let the function that does the work take `Authorized<YourAction>` by value.

mod action;
mod gate;
mod permit;
mod row_scope;

pub use action::{Action, ChangeRows, List, ReadRows, Use, UseUnknown};
pub use gate::{Gate, Refusal};
pub use permit::{Authorized, Begun, Receipt, Recorded};
pub use row_scope::RowScope;

#[cfg(test)]
mod tests;
