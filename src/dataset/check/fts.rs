//! The full-text table of a search: it is FTS5, has the searched columns, and its rowids are the table's.

use super::object::{Catalogue, Object};
use super::{CheckError, Findings, Warning};
use crate::catalog::{Change, Column, ColumnType, Dataset};
use crate::dataset::cell::Cell;
use crate::dataset::database::{Database, DatabaseError};
use crate::dataset::sql::match_expression;
use crate::dataset::statement::{Bind, Statement};
use crate::model::{nearest, suggestion};

/// How many rows of an untied full-text table are looked up in the table.
const SAMPLE: i64 = 1_000;

pub(super) async fn check(
    dataset: &Dataset,
    object: &Object,
    catalogue: &Catalogue,
    database: &Database,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let Some(search) = &dataset.search else { return Ok(()) };
    let Some(fts) = &search.fts else { return Ok(()) };
    let refuse = |why: String| CheckError::Fts { dataset: dataset.name.clone(), fts: fts.clone(), why };
    if !object.has_rowid {
        let why = format!("`{}` has no rowids (it is a view, or WITHOUT ROWID)", object.name);
        return Err(refuse(why));
    }
    if let Some(column) = object.columns.iter().find(|c| c.name.eq_ignore_ascii_case("rowid") && !c.is_rowid) {
        return Err(refuse(format!("`{}` has a column called `{}` that is not its rowid", object.name, column.name)));
    }
    if catalogue.entry(fts).is_none() {
        return Err(refuse(format!("there is no such table{}", suggestion(nearest(fts, catalogue.names())))));
    }
    let text = definition(fts, database).await.map_err(|_| refuse("its definition cannot be read".to_owned()))?;
    let Some(options) = text.as_deref().and_then(options) else {
        return Err(refuse("it is not an FTS5 table".to_owned()));
    };
    let untended = untended(dataset, object, fts, database).await;
    if let Some(change) = untended.map_err(|_| refuse("the triggers of its table cannot be read".to_owned()))? {
        return Err(refuse(format!(
            "the dataset is `writable`, and no trigger of `{}` keeps it after {}: it would go on finding what is no longer there; \
             create the triggers, or leave `fts` out",
            object.name,
            event_of(change).to_uppercase()
        )));
    }
    let columns: Vec<&Column> = dataset.searched().collect();
    if let Some(column) = columns.iter().find(|column| column.kind != ColumnType::Text) {
        return Err(refuse(format!("`{}` is not a text column", column.name)));
    }
    if !columns.is_empty() && probe(fts, &columns, database).await.is_err() {
        let names: Vec<&str> = columns.iter().map(|column| column.source.as_str()).collect();
        return Err(refuse(format!("it does not index every searched column ({})", names.join(", "))));
    }
    let option = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match option("content") {
        Some(table) if !table.is_empty() => {
            if !table.eq_ignore_ascii_case(&object.name) {
                return Err(refuse(format!("its content is `{table}`, not `{}`", object.name)));
            }
            let rowid = object.columns.iter().find(|column| column.is_rowid).map(|column| column.name.as_str());
            match option("content_rowid") {
                None => {}
                Some(name) if name.eq_ignore_ascii_case("rowid") => {}
                Some(name) if rowid.is_some_and(|rowid| rowid.eq_ignore_ascii_case(name)) => {}
                Some(name) => {
                    return Err(refuse(format!("its content_rowid `{name}` is not the table's rowid")));
                }
            }
        }
        Some(_) | None => {
            let strays = strays(fts, object, database).await;
            if strays.map_err(|_| refuse("its rows cannot be compared with the table's".to_owned()))? {
                return Err(refuse(format!("it has rows whose rowid is not in `{}`", object.name)));
            }
            findings.warnings.push(Warning::FtsNotTied { dataset: dataset.name.clone(), fts: fts.clone() });
        }
    }
    Ok(())
}

/// The first change of the dataset after which no trigger says anything to the full-text table.
async fn untended(
    dataset: &Dataset,
    object: &Object,
    fts: &str,
    database: &Database,
) -> Result<Option<Change>, DatabaseError> {
    if dataset.writable.is_empty() {
        return Ok(None);
    }
    let mut statement = Statement::default();
    // Neither the event nor the table is looked for in the trigger's own name, which comes first.
    statement.sql("SELECT lower(name), lower(sql) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ");
    statement.bind(Bind::Text(object.name.as_str().into())).sql(" COLLATE NOCASE");
    let mut triggers = Vec::new();
    for row in database.fetch(statement).await? {
        if let [Some(name), Some(sql)] = &row.into_iter().map(text).collect::<Vec<_>>()[..] {
            triggers.push(sql.replacen(name, "", 1));
        }
    }
    let fts = fts.to_ascii_lowercase();
    let tends = |trigger: &String, change: Change| {
        let mut head = trigger.split_whitespace().take_while(|word| *word != "on");
        head.any(|word| word == event_of(change)) && trigger.contains(&fts)
    };
    let tended = |change: &Change| triggers.iter().any(|trigger| tends(trigger, *change));
    Ok(dataset.writable.iter().copied().find(|change| !tended(change)))
}

