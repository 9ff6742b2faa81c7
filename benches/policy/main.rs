//! What a policy costs as it grows: to load, to keep, to ask, to replace; against a plain casbin enforcer over the same lines.
//!
//! `cargo bench --bench policy` measures every sample in a process of its own, so that memory is that of one policy.
//! `cargo bench --bench policy -- tools 100000 1000` measures one. Wall time; medians, and 99th percentiles where it says p99.
//! Linux only, because of `/proc`.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time, and has no shutdown to wait for")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bailiwick::catalog::{self, Catalog};
use bailiwick::config::{self, Inputs};
use bailiwick::model::{Name, Requester, Timestamp};
use bailiwick::policy::{self, Object, Permission, Policies, RowRule};
use casbin::{CoreApi as _, DefaultModel, Model as _, NullAdapter};

use self::sample::Mixture;

mod sample;

/// The server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the lines are about, how many there are, and of how many tenants.
const SAMPLES: [(Mixture, usize, usize); 14] = [
    (Mixture::All, 10, 1),
    (Mixture::All, 1_000, 1),
    (Mixture::All, 1_000, 30),
    (Mixture::All, 100_000, 1),
    (Mixture::All, 100_000, 30),
    (Mixture::All, 100_000, 1_000),
    (Mixture::Tools, 100_000, 1),
    (Mixture::Tools, 100_000, 1_000),
    (Mixture::Rows, 100_000, 1),
    (Mixture::Rows, 100_000, 1_000),
    (Mixture::Grants, 100_000, 1),
    (Mixture::Grants, 100_000, 1_000),
    (Mixture::People, 100_000, 1),
    (Mixture::People, 100_000, 1_000),
];
/// How many answers each figure is of.
const ASKED: usize = 2_000;
/// How many askers there are while the policy is replaced.
const ASKERS: usize = 2;

const HEADINGS: [[&str; 18]; 2] = [
    [
        "", "", "", "load", "CPU", "reload", "CPU", "look", "slowest", "kept", "peak", "decision", "cold", "p99",
        "scope", "cold", "p99", "casbin",
    ],
    [
        "about", "lines", "tenants", "ms", "ms", "ms", "ms", "ms", "ms", "MB", "MB", "us", "us", "us", "us", "us",
        "us", "us",
    ],
];
const WIDTHS: [usize; 18] = [6, 7, 7, 6, 6, 6, 6, 6, 8, 7, 7, 9, 7, 7, 7, 7, 7, 9];

/// The linear way to ask casbin about the same lines, its cheapest conditions first.
const PLAIN: &str = r#"[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, cond, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.dom == "*" || p.dom == r.dom) && (p.act == "*" || p.act == r.act) && keyMatch(r.obj, p.obj) && g(r.sub, p.sub, r.dom)
"#;

/// CPU time of this thread so far; the kernel counts it in hundredths of a second.
fn cpu_millis() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/thread-self/stat")?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) * 10.0)
}

/// A figure from the process's own account of its memory, in megabytes.
fn memory(figure: &str) -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).ok_or("no such figure")?;
    Ok(line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>()? / 1_024.0)
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// The median and the 99th percentile of some times, in microseconds.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    (at(50), at(99))
}

/// Asks once for each requester, each time for the first time.
fn cold(requesters: &[Requester], mut ask: impl FnMut(&Requester)) -> (f64, f64) {
    let times = requesters.iter().map(|requester| {
        let begun = Instant::now();
        ask(requester);
        begun.elapsed()
    });
    spread(times.collect())
}

/// Asks for the same requesters again and again: the median of rounds, for one answer.
fn warm(requesters: &[Requester], mut ask: impl FnMut(&Requester)) -> f64 {
    let known = &requesters[..requesters.len().min(100)];
    known.iter().for_each(&mut ask);
    let rounds = (0..ASKED / 10).map(|_| {
        let begun = Instant::now();
        known.iter().for_each(&mut ask);
        begun.elapsed() / u32::try_from(known.len()).unwrap_or(1)
    });
    spread(rounds.collect()).0
}

