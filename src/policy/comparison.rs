//! What a comparison of two policies has to know of each, besides its answers: its lines in one spelling, and the lines that a
//! name by itself does not decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::{Condition, Tree, View};
use super::files::Rule;
use super::finding::LineRef;
use super::object::{Object, Permission};
use super::snapshot::Snapshot;
use crate::model::{Requester, Tenant};

/// A line, or one of its alternatives, in one spelling, whatever blanks and parentheses it was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands.
    pub line: LineRef,
    /// As it stands in the file.
    pub text: Arc<str>,
    /// For whom it is, or who is given a name by it.
    pub who: Arc<str>,
    /// The tenant; `None` is every one.
    pub tenant: Option<Tenant>,
    /// All of it but the tenant.
    pub says: String,
}

/// A line that could come to something else for somebody of the same names: its condition reads what is not known of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Undecided {
    /// Whether it would allow or deny, spelled so.
    pub effect: &'static str,
    /// The condition.
    pub when: String,
    /// What it reads and is not there: claims, attributes, fields of the context.
    pub reads: Vec<String>,
}

impl Snapshot {
    /// Every line, in one spelling; one with alternatives as so many.
    pub fn statements(&self) -> Vec<Statement> {
        // What a declaration says of its columns stands among the rules and in no file.
        let rules = self.rules.iter().filter(|rule| rule.at.line > 0);
        let rules = rules.flat_map(|rule| statements(rule, self.text(rule)));
        let grants = self.grants.iter().filter_map(|line| {
            let text = self.line(line)?;
            let fields: Vec<&str> = text.split(',').map(|field| field.trim_matches(' ')).collect();
            let ["g", member, group, tenant] = fields.as_slice() else { return None };
            // A tenant that is not `*` was read once already, when the file was.
            let tenant = tenant.parse().ok();
            let says = format!("g, {member}, {group}");
            Some(Statement { line: line.clone(), text: text.into(), who: (*member).into(), tenant, says })
        });
        rules.chain(grants).collect()
    }

    /// The lines about an object that are for this requester and read of them what is not known.
    pub fn undecided(&self, requester: &Requester, object: &Object, permission: Permission) -> BTreeSet<Undecided> {
        let names = self.names.close(&requester.tenant, &requester.names);
        let view = View { requester, names: &names };
        let place = (&requester.tenant, object.kind(), permission);
        let matching = self.index.matching(place, object.name(), view.names);
        let rules = matching.into_iter().filter_map(|position| self.rules.get(position));
        let undecided = rules.flat_map(|rule| alternatives(&rule.when).iter().map(|when| (rule.effect, when)));
        let undecided = undecided.filter_map(|(effect, when)| {
            let mut reads = BTreeSet::new();
            when.reads(&mut reads);
            let absent = reads.iter().filter(|read| read.value(requester).is_none());
            let reads: Vec<String> = absent.map(|read| read.name().to_owned()).collect();
            (!reads.is_empty()).then(|| Undecided { effect: effect.as_str(), when: spelled(when), reads })
        });
        undecided.collect()
    }
}

/// The conditions of which one is enough: a line with `a || b` says what two lines say, be it an allowance or a denial.
fn alternatives(condition: &Condition) -> &[Condition] {
    match condition {
        Tree::Any(parts) => parts,
        Tree::Always | Tree::Compare { .. } | Tree::In { .. } | Tree::Present(_) | Tree::Not(_) | Tree::All(_) => {
            std::slice::from_ref(condition)
        }
    }
}

/// A condition in one spelling, without the parentheses around all of it.
fn spelled(condition: &Condition) -> String {
    let whole = condition.to_string();
    let inner = whole.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    match (condition, inner) {
        (Tree::All(_) | Tree::Any(_), Some(inner)) => inner.to_owned(),
        (_, _) => whole,
    }
}

fn statements(rule: &Rule, text: Arc<str>) -> impl Iterator<Item = Statement> {
    let may = rule.may.map_or_else(|| "*".to_owned(), |permission| permission.to_string());
    alternatives(&rule.when).iter().map(move |when| {
        let Rule { at, who, tenant, what, effect, .. } = rule;
        let says = format!("p, {who}, {what}, {may}, {when}, {}", effect.as_str());
        Statement { line: at.clone(), text: Arc::clone(&text), who: Arc::clone(who), tenant: tenant.clone(), says }
    })
}
