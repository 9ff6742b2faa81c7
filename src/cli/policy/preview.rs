//! The protected data, read as somebody who has sent no token.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use serde_json::{Map, Value as Json};

use crate::catalog::{Catalog, Column, ColumnType, Dataset, Operation, TenantRule};
use crate::cli::serve::listed;
use crate::config;
use crate::dataset::preview::{self, WrittenRow};
use crate::dataset::{self, CursorKey, Database, Face, Pager, Request, Rows, Schema, Statement, Table};
use crate::model::{Name, Tenant};
use crate::policy::{ParentFilter, Predicate, Row, RowFilter, Truth};
use crate::random::OsRandom;

/// How long one statement on written rows may run.
const LIMIT: Duration = Duration::from_secs(30);

/// A database that was held against the declarations.
#[derive(Debug)]
pub(super) struct Preview {
    database: Database,
    schema: Schema,
    key: CursorKey,
}

impl Preview {
    /// Opens the configured database.
    pub(super) async fn open(settings: &config::Database, catalog: &Catalog) -> anyhow::Result<Self> {
        let database = Database::open(settings).await?;
        let (schema, _) = dataset::check::check(catalog, &database)
            .await
            .map_err(|errors| anyhow::anyhow!("the database is not as declared: {}", listed(&errors)))?;
        Ok(Self { database, schema, key: CursorKey::generate(&OsRandom)? })
    }

    /// Makes a database of written rows at a path where nothing is yet, and opens it.
    ///
    /// The outer error is about the machine, the inner one about a row: its place in the list, and why it is not taken.
    pub(super) async fn written(
        path: &Path,
        catalog: &Catalog,
        rows: &[WrittenRow],
    ) -> anyhow::Result<Result<Self, (usize, String)>> {
        // Words are searched for nowhere here, and a full-text table would have to be filled.
        let plain = |dataset: &Arc<Dataset>| {
            let mut dataset = Dataset::clone(dataset);
            if let Some(search) = &mut dataset.search {
                search.fts = None;
            }
            (dataset.name.clone(), Arc::new(dataset))
        };
        let catalog = Catalog { datasets: catalog.datasets.values().map(plain).collect(), ..Catalog::default() };
        match preview::make(path, &catalog, rows).await {
            Ok(()) => {}
            Err(preview::SampleError::Row { index, source }) => return Ok(Err((index, source.to_string()))),
            Err(error @ preview::SampleError::Make(_)) => return Err(error.into()),
        }
        let settings = config::Database { path: path.to_owned(), connections: 1, statement_timeout: LIMIT };
        Self::open(&settings, &catalog).await.map(Ok)
    }

    fn pager<'a>(&'a self, tenant: &'a Tenant) -> Pager<'a> {
        Pager { key: &self.key, random: &OsRandom, principal: "bailiwick policy", tenant }
    }

    /// The statement of the first page.
    pub(super) fn statement(&self, face: Face, filter: &RowFilter, tenant: &Tenant) -> anyhow::Result<Statement> {
        let request = dataset::arguments::parse(face, Operation::List, &Map::new())?;
        Ok(preview::statement(&self.schema, request, filter, &self.pager(tenant))?)
    }

    async fn read(&self, request: Request, filter: &RowFilter, tenant: &Tenant) -> anyhow::Result<Rows> {
        Ok(preview::preview(&self.database, &self.schema, request, filter, &self.pager(tenant)).await?)
    }

    /// The row as its reader is answered, by the statement that would serve it; `None` where it is not in the filter.
    pub(super) async fn get(
        &self,
        face: Face,
        key: &RowKey,
        filter: &RowFilter,
        tenant: &Tenant,
    ) -> anyhow::Result<Option<Table>> {
        match self.read(key.request(face)?, filter, tenant).await? {
            Rows::One(table) => Ok(Some(table).filter(|table| !table.rows.is_empty())),
            Rows::Page { .. } | Rows::Count(_) => bail!("the database answered in an unexpected form"),
        }
    }

    /// How many rows are in the filter.
    pub(super) async fn count(&self, face: Face, filter: &RowFilter, tenant: &Tenant) -> anyhow::Result<i64> {
        let request = dataset::arguments::parse(face, Operation::Count, &Map::new())?;
        match self.read(request, filter, tenant).await? {
            Rows::Count(count) => Ok(count),
            Rows::Page { .. } | Rows::One(_) => bail!("the database answered in an unexpected form"),
        }
    }

