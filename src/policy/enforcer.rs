//! casbin decides; this is all there is between it and us.
//!
//! The enforcer is built from rules that were parsed and checked, never from text: casbin's file adapter drops lines that
//! it does not understand, its interpreter would run whatever a condition contained, and its matching functions panic on
//! some input. So the fifth field of every rule here is the rule's number, and a request says which numbers are true,
//! false and unknown. The matcher gives an allow rule its effect where it is true, and a deny rule where it is not false;
//! a deny rule that a request says nothing about counts.
//!
//! casbin's cost is linear in the rules it is given, so they stand in partitions, one `p` definition for each tenant,
//! permission and object, all under one matcher. Nothing here is changed after it is built.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi as _, DefaultModel, EnforceArgs, EnforceContext, Model as _, NullAdapter};
use futures_util::FutureExt as _;

use super::files::{Effect, Rule};
use super::index::{Partition, key};
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
    #[error("casbin did not take the model")]
    Build(#[source] casbin::Error),
    #[error("casbin waited for something while it took the model")]
    Waited,
    #[error("casbin could not decide `{0}`")]
    Decide(String, #[source] casbin::Error),
}

/// One question to casbin.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) permission: Permission,
    pub(super) kind: Kind,
    pub(super) object: &'a str,
    /// Every name that the requester goes by.
    pub(super) names: Arc<BTreeSet<Arc<str>>>,
    /// The truth of the conditions, by the position of their rules.
    pub(super) truths: BTreeMap<usize, Truth>,
}

/// casbin with every rule in its partition.
pub(super) struct Enforcer(casbin::Enforcer);

impl fmt::Debug for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enforcer").finish_non_exhaustive()
    }
}

impl Enforcer {
    pub(super) fn new<'a>(
        rules: &[Rule],
        partitions: impl Iterator<Item = Partition<'a>>,
    ) -> Result<Self, EnforcerError> {
        let mut model = DefaultModel::default();
        for (section, definition) in [("r", REQUEST), ("p", POLICY), ("e", EFFECT), ("m", MATCHER)] {
            model.add_def(section, section, definition);
        }
        if let Some(definitions) = model.get_mut_model().get_mut("p")
            && let Some(blank) = definitions.get("p").cloned()
        {
            for partition in partitions.filter(|partition| !partition.rules.is_empty()) {
                let mut definition = blank.clone();
                for (position, rule) in partition.rules.iter().filter_map(|p| Some((p, rules.get(*p)?))) {
                    definition.policy.insert(rule.canonical(*position));
                }
                let Partition { tenant, permission, kind, object, .. } = partition;
                definitions.insert(key(tenant, permission, kind, object), definition);
            }
        }
        // Model and adapter are in memory, so there is nothing to wait for.
        let built = casbin::Enforcer::new_raw(model, NullAdapter).now_or_never();
        let mut enforcer = built.ok_or(EnforcerError::Waited)?.map_err(EnforcerError::Build)?;
        enforcer.add_function("named", OperatorFunction::Arg2(named));
        enforcer.add_function("keyMatch", OperatorFunction::Arg2(prefix_match));
        enforcer.add_function("counts", OperatorFunction::Arg3(counts));
        Ok(Self(enforcer))
    }

    /// Says whether casbin allows it.
    pub(super) fn allows(&self, question: Question<'_>) -> Result<bool, EnforcerError> {
        let Question { tenant, permission, kind, object, names, truths } = question;
        let named = key(tenant, permission, kind, Some(object));
        let open = key(tenant, permission, kind, None);
        let definitions = self.0.get_model().get_model().get("p");
        let there = |key: &String| definitions.is_some_and(|definitions| definitions.contains_key(key));
        // casbin evaluates the matcher once even where there is no rule; no rule is no access, so it is not asked.
        let Some(p_type) = [named, open].into_iter().find(there) else { return Ok(false) };
        let context = EnforceContext { p_type, r_type: "r".into(), e_type: "e".into(), m_type: "m".into() };
        let object = format!("{}:{object}", kind.as_str());
        let request = Request([
            Dynamic::from(Names(names)),
            Dynamic::from(tenant.as_str().to_owned()),
            Dynamic::from(object.clone()),
            Dynamic::from(permission.as_str().to_owned()),
            Dynamic::from(Truths(Arc::new(truths))),
        ]);
        let answer = self.0.enforce_with_context(context, request);
        answer.map_err(|source| EnforcerError::Decide(format!("{object}, {permission}, {tenant}"), source))
    }
}

#[derive(Clone)]
struct Names(Arc<BTreeSet<Arc<str>>>);

#[derive(Clone)]
struct Truths(Arc<BTreeMap<usize, Truth>>);

struct Request([Dynamic; 5]);

impl EnforceArgs for Request {
    fn try_into_vec(self) -> casbin::Result<Vec<Dynamic>> {
        Ok(self.0.into())
    }

    /// Used by casbin's cached enforcer only, which is not used here.
    fn cache_key(&self) -> u64 {
        0
    }
}

/// `p.sub in r.sub.names`. Here and below: what is not as expected is no truth value, and casbin refuses the question.
fn named(names: Dynamic, who: Dynamic) -> Dynamic {
    match (names.try_cast::<Names>(), who.into_immutable_string()) {
        (Some(Names(names)), Ok(who)) => names.contains(who.as_str()).into(),
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
    let (Some(Truths(truths)), Ok(position), Ok(effect)) =
        (truths.try_cast::<Truths>(), position.into_immutable_string(), effect.into_immutable_string())
    else {
        return Dynamic::UNIT;
    };
    let Ok(position) = position.parse::<usize>() else { return Dynamic::UNIT };
    let truth = truths.get(&position);
    if effect == Effect::Allow.as_str() {
        (truth == Some(&Truth::True)).into()
    } else if effect == Effect::Deny.as_str() {
        (truth != Some(&Truth::False)).into()
    } else {
        Dynamic::UNIT
    }
}
