//! MCP over HTTP, in both eras of the protocol.

mod abandoned;
mod batches;
mod completions;
mod errors;
mod legacy_sse;
mod logging;
mod prompts;
mod protocol;
mod resources;
mod sessions;
mod streams;
mod subscriptions;
mod visibility;
