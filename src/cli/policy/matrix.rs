//! `bailiwick policy matrix`: who may use what, as a table that a manager can read in a terminal of 100 columns.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::layout::{WIDTH, wrapped};
use super::{person, plain};
use crate::catalog::{Catalog, Change, Dataset, Generated};
use crate::model::{Context, Name, Requester, Tenant};
use crate::policy::{Explanation, LineReport, Object, Permission, Predicate, RowRule, Snapshot, Truth};
use crate::store::audit::Verdict;

/// What the name `verified` is called in a table.
const EVERYBODY: &str = "everybody verified";

/// What stands under every table.
const LEGEND: &str = "
How to read this
  yes      may call the tool
  all      may read every row of the dataset that belongs to the tenant
  some     may read the rows that «Which rows» names: one rule is enough, and «never» beats them all
  claims   only with a claim in the token that the policy asks for
  -        no, and cannot see that it exists

A row that is read as an MCP resource (`bailiwick://…`) is a row like any other: the column of its
dataset says who may, and no `resource:` line.

«Which columns» names what differs from the declaration: «salary too» is a protected column that is
open, «no salary» one that is hidden, «salary only where …» one that is empty in the other rows. A
protected column that is not named is not seen.

A name that begins with `role:` or `idp:` stands for everybody who has it; what is somebody's own is
named with that person. Somebody who goes by several names may do what any of them may, less what
any of them is denied. What a token claims is
known only when it arrives: here nobody claims anything. `bailiwick policy explain` says more
about one person.
";

/// What stands under it where rows can be changed.
const CHANGES_LEGEND: &str = "
Under «Changes», «all» and «some» say of each tool to which rows it may be done; a row must be among
them before and after. What may be changed may be read.
";

/// Prints the table of one tenant, or of each.
pub(super) fn run(
    tenant: Option<&str>,
    json: bool,
    catalog: &Catalog,
    policy: &Snapshot,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let tenants = match tenant {
        Some(name) => vec![person::tenant(name, catalog)?],
        None => catalog.tenants.keys().cloned().collect(),
    };
    let tables =
        tenants.iter().map(|tenant| Table::new(tenant, catalog, policy)).collect::<anyhow::Result<Vec<_>>>()?;
    if json {
        let tenants: Vec<Json> = tables.iter().map(Table::document).collect();
        return super::json::print(&json!({ "revision": policy.revision().to_string(), "tenants": tenants }), out);
    }
    writeln!(out, "Who may do what, by policy revision {}", policy.revision())?;
    for table in tables {
        table.print(out)?;
    }
    out.write_all(LEGEND.as_bytes())?;
    if !changing(catalog).is_empty() {
        out.write_all(CHANGES_LEGEND.as_bytes())?;
    }
    Ok(())
}

/// The table of one tenant.
struct Table<'a> {
    tenant: &'a Tenant,
    tools: Vec<Column>,
    datasets: Vec<Column>,
    changes: Vec<Column>,
    names: Vec<String>,
    rows: Vec<Note>,
    columns: Vec<Note>,
}

/// One tool or dataset, with a word for each name.
struct Column {
    head: String,
    cells: Vec<&'static str>,
}

/// What one name may read of the datasets that it may read in part: which rows, or which columns.
struct Note {
    name: String,
    rules: Vec<(String, Vec<String>)>,
}

