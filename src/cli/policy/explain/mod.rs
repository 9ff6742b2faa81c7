//! `bailiwick policy explain`: the lines considered, what each came to, what decided, the SQL; of a row and of a column,
//! each condition.

mod asked;
mod asked_column;
mod document;
mod print;
mod sql;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use self::asked::Asked;
use self::asked_column::{AskedColumn, Use};
use super::in_force;
use super::preview::Preview;
use super::row::{self, LineOnRow, RowQuestion, RowTold};
use super::who::{self, Source, Who};
use crate::catalog::Catalog;
use crate::cli::arguments::Explain;
use crate::cli::serve::Given;
use crate::config::Loaded;
use crate::dataset::{Face, Statement};
use crate::model::nearest;
use crate::policy::{Decision, Explanation, LineRef, Object, Permission, RowRule, Snapshot};
use crate::store::audit::Verdict;

/// Explains one decision. The exit code is 0 where it is allowed, 1 where it is denied.
pub(super) async fn run(request: &Explain, given: &Given, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (loaded, catalog, policy) = in_force(given, request.directory.as_deref())?;
    let asked = asked::read(request, &catalog)?;
    let who = who::read(request, &loaded, &catalog).await?;
    let told = Told::find_out(who, asked, &loaded, &catalog, &policy).await?;
    if request.json {
        super::json::print(&document::of(&told), out)?;
    } else {
        print::print(&told, out)?;
    }
    Ok(if told.is_allowed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is wrong with names that no line speaks of; those that everybody has are nobody's.
fn unnamed(policy: &Snapshot, who: &Who) -> Vec<String> {
    let known = policy.principals(&who.requester.tenant);
    let own: Vec<_> = who.requester.names.iter().filter(|name| name.contains(':')).collect();
    let is_known = |name: &&Arc<str>| known.contains(*name);
    // Of a token every name is right, and some are meant for others.
    if who.source == Source::Token {
        let is_nobody = !own.is_empty() && !own.iter().any(is_known);
        return is_nobody
            .then(|| "no line names this person; names compare byte for byte".to_owned())
            .into_iter()
            .collect();
    }
    let unknown = own.into_iter().filter(|name| !is_known(name)).map(|name| {
        let meant = meant(name, &known).map(|near| format!(", but one names {near}")).unwrap_or_default();
        format!("no line names {name}{meant}; names compare byte for byte")
    });
    unknown.collect()
}

/// The name that was probably meant. People of one company differ in what stands between the prefix and the domain.
fn meant(name: &str, known: &BTreeSet<Arc<str>>) -> Option<String> {
    let (prefix, own) = name.split_once(':')?;
    let (own, domain) = own.split_once('@').map_or((own, None), |(own, domain)| (own, Some(domain)));
    let around = |own: &str| match domain {
        Some(domain) => format!("{prefix}:{own}@{domain}"),
        None => format!("{prefix}:{own}"),
    };
    let alike = known.iter().filter_map(|known| {
        let own = known.strip_prefix(prefix)?.strip_prefix(':')?;
        domain.map_or(Some(own), |domain| own.strip_suffix(domain)?.strip_suffix('@'))
    });
    nearest(own, alike).map(around)
}

/// Everything that was found out.
struct Told {
    revision: String,
    who: Who,
    /// What is said of names that no line of the tenant speaks of, if only to give others.
    unnamed: Vec<String>,
    object: Object,
    permission: Permission,
    /// The generated tool that was asked about, and what the lines about tools say of it.
    tool: Option<(String, Explanation)>,
    /// The lines about the object.
    explanation: Explanation,
    /// Of a dataset, which rows.
    rows: Option<RowRule>,
    /// The column of it that was asked about.
    column: Option<AskedColumn>,
    /// The statement of the first page, where there is a database and there can be a row.
    statement: Option<Statement>,
    row: Option<ToldRow>,
}

/// A row that was asked about.
struct ToldRow {
    key: String,
    /// `None` where the tenant has no such row.
    told: Option<RowTold>,
}

impl Told {
    async fn find_out(
        who: Who,
        asked: Asked,
        loaded: &Loaded,
        catalog: &Catalog,
        policy: &Snapshot,
    ) -> anyhow::Result<Self> {
        let Asked { object, permission, through, dataset, row, column } = asked;
        let requester = &who.requester;
        let tool = through.map(|tool| {
            let called = policy.explain(requester, &Object::Tool(tool.clone()), Permission::Call);
            (tool.to_string(), called)
        });
        let explanation = policy.explain(requester, &object, permission);
        let decided = dataset.as_ref().map(|dataset| policy.rows(requester, &dataset.name, permission));
        let column = column
            .zip(dataset.as_ref())
            .zip(decided.as_ref())
            .map(|((name, dataset), decided)| AskedColumn::of(name, dataset, permission, decided, (requester, policy)));
        let mut told = Self {
            revision: policy.revision().to_string(),
            unnamed: unnamed(policy, &who),
            tool,
            explanation,
            rows: decided.as_ref().map(|decided| decided.rule.clone()),
            column,
            statement: None,
            row: None,
            who,
            object,
            permission,
        };
        let Some((dataset, decided)) = dataset.zip(decided).filter(|_| !told.tool_is_denied()) else {
            return Ok(told);
        };
        let settings = loaded.settings.database.as_ref();
        if row.is_none() && (decided.rule == RowRule::Nothing || settings.is_none()) {
            return Ok(told);
        }
        let settings = settings.context("a row is read from the database, and no `[database]` is configured")?;
        let preview = Preview::open(settings, catalog).await?;
        if let RowRule::Filter(filter) = &decided.rule {
            let face = Face::new(Arc::clone(&dataset), Arc::clone(&decided.columns));
            told.statement = Some(preview.statement(face, filter, &told.who.requester.tenant)?);
        }
        if let Some(key) = row {
            let requester = &told.who.requester;
            let (preview, dataset) = (&preview, &dataset);
            let question = RowQuestion { preview, policy, catalog, requester, dataset, key: &key, permission };
            let found = row::told(&question).await?;
            if let (Some(column), Some(found)) = (&mut told.column, &found)
                && let Use::Read(_) = column.used
            {
                column.on_row = row::on_row(column.explanation.clone(), &found.row);
            }
            told.row = Some(ToldRow { key: key.shown, told: found });
        }
        Ok(told)
    }

    /// Whether a line takes the generated tool away, whatever its rows.
    fn tool_is_denied(&self) -> bool {
        self.tool.as_ref().is_some_and(|(_, called)| called.decision.is_denied_by_line())
    }

    /// What was asked about.
    fn asked(&self) -> &Object {
        self.column.as_ref().map_or(&self.object, |column| &column.object)
    }

    /// The answer to the question that was asked, and the lines that it comes from.
    fn answer(&self) -> (Verdict, Vec<LineRef>) {
        if let Some((_, called)) = self.tool.as_ref().filter(|_| self.tool_is_denied()) {
            return (Verdict::Deny, called.decision.lines.clone());
        }
        let denied = |by: &Decision| {
            let lines = if by.is_allowed() { Vec::new() } else { by.lines.clone() };
            (Verdict::Deny, lines)
        };
        let rows = &self.explanation.decision;
        if self.rows == Some(RowRule::Nothing) || !rows.is_allowed() {
            return denied(rows);
        }
        if let Some(column) = self.column.as_ref().filter(|column| !column.used.is_any()) {
            return denied(&column.explanation.decision);
        }
        match (&self.row, &self.column) {
            (None, None) => (Verdict::Allow, rows.lines.clone()),
            (None, Some(column)) => (Verdict::Allow, column.explanation.decision.lines.clone()),
            (Some(ToldRow { told: None, .. }), _) => (Verdict::Deny, Vec::new()),
            (Some(ToldRow { told: Some(row), .. }), _) if !row.in_scope => denied(&row.casbin),
            (Some(ToldRow { told: Some(row), .. }), None) => (Verdict::Allow, row.casbin.lines.clone()),
            (Some(ToldRow { told: Some(row), .. }), Some(column)) => column_of(row, column),
        }
    }

    fn is_allowed(&self) -> bool {
        self.answer().0 == Verdict::Allow
    }
}

/// Whether a column can be used in a row, and the lines that make it so there.
fn column_of(row: &RowTold, column: &AskedColumn) -> (Verdict, Vec<LineRef>) {
    let verdict = if row.masked.contains(&column.name) { Verdict::Deny } else { Verdict::Allow };
    let decides = |line: &&LineOnRow| line.report.effect == verdict && line.truth.decides(verdict);
    let lines = column.on_row.iter().filter(decides).map(|line| line.report.line.clone());
    (verdict, lines.collect())
}
