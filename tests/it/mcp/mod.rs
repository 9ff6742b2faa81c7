//! MCP over HTTP, in both eras of the protocol.

mod abandoned;
pub(crate) mod changes;
mod completions;
mod confirmation;
mod prompts;
mod protocol;
mod resources;
mod sessions;
mod streams;
mod visibility;
