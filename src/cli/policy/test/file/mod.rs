//! A file of tests, read strictly: what is not declared can neither be written nor expected.

use std::path::Path;
use std::sync::Arc;

use super::expectations::{self, Expectation};
use super::strict::{Entry, Findings, Table, Value, parse};
use crate::catalog::{Catalog, ColumnType, Dataset};
use crate::cli::policy::person;
use crate::dataset::preview::WrittenRow;
use crate::model::{Context, Name, Requester};
use crate::policy::{self, Finding};

/// A file of tests.
pub(super) struct TestFile {
    /// The rows that its tests are run on; `None` where they are run on the configured database.
    pub(super) rows: Option<Vec<Written>>,
    pub(super) cases: Vec<Case>,
}

/// A row and where it stands.
pub(super) struct Written {
    pub(super) line: u32,
    pub(super) row: WrittenRow,
}

/// One test.
pub(super) struct Case {
    pub(super) line: u32,
    pub(super) name: String,
    pub(super) requester: Requester,
    pub(super) expectations: Vec<Expectation>,
}

/// Reads a file.
///
/// # Errors
///
/// With everything that is wrong with it.
pub(super) fn read(path: &Path, text: &str, catalog: &Catalog) -> Result<TestFile, Vec<Finding>> {
    let findings = Findings::new(path);
    let reader = Reader { catalog, findings: &findings };
    let read = parse(text, &findings).and_then(|document| document.read(&findings, |table| reader.file(table)));
    let findings = findings.into_sorted();
    read.filter(|_| findings.is_empty()).ok_or(findings)
}

/// Reads against the declarations.
pub(super) struct Reader<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) findings: &'a Findings<'a>,
}

