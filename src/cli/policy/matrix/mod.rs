//! `bailiwick policy matrix`: who may use what, as a table that a manager can read in a terminal of 100 columns.

mod cells;
mod print;
mod provided;
mod rows;
mod table;

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use self::table::Table;
use super::person;
use crate::catalog::Catalog;
use crate::policy::Snapshot;

/// What the name `verified` is called in a table.
const EVERYBODY: &str = "everybody verified";

/// What stands under every table.
const LEGEND: &str = "
How to read this
  yes      may use the tool, prompt or resource
  all      may read every row of the dataset that belongs to the tenant
  some     may read the rows that «Which rows» names: one rule is enough, and «never» beats them all
  claims   only with a claim in the token, or a header, that the policy asks for
  idp      only with a role that the identity provider gives, which «Which rows» names
  -        no, and cannot see that it exists

A row that is read as an MCP resource (`bailiwick://…`) is a row like any other: the column of its
dataset says who may, and no `resource:` line.

«Which columns» names what differs from the declaration: «salary too» is a protected column that is
open, «no salary» one that is hidden; «salary only where …» and «salary but not where …» are empty
in the other rows. A protected column that is not named is not seen.

A name that begins with `role:` or `idp:` stands for everybody who has it, and «own» and «their» for
what is that person's. Somebody who goes by several names may do what any of them may, less what any
of them is denied, and what these come to together: a column that one name opens, in the rows of
another; the rows of a room that one brings, by a rule of another. The line of a person is what
their name gives, and whom the identity provider gives a role has the line of that `idp:` name too.
What a token claims is known only when it arrives: here nobody claims anything. `bailiwick policy
explain` says of one person, with all their names and claims, what it comes to.
";

/// What stands under it where rows can be changed.
const CHANGES_LEGEND: &str = "
Under «Changes», «all» and «some» say of each tool to which rows it may be done; a row must be among
them before and after. What may be changed may be read. «not email» is a column that is not written.
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
    if !rows::changing(catalog).is_empty() {
        out.write_all(CHANGES_LEGEND.as_bytes())?;
    }
    Ok(())
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
