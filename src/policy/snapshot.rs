//! One policy, whole and unchanging: the lines, the index over them, and the answers given so far.
//!
//! A request uses one snapshot from start to end. Answers are remembered inside it and die with it, so that nothing is
//! ever invalidated; they are keyed by exactly what they depend on and compared in full.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use moka::sync::Cache;

use super::columns::{Columns, Spoken};
use super::condition::{Read, View};
use super::decision::{Decision, Explanation, LineReport, Revision, RowDecision, RowRule};
use super::enforcer::{Enforcer, EnforcerError, Question};
use super::files::{Content, Effect, Lines, Rule};
use super::finding::LineRef;
use super::index::{Alike, Index};
use super::names::Names;
use super::object::{Kind, Object, Permission};
use super::predicate::{Row, Truth};
use crate::catalog::{Catalog, Operation};
use crate::model::{DataRoom, Name, Requester, Tenant, Value};
use crate::store::audit::Verdict;

/// How much is remembered of each kind of answer, in names, lines and values: ten thousand answers of the usual size, or a
/// few hundred of people in hundreds of rooms.
const REMEMBERED: u64 = 200_000;

/// A policy in force, or one that was.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) revision: Revision,
    pub(super) catalog: Arc<Catalog>,
    pub(super) rules: Vec<Rule>,
    pub(super) names: Names,
    pub(super) index: Index,
    /// Where the `g` lines stand, whose sense is in `names`.
    pub(super) grants: Vec<LineRef>,
    pub(super) files: BTreeMap<Arc<str>, Content>,
    pub(super) spoken: Spoken,
    /// What conditions read of a requester, and the names that rules are for.
    reads: BTreeSet<Read>,
    subjects: HashSet<Arc<str>>,
    decisions: Cache<Key, Decision>,
    scopes: Cache<Key, RowDecision>,
}

/// Everything that an answer depends on, besides the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: Tenant,
    names: Vec<Arc<str>>,
    values: Vec<Option<Value>>,
    data_room: Option<DataRoom>,
    object: Object,
    permission: Permission,
}

/// An empty memory of answers, bounded by their sizes.
fn remembering<A: Clone + Send + Sync + 'static>(size: fn(&A) -> usize) -> Cache<Key, A> {
    /// What an answer takes besides.
    const EACH: usize = 10;
    let weight = move |key: &Key, answer: &A| {
        u32::try_from(EACH + key.names.len() + key.values.len() + size(answer)).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(REMEMBERED).weigher(weight).build()
}

/// casbin's decision, and whether counting the lines comes to the same.
pub(super) struct Judged {
    pub(super) decision: Decision,
    agreed: bool,
}

impl Snapshot {
    /// Builds a policy from checked lines.
    pub(super) fn new(digest: [u8; 32], lines: Lines, names: Names, catalog: Arc<Catalog>) -> Self {
        let Lines { mut rules, grants, files } = lines;
        let spoken = Spoken::add_declarations(&mut rules, &catalog);
        let index = Index::new(&rules, catalog.tenants.keys().cloned());
        let mut reads = BTreeSet::new();
        for rule in &rules {
            rule.when.reads(&mut reads);
        }
        let subjects = rules.iter().map(|rule| Arc::clone(&rule.who)).collect();
        let grants = grants.into_iter().map(|grant| grant.at).collect();
        Self {
            revision: Revision(digest),
            catalog,
            rules,
            names,
            index,
            grants,
            files,
            spoken,
            reads,
            subjects,
            decisions: remembering(|decision: &Decision| decision.lines.len()),
            scopes: remembering(|decision: &RowDecision| {
                let filter = match &decision.rule {
                    RowRule::Nothing => 0,
                    RowRule::Filter(filter) => filter.size(),
                };
                filter + decision.lines.len() + decision.columns.size()
            }),
        }
    }

    /// The revision.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Where each line stands that became a rule or a membership, and what it says there: first the rules.
    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = (&LineRef, &str)> {
        let all = self.rules.iter().map(|rule| &rule.at).chain(&self.grants);
        all.filter_map(|at| Some((at, self.line(at)?)))
    }

