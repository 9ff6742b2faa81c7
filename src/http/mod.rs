//! HTTP: poem's types stay here, but for `app`, which lays the routes together, and the demo's own endpoints. The way in is
//! [`serve()`], then [`routes()`], then the bearer layer, then MCP.

mod batch;
mod bearer;
mod cors;
mod description;
mod error;
mod foreign;
mod in_hand;
mod intake;
mod lasting;
mod mcp;
mod oauth;
mod operations;
mod pages;
mod patience;
mod peek;
mod peer;
mod resumed;
mod routes;
mod serve;
mod session;
mod shape;
mod sse;

pub use description::specification;
pub use oauth::OauthEdge;
pub use operations::{Readiness, ReadyCheck};
pub use routes::{Edge, RoutesError, routes};
pub use serve::{Limits, serve};
pub use session::SessionKey;
