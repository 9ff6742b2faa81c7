//! `within`: the parent's half, once every dataset is known.

use super::super::Dataset;
use super::super::error::{BadDeclaration, Findings};
use crate::config::{DatasetDeclaration, WithinDeclaration};

/// Checks what every `within` says of the parent.
pub(super) fn check(declared: &[DatasetDeclaration], datasets: &[Dataset], findings: &mut Findings) {
    for declaration in declared {
        let Some(within) = &declaration.within else { continue };
        let key = format!("dataset.{}.within", declaration.name.value);
        let parent = &within.dataset;
        if !declared.iter().any(|other| other.name.value == parent.value) {
            let known = declared.iter().map(|other| other.name.value.as_str());
            findings.unknown(&parent.origin, format!("{key}.dataset"), "dataset", &parent.value, known);
            continue;
        }
        check_circle(&key, declaration, declared, findings);
        // A dataset that was refused for its own fault says nothing of its children.
        let find = |name: &str| datasets.iter().find(|dataset| dataset.name.as_str() == name);
        if let (Some(child), Some(parent)) = (find(&declaration.name.value), find(&parent.value)) {
            check_columns(&key, within, child, parent, findings);
        }
    }
}

/// Refuses a way round, once: where its first dataset in the order of names is declared.
fn check_circle(key: &str, start: &DatasetDeclaration, declared: &[DatasetDeclaration], findings: &mut Findings) {
    let mut way = vec![start.name.value.as_str()];
    let mut current = start;
    while let Some(within) = &current.within {
        let Some(parent) = declared.iter().find(|other| other.name.value == within.dataset.value) else {
            return;
        };
        if parent.name.value == start.name.value {
            if way.iter().all(|name| *name >= start.name.value.as_str()) {
                way.push(&start.name.value);
                let circle = way.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" within ");
                let origin = start.within.as_ref().map_or(&start.origin, |within| &within.origin);
                findings.refuse(origin, BadDeclaration::Circle { key: key.to_owned(), circle });
            }
            return;
        }
        if way.contains(&parent.name.value.as_str()) {
            return;
        }
        way.push(&parent.name.value);
        current = parent;
    }
}

/// The columns must be the parent's whole key, each once, and of the same type.
fn check_columns(key: &str, within: &WithinDeclaration, child: &Dataset, parent: &Dataset, findings: &mut Findings) {
    let key = format!("{key}.by");
    let mut covered: Vec<&str> = Vec::new();
    for (from, to) in &within.by {
        let Some(column) = parent.column(&to.value) else {
            let known = parent.columns.iter().map(|column| column.name.as_str());
            findings.unknown(&to.origin, key.clone(), "column of the parent", &to.value, known);
            continue;
        };
        if !parent.key.contains(&column.name) {
            let expected = format!("the key of `{}`, which is {}", parent.name, quoted(parent));
            findings.unfit(&to.origin, key.clone(), format!("to `{}`", to.value), expected);
            continue;
        }
        if covered.contains(&to.value.as_str()) {
            findings.unfit(&to.origin, key.clone(), format!("to `{}` twice", to.value), "each column of the key once");
        }
        covered.push(&to.value);
        if let Some(own) = child.column(&from.value)
            && own.kind != column.kind
        {
            let found = format!("from `{}`, a column of type `{}`", from.value, own.kind.as_str());
            let expected = format!("the type of `{}`, which is `{}`", to.value, column.kind.as_str());
            findings.unfit(&from.origin, key.clone(), found, expected);
        }
    }
    if let Some(missing) = parent.key.iter().find(|name| !within.by.iter().any(|(_, to)| to.value == name.as_str())) {
        let expected = format!("the whole key of `{}`, which is {}", parent.name, quoted(parent));
        findings.unfit(&within.origin, key, format!("without `{missing}`"), expected);
    }
}

fn quoted(parent: &Dataset) -> String {
    parent.key.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