impl<'a> Table<'a> {
    fn new(tenant: &'a Tenant, catalog: &Catalog, policy: &Snapshot) -> anyhow::Result<Self> {
        let column = |name: &Name| Column { head: name.to_string(), cells: Vec::new() };
        let mut tools: Vec<_> = catalog.tools.iter().map(column).collect();
        let mut datasets: Vec<_> = catalog.datasets.keys().map(column).collect();
        let changing = changing(catalog);
        let mut changes: Vec<_> = changing.iter().map(|(tool, ..)| column(tool)).collect();
        let (mut names, mut row_notes, mut column_notes) = (Vec::new(), Vec::new(), Vec::new());
        for name in in_order(policy.principals(tenant)) {
            let requester = person::requester(tenant, &[&name], Context::default())?;
            let shown = shown(&name).to_owned();
            let (mut rules, mut seen) = (Vec::new(), Vec::new());
            for (tool, column) in catalog.tools.iter().zip(&mut tools) {
                let told = policy.explain(&requester, &Object::Tool(tool.clone()), Permission::Call);
                let claims = claims(&told, catalog);
                column.cells.push(match (told.decision.is_allowed(), claims.is_empty()) {
                    (true, _) => "yes",
                    (false, true) => "-",
                    (false, false) => "claims",
                });
                if !told.decision.is_allowed() && !claims.is_empty() {
                    rules.push((tool.to_string(), vec![depends(&claims)]));
                }
            }
            for (dataset, column) in catalog.datasets.values().zip(&mut datasets) {
                let (cell, rule) = rows(&requester, dataset, Permission::Read, catalog, policy);
                column.cells.push(cell);
                rules.extend((!rule.is_empty()).then(|| (dataset.name.to_string(), rule)));
                let decision = policy.rows(&requester, &dataset.name, Permission::Read);
                if decision.rule != RowRule::Nothing {
                    let columns = plain::columns(&decision.columns, dataset, &requester);
                    seen.extend((!columns.is_empty()).then(|| (dataset.name.to_string(), columns)));
                }
            }
            for ((tool, change, dataset), column) in changing.iter().zip(&mut changes) {
                let (mut cell, mut rule) = rows(&requester, dataset, (*change).into(), catalog, policy);
                let is_denied = policy.changes_through(&requester, &dataset.name, *change).rule == RowRule::Nothing;
                if is_denied && matches!(cell, "all" | "some") {
                    (cell, rule) = ("-", Vec::new());
                }
                column.cells.push(cell);
                rules.extend((!rule.is_empty()).then(|| (tool.to_string(), rule)));
            }
            row_notes.extend((!rules.is_empty()).then(|| Note { name: shown.clone(), rules }));
            column_notes.extend((!seen.is_empty()).then(|| Note { name: shown.clone(), rules: seen }));
            names.push(shown);
        }
        Ok(Self { tenant, tools, datasets, changes, names, rows: row_notes, columns: column_notes })
    }

    /// The table for a program: for each name, a word for each tool and dataset, and the rules behind the words.
    fn document(&self) -> Json {
        let words = |columns: &[Column], row: usize| -> Map<String, Json> {
            let word = |column: &Column| match column.cells.get(row).copied() {
                Some("-") | None => "no",
                Some(word) => word,
            };
            columns.iter().map(|column| (column.head.clone(), word(column).into())).collect()
        };
        let rules = |notes: &[Note], name: &String| -> Map<String, Json> {
            let own = notes.iter().filter(|note| note.name == *name).flat_map(|note| note.rules.iter().cloned());
            own.map(|(what, rules)| (what, rules.into())).collect()
        };
        let names = self.names.iter().enumerate().map(|(row, name)| {
            json!({
                "name": if name == EVERYBODY { "verified" } else { name },
                "tools": words(&self.tools, row),
                "datasets": words(&self.datasets, row),
                "changes": words(&self.changes, row),
                "rules": rules(&self.rows, name),
                "columns": rules(&self.columns, name),
            })
        });
        json!({ "tenant": self.tenant.as_str(), "names": names.collect::<Vec<_>>() })
    }

    fn print(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let title = format!("Tenant {}", self.tenant);
        writeln!(out, "\n{title}\n{}", "=".repeat(title.chars().count()))?;
        self.block("Tools", &self.tools, out)?;
        self.block("Datasets", &self.datasets, out)?;
        self.block("Changes", &self.changes, out)?;
        notes("Which rows", &self.rows, "; ", out)?;
        notes("Which columns", &self.columns, ", ", out)
    }

    /// Prints columns, as many beside each other as fit, and the others below with the names once more.
    fn block(&self, title: &str, columns: &[Column], out: &mut dyn Write) -> anyhow::Result<()> {
        let wide = self.names.iter().map(|name| name.chars().count()).chain([title.len()]).max().unwrap_or(0);
        let mut left = columns;
        while !left.is_empty() {
            let mut used = 2 + wide;
            let fitting = left.iter().take_while(|column| {
                used += 2 + column.width();
                used <= WIDTH
            });
            let (here, later) = left.split_at(fitting.count().max(1));
            left = later;
            let heads = here.iter().map(|column| format!("  {:<1$}", column.head, column.width()));
            writeln!(out, "\n{}", format!("{title:<0$}{1}", wide + 2, heads.collect::<String>()).trim_end())?;
            for (row, name) in self.names.iter().enumerate() {
                let cells = here.iter().map(|column| {
                    let cell = column.cells.get(row).copied().unwrap_or("");
                    format!("  {cell:<0$}", column.width())
                });
                writeln!(out, "{}", format!("  {name:<wide$}{}", cells.collect::<String>()).trim_end())?;
            }
        }
        Ok(())
    }
}

