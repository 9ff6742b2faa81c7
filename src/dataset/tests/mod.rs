//! Reads against real SQLite files, from a tool's arguments to its answer.

mod columns;
mod divided;
pub(in crate::dataset) mod fixture;
mod northwind;
mod paging;
mod reading;
mod schemas;
pub(super) mod statements;
