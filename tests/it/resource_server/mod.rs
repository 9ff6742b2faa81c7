//! The server as an OAuth resource server: tokens, keys, headers, HTTP, and what it says of itself.

mod context;
mod fair;
mod keys;
mod leak;
mod metadata;
mod requests;
mod shutdown;
mod slow;
mod tokens;
