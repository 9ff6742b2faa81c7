//! `bailiwick policy explain`: the lines considered, what each came to, what decided, the SQL.

use std::fs;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value as Json};

use super::{person, words};
use crate::catalog::{Catalog, ColumnType, Dataset, Operation};
use crate::cli::arguments::Explain;
use crate::cli::serve::listed;
use crate::config::Loaded;
use crate::dataset::{self, CursorKey, Database, Pager, Schema, Statement};
use crate::model::{Context, Name, Tenant};
use crate::policy::{Explanation, LineRef, Object, Permission, Predicate, RowFilter, RowRule, Snapshot, Truth};
use crate::random::OsRandom;
use crate::store::audit::Verdict;

/// Explains one decision. The exit code is 0 where it is allowed, 1 where it is denied.
pub(super) async fn run(
    request: &Explain,
    loaded: &Loaded,
    catalog: &Catalog,
    policy: &Snapshot,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let tenant = person::tenant(&request.tenant, catalog)?;
    let context = Context {
        agent: request.agent.as_deref().map(str::parse).transpose().context("--agent")?,
        data_room: request.data_room.as_deref().map(str::parse).transpose().context("--data-room")?,
        thread: None,
    };
    let mut requester = person::requester(&tenant, &request.names, context)?;
    if let Some(file) = &request.claims {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        person::add_claims(&mut requester.attributes, &text, catalog)?;
    }
    let (object, permission) = object(request, catalog)?;
    let explanation = policy.explain(&requester, &object, permission);
    writeln!(
        out,
        "{permission} {object} as {} of {tenant}, policy revision {}",
        request.names.join(", "),
        policy.revision()
    )?;
    lines(&explanation, out)?;
    let Object::Dataset(name) = &object else { return verdict(&explanation, out) };

    let rows = policy.rows(&requester, name, permission);
    let RowRule::Filter(filter) = &rows.rule else { return verdict(&explanation, out) };
    writeln!(out, "\nrows: {}", words::extent(&rows.rule))?;
    for line in words::rows(&rows.rule) {
        writeln!(out, "  {line}")?;
    }
    let Some(settings) = &loaded.settings.database else { return verdict(&explanation, out) };
    let dataset = &catalog.datasets[name];
    let preview = Preview::open(settings, catalog, dataset, &tenant).await?;
    let statement = preview.statement(filter)?;
    let (text, values) = statement.parts();
    writeln!(out, "\nSQL\n  {text}")?;
    for (index, value) in values.iter().enumerate() {
        writeln!(out, "  ${} = {value:?}", index + 1)?;
    }
    let Some(key) = &request.row else { return verdict(&explanation, out) };
    let found = preview.holds(filter, key).await?;
    writeln!(
        out,
        "\nrow {key}: {}",
        if found { "in these rows" } else { "not in these rows, or there is no such row" }
    )?;
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The protected database, read as somebody who has sent no token.
struct Preview<'a> {
    database: Database,
    schema: Schema,
    dataset: &'a Arc<Dataset>,
    key: CursorKey,
    random: OsRandom,
    tenant: &'a Tenant,
}

impl<'a> Preview<'a> {
    async fn open(
        settings: &crate::config::Database,
        catalog: &Catalog,
        dataset: &'a Arc<Dataset>,
        tenant: &'a Tenant,
    ) -> anyhow::Result<Self> {
        let database = Database::open(settings).await?;
        let (schema, _) = dataset::check::check(catalog, &database)
            .await
            .map_err(|errors| anyhow::anyhow!("the database is not as declared: {}", listed(&errors)))?;
        Ok(Self { database, schema, dataset, key: CursorKey::generate(&OsRandom)?, random: OsRandom, tenant })
    }

