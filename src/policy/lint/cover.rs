//! Lines that another line makes idle: one that is as wide, or wider, in every field.
//!
//! Conditions are compared by their spelling, in one order: a line is as wide as another where its condition is the same,
//! is `true`, is one of the other's `&&` parts, or has the other's as one of its `||` parts. That holds for *true* and for
//! *not false* alike, so for allowances and denials.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use super::ground::Ground;
use crate::model::Tenant;
use crate::policy::condition::{Condition, Tree};
use crate::policy::files::{Effect, Rule};
use crate::policy::finding::LineRef;
use crate::policy::object::{Kind, Pattern, Permission};

/// Who a line is for and where, and whether it denies: those whom no line denies anything are done with at once.
type Audience<'a> = (&'a str, Option<&'a Tenant>, Effect);
/// Kind and name of the objects, and whether a `*` follows.
type Objects<'a> = (Option<Kind>, &'a str, bool);
/// What a line says, its audience, objects and condition as numbers.
type Saying = (usize, usize, Option<Permission>, usize);

/// The lines, so that a wider one is found without looking at all.
pub(super) struct Cover<'a> {
    rules: &'a [Rule],
    /// Of each line its objects and its condition.
    said: Vec<(usize, usize)>,
    audiences: Numbers<Audience<'a>>,
    /// Of all objects those that cover them, themselves among these.
    covering: Vec<Vec<usize>>,
    conditions: Vec<Spelled>,
    /// The first line that says so; with one of its `||` parts in the place of its condition, in the second.
    whole: HashMap<Saying, usize>,
    parts: HashMap<Saying, usize>,
}

/// A condition and its parts, each as the number of its spelling; of the `&&` parts those that some line says by itself.
struct Spelled {
    own: usize,
    all: Box<[usize]>,
    any: Box<[usize]>,
}

/// The number of `true`.
const ALWAYS: usize = 0;

/// Things by number, from 0; equal ones have the same.
struct Numbers<T>(HashMap<T, usize>);

impl<T: Hash + Eq> Numbers<T> {
    fn of(&mut self, thing: T) -> usize {
        let next = self.0.len();
        *self.0.entry(thing).or_insert(next)
    }

    fn known(&self, thing: &T) -> Option<usize> {
        self.0.get(thing).copied()
    }
}

/// Conditions by number; those of one spelling have the same. The spellings themselves are not kept: there may be as many as
/// there are lines, and one that is met again is made again.
#[derive(Default)]
struct Spellings<'a>(HashMap<u64, (&'a Condition, usize)>);

impl<'a> Spellings<'a> {
    /// The place of a condition, taken or free.
    fn entry(&mut self, condition: &Condition) -> Entry<'_, u64, (&'a Condition, usize)> {
        let spelled = spelling(condition);
        let mut hasher = DefaultHasher::new();
        spelled.hash(&mut hasher);
        let mut place = hasher.finish();
        while self.0.get(&place).is_some_and(|(taken, _)| spelling(taken) != spelled) {
            place = place.wrapping_add(1);
        }
        self.0.entry(place)
    }

    fn of(&mut self, condition: &'a Condition) -> usize {
        let next = self.0.len();
        self.entry(condition).or_insert((condition, next)).1
    }

    fn known(&mut self, condition: &Condition) -> Option<usize> {
        match self.entry(condition) {
            Entry::Occupied(taken) => Some(taken.get().1),
            Entry::Vacant(_) => None,
        }
    }
}

impl<'a> Cover<'a> {
    pub(super) fn new(rules: &'a [Rule]) -> Self {
        let mut objects = Numbers(HashMap::new());
        let (conditions, when) = spelled(rules);
        let said = rules.iter().zip(when).map(|(rule, when)| (objects.of(named(&rule.what)), when)).collect();
        let mut cover = Self {
            rules,
            said,
            audiences: Numbers(HashMap::new()),
            covering: covering(&objects),
            conditions,
            whole: HashMap::with_capacity(rules.len()),
            parts: HashMap::new(),
        };
        for (position, (rule, (objects, condition))) in rules.iter().zip(&cover.said).enumerate() {
            let Some(Spelled { own, any, .. }) = cover.conditions.get(*condition) else { continue };
            let audience = cover.audiences.of((&rule.who, rule.tenant.as_ref(), rule.effect));
            let saying = |condition| (audience, *objects, rule.may, condition);
            cover.whole.entry(saying(*own)).or_insert(position);
            for part in any {
                cover.parts.entry(saying(*part)).or_insert(position);
            }
        }
        cover
    }

    /// Says which line makes this one redundant.
    pub(super) fn repeated(&self, position: usize, rule: &Rule) -> Option<String> {
        let Rule { at, .. } = self.wider(position, rule, rule.effect, [&*rule.who, "*"].into_iter())?;
        Some(format!("`{at}` already says as much; remove this line"))
    }

