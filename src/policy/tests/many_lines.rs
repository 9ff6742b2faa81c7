//! Many rules for the same places, some of them for everyone, every tenant and everything: what the index finds and what
//! casbin is asked comes to what every line, one after the other, says. Of so many lines casbin is given what the index finds, so
//! that it says nothing of what that lost, and a plain reading does: of rows and columns too.

use std::fmt::Write as _;

use crate::policy::files::{self, Effect, Lines, Rule, Sources};
use crate::policy::index::Index;
use crate::policy::names::Names;
use crate::policy::object::Kind;

use super::*;

const WHO: [&str; 12] = [
    "*",
    "verified",
    "user:u0",
    "user:u1",
    "user:u2",
    "role:r0",
    "role:r1",
    "role:r2",
    "role:r3",
    "client:c0",
    "client:c1",
    "client:c2",
];
const WHAT: [&str; 14] = [
    "tool:echo",
    "tool:web_search",
    "tool:e*",
    "tool:*",
    "resource:keys",
    "resource:*",
    "*",
    "dataset:documents",
    "dataset:doc*",
    "dataset:*",
    "column:documents/title",
    "column:documents/ti*",
    "column:documents/mar*",
    "column:documents/margin",
];

/// Numbers without a pattern, the same on every machine.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[usize::try_from(self.0 >> 33).unwrap() % of.len()]
    }
}

/// A policy of so many lines. Not linted: most of the lines do nothing that another does not.
fn lines(seed: u64, count: usize) -> Lines {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    while text.lines().count() < count {
        let (who, tenant, what) = (numbers.one(&WHO), numbers.one(&["acme", "globex", "*"]), numbers.one(&WHAT));
        let (when, effect) = (numbers.one(&["true", "r.sub.clearance < 3"]), numbers.one(&["allow", "allow", "deny"]));
        let may = match what.split_once(':') {
            Some(("tool", _)) => numbers.one(&["call", "*"]),
            Some(_) => numbers.one(&["read", "*"]),
            None => "*",
        };
        // Denials of everybody would leave nothing to decide.
        if (what != "*" || effect == "deny") && (who != "*" || effect == "allow" || what.starts_with("resource:k")) {
            writeln!(text, "p, {who}, {tenant}, {what}, {may}, {when}, {effect}").unwrap();
        }
    }
    let directory = directory(text);
    let sources = Sources::read(directory.path()).unwrap();
    let (lines, found) = files::parse(directory.path(), sources, &catalog());
    assert_eq!(found, []);
    lines
}

/// What the lines say, read one after the other.
fn expected(rules: &[Rule], requester: &Requester, object: &Object, permission: Permission) -> bool {
    said(rules, requester, object, permission, false)
}

/// The same beside what is declared.
fn said(rules: &[Rule], requester: &Requester, object: &Object, permission: Permission, is_declared: bool) -> bool {
    let known = requester.attributes.claims.get(&name("clearance"));
    let counts = |rule: &&Rule| {
        let holds = match (rule.when.to_string().as_str(), known) {
            ("true", _) => Truth::True,
            (_, Some(Value::Number(Number::Integer(clearance)))) => Truth::from(*clearance < 3),
            _ => Truth::Unknown,
        };
        (rule.who.as_ref() == "*" || requester.names.contains(&rule.who))
            && rule.tenant.as_ref().is_none_or(|tenant| *tenant == requester.tenant)
            && rule.what.covers(object.kind(), object.name())
            && rule.may.is_none_or(|may| may == permission)
            && match rule.effect {
                Effect::Allow => holds == Truth::True,
                Effect::Deny => holds != Truth::False,
            }
    };
    let counting: Vec<Effect> = rules.iter().filter(counts).map(|rule| rule.effect).collect();
    (is_declared || counting.contains(&Effect::Allow)) && !counting.contains(&Effect::Deny)
}