/// A plain casbin enforcer's answer to the same questions, in microseconds.
async fn plain(text: &str, requesters: &[Requester]) -> Result<f64, Failure> {
    let mut model = DefaultModel::from_str(PLAIN).await?;
    for line in text.lines() {
        let mut fields = line.split(',').map(|field| field.trim().to_owned());
        let section = fields.next().ok_or("an empty line")?;
        model.add_policy(&section, &section, fields.collect());
    }
    let mut enforcer = casbin::Enforcer::new_raw(model, NullAdapter).await?;
    enforcer.build_role_links()?;
    let begun = Instant::now();
    let mut times = Vec::new();
    for requester in requesters.iter().cycle() {
        let user = requester.names.iter().find(|name| name.starts_with("user:")).ok_or("nobody")?;
        let asked = Instant::now();
        black_box(enforcer.enforce((&**user, requester.tenant.as_str(), "tool:echo", "call"))?);
        times.push(asked.elapsed());
        if begun.elapsed() > Duration::from_secs(2) || times.len() > ASKED {
            break;
        }
    }
    Ok(spread(times).0)
}

/// What goes on while a policy is replaced.
struct Replaced {
    reload: f64,
    cpu: f64,
    slowest: f64,
}

/// Replaces the policy while others ask, and says how long that took and how long one of them had to wait.
fn replace(policies: &Arc<Policies>, file: &Path, requesters: &[Requester]) -> Result<Replaced, Failure> {
    let (tool, documents): (Name, Name) = ("echo".parse()?, "documents".parse()?);
    let tool = Object::Tool(tool);
    let over = AtomicBool::new(false);
    let mut text = fs::read_to_string(file)?;
    text.push_str("p, verified, *, resource:static://welcome, read, true, allow\n");
    fs::write(file, text)?;
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..ASKERS)
            .map(|_| {
                let (over, tool, documents) = (&over, &tool, &documents);
                scope.spawn(move || {
                    let mut slowest = Duration::ZERO;
                    for requester in requesters.iter().cycle() {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let begun = Instant::now();
                        let policy = policies.current();
                        black_box(policy.decide(requester, tool, Permission::Call));
                        black_box(policy.rows(requester, documents, Permission::Read));
                        drop(policy);
                        slowest = slowest.max(begun.elapsed());
                        std::thread::sleep(Duration::from_micros(200));
                    }
                    slowest
                })
            })
            .collect();
        let (begun, cpu) = (Instant::now(), cpu_millis()?);
        let reloaded = policies.reload(Timestamp::from_secs(0));
        let (reload, cpu) = (millis(begun), cpu_millis()? - cpu);
        std::thread::sleep(Duration::from_millis(50));
        over.store(true, Ordering::Relaxed);
        let mut slowest = Duration::ZERO;
        for asker in askers {
            slowest = slowest.max(asker.join().map_err(|_| "an asker panicked")?);
        }
        if !reloaded?.is_change() {
            return Err("the reload changed nothing".into());
        }
        Ok(Replaced { reload, cpu, slowest: slowest.as_secs_f64() * 1e3 })
    })
}

fn catalog(directory: &Path, tenants: usize) -> Result<Arc<Catalog>, Failure> {
    let path = directory.join("bailiwick.toml");
    fs::write(&path, sample::settings(tenants))?;
    let loaded = config::read(Inputs { path: Some(path), ..Inputs::default() })?;
    Ok(Arc::new(catalog::build(&loaded).map_err(|errors| format!("{errors:?}"))?))
}

