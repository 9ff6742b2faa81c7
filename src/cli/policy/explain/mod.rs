//! `bailiwick policy explain`: the lines considered, what each came to, what decided, the SQL; of a row and of a column,
//! each condition.

mod asked;
mod document;
mod print;
mod sql;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use self::asked::Asked;
use super::column::{self, Visibility};
use super::in_force;
use super::preview::Preview;
use super::row::{self, LineOnRow, RowQuestion, RowTold};
use super::who::{self, Who};
use crate::catalog::{Catalog, Dataset};
use crate::cli::arguments::Explain;
use crate::cli::serve::Given;
use crate::config::Loaded;
use crate::dataset::{Face, Statement};
use crate::model::Name;
use crate::policy::{ColumnRule, Columns, Explanation, Object, Permission, RowRule, Snapshot};

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

/// Whether a line speaks of one of the names that were given or proved; those that everybody has are nobody's.
fn is_named(policy: &Snapshot, who: &Who) -> bool {
    let known = policy.principals(&who.requester.tenant);
    let mut own = who.requester.names.iter().filter(|name| name.contains(':')).peekable();
    own.peek().is_none() || own.any(|name| known.contains(name))
}

/// Everything that was found out.
struct Told {
    revision: String,
    who: Who,
    /// Whether lines of the tenant speak of somebody of these names, if only to give them others.
    is_named: bool,
    object: Object,
    permission: Permission,
    /// The generated tool that was asked about, and what the lines about tools say of it.
    tool: Option<(String, Explanation)>,
    explanation: Explanation,
    /// Of a dataset, which rows.
    rows: Option<RowRule>,
    /// How the column that was asked about is met.
    column: Option<ToldColumn>,
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

/// A column that was asked about.
struct ToldColumn {
    name: Name,
    visibility: Visibility,
    /// In which rows, where it is masked in some.
    rule: Option<ColumnRule>,
    /// What its declaration says, where no line is about it.
    declared: Option<String>,
    /// Of the row that was asked about, what each line comes to there.
    on_row: Vec<LineOnRow>,
}

impl ToldColumn {
    fn of(name: Name, dataset: &Dataset, columns: &Columns, explanation: &Explanation) -> Self {
        Self {
            visibility: Visibility::of(columns, &name),
            rule: columns.masked.get(&name).cloned(),
            declared: explanation.lines.is_empty().then(|| column::declared(dataset, &name)),
            on_row: Vec::new(),
            name,
        }
    }
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
            .map(|((name, dataset), decided)| ToldColumn::of(name, dataset, &decided.columns, &explanation));
        let mut told = Self {
            revision: policy.revision().to_string(),
            is_named: is_named(policy, &who),
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
            let question = RowQuestion { preview, policy, catalog, requester, dataset, key: &key };
            let found = row::told(&question).await?;
            if let (Some(column), Some(found)) = (&mut told.column, &found) {
                column.on_row = row::on_row(told.explanation.clone(), &found.row);
            }
            told.row = Some(ToldRow { key: key.shown, told: found });
        }
        Ok(told)
    }

    /// Whether a line takes the generated tool away, whatever its rows.
    fn tool_is_denied(&self) -> bool {
        self.tool.as_ref().is_some_and(|(_, called)| called.decision.is_denied_by_line())
    }

    /// The explanation that decided.
    fn deciding(&self) -> &Explanation {
        match &self.tool {
            Some((_, called)) if called.decision.is_denied_by_line() => called,
            Some(_) | None => &self.explanation,
        }
    }

    /// The answer to the question that was asked.
    fn is_allowed(&self) -> bool {
        let rows = self.rows.as_ref().is_none_or(|rows| *rows != RowRule::Nothing);
        let row = self.row.as_ref().is_none_or(|row| row.told.as_ref().is_some_and(|told| self.is_shown(told)));
        self.deciding().decision.is_allowed() && rows && row
    }

    /// Whether a row is in scope and, where a column of it was asked about, that is in the answer.
    fn is_shown(&self, row: &RowTold) -> bool {
        let shown = |column: &ToldColumn| column.visibility != Visibility::Hidden && !row.masked.contains(&column.name);
        row.in_scope && self.column.as_ref().is_none_or(shown)
    }
}
