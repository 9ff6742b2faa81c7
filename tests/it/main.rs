//! The black-box tests, in one binary: HTTP over loopback to the server that `main` builds, with real signatures.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod authorization_server;
mod cli;
mod columns;
mod compile_fail;
mod demo;
mod endpoints;
mod isolation;
mod matrix;
mod mcp;
mod northwind;
mod openapi;
mod portability;
mod real_clients;
mod resource_server;
mod support;
