//! What a page of fifty documents costs among a million, for each shape that a row filter takes.
//!
//! `cargo bench --bench scopes`. The whole way of a read is measured, policy to rows, without a token and the audit; wall
//! time, one page after the other, and the mean of CPU time. Arguments choose shapes by a part of their name; `--plans`
//! prints SQLite's plans. Ends with an error if SQLite answers any of them by reading a table from end to end.
//! `BENCH_ROWS` sets the number of documents. Ten tenants have a thousand rooms each; those with odd numbers are *quiet*:
//! all of their documents are older than nine tenths of the others'.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bailiwick::catalog::{self, Catalog, Operation};
use bailiwick::config::{self, Inputs};
use bailiwick::dataset::{self, Bind, CursorKey, Database, Face, Pager, Schema, Statement};
use bailiwick::model::{Attributes, Context, Name, Number, Requester, Value};
use bailiwick::policy::{Permission, Policies, RowFilter, RowRule, Snapshot};
use bailiwick::random::OsRandom;
use serde_json::{Map, Value as Json, json};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROWS: u64 = 1_000_000;
/// How many pages each figure is of.
const PAGES: u16 = 200;

const SETTINGS: &str = r#"
[database]
url = "sqlite:company.db"
[policy]
directory = "policies"
[claims]
clearance = "number"
[[issuer]]
name = "bench"
preset = "zitadel"
issuer = "http://127.0.0.1:8080/issuer"
jwks_url = "http://127.0.0.1:8080/issuer/keys"
audience = ["1"]
clients = ["1"]
users = true
[issuer.claims]
external_user = ["external_user_id"]
[[tenant]]
name = "t1"
issuer = "bench"
organisations = ["1"]

[[dataset]]
name = "documents"
description = "Documents"
key = "id"
tenant = { column = "tenant_id" }
data_room = "data_room_id"
order = ["-updated_at"]
[dataset.columns]
id = { type = "id" }
tenant_id = { type = "text", expose = false }
data_room_id = { type = "id" }
owner_id = { type = "id" }
title = { type = "text" }
body = { type = "text", list = false }
classification = { type = "text", values = ["public", "internal", "secret"] }
updated_at = { type = "time", stored = "text" }

[[dataset]]
name = "projects"
description = "Projects"
key = "id"
tenant = { column = "tenant_id" }
data_room = "none"
[dataset.columns]
id = { type = "id" }
tenant_id = { type = "text", expose = false }
owner_id = { type = "id" }

[[dataset]]
name = "rooms"
description = "The data rooms of projects"
key = "id"
tenant = { column = "tenant_id" }
data_room = "id"
within = { dataset = "projects", by = { project_id = "id" } }
[dataset.columns]
id = { type = "id" }
tenant_id = { type = "text", expose = false }
project_id = { type = "id" }

[[dataset]]
name = "filed"
table = "documents"
description = "Documents that are seen by whoever sees their room, which is seen by whoever sees its project"
key = "id"
tenant = { column = "tenant_id" }
data_room = "data_room_id"
within = { dataset = "rooms", by = { data_room_id = "id" } }
order = ["-updated_at"]
[dataset.columns]
id = { type = "id" }
tenant_id = { type = "text", expose = false }
data_room_id = { type = "id" }
owner_id = { type = "id" }
title = { type = "text" }
body = { type = "text", list = false }
classification = { type = "text", values = ["public", "internal", "secret"] }
updated_at = { type = "time", stored = "text" }
"#;

const TABLES: &str = "
CREATE TABLE projects (id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, owner_id TEXT NOT NULL);
CREATE TABLE rooms (id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, project_id TEXT NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, data_room_id TEXT NOT NULL, owner_id TEXT NOT NULL,
    title TEXT NOT NULL, body TEXT NOT NULL, classification TEXT NOT NULL, updated_at TEXT NOT NULL);
";

const INDEXES: &str = "
CREATE INDEX projects_by_tenant ON projects (tenant_id, id);
CREATE INDEX rooms_by_tenant ON rooms (tenant_id, id);
CREATE INDEX documents_by_room ON documents (tenant_id, data_room_id, updated_at DESC, id DESC, classification);
CREATE INDEX documents_by_owner ON documents (tenant_id, owner_id, updated_at DESC, id DESC);
CREATE INDEX documents_by_time
    ON documents (tenant_id, updated_at DESC, id DESC, data_room_id, owner_id, classification);
