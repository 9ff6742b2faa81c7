//! `bailiwick policy explain`: the lines considered, what each came to, what decided, the SQL.

use std::fs;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value as Json};

use super::{person, words};
use crate::catalog::{Catalog, Column, ColumnType, Operation};
use crate::cli::arguments::Explain;
use crate::cli::serve::listed;
use crate::config::Loaded;
use crate::dataset::{self, CursorKey, Database, Face, Pager, Request, Schema, Statement};
use crate::model::{Context, Name, Tenant};
use crate::policy::{Explanation, LineReport, Object, Permission, Predicate, RowFilter, RowRule, Snapshot, Truth};
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
        ..Context::default()
    };
    person::check_names(&request.names, catalog)?;
    let mut requester = person::requester(&tenant, &request.names, context)?;
    if let Some(file) = &request.claims {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        person::add_claims(&mut requester.attributes, &text, catalog)?;
    }
    let Asked { object, permission, through } = asked(request, catalog)?;
    let row = row(request, &object, catalog)?;
    let explanation = policy.explain(&requester, &object, permission);
    writeln!(
        out,
        "{permission} {object} as {} of {tenant}, policy revision {}",
        request.names.join(", "),
        policy.revision()
    )?;
    if let Some(tool) = &through {
        let called = policy.explain(&requester, &Object::Tool(tool.clone()), Permission::Call);
        if called.decision.is_denied_by_line() {
            lines(&called, out)?;
            return verdict(&called, out);
        }
        writeln!(out, "the tool {tool} is there where the dataset has rows, and no line denies the tool")?;
    }
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
    let preview = Preview::open(settings, catalog, &tenant).await?;
    let face = Face::new(Arc::clone(dataset), Arc::clone(&rows.columns));
    let statement = preview.statement(face.clone(), filter)?;
    let (text, values) = statement.parts();
    writeln!(out, "\nSQL\n  {text}")?;
    for (index, value) in values.iter().enumerate() {
        writeln!(out, "  ${} = {value:?}", index + 1)?;
    }
    let code = verdict(&explanation, out)?;
    let Some((key, row)) = row else { return Ok(code) };
    let request = dataset::arguments::parse(face, Operation::Get, &row).context("--row")?;
    let found = preview.holds(filter, request).await?;
    writeln!(out, "row {key}: {}", if found { "in these rows" } else { "not in these rows, or there is no such row" })?;
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The protected database, read as somebody who has sent no token.
struct Preview<'a> {
    database: Database,
    schema: Schema,
    key: CursorKey,
    random: OsRandom,
    tenant: &'a Tenant,
}

impl<'a> Preview<'a> {
    async fn open(settings: &crate::config::Database, catalog: &Catalog, tenant: &'a Tenant) -> anyhow::Result<Self> {
        let database = Database::open(settings).await?;
        let (schema, _) = dataset::check::check(catalog, &database)
            .await
            .map_err(|errors| anyhow::anyhow!("the database is not as declared: {}", listed(&errors)))?;
        Ok(Self { database, schema, key: CursorKey::generate(&OsRandom)?, random: OsRandom, tenant })
    }

    fn pager(&self) -> Pager<'_> {
        Pager { key: &self.key, random: &self.random, principal: "policy explain", tenant: self.tenant }
    }

    /// The statement of the first page.
    fn statement(&self, face: Face, filter: &RowFilter) -> anyhow::Result<Statement> {
        let request = dataset::arguments::parse(face, Operation::List, &Map::new())?;
        Ok(dataset::preview::statement(&self.schema, request, filter, &self.pager())?)
    }

    /// Says whether the row is in the filter.
    async fn holds(&self, filter: &RowFilter, request: Request) -> anyhow::Result<bool> {
        let rows = dataset::preview::preview(&self.database, &self.schema, request, filter, &self.pager()).await?;
        Ok(!rows.is_empty())
    }
}

/// What is asked about.
struct Asked {
    object: Object,
    permission: Permission,
    /// The generated tool that was named, where the rows of its dataset decide.
    through: Option<Name>,
}

fn asked(request: &Explain, catalog: &Catalog) -> anyhow::Result<Asked> {
    let direct = |object, permission| Asked { object, permission, through: None };
    let named = &request.object;
    if let Some(tool) = &named.tool {
        if let Some((name, _, dataset)) = catalog.generated_tools().find(|(name, ..)| name.as_str() == tool) {
            let object = Object::Dataset(dataset.name.clone());
            return Ok(Asked { object, permission: Permission::Read, through: Some(name) });
        }
        let Some(name) = catalog.tools.get(tool.as_str()) else {
            let generated: Vec<Name> = catalog.generated_tools().map(|(name, ..)| name).collect();
            let known: Vec<_> = catalog.tools.iter().chain(&generated).map(Name::as_str).collect();
            bail!("`{tool}` is not a tool of this server{}", person::instead(tool, &known));
        };
        return Ok(direct(Object::Tool(name.clone()), Permission::Call));
    }
    if let Some(uri) = &named.resource {
        let Some(uri) = catalog.resources.get(uri.as_str()) else {
            let known: Vec<_> = catalog.resources.iter().map(AsRef::as_ref).collect();
            bail!("`{uri}` is not a resource of this server{}", person::instead(uri, &known));
        };
        return Ok(direct(Object::Resource(Arc::clone(uri)), Permission::Read));
    }
    let name = named.dataset.as_deref().unwrap_or_default();
    let Some(dataset) = catalog.datasets.get(name) else {
        let known: Vec<_> = catalog.datasets.keys().map(Name::as_str).collect();
        bail!("`{name}` is not a declared dataset{}", person::instead(name, &known));
    };
    Ok(direct(Object::Dataset(dataset.name.clone()), Permission::Read))
}

