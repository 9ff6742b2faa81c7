//! Decisions for another reader of the same two files: `tests/portability/casbin_agrees.py` asks the `casbin` package for
//! Python about each, and must be told the same. Here the cases are made, with nothing absent, and written under
//! `target/tmp/portability`; `.ci/run` compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bailiwick::catalog::{self, Catalog, Change, ColumnType, Dataset};
use bailiwick::config::{self, Inputs, Overrides};
use bailiwick::model::{Assurance, Attributes, Context, ContextField, Name, Number, Requester, Tenant, Value};
use bailiwick::policy::{Object, Permission, Row, Severity, Snapshot, check};
use serde_json::{Map, Value as Json, json};

/// A small generator (`SplitMix64`), so that a seed means the same for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The catalog of a configuration file, read as the server reads it.
fn catalog(file: &str) -> Arc<Catalog> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let inputs = Inputs {
        path: Some(root.join(file)),
        overrides: Overrides::default(),
        environment: vec![("BAILIWICK_DATABASE_URL".into(), "sqlite:unused.db".into())],
        working_directory: root,
    };
    Arc::new(catalog::build(&config::read(inputs).unwrap()).unwrap())
}

/// A policy and what can be asked about it.
struct World<'a> {
    dice: Dice,
    catalog: &'a Catalog,
    policy: &'a Snapshot,
    /// Texts that the policy itself speaks of, so that comparisons hold now and then.
    texts: Vec<String>,
}

impl World<'_> {
    fn text(&mut self) -> String {
        self.dice.pick(&self.texts).clone()
    }

    fn value(&mut self, kind: ColumnType) -> Option<Value> {
        const NUMBERS: [i64; 9] = [0, 1, 2, 3, 5, 7, -5, 9_007_199_254_740_993, i64::MAX];
        const DECIMALS: [f64; 4] = [0.5, 0.1, 2.999, 1e16];
        Some(match kind {
            ColumnType::Id | ColumnType::Text => Value::text(self.text()),
            ColumnType::Boolean => Value::Boolean(self.dice.below(2) == 0),
            ColumnType::Number if self.dice.below(3) == 0 => {
                Value::Number(Number::from_f64(*self.dice.pick(&DECIMALS)).unwrap())
            }
            ColumnType::Number => Value::Number(Number::Integer(*self.dice.pick(&NUMBERS))),
            ColumnType::Time(_) | ColumnType::Json | ColumnType::Bytes => return None,
        })
    }

    fn requester(&mut self, tenant: &Tenant) -> Requester {
        let known: Vec<Arc<str>> = self.policy.principals(tenant).into_iter().collect();
        // Nobody brings a name that only a `g` line gives.
        let ours =
            |name: &str| name.starts_with("role:") || self.catalog.lists.values().any(|p| name.starts_with(&**p));
        let from_tokens: Vec<_> = known.iter().filter(|name| !ours(name)).cloned().collect();
        let mut names = BTreeSet::from(["*".into(), "verified".into()]);
        for _ in 0..self.dice.below(3).min(from_tokens.len()) {
            names.insert(Arc::clone(self.dice.pick(&from_tokens)));
        }
        let kinds = self.catalog.claims.iter().map(|(name, kind)| {
            let kind = match kind {
                catalog::ClaimType::Text => ColumnType::Text,
                catalog::ClaimType::Number => ColumnType::Number,
                catalog::ClaimType::Boolean => ColumnType::Boolean,
            };
            (name.clone(), kind)
        });
        let claims: Vec<_> = kinds.collect();
        let attributes = Attributes {
            id: Some(self.text().parse().unwrap()),
            external_id: Some(self.text().parse().unwrap()),
            issuer: self.catalog.issuers.first().cloned(),
            email: Some(self.text().into()),
            assurance: Some(*self.dice.pick(&[Assurance::Verified, Assurance::Asserted])),
            actor: Some(self.text().parse().unwrap()),
            claims: claims.into_iter().map(|(name, kind)| (name, self.value(kind).unwrap())).collect(),
        };
        let context = Context { agent: Some(self.text().parse().unwrap()), ..Context::default() };
        Requester { tenant: tenant.clone(), names, attributes, context }
    }

    fn row(&mut self, dataset: &Dataset) -> Row {
        let columns = dataset.columns.iter().filter_map(|c| Some((c.name.clone(), Some(self.value(c.kind)?))));
        columns.collect()
    }

    /// One question of each kind to one requester, with our answers.
    fn cases(&mut self, tenant: &Tenant, cases: &mut Vec<Json>) {
        let requester = self.requester(tenant);
        let (policy, catalog) = (self.policy, self.catalog);
        let mut case = |object: String, row: &Row, permission: Permission, ours: bool| {
            let mut obj: Map<String, Json> =
                row.iter().map(|(name, cell)| (name.to_string(), cell_json(cell.as_ref()))).collect();
            obj.insert("kind".to_owned(), object.into());
            let sub = subject(&requester, policy, catalog);
            let ctx = json!({ "agent": requester.context.get(ContextField::Agent) });
            let (dom, act) = (tenant.as_str(), permission.as_str());
            cases.push(json!({ "sub": sub, "dom": dom, "obj": obj, "act": act, "ctx": ctx, "ours": ours }));
        };
        let tools = catalog.tools.iter().map(|tool| (Object::Tool(tool.clone()), Permission::Call));
        let uris = catalog.resources.iter().map(|uri| (Object::Resource(Arc::clone(uri)), Permission::Read));
        for (object, permission) in tools.chain(uris) {
            let ours = policy.decide(&requester, &object, permission).is_allowed();
            case(object.to_string(), &Row::new(), permission, ours);
        }
        for dataset in catalog.datasets.values() {
            let row = self.row(dataset);
            let object = Object::Dataset(dataset.name.clone());
            // Nothing else is done with rows, and casbin does not know what cannot be done.
            let changes = dataset.writable.iter().map(|change| Permission::from(*change));
            for permission in std::iter::once(Permission::Read).chain(changes) {
                let ours = policy.admits_row(&requester, &dataset.name, permission, &row).is_allowed();
                case(object.to_string(), &row, permission, ours);
            }
            for column in dataset.exposed() {
                let ours = policy.admits_column(&requester, dataset, column, &row);
                let object = Object::column(&dataset.name, &column.name);
                case(object.to_string(), &row, Permission::Read, ours);
            }
        }
    }
}

