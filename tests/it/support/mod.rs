//! What the black-box tests stand on: a server over loopback, an issuer that signs real tokens, a client.

pub(crate) mod attacks;
pub(crate) mod bare;
pub(crate) mod browser;
pub(crate) mod capture;
pub(crate) mod chromium;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod issuer;
mod loopback;
pub(crate) mod oauth;
pub(crate) mod provider;
pub(crate) mod revision;
pub(crate) mod rows;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod stream;
pub(crate) mod tls;
pub(crate) mod wire;
pub(crate) mod world;
