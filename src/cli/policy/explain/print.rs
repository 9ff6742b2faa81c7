//! An explanation for a person, in a terminal of 100 columns.

use std::io::{self, Write};

use super::{AskedColumn, Told, ToldRow, Use, sql};
use crate::cli::policy::column::Visibility;
use crate::cli::policy::layout::{WIDTH, wrapped};
use crate::cli::policy::{reasons, words};
use crate::policy::{Explanation, RowRule};
use crate::store::audit::Verdict;

/// Where what is said of a line begins.
const INDENT: usize = 19;

/// Prints everything that was found out.
pub(super) fn print(told: &Told, out: &mut dyn Write) -> io::Result<()> {
    let Told { permission, who, .. } = told;
    let asked = format!(
        "{permission} {} as {} of {}, policy revision {}",
        told.asked(),
        who.called,
        who.requester.tenant,
        told.revision
    );
    paragraph("", &asked, out)?;
    let names: Vec<_> = told.explanation.names.iter().map(ToString::to_string).collect();
    paragraph("names: ", &names.join(", "), out)?;
    for note in &told.unnamed {
        paragraph("note: ", note, out)?;
    }
    paragraph("assumed: ", who.source.assumed(), out)?;
    writeln!(out)?;
    if let Some((tool, called)) = &told.tool {
        if told.tool_is_denied() {
            lines(called, out)?;
            writeln!(out)?;
            return paragraph("", &verdict(called), out);
        }
        writeln!(out, "the tool {tool} is there where the dataset has rows, and no line denies the tool\n")?;
    }
    if told.column.is_some() {
        writeln!(out, "lines about {}", told.object)?;
    }
    lines(&told.explanation, out)?;
    if let Some(column) = &told.column {
        writeln!(out, "\nlines about {}", column.object)?;
        lines(&column.explanation, out)?;
        of_column(column, told.rows.as_ref(), out)?;
    }
    if let Some(rule @ RowRule::Filter(_)) = &told.rows {
        writeln!(out, "\nrows: {}", words::extent(rule))?;
        for line in words::rows(rule) {
            paragraph("  ", &line, out)?;
        }
    }
    if let Some(statement) = &told.statement {
        writeln!(out, "\nSQL")?;
        for line in sql::lines(statement, WIDTH - 2) {
            writeln!(out, "  {line}")?;
        }
    }
    writeln!(out)?;
    match &told.column {
        None => paragraph("", &verdict(&told.explanation), out)?,
        Some(column) => {
            paragraph("", &format!("{}: {}", told.object, verdict(&told.explanation)), out)?;
            paragraph("", &format!("{}: {}", column.object, verdict_of(column, told.rows.as_ref())), out)?;
        }
    }
    told.row.as_ref().map_or(Ok(()), |row| of_row(row, told, out))
}

/// A text after a label, in as many lines as it takes, those after the first under the text.
fn paragraph(label: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let indent = label.chars().count();
    for (index, line) in wrapped(text, WIDTH - indent).iter().enumerate() {
        writeln!(out, "{:indent$}{line}", if index == 0 { label } else { "" })?;
    }
    Ok(())
}

fn lines(explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    if explanation.lines.is_empty() {
        writeln!(out, "no line of the policy is about this")?;
    }
    for line in &explanation.lines {
        let label = format!("{:<width$}", line.line.to_string(), width = INDENT - 1);
        paragraph(&format!("{label} "), &reasons::compact(&line.text), out)?;
        paragraph(&format!("{:INDENT$}-> ", ""), &reasons::came_to(line).why, out)?;
    }
    Ok(())
}

fn verdict(explanation: &Explanation) -> String {
    let decision = &explanation.decision;
    // The lines of an allowed dataset are those of its filter, and some of them take rows away.
    let of = |effect: Verdict| -> Vec<String> {
        let lines =
            explanation.lines.iter().filter(|line| line.effect == effect && decision.lines.contains(&line.line));
        lines.map(|line| line.line.to_string()).collect()
    };
    let (allowing, denying) = (of(Verdict::Allow).join(", "), of(Verdict::Deny).join(", "));
    let allowing = if allowing.is_empty() { "its declaration" } else { &allowing };
    match (decision.verdict, denying.is_empty()) {
        (Verdict::Allow, true) => format!("allowed by {allowing}"),
        (Verdict::Allow, false) => format!("allowed by {allowing}, less the rows that {denying} denies"),
        (Verdict::Deny, true) => "denied: no line allows it".to_owned(),
        (Verdict::Deny, false) => format!("denied by {denying}"),
    }
}

/// What became of a column, which is there in rows only.
fn verdict_of(column: &AskedColumn, rows: Option<&RowRule>) -> String {
    match (&column.besides, column.used.is_any(), rows) {
        (_, false, Some(RowRule::Nothing)) => "denied with every row of its dataset".to_owned(),
        (Some(besides), false, _) => format!("denied: {besides}"),
        (None, false, _) | (_, true, _) => verdict(&column.explanation),
    }
}

/// In which rows a column is.
fn of_column(column: &AskedColumn, rows: Option<&RowRule>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\ncolumn: {}", column.used.as_str())?;
    if rows == Some(&RowRule::Nothing) {
        writeln!(out, "  there is no row for it to be in")?;
    }
    if let Some(besides) = &column.besides {
        paragraph("  ", besides, out)?;
    }
    let Some(rule) = &column.rule else { return Ok(()) };
    for line in words::shown(rule) {
        paragraph("  ", &line, out)?;
    }
    writeln!(out, "  where it is not shown it is null, and nothing can be asked about it")
}

fn of_row(row: &ToldRow, told: &Told, out: &mut dyn Write) -> io::Result<()> {
    let (key, tenant) = (&row.key, &told.who.requester.tenant);
    let Some(row) = &row.told else { return writeln!(out, "\nrow {key}: {tenant} has no such row") };
    writeln!(out, "\nrow {key} of {tenant}")?;
    let mut about = |label: &str, text: &str| paragraph(&format!("  {label:<width$} ", width = INDENT - 3), text, out);
    for line in &row.lines {
        about(&line.report.line.to_string(), &line.why)?;
    }
    if row.lines.is_empty() {
        about("", "no line about its dataset is for this person")?;
    }
    if let Some(room) = &row.room {
        about("data room", &format!("{}: {}", holds(room.holds), room.text))?;
    }
    if let Some(parent) = &row.parent {
        about("within", &format!("{}: {parent}", holds(parent.readable)))?;
    }
    let lines: Vec<_> = row.casbin.lines.iter().map(ToString::to_string).collect();
    let by = if lines.is_empty() { "no line allows it".to_owned() } else { lines.join(", ") };
    about("casbin", &format!("{}: {by}", row.casbin.verdict.as_str()))?;
    let mut found = if row.in_scope { "in these rows" } else { "not in these rows" }.to_owned();
    if let Some(column) = told.column.as_ref().filter(|_| row.in_scope) {
        for line in &column.on_row {
            about(&format!("{} {}", column.name, line.report.line), &line.why)?;
        }
        let word = match (column.used, row.masked.contains(&column.name)) {
            (Use::Read(Visibility::Visible | Visibility::Masked), true) => "null here",
            (Use::Read(Visibility::Visible | Visibility::Masked), false) => "shown here",
            (Use::Read(Visibility::Hidden) | Use::Written(_), _) => column.used.as_str(),
        };
        found = format!("{found}, {} {word}", column.name);
    }
    writeln!(out, "row {key}: {found}")
}

fn holds(holds: bool) -> &'static str {
    if holds { "holds" } else { "does not hold" }
}
