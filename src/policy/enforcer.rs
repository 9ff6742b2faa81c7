//! casbin decides about tools, resources and prompts; this is all there is between it and us. Rows and columns are compiled
//! from the same rules (`scope`, `columns`), and a differential test asks casbin about each row (`oracle`) and holds the two
//! equal.
//!
//! The enforcer is built from rules that were parsed and checked, never from text: casbin's file adapter drops lines that
//! it does not understand, its interpreter would run whatever a condition contained, and its matching functions panic on
//! some input. So the fifth field of every rule here is the rule's number, and a request says which numbers are true,
//! false and unknown. The matcher gives an allow rule its effect where it is true, and a deny rule where it is not false;
//! a deny rule that a request says nothing about counts.
//!
//! casbin's cost is linear in the rules it is given, and a rule takes it five times what it takes the index. So it keeps none:
//! it is given those that could be about a question (`Index::given`) when the question is asked, and answers are remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi as _, DefaultModel, EnforceArgs, Model as _, NullAdapter};
use futures_util::FutureExt as _;

use super::files::{Effect, Rule};
use super::object::{Kind, Permission};
use super::predicate::Truth;
use crate::model::Tenant;

/// The shipped model with its condition taken as given; `policy::files` holds the shipped one.
const REQUEST: &str = "sub, dom, obj, act, truth";
const POLICY: &str = "sub, dom, obj, act, cond, eft";
const EFFECT: &str = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
const MATCHER: &str = r#"named(r.sub, p.sub) && (p.dom == "*" || p.dom == r.dom) && keyMatch(r.obj, p.obj) && (p.act == "*" || p.act == r.act) && counts(r.truth, p.cond, p.eft)"#;

/// Why casbin gave no answer. Whoever asked is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnforcerError {
    /// It refused its own model.
    #[error("casbin did not take the model")]
    Build(#[source] casbin::Error),
    /// It did something that is not done in memory.
    #[error("casbin waited for something while it took the model")]
    Waited,
    /// It refused the rules.
    #[error("casbin did not take the rules about `{0}`")]
    Rules(String),
    /// It refused the question.
    #[error("casbin could not decide about `{0}`")]
    Decide(String, #[source] casbin::Error),
    /// It allows what no rule does, or the other way round.
    #[error("casbin and the policy index disagree about `{0}`")]
    Disagrees(String),
}

/// One question to casbin.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) permission: Permission,
    pub(super) kind: Kind,
    pub(super) object: &'a str,
    /// Every name that the requester goes by.
    pub(super) names: Names,
    /// The truth of the conditions, by the position of their rules.
    pub(super) truths: Truths,
}

impl Question<'_> {
    pub(super) fn object(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.object)
    }
}

/// casbin, with the rules that it was given last.
pub(super) struct Enforcer(casbin::Enforcer);

impl fmt::Debug for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enforcer").finish_non_exhaustive()
    }
}

impl Enforcer {
    pub(super) fn new() -> Result<Self, EnforcerError> {
        let mut model = DefaultModel::default();
        for (section, text) in [("r", REQUEST), ("p", POLICY), ("e", EFFECT), ("m", MATCHER)] {
            model.add_def(section, section, text);
        }
        // Model and adapter are in memory, so there is nothing to wait for.
        let built = casbin::Enforcer::new_raw(model, NullAdapter).now_or_never();
        let mut enforcer = built.ok_or(EnforcerError::Waited)?.map_err(EnforcerError::Build)?;
        enforcer.add_function("named", OperatorFunction::Arg2(named));
        enforcer.add_function("keyMatch", OperatorFunction::Arg2(prefix_match));
        enforcer.add_function("counts", OperatorFunction::Arg3(counts));
        Ok(Self(enforcer))
    }

    /// Says whether casbin allows it by these rules, each with its position.
    pub(super) fn allows<'r>(
        &mut self,
        rules: impl Iterator<Item = (usize, &'r Rule)>,
        question: &Question<'_>,
    ) -> Result<bool, EnforcerError> {
        let model = self.0.get_mut_model();
        model.clear_policy();
        if !model.add_policies("p", "p", rules.map(|(position, rule)| rule.canonical(position)).collect()) {
            return Err(EnforcerError::Rules(question.object()));
        }
        self.0.enforce(question).map_err(|source| EnforcerError::Decide(question.object(), source))
    }
}

/// As casbin is handed them, and hands them back to the functions of the matcher.
type Names = Arc<BTreeSet<Arc<str>>>;
type Truths = Arc<BTreeMap<usize, Truth>>;

impl EnforceArgs for &Question<'_> {
    fn try_into_vec(self) -> casbin::Result<Vec<Dynamic>> {
        Ok(vec![
            Dynamic::from(Arc::clone(&self.names)),
            Dynamic::from(self.tenant.as_str().to_owned()),
            Dynamic::from(self.object()),
            Dynamic::from(self.permission.as_str().to_owned()),
            Dynamic::from(Arc::clone(&self.truths)),
        ])
    }

    /// Used by casbin's cached enforcer only, which is not used here.
    fn cache_key(&self) -> u64 {
        0
    }
}

/// `p.sub in r.sub.names`. Here and below: what is not as expected is no truth value, and casbin refuses the question.
fn named(names: Dynamic, who: Dynamic) -> Dynamic {
    match (names.try_cast::<Names>(), who.into_immutable_string()) {
        (Some(names), Ok(who)) => names.contains(who.as_str()).into(),
        (None, _) | (_, Err(_)) => Dynamic::UNIT,
    }
}

/// casbin's own `keyMatch` slices bytes and panics inside a character.
fn prefix_match(object: Dynamic, pattern: Dynamic) -> Dynamic {
    let (Ok(object), Ok(pattern)) = (object.into_immutable_string(), pattern.into_immutable_string()) else {
        return Dynamic::UNIT;
    };
    match pattern.strip_suffix('*') {
        Some(prefix) => object.starts_with(prefix).into(),
        None => (object == pattern).into(),
    }
}

fn counts(truths: Dynamic, position: Dynamic, effect: Dynamic) -> Dynamic {
    let (Some(truths), Ok(position), Ok(effect)) =
        (truths.try_cast::<Truths>(), position.into_immutable_string(), effect.into_immutable_string())
    else {
        return Dynamic::UNIT;
    };
    let Ok(truth) = position.parse::<usize>().map(|position| truths.get(&position)) else { return Dynamic::UNIT };
    if effect == Effect::Allow.as_str() {
        (truth == Some(&Truth::True)).into()
    } else if effect == Effect::Deny.as_str() {
        (truth != Some(&Truth::False)).into()
    } else {
        Dynamic::UNIT
    }
}
