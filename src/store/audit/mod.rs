//! The audit trail: one durable record per decision, before its answer leaves.
//!
//! A request takes a place in a bounded queue before anything is permitted ([`AuditLog::reserve`]) and hands its record
//! over at its end ([`Place::record`]). One task, the [`Writer`], writes whatever waits in one statement and then
//! answers all of it: durability costs one commit per group, not per request. Where there is no place, or the store
//! cannot be written, `reserve` refuses, so nothing is answered unrecorded. Each [`Holder`] has a part of the queue and no more,
//! so that nobody fills it for the others.
//!
//! Requests without a verified credential are counted, never stored one by one, so that garbage cannot fill the disk.
//! Nothing here stores a token or an answer; of a token's claims, only those that say who asks, through whom, and with which
//! scopes.

mod acceptance;
mod error;
mod insert;
mod log;
mod query;
mod record;
mod rejections;
mod retention;
mod store;
mod writer;

pub use acceptance::accept;
pub use error::AuditError;
pub use log::{AuditLog, Ending, Failure, Holder, Place, Status};
pub use query::{AuditReader, Decision, Filter, Named, Rejection, prune};
pub use record::{Event, Outcome, Record, Verdict};
pub use writer::Writer;

use super::migration::Migration;

pub(in crate::store) const MIGRATIONS: &[Migration] = &[
    Migration { name: "decisions", sql: include_str!("../../../migrations/audit/0001_decisions.sql") },
    Migration {
        name: "rejections_and_events",
        sql: include_str!("../../../migrations/audit/0002_rejections_and_events.sql"),
    },
    Migration { name: "changes", sql: include_str!("../../../migrations/audit/0003_changes.sql") },
];

#[cfg(test)]
mod tests;
