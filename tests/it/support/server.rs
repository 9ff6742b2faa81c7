//! The server that `main` builds, in this process, on a port of its own, with its own files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bailiwick::app::{App, Seams};
use bailiwick::clock::Clock;
use bailiwick::config::{self, Inputs};
use bailiwick::demo;
use bailiwick::random::{OsRandom, Random};
use bailiwick::store::audit::{AuditReader, Decision, Filter};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::clock::ManualClock;

/// A running server. Dropped, it stops; [`Server::stop`] waits for it.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: PathBuf,
    /// The link that makes the first account, where the server has printed one.
    pub(crate) set_up: Option<String>,
    demo: Option<Arc<demo::Issuer>>,
    password: String,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
    files: Option<TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    /// The demo: two companies, five people, a local issuer.
    pub(crate) async fn demo() -> Self {
        Self::demo_with(|_| {}).await
    }

    /// The demo, with its files changed before the start.
    pub(crate) async fn demo_with(change: impl FnOnce(&Path)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let prepared = demo::prepare(files.path(), 1_000, port, Arc::new(OsRandom)).await.unwrap();
        change(files.path());
        let clock = Arc::new(ManualClock::new());
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let password = demo::open_accounts(&prepared, &random, clock.now()).await.unwrap();
        let routes = demo::routes(Arc::clone(&prepared.issuer), Arc::clone(&clock) as Arc<dyn Clock>);
        let mut server = Self::serve(files.path(), clock, listener, Some(routes)).await;
        server.demo = Some(prepared.issuer);
        server.password = password;
        server.files = Some(files);
        server
    }

    /// A server over the `bailiwick.toml` of a directory, in which `{port}` stands for the port.
    pub(crate) async fn over(directory: &Path, clock: Arc<ManualClock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let file = directory.join("bailiwick.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("{port}", &port)).unwrap();
        Self::serve(directory, clock, listener, None).await
    }

    async fn serve(
        directory: &Path,
        clock: Arc<ManualClock>,
        listener: TcpListener,
        more: Option<poem::Route>,
    ) -> Self {
        let inputs = Inputs { path: Some(directory.join("bailiwick.toml")), ..Inputs::default() };
        let loaded = config::read(inputs).unwrap_or_else(|errors| panic!("{errors}"));
        let seams = Seams { clock: Arc::clone(&clock) as Arc<dyn Clock>, random: Arc::new(OsRandom) };
        let app = App::build(&loaded, seams, more).await.unwrap_or_else(|error| panic!("{error}"));
        let set_up = app.set_up_link().map(|link| link.expose().to_owned());
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "a test waits for the server itself")]
        let running = Some(tokio::spawn(app.run(listener, stop.clone())));
        let client = Client::new(&base);
        Self {
            client,
            base,
            clock,
            directory: directory.to_owned(),
            set_up,
            demo: None,
            password: String::new(),
            stop,
            running,
            files: None,
        }
    }

    /// A token of one of the demo's people, valid for an hour of the test's clock.
    pub(crate) fn token(&self, person: &str) -> String {
        let issuer = self.demo.as_ref().expect("only the demo has people");
        let person = demo::person(person).unwrap_or_else(|| panic!("nobody is called {person}"));
        issuer.token(person, self.clock.now(), std::time::Duration::from_hours(1)).unwrap()
    }

    /// The password of the demo's accounts.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The demo's issuer.
    pub(crate) fn issuer(&self) -> &demo::Issuer {
        self.demo.as_ref().expect("only the demo has an issuer")
    }

    /// The file that people edit.
    pub(crate) fn policy(&self) -> PathBuf {
        self.directory.join("policies/policy.csv")
    }

    /// Stops, and reads every decision that was recorded, in order.
    pub(crate) async fn stop_and_read_decisions(self) -> Vec<Decision> {
        let directory = self.directory.clone();
        let _files = self.stop().await;
        let reader = AuditReader::open(&directory.join("audit.db")).await.unwrap();
        reader.query(&Filter::default(), 10_000).await.unwrap()
    }

    /// Stops and waits until everything is written; the files stay until the answer is dropped.
    pub(crate) async fn stop(mut self) -> Option<TempDir> {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap();
        self.files.take()
    }
}
