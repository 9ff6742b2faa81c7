//! The sample database: two companies in one file, the same rows on every machine.
//!
//! It is written under another name and moved into place when it is whole, so that an interrupted start leaves none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Sqlite, SqliteConnection};

use super::staff;
use super::text::{CUSTOMERS, Dice, PRODUCTS, THEMES, Theme};
use crate::model::Timestamp;

/// How many documents the demo has unless told otherwise.
pub const DEFAULT_ROWS: u64 = 3_000;

/// How many invoices there are for each company.
const INVOICES: u64 = 300;

/// How many documents one statement writes.
const BATCH: u64 = 500;

/// 2024-11-01: the first document.
const FIRST_DAY: i64 = 1_730_419_200;

/// Two years: the last document is of this much later.
const SPAN: i64 = 63_072_000;

/// Why the sample database could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The database could not be written.
    #[error("the sample database `{}` could not be written", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file could not be put in place.
    #[error("the sample database `{}` could not be put in place", file.display())]
    Place {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// Makes the database, with so many documents, unless the file is there; gives whether it was. Says on standard error how far
/// it is.
pub(super) async fn make(file: &Path, rows: u64) -> Result<bool, DataError> {
    if file.exists() {
        return Ok(true);
    }
    let place = |source| DataError::Place { file: file.to_owned(), source };
    let unfinished = file.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(place(error)),
    }
    fill(&unfinished, rows).await.map_err(|source| DataError::Write { file: file.to_owned(), source })?;
    fs::rename(&unfinished, file).map_err(place)?;
    Ok(false)
}

async fn fill(file: &Path, rows: u64) -> Result<(), sqlx::Error> {
    // Nothing is lost with an unfinished file, so nothing is done to save it.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    let bar = ProgressBar::new(rows).with_style(style());
    bar.set_message("sample documents");
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *transaction).await?;
    rooms(&mut transaction).await?;
    people(&mut transaction).await?;
    documents(&mut transaction, rows, &bar).await?;
    invoices(&mut transaction).await?;
    bar.set_message("indexes");
    sqlx::raw_sql(include_str!("indexes.sql")).execute(&mut *transaction).await?;
    bar.set_message("full-text index");
    sqlx::query("INSERT INTO documents_fts (documents_fts) VALUES ('rebuild')").execute(&mut *transaction).await?;
    transaction.commit().await?;
    sqlx::raw_sql("PRAGMA analysis_limit = 1000; ANALYZE").execute(&mut connection).await?;
    // Whoever reads waits for nobody who writes, and looks for no journal before each statement.
    sqlx::raw_sql("PRAGMA journal_mode = wal").execute(&mut connection).await?;
    bar.finish_and_clear();
    connection.close().await
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{msg:18} {bar:40} {human_pos}/{human_len} {elapsed}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

async fn rooms(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO data_rooms (id, tenant_id, name, description) ");
    insert.push_values(THEMES, |mut row, theme| {
        row.push_bind(theme.room).push_bind(theme.tenant).push_bind(theme.name).push_bind(theme.description);
    });
    insert.build().execute(connection).await.map(drop)
}

async fn people(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut insert =
        QueryBuilder::<Sqlite>::new("INSERT INTO people (id, tenant_id, name, title, email, salary, manager_id) ");
    insert.push_values(staff::everyone(), |mut row, person| {
        row.push_bind(person.id.clone())
            .push_bind(person.tenant)
            .push_bind(person.name)
            .push_bind(person.title)
            .push_bind(person.id)
            .push_bind(person.salary)
            .push_bind(person.manager);
    });
    insert.build().execute(connection).await.map(drop)
}

async fn documents(connection: &mut SqliteConnection, rows: u64, bar: &ProgressBar) -> Result<(), sqlx::Error> {
    let writers = Writers::new();
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + BATCH - 1);
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO documents (id, tenant_id, data_room_id, owner_id, title, body, classification, updated_at) ",
        );
        insert.push_values(first..=last, |mut row, id| {
            let mut dice = Dice::new(id);
            let theme = &THEMES[dice.below(THEMES.len())];
            row.push_bind(i64::try_from(id).unwrap_or(i64::MAX))
                .push_bind(theme.tenant)
                .push_bind(theme.room)
                .push_bind(writers.one(theme.tenant, &mut dice))
                .push_bind(theme.title(&mut dice))
                .push_bind(theme.body(&mut dice))
                .push_bind(classification(theme, &mut dice))
                .push_bind(updated_at(id, rows));
        });
        insert.build().execute(&mut *connection).await?;
        bar.inc(last + 1 - first);
        first = last + 1;
    }
    Ok(())
}

