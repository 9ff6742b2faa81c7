//! What a server writes while a test runs: its log, and its files.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing_subscriber::fmt::MakeWriter;

/// What was logged so far.
#[derive(Clone, Default)]
struct Log(Arc<ArcSwap<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.rcu(|logged| [logged.as_slice(), bytes].concat());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Captures everything that this thread logs.
pub(crate) struct Capture {
    log: Log,
    _guard: tracing::subscriber::DefaultGuard,
    _second: tracing::Dispatch,
}

impl Capture {
    /// Begins: for this thread, on which everything of a test runs but the connections to SQLite, which see no token.
    pub(crate) fn begin() -> Self {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
        let guard = tracing::subscriber::set_default(subscriber.finish());
        // With one subscriber alone, tracing asks the thread that first comes to a log line whether anybody wants it, and keeps
        // the answer for all; that may be the thread of another test, which has none. With two it asks the subscribers.
        let second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
        Self { log, _guard: guard, _second: second }
    }

    /// Ends, and gives what was logged.
    pub(crate) fn end(self) -> String {
        String::from_utf8(self.log.0.load().to_vec()).unwrap()
    }
}

/// Every file below a directory. One that ends meanwhile, as SQLite's own beside a database do, is not there.
pub(crate) fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            match std::fs::read(&path) {
                Ok(contents) => found.push((path.display().to_string(), contents)),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{}: {error}", path.display()),
            }
        }
    }
    found
}
