//! The table for people: as many columns beside each other as fit, and under them the rules.

use std::io::Write;

use super::table::{Column, Note, Table, Told};
use crate::cli::policy::layout::{WIDTH, wrapped};

/// How much of a name stands beside the words. The rules have all of it.
const NAME: usize = 40;

impl Table<'_> {
    pub(super) fn print(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let title = format!("Tenant {}", self.tenant);
        writeln!(out, "\n{title}\n{}", "=".repeat(title.chars().count()))?;
        self.block("Tools", &self.tools.iter().collect::<Vec<_>>(), out)?;
        self.block("Prompts, resources", &self.prompts.iter().chain(&self.resources).collect::<Vec<_>>(), out)?;
        self.block("Datasets", &self.datasets.iter().collect::<Vec<_>>(), out)?;
        self.block("Changes", &self.changes.iter().collect::<Vec<_>>(), out)?;
        self.notes("Which rows", |told| &told.rows, out)?;
        self.notes("Which columns", |told| &told.columns, out)?;
        self.notes("Which tools of the datasets", |told| &told.tools, out)
    }

    fn notes(&self, title: &str, of: impl Fn(&Told) -> &[Note], out: &mut dyn Write) -> anyhow::Result<()> {
        let notes = self.names.iter().zip(self.told.iter().map(of)).filter(|(_, notes)| !notes.is_empty());
        for (place, (name, notes)) in notes.enumerate() {
            if place == 0 {
                writeln!(out, "\n{title}")?;
            }
            writeln!(out, "  {name}")?;
            let width = notes.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
            for (what, rules) in notes {
                let indent = 4 + width + 2;
                let text = wrapped(&rules.join("; "), WIDTH.saturating_sub(indent).max(30));
                for (index, line) in text.iter().enumerate() {
                    let what = if index == 0 { what } else { "" };
                    writeln!(out, "    {what:<width$}  {line}")?;
                }
            }
        }
        Ok(())
    }

    /// Prints columns, as many beside each other as fit, and the others below with the names once more.
    fn block(&self, title: &str, columns: &[&Column], out: &mut dyn Write) -> anyhow::Result<()> {
        let names: Vec<String> = self.names.iter().map(|name| shortened(name)).collect();
        let wide = names.iter().map(|name| name.chars().count()).chain([title.len()]).max().unwrap_or(0);
        let mut left = columns;
        while !left.is_empty() {
            let mut used = 2 + wide;
            let fitting = left.iter().take_while(|column| {
                used += 2 + column.width();
                used <= WIDTH
            });
            let (here, later) = left.split_at(fitting.count().max(1));
            left = later;
            let heads = here.iter().map(|column| format!("  {:<1$}", column.head, column.width()));
            writeln!(out, "\n{}", format!("{title:<0$}{1}", wide + 2, heads.collect::<String>()).trim_end())?;
            for (row, name) in names.iter().enumerate() {
                let cells = here.iter().map(|column| {
                    let cell = column.cells.get(row).copied().unwrap_or("");
                    format!("  {cell:<0$}", column.width())
                });
                writeln!(out, "{}", format!("  {name:<wide$}{}", cells.collect::<String>()).trim_end())?;
            }
        }
        Ok(())
    }
}

/// A name without its middle, where it is long: names of one company end alike, and those of a person begin so.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return name.to_owned();
    }
    let (before, after) = (NAME * 2 / 3, NAME - NAME * 2 / 3 - 1);
    name.chars().take(before).chain(['…']).chain(name.chars().skip(length - after)).collect()
}

impl Column {
    fn width(&self) -> usize {
        self.cells.iter().map(|cell| cell.len()).chain([self.head.chars().count()]).max().unwrap_or(0)
    }
}
