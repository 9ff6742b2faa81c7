//! What `policy check` says of empty cells: a denial counts where it cannot be judged.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::{Value as Json, json};

use crate::catalog::Catalog;
use crate::cli::serve::listed;
use crate::config::Loaded;
use crate::dataset::{self, Database, Schema};
use crate::model::Name;
use crate::policy::{LineRef, Snapshot};

/// The columns that denials read, and which of them can be empty.
pub(super) struct Empty {
    read: usize,
    /// With the lines that read them; `Err` where the database cannot be asked, which is no fault of the policy.
    can_be: Result<Vec<Cell>, String>,
}

struct Cell {
    dataset: Name,
    column: Name,
    lines: Vec<String>,
}

impl Empty {
    /// Asks the database.
    pub(super) async fn ask(policy: &Snapshot, loaded: &Loaded, catalog: &Catalog) -> Self {
        let columns = policy.denied_where_absent();
        let read = columns.len();
        if read == 0 {
            return Self { read, can_be: Ok(Vec::new()) };
        }
        let schema = match schema(loaded, catalog).await {
            Ok(schema) => schema,
            Err(error) => return Self { read, can_be: Err(format!("{error:#}")) },
        };
        let can_be_empty = |dataset: &Name, column: &Name| {
            schema.relations.get(dataset).is_none_or(|r| !r.never_null.contains(column))
        };
        let cells = columns.into_iter().filter(|((dataset, column), _)| can_be_empty(dataset, column));
        let cell = |((dataset, column), lines): ((Name, Name), BTreeSet<LineRef>)| Cell {
            dataset,
            column,
            lines: lines.iter().map(ToString::to_string).collect(),
        };
        Self { read, can_be: Ok(cells.map(cell).collect()) }
    }

    pub(super) fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.read == 0 {
            return Ok(());
        }
        let all = super::counted(self.read, "column");
        let cells = match &self.can_be {
            Ok(cells) => cells,
            Err(why) => {
                return writeln!(out, "denials read {all}; the database cannot be asked which can be empty: {why}");
            }
        };
        writeln!(out, "denials read {all}, of which {} can be empty", cells.len())?;
        cells.iter().try_for_each(|Cell { dataset, column, lines }| {
            let lines = lines.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ");
            writeln!(
                out,
                "  where `{dataset}.{column}` is empty, {lines} denies; `present(r.obj.{column}) && …` would not"
            )
        })
    }

    pub(super) fn document(&self) -> Json {
        let cell = |Cell { dataset, column, lines }: &Cell| json!({ "dataset": dataset.as_str(), "column": column.as_str(), "lines": lines });
        json!({
            "read": self.read,
            "can_be_empty": self.can_be.as_ref().ok().map(|cells| cells.iter().map(cell).collect::<Vec<_>>()),
            "not_asked": self.can_be.as_ref().err(),
        })
    }
}

async fn schema(loaded: &Loaded, catalog: &Catalog) -> anyhow::Result<Schema> {
    let Some(settings) = &loaded.settings.database else { anyhow::bail!("none is configured") };
    let database = Database::open(settings).await?;
    let (schema, _) = dataset::check::check(catalog, &database)
        .await
        .map_err(|errors| anyhow::anyhow!("it is not as declared: {}", listed(&errors)))?;
    Ok(schema)
}
