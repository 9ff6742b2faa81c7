//! The comparison for people, in a terminal of 100 columns.

use std::io::Write;
use std::sync::Arc;

use super::Comparison;
use super::change::{Change, Difference, Effect, Kind, Open, Person, Rows};
use super::side::Side;
use crate::cli::policy::counted;
use crate::cli::policy::layout::{WIDTH, wrapped};
use crate::cli::policy::matrix;
use crate::policy::{Statement, Undecided};

/// How many names that share their changes are listed; `--json` lists them all.
const NAMED: usize = 12;

pub(super) fn print(comparison: &Comparison, out: &mut dyn Write) -> anyhow::Result<()> {
    let Comparison { old, new, difference, uncounted } = comparison;
    let side = |side: &Side| format!("{} (policy {})", side.called, side.policy.revision());
    writeln!(out, "From {} to {}", side(old), side(new))?;
    if difference.is_none() {
        let text = match (old.policy.revision() == new.policy.revision(), lines_differ(old, new)) {
            (true, _) => "No difference: the files are the same.",
            (false, false) => "No difference in effect: only the text differs (order, comments, blanks, model.conf).",
            (false, true) => "No difference in effect: every tenant has the same lines.",
        };
        writeln!(out, "\n{text}")?;
        return Ok(());
    }
    let notes = Notes::of(&difference.people);
    let mut tenant = None;
    for group in groups(&difference.people, &notes) {
        if tenant != Some(&group.person.tenant) {
            let title = format!("Tenant {}", group.person.tenant);
            writeln!(out, "\n{title}\n{}", "=".repeat(title.chars().count()))?;
            tenant = Some(&group.person.tenant);
        }
        writeln!(out)?;
        for line in wrapped(&names(&group.names), WIDTH - 2) {
            writeln!(out, "  {line}")?;
        }
        out.write_all(group.body.as_bytes())?;
    }
    notes.print(out)?;
    lines(difference, out)?;
    writeln!(out, "\n{}", LEGEND.trim_end())?;
    if let Some(why) = uncounted {
        writeln!(out, "\n{}", wrapped(&format!("Rows are not counted: {why}"), WIDTH).join("\n"))?;
    }
    writeln!(out, "\n{}", sum(difference))?;
    Ok(())
}

const LEGEND: &str = "\
+ gains   - loses   ~ has other rows   ? may differ, by a claim or a header that a name alone lacks
";

/// Says whether the lines of the policies are other ones, whatever their spelling and order.
fn lines_differ(old: &Side, new: &Side) -> bool {
    let said = |side: &Side| {
        let mut said: Vec<_> = side.policy.statements().into_iter().map(|line| (line.tenant, line.says)).collect();
        said.sort();
        said.dedup();
        said
    };
    said(old) != said(new)
}

/// Names of one tenant for whom the same changes.
struct Group<'a> {
    person: &'a Person,
    names: Vec<&'a Arc<str>>,
    body: String,
}

fn groups<'a>(people: &'a [Person], notes: &Notes<'_>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for person in people {
        let body = body(person, notes);
        let same = |group: &&mut Group<'_>| group.person.tenant == person.tenant && group.body == body;
        match groups.iter_mut().find(same) {
            Some(group) => group.names.push(&person.name),
            None => groups.push(Group { person, names: vec![&person.name], body }),
        }
    }
    groups
}

fn names(names: &[&Arc<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(|name| matrix::shown(name)).collect();
    match names.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{}, and {more} more", shown.join(", ")),
        Some(_) | None => shown.join(", "),
    }
}

/// What changes for somebody: a sign, a thing, and how it changes.
fn body(person: &Person, notes: &Notes<'_>) -> String {
    let entries = entries(&person.changes, notes);
    let width = entries.iter().map(|entry| entry.thing.chars().count()).max().unwrap_or(0);
    let mut body = String::new();
    for Entry { sign, thing, text } in entries {
        let indent = " ".repeat(4 + 2 + width + 2);
        let mut first = Some(format!("    {sign} {thing:<width$}  "));
        for (mark, part) in text {
            for (index, line) in
                wrapped(&part, WIDTH.saturating_sub(indent.len() + mark.len()).max(30)).iter().enumerate()
            {
                let mark = if index == 0 { mark.to_owned() } else { " ".repeat(mark.len()) };
                let lead = first.take().unwrap_or_else(|| indent.clone());
                body.extend([lead.as_str(), &mark, line, "\n"]);
            }
        }
    }
    body
}

