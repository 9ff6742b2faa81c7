//! An explanation for a program. The names stay; what is new comes beside them.

use serde_json::{Map, Value as Json, json};

use super::{Told, ToldRow, sql};
use crate::cli::policy::row::LineOnRow;
use crate::cli::policy::{reasons, words};
use crate::dataset::Bind;
use crate::model::{Name, Number, Requester, Value};
use crate::policy::{Decision, Explanation, LineRef, LineReport, RowRule, Truth};
use crate::store::audit::Verdict;

/// The whole document.
pub(super) fn of(told: &Told) -> Json {
    let requester = &told.who.requester;
    let statement = told.statement.as_ref().map(|statement| {
        let (text, values) = statement.parts();
        json!({ "text": text, "values": values.iter().map(bound).collect::<Vec<_>>() })
    });
    let (verdict, deciding) = told.answer();
    let column = told.column.as_ref();
    json!({
        "revision": told.revision,
        "allowed": told.is_allowed(),
        "object": told.asked().to_string(),
        "permission": told.permission.as_str(),
        "who": {
            "from": told.who.source.as_str(),
            "tenant": requester.tenant.as_str(),
            "names": told.explanation.names,
            "attributes": attributes(requester),
            "context": {
                "agent": requester.context.agent.as_ref().map(ToString::to_string),
                "data_room": requester.context.data_room.as_ref().map(ToString::to_string),
            },
        },
        "tool": told.tool.as_ref().map(|(name, called)| json!({
            "name": name,
            "lines": lines(called),
            "denied_by": denying(&called.decision),
        })),
        "lines": lines(column.map_or(&told.explanation, |column| &column.explanation)),
        "dataset_lines": column.map(|_| lines(&told.explanation)),
        "decision": decision(verdict, &deciding),
        "unnamed": told.unnamed,
        "rows": told.rows.as_ref().map(rows),
        "column": column.map(|column| json!({
            "name": column.name.as_str(),
            "visibility": column.used.as_str(),
            "conditions": column.rule.as_ref().map(words::shown),
            "declared": column.besides,
            "on_row": on_row(&column.on_row),
        })),
        "sql": statement,
        "row": told.row.as_ref().map(row),
    })
}

fn attributes(requester: &Requester) -> Map<String, Json> {
    let own = &requester.attributes;
    let text = |value: Option<String>| value.map(Json::from);
    let built_in = [
        ("id", text(own.id.as_ref().map(ToString::to_string))),
        ("external_id", text(own.external_id.as_ref().map(ToString::to_string))),
        ("issuer", text(own.issuer.as_ref().map(ToString::to_string))),
        ("email", text(own.email.as_ref().map(ToString::to_string))),
        ("assurance", text(own.assurance.map(|assurance| assurance.as_str().to_owned()))),
        ("actor", text(own.actor.as_ref().map(ToString::to_string))),
    ];
    let built_in = built_in.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    built_in.chain(own.claims.iter().map(|(name, claim)| (name.to_string(), value(claim)))).collect()
}

fn value(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(&**text),
        Value::Number(Number::Integer(integer)) => Json::from(*integer),
        Value::Number(Number::Real(real)) => Json::from(*real),
        Value::Boolean(boolean) => Json::from(*boolean),
    }
}

/// The lines that take a generated tool away.
fn denying(decision: &Decision) -> Vec<String> {
    let lines = if decision.is_denied_by_line() { &decision.lines[..] } else { &[] };
    lines.iter().map(ToString::to_string).collect()
}

/// A bound value; bytes as their digits.
fn bound(value: &Bind) -> Json {
    match value {
        Bind::Text(text) => Json::from(&**text),
        Bind::Integer(integer) => Json::from(*integer),
        Bind::Real(real) => Json::from(*real),
        Bind::Bytes(bytes) => sql::hexadecimal(bytes).into(),
    }
}

fn decision(verdict: Verdict, lines: &[LineRef]) -> Json {
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    json!({ "verdict": verdict.as_str(), "lines": lines })
}

fn lines(explanation: &Explanation) -> Vec<Json> {
    explanation.lines.iter().map(line).collect()
}

fn line(line: &LineReport) -> Json {
    let came_to = reasons::came_to(line);
    let condition =
        if let reasons::Counts::Where(condition) = &came_to.counts { Some(words::condition(condition)) } else { None };
    let absent: Vec<&str> = line.reads.iter().filter(|(_, value)| value.is_none()).map(|(read, _)| &**read).collect();
    json!({
        "line": line.line.to_string(),
        "text": line.text,
        "effect": line.effect.as_str(),
        "who": line.who,
        "matched": line.matched,
        "absent": absent,
        "left": line.left.to_string(),
        "counts": came_to.counts.as_str(),
        "where": condition,
        "why": came_to.why,
    })
}

fn rows(rule: &RowRule) -> Json {
    let extent = match words::extent(rule) {
        "-" => "none",
        extent => extent,
    };
    json!({ "extent": extent, "conditions": words::rows(rule) })
}

fn row(row: &ToldRow) -> Json {
    let Some(told) = &row.told else {
        return json!({ "key": row.key, "exists": false, "in_scope": false });
    };
    json!({
        "key": row.key,
        "exists": true,
        "in_scope": told.in_scope,
        "lines": on_row(&told.lines),
        "masked": told.masked.iter().map(Name::as_str).collect::<Vec<_>>(),
        "casbin": decision(told.casbin.verdict, &told.casbin.lines),
        "data_room": told.room.as_ref().map(|room| json!({ "holds": room.holds, "why": room.text })),
        "within": told.parent.as_ref().map(|parent| json!({
            "dataset": parent.dataset.as_str(),
            "key": parent.key,
            "holds": parent.readable,
            "why": parent.why,
        })),
    })
}

fn on_row(lines: &[LineOnRow]) -> Vec<Json> {
    let line = |line: &LineOnRow| {
        let truth = match line.truth {
            Truth::True => "true",
            Truth::False => "false",
            Truth::Unknown => "unknown",
        };
        json!({ "line": line.report.line.to_string(), "truth": truth, "why": line.why })
    };
    lines.iter().map(line).collect()
}
