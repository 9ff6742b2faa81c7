//! What must hold of every policy: it is refused, with a place in the file, or no line of it is lost; and what it decides
//! about rows is casbin's own word on each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use tempfile::TempDir;

use crate::catalog::{self, Catalog};
use crate::config::{self, Inputs, Overrides};
use crate::model::{Assurance, Attributes, Context, Name, Number, Requester, Timestamp, Value};
use crate::policy::{Finding, Object, Permission, Policies, Reload, Row, RowRule, Severity, Snapshot};

/// A policy directory in memory, and what its lines can speak of.
struct World {
    directory: TempDir,
    catalog: Arc<Catalog>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inputs = Inputs {
        path: Some(root.join("bailiwick.toml")),
        overrides: Overrides::default(),
        environment: Vec::new(),
        working_directory: root.to_owned(),
    };
    let loaded = config::read(inputs).expect("fuzz/bailiwick.toml is a configuration");
    let catalog = Arc::new(catalog::build(&loaded).expect("fuzz/bailiwick.toml declares what there is"));
    let memory =
        Some(Path::new("/dev/shm")).filter(|path| path.is_dir()).map_or_else(std::env::temp_dir, Path::to_owned);
    let directory = tempfile::tempdir_in(memory).expect("a directory");
    fs::copy(root.join("../policies/model.conf"), directory.path().join("model.conf")).expect("the shipped model");
    World { directory, catalog }
});

/// Holds what must hold of a policy file of these bytes, when it is saved over one that says nothing.
pub fn policy_file(file: &[u8]) {
    let World { directory, catalog } = &*WORLD;
    let path = directory.path().join("policy.csv");
    fs::write(&path, "").expect("the file is written");
    let policies = Policies::load(directory.path(), Arc::clone(catalog)).expect("nothing is said");
    fs::write(&path, file).expect("the file is written");
    // When it is saved makes no difference to what is found.
    match policies.reload(Timestamp::from_secs(0)) {
        Ok(Reload { added, removed, warnings, .. }) => {
            warnings.iter().for_each(|warning| stands_in(warning, file));
            assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning) && removed.is_empty());
            loses_nothing(added.iter().map(|line| &*line.text), file);
            decides_as_casbin(&policies.current(), catalog);
        }
        Err(refused) => {
            refused.findings.iter().for_each(|finding| stands_in(finding, file));
            assert!(refused.findings.iter().any(|finding| finding.severity == Severity::Refusal), "{refused}");
        }
    }
}

/// Holds what must hold of a condition, alone and in a policy that has it twice.
pub fn condition(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    // The seeds are lines of a file.
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.contains(['\n', ',']) {
        return;
    }
    for (what, may) in [("dataset:documents", "read"), ("tool:echo", "call"), ("column:documents/margin", "read")] {
        let line = format!("p, verified, *, {what}, {may}, {text}, allow\n");
        let rows = "p, verified, *, dataset:*, read, r.sub.id == \"ada\", allow\ng, user:ada, room:finance, acme\n";
        policy_file(format!("{line}{rows}").as_bytes());
        policy_file(format!("{}{rows}p, *, *, dataset:*, *, true, allow\n", line.replace("allow", "deny")).as_bytes());
    }
}

fn stands_in(finding: &Finding, file: &[u8]) {
    assert!(!finding.message.is_empty() && !finding.to_string().contains('\n'), "{finding:?}");
    let line = match finding.line {
        0 => return,
        line => file.split(|byte| *byte == b'\n').nth(line as usize - 1),
    };
    let length = line.unwrap_or_else(|| panic!("the file has no such line: {finding}")).len();
    assert!(finding.column as usize <= length + 1, "the line has no such column: {finding}");
}

fn loses_nothing<'a>(loaded: impl Iterator<Item = &'a str>, file: &'a [u8]) {
    let text = std::str::from_utf8(file).expect("what is loaded is text");
    let lines = text.split('\n').map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut loaded, mut counted): (Vec<_>, Vec<_>) = (loaded.collect(), lines.collect());
    loaded.sort_unstable();
    counted.sort_unstable();
    assert_eq!(loaded, counted);
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn requesters() -> [Requester; 3] {
    let nobody = |tenant: &str, names: &[&str]| Requester {
        tenant: tenant.parse().expect("a tenant"),
        names: names.iter().map(|name| Arc::from(*name)).collect::<BTreeSet<_>>(),
        attributes: Attributes::default(),
        context: Context::default(),
    };
    let attributes = Attributes {
        id: "ada".parse().ok(),
        external_id: "ada".parse().ok(),
        issuer: "blockbrain".parse().ok(),
        email: Some("ada@acme.example".into()),
        assurance: Some(Assurance::Verified),
        actor: "bot".parse().ok(),
        claims: BTreeMap::from([(name("clearance"), Value::Number(Number::Integer(3)))]),
    };
    let context = Context { agent: "bot".parse().ok(), ..Context::default() };
    [
        Requester { attributes, context, ..nobody("acme", &["*", "verified", "user:ada", "idp:blockbrain/admin"]) },
        nobody("acme", &["*", "verified", "user:mallory"]),
        nobody("globex", &["*", "verified", "subject:zitadel/1"]),
    ]
}

fn rows(tenant: &str) -> [Row; 3] {
    let row = |cells: &[(&str, Value)]| {
        let cells = cells.iter().map(|(column, value)| (name(column), Some(value.clone())));
        cells.chain([(name("tenant_id"), Some(Value::text(tenant)))]).collect::<Row>()
    };
    [
        row(&[]),
        row(&[
            ("id", Value::text("1")),
            ("data_room_id", Value::text("finance")),
            ("owner_id", Value::text("ada")),
            ("title", Value::text("x")),
            ("classification", Value::text("secret")),
            ("amount", Value::Number(Number::Integer(3))),
            ("margin", Value::Number(Number::Integer(-1))),
            ("final", Value::Boolean(true)),
        ]),
        row(&[("owner_id", Value::text("bob")), ("classification", Value::text("public"))]),
    ]
}

fn decides_as_casbin(snapshot: &Snapshot, catalog: &Catalog) {
    let documents = name("documents");
    let declared = &catalog.datasets[&documents];
    for requester in requesters() {
        for tool in &catalog.tools {
            let decision = snapshot.decide(&requester, &Object::Tool(tool.clone()), Permission::Call);
            assert!(decision.lines.iter().all(|line| line.line > 0), "casbin and the index disagree: {decision:?}");
        }
        let decision = snapshot.rows(&requester, &documents, Permission::Read);
        for row in rows(requester.tenant.as_str()) {
            let theirs = snapshot.admits_row(&requester, &documents, Permission::Read, &row).is_allowed();
            let ours = match &decision.rule {
                RowRule::Nothing => false,
                RowRule::Filter(filter) => filter.admits(&row, &|_, _| Vec::new()),
            };
            assert_eq!(ours, theirs, "{requester:?} {row:?} {decision:?}");
            for column in declared.exposed().filter(|_| ours) {
                let theirs = snapshot.admits_column(&requester, declared, column, &row);
                let masked = decision.columns.masked.get(&column.name).is_some_and(|rule| rule.admits(&row));
                assert_eq!(decision.columns.is_open(&column.name) || masked, theirs, "{} {row:?}", column.name);
            }
        }
    }
}