    fn pager(&self) -> Pager<'_> {
        Pager { key: &self.key, random: &self.random, principal: "policy explain", tenant: self.tenant }
    }

    /// The statement of the first page.
    fn statement(&self, filter: &RowFilter) -> anyhow::Result<Statement> {
        let request = dataset::arguments::parse(self.dataset, Operation::List, &Map::new())?;
        Ok(dataset::preview::statement(&self.schema, request, filter, &self.pager())?)
    }

    /// Says whether the row of this key is in the filter.
    async fn holds(&self, filter: &RowFilter, key: &str) -> anyhow::Result<bool> {
        let parts: Vec<_> = key.split(',').collect();
        let columns = &self.dataset.key;
        if parts.len() != columns.len() {
            let names: Vec<_> = columns.iter().map(ToString::to_string).collect();
            bail!("--row has {} part(s); the key of `{}` is {}", parts.len(), self.dataset.name, names.join(","));
        }
        let typed = columns.iter().zip(parts).map(|(column, part)| {
            let is_id = self
                .dataset
                .column(column.as_str())
                .is_none_or(|column| matches!(column.kind, ColumnType::Id | ColumnType::Text));
            let value =
                if is_id { Json::from(part) } else { serde_json::from_str(part).unwrap_or_else(|_| Json::from(part)) };
            (column.to_string(), value)
        });
        let request = dataset::arguments::parse(self.dataset, Operation::Get, &typed.collect())?;
        let rows = dataset::preview::preview(&self.database, &self.schema, request, filter, &self.pager()).await?;
        Ok(!rows.is_empty())
    }
}

fn object(request: &Explain, catalog: &Catalog) -> anyhow::Result<(Object, Permission)> {
    let asked = &request.object;
    let name = |text: &str| text.parse::<Name>().map_err(anyhow::Error::from);
    if let Some(tool) = &asked.tool {
        let generated = catalog.generated_tools().find(|(name, ..)| name.as_str() == tool);
        if let Some((_, _, dataset)) = generated {
            bail!("`{tool}` comes with a dataset and is there when its rows are\nhint: --dataset {}", dataset.name);
        }
        return Ok((Object::Tool(name(tool)?), Permission::Call));
    }
    if let Some(uri) = &asked.resource {
        return Ok((Object::Resource(uri.as_str().into()), Permission::Read));
    }
    let dataset = asked.dataset.as_deref().unwrap_or_default();
    if !catalog.datasets.contains_key(dataset) {
        let known: Vec<_> = catalog.datasets.keys().map(ToString::to_string).collect();
        bail!("`{dataset}` is not a declared dataset; there are: {}", known.join(", "));
    }
    Ok((Object::Dataset(name(dataset)?), Permission::Read))
}

fn lines(explanation: &Explanation, out: &mut dyn Write) -> anyhow::Result<()> {
    let names: Vec<_> = explanation.names.iter().map(ToString::to_string).collect();
    writeln!(out, "names: {}\n", names.join(", "))?;
    if explanation.lines.is_empty() {
        writeln!(out, "no line of the policy is about this")?;
    }
    for line in &explanation.lines {
        let effect = match line.effect {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
        };
        let came_to = match (line.matched, &line.left) {
            (false, _) => format!("plays no part: not {}", line.who),
            (true, Predicate::Known(Truth::True)) => format!("{effect}: its condition is true"),
            (true, Predicate::Known(Truth::False)) => "plays no part: its condition is false".to_owned(),
            (true, Predicate::Known(Truth::Unknown)) => match line.effect {
                Verdict::Allow => {
                    "plays no part: its condition cannot be said, and what is not known grants nothing".to_owned()
                }
                Verdict::Deny => "deny: its condition cannot be said, and what is not known denies".to_owned(),
            },
            (true, left) => format!("{effect} where {}", words::condition(left)),
        };
        writeln!(out, "{:<18} {}", line.line.to_string(), line.text)?;
        writeln!(out, "{:<18} -> {came_to}", "")?;
    }
    Ok(())
}

fn verdict(explanation: &Explanation, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let decision = &explanation.decision;
    let denies =
        |line: &&LineRef| explanation.lines.iter().any(|seen| seen.line == **line && seen.effect == Verdict::Deny);
    let named = |lines: Vec<&LineRef>| lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let by: Vec<_> = decision.lines.iter().collect();
    match (decision.verdict, by.is_empty()) {
        (Verdict::Allow, _) => {
            let (less, by): (Vec<_>, Vec<_>) = by.into_iter().partition(denies);
            let less = if less.is_empty() { String::new() } else { format!(", less what {} denies", named(less)) };
            writeln!(out, "\nallowed by {}{less}", named(by))?;
        }
        (Verdict::Deny, true) => writeln!(out, "\ndenied: no line allows it")?,
        (Verdict::Deny, false) => writeln!(out, "\ndenied by {}", named(by))?,
    }
    Ok(if decision.is_allowed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
