//! Lines that another line makes idle: one that is as wide, or wider, in every field.
//!
//! Conditions are compared by their spelling, in one order: a line is as wide as another where its condition is the same,
//! is `true`, is one of the other's `&&` parts, or has the other's as one of its `||` parts. That holds for *true* and for
//! *not false* alike, so for allowances and denials.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use super::bearers::{AnyOf, Bearers};
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
/// What a line says of whom it is for, objects and condition as numbers.
type Saying = (usize, Option<Permission>, When);

/// A condition, or one of its `||` parts in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum When {
    Whole(usize),
    Part(usize),
}

/// How many names whoever a line is for may go by besides, for each of them to be looked up.
const FEW: usize = 16;

/// The lines, so that a wider one is found without looking at all.
pub(super) struct Cover<'a> {
    rules: &'a [Rule],
    /// Of each line its objects and its condition.
    said: Vec<(usize, usize)>,
    audiences: Numbers<Audience<'a>>,
    /// Of all objects those that cover them, themselves among these.
    covering: Vec<Vec<usize>>,
    conditions: Vec<Spelled>,
    /// The first line that says so, by the number of its audience.
    first: HashMap<(usize, Saying), usize>,
    /// Whom the lines are for that say so, of the names that somebody goes by besides their own.
    besides: HashMap<(Option<&'a Tenant>, Effect, Saying), AnyOf<'a>>,
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
    pub(super) fn new(rules: &'a [Rule], ground: &Ground<'_>) -> Self {
        let mut objects = Numbers(HashMap::new());
        let (conditions, when) = spelled(rules);
        let said = rules.iter().zip(when).map(|(rule, when)| (objects.of(named(&rule.what)), when)).collect();
        let mut cover = Self {
            rules,
            said,
            audiences: Numbers(HashMap::new()),
            covering: covering(&objects),
            conditions,
            first: HashMap::with_capacity(rules.len()),
            besides: HashMap::new(),
        };
        for (position, (rule, (objects, condition))) in rules.iter().zip(&cover.said).enumerate() {
            let Some(Spelled { own, any, .. }) = cover.conditions.get(*condition) else { continue };
            let (who, tenant, effect) = (&*rule.who, rule.tenant.as_ref(), rule.effect);
            let audience = cover.audiences.of((who, tenant, effect));
            for when in [When::Whole(*own)].into_iter().chain(any.iter().copied().map(When::Part)) {
                let saying = (*objects, rule.may, when);
                cover.first.entry((audience, saying)).or_insert(position);
                if ground.is_come_by(who) {
                    let number = cover.besides.len();
                    let said = cover.besides.entry((tenant, effect, saying));
                    said.or_insert_with(|| AnyOf { number, names: Vec::new() }).names.push(who);
                }
            }
        }
        cover
    }

    /// Says which line makes this one redundant.
    pub(super) fn repeated(&self, position: usize, rule: &Rule) -> Option<String> {
        let Rule { at, .. } =
            [&*rule.who, "*"].into_iter().find_map(|who| self.wider(position, rule, rule.effect, who))?;
        Some(format!("`{at}` already says as much; remove this line"))
    }

    /// Says which line makes this one redundant by a name that everybody of its name goes by too. Of two names that come with
    /// each other neither is said to be enough: whoever removed the lines of both would have none.
    pub(super) fn given_besides(&self, position: usize, rule: &'a Rule, bearers: &mut Bearers<'a>) -> Option<String> {
        let Rule { at, who, .. } = self.wider_besides(position, rule, rule.effect, &[], bearers)?;
        let own = &rule.who;
        let unless = if &**who == "verified" { "" } else { ", unless it is to outlast the membership" };
        let both = bearers.come_with(who, own, rule.tenant.as_ref());
        (!both).then(|| {
            format!("`{at}` already says as much for `{who}`, and whoever goes by `{own}` goes by that; remove this line{unless}")
        })
    }

    /// The line that denies everything that this one allows, to everybody whom it is for.
    pub(super) fn denied(&self, position: usize, rule: &'a Rule, bearers: &mut Bearers<'a>) -> Option<&'a LineRef> {
        let denial = self.wider_besides(position, rule, Effect::Deny, &["*", &rule.who], bearers);
        denial.map(|denial| &denial.at)
    }

    /// The first wider line, by the order of the names that it could be for: these, and those that everybody of the name of the
    /// line goes by besides.
    fn wider_besides(
        &self,
        position: usize,
        rule: &'a Rule,
        effect: Effect,
        own: &[&'a str],
        bearers: &mut Bearers<'a>,
    ) -> Option<&'a Rule> {
        let tenant = rule.tenant.as_ref();
        let mut names = bearers.names_within(&rule.who, tenant, FEW).unwrap_or_else(|| {
            let places = [tenant, None];
            let said = self.as_wide(position, rule).flat_map(|saying| places.map(|tenant| (tenant, effect, saying)));
            let besides = said.filter_map(|said| self.besides.get(&said));
            besides.filter_map(|names| bearers.first(&rule.who, names, tenant)).collect()
        });
        names.extend(own);
        names.into_iter().find_map(|name| self.wider(position, rule, effect, name))
    }

    /// The first other line that is as wide, for one name.
    fn wider(&self, position: usize, rule: &Rule, effect: Effect, who: &str) -> Option<&'a Rule> {
        let audiences = [rule.tenant.as_ref(), None].into_iter();
        let mut audiences = audiences.filter_map(|tenant| self.audiences.known(&(who, tenant, effect)));
        let first = |audience, saying| self.first.get(&(audience, saying)).copied().filter(|found| *found != position);
        let as_wide = |audience| self.as_wide(position, rule).find_map(|saying| first(audience, saying));
        self.rules.get(audiences.find_map(as_wide)?)
    }

    /// What another line says that is as wide as this one.
    fn as_wide(&self, position: usize, rule: &Rule) -> impl Iterator<Item = Saying> {
        let of = |(objects, condition): &(usize, usize)| {
            Some((self.covering.get(*objects)?, self.conditions.get(*condition)?))
        };
        let said = self.said.get(position).and_then(of);
        let may = [rule.may, None];
        said.into_iter().flat_map(move |(covering, Spelled { own, all, .. })| {
            let whole = [*own, ALWAYS].into_iter().chain(all.iter().copied()).map(When::Whole);
            let when = whole.chain([When::Part(*own)]);
            when.flat_map(move |when| covering.iter().flat_map(move |objects| may.map(|may| (*objects, may, when))))
        })
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
