//! Our own state: what the server needs in order to decide, and the record of what it decided.

pub mod audit;
mod database;
mod migration;
pub mod state;
mod upgrade;

pub use database::DatabaseError;
pub use upgrade::{Upgraded, upgrade};

#[cfg(test)]
mod tests;
