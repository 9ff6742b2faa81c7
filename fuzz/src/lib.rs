//! What the fuzz targets hold about policies that nobody wrote.
//!
//! The modules are those of the server, compiled here from the same files: the parsers are private and stay so, and a
//! crate of only these builds, with the coverage that a fuzzer needs, in a fraction of the time of the server. What is
//! asked goes through `policy::check`, as a save of a file does.

#[path = "../../src/catalog/mod.rs"]
pub mod catalog;
#[path = "../../src/clock.rs"]
pub mod clock;
#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/policy/mod.rs"]
pub mod policy;
#[path = "../../src/store/audit/record.rs"]
mod record;

/// The one word of the store that policies know.
pub mod store {
    /// The audit trail's words.
    pub mod audit {
        pub use crate::record::Verdict;
    }
}

mod oracle;

pub use oracle::{condition, policy_file};
