//! Starting the binary, with nothing of the test's own environment.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::Client;

/// What is waited for at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// The binary, in a directory.
pub(crate) fn bailiwick(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs a command to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Said {
    bailiwick(directory, arguments).output().unwrap().into()
}

/// Runs a command with something on its standard input.
pub(crate) fn run_with(directory: &Path, arguments: &[&str], input: &str) -> Said {
    let mut command = bailiwick(directory, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that ends without reading closes its end first.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Compares a text with a committed one; `BLESS=1` writes it.
#[track_caller]
pub(crate) fn matches_snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::vars().any(|(name, value)| name == "BLESS" && value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "tests/snapshots/{name} is otherwise (BLESS=1 writes what was found)\n\n--- expected\n{expected}\n--- found\n{found}"
    );
}

/// The output without the policy's revision, which changes with every edit of the policy.
pub(crate) fn settled(text: &str) -> String {
    let (before, after) = text.split_once("revision ").unwrap();
    format!("{before}revision REVISION{}", &after[12..])
}

/// A server in a process of its own. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
    pub(crate) port: u16,
    pub(crate) client: Client,
    /// From the start of the process until it answered that it is ready.
    pub(crate) ready_after: Duration,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts `demo` or `serve` over a directory, on a port of its own, and waits until it is ready.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self::start_on(directory, port, arguments)
    }

    pub(crate) fn start_on(directory: &Path, port: u16, arguments: &[&str]) -> Self {
        Self::start_command(bailiwick(directory, arguments), directory, port)
    }

    #[expect(clippy::disallowed_methods, reason = "what is measured is the time that a person waits")]
    pub(crate) fn start_command(mut command: Command, directory: &Path, port: u16) -> Self {
        let log = directory.join("log.txt");
        let file = File::create(&log).unwrap();
        let started = Instant::now();
        let child = command.args(["--port", &port.to_string()]).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let client = Client::new(&format!("http://127.0.0.1:{port}"));
        let mut running = Self { child, log, port, client, ready_after: Duration::ZERO };
        while !is_ready(port) {
            if let Some(status) = running.child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", running.log());
            }
            assert!(started.elapsed() < PATIENCE, "not ready: {}", running.log());
            thread::sleep(Duration::from_millis(2));
        }
        running.ready_after = started.elapsed();
        running
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as an operator's supervisor does.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Kills it without a warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A token of one of the demo's people.
    pub(crate) async fn token(&self, person: &str) -> String {
        let answer = self.client.get(&format!("/dev/token?person={person}")).send().await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// Asks `/readyz` without a client, because those are slow to make.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = format!("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// Waits until something is so; says how long it took.
#[expect(clippy::disallowed_methods, reason = "what is measured is the time that a person waits")]
pub(crate) async fn wait_until(what: &str, mut so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !so().await {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}
