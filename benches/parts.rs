//! What the parts of one call cost, each alone in this process: token, decision, scope, query, audit.
//!
//! `cargo bench --bench parts`. Wall time per operation, median of five rounds; one operation at a time, except where the
//! row says otherwise. `BENCH_ROWS` sets the number of documents (default 100,000).

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time, and has no shutdown to wait for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailiwick::app::{self, App, Seams};
use bailiwick::authn::Authenticator;
use bailiwick::catalog::{self, Operation};
use bailiwick::clock::{Clock, SystemClock};
use bailiwick::config::{self, Inputs};
use bailiwick::dataset::{self, CursorKey, Database, Face, Pager};
use bailiwick::demo;
use bailiwick::model::{Name, Requester};
use bailiwick::policy::{Object, Permission, Policies, RowRule};
use bailiwick::random::OsRandom;
use bailiwick::store::audit::{AuditLog, Holder, Record};
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 5;

/// The median time of one operation.
#[expect(clippy::print_stdout, reason = "the table is the benchmark's result")]
async fn time(
    name: &str,
    count: u32,
    mut operation: impl AsyncFnMut(u32) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let begun = Instant::now();
        for index in 0..count {
            operation(u32::try_from(round)? * count + index).await?;
        }
        rounds.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(count));
    }
    rounds.sort_by(f64::total_cmp);
    println!("{name:<44} {:>10.2}", rounds[ROUNDS / 2]);
    Ok(())
}

fn bearer(token: &str) -> Result<HeaderMap, Failure> {
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?)]))
}

/// Somebody whom the policy has not answered yet.
fn stranger(known: &Requester, index: u32) -> Result<Requester, Failure> {
    let mut requester = known.clone();
    requester.attributes.external_id = Some(format!("stranger-{index}@acme.example").parse()?);
    Ok(requester)
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is the benchmark's result")]
#[expect(clippy::too_many_lines, reason = "one part after the other")]
async fn main() -> Result<(), Failure> {
    let rows = std::env::vars().find(|(name, _)| name == "BENCH_ROWS").map_or(Ok(100_000), |(_, n)| n.parse())?;
    let directory = tempfile::tempdir()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let prepared = demo::prepare(directory.path(), rows, port, Arc::new(OsRandom)).await?;
    let loaded = config::read(Inputs { path: Some(prepared.settings.clone()), ..Inputs::default() })?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let seams = Seams { clock: Arc::clone(&clock), random: Arc::new(OsRandom) };
    let routes = demo::routes(Arc::clone(&prepared.issuer), Arc::clone(&clock));
    let server = App::build(&loaded, seams, Some(routes)).await?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.run(listener, stop.clone()));

    let catalog = Arc::new(catalog::build(&loaded).map_err(|errors| format!("{errors:?}"))?);
    let issuers = app::trusted(&loaded.settings, &clock)?;
    let context = loaded.settings.context.clone();
    let authenticator = Authenticator::new(issuers, Arc::clone(&catalog), context, Arc::clone(&clock));
    let ada = demo::person("ada").ok_or("no ada")?;
    let token = || prepared.issuer.token(ada, clock.now(), Duration::from_mins(10));
    println!("{:<44} {:>10}", "part", "us");

    let headers = bearer(&token()?)?;
    let requester = authenticator.authenticate(&headers).await?.requester().clone();
    time("token, signature known", 20_000, async |_| {
        black_box(authenticator.authenticate(&headers).await?);
        Ok(())
    })
    .await?;
    let fresh = (0..2_000).map(|_| bearer(&token()?)).collect::<Result<Vec<_>, Failure>>()?;
    time("token, new (Ed25519)", 400, async |index| {
        black_box(authenticator.authenticate(&fresh[usize::try_from(index)?]).await?);
        Ok(())
    })
    .await?;

    let policies = Policies::load(&loaded.settings.policy.directory, Arc::clone(&catalog))?;
    let policy = policies.current();
    let (echo, documents): (Name, Name) = ("echo".parse()?, "documents".parse()?);
    let tool = Object::Tool(echo);
    time("decision, known", 20_000, async |_| {
        black_box(policy.decide(&requester, &tool, Permission::Call));
        Ok(())
    })
    .await?;
    time("decision, new requester", 1_000, async |index| {
        black_box(policy.decide(&stranger(&requester, index)?, &tool, Permission::Call));
        Ok(())
    })
    .await?;
    time("scope, known", 20_000, async |_| {
        black_box(policy.rows(&requester, &documents, Permission::Read));
        Ok(())
    })
    .await?;
    time("scope, new requester", 1_000, async |index| {
        black_box(policy.rows(&stranger(&requester, index)?, &documents, Permission::Read));
        Ok(())
    })
    .await?;

    let settings = loaded.settings.database.as_ref().ok_or("no database")?;
    let database = Database::open(settings).await?;
    let (schema, _) = dataset::check::check(&catalog, &database).await.map_err(|errors| format!("{errors:?}"))?;
    let RowRule::Filter(filter) = policy.rows(&requester, &documents, Permission::Read).rule else {
        return Err("ada reads nothing".into());
    };
    let key = CursorKey::generate(&OsRandom)?;
    let pager = Pager { key: &key, random: &OsRandom, principal: "bench", tenant: &requester.tenant };
    let face = Face::declared(&catalog.datasets[&documents]);
    for (name, operation, arguments) in [
        ("query, get", Operation::Get, json!({ "id": "1" })),
        ("query, list 50", Operation::List, json!({ "limit": 50 })),
    ] {
        let arguments = arguments.as_object().ok_or("no object")?;
        time(name, 500, async |_| {
            let request = dataset::arguments::parse(face.clone(), operation, arguments)?;
            let rows = dataset::preview::preview(&database, &schema, request, &filter, &pager).await?;
            {
                black_box(rows.structured(&pager)?);
                Ok(())
            }
        })
        .await?;
    }

    let file = directory.path().join("bench-audit.db");
    let get = json!({ "id": "1" });
    time("query, get, without the database", 5_000, async |_| {
        let request = dataset::arguments::parse(face.clone(), Operation::Get, get.as_object().ok_or("no object")?)?;
        {
            black_box(dataset::preview::statement(&schema, request, &filter, &pager)?);
            Ok(())
        }
    })
    .await?;

    let settings = config::Audit { path: file, ..loaded.settings.audit.clone() };
    let (audit, writer) = AuditLog::open(&settings, Arc::clone(&clock)).await?;
    let written = tokio::spawn(writer.run(stop.clone()));
    let principal = authenticator.authenticate(&headers).await?;
    let record = || Record::open(clock.now(), (String::new(), "bench"), principal.requester(), principal.proof());
    time("audit, one at a time", 500, async |_| {
        audit.reserve(Holder::Ourselves)?.record(Box::new(record())).await?;
        Ok(())
    })
    .await?;
    time("audit, 64 at once (all of them)", 50, async |_| {
        let places = (0..64).map(|_| audit.reserve(Holder::Ourselves)).collect::<Result<Vec<_>, _>>()?;
        futures_util::future::try_join_all(places.into_iter().map(|place| place.record(Box::new(record())))).await?;
        Ok(())
    })
    .await?;
    stop.cancel();
    drop(audit);
    running.await?;
    written.await?;
    Ok(())
}
