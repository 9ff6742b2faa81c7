//! What `policy check` says of empty cells: a denial counts where it cannot be judged.

use std::io::Write;

use crate::catalog::Catalog;
use crate::cli::serve::listed;
use crate::config::Loaded;
use crate::dataset::{self, Database, Schema};
use crate::policy::Snapshot;

/// Asks the database which of the columns that denials read can be empty. A database that cannot be asked is no fault of the
/// policy, so it is said and no more.
pub(super) async fn note(
    policy: &Snapshot,
    loaded: &Loaded,
    catalog: &Catalog,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let read = policy.denied_where_absent();
    if read.is_empty() {
        return Ok(());
    }
    let all = super::counted(read.len(), "column");
    let schema = match schema(loaded, catalog).await {
        Ok(schema) => schema,
        Err(error) => {
            writeln!(out, "denials read {all}; the database cannot be asked which can be empty: {error:#}")?;
            return Ok(());
        }
    };
    let can_be_empty = |dataset, column| schema.relations.get(dataset).is_none_or(|r| !r.never_null.contains(column));
    let empty: Vec<_> = read.iter().filter(|((dataset, column), _)| can_be_empty(dataset, column)).collect();
    writeln!(out, "denials read {all}, of which {} can be empty", empty.len())?;
    for ((dataset, column), lines) in empty {
        let lines: Vec<_> = lines.iter().map(|line| format!("`{line}`")).collect();
        let lines = lines.join(", ");
        writeln!(
            out,
            "  where `{dataset}.{column}` is empty, {lines} denies; `present(r.obj.{column}) && …` would not"
        )?;
    }
    Ok(())
}

async fn schema(loaded: &Loaded, catalog: &Catalog) -> anyhow::Result<Schema> {
    let Some(settings) = &loaded.settings.database else { anyhow::bail!("none is configured") };
    let database = Database::open(settings).await?;
    let (schema, _) = dataset::check::check(catalog, &database)
        .await
        .map_err(|errors| anyhow::anyhow!("it is not as declared: {}", listed(&errors)))?;
    Ok(schema)
}