    /// A line as it stands in its file. What a declaration says stands in none.
    pub(super) fn line(&self, at: &LineRef) -> Option<&str> {
        self.files.get(&at.file)?.line(at.line)
    }

    /// Every name that a requester goes by in its tenant.
    pub fn names(&self, requester: &Requester) -> Vec<Arc<str>> {
        self.names.close(&requester.tenant, &requester.names).into_iter().collect()
    }

    /// The names that the policy of a tenant speaks of, for `policy matrix`: who lines are for, and who is given a name.
    pub fn principals(&self, tenant: &Tenant) -> BTreeSet<Arc<str>> {
        let rules = self.rules.iter().filter(|rule| rule.tenant.as_ref().is_none_or(|own| own == tenant));
        let named = rules.map(|rule| Arc::clone(&rule.who)).chain(self.names.members(tenant).cloned());
        named.filter(|name| name.contains(':')).collect()
    }

    /// Decides about an object. For a dataset: whether there are rows that the requester could be given. For a column: whether
    /// there are rows in which it could be read.
    pub fn decide(&self, requester: &Requester, object: &Object, permission: Permission) -> Decision {
        if let Object::Dataset(dataset) = object {
            let RowDecision { rule, lines, revision, .. } = self.rows(requester, dataset, permission);
            let verdict = match rule {
                RowRule::Nothing => Verdict::Deny,
                RowRule::Filter(_) => Verdict::Allow,
            };
            return Decision { verdict, lines: lines.to_vec(), revision };
        }
        if let Object::Column(_) = object {
            return self.decide_column(requester, object, permission);
        }
        let key = self.key(requester, object.clone(), permission);
        if let Some(decision) = self.decisions.get(&key) {
            return decision;
        }
        let judged = self.judge(requester, object, permission, &Row::new());
        let decision = self.agreed(judged, requester, object, permission);
        self.decisions.insert(key, decision.clone());
        decision
    }

    /// The rows of a dataset for a requester.
    pub fn rows(&self, requester: &Requester, dataset: &Name, permission: Permission) -> RowDecision {
        let key = self.key(requester, Object::Dataset(dataset.clone()), permission);
        if let Some(decision) = self.scopes.get(&key) {
            return decision;
        }
        let names = self.names.close(&requester.tenant, &requester.names);
        let view = View { requester, names: &names };
        let decision = match permission.change() {
            None => self.readable(&view, dataset, permission),
            Some(change) => self.changeable(&view, dataset, change),
        };
        self.scopes.insert(key, decision.clone());
        decision
    }

    fn readable(&self, view: &View<'_>, dataset: &Name, permission: Permission) -> RowDecision {
        let (mut rule, mut lines) = self.scope(view, dataset, permission, 0);
        let mut columns = Columns::none(dataset);
        if let (RowRule::Filter(_), Some(declared)) = (&rule, self.catalog.datasets.get(dataset)) {
            let seen = self.columns(view, declared, Permission::Read);
            lines.extend(seen.lines);
            // Rows are asked for and continued by their key: without it there is none to speak of.
            if declared.key.iter().all(|column| seen.columns.is_open(column)) {
                columns = seen.columns;
            } else {
                rule = RowRule::Nothing;
            }
        }
        RowDecision { rule, columns: Arc::new(columns), lines: lines.into(), revision: self.revision }
    }

    pub(super) fn nothing(&self, dataset: &Name, lines: Vec<LineRef>) -> RowDecision {
        let columns = Arc::new(Columns::none(dataset));
        RowDecision { rule: RowRule::Nothing, columns, lines: lines.into(), revision: self.revision }
    }

