//! The MCP clients for Python and TypeScript, and the command of the MCP Inspector: each discovers, registers, sends a person
//! to sign in, and calls a tool as that person.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cli::connect::Connecting;
use crate::support::browser::{Browser, parameters};
use crate::support::chromium::skipped;
use crate::support::oauth;
use crate::support::server::Server;

/// What `.ci/run` has installed, if it has.
pub(super) fn installed(file: &str, what: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients").join(file);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{what}: .ci/run installs it"));
    None
}

/// A program of these tests, with nothing of their environment.
pub(super) fn program(path: &Path, home: &Path) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// A person goes to the address and allows; the client's callback is told, as a browser would.
pub(super) async fn allow(server: &Server, address: &str, person: &str) {
    let browser = Browser::new(&server.base);
    let asked = address.strip_prefix(&server.base).unwrap_or_else(|| panic!("{address} is not ours"));
    let next = browser.get(asked).await.header("location").to_owned();
    let page = browser.get(&next).await;
    let signed_in = oauth::sign_in(&browser, &page, &oauth::login(person), server.password()).await;
    let page = browser.get(signed_in.header("location")).await;
    let back = oauth::decide(&browser, &page, "allow").await;
    browser.get(&back).await;
}

/// The client signs a person in, after saying where, in these words; gives what it has printed.
async fn signs_in(server: &Server, command: Command, words: &str) -> String {
    let mut connecting = Connecting::start(command);
    let address = connecting.until(words);
    assert_eq!(parameters(&address)["resource"], format!("{}/mcp", server.base));
    allow(server, &address, "bob").await;
    let said = connecting.end();
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

fn is_bob(who: &Value) {
    assert_eq!(who["external_user_id"], "bob@acme.example", "{who}");
    assert_eq!(who["tenant"], "acme", "{who}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_client_signs_in_and_calls_a_tool() {
    let Some(python) = installed("venv/bin/python", "the MCP client for Python") else { return };
    let server = Server::demo().await;
    let mut command = program(&python, &server.directory);
    command.arg(script("connect.py")).arg(format!("{}/mcp", server.base));
    is_bob(&serde_json::from_str(&signs_in(&server, command, "sign in at").await).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_typescript_client_signs_in_and_calls_a_tool() {
    let package = "node_modules/@modelcontextprotocol/client/package.json";
    let Some(package) = installed(package, "the MCP client for TypeScript") else { return };
    let Some(node) = installed("node_modules/.bin/node", "node") else { return };
    let server = Server::demo().await;
    let mut command = program(&node, &server.directory);
    command.arg(script("connect.mjs")).arg(format!("{}/mcp", server.base)).arg(package);
    is_bob(&serde_json::from_str(&signs_in(&server, command, "sign in at").await).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inspector_signs_in_and_calls_a_tool() {
    let inspector = "node_modules/@modelcontextprotocol/inspector/clients/cli/build/index.js";
    let Some(inspector) = installed(inspector, "the MCP Inspector") else { return };
    let Some(node) = installed("node_modules/.bin/node", "node") else { return };
    let server = Server::demo().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = program(&node, &server.directory);
    command.arg(inspector).arg(format!("{}/mcp", server.base));
    command.args(["--method", "tools/call", "--tool-name", "whoami", "--format", "json", "--callback-url"]);
    command.arg(format!("http://127.0.0.1:{port}/oauth/callback"));
    command.envs([("MCP_AUTO_OPEN_ENABLED", "true"), ("MCP_INSPECTOR_SECRET_STORE", "memory")]);
    let answer: Value = serde_json::from_str(&signs_in(&server, command, "Please navigate to:").await).unwrap();
    is_bob(&answer["result"]["structuredContent"]);
}