/// The row that was asked about, as typed and as the arguments that ask for it.
fn row<'a>(
    request: &'a Explain,
    object: &Object,
    catalog: &Catalog,
) -> anyhow::Result<Option<(&'a str, Map<String, Json>)>> {
    let Some(key) = &request.row else { return Ok(None) };
    let Object::Dataset(name) = object else { bail!("--row is about a row of a dataset, and {object} has none") };
    let dataset = &catalog.datasets[name];
    let parts: Vec<_> = key.split(',').collect();
    if parts.len() != dataset.key.len() {
        let names: Vec<_> = dataset.key.iter().map(ToString::to_string).collect();
        bail!("`--row {key}` has {} part(s); the key of `{name}` is {}", parts.len(), names.join(","));
    }
    let typed = dataset.key.iter().zip(parts).map(|(column, part)| {
        let is_text = |column: &Column| matches!(column.kind, ColumnType::Id | ColumnType::Text);
        let value = match dataset.column(column.as_str()) {
            Some(column) if !is_text(column) => serde_json::from_str(part).unwrap_or_else(|_| Json::from(part)),
            Some(_) | None => Json::from(part),
        };
        (column.to_string(), value)
    });
    Ok(Some((key, typed.collect())))
}

fn lines(explanation: &Explanation, out: &mut dyn Write) -> anyhow::Result<()> {
    let names: Vec<_> = explanation.names.iter().map(ToString::to_string).collect();
    writeln!(out, "names: {}", names.join(", "))?;
    writeln!(
        out,
        "assumed: no other claims (--claims FILE) and no roles of the identity provider (--as idp:ISSUER/ROLE)\n"
    )?;
    if explanation.lines.is_empty() {
        writeln!(out, "no line of the policy is about this")?;
    }
    for line in &explanation.lines {
        writeln!(out, "{:<18} {}", line.line.to_string(), line.text)?;
        writeln!(out, "{:<18} -> {}", "", came_to(line))?;
    }
    Ok(())
}

/// What a line comes to for these names and claims.
fn came_to(line: &LineReport) -> String {
    if !line.matched {
        return format!("plays no part: not {}", line.who);
    }
    let left = match line.effect {
        Verdict::Allow => line.left.clone().where_true(),
        Verdict::Deny => line.left.clone().where_not_false(),
    };
    let Predicate::Known(truth) = left else {
        let rest = if line.effect == Verdict::Deny && words::has_unknown(&line.left) {
            " (the rest is not known of this person, and what is not known denies)"
        } else {
            ""
        };
        return format!("{} where {}{rest}", line.effect.as_str(), words::condition(&left));
    };
    let text = match (line.effect, truth, words::has_unknown(&line.left)) {
        (Verdict::Allow, Truth::True, _) => "allow: its condition is true",
        (Verdict::Allow, Truth::False | Truth::Unknown, true) => {
            "plays no part: its condition is not known to hold, and what is not known grants nothing"
        }
        (Verdict::Allow | Verdict::Deny, Truth::False | Truth::Unknown, _) => "plays no part: its condition is false",
        (Verdict::Deny, Truth::True, true) => "deny: its condition is not known to fail, and what is not known denies",
        (Verdict::Deny, Truth::True, false) => "deny: its condition is true",
    };
    text.to_owned()
}

fn verdict(explanation: &Explanation, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let decision = &explanation.decision;
    // The lines of an allowed dataset are those of its filter, and some of them take rows away.
    let of = |effect: Verdict| -> Vec<String> {
        let lines =
            explanation.lines.iter().filter(|line| line.effect == effect && decision.lines.contains(&line.line));
        lines.map(|line| line.line.to_string()).collect()
    };
    let (allowing, denying) = (of(Verdict::Allow).join(", "), of(Verdict::Deny).join(", "));
    match (decision.verdict, denying.is_empty()) {
        (Verdict::Allow, true) => writeln!(out, "\nallowed by {allowing}")?,
        (Verdict::Allow, false) => writeln!(out, "\nallowed by {allowing}, less the rows that {denying} denies")?,
        (Verdict::Deny, true) => writeln!(out, "\ndenied: no line allows it")?,
        (Verdict::Deny, false) => writeln!(out, "\ndenied by {denying}")?,
    }
    Ok(if decision.is_allowed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