fn cell_json(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Text(text)) => json!(&**text),
        Some(Value::Boolean(boolean)) => json!(boolean),
        Some(Value::Number(number)) => serde_json::from_str(&number.to_string()).unwrap(),
    }
}

/// `r.sub`, with the names closed and the lists made of them.
fn subject(requester: &Requester, policy: &Snapshot, catalog: &Catalog) -> Json {
    let names = policy.names(requester);
    let Attributes { id, external_id, issuer, email, assurance, actor, claims } = &requester.attributes;
    let mut sub = json!({
        "names": names,
        "id": id.as_ref().map(ToString::to_string),
        "external_id": external_id.as_ref().map(ToString::to_string),
        "issuer": issuer.as_ref().map(ToString::to_string),
        "tenant": requester.tenant.as_str(),
        "email": email,
        "assurance": assurance.map(Assurance::as_str),
        "actor": actor.as_ref().map(ToString::to_string),
    });
    for (list, prefix) in &catalog.lists {
        let entries: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(&**prefix)).collect();
        sub[list.as_str()] = json!(entries);
    }
    for (claim, value) in claims {
        sub[claim.as_str()] = cell_json(Some(value));
    }
    sub
}

/// The texts and names that a policy speaks of, and a few that it does not.
fn texts(policy: &str) -> Vec<String> {
    let literals = policy.split('"').skip(1).step_by(2).map(ToOwned::to_owned);
    let lines = policy.lines().filter(|line| line.trim_start().starts_with('g'));
    let names =
        lines.flat_map(|line| line.split(',').filter_map(|name| Some(name.trim().split_once(':')?.1.to_owned())));
    let others = ["nobody", "0", "Ünï"].map(ToOwned::to_owned);
    let all: BTreeSet<String> = literals.chain(names).chain(others).filter(|text| !text.is_empty()).collect();
    all.into_iter().collect()
}

