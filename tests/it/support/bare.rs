//! A server of people who sign in, without the demo: no data, the tool that says who one is.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use super::clock::ManualClock;
use super::server::Server;

/// What stands at the beginning of its configuration.
const OAUTH: &str = "[server]\nport = {port}\n[oauth]\nenabled = true\nregistration = \"open\"\n";

/// A tenant without an issuer.
pub(crate) const ACME: &str = "[[tenant]]\nname = \"acme\"\n";

/// Its policy: everybody may ask who they are.
const POLICY: &str = "p, *, *, tool:whoami, call, true, allow\n";

/// The files of such a server; `configuration` is what its configuration has besides `[oauth]`.
pub(crate) fn files(configuration: &str, policy: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("policies")).unwrap();
    fs::write(directory.path().join("bailiwick.toml"), format!("{OAUTH}{configuration}")).unwrap();
    let model = include_str!("../../../policies/model.conf");
    fs::write(directory.path().join("policies/model.conf"), model).unwrap();
    fs::write(directory.path().join("policies/policy.csv"), format!("{POLICY}{policy}")).unwrap();
    directory
}

/// The server over such files.
pub(crate) async fn server(configuration: &str, policy: &str) -> (Server, TempDir) {
    let files = files(configuration, policy);
    let server = Server::over(files.path(), Arc::new(ManualClock::new())).await;
    (server, files)
}