    /// The rows of a dataset that a requester may read through one of its generated tools: none where a line denies the tool,
    /// or where it searches and there is no column that this requester may search.
    pub fn rows_through(&self, requester: &Requester, dataset: &Name, tool: &Name) -> RowDecision {
        let called = self.decide(requester, &Object::Tool(tool.clone()), Permission::Call);
        if called.is_denied_by_line() {
            return self.nothing(dataset, called.lines);
        }
        let rows = self.rows(requester, dataset, Permission::Read);
        let declared = self.catalog.datasets.get(dataset);
        let searched = declared.filter(|declared| declared.operation(tool) == Some(Operation::Search));
        if searched.is_some_and(|searched| !searched.searched().any(|column| rows.columns.is_open(&column.name))) {
            return self.nothing(dataset, rows.lines.to_vec());
        }
        rows
    }

    /// How the decision about an object comes about.
    pub fn explain(&self, requester: &Requester, object: &Object, permission: Permission) -> Explanation {
        let names = self.names.close(&requester.tenant, &requester.names);
        let view = View { requester, names: &names };
        let lines = self.considered(&view, object, permission, |place| self.index.covering(place, object.name()));
        let decision = self.decide(requester, object, permission);
        Explanation { lines, decision, names: names.into_iter().collect() }
    }

    /// Of the lines of an [`Explanation`] those that are for the requester, without what they come to together.
    pub fn lines_for(&self, requester: &Requester, object: &Object, permission: Permission) -> Vec<LineReport> {
        let names = self.names.close(&requester.tenant, &requester.names);
        let view = View { requester, names: &names };
        self.considered(&view, object, permission, |place| self.index.matching(place, object.name(), &names))
    }

    /// What each line comes to that is found for a permission, and for what that needs.
    fn considered(
        &self,
        view: &View<'_>,
        object: &Object,
        permission: Permission,
        found: impl Fn((&Tenant, Kind, Permission)) -> BTreeSet<usize>,
    ) -> Vec<LineReport> {
        let requester = view.requester;
        let found = |permission| {
            let rules = found((&requester.tenant, object.kind(), permission)).into_iter();
            rules.filter_map(|position| self.rules.get(position)).map(move |rule| (permission, rule))
        };
        // What may be changed may be read, too.
        let read = permission.change().map(|_| found(Permission::Read));
        let considered = found(permission).chain(read.into_iter().flatten());
        let line = |(permission, rule): (Permission, &Rule)| LineReport {
            line: rule.at.clone(),
            text: self.text(rule),
            permission,
            effect: rule.effect.verdict(),
            who: Arc::clone(&rule.who),
            matched: view.names.contains(&rule.who),
            reads: rule.when.read_of(requester),
            open: rule.when.open(view),
            left: rule.when.residual(view),
        };
        considered.map(line).collect()
    }

    /// Asks casbin about every line, so that what it cannot decide, or finds elsewhere than the index, is found before the policy
    /// is in force.
    pub(super) fn rehearse(&self) -> Result<(), EnforcerError> {
        /// How many lines it is given at a time.
        const TOGETHER: usize = 256;
        let mut casbin = Enforcer::new()?;
        for Alike { tenant, kind, name, permission, rules } in self.index.alike() {
            let Some(tenant) = tenant.or_else(|| self.catalog.tenants.keys().next()) else { continue };
            let kind = kind.unwrap_or(Kind::Tool);
            let permission = permission.or_else(|| kind.permissions().first().copied()).unwrap_or(Permission::Read);
            for rules in rules.chunks(TOGETHER) {
                let rules = || rules.iter().filter_map(|position| Some((*position, self.rules.get(*position)?)));
                // True allowances and false denials let casbin walk to the last rule.
                let truth = |effect| match effect {
                    Effect::Allow => Truth::True,
                    Effect::Deny => Truth::False,
                };
                let names = Arc::new(rules().map(|(_, rule)| Arc::clone(&rule.who)).collect());
                let truths = Arc::new(rules().map(|(position, rule)| (position, truth(rule.effect))).collect());
                let question = Question { tenant, permission, kind, object: name, names, truths };
                let expected = rules().any(|(_, rule)| rule.effect == Effect::Allow);
                if casbin.allows(rules(), &question)? != expected {
                    return Err(EnforcerError::Disagrees(question.object()));
                }
            }
        }
        Ok(())
    }