    /// Says which line makes this one redundant by a name that everybody of its name goes by too. Of two names that come with
    /// each other neither is said to be enough: whoever removed the lines of both would have none.
    pub(super) fn given_besides(&self, position: usize, rule: &Rule, ground: &Ground<'_>) -> Option<String> {
        let tenant = rule.tenant.as_ref();
        let names = ground.names_with(&rule.who, tenant);
        let others = names.iter().filter(|name| **name != rule.who && &***name != "*");
        let Rule { at, who, .. } = self.wider(position, rule, rule.effect, others.map(AsRef::as_ref))?;
        let (own, both) = (&rule.who, ground.names_with(who, tenant).contains(&rule.who));
        let unless = if &**who == "verified" { "" } else { ", unless it is to outlast the membership" };
        (!both).then(|| {
            format!("`{at}` already says as much for `{who}`, and whoever goes by `{own}` goes by that; remove this line{unless}")
        })
    }

    /// The line that denies everything that this one allows, to everybody of these names.
    pub(super) fn denied(&self, position: usize, rule: &Rule, names: &BTreeSet<Arc<str>>) -> Option<&LineRef> {
        self.wider(position, rule, Effect::Deny, names.iter().map(AsRef::as_ref)).map(|denial| &denial.at)
    }

    fn wider<'w>(
        &self,
        position: usize,
        rule: &Rule,
        effect: Effect,
        who: impl Iterator<Item = &'w str>,
    ) -> Option<&Rule> {
        let (objects, condition) = self.said.get(position)?;
        let (covering, spelled) = (self.covering.get(*objects)?, self.conditions.get(*condition)?);
        let first = |sayings: &HashMap<Saying, usize>, audience: usize, condition: usize| {
            let other = |objects: usize, may: Option<Permission>| {
                sayings.get(&(audience, objects, may, condition)).copied().filter(|found| *found != position)
            };
            covering.iter().find_map(|objects| other(*objects, rule.may).or_else(|| other(*objects, None)))
        };
        let audiences = who.flat_map(|who| [rule.tenant.as_ref(), None].map(|tenant| (who, tenant, effect)));
        let mut found = audiences.filter_map(|audience| {
            let audience = self.audiences.known(&audience)?;
            let mut conditions = [spelled.own, ALWAYS].into_iter().chain(spelled.all.iter().copied());
            let whole = conditions.find_map(|condition| first(&self.whole, audience, condition));
            whole.or_else(|| first(&self.parts, audience, spelled.own))
        });
        self.rules.get(found.next()?)
    }
}

fn named(Pattern { kind, name, open }: &Pattern) -> Objects<'_> {
    (*kind, name, *open)
}

/// By the numbers of objects, the numbers of those that cover them.
fn covering(objects: &Numbers<Objects<'_>>) -> Vec<Vec<usize>> {
    let open = objects.0.keys().filter(|(_, _, open)| *open);
    let lengths: BTreeSet<usize> = open.map(|(_, name, _)| name.len()).collect();
    let mut covering = vec![Vec::new(); objects.0.len()];
    for (own @ (kind, name, _), number) in &objects.0 {
        let shorter = lengths.range(..=name.len()).filter_map(|length| name.get(..*length));
        let wider = shorter.map(|name| (*kind, name, true));
        let all = [*own, (None, "", true)].into_iter().chain(wider);
        if let Some(covering) = covering.get_mut(*number) {
            covering.extend(all.filter_map(|wider| objects.known(&wider)));
        }
    }
    covering
}

/// The conditions of the lines, and of each line the place of its own among them.
fn spelled<'a>(rules: &'a [Rule]) -> (Vec<Spelled>, Vec<usize>) {
    let mut spellings: Spellings<'a> = Spellings::default();
    spellings.of(&Condition::Always);
    // Lines that have a condition alike share it.
    let (mut shared, mut conditions) = (Numbers(HashMap::new()), Vec::new());
    let places = rules.iter().map(|Rule { when, .. }| {
        let place = shared.of(Arc::as_ptr(when));
        if place == conditions.len() {
            conditions.push(&**when);
        }
        place
    });
    let places = places.collect();
    drop(shared);
    let number = |condition: &&'a Condition| Spelled {
        own: spellings.of(condition),
        all: Box::default(),
        any: if let Tree::Any(parts) = condition {
            parts.iter().map(|part| spellings.of(part)).collect()
        } else {
            Box::default()
        },
    };
    let mut spelled: Vec<Spelled> = conditions.iter().map(number).collect();
    // A part is looked for among what lines say, so one that none says by itself needs no number.
    for (spelled, condition) in spelled.iter_mut().zip(conditions) {
        if let Tree::All(parts) = condition {
            spelled.all = parts.iter().filter_map(|part| spellings.known(part)).collect();
        }
    }
    (spelled, places)
}

/// A condition in one spelling, whatever the order of its sides and parts.
fn spelling(condition: &Condition) -> String {
    let joined = |parts: &[Condition], sign: &str| {
        let parts: BTreeSet<String> = parts.iter().map(spelling).collect();
        format!("({})", Vec::from_iter(parts).join(sign))
    };
    match condition {
        Tree::Compare { left, operator, right } => {
            let (left, right) = (left.to_string(), right.to_string());
            if left <= right {
                format!("{left} {} {right}", operator.as_str())
            } else {
                format!("{right} {} {left}", operator.mirrored().as_str())
            }
        }
        Tree::All(parts) => joined(parts, " && "),
        Tree::Any(parts) => joined(parts, " || "),
        Tree::Not(inner) => format!("!({})", spelling(inner)),
        Tree::Always | Tree::In { .. } | Tree::Present(_) => condition.to_string(),
    }
}