/// Writes the two files and the cases to `target/tmp/portability/<name>`; gives how many were allowed and asked.
fn write(name: &str, policy: &str, catalog: &Arc<Catalog>, rounds: usize, seed: u64) -> (usize, usize) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("portability").join(name);
    fs::create_dir_all(&directory).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/model.conf");
    fs::copy(model, directory.join("model.conf")).unwrap();
    let snapshot = loaded(&directory, policy, catalog);
    let text = fs::read_to_string(directory.join("policy.csv")).unwrap();
    let mut world = World { dice: Dice(seed), catalog, policy: &snapshot, texts: texts(&text) };
    let mut cases = Vec::new();
    for _ in 0..rounds {
        for tenant in catalog.tenants.keys() {
            world.cases(tenant, &mut cases);
        }
    }
    // A column that is not protected is open by its declaration, which for casbin is one more line.
    let open = catalog.datasets.values().flat_map(|dataset| {
        let open = dataset.exposed().filter(|column| !column.protected);
        open.map(|column| Object::column(&dataset.name, &column.name).to_string())
    });
    let file = json!({ "open": open.collect::<Vec<_>>(), "cases": cases });
    fs::write(directory.join("cases.json"), file.to_string()).unwrap();
    (cases.iter().filter(|case| case["ours"] == true).count(), cases.len())
}

/// Loads a policy; a generated line that is refused is taken out.
fn loaded(directory: &Path, policy: &str, catalog: &Arc<Catalog>) -> Snapshot {
    let mut lines: Vec<&str> = policy.lines().collect();
    loop {
        fs::write(directory.join("policy.csv"), lines.join("\n") + "\n").unwrap();
        let checked = check(directory, catalog);
        if let Some(snapshot) = checked.snapshot {
            return snapshot;
        }
        let refused = checked.findings.iter().filter(|finding| finding.severity == Severity::Refusal);
        let refused: BTreeSet<usize> = refused.map(|finding| finding.line as usize - 1).collect();
        let kept = lines.iter().enumerate().filter(|(line, _)| !refused.contains(line));
        lines = kept.map(|(_, line)| *line).collect();
    }
}

/// Writes conditions over the columns of a dataset of the demo.
struct Author<'a> {
    dice: &'a mut Dice,
    columns: BTreeMap<&'static str, Vec<Name>>,
}

impl Author<'_> {
    fn condition(&mut self, depth: usize) -> String {
        match self.dice.below(if depth == 0 { 5 } else { 9 }) {
            5 => format!("{} && {}", self.condition(depth - 1), self.condition(depth - 1)),
            6 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            7 => format!("!({})", self.condition(depth - 1)),
            8 => format!("{} || {}", self.condition(depth - 1), self.condition(depth - 1)),
            _ => self.comparison(),
        }
    }

    fn column(&mut self, kind: &str) -> Option<String> {
        let columns = self.columns.get(kind)?;
        Some(format!("r.obj.{}", self.dice.pick(columns)))
    }

    fn comparison(&mut self) -> String {
        let text = self.column("text").unwrap();
        let number = self.column("number").unwrap_or_else(|| "r.sub.clearance".to_owned());
        let equality = *self.dice.pick(&["==", "!="]);
        let order = *self.dice.pick(&["==", "!=", "<", "<=", ">", ">="]);
        let literal = *self.dice.pick(&["ada", "bob", "finance", "x y", "a-b_c.d:e/f@g#h", "Ünï", "7", "in", "not"]);
        let amount = *self.dice.pick(&["0", "3", "-5", "0.5", "9007199254740993", "9223372036854775807", "2.999"]);
        match self.dice.below(9) {
            0 | 1 => format!("{text} {equality} \"{literal}\""),
            2 => format!("\"{literal}\" {equality} r.sub.external_id"),
            3 => format!("{text}=={}", self.column("text").unwrap()),
            4 => format!("{number} {order} {amount}"),
            5 => format!("{amount} {order} r.sub.clearance"),
            6 => format!("{text} in r.sub.rooms"),
            7 => format!("present({text})"),
            _ => format!("{text} {equality} r.sub.id"),
        }
    }
}