/// The handbook is mostly public, the board's papers are mostly secret.
fn classification(theme: &Theme, dice: &mut Dice) -> &'static str {
    let (public, secret) = match theme.room {
        "handbook" => (80, 0),
        "board" => (2, 60),
        _ => (10, 12),
    };
    match dice.below(100) {
        roll if roll < public => "public",
        roll if roll < public + secret => "secret",
        _ => "internal",
    }
}

/// Evenly over two years: the later the document, the larger its id.
fn updated_at(id: u64, rows: u64) -> String {
    let seconds = i128::from(SPAN) * i128::from(id) / i128::from(rows.max(1));
    Timestamp::from_secs(FIRST_DAY + i64::try_from(seconds).unwrap_or(0)).to_string()
}

/// Who can have written a document: everyone in the company but its guests.
struct Writers {
    acme: Vec<String>,
    globex: Vec<String>,
}

impl Writers {
    fn new() -> Self {
        let of = |tenant: &str| {
            let own = staff::everyone().into_iter().filter(|person| person.tenant == tenant && person.salary.is_some());
            own.map(|person| person.id).collect()
        };
        Self { acme: of("acme"), globex: of("globex") }
    }

    fn one(&self, tenant: &str, dice: &mut Dice) -> String {
        let writers = if tenant == "acme" { &self.acme } else { &self.globex };
        writers[dice.below(writers.len())].clone()
    }
}

async fn invoices(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for (tenant, owners, letter) in [
        ("acme", ["bob@acme.example", "ada@acme.example", "gustav.keller@acme.example"], 'A'),
        ("globex", ["dave@globex.example", "zoe.brandt@globex.example", "dave@globex.example"], 'G'),
    ] {
        for number in 1..=INVOICES {
            let mut dice = Dice::new(number + u64::from(u32::from(letter)) * 1_000_000);
            invoice(connection, tenant, &owners, &format!("{letter}-{:05}", 10_000 + number), number, &mut dice)
                .await?;
        }
    }
    Ok(())
}

async fn invoice(
    connection: &mut SqliteConnection,
    tenant: &'static str,
    owners: &[&'static str],
    id: &str,
    number: u64,
    dice: &mut Dice,
) -> Result<(), sqlx::Error> {
    let mut total = 0;
    let mut lines = Vec::new();
    for line in 1..=(1 + dice.below(4)) {
        let (quantity, cents) = (1 + dice.below(40), 1_900 + dice.below(90_000));
        total += quantity * cents;
        lines.push((line, dice.pick(PRODUCTS), quantity, cents));
    }
    let issued = updated_at(number, INVOICES);
    let (date, _) = issued.split_once('T').unwrap_or((&issued, ""));
    sqlx::query(
        "INSERT INTO invoices (id, tenant_id, owner_id, customer, amount, currency, status, issued_at)
         VALUES ($1, $2, $3, $4, $5, 'EUR', $6, $7)",
    )
    .bind(id)
    .bind(tenant)
    .bind(dice.pick(owners))
    .bind(dice.pick(CUSTOMERS))
    .bind(euro(total))
    .bind(dice.pick(&["paid", "paid", "paid", "sent", "overdue", "draft"]))
    .bind(date)
    .execute(&mut *connection)
    .await?;
    for (line, product, quantity, cents) in lines {
        sqlx::query(
            "INSERT INTO invoice_lines (invoice_id, line_no, description, quantity, unit_price) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(i64::try_from(line).unwrap_or(i64::MAX))
        .bind(product)
        .bind(i64::try_from(quantity).unwrap_or(i64::MAX))
        .bind(euro(cents))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn euro(cents: usize) -> f64 {
    u32::try_from(cents).map_or(f64::MAX, f64::from) / 100.0
}
