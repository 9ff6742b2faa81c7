//! `bailiwick policy matrix`: who may use what, as a table that a manager can read.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use super::{person, words};
use crate::catalog::{Catalog, Dataset};
use crate::model::{Context, Name, Requester, Tenant};
use crate::policy::{Object, Permission, RowRule, Snapshot};

/// Prints the table of one tenant, or of each.
pub(super) fn run(
    tenant: Option<&str>,
    catalog: &Catalog,
    policy: &Snapshot,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let tenants = match tenant {
        Some(name) => vec![person::tenant(name, catalog)?],
        None => catalog.tenants.keys().cloned().collect(),
    };
    writeln!(out, "policy revision {}", policy.revision())?;
    for tenant in tenants {
        table(&tenant, catalog, policy, out)?;
    }
    writeln!(
        out,
        "\ntools: yes or -. datasets: all rows of the tenant, some, or -. Somebody with several names sees the union, less\n\
         what any of them is denied. What depends on a claim is shown as for somebody whose token lacks it."
    )?;
    Ok(())
}

fn table(tenant: &Tenant, catalog: &Catalog, policy: &Snapshot, out: &mut dyn Write) -> anyhow::Result<()> {
    let names = names(tenant, policy);
    let datasets: Vec<&Arc<Dataset>> = catalog.datasets.values().collect();
    let tools: Vec<&Name> = catalog.tools.iter().collect();
    let mut rows = vec![header(&tools, &datasets)];
    let mut notes = Vec::new();
    for name in &names {
        let requester = person::requester(tenant, &[name], Context::default())?;
        let mut row = vec![name.to_string()];
        row.extend(tools.iter().map(|tool| called(policy, &requester, tool)));
        for dataset in &datasets {
            let rule = policy.rows(&requester, &dataset.name, Permission::Read).rule;
            row.push(words::extent(&rule).to_owned());
            notes.extend(note(name, dataset, &rule));
        }
        rows.push(row);
    }
    writeln!(out, "\n{tenant}\n")?;
    print(&rows, out)?;
    if !notes.is_empty() {
        writeln!(out, "\n  which rows")?;
        for note in notes {
            writeln!(out, "  {note}")?;
        }
    }
    Ok(())
}

/// Everybody verified, then the names of the files, people first.
fn names(tenant: &Tenant, policy: &Snapshot) -> Vec<Arc<str>> {
    let known: BTreeSet<Arc<str>> = policy.principals(tenant);
    let (people, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|name| name.starts_with("user:"));
    std::iter::once(Arc::from("verified")).chain(people).chain(others).collect()
}

fn header(tools: &[&Name], datasets: &[&Arc<Dataset>]) -> Vec<String> {
    let mut header = vec!["who".to_owned()];
    header.extend(tools.iter().map(ToString::to_string));
    header.extend(datasets.iter().map(|dataset| dataset.name.to_string()));
    header
}

fn called(policy: &Snapshot, requester: &Requester, tool: &Name) -> String {
    let decision = policy.decide(requester, &Object::Tool(tool.clone()), Permission::Call);
    if decision.is_allowed() { "yes" } else { "-" }.to_owned()
}

fn note(name: &str, dataset: &Dataset, rule: &RowRule) -> Option<String> {
    let lines = words::rows(rule);
    (!lines.is_empty()).then(|| format!("{name}, {}:\n      {}", dataset.name, lines.join("\n      ")))
}

/// Columns as wide as their widest cell.
fn print(rows: &[Vec<String>], out: &mut dyn Write) -> anyhow::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).filter_map(width).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
