//! Bailiwick: an MCP server that answers as the person an agent works for.
//!
//! # The map
//!
//! Read top to bottom: a module imports only from modules above it (`tests/architecture.rs` holds the order).
//!
//! # The invariants
//!
//! Three values carry the whole security argument. A `Principal` is made only in `authn`, only from a verified
//! credential. An `Authorized<A>` is made only in [`authz`], only after the policy allowed action `A` and the audit
//! has a place for the decision. A `RowScope` is made only inside such a permit, and no query plan exists without one.

pub mod model;

pub mod clock;

pub mod random;

pub mod config;

pub mod catalog;

pub mod store;

pub mod policy;

pub mod authz;

pub mod dataset;
