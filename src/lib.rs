//! Bailiwick: an MCP server that answers as the person an agent works for.
//!
//! # The map
//!
//! Read top to bottom: a module imports only from modules above it (`tests/architecture.rs` holds the order).
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | the vocabulary: identifiers, times, secrets, who asks |
//! | [`clock`], [`random`] | the only callers of the system time and of the system's randomness |
//! | [`limits`] | how often somebody may ask, and how much at once |
//! | [`outbound`] | fetches what strangers publish, and leads nobody inside by it |
//! | [`config`] | the only reader of the environment and of `bailiwick.toml`: settings out |
//! | [`catalog`] | what is exposed and who can ask: tenants, claims, datasets, columns, prompts |
//! | [`store`] | our own state: the audit trail, and what the authorization server remembers |
//! | [`keys`] | whom we trust: issuers' keys, fetched and kept, and our own; the signature of a token |
//! | [`passwords`] | how passwords are hashed and compared |
//! | [`authn`] | a request's headers in, a `Principal` out |
//! | [`upstream`] | sign-in at another OpenID provider, as its client |
//! | [`policy`] | policy files in, decisions and row filters out |
//! | [`authz`] | a `Principal` and an action in, a permit out: start with `authz/gate.rs` |
//! | [`oauth`] | the authorization server: requests and tokens decided, without serving HTTP |
//! | [`dataset`] | the protected data: plan, SQL, rows; for the server nothing runs without a permit |
//! | [`mcp`] | the MCP server: `mcp/dispatch.rs` is the one way to a tool |
//! | [`http`] | poem: routes, the bearer layer, sessions, the serve loop |
//! | [`app`] | the composition root: configuration in, a server out |
//! | [`demo`] | sample data, people and an issuer |
//! | [`cli`] | the commands |
//!
//! # The walk
//!
//! `POST /mcp`, `tools/call search_documents`: `http::serve` accepts; the bearer layer asks [`authn`], which checks the
//! signature ([`keys`]), the claims, the headers, and puts a `Principal` into the request; `mcp::dispatch` turns name and
//! arguments into a typed action; `authz::gate` takes a place in the audit, asks [`policy`] and gives a permit with a
//! `RowScope`; `dataset::plan` joins scope and arguments, `dataset::sql` renders, `dataset::run` reads; the receipt of the
//! permit writes the audit record, and only then is there a `Recorded` answer that `mcp::reply` can send. A change goes the same
//! way (`dataset::change`), with one record more: that it begins, before anything is changed.
//!
//! # The invariants
//!
//! Three values carry the whole security argument. A `Principal` is made only in [`authn`], only from a verified
//! credential. An `Authorized<A>` is made only in [`authz`], only after the policy allowed action `A` and the audit
//! has a place for the decision. A `RowScope` is made only inside such a permit, and no query plan exists without one.

pub mod model;

pub mod clock;

pub mod random;

pub mod limits;

pub mod outbound;

pub mod config;

pub mod catalog;

pub mod store;

pub mod keys;

pub mod passwords;

pub mod authn;

pub mod upstream;

pub mod policy;

pub mod authz;

pub mod oauth;

pub mod dataset;

pub mod mcp;

pub mod http;

pub mod app;

pub mod demo;

pub mod cli;

// The issuer and the clock of the black-box tests serve the unit tests too.
#[cfg(test)]
extern crate self as bailiwick;
#[cfg(test)]
#[path = "../tests/it/support"]
mod test_support {
    pub(crate) mod attacks;
    pub(crate) mod clock;
    pub(crate) mod issuer;
    mod loopback;
}