PRAGMA analysis_limit = 1000;
ANALYZE;
";

/// Who asks, in which rooms they are, and which of the lines are for them.
struct Shape {
    name: &'static str,
    roles: &'static [&'static str],
    /// The first room and how many, in steps of two.
    rooms: (usize, usize),
    dataset: &'static str,
}

const fn shape(name: &'static str, roles: &'static [&'static str], rooms: (usize, usize)) -> Shape {
    Shape { name, roles, rooms, dataset: "documents" }
}

const SHAPES: [Shape; 18] = [
    shape("everything", &["auditor"], (0, 0)),
    shape("one room", &["member"], (2, 1)),
    shape("4 rooms", &["member"], (2, 4)),
    shape("4 quiet rooms", &["member"], (3, 4)),
    shape("50 rooms", &["member"], (2, 50)),
    shape("50 quiet rooms", &["member"], (3, 50)),
    shape("499 rooms", &["member"], (2, 499)),
    shape("499 quiet rooms", &["member"], (3, 499)),
    shape("own rows", &["writer"], (0, 0)),
    shape("own rows or one room", &["writer", "member"], (2, 1)),
    shape("own rows or 4 rooms", &["writer", "member"], (2, 4)),
    shape("own rows or 499 quiet rooms", &["writer", "member"], (3, 499)),
    shape("everything but secrets", &["auditor", "guarded"], (0, 0)),
    shape("4 rooms but secrets", &["member", "guarded"], (2, 4)),
    shape("499 quiet rooms but secrets", &["member", "guarded"], (3, 499)),
    shape("own or 4 rooms but secrets", &["writer", "member", "guarded"], (2, 4)),
    Shape { name: "within two levels, 50 rooms", roles: &["lead"], rooms: (0, 0), dataset: "filed" },
    Shape { name: "within two levels, 1000 rooms", roles: &["lead", "director"], rooms: (0, 0), dataset: "filed" },
];

fn policy() -> String {
    let mut text = String::from(
        r#"p, role:auditor, t1, dataset:documents, read, true, allow
p, role:member, t1, dataset:documents, read, r.obj.data_room_id in r.sub.rooms, allow
p, role:writer, t1, dataset:documents, read, r.obj.owner_id == r.sub.external_id, allow
p, role:guarded, t1, dataset:documents, read, r.obj.classification == "secret" && r.sub.clearance < 3, deny
p, role:lead, t1, dataset:projects, read, r.obj.owner_id == r.sub.external_id, allow
p, role:director, t1, dataset:projects, read, true, allow
p, role:lead, t1, dataset:rooms, read, true, allow
p, role:lead, t1, dataset:filed, read, true, allow
"#,
    );
    for (number, shape) in SHAPES.iter().enumerate() {
        for role in shape.roles {
            writeln!(text, "g, user:u{number}, role:{role}, t1").unwrap_or_default();
        }
        for room in (0..shape.rooms.1).map(|room| shape.rooms.0 + 2 * room) {
            writeln!(text, "g, user:u{number}, room:t1r{room}, t1").unwrap_or_default();
        }
    }
    text
}

fn somebody(number: usize) -> Result<Requester, Failure> {
    Ok(Requester {
        tenant: "t1".parse()?,
        names: ["*".into(), "verified".into(), format!("user:u{number}").into()].into(),
        attributes: Attributes {
            external_id: Some("p7".parse()?),
            claims: [("clearance".parse()?, Value::Number(Number::Integer(2)))].into(),
            ..Attributes::default()
        },
        context: Context::default(),
    })
}

async fn company(file: &Path, rows: u64) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).disable_statement_logging();
    let mut connection = options.pragma("synchronous", "OFF").connect().await?;
    sqlx::raw_sql(TABLES).execute(&mut connection).await?;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ";
    let inserts = [
        format!(
            "{numbers} 200) INSERT INTO projects SELECT 't' || (i % 10) || 'j' || (i / 10), 't' || (i % 10), 'p' || (i / 10) FROM n"
        ),
        format!(
            "{numbers} 10000) INSERT INTO rooms SELECT 't' || (i % 10) || 'r' || (i / 10), 't' || (i % 10), 't' || (i % 10) || 'j' || (i / 500) FROM n"
        ),
        // The room and the writer of a document have nothing to do with each other, nor with its class.
        format!(
            "{numbers} {rows}), d (i, j) AS (SELECT i, i / 10 FROM n)
             INSERT INTO documents SELECT i + 1, 't' || (i % 10), 't' || (i % 10) || 'r' || (617 * j % 1000),
                'p' || ((31 * j + 17 * (j / 1000)) % 1000), 'Document ' || i, 'It says ' || hex(zeroblob(100)),
                CASE (j + j / 1000) % 4 WHEN 0 THEN 'secret' WHEN 1 THEN 'public' ELSE 'internal' END,
                strftime('%Y-%m-%dT%H:%M:%SZ', 1600000000 + 60 * CASE j % 2 WHEN 0 THEN i ELSE i / 10 END, 'unixepoch')
             FROM d"
        ),
    ];
    for statement in inserts {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    sqlx::raw_sql(INDEXES).execute(&mut connection).await?;
    Ok(connection)
}

