//! HTTP: poem's types stay here. The way in is [`serve()`], then [`routes()`], then the bearer layer, then MCP.

mod bearer;
mod cors;
mod error;
mod mcp;
mod oauth;
mod operations;
mod pages;
mod peer;
mod routes;
mod serve;
mod session;

pub use oauth::OauthEdge;
pub use operations::{Readiness, ReadyCheck, specification};
pub use routes::{Edge, routes};
pub use serve::{Limits, serve};
