//! Presets, laid beneath what is written before anything is read, so that a filled value is checked like a written one.

use super::document::{Kind, Node, Table, parse};
use super::origin::Origin;
use super::problem::Problem;

/// What the presets fill in, documented as [`super::DEFAULTS`] is.
pub const PRESETS: &str = include_str!("presets.toml");

/// The presets of an issuer; `generic` stands where none is written.
pub(super) const ISSUERS: [(&str, ()); 3] = [("blockbrain", ()), ("zitadel", ()), ("generic", ())];

/// Lays the presets beneath `[context]` and every `[[issuer]]`.
pub(super) fn apply(document: &mut Table) -> Result<(), Vec<Problem>> {
    let presets = parse(PRESETS, &|_| Origin::Default)?;
    let of = |kind: &str, name: &str| -> Table {
        let group = presets.get(kind).and_then(|entry| entry.node.kind.as_table());
        let mut preset =
            group.and_then(|group| group.get(name)?.node.kind.as_table().cloned()).unwrap_or_else(Table::default);
        if name != "default" {
            mark(&mut preset, &Origin::Preset(name.into()));
        }
        preset
    };

    if let Some(entry) = document.entries.iter_mut().find(|entry| entry.key == "context")
        && let Kind::Table(context) = &mut entry.node.kind
    {
        let name = context.text("preset").unwrap_or("none").to_owned();
        let written = std::mem::replace(context, of("context", &name));
        context.overlay(written);
    }
    for (_, issuer) in document.tables_mut("issuer") {
        // An unknown preset is refused by the reader; filling in the strictest keeps its other complaints few.
        let name = issuer.text("preset").filter(|name| ISSUERS.iter().any(|(known, ())| known == name));
        let name = name.unwrap_or("generic").to_owned();
        let mut preset = of("issuer", &name);
        if issuer.get("issuer").is_some() {
            // The preset's keys are its own issuer's, and nobody else's.
            preset.entries.retain(|entry| entry.key != "jwks_url");
        }
        let mut filled = of("issuer", "default");
        filled.overlay(preset);
        filled.overlay(std::mem::take(issuer));
        *issuer = filled;
    }
    Ok(())
}

/// Gives a whole tree one origin.
fn mark(table: &mut Table, origin: &Origin) {
    for entry in &mut table.entries {
        entry.origin = origin.clone();
        mark_node(&mut entry.node, origin);
    }
}

fn mark_node(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.kind {
        Kind::Table(table) => mark(table, origin),
        Kind::List(nodes) => nodes.iter_mut().for_each(|node| mark_node(node, origin)),
        Kind::Text(_) | Kind::Integer(_) | Kind::Real(_) | Kind::Boolean(_) | Kind::Time(_) | Kind::Variable(_) => {}
    }
}