/// A policy over the demo's datasets.
fn generated(dice: &mut Dice, catalog: &Catalog) -> String {
    let mut text = String::new();
    for member in ["user:ada", "user:bob", "verified", "idp:demo/admin", "role:lead"] {
        for group in ["role:member", "role:lead", "room:finance", "room:ada", "room:7", "room:Ünï"] {
            if member != group && dice.below(3) == 0 {
                writeln!(text, "g, {member}, {group}, {}", dice.pick(&["acme", "globex", "*"])).unwrap();
            }
        }
    }
    let datasets: Vec<&Arc<Dataset>> = catalog.datasets.values().collect();
    for _ in 0..10 + dice.below(20) {
        let dataset = *dice.pick(&datasets);
        let mut columns: BTreeMap<&str, Vec<Name>> = BTreeMap::new();
        for column in dataset.columns.iter().filter(|column| column.values.is_none()) {
            match column.kind {
                ColumnType::Id | ColumnType::Text => columns.entry("text").or_default().push(column.name.clone()),
                ColumnType::Number => columns.entry("number").or_default().push(column.name.clone()),
                ColumnType::Boolean | ColumnType::Time(_) | ColumnType::Json | ColumnType::Bytes => {}
            }
        }
        let exposed: Vec<&Name> = dataset.exposed().map(|column| &column.name).collect();
        let (what, rows) = match dice.below(8) {
            0 => ((*dice.pick(&["tool:echo", "tool:*", "tool:w*", "resource:static://*"])).to_owned(), false),
            1 => ("dataset:*".to_owned(), false),
            2 | 3 => (format!("column:{}/{}", dataset.name, dice.pick(&exposed)), true),
            _ => (format!("dataset:{}", dataset.name), true),
        };
        let when = match dice.below(4) {
            0 => "true".to_owned(),
            _ if rows => Author { dice, columns }.condition(2),
            _ => (*dice.pick(&["r.sub.clearance > 2", "r.sub.id != \"ada\"", "\"finance\" in r.sub.rooms"])).to_owned(),
        };
        let who = dice.pick(&["*", "verified", "user:ada", "user:bob", "role:member", "role:lead", "idp:demo/admin"]);
        let tenant = dice.pick(&["acme", "globex", "*"]);
        let may = match what.split(':').next() {
            Some("dataset") if rows => *dice.pick(&["read", "read", "read", "create", "update", "delete", "*"]),
            Some("column") => "read",
            _ => "*",
        };
        let effect = if dice.below(3) == 0 { "deny" } else { "allow" };
        writeln!(text, "p, {who}, {tenant}, {what}, {may}, {when}, {effect}").unwrap();
    }
    text
}

#[test]
fn the_cases_for_other_readers_of_the_files_are_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let demo = catalog("bailiwick.toml");
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let mut writable = catalog("bailiwick.toml");
    for dataset in Arc::get_mut(&mut writable).unwrap().datasets.values_mut() {
        Arc::get_mut(dataset).unwrap().writable = Change::ALL.into();
    }
    let mut counts = vec![
        write("shipped", &read("policies/policy.csv"), &demo, 15, 1),
        write(
            "northwind",
            &read("examples/northwind/policies/policy.csv"),
            &catalog("examples/northwind/bailiwick.toml"),
            30,
            2,
        ),
    ];
    for seed in 0..12 {
        let policy = generated(&mut Dice(seed), &writable);
        counts.push(write(&format!("generated-{seed:02}"), &policy, &writable, 4, seed));
    }
    let (allowed, all) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert!(all > 3_000 && allowed * 10 > all && allowed * 10 < all * 9, "{allowed} of {all} are allowed");
}
