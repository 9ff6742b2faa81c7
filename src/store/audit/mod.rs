//! The audit trail: one durable record per decision, before its answer leaves.

mod record;

pub use record::{Outcome, Record, Verdict};