/// Measures one sample and prints its row.
#[expect(clippy::print_stdout, reason = "the table is the benchmark's result")]
async fn measure(mixture: Mixture, lines: usize, tenants: usize) -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let directory = temporary.path().join("policies");
    fs::create_dir(&directory)?;
    fs::write(directory.join("model.conf"), include_str!("../../policies/model.conf"))?;
    let file = directory.join("policy.csv");
    fs::write(&file, mixture.policy(lines, tenants))?;
    let catalog = catalog(temporary.path(), tenants)?;
    let requesters =
        (0..ASKED).map(|number| sample::somebody(number, lines, tenants)).collect::<Result<Vec<_>, Failure>>()?;

    let before = memory("VmRSS:")?;
    let (begun, cpu) = (Instant::now(), cpu_millis()?);
    let policies = Arc::new(Policies::load(&directory, Arc::clone(&catalog))?);
    let (load, load_cpu) = (millis(begun), cpu_millis()? - cpu);
    let kept = memory("VmRSS:")? - before;

    let policy = policies.current();
    let (echo, documents): (Name, Name) = ("echo".parse()?, "documents".parse()?);
    let echo = Object::Tool(echo);
    let decide = |requester: &Requester| drop(black_box(policy.decide(requester, &echo, Permission::Call)));
    let scope = |requester: &Requester| drop(black_box(policy.rows(requester, &documents, Permission::Read)));
    let allowed = |requester: &&Requester| policy.decide(requester, &echo, Permission::Call).is_allowed();
    let filtered = |requester: &&Requester| match policy.rows(requester, &documents, Permission::Read).rule {
        RowRule::Filter(_) => true,
        RowRule::Nothing => false,
    };
    let decided = cold(&requesters, decide);
    let scoped = cold(&requesters, scope);
    let (warm_decision, warm_scope) = (warm(&requesters, decide), warm(&requesters, scope));
    let (allowed, filtered) = (requesters.iter().filter(allowed).count(), requesters.iter().filter(filtered).count());
    drop(policy);

    let begun = Instant::now();
    policies.reload(Timestamp::from_secs(0))?;
    let look = millis(begun);
    let Replaced { reload, cpu, slowest } = replace(&policies, &file, &requesters)?;
    let peak = memory("VmHWM:")? - before;
    let casbin = plain(&fs::read_to_string(&file)?, &requesters).await?;
    let (few, some, many) = (0, 1, 2);
    let figures = [
        (load, few),
        (load_cpu, few),
        (reload, few),
        (cpu, few),
        (look, some),
        (slowest, some),
        (kept, some),
        (peak, some),
        (warm_decision, many),
        (decided.0, some),
        (decided.1, some),
        (warm_scope, many),
        (scoped.0, some),
        (scoped.1, some),
        (casbin, some),
    ];
    let cells = figures.iter().zip(&WIDTHS[3..]).map(|((figure, digits), width)| format!("{figure:>width$.digits$}"));
    println!("{:>6} {lines:>7} {tenants:>7} {}", mixture.as_str(), cells.collect::<Vec<_>>().join(" "));
    // What the end of a tenant's lines cuts off may leave one that gives nothing.
    if let Some(finding) = policy::check(&directory, &catalog).findings.get(tenants) {
        return Err(format!("a policy of lines that all do something is meant, and {finding}").into());
    }
    let few = |number: usize| lines >= 100 && number < ASKED / 4;
    if mixture.has_tools() && few(allowed) || mixture.has_rows() && few(filtered) {
        return Err(
            format!("of {ASKED} people {allowed} call and {filtered} read: not the policy that is meant").into()
        );
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is the benchmark's result")]
fn all() -> Result<(), Failure> {
    for heading in HEADINGS {
        let cells = heading.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:>width$}"));
        println!("{}", cells.collect::<Vec<_>>().join(" "));
    }
    for (mixture, lines, tenants) in SAMPLES {
        let mixture = mixture.as_str();
        let arguments = [mixture.to_owned(), lines.to_string(), tenants.to_string()];
        let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
        if !status.success() {
            return Err(format!("{mixture}, {lines} lines and {tenants} tenants: {status}").into());
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.as_slice() {
        [mixture, lines, tenants] => measure(Mixture::read(mixture)?, lines.parse()?, tenants.parse()?).await,
        _ => all(),
    }
}