/// The event of a trigger that follows such a change.
fn event_of(change: Change) -> &'static str {
    match change {
        Change::Create => "insert",
        Change::Update => "update",
        Change::Delete => "delete",
    }
}

fn text(cell: Cell) -> Option<String> {
    if let Cell::Text(text) = cell { Some(text) } else { None }
}

async fn definition(fts: &str, database: &Database) -> Result<Option<String>, DatabaseError> {
    let mut statement = Statement::default();
    statement.sql("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ").bind(Bind::Text(fts.into()));
    let row = database.fetch(statement).await?.pop().and_then(|mut row| row.pop());
    Ok(row.and_then(text))
}

/// Runs a search that finds nothing, over exactly the columns that searches will name.
async fn probe(fts: &str, columns: &[&Column], database: &Database) -> Result<(), DatabaseError> {
    let expression = match_expression(columns, &["bailiwick".into()]);
    let mut statement = Statement::default();
    statement.sql("SELECT rowid FROM ").name(fts).sql(" WHERE ").name(fts).sql(" MATCH ");
    statement.bind(Bind::Text(expression.into())).sql(" LIMIT 1");
    database.fetch(statement).await.map(|_| ())
}

async fn strays(fts: &str, object: &Object, database: &Database) -> Result<bool, DatabaseError> {
    let mut statement = Statement::default();
    statement.sql("SELECT 1 FROM (SELECT rowid AS id FROM ").name(fts).sql(" LIMIT ");
    statement.bind(Bind::Integer(SAMPLE)).sql(") AS f WHERE NOT EXISTS (SELECT 1 FROM ").name(&object.name);
    statement.sql(" AS t WHERE t.rowid = f.id) LIMIT 1");
    Ok(!database.fetch(statement).await?.is_empty())
}

/// The `key = value` arguments of `CREATE VIRTUAL TABLE … USING fts5(…)`; `None` for another kind of table.
fn options(sql: &str) -> Option<Vec<(String, String)>> {
    let lower = sql.to_ascii_lowercase();
    let using = lower.find(" using ")?;
    let rest = sql.get(using + " using ".len()..)?.trim_start();
    let open = rest.find('(')?;
    let (module, arguments) = rest.split_at_checked(open)?;
    if !module.trim().eq_ignore_ascii_case("fts5") {
        return None;
    }
    let arguments = arguments.get(1..arguments.rfind(')')?)?;
    let pairs = split(arguments).into_iter().filter_map(|argument| {
        let (key, value) = argument.split_once('=')?;
        Some((key.trim().to_ascii_lowercase(), unquoted(value.trim())))
    });
    Some(pairs.collect())
}

/// Splits at the commas that stand outside of quotes.
fn split(arguments: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (index, c) in arguments.char_indices() {
        match (quote, c) {
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (Some(open), c) if c == open => quote = None,
            (None, ',') => {
                parts.extend(arguments.get(start..index));
                start = index + 1;
            }
            (None | Some(_), _) => {}
        }
    }
    parts.extend(arguments.get(start..));
    parts
}

fn unquoted(value: &str) -> String {
    let mut inner = value.chars();
    let (first, last) = (inner.next(), inner.next_back());
    match (first, last) {
        (Some(quote @ ('\'' | '"' | '`')), Some(end)) if quote == end => {
            inner.as_str().replace(&format!("{quote}{quote}"), &quote.to_string())
        }
        (Some('['), Some(']')) => inner.as_str().to_owned(),
        (_, _) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_a_full_text_table_are_read_whatever_their_quotes() {
        let sql =
            "CREATE VIRTUAL TABLE \"docs fts\" USING FTS5(title, body, content = 'Order, Details', content_rowid=[id])";
        let options = options(sql).unwrap();
        assert!(options.contains(&("content".to_owned(), "Order, Details".to_owned())));
        assert!(options.contains(&("content_rowid".to_owned(), "id".to_owned())));
        assert!(super::options("CREATE VIRTUAL TABLE f USING fts4(title)").is_none());
        assert!(super::options("CREATE TABLE f (title)").is_none());
    }
}
