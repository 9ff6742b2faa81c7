//! `bailiwick serve`, and what every command that reads the configuration shares.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::arguments::{ConfigCommand, LogFormat, Options};
use super::audit::{self, AuditCommand};
use super::config::Looked;
use crate::app::{App, Seams, SetUpLink, StartError};
use crate::catalog::{self, Catalog};
use crate::clock::SystemClock;
use crate::config::{self, Inputs, Loaded, Log, Overrides};
use crate::random::OsRandom;

/// What was given besides the configuration file.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) options: Options,
    pub(super) environment: Vec<(OsString, OsString)>,
}

impl Given {
    /// Reads the configuration.
    pub(super) fn load(&self) -> anyhow::Result<Loaded> {
        let overrides = Overrides {
            address: self.options.address.map(|address| address.to_string()),
            port: self.options.port.map(|port| port.to_string()),
            log_level: self.options.log_level.clone(),
            log_format: self.options.log_format.map(|format| match format {
                LogFormat::Human => "human".to_owned(),
                LogFormat::Json => "json".to_owned(),
            }),
        };
        let inputs = Inputs {
            path: self.options.config.clone(),
            overrides,
            environment: self.environment.clone(),
            working_directory: std::env::current_dir().context("the working directory cannot be read")?,
        };
        config::read(inputs).map_err(anyhow::Error::from)
    }

    /// Reads the configuration and checks its declarations.
    pub(super) fn load_catalog(&self) -> anyhow::Result<(Loaded, Arc<Catalog>)> {
        let loaded = self.load()?;
        let catalog = catalog::build(&loaded).map_err(StartError::Catalog)?;
        Ok((loaded, Arc::new(catalog)))
    }
}

/// Problems, each on a line of its own.
pub(super) fn listed<T: std::fmt::Display>(problems: &[T]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.iter().flat_map(|line| ["\n  ", line]).collect()
}

/// The seams of production.
pub(super) fn seams() -> Seams {
    Seams { clock: Arc::new(SystemClock), random: Arc::new(OsRandom) }
}

/// Starts the log on standard error.
pub(super) fn log(settings: &Log) -> anyhow::Result<()> {
    // rmcp reports each client at INFO and each cancelled request at ERROR; neither is the operator's business.
    let quiet = ["rmcp=off", "notify=warn", "sqlx=warn", "hyper=warn", "h2=warn"];
    let mut filter = EnvFilter::try_new(&settings.level).with_context(|| {
        format!("`{}` is not a log filter; write a level such as info, or info,bailiwick=debug", settings.level)
    })?;
    for directive in quiet {
        if !settings.level.contains(directive.split('=').next().unwrap_or(directive)) {
            filter = filter.add_directive(directive.parse().context("a built-in log directive is wrong")?);
        }
    }
    let mut builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        builder = builder.with_ansi(false);
    }
    let started = match settings.format {
        config::LogFormat::Human => builder.with_target(false).try_init(),
        config::LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// Cancelled by SIGTERM or Ctrl-C; a second one ends the process at once, as it would without us.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Serves until told to stop.
pub(super) async fn run(mut given: Given) -> anyhow::Result<ExitCode> {
    let mut loaded = given.load()?;
    log(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let stop = CancellationToken::new();
    let signal = stop_signal()?;
    let listener = bind(&loaded).await?;
    let address = listener.local_addr()?;
    if loaded.settings.server.listen.port() == 0 {
        // The public URL names the port, so it is worked out once more when the port is known.
        given.options.port = Some(address.port());
        loaded = given.load()?;
    }
    let app = App::build(&loaded, seams(), None).await?;
    tracing::info!(%address, url = %format!("{}mcp", loaded.settings.server.public_url), "listening");
    if let Some(link) = app.set_up_link() {
        tell_of(link);
    }
    let serving = app.run(listener, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = signal => {
            tracing::info!("stopping: requests in flight may finish");
            stop.cancel();
            serving.await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the link that makes the first account: to whoever looks at this terminal, and not through the log, which goes
/// further and is kept.
fn tell_of(link: &SetUpLink) {
    let link = link.expose();
    let text = format!("There is no account yet. Make the first one here, within an hour:\n\n  {link}\n\n");
    if let Err(error) = std::io::stderr().lock().write_all(text.as_bytes()) {
        tracing::warn!(%error, "the link that makes the first account could not be printed; `bailiwick account create` makes one too");
    }
}

/// Listens on the configured address.
pub(super) async fn bind(loaded: &Loaded) -> anyhow::Result<TcpListener> {
    let address = loaded.settings.server.listen;
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}\nhint: choose another port with --port, or see what uses this one")
    })
}

/// `bailiwick config …`
pub(super) async fn config(command: &ConfigCommand, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Check { json, without_database } => {
            let (loaded, catalog) = given.load_catalog()?;
            let database = if *without_database { None } else { Looked::at(&loaded, &catalog).await };
            super::config::check(&loaded, &catalog, database.as_ref(), *json, out)?;
            if let Some(Looked { outcome: Err(refusal), .. }) = database {
                return Err(refusal.into());
            }
        }
        ConfigCommand::Defaults { presets } => {
            out.write_all(if *presets { config::PRESETS } else { config::DEFAULTS }.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `bailiwick audit …`
pub(super) async fn audit(command: AuditCommand, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let loaded = given.load()?;
    audit::run(command, &loaded.settings.audit, &SystemClock, out).await?;
    Ok(ExitCode::SUCCESS)
}
