//! A temporary database, and the shortest way from arguments to an answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::catalog::Operation;
use crate::catalog::{
    Catalog, Column, ColumnType, Confirm, Dataset, Direction, OrderTerm, RoomRule, RowResource, Search, TenantRule,
    TimeStorage,
};
use crate::dataset::check::{CheckError, Warning, check};
use crate::dataset::preview::{PreviewError, preview};
use crate::dataset::{CursorKey, Database, Face, Pager, Rows, Schema, Statement, arguments, preview as shown};
use crate::model::{Attributes, Context, Name, Person, Proof, Requester, Scopes, Subject, Tenant, Timestamp};
use crate::policy::{Predicate, RowFilter, Truth};
use crate::random::OsRandom;

pub(in crate::dataset) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Somebody of acme, known by this identifier.
pub(in crate::dataset) fn person(user: &str) -> Person {
    let requester = Requester {
        tenant: "acme".parse().unwrap(),
        names: [format!("user:{user}").into()].into(),
        attributes: Attributes::default(),
        context: Context::default(),
    };
    let subject = Subject { issuer: "demo".parse().unwrap(), id: "1".parse().unwrap() };
    let expires = Timestamp::from_secs(0);
    let taken_until = expires;
    Person::of(
        &requester,
        &Proof { subject, actor: None, client: None, scopes: Scopes::default(), expires, taken_until },
    )
}

/// A column as `name = { type = … }` declares it.
pub(in crate::dataset) fn column(text: &str, kind: ColumnType) -> Column {
    Column {
        name: name(text),
        source: text.to_owned(),
        kind,
        description: None,
        expose: true,
        list: true,
        protected: false,
        values: None,
    }
}

/// A shared dataset over the table of the same name, with its first column as key.
pub(in crate::dataset) fn dataset(table: &str, columns: Vec<Column>) -> Dataset {
    Dataset {
        name: name(table),
        table: table.to_owned(),
        description: format!("The {table} of the test"),
        key: vec![columns[0].name.clone()],
        tenant: TenantRule::Shared,
        data_room: RoomRule::Ignored,
        within: None,
        search: None,
        order: Vec::new(),
        resource: Some(RowResource::default()),
        changed: None,
        writable: std::collections::BTreeSet::new(),
        confirm: Confirm::default(),
        columns,
    }
}

pub(in crate::dataset) fn catalog(datasets: impl IntoIterator<Item = Dataset>) -> Catalog {
    let datasets = datasets.into_iter().map(|dataset| (dataset.name.clone(), Arc::new(dataset))).collect();
    Catalog { datasets, ..Catalog::default() }
}

/// A database file made by these statements.
pub(in crate::dataset) async fn file(sql: &str) -> (TempDir, crate::config::Database) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("company.db");
    let mut connection = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let settings = crate::config::Database { path, connections: 2, statement_timeout: Duration::from_secs(20) };
    (directory, settings)
}

/// A database with its checked datasets.
pub(in crate::dataset) struct World {
    pub(in crate::dataset) database: Database,
    pub(in crate::dataset) schema: Schema,
    key: CursorKey,
    tenant: Tenant,
    directory: TempDir,
}

/// The result of the checks alone.
pub(in crate::dataset) async fn checked(
    sql: &str,
    datasets: Vec<Dataset>,
) -> Result<(Schema, Vec<Warning>), Vec<CheckError>> {
    let (_directory, settings) = file(sql).await;
    let database = Database::open(&settings).await.unwrap();
    check(&catalog(datasets), &database).await
}

impl World {
    pub(in crate::dataset) async fn new(sql: &str, datasets: Vec<Dataset>) -> Self {
        let (directory, settings) = file(sql).await;
        let database = Database::open(&settings).await.unwrap();
        let (schema, _) = check(&catalog(datasets), &database).await.unwrap();
        let key = CursorKey::generate(&OsRandom).unwrap();
        Self { database, schema, key, tenant: "acme".parse().unwrap(), directory }
    }

