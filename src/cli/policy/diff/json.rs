//! The comparison as JSON, for programs. Field names are kept; new ones may come.

use std::io::Write;

use serde_json::{Value, json};

use super::Comparison;
use super::change::{Change, Kind, Open, Person};
use super::side::Side;
use crate::policy::{Statement, Undecided};

pub(super) fn print(comparison: &Comparison, out: &mut dyn Write) -> anyhow::Result<()> {
    let Comparison { old, new, difference, uncounted } = comparison;
    let (gain, lose, may_differ) = difference.counts();
    let lines = |lines: &[Statement]| lines.iter().map(line).collect::<Vec<_>>();
    let whole = json!({
        "old": side(old),
        "new": side(new),
        "differs": !difference.is_none(),
        "names": difference.people.iter().map(person).collect::<Vec<_>>(),
        "lines_without_effect_on_a_name": {
            "removed": lines(&difference.removed),
            "added": lines(&difference.added),
        },
        "rows_not_counted": uncounted,
        "summary": { "gain": gain, "lose": lose, "may_differ": may_differ },
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)?;
    Ok(())
}

fn side(side: &Side) -> Value {
    let Side { called, place, policy } = side;
    json!({ "name": called, "kind": place.as_str(), "revision": policy.revision().to_string() })
}

fn person(person: &Person) -> Value {
    let Person { tenant, name, changes } = person;
    json!({
        "tenant": tenant.as_str(),
        "name": &**name,
        "gains": person.gains(),
        "loses": person.loses(),
        "may_differ": person.may_differ(),
        "changes": changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn change(change: &Change) -> Value {
    let Change { kind, object, effect, was, now, gained, lost, rows, undecided } = change;
    let mut value = json!({ "kind": kind.as_str(), "object": object, "effect": effect.as_str() });
    if matches!(kind, Kind::Dataset | Kind::Column) {
        value["was"] = json!(was);
        value["now"] = json!(now);
        value["gained"] = json!(gained);
        value["lost"] = json!(lost);
    }
    if let Some(rows) = rows {
        value["rows_was"] = json!(rows.was.number);
        value["rows_now"] = json!(rows.now.number);
    }
    if let Some(open) = undecided {
        value["undecided"] = undecided_lines(open);
    }
    value
}

fn undecided_lines(open: &Open) -> Value {
    let lines = |lines: &[Undecided]| {
        let line = |line: &Undecided| json!({ "effect": line.effect, "when": line.when, "reads": line.reads });
        lines.iter().map(line).collect::<Vec<_>>()
    };
    json!({ "reads": open.reads(), "was": lines(&open.was), "now": lines(&open.now) })
}

fn line(statement: &Statement) -> Value {
    json!({ "line": statement.line.to_string(), "text": &*statement.text })
}
