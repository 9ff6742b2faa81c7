//! A server for the official conformance suite (`@modelcontextprotocol/conformance`): the demo, with the suite's fixtures
//! around it, behind the bearer layer like everything else. `tests/conformance/run.sh` starts it and the suite.
//!
//! Usage: `conformance DIRECTORY PORT PROXY_PORT`. The suite cannot send a token, so it speaks to a proxy that adds one; the
//! server's public origin is therefore the proxy's. The token stands in `DIRECTORY/token` once the server is ready.

#![expect(deprecated, reason = "the suite asks for what 2026-07-28 deprecates too")]

mod answers;
mod asking;
mod fixtures;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bailiwick::app::{App, Seams};
use bailiwick::clock::{Clock, SystemClock};
use bailiwick::config::{self, Inputs};
use bailiwick::demo;
use bailiwick::random::OsRandom;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use fixtures::Fixtures;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("the argument {what} is missing"));
    let directory = PathBuf::from(next("DIRECTORY")?);
    let port: u16 = next("PORT")?.parse().context("PORT is a number")?;
    let proxy: u16 = next("PROXY_PORT")?.parse().context("PROXY_PORT is a number")?;

    std::fs::create_dir_all(&directory)?;
    let prepared = demo::prepare(&directory, 100, port, Arc::new(OsRandom)).await?;
    let settings = std::fs::read_to_string(&prepared.settings)?;
    let public = format!("[server]\npublic_url = \"http://127.0.0.1:{proxy}\"\n");
    std::fs::write(&prepared.settings, settings.replacen("[server]\n", &public, 1))?;

    let inputs = Inputs { path: Some(prepared.settings.clone()), ..Inputs::default() };
    let loaded = config::read(inputs).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let seams = Seams { clock: Arc::clone(&clock), random: Arc::new(OsRandom) };
    let routes = demo::routes(Arc::clone(&prepared.issuer), Arc::clone(&clock));
    let app = App::build_around(&loaded, seams, Fixtures::around, Some(routes)).await?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let ada = demo::person("ada").context("the demo has Ada")?;
    let token = prepared.issuer.token(ada, clock.now(), Duration::from_hours(1))?;
    std::fs::write(directory.join("token"), token)?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let signal = async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopping.cancel();
        }
    };
    tokio::join!(app.run(listener, stop), signal);
    Ok(())
}
