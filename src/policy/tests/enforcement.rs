//! casbin by itself, without the index that counts the same lines.

use std::path::PathBuf;

use crate::policy::enforcer::{Enforcer, Question};
use crate::policy::files::{self, Lines, Rule, Sources};
use crate::policy::object::Kind;

use super::*;

fn rules(policy: &str) -> Vec<Rule> {
    let directory = directory(policy);
    let sources = Sources::read(directory.path()).unwrap();
    let (Lines { rules, .. }, found) = files::parse(directory.path(), sources, &catalog());
    assert_eq!(found, []);
    rules
}

fn ask(rules: &[Rule], names: &[&str], object: &str, truths: &[(usize, Truth)]) -> bool {
    let tenant = "acme".parse().unwrap();
    let question = Question {
        tenant: &tenant,
        permission: Permission::Call,
        kind: Kind::Tool,
        object,
        names: Arc::new(names.iter().map(|name| Arc::from(*name)).collect()),
        truths: Arc::new(truths.iter().copied().collect()),
    };
    Enforcer::new().unwrap().allows(rules.iter().enumerate(), &question).unwrap()
}

#[test]
fn an_allowance_counts_when_true_and_a_denial_unless_false() {
    let rules = rules("p, *, acme, tool:echo, call, true, allow\np, *, *, tool:e*, call, true, deny\n");
    for allow in [Truth::True, Truth::False, Truth::Unknown] {
        for deny in [Truth::True, Truth::False, Truth::Unknown] {
            let expected = allow == Truth::True && deny == Truth::False;
            assert_eq!(ask(&rules, &["*"], "echo", &[(0, allow), (1, deny)]), expected, "{allow:?} {deny:?}");
        }
    }
    // A rule that the index lost is no allowance, and still a denial.
    assert!(!ask(&rules, &["*"], "echo", &[(0, Truth::True)]));
    assert!(!ask(&rules, &["*"], "echo", &[(1, Truth::False)]));
    // Somebody whom the lines are not for, and an object that none is about.
    assert!(!ask(&rules, &[], "echo", &[(0, Truth::True), (1, Truth::False)]));
    assert!(!ask(&rules, &["*"], "web_search", &[(0, Truth::True), (1, Truth::False)]));
}

#[test]
fn an_object_that_no_line_names_is_judged_by_the_patterns() {
    let rules = rules("p, *, *, tool:e*, call, true, allow\np, *, *, tool:echo, call, true, deny\n");
    let truths = [(0, Truth::True), (1, Truth::True)];
    assert!(!ask(&rules, &["*"], "echo", &truths));
    assert!(ask(&rules, &["*"], "eé", &truths), "a pattern may end inside what a byte-wise slice would cut");
    assert!(!ask(&rules, &["*"], "é", &truths));
}

#[test]
fn nothing_is_left_of_what_was_asked_before() {
    let rules = rules("p, *, acme, tool:echo, call, true, allow\np, *, acme, tool:echo, call, true, deny\n");
    let mut casbin = Enforcer::new().unwrap();
    let tenant = "acme".parse().unwrap();
    let mut allows = |given: &[usize]| {
        let question = Question {
            tenant: &tenant,
            permission: Permission::Call,
            kind: Kind::Tool,
            object: "echo",
            names: Arc::new(["*".into()].into()),
            truths: Arc::new(given.iter().map(|position| (*position, Truth::True)).collect()),
        };
        casbin.allows(given.iter().map(|position| (*position, &rules[*position])), &question).unwrap()
    };
    assert!(allows(&[0]));
    assert!(!allows(&[0, 1]));
    assert!(!allows(&[]));
    assert!(allows(&[0]));
}

#[test]
fn what_casbin_finds_elsewhere_than_the_index_is_found_before_it_is_asked_for() {
    let mut policy = snapshot("p, *, *, tool:echo, call, true, allow\n");
    policy.rehearse().unwrap();
    let elsewhere = snapshot("p, *, *, tool:web_search, call, true, allow\n");
    policy.index = elsewhere.index;
    let error = policy.rehearse().unwrap_err();
    assert_eq!(error.to_string(), "casbin and the policy index disagree about `tool:web_search`");
}

#[test]
fn the_shipped_model_is_the_one_that_is_compiled() {
    let squeeze = |text: &str| text.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(squeeze(&shipped_model()), squeeze(files::MODEL));
    let source = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/policy/enforcer.rs")).unwrap();
    let effect = files::MODEL.lines().find_map(|line| line.strip_prefix("e = ")).unwrap();
    assert!(source.contains(effect), "casbin combines effects by another rule than the model says");
}
