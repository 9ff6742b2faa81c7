//! The columns of a dataset.

use super::super::error::{BadDeclaration, Findings};
use super::super::{Column, ColumnType, TimeStorage};
use crate::config::{At, ColumnDeclaration};
use crate::model::Name;

const TYPES: [(&str, ColumnType); 7] = [
    ("id", ColumnType::Id),
    ("text", ColumnType::Text),
    ("number", ColumnType::Number),
    ("boolean", ColumnType::Boolean),
    ("time", ColumnType::Time(TimeStorage::Text)),
    ("json", ColumnType::Json),
    ("bytes", ColumnType::Bytes),
];

const STORED: [(&str, TimeStorage); 4] = [
    ("text", TimeStorage::Text),
    ("unix", TimeStorage::Unix),
    ("unix_ms", TimeStorage::UnixMillis),
    ("julian", TimeStorage::Julian),
];

/// Checks the columns of the dataset with this key.
pub(super) fn columns(key: &str, declared: &[ColumnDeclaration], findings: &mut Findings) -> Vec<Column> {
    let mut columns = Vec::new();
    for (index, declaration) in declared.iter().enumerate() {
        let key = format!("{key}.columns.{}", declaration.name.value);
        let same = |other: &&ColumnDeclaration| other.name.value.eq_ignore_ascii_case(&declaration.name.value);
        if let Some(first) = declared.iter().take(index).find(same) {
            let what = BadDeclaration::Twice {
                key,
                found: declaration.name.value.clone(),
                first: first.name.origin.clone(),
                hint: "SQL does not tell names apart that differ in capitals only",
            };
            findings.refuse(&declaration.name.origin, what);
            continue;
        }
        columns.extend(column(&key, declaration, findings));
    }
    columns
}

fn column(key: &str, declaration: &ColumnDeclaration, findings: &mut Findings) -> Option<Column> {
    let name = match declaration.name.value.parse::<Name>() {
        Ok(name) => Some(name),
        Err(reason) => {
            findings.refuse(&declaration.name.origin, BadDeclaration::Name { key: key.to_owned(), reason });
            None
        }
    };
    let kind = kind(key, declaration, findings);
    let expose = declaration.expose.as_ref().is_none_or(|expose| expose.value);
    let is_bytes = kind == Some(ColumnType::Bytes);
    let list = declaration.list.as_ref().map_or(expose && !is_bytes, |list| list.value);
    if let Some(At { value: true, origin }) = &declaration.list {
        if is_bytes {
            findings.unfit(origin, format!("{key}.list"), "`true`", "`false`: bytes are never listed");
        } else if !expose {
            findings.unfit(origin, format!("{key}.list"), "`true`", "`false`: the column is not in answers at all");
        }
    }
    let values = values(key, declaration, kind, findings);
    Some(Column {
        source: declaration.column.clone().unwrap_or_else(|| declaration.name.value.clone()),
        name: name?,
        kind: kind?,
        description: declaration.description.clone(),
        expose,
        list,
        protected: declaration.protected.as_ref().is_some_and(|protected| protected.value),
        values,
    })
}

fn kind(key: &str, declaration: &ColumnDeclaration, findings: &mut Findings) -> Option<ColumnType> {
    let found = TYPES.iter().find(|(word, _)| *word == declaration.kind.value);
    let Some((_, kind)) = found else {
        let words = TYPES.iter().map(|(word, _)| *word);
        findings.unknown(&declaration.kind.origin, format!("{key}.type"), "type", &declaration.kind.value, words);
        return None;
    };
    let Some(stored) = &declaration.stored else { return Some(*kind) };
    let ColumnType::Time(_) = kind else {
        let found = format!("written for a column of type `{}`", declaration.kind.value);
        findings.unfit(&stored.origin, format!("{key}.stored"), found, "it for `time` only");
        return None;
    };
    let form = STORED.iter().find(|(word, _)| *word == stored.value);
    if form.is_none() {
        let words = STORED.iter().map(|(word, _)| *word);
        findings.unknown(&stored.origin, format!("{key}.stored"), "form of a time", &stored.value, words);
    }
    form.map(|(_, form)| ColumnType::Time(*form))
}

fn values(
    key: &str,
    declaration: &ColumnDeclaration,
    kind: Option<ColumnType>,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let values = declaration.values.as_ref()?;
    let key = format!("{key}.values");
    match kind? {
        ColumnType::Id | ColumnType::Text => {}
        ColumnType::Number | ColumnType::Boolean | ColumnType::Time(_) | ColumnType::Json | ColumnType::Bytes => {
            let found = format!("written for a column of type `{}`", declaration.kind.value);
            findings.unfit(&values.origin, key, found, "it for `id` and `text` only");
            return None;
        }
    }
    if values.value.is_empty() {
        findings.unfit(&values.origin, key, "empty", "at least one value; leave it out if any may stand there");
        return None;
    }
    for (index, value) in values.value.iter().enumerate() {
        if let Some(first) = values.value.iter().take(index).find(|other| other.value == value.value) {
            let (found, first) = (value.value.clone(), first.origin.clone());
            let hint = "once is enough";
            findings.refuse(&value.origin, BadDeclaration::Twice { key: key.clone(), found, first, hint });
        }
    }
    Some(values.value.iter().map(|value| value.value.clone()).collect())
}
