//! What one authenticated, authorized, audited call costs, against rmcp's own bare echo in the same run.
//!
//! `cargo bench --bench spine` starts both servers as processes of their own and reads their CPU time from the kernel, so
//! that the client's work is not counted. The calls take turns, round after round, so that whatever else the machine does
//! falls on all of them; a ratio is the median of the rounds' ratios. Linux only, because of `/proc`.
//!
//! Words after `--` choose calls by the beginning of their names (`-- get` measures `get_documents` and the bare echo).
//! `BENCH_ROWS` sets the number of documents (default 1,000,000), `BENCH_CALLS` the number of calls per round (default
//! 4,000), `BENCH_ROUNDS` the number of rounds (default 5), `BENCH_AT_ONCE` how many calls are under way (default 64).

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time, and has no shutdown to wait for")]

use std::fs;
use std::net::TcpListener as Probe;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ServerCapabilities, ServerConfig};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

// The server's own, so that the two servers are compared and not two allocators.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// rmcp alone: no authentication, no policy, no database, no audit.
#[derive(Clone)]
struct Bare;

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = call.arguments.and_then(|mut arguments| arguments.remove("text")).unwrap_or_default();
        Ok(CallToolResult::structured(json!({ "text": text })).into())
    }
}

async fn serve_bare(port: u16) -> Result<(), Failure> {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service = StreamableHttpService::new(|| Ok(Bare), NeverSessionManager::default().into(), config);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        let service = hyper::service::service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, std::convert::Infallible>(service.handle(request).await) }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// A server process, ended with its guard.
struct Server {
    process: Child,
    base: String,
    started: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Server {
    async fn start(mut command: Command, port: u16, ready: &str) -> Result<Self, Failure> {
        let begun = Instant::now();
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut server = Self { process, base: format!("http://127.0.0.1:{port}"), started: Duration::ZERO };
        let client = reqwest::Client::builder().no_proxy().build()?;
        let address = format!("{}{ready}", server.base);
        while !client.get(&address).send().await.is_ok_and(|answer| answer.status() != 503) {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("a server ended before it was ready: {status}").into());
            }
            if begun.elapsed() > Duration::from_mins(10) {
                return Err("a server was not ready within ten minutes".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.started = begun.elapsed();
        Ok(server)
    }

    /// CPU time of the process's threads so far, user and system, in microseconds. No thread of a server ends while calls
    /// are measured. The time of the whole process is counted in ticks of 10 ms only.
    fn cpu_micros(&self) -> Result<f64, Failure> {
        let mut nanos = 0.0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let statistics = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanos += statistics.split_whitespace().next().ok_or("no schedstat")?.parse::<f64>()?;
        }
        Ok(nanos / 1_000.0)
    }

    /// Resident memory, in megabytes.
    fn memory_mb(&self) -> Result<f64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

/// A tool, where it is served and how it is called.
struct Call<'a> {
    name: &'static str,
    server: &'a Server,
    token: Option<&'a str>,
    tool: &'static str,
    arguments: Value,
}

/// What one round of calls came to: processor time and wall time per call, in microseconds.
#[derive(Clone, Copy)]
struct Round {
    cpu: f64,
    wall: f64,
}

impl Call<'_> {
    /// Calls many times, so many at once.
    async fn round(&self, calls: usize, at_once: usize) -> Result<Round, Failure> {
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(at_once).build()?;
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": self.tool, "arguments": self.arguments }
        });
        let body = bytes::Bytes::from(body.to_string());
        let url = format!("{}/mcp", self.server.base);
        let (client, body, url) = (&client, &body, url.as_str());
        let run = |count: usize| {
            let workers = (0..at_once).map(|_| async move {
                for _ in 0..count / at_once {
                    let mut request = client
                        .post(url)
                        .header("Content-Type", "application/json")
                        .header("Accept", "application/json, text/event-stream")
                        .body(body.clone());
                    if let Some(token) = self.token {
                        request = request.header("Authorization", format!("Bearer {token}"));
                    }
                    let answer = request.send().await?;
                    let (status, text) = (answer.status(), answer.text().await?);
                    if !status.is_success() || text.contains("\"isError\":true") || text.contains("\"error\"") {
                        return Err(Failure::from(format!("{} was answered {status}: {text}", self.name)));
                    }
                }
                Ok::<(), Failure>(())
            });
            futures_util::future::try_join_all(workers)
        };
        // Connections are opened and caches filled outside the figure.
        run(at_once.max(calls / 20)).await?;
        let (cpu, clock) = (self.server.cpu_micros()?, Instant::now());
        run(calls).await?;
        #[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
        let done = (calls / at_once * at_once) as f64;
        let wall = clock.elapsed().as_secs_f64() * 1e6 / done;
        Ok(Round { cpu: (self.server.cpu_micros()? - cpu) / done, wall })
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn free_port() -> Result<u16, Failure> {
    Ok(Probe::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn number(variable: &str, default: usize) -> usize {
    std::env::vars().find(|(name, _)| name == variable).and_then(|(_, value)| value.parse().ok()).unwrap_or(default)
}

#[expect(clippy::print_stdout, reason = "the table is the benchmark's result")]
async fn compare(chosen: &[String]) -> Result<(), Failure> {
    let (rows, calls) = (number("BENCH_ROWS", 1_000_000), number("BENCH_CALLS", 4_000));
    let (rounds, at_once) = (number("BENCH_ROUNDS", 5), number("BENCH_AT_ONCE", 64));
    let directory = tempfile::tempdir()?;

    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", &port.to_string()]);
    let bare = Server::start(command, port, "/mcp").await?;

    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(["demo", "--port", &port.to_string(), "--rows", &rows.to_string(), "--dir"]).arg(directory.path());
    let demo = Server::start(command, port, "/readyz").await?;
    let at_rest = demo.memory_mb()?;

    let (token, id) = caller(&demo).await?;
    let call = |tool, name, arguments| Call { name, server: &demo, token: Some(token.as_str()), tool, arguments };
    let echo = json!({ "text": "hello" });
    let baseline = Call { name: "rmcp bare echo", server: &bare, token: None, tool: "echo", arguments: echo.clone() };
    let mut compared = vec![
        call("echo", "echo", echo),
        call("get_documents", "get_documents", json!({ "id": id })),
        call("list_documents", "list_documents (50)", json!({ "limit": 50 })),
    ];
    compared.retain(|call| chosen.is_empty() || chosen.iter().any(|word| call.name.starts_with(word.as_str())));
    compared.insert(0, baseline);

    let mut measured = vec![Vec::with_capacity(rounds); compared.len()];
    for _ in 0..rounds {
        for (call, figures) in compared.iter().zip(&mut measured) {
            figures.push(call.round(calls, at_once).await?);
        }
    }
    println!("{rows} documents, {calls} calls x {rounds}, {at_once} at once; median of the rounds\n");
    println!("{:<28} {:>12} {:>12} {:>10} {:>12}", "call", "CPU us/call", "least", "calls/s", "ratio (CPU)");
    for (call, figures) in compared.iter().zip(&measured) {
        let of = |figure: fn(&Round) -> f64| figures.iter().map(figure).collect::<Vec<_>>();
        let least = of(|round| round.cpu).into_iter().fold(f64::INFINITY, f64::min);
        let ratio = figures.iter().zip(&measured[0]).map(|(round, bare)| round.cpu / bare.cpu).collect();
        let (cpu, rate) = (median(of(|round| round.cpu)), 1e6 / median(of(|round| round.wall)));
        println!("{:<28} {cpu:>12.1} {least:>12.1} {rate:>10.0} {:>12.2}", call.name, median(ratio));
    }
    println!("\nmemory at rest {at_rest:.1} MB, after the calls {:.1} MB", demo.memory_mb()?);

    let port = free_port()?;
    drop(demo);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(["serve", "--port", &port.to_string(), "--config"]).arg(directory.path().join("bailiwick.toml"));
    let serve = Server::start(command, port, "/readyz").await?;
    println!("ready with the issuer unreachable after {:.0} ms", serve.started.as_secs_f64() * 1_000.0);
    Ok(())
}

/// The token of a person, and the id of a document that the person may read.
async fn caller(demo: &Server) -> Result<(String, String), Failure> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("{}/dev/token?person=ada", demo.base)).send().await?.text().await?;
    let token: Value = serde_json::from_str(&answer)?;
    let token = token["access_token"].as_str().ok_or("no token")?;
    let page = json!({ "limit": 1 });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "list_documents", "arguments": page } });
    let request = client.post(format!("{}/mcp", demo.base)).header("Content-Type", "application/json");
    let answer =
        request.header("Authorization", format!("Bearer {token}")).body(list.to_string()).send().await?.text().await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let id = answer["result"]["structuredContent"]["rows"][0]["id"].as_str().ok_or("no document")?;
    Ok((token.to_owned(), id.to_owned()))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [mode, port] if mode == "bare" => serve_bare(port.parse()?).await,
        // Cargo itself passes `--bench`.
        words => compare(&words.iter().filter(|word| !word.starts_with('-')).cloned().collect::<Vec<_>>()).await,
    }
}
