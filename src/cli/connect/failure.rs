//! Where the way to a token can end, and what to do then.

use std::io;
use std::time::Duration;

use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::AuthError;

/// Why `connect` did not get there. One variant for each step, in the order of the steps.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// No port for the browser to come back to.
    #[error(
        "cannot listen on 127.0.0.1:{port} for the browser to come back\nhint: leave --port out, and a free one is taken"
    )]
    Listen {
        port: u16,
        #[source]
        source: io::Error,
    },
    /// The metadata could not be read.
    #[error(
        "the authorization server of `{url}` could not be found\nhint: is this the address of the MCP endpoint, and does it answer? It often ends in /mcp"
    )]
    Discovery {
        url: String,
        #[source]
        source: Box<AuthError>,
    },
    /// There is no metadata.
    #[error(
        "`{url}` publishes neither protected-resource nor authorization-server metadata\nhint: is this the address of the MCP endpoint? It often ends in /mcp"
    )]
    NoMetadata { url: String },
    /// The server did not take the registration.
    #[error(
        "`{issuer}` did not register this client\nhint: make it known there with the redirect URI http://127.0.0.1/callback, and give its id with --client-id"
    )]
    Registration {
        issuer: String,
        #[source]
        source: Box<AuthError>,
    },
    /// The client that was given cannot be used with this server.
    #[error("the client `{client}` cannot be used with `{issuer}`")]
    Client {
        client: String,
        issuer: String,
        #[source]
        source: Box<AuthError>,
    },
    /// There is no authorization request that both sides could make.
    #[error("no authorization request can be made to `{issuer}`")]
    Request {
        issuer: String,
        #[source]
        source: Box<AuthError>,
    },
    /// Nobody came back.
    #[error("nobody came back from the browser within {} s\nhint: open the address above, sign in and decide; --timeout gives more time", .0.as_secs())]
    TimedOut(Duration),
    /// The port went away.
    #[error("the browser could not be waited for")]
    Waiting(#[source] io::Error),
    /// The person, or the server, said no.
    #[error("the authorization server answered `{code}`{}", described(.description.as_deref()))]
    Refused { code: String, description: Option<String> },
    /// Somebody else answered (RFC 9207).
    #[error("the answer is of `{found}` and was asked of `{expected}`: it is not trusted")]
    Issuer { expected: String, found: String },
    /// The browser brought no code.
    #[error("the browser came back without a code and without an error")]
    NoCode,
    /// The code gave no token.
    #[error("`{issuer}` gave no token for the code")]
    Exchange {
        issuer: String,
        #[source]
        source: Box<AuthError>,
    },
    /// The MCP endpoint did not take the token, or is none.
    #[error("`{url}` could not be spoken to with the token")]
    Open {
        url: String,
        #[source]
        source: Box<ClientInitializeError>,
    },
    /// The tools could not be listed.
    #[error("the tools could not be listed")]
    List(#[source] Box<ServiceError>),
    /// There is no such tool.
    #[error("there is no tool `{tool}` for you{suggestion}\nhint: without a tool, connect lists those that there are")]
    NoTool { tool: String, suggestion: String },
    /// The tool could not be called.
    #[error("`{tool}` could not be called")]
    Call {
        tool: String,
        #[source]
        source: Box<ServiceError>,
    },
}

fn described(description: Option<&str>) -> String {
    description.map(|text| format!(": {text}")).unwrap_or_default()
}