    /// Asks casbin, and counts the lines besides.
    pub(super) fn judge(&self, requester: &Requester, object: &Object, permission: Permission, row: &Row) -> Judged {
        let names = Arc::new(self.names.close(&requester.tenant, &requester.names));
        let view = View { requester, names: &names };
        let (tenant, kind) = (&requester.tenant, object.kind());
        let place = (tenant, kind, permission);
        let matching = self.index.matching(place, object.name(), &names);
        let rules = || matching.iter().filter_map(|position| Some((*position, self.rules.get(*position)?)));
        let truths: Arc<BTreeMap<usize, Truth>> =
            Arc::new(rules().map(|(position, rule)| (position, rule.when.truth(&view, row))).collect());
        let lines = |effect: Effect| -> Vec<LineRef> {
            let truth = |position: &usize| truths.get(position).copied().unwrap_or(Truth::Unknown);
            let counts = |position: &usize| truth(position).decides(effect.verdict());
            let of_effect = rules().filter(|(position, rule)| rule.effect == effect && counts(position));
            of_effect.map(|(_, rule)| rule.at.clone()).collect()
        };
        let (allowing, denying) = (lines(Effect::Allow), lines(Effect::Deny));
        let expected = !allowing.is_empty() && denying.is_empty();
        let given = self.index.given(place, object.name(), &names);
        let given = given.into_iter().filter_map(|position| Some((position, self.rules.get(position)?)));
        let (object_name, truths) = (object.name(), Arc::clone(&truths));
        let question = Question { tenant, permission, kind, object: object_name, names: Arc::clone(&names), truths };
        let allowed = match Enforcer::new().and_then(|mut casbin| casbin.allows(given, &question)) {
            Ok(allowed) => allowed,
            Err(error) => {
                tracing::error!(%object, %permission, %tenant, error = &error as &dyn std::error::Error, "refused");
                false
            }
        };
        let (verdict, lines) = if allowed { (Verdict::Allow, allowing) } else { (Verdict::Deny, denying) };
        let decision = Decision { verdict, lines, revision: self.revision };
        Judged { agreed: allowed == expected, decision }
    }

    /// casbin's decision, unless the lines that were counted say otherwise: then something is broken, and nothing is allowed.
    fn agreed(&self, judged: Judged, requester: &Requester, object: &Object, permission: Permission) -> Decision {
        if judged.agreed {
            return judged.decision;
        }
        let Requester { tenant, .. } = requester;
        tracing::error!(%object, %permission, %tenant, "casbin and the policy index disagree; refused");
        // A line that denies, so that a generated tool is not there either.
        let line = LineRef { file: "casbin and the index disagree, see the log".into(), line: 0 };
        Decision { verdict: Verdict::Deny, lines: vec![line], revision: self.revision }
    }

    /// Of the requester's names and attributes, those that some line looks at.
    fn key(&self, requester: &Requester, object: Object, permission: Permission) -> Key {
        let lists = &self.catalog.lists;
        let membership = self.names.membership(&requester.tenant);
        let looked_at = |name: &Arc<str>| {
            self.subjects.contains(name)
                || membership.is_some_and(|membership| membership.mentions(name))
                || lists.values().any(|prefix| name.starts_with(&**prefix))
        };
        // The data room narrows rows whatever the lines say; for other objects it counts only where a line reads it.
        let data_room = match object.kind() {
            Kind::Dataset | Kind::Column => requester.context.data_room.clone(),
            Kind::Tool | Kind::Resource | Kind::Prompt => None,
        };
        Key {
            tenant: requester.tenant.clone(),
            names: requester.names.iter().filter(|name| looked_at(name)).cloned().collect(),
            values: self.reads.iter().map(|read| read.value(requester)).collect(),
            data_room,
            object,
            permission,
        }
    }
}
