//! `bailiwick demo`: everything on sample data, on one loopback port.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::arguments::Demo;
use super::serve::{self, Given};
use crate::app::App;
use crate::demo::{self, Prepared};

const PORT: u16 = 8080;

/// Serves the demo until told to stop.
pub(super) async fn run(command: Demo, mut given: Given) -> anyhow::Result<ExitCode> {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if let Some(other) = given.options.address.filter(|other| *other != address) {
        bail!(
            "the demo signs tokens for anyone who asks, so it listens on {address} only, not on {other}\n\
             hint: leave --address out"
        );
    }
    if given.options.config.is_some() {
        bail!("the demo brings its own configuration\nhint: `bailiwick serve --config …` serves yours");
    }
    let stop = CancellationToken::new();
    let signal = serve::stop_signal()?;
    let port = given.options.port.unwrap_or(PORT);
    let listener = TcpListener::bind((address, port))
        .await
        .with_context(|| format!("cannot listen on {address}:{port}\nhint: --port 0 takes a free port"))?;
    let port = listener.local_addr()?.port();

    // Removed when it goes out of scope, after the server has ended.
    let temporary;
    let directory: PathBuf = if let Some(directory) = command.dir {
        directory
    } else {
        temporary = tempfile::Builder::new().prefix("bailiwick-demo-").tempdir().context("no temporary directory")?;
        temporary.path().to_owned()
    };
    let seams = serve::seams();
    let rows = command.rows.unwrap_or(demo::DEFAULT_ROWS);
    let prepared = demo::prepare(&directory, rows, port, Arc::clone(&seams.random)).await?;
    let password = demo::open_accounts(&prepared, &seams.random, seams.clock.now()).await?;
    given.options.config = Some(prepared.settings.clone());
    given.options.port = Some(port);
    // The settings are the demo's own; what the environment says is for a server of one's own.
    given.environment.retain(|(name, _)| name.to_string_lossy().starts_with("BAILIWICK_LOG"));
    let loaded = given.load()?;
    serve::log(&loaded.settings.log)?;
    if prepared.is_kept && command.rows.is_some() {
        let database = prepared.database.display();
        tracing::warn!(%database, "this database was there and is kept as it is: `--rows` is for a new one");
    }
    let more = demo::routes(Arc::clone(&prepared.issuer), Arc::clone(&seams.clock));
    let app = App::build(&loaded, seams, Some(more)).await?;
    say(&prepared, &password, port)?;

    let serving = app.run(listener, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = signal => {
            stop.cancel();
            serving.await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what can be pasted.
fn say(prepared: &Prepared, password: &str, port: u16) -> anyhow::Result<()> {
    let base = format!("http://127.0.0.1:{port}");
    let policy = prepared.policy.display();
    let mut out = std::io::stdout().lock();
    write!(
        out,
        r#"
Bailiwick demo: two companies, five people, one port. Everything is in {directory}.

  MCP          {base}/mcp
  people       {base}/dev/people
  a token      {base}/dev/token?person=ada
  the policy   {policy}

Paste this into another terminal. Ada and Bob call the same tool, each with their own token, and get different rows:

  token() {{ curl -fsS "{base}/dev/token?person=$1" | sed 's/.*"access_token":"\([^"]*\)".*/\1/'; }}
  call() {{ curl -s {base}/mcp -H "Authorization: Bearer $(token $1)" -H 'Content-Type: application/json' \
    -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"count_documents","arguments":{{}}}}}}'; echo; }}
  call ada; call bob

Eve sees fewer tools:

  tools() {{ curl -s {base}/mcp -H "Authorization: Bearer $(token $1)" -H 'Content-Type: application/json' \
    -d '{{"jsonrpc":"2.0","id":1,"method":"tools/list"}}' | grep -o '"name":"[a-z_]*"' | cut -d'"' -f4 | xargs; }}
  tools ada; tools eve

One edited line gives Bob the finance room, within a second and without a restart:

  sed -i.bak 's/^# g, user:bob/g, user:bob/' {policy}; sleep 1; call bob

The same people can sign in. Give {base}/mcp to Claude, VS Code or the MCP Inspector; it opens the browser, where
each of them has the password

  {password}
  ada@acme.example  bob@acme.example  carol@acme.example  eve@acme.example  dave@globex.example

On this terminal, `bailiwick connect {base}/mcp` goes the same way, and lists the tools that there are for whoever signs in.

Ctrl-C ends it.
"#,
        directory = prepared.directory.display(),
    )?;
    out.flush()?;
    Ok(())
}