    /// The keys of the first rows in the filter, as many as a page can have; none where lists do not have the key.
    pub(super) async fn keys(&self, face: Face, filter: &RowFilter, tenant: &Tenant) -> anyhow::Result<Vec<RowKey>> {
        let dataset = Arc::clone(face.dataset());
        let page = Map::from_iter([("limit".to_owned(), Json::from(dataset::arguments::MAX_LIMIT))]);
        let request = dataset::arguments::parse(face, Operation::List, &page)?;
        let Rows::Page { table, .. } = self.read(request, filter, tenant).await? else { return Ok(Vec::new()) };
        let place = |name: &Name| table.columns.iter().position(|column| column == name);
        let Some(places) = dataset.key.iter().map(place).collect::<Option<Vec<usize>>>() else { return Ok(Vec::new()) };
        let key = |row: &Vec<Json>| -> Option<RowKey> {
            let parts = places.iter().map(|place| row.get(*place).cloned()).collect::<Option<Vec<Json>>>()?;
            RowKey::new(&shown(&parts), &dataset, parts).ok()
        };
        Ok(table.rows.iter().filter_map(key).collect())
    }

    /// The row with every declared column, if it is in the filter.
    pub(super) async fn row(
        &self,
        dataset: &Arc<Dataset>,
        key: &RowKey,
        filter: &RowFilter,
    ) -> anyhow::Result<Option<Row>> {
        let request = key.request(Face::declared(dataset))?;
        Ok(preview::row(&self.database, &self.schema, &request, filter).await?)
    }

    /// Whether there is such a row, whoever it belongs to.
    pub(super) async fn exists(&self, dataset: &Arc<Dataset>, key: &RowKey) -> anyhow::Result<bool> {
        Ok(self.row(dataset, key, &everything(dataset)).await?.is_some())
    }
}

/// The key of one row.
#[derive(Debug, Clone)]
pub(super) struct RowKey {
    /// As it was typed.
    pub(super) shown: String,
    arguments: Map<String, Json>,
}

impl PartialEq for RowKey {
    /// Two spellings of one key are one key.
    fn eq(&self, other: &Self) -> bool {
        self.arguments == other.arguments
    }
}

impl RowKey {
    /// Reads the values of a key, in their order. What is written without quotes may be an identifier.
    ///
    /// # Errors
    ///
    /// Says what is wrong with them, to be put behind the key.
    pub(super) fn new(shown: &str, dataset: &Arc<Dataset>, parts: Vec<Json>) -> Result<Self, String> {
        if parts.len() != dataset.key.len() {
            let names: Vec<_> = dataset.key.iter().map(ToString::to_string).collect();
            return Err(format!("has {} part(s); the key of `{}` is {}", parts.len(), dataset.name, names.join(",")));
        }
        let is_text = |column: &Column| matches!(column.kind, ColumnType::Id | ColumnType::Text);
        let typed = dataset.key.iter().zip(parts).map(|(column, part)| {
            let part = match (dataset.column(column.as_str()), part) {
                (Some(column), Json::String(text)) if !is_text(column) => {
                    serde_json::from_str(&text).unwrap_or(Json::String(text))
                }
                (Some(column), Json::Number(number)) if is_text(column) => Json::String(number.to_string()),
                (_, part) => part,
            };
            (column.to_string(), part)
        });
        let key = Self { shown: shown.to_owned(), arguments: typed.collect() };
        match dataset::arguments::parse(Face::declared(dataset), Operation::Get, &key.arguments) {
            Ok(_) => Ok(key),
            Err(error) => Err(format!("is no key: {error}")),
        }
    }

    fn request(&self, face: Face) -> anyhow::Result<Request> {
        Ok(dataset::arguments::parse(face, Operation::Get, &self.arguments)?)
    }
}

/// A key as it is typed.
pub(super) fn shown(parts: &[Json]) -> String {
    let part = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

/// Every row of a dataset, whoever it belongs to.
fn everything(dataset: &Dataset) -> RowFilter {
    RowFilter {
        dataset: dataset.name.clone(),
        tenant: None,
        data_room: None,
        parent: None,
        allow: vec![Predicate::Known(Truth::True)],
        deny: Vec::new(),
    }
}

/// Every row of a dataset that belongs to a tenant, whatever the policy says; `None` where none can.
pub(super) fn of_tenant(dataset: &Dataset, tenant: &Tenant, catalog: &Catalog) -> Option<RowFilter> {
    let all = everything(dataset);
    match &dataset.tenant {
        TenantRule::Shared => Some(all),
        TenantRule::Fixed(owner) => (owner == tenant).then_some(all),
        TenantRule::Column(column) => Some(RowFilter { tenant: Some((column.clone(), tenant.clone())), ..all }),
        TenantRule::Inherited => {
            let within = dataset.within.as_ref()?;
            // The catalog refuses cycles.
            let filter = Arc::new(of_tenant(catalog.datasets.get(&within.dataset)?, tenant, catalog)?);
            let by = within.by.iter().map(|(own, key)| (own.clone(), key.clone())).collect();
            Some(RowFilter { parent: Some(ParentFilter { by, filter }), ..all })
        }
    }
}
