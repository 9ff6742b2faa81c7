//! The two scenarios for authorization servers of the MCP conformance suite.

use super::sdks::{allow, installed, program};
use crate::cli::connect::Connecting;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_scenarios_pass() {
    let package = "node_modules/@modelcontextprotocol/conformance/dist/index.js";
    let Some(suite) = installed(package, "the MCP conformance suite") else { return };
    let Some(node) = installed("node_modules/.bin/node", "node") else { return };
    let server = Server::demo().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // It says everything on standard output.
    let mut command = program("/bin/sh".as_ref(), &server.directory);
    command.args(["-c", "exec \"$@\" 1>&2", "sh"]).arg(node).arg(suite).arg("authorization");
    command.args(["--url", &server.base, "--client-id", bailiwick::demo::OAUTH_CLIENT]);
    command.args(["--resource", &format!("{}/mcp", server.base), "--port", &port.to_string()]);
    let mut running = Connecting::start(command);
    let begins = format!("{}/authorize?", server.base);
    let address = format!("{begins}{}", running.until(&begins));
    running.until("Callback server started");
    allow(&server, &address, "ada").await;
    let said = running.end();
    assert_eq!(said.code, 0, "{}", said.err);
    for scenario in ["authorization-server-metadata-endpoint", "authorization-code-grant"] {
        let begins = format!("✓ {scenario}: ");
        let line = said.err.lines().find_map(|line| line.strip_prefix(&begins));
        assert!(line.is_some_and(|line| line.ends_with(" passed, 0 failed")), "{scenario}: {}", said.err);
    }
}