/// The steps of SQLite's plan; an error where one of them reads a table from end to end.
async fn plan(connection: &mut SqliteConnection, statement: &Statement) -> Result<Vec<String>, Failure> {
    let (text, binds) = statement.parts();
    let mut arguments = SqliteArguments::default();
    for bind in binds {
        match bind {
            Bind::Text(text) => arguments.add(&**text),
            Bind::Integer(integer) => arguments.add(*integer),
            Bind::Real(real) => arguments.add(*real),
            Bind::Bytes(bytes) => arguments.add(bytes.clone()),
        }?;
    }
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
    let rows = sqlx::query_with(explain, arguments).fetch_all(connection).await?;
    let steps: Vec<String> = rows.iter().map(|row| row.try_get("detail")).collect::<Result<_, _>>()?;
    let tables = |step: &&String| ["SCAN t", "SCAN within"].iter().any(|scan| step.starts_with(scan));
    match steps.iter().find(tables) {
        Some(step) => Err(format!("the plan has `{step}`, which reads a table from end to end:\n{text}").into()),
        None => Ok(steps),
    }
}

/// CPU time of this process so far, SQLite's threads included; the kernel counts it in hundredths of a second.
fn cpu_millis() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) * 10.0)
}

/// What a page took, in milliseconds.
#[derive(Default)]
struct Times {
    first: f64,
    least: f64,
    median: f64,
    /// The 99th percentile.
    late: f64,
    /// The mean of CPU time.
    cpu: f64,
}

struct World<'a> {
    policy: &'a Snapshot,
    catalog: &'a Catalog,
    schema: &'a Schema,
    database: &'a Database,
    key: &'a CursorKey,
}