    pub(in crate::dataset) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("company.db")
    }

    pub(in crate::dataset) fn pager<'a>(&'a self, principal: &'a str) -> Pager<'a> {
        Pager { key: &self.key, random: &OsRandom, principal, tenant: &self.tenant }
    }

    pub(in crate::dataset) fn dataset(&self, name: &str) -> &Arc<Dataset> {
        &self.schema.relations[&name.parse::<Name>().unwrap()].dataset
    }

    pub(in crate::dataset) async fn rows(
        &self,
        operation: Operation,
        filter: &RowFilter,
        arguments: Json,
    ) -> Result<Rows, PreviewError> {
        let face = Face::declared(self.dataset(filter.dataset.as_str()));
        let request = arguments::parse(face, operation, &object(arguments)).unwrap();
        preview(&self.database, &self.schema, request, filter, &self.pager("test/ada")).await
    }

    /// The structured answer of a tool that is called as `test/ada`.
    pub(in crate::dataset) async fn call(&self, operation: Operation, filter: &RowFilter, arguments: Json) -> Json {
        let rows = self.rows(operation, filter, arguments).await.unwrap();
        rows.structured(&self.pager("test/ada")).unwrap().map_or(Json::Null, Json::Object)
    }

    pub(in crate::dataset) fn statement(&self, operation: Operation, filter: &RowFilter, arguments: Json) -> Statement {
        let face = Face::declared(self.dataset(filter.dataset.as_str()));
        let request = arguments::parse(face, operation, &object(arguments)).unwrap();
        shown::statement(&self.schema, request, filter, &self.pager("test/ada")).unwrap()
    }
}

pub(in crate::dataset) fn object(value: Json) -> Map<String, Json> {
    let Json::Object(object) = value else { panic!("{value} is not an object") };
    object
}

/// A filter that leaves every row.
pub(in crate::dataset) fn everything(dataset: &str) -> RowFilter {
    RowFilter {
        dataset: name(dataset),
        tenant: None,
        data_room: None,
        parent: None,
        allow: vec![Predicate::Known(Truth::True)],
        deny: Vec::new(),
    }
}

/// A filter that leaves one tenant's rows.
pub(in crate::dataset) fn tenant(dataset: &str, tenant: &str) -> RowFilter {
    RowFilter { tenant: Some((name("tenant_id"), tenant.parse().unwrap())), ..everything(dataset) }
}

pub(in crate::dataset) fn descending(column: &str) -> OrderTerm {
    OrderTerm { column: name(column), direction: Direction::Descending }
}

pub(in crate::dataset) const DOCUMENTS: &str = "
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, room TEXT, title TEXT, body TEXT, secret TEXT,
        classification TEXT, amount NUMERIC, done BOOLEAN, updated_at TEXT, extra TEXT, picture BLOB);
    CREATE INDEX documents_scope ON documents (tenant_id, updated_at DESC, id DESC);
    CREATE INDEX documents_rooms ON documents (tenant_id, room, updated_at DESC, id DESC);
    CREATE VIRTUAL TABLE documents_fts USING fts5(title, body, secret, content='documents', content_rowid='id');
    INSERT INTO documents VALUES
        (1, 'acme', 'finance', 'Budget plan', 'The \"quarterly\" budget', 'hush', 'internal', 12.5, 1,
            '2026-01-03T10:00:00Z', '{\"a\": [1]}', x'00ff'),
        (2, 'acme', 'legal', 'Contract', 'Between Acme and Zoë', 'whisper', 'secret', 9007199254740993, 0,
            '2026-01-02 10:00:00', 'not json', NULL),
        (3, 'acme', NULL, 'Menu', 'Soup of the day', NULL, 'public', NULL, NULL, NULL, NULL, NULL),
        (4, 'globex', 'finance', 'Budget of Globex', 'Their budget', 'hush', 'secret', 99, 1,
            '2026-01-04T10:00:00Z', NULL, NULL),
        (5, 'acme', 'finance', 'Odd row', 7, NULL, 'public', 'much', 2, 'yesterday', '5', 'text');
    INSERT INTO documents_fts (documents_fts) VALUES ('rebuild');
";

/// The dataset over [`DOCUMENTS`].
pub(in crate::dataset) fn documents() -> Dataset {
    let mut secret = column("secret", ColumnType::Text);
    secret.protected = true;
    let mut tenant_id = column("tenant_id", ColumnType::Text);
    tenant_id.expose = false;
    let mut body = column("body", ColumnType::Text);
    body.list = false;
    let mut classification = column("classification", ColumnType::Text);
    classification.values = Some(["public", "internal", "secret"].map(str::to_owned).to_vec());
    classification.description = Some("Who may read it".to_owned());
    let columns = vec![
        column("id", ColumnType::Id),
        tenant_id,
        column("room", ColumnType::Id),
        column("title", ColumnType::Text),
        body,
        secret,
        classification,
        column("amount", ColumnType::Number),
        column("done", ColumnType::Boolean),
        column("updated_at", ColumnType::Time(TimeStorage::Text)),
        column("extra", ColumnType::Json),
        column("picture", ColumnType::Bytes),
    ];
    Dataset {
        tenant: TenantRule::Column(name("tenant_id")),
        data_room: RoomRule::Column(name("room")),
        search: Some(Search {
            columns: vec![name("title"), name("body"), name("secret")],
            fts: Some("documents_fts".to_owned()),
        }),
        order: vec![descending("updated_at")],
        ..dataset("documents", columns)
    }
}