/// One thing, with lines of text that each may begin with a mark.
struct Entry {
    sign: char,
    thing: String,
    text: Vec<(&'static str, String)>,
}

/// Tools, resources and prompts that come or go together stand in one line; everything else by itself.
fn entries(changes: &[Change], notes: &Notes<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (kind, plural) in [(Kind::Tool, "tools"), (Kind::Resource, "resources"), (Kind::Prompt, "prompts")] {
        for effect in [Effect::Gains, Effect::Loses] {
            let plain = |change: &&Change| change.kind == kind && change.effect == effect && change.undecided.is_none();
            let names: Vec<&str> = changes.iter().filter(plain).map(|change| change.object.as_str()).collect();
            if !names.is_empty() {
                let thing = if names.len() == 1 { kind.as_str() } else { plural };
                let text = vec![("", names.join(", "))];
                entries.push(Entry { sign: effect.sign(), thing: thing.to_owned(), text });
            }
        }
    }
    let single = |change: &&Change| matches!(change.kind, Kind::Dataset | Kind::Column) || change.undecided.is_some();
    entries.extend(changes.iter().filter(single).map(|change| {
        let thing = format!("{} {}", change.kind.as_str(), change.object);
        Entry { sign: change.effect.sign(), thing, text: details(change, notes) }
    }));
    entries
}

fn details(change: &Change, notes: &Notes<'_>) -> Vec<(&'static str, String)> {
    let mut text = Vec::new();
    match change.effect {
        Effect::Gains => text.push(("", whole(&change.now, change.rows.as_ref().and_then(|rows| rows.now.number)))),
        Effect::Loses => text.push(("", whole(&change.was, change.rows.as_ref().and_then(|rows| rows.was.number)))),
        Effect::Changes => text.extend(change.rows.as_ref().map(|rows| ("", numbers(rows)))),
        Effect::MayDiffer => {}
    }
    text.extend(change.gained.iter().map(|word| ("+ ", word.clone())));
    text.extend(change.lost.iter().map(|word| ("- ", word.clone())));
    if let Some(open) = &change.undecided {
        let mark = if change.effect == Effect::MayDiffer { "" } else { "? " };
        let note = notes.number(open);
        text.push((mark, format!("may differ with the right {}, see [{note}]", open.reads().join(", "))));
    }
    text
}

/// What is gained or lost as a whole.
fn whole(words: &[String], number: Option<i64>) -> String {
    match (words.join("; "), number) {
        (words, Some(number)) if words.is_empty() => row(number),
        (words, Some(number)) => format!("{}: {words}", row(number)),
        (words, None) => words,
    }
}

fn numbers(rows: &Rows) -> String {
    match (rows.was.number, rows.now.number) {
        (Some(was), Some(now)) if was == now => format!("{} as before", row(now)),
        (Some(was), Some(now)) => format!("{was} -> {}", row(now)),
        (None, _) | (_, None) => "other rows".to_owned(),
    }
}

fn row(number: i64) -> String {
    format!("{number} row{}", if number == 1 { "" } else { "s" })
}

/// The lines that a name alone does not decide, each change of them once, under a number.
struct Notes<'a>(Vec<&'a Open>);

impl<'a> Notes<'a> {
    fn of(people: &'a [Person]) -> Self {
        let mut notes: Vec<&Open> = Vec::new();
        for open in people.iter().flat_map(|person| &person.changes).filter_map(|change| change.undecided.as_ref()) {
            if !notes.contains(&open) {
                notes.push(open);
            }
        }
        Self(notes)
    }

    fn number(&self, open: &Open) -> usize {
        self.0.iter().take_while(|note| **note != open).count() + 1
    }

    fn print(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nLines that ask for more than a name")?;
        for (index, open) in self.0.iter().enumerate() {
            let mut lead = format!("  [{}]", index + 1);
            let was = open.was.iter().map(|line| ("was", line));
            for (when, Undecided { effect, when: condition, .. }) in
                was.chain(open.now.iter().map(|line| ("now", line)))
            {
                for (part, line) in wrapped(condition, WIDTH - 24).iter().enumerate() {
                    let what = if part == 0 { format!("{when} {effect:<5} when") } else { String::new() };
                    writeln!(out, "{lead:<6} {what:<14}  {line}")?;
                    lead.clear();
                }
            }
        }
        Ok(())
    }
}

/// The lines that changed without changing anything for one name by itself.
fn lines(difference: &Difference, out: &mut dyn Write) -> anyhow::Result<()> {
    let Difference { removed, added, .. } = difference;
    if removed.is_empty() && added.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", UNEXPLAINED.trim_end())?;
    let width = removed.iter().chain(added).map(|line| line.line.to_string().len()).max().unwrap_or(0);
    for (sign, lines) in [('-', removed), ('+', added)] {
        for Statement { line, text, .. } in lines {
            writeln!(
                out,
                "  {sign} {:<width$}  {}",
                line.to_string(),
                text.split(',').map(str::trim).collect::<Vec<_>>().join(", ")
            )?;
        }
    }
    Ok(())
}

const UNEXPLAINED: &str = "\
Lines that went (-) and came (+) and change nothing for one of these names by itself. Somebody who
goes by several names, or by one that is not in the files, may gain or lose by them:
";

fn sum(difference: &Difference) -> String {
    let (gain, lose, may_differ) = difference.counts();
    let verb = |number: usize, verb: &str| format!("{number} {verb}{}", if number == 1 { "s" } else { "" });
    let sum = format!("{}, {}, {may_differ} may differ", verb(gain, "gain"), verb(lose, "lose"));
    match difference.removed.len() + difference.added.len() {
        0 => sum,
        lines => format!("{sum}; {} may matter to others", counted(lines, "line")),
    }
}