impl World<'_> {
    fn seen(&self, requester: &Requester, dataset: &Name) -> Result<(Arc<RowFilter>, Face), Failure> {
        let rows = self.policy.rows(requester, dataset, Permission::Read);
        match rows.rule {
            RowRule::Filter(filter) => {
                Ok((filter, Face::new(Arc::clone(&self.catalog.datasets[dataset]), rows.columns)))
            }
            RowRule::Nothing => Err(format!("nobody reads {dataset}").into()),
        }
    }

    async fn page(
        &self,
        requester: &Requester,
        dataset: &Name,
        arguments: &Json,
    ) -> Result<Map<String, Json>, Failure> {
        let (filter, face) = self.seen(requester, dataset)?;
        let arguments = arguments.as_object().ok_or("no object")?;
        let request = dataset::arguments::parse(face, Operation::List, arguments)?;
        let pager = self.pager(requester);
        let rows = dataset::preview::preview(self.database, self.schema, request, &filter, &pager).await?;
        Ok(rows.structured(&pager)?.ok_or("no answer")?)
    }

    fn pager<'b>(&'b self, requester: &'b Requester) -> Pager<'b> {
        Pager { key: self.key, random: &OsRandom, principal: "bench", tenant: &requester.tenant }
    }

    /// The times of a page, and the page.
    async fn time(
        &self,
        requester: &Requester,
        dataset: &Name,
        arguments: &Json,
    ) -> Result<(Times, Map<String, Json>), Failure> {
        let mut times = Vec::with_capacity(PAGES.into());
        let mut answer = Map::new();
        let cpu = cpu_millis()?;
        for _ in 0..PAGES {
            let begun = Instant::now();
            answer = self.page(requester, dataset, arguments).await?;
            times.push(begun.elapsed());
        }
        let cpu = (cpu_millis()? - cpu) / f64::from(PAGES);
        let first = times.first().copied();
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 100).copied();
        let [first, least, median, late] =
            [first, at(0), at(50), at(99)].map(|time| time.map_or(0.0, |time| time.as_secs_f64() * 1e3));
        Ok((Times { first, least, median, late, cpu }, answer))
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is the benchmark's result")]
async fn main() -> Result<(), Failure> {
    let rows = std::env::vars().find(|(name, _)| name == "BENCH_ROWS").map_or(Ok(ROWS), |(_, n)| n.parse())?;
    let verbose = std::env::args().any(|argument| argument == "--plans");
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let directory = tempfile::tempdir()?;
    let policies = directory.path().join("policies");
    fs::create_dir(&policies)?;
    fs::write(policies.join("model.conf"), include_str!("../policies/model.conf"))?;
    fs::write(policies.join("policy.csv"), policy())?;
    let path = directory.path().join("bailiwick.toml");
    fs::write(&path, SETTINGS)?;
    let mut connection = company(&directory.path().join("company.db"), rows).await?;
    let loaded = config::read(Inputs { path: Some(path), ..Inputs::default() })?;
    let catalog = Arc::new(catalog::build(&loaded).map_err(|errors| format!("{errors:?}"))?);
    let policies = Policies::load(policies, Arc::clone(&catalog))?;
    let policy = policies.current();
    let database = Database::open(loaded.settings.database.as_ref().ok_or("no database")?).await?;
    let (schema, warnings) =
        dataset::check::check(&catalog, &database).await.map_err(|errors| format!("{errors:?}"))?;
    for warning in warnings {
        println!("{warning}");
    }
    let key = CursorKey::generate(&OsRandom)?;
    let world = World { policy: &policy, catalog: &catalog, schema: &schema, database: &database, key: &key };

    println!(
        "{:<30} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "ms for a page of 50", "first", "least", "median", "p99", "CPU", "next", "median", "p99", "CPU"
    );
    let chosen = |shape: &Shape| only.is_empty() || only.iter().any(|name| shape.name.contains(name));
    for (number, shape) in SHAPES.iter().enumerate().filter(|(_, shape)| chosen(shape)) {
        let (requester, dataset): (Requester, Name) = (somebody(number)?, shape.dataset.parse()?);
        let arguments = json!({ "limit": 50 });
        let (filter, face) = world.seen(&requester, &dataset)?;
        let object = arguments.as_object().ok_or("no object")?;
        let request = dataset::arguments::parse(face, Operation::List, object)?;
        let statement = dataset::preview::statement(&schema, request, &filter, &world.pager(&requester))?;
        let steps = plan(&mut connection, &statement).await?;
        let (Times { first, least, median, late, cpu }, answer) = world.time(&requester, &dataset, &arguments).await?;
        let given = answer.get("rows").and_then(Json::as_array).map_or(0, Vec::len);
        let next = match answer.get("next_cursor") {
            Some(Json::String(cursor)) => {
                world.time(&requester, &dataset, &json!({ "limit": 50, "cursor": cursor })).await?.0
            }
            Some(_) | None => Times::default(),
        };
        println!(
            "{:<30} {first:>8.2} {least:>8.2} {median:>8.2} {late:>8.2} {cpu:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2}",
            shape.name, next.least, next.median, next.late, next.cpu
        );
        if verbose {
            println!("  {}", steps.join("\n  "));
        }
        if given != 50 {
            return Err(format!("{}: {given} rows, not the page that is meant", shape.name).into());
        }
    }
    connection.close().await?;
    Ok(())
}
