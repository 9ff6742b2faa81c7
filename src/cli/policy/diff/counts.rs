//! How many rows each side gives, in the configured database; or why that cannot be said.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Map;

use super::change::{Counted, Person};
use crate::catalog::{Catalog, Operation};
use crate::cli::serve::listed;
use crate::config;
use crate::dataset::{self, CursorKey, Database, Face, Pager, Rows, Schema};
use crate::model::Tenant;
use crate::policy::RowFilter;
use crate::random::OsRandom;

/// Counts the rows of every change. Without a database nothing is counted, and the reason comes back.
pub(super) async fn count(
    people: &mut [Person],
    settings: Option<&config::Database>,
    catalog: &Catalog,
) -> Option<String> {
    let rows = |person: &Person| person.changes.iter().any(|change| change.rows.is_some());
    if !people.iter().any(rows) {
        return None;
    }
    let Some(settings) = settings else { return Some("no database is configured".to_owned()) };
    let mut counter = match Counter::open(settings, catalog).await {
        Ok(counter) => counter,
        Err(error) => return Some(format!("{error:#}")),
    };
    let mut failed = None;
    for person in people {
        let tenant = &person.tenant;
        for rows in person.changes.iter_mut().filter_map(|change| change.rows.as_mut()) {
            for side in [&mut rows.was, &mut rows.now] {
                if let Err(error) = counter.side(side, tenant).await {
                    failed.get_or_insert_with(|| format!("{error:#}"));
                }
            }
        }
    }
    failed
}

/// The protected database, and what was counted in it so far.
struct Counter<'a> {
    database: Database,
    schema: Schema,
    catalog: &'a Catalog,
    key: CursorKey,
    random: OsRandom,
    known: HashMap<Arc<RowFilter>, i64>,
}

impl<'a> Counter<'a> {
    async fn open(settings: &config::Database, catalog: &'a Catalog) -> anyhow::Result<Self> {
        let database = Database::open(settings).await?;
        let (schema, _) = dataset::check::check(catalog, &database)
            .await
            .map_err(|errors| anyhow::anyhow!("the database is not as declared: {}", listed(&errors)))?;
        let key = CursorKey::generate(&OsRandom)?;
        Ok(Self { database, schema, catalog, key, random: OsRandom, known: HashMap::new() })
    }

    async fn side(&mut self, side: &mut Counted, tenant: &Tenant) -> anyhow::Result<()> {
        if let Some(filter) = &side.filter {
            side.number = self.number(filter, tenant).await?;
        }
        Ok(())
    }

    /// People who share a filter are counted once.
    async fn number(&mut self, filter: &Arc<RowFilter>, tenant: &Tenant) -> anyhow::Result<Option<i64>> {
        if let Some(number) = self.known.get(filter) {
            return Ok(Some(*number));
        }
        let Some(dataset) = self.catalog.datasets.get(&filter.dataset) else { return Ok(None) };
        let request = dataset::arguments::parse(Face::declared(dataset), Operation::Count, &Map::new())?;
        let pager = Pager { key: &self.key, random: &self.random, principal: "policy diff", tenant };
        let rows = dataset::preview::preview(&self.database, &self.schema, request, filter, &pager).await?;
        Ok(match rows {
            Rows::Count(number) => {
                self.known.insert(Arc::clone(filter), number);
                Some(number)
            }
            Rows::Page { .. } | Rows::One(_) => None,
        })
    }
}
