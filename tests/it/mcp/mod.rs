//! MCP over HTTP, in both eras of the protocol.

pub(crate) mod abandoned;
mod batches;
pub(crate) mod changes;
mod completions;
mod confirmation;
mod deletion;
mod errors;
mod killed;
mod legacy_sse;
mod logging;
mod pairs;
mod prompts;
mod protocol;
mod resources;
mod sessions;
mod streams;
mod subscriptions;
mod told;
mod unanswered;
mod unmade;
mod unread;
mod visibility;
