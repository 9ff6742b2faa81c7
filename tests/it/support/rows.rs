//! Whole answers, page by page, and what a plain connection to the same database says.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection};

use super::client::{Answer, Client};

/// A caller of one server.
pub(crate) struct Caller<'a> {
    pub(crate) client: &'a Client,
    pub(crate) token: String,
}

impl Caller<'_> {
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.client.tool(tool, arguments).token(&self.token).send().await
    }

    /// What a tool says is wrong.
    pub(crate) async fn error(&self, tool: &str, arguments: Value) -> String {
        self.call(tool, arguments).await.tool_error()
    }

    /// Every row that a listing or a search gives, over all pages of this size.
    pub(crate) async fn rows(&self, tool: &str, mut arguments: Value, limit: u64) -> Vec<Value> {
        let mut rows = Vec::new();
        arguments["limit"] = limit.into();
        loop {
            let page = self.call(tool, arguments.clone()).await.structured();
            let page_rows = page["rows"].as_array().unwrap();
            assert!(page_rows.len() as u64 <= limit);
            rows.extend(page_rows.iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return rows };
            arguments["cursor"] = cursor.into();
            assert!(!page_rows.is_empty() && rows.len() < 100_000, "{tool} never ends");
        }
    }

    /// The keys of every row that a listing or a search gives; none comes twice.
    pub(crate) async fn keys(&self, tool: &str, arguments: Value, key: &[&str]) -> BTreeSet<String> {
        let rows = self.rows(tool, arguments, 200).await;
        let keys: BTreeSet<String> = rows.iter().map(|row| key_of(row, key)).collect();
        assert_eq!(keys.len(), rows.len(), "{tool} gave a row twice");
        keys
    }

    pub(crate) async fn count(&self, tool: &str, filter: Value) -> usize {
        let answer = self.call(tool, json!({ "filter": filter })).await.structured();
        usize::try_from(answer["count"].as_u64().unwrap()).unwrap()
    }
}

/// The key of a row as one text: `10248/11`.
pub(crate) fn key_of(row: &Value, key: &[&str]) -> String {
    let part = |name: &&str| {
        let part = &row[*name];
        let number = || part.as_i64().unwrap_or_else(|| panic!("{name} of {row}")).to_string();
        part.as_str().map_or_else(number, ToOwned::to_owned)
    };
    key.iter().map(part).collect::<Vec<_>>().join("/")
}

/// A connection of the test's own.
pub(crate) async fn open(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database).read_only(true).connect().await.unwrap()
}

/// The texts that a statement of the test gives.
pub(crate) async fn texts(connection: &mut SqliteConnection, sql: &str) -> BTreeSet<String> {
    let texts: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap_or_else(|error| {
            panic!("{error} in {sql}");
        });
    texts.into_iter().collect()
}