#[test]
fn casbin_and_the_index_say_what_the_lines_say() {
    let (mut allowed, mut denied, mut readable, mut hidden) = (0, 0, 0, 0);
    for (seed, count) in [(1, 8), (2, 20), (3, 60), (4, 400), (5, 1_500)] {
        let lines = lines(seed, count);
        let names = Names::new(&lines.grants, &catalog());
        let rules = lines.rules.clone();
        let snapshot = Snapshot::new([0; 32], lines, names, catalog());
        snapshot.rehearse().unwrap();
        let mut numbers = Numbers(seed + 100);
        for _ in 0..150 {
            let names: Vec<&str> = (0..numbers.one(&[0, 1, 2, 4])).map(|_| numbers.one(&WHO)).collect();
            let mut requester = somebody(numbers.one(&["acme", "globex"]), &names);
            if let Some(clearance) = numbers.one(&[None, Some(2), Some(3)]) {
                requester = with_clearance(requester, clearance);
            }
            let objects = [
                (Object::Tool(name("echo")), Permission::Call),
                (Object::Tool(name("web_search")), Permission::Call),
                (Object::Resource("keys".into()), Permission::Read),
                (Object::Resource("audit".into()), Permission::Read),
                // Nothing is ever answered for what cannot be done with such an object.
                (Object::Resource("audit".into()), Permission::Call),
            ];
            for (object, permission) in objects {
                let decision = snapshot.decide(&requester, &object, permission);
                let possible = object.kind().permissions().contains(&permission);
                let expected = possible && expected(&rules, &requester, &object, permission);
                assert_eq!(decision.is_allowed(), expected, "{count} lines, {object} {permission} {requester:?}");
                assert!(decision.lines.iter().all(|line| line.line > 0), "casbin and the index disagree");
                if expected { allowed += 1 } else { denied += 1 }
            }
            let (documents, row) = (Arc::clone(&catalog().datasets["documents"]), Row::new());
            let object = Object::Dataset(documents.name.clone());
            let rows = expected(&rules, &requester, &object, Permission::Read);
            assert_eq!(
                snapshot.decide(&requester, &object, Permission::Read).is_allowed(),
                rows,
                "{count} {requester:?}"
            );
            let casbin = snapshot.admits_row(&requester, &documents.name, Permission::Read, &row);
            assert_eq!(casbin.is_allowed(), rows, "{count} lines, {requester:?}");
            let mut told = |is_read: bool| *(if is_read { &mut readable } else { &mut hidden }) += 1;
            told(rows);
            for column in ["title", "margin"].map(|column| documents.column(column).unwrap()) {
                let object = Object::column(&documents.name, &column.name);
                let mut about = rules.iter().filter(|rule| rule.what.kind == Some(Kind::Column));
                let read = if about.any(|rule| rule.what.covers(Kind::Column, object.name())) {
                    said(&rules, &requester, &object, Permission::Read, !column.protected)
                } else {
                    !column.protected
                };
                let decision = snapshot.decide(&requester, &object, Permission::Read);
                assert_eq!(decision.is_allowed(), read, "{count} lines, {object} {requester:?}");
                assert_eq!(snapshot.admits_column(&requester, &documents, column, &row), read, "{count} {requester:?}");
                told(read);
            }
        }
    }
    assert!(allowed > 200 && denied > 200, "{allowed} and {denied}: too few to tell");
    assert!(readable > 200 && hidden > 200, "{readable} and {hidden}: too few to tell");
}

#[test]
fn a_rule_stands_once_whatever_it_covers() {
    for count in [20, 1_500] {
        let lines = lines(7, count);
        let index = Index::new(&lines.rules, catalog().tenants.keys().cloned());
        let mut positions: Vec<usize> = index.alike().flat_map(|alike| alike.rules).copied().collect();
        positions.sort_unstable();
        assert_eq!(positions, (0..lines.rules.len()).collect::<Vec<_>>());
    }
}

#[test]
fn casbin_finds_the_lines_by_itself_unless_they_are_many() {
    for count in [48, 49] {
        let mut text =
            "p, user:ada, *, tool:*, *, true, allow\np, *, *, tool:web_search, call, true, deny\n".to_owned();
        for number in 2..count {
            writeln!(text, "p, user:u{number}, acme, tool:echo, call, true, allow").unwrap();
        }
        // About another tenant and another kind, which is never of use.
        text.push_str(
            "p, user:ada, globex, tool:echo, call, true, allow\np, user:ada, acme, resource:*, read, true, allow\n",
        );
        let policy = snapshot(&text);
        let (tenant, ada) = ("acme".parse().unwrap(), ["user:ada".into(), "*".into()].into());
        let given = policy.index.given((&tenant, Kind::Tool, Permission::Call), "echo", &ada);
        let expected: Vec<usize> = if count == 48 { (0..48).collect() } else { vec![0] };
        assert_eq!(given.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn chains_through_lines_of_a_tenant_and_of_every_tenant_are_counted_together() {
    let chain = |length: usize| {
        let tenant = |link| if link % 2 == 0 { "acme" } else { "*" };
        let links = (1..length).map(|i| format!("g, role:r{i}, role:r{}, {}\n", i + 1, tenant(i)));
        format!("g, user:a, role:r1, acme\n{}", links.collect::<String>())
    };
    let refused = |length| findings(directory(chain(length)).path()).iter().any(|found| found.contains("more than 16"));
    assert!(!refused(16));
    assert!(refused(17));
}
