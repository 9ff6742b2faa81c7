//! `bailiwick connect`: the way of an MCP client, gone from a terminal: discovery, registration, a person who consents in a
//! browser, a token, a tool.
//!
//! The client is rmcp's own and shares nothing with the server but this binary, so that what works here is the protocol and not
//! two halves of one mistake. It works with other people's servers too. Tokens stay in memory and are printed nowhere.

mod arguments;
mod browser;
mod failure;
mod loopback;
mod session;
mod sign_in;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;

pub(super) use arguments::Connect;

use self::loopback::Loopback;
use super::serve::Given;

/// Signs in, and lists the tools or calls one. The exit code is 1 where the tool answers with an error.
pub(super) async fn run(command: Connect, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(address) = given.options.address {
        bail!(
            "the browser comes back to 127.0.0.1 only, not to {address}\nhint: leave --address out; --port fixes the port"
        );
    }
    if given.options.config.is_some() {
        bail!("connect is a client and reads no configuration\nhint: leave --config out");
    }
    let asked = arguments::Asked::try_from(command)?;
    let loopback = Loopback::listen(given.options.port.unwrap_or(0)).await?;
    let manager = sign_in::sign_in(&asked, loopback).await?;
    let session = session::Session::open(&asked.url, manager).await?;
    let outcome = match &asked.tool {
        None => session.list(asked.json, out).await,
        Some(tool) => session.call(tool, asked.arguments.clone(), asked.json, out).await,
    };
    session.close().await;
    outcome
}

/// Tells the person at the terminal how far it has got.
fn say(step: &str, what: &str) {
    // Where standard error is closed, nobody wants to know.
    let _ = writeln!(io::stderr().lock(), "{step:<12} {what}");
}