fn notes(title: &str, notes: &[Note], between: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    if !notes.is_empty() {
        writeln!(out, "\n{title}")?;
    }
    for note in notes {
        writeln!(out, "  {}", note.name)?;
        let width = note.rules.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
        for (what, rules) in &note.rules {
            let indent = 4 + width + 2;
            let text = wrapped(&rules.join(between), WIDTH.saturating_sub(indent).max(30));
            for (index, line) in text.iter().enumerate() {
                let what = if index == 0 { what } else { "" };
                writeln!(out, "    {what:<width$}  {line}")?;
            }
        }
    }
    Ok(())
}

impl Column {
    fn width(&self) -> usize {
        self.cells.iter().map(|cell| cell.len()).chain([self.head.chars().count()]).max().unwrap_or(0)
    }
}

/// A name as it stands in a table.
pub(super) fn shown(name: &str) -> &str {
    if name == "verified" { EVERYBODY } else { name }
}

/// Everybody verified, then the names of the files: people, roles, others.
pub(super) fn in_order(principals: impl IntoIterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    let mut known: Vec<_> = std::iter::once(Arc::from("verified")).chain(principals).collect();
    known.sort_by_key(|name| match name.split_once(':').map_or(&**name, |(prefix, _)| prefix) {
        "verified" => 0,
        "user" => 1,
        "subject" => 2,
        "role" => 3,
        _ => 4,
    });
    known
}

/// The tools that change rows.
fn changing(catalog: &Catalog) -> Vec<(Name, Change, &Arc<Dataset>)> {
    let change = |does| match does {
        Generated::Change(change) => Some(change),
        Generated::Read(_) => None,
    };
    let tools = catalog.generated_tools();
    tools.filter_map(|(tool, does, dataset)| change(does).map(|change| (tool, change, dataset))).collect()
}

/// The cell and the rules of a dataset.
fn rows(
    requester: &Requester,
    dataset: &Dataset,
    permission: Permission,
    catalog: &Catalog,
    policy: &Snapshot,
) -> (&'static str, Vec<String>) {
    let told = policy.explain(requester, &Object::Dataset(dataset.name.clone()), permission);
    let rule = policy.rows(requester, &dataset.name, permission).rule;
    // Where no line could allow it, no claim makes a difference.
    let is_open = rule != RowRule::Nothing || grants(&told, permission);
    let claims = if is_open { claims(&told, catalog) } else { Vec::new() };
    let cell = match &rule {
        RowRule::Nothing if claims.is_empty() => return ("-", Vec::new()),
        RowRule::Nothing => "claims",
        RowRule::Filter(filter) if plain::is_everything(filter) => return ("all", Vec::new()),
        RowRule::Filter(_) => "some",
    };
    let mut rules = plain::rules(&rule, dataset, requester);
    let nevers = rules.iter().filter(|rule| rule.starts_with("never ")).count();
    match rules.last_mut() {
        _ if claims.is_empty() => {}
        // Where one line denies, the claims are those that it asks for.
        Some(never) if nevers == 1 => never.extend([" without the right ", &claims.join(", ")]),
        Some(_) | None => rules.push(depends(&claims)),
    }
    (cell, rules)
}

/// Whether a line allows just this, or would by a claim. What is changed is read too, so that lines about reading are among those
/// that were told.
fn grants(told: &Explanation, permission: Permission) -> bool {
    let allows = |line: &&LineReport| line.matched && line.effect == Verdict::Allow;
    told.lines.iter().filter(allows).filter(|line| line.left != Predicate::Known(Truth::False)).any(|line| {
        let may = line.text.split(',').nth(4).map_or("", str::trim);
        may == "*" || may == permission.to_string()
    })
}

fn depends(claims: &[&str]) -> String {
    format!("more with the right {}", claims.join(", "))
}

/// The claims without which a line grants nothing, or denies.
fn claims<'a>(told: &Explanation, catalog: &'a Catalog) -> Vec<&'a str> {
    let undecided = told.lines.iter().filter(|line| line.matched && super::words::has_unknown(&line.left));
    let texts: Vec<_> = undecided.map(|line| line.text.as_ref()).collect();
    let reads = |claim: &&Name| {
        let read = format!("r.sub.{claim}");
        let whole = |text: &&str| {
            let ends = |(at, _)| !text[at + read.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            text.match_indices(&read).any(ends)
        };
        texts.iter().any(whole)
    };
    catalog.claims.keys().filter(reads).map(Name::as_str).collect()
}