impl Reader<'_> {
    fn file(&self, table: &mut Table) -> TestFile {
        let rows = table.take("rows").map(|rows| self.rows(rows));
        let mut cases: Vec<Case> = Vec::new();
        for value in table.take("test").map(|tests| tests.list(self.findings)).unwrap_or_default() {
            let Some(case) = value.read(self.findings, |table| self.case(table)).flatten() else { continue };
            match cases.iter().find(|other| other.name == case.name) {
                Some(first) => {
                    let message = format!("the test {:?} stands on line {} already", case.name, first.line);
                    self.findings.refuse(case.line, message);
                }
                None => cases.push(case),
            }
        }
        TestFile { rows, cases }
    }

    fn rows(&self, rows: Value) -> Vec<Written> {
        let mut written = Vec::new();
        for Entry { line, key, value } in rows.entries(self.findings) {
            let Some(dataset) = self.dataset(line, &key) else { continue };
            for row in value.list(self.findings) {
                let line = row.line;
                let row = self.row(line, &dataset, row.entries(self.findings));
                written.push(Written { line, row });
            }
        }
        written
    }

    fn row(&self, line: u32, dataset: &Arc<Dataset>, entries: Vec<Entry>) -> WrittenRow {
        let mut row = WrittenRow::new(dataset);
        for name in dataset.key.iter().filter(|name| entries.iter().all(|entry| entry.key != name.as_str())) {
            self.findings.refuse(line, format!("`{name}` is missing; it is in the key of `{}`", dataset.name));
        }
        for Entry { line, key, value } in entries {
            let Some(column) = dataset.column(&key) else {
                self.unknown_column(line, dataset, &key);
                continue;
            };
            let Some(json) = value.one() else {
                value.unfit("a value of the column's type", self.findings);
                continue;
            };
            // An identifier may be written as the number that it looks like.
            let json =
                if column.kind == ColumnType::Id && json.is_i64() { json.to_string().into() } else { json.clone() };
            self.taken(line, row.set(column, &json));
        }
        row
    }

    fn case(&self, table: &mut Table) -> Option<Case> {
        let line = table.line;
        let name = table.text("name", self.findings);
        let requester = self.requester(table);
        let known = self.findings.count();
        let expectations = expectations::read(self, table);
        let is_understood = self.findings.count() == known;
        let Some((_, name)) = name else {
            self.findings.refuse(line, "the test has no `name`; write in a sentence what it holds".to_owned());
            return None;
        };
        if expectations.is_empty() && is_understood {
            let message = format!(
                "the test {name:?} expects nothing; write `tools`, `prompts`, `resources`, `datasets`, `rows` or `columns`"
            );
            self.findings.refuse(line, message);
        }
        Some(Case { line, name, requester: requester?, expectations })
    }

    fn requester(&self, table: &mut Table) -> Option<Requester> {
        let tenant = table.text("tenant", self.findings);
        let names = table.take("as").map(Value::one_or_more).unwrap_or_default();
        let claims = table.take("claims").map(|claims| claims.entries(self.findings)).unwrap_or_default();
        let asserted = table.text("asserted_by", self.findings);
        let context = self.context(table);
        let Some((line, tenant)) = tenant else {
            self.findings.refuse(table.line, "the test has no `tenant`".to_owned());
            return None;
        };
        let tenant = self.taken(line, person::tenant(&tenant, self.catalog));
        let mut known = Vec::new();
        for value in names {
            let Some(name) = value.text(self.findings) else { continue };
            match policy::bad_name(&name, self.catalog) {
                Some(why) => self.findings.refuse(value.line, why),
                None => known.push(name),
            }
        }
        let mut requester = self.taken(table.line, person::requester(&tenant?, &known, context?))?;
        if let (Some((line, _)), false) = (&asserted, claims.is_empty()) {
            let message = "a platform's word (`asserted_by`) has no claims; leave `claims` out".to_owned();
            self.findings.refuse(*line, message);
            return None;
        }
        if let Some((line, client)) = asserted {
            requester = self.taken(line, person::asserted(requester, &client))?;
        }
        for Entry { line, key, value } in claims {
            match value.one() {
                Some(json) => {
                    self.taken(line, person::add_claim(&mut requester.attributes, &key, json, self.catalog));
                }
                None => value.unfit("a text, a number, true or false", self.findings),
            }
        }
        Some(requester)
    }

    fn context(&self, table: &mut Table) -> Option<Context> {
        let Some(value) = table.take("context") else { return Some(Context::default()) };
        let texts = value
            .read(self.findings, |table| ["agent", "data_room", "thread"].map(|key| table.text(key, self.findings)));
        let [agent, data_room, thread] = texts?;
        Some(Context {
            agent: self.identifier(agent)?,
            data_room: self.identifier(data_room)?,
            thread: self.identifier(thread)?,
            ..Context::default()
        })
    }

    /// An identifier that may be left out; the outer `None` is one that is refused.
    #[expect(clippy::option_option, reason = "left out and refused are two things")]
    fn identifier<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        text: Option<(u32, String)>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some((line, text)) => self.taken(line, text.parse()).map(Some),
        }
    }

    /// A declared dataset.
    pub(super) fn dataset(&self, line: u32, name: &str) -> Option<Arc<Dataset>> {
        let found = self.catalog.datasets.get(name).cloned();
        if found.is_none() {
            let known: Vec<_> = self.catalog.datasets.keys().map(Name::as_str).collect();
            let hint = person::instead(name, &known);
            self.findings.refuse(line, format!("`{name}` is not a declared dataset{hint}"));
        }
        found
    }

    /// Refuses a column that is not declared.
    pub(super) fn unknown_column(&self, line: u32, dataset: &Dataset, name: &str) {
        let known: Vec<_> = dataset.columns.iter().map(|column| column.name.as_str()).collect();
        let hint = person::instead(name, &known);
        self.findings.refuse(line, format!("`{}` has no column `{name}`{hint}", dataset.name));
    }

    /// What was read, or nothing and a finding.
    pub(super) fn taken<T, E: std::fmt::Display>(&self, line: u32, read: Result<T, E>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                // An error of several causes tells them all so.
                self.findings.refuse(line, format!("{error:#}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
