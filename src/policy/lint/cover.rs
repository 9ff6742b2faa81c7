//! Lines that another line makes idle: one that is as wide, or wider, in every field.
//!
//! Conditions are compared by their spelling, in one order: a line is as wide as another where its condition is the same,
//! is `true`, is one of the other's `&&` parts, or has the other's as one of its `||` parts. That holds for *true* and for
//! *not false* alike, so for allowances and denials.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::Tenant;
use crate::policy::condition::{Condition, Tree};
use crate::policy::files::{Effect, Rule};
use crate::policy::finding::LineRef;
use crate::policy::object::{Kind, Pattern, Permission};

/// Who a line is for, and where.
type Audience<'a> = (&'a str, Option<&'a Tenant>);
/// What it says of them: kind and name of the objects, whether a `*` follows, the permission, the effect, the condition.
type Saying<'a> = (Option<Kind>, &'a str, bool, Option<Permission>, Effect, usize);

/// The lines, so that a wider one is found without looking at all.
pub(super) struct Cover<'a> {
    rules: &'a [Rule],
    conditions: Vec<Spelled>,
    /// The first line that says so; with one of its `||` parts in the place of its condition, in the second.
    whole: HashMap<Audience<'a>, HashMap<Saying<'a>, usize>>,
    parts: HashMap<Audience<'a>, HashMap<Saying<'a>, usize>>,
    /// How long the names before a `*` are.
    lengths: BTreeSet<usize>,
}

/// A condition and its parts, each as the number of its spelling.
struct Spelled {
    own: usize,
    all: Vec<usize>,
    any: Vec<usize>,
}

/// The number of `true`.
const ALWAYS: usize = 0;

impl<'a> Cover<'a> {
    pub(super) fn new(rules: &'a [Rule]) -> Self {
        let mut spellings = HashMap::from([(spelling(&Condition::Always), ALWAYS)]);
        let mut number = |condition: &Condition| {
            let next = spellings.len();
            *spellings.entry(spelling(condition)).or_insert(next)
        };
        let spelled = |rule: &Rule| Spelled {
            own: number(&rule.when),
            all: if let Tree::All(parts) = &*rule.when { parts.iter().map(&mut number).collect() } else { Vec::new() },
            any: if let Tree::Any(parts) = &*rule.when { parts.iter().map(&mut number).collect() } else { Vec::new() },
        };
        let conditions = rules.iter().map(spelled).collect();
        let lengths = rules.iter().filter(|rule| rule.what.open).map(|rule| rule.what.name.len()).collect();
        let mut cover = Self { rules, conditions, whole: HashMap::new(), parts: HashMap::new(), lengths };
        for (position, (rule, spelled)) in rules.iter().zip(&cover.conditions).enumerate() {
            let audience = (&*rule.who, rule.tenant.as_ref());
            let Pattern { kind, name, open } = &rule.what;
            let saying = |condition| (*kind, &**name, *open, rule.may, rule.effect, condition);
            cover.whole.entry(audience).or_default().entry(saying(spelled.own)).or_insert(position);
            for part in &spelled.any {
                cover.parts.entry(audience).or_default().entry(saying(*part)).or_insert(position);
            }
        }
        cover
    }

    /// Says which line makes this one redundant.
    pub(super) fn repeated(&self, position: usize, rule: &Rule) -> Option<String> {
        let other = self.wider(position, rule, rule.effect, &[&*rule.who, "*"])?;
        Some(format!("`{other}` already says as much; remove this line"))
    }

    /// The line that denies everything that this one allows, to everybody of these names.
    pub(super) fn denied(&self, position: usize, rule: &Rule, names: &BTreeSet<Arc<str>>) -> Option<&LineRef> {
        let who: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        self.wider(position, rule, Effect::Deny, &who)
    }

    fn wider(&self, position: usize, rule: &Rule, effect: Effect, who: &[&str]) -> Option<&LineRef> {
        let spelled = self.conditions.get(position)?;
        let said = |sayings: &HashMap<Saying<'_>, usize>, condition: usize| {
            self.patterns(&rule.what).find_map(|(kind, name, open)| {
                let found = [rule.may, None].map(|may| sayings.get(&(kind, name, open, may, effect, condition)));
                found.into_iter().flatten().copied().find(|found| *found != position)
            })
        };
        let audiences = who.iter().flat_map(|who| [rule.tenant.as_ref(), None].map(|tenant| (*who, tenant)));
        let found = audiences.filter_map(|audience| {
            let mut conditions = [spelled.own, ALWAYS].into_iter().chain(spelled.all.iter().copied());
            let whole = self.whole.get(&audience).and_then(|sayings| conditions.find_map(|c| said(sayings, c)));
            whole.or_else(|| said(self.parts.get(&audience)?, spelled.own))
        });
        self.rules.get({ found }.next()?).map(|rule| &rule.at)
    }

    /// The patterns that cover this one, itself among them.
    fn patterns<'p>(&'p self, own: &'p Pattern) -> impl Iterator<Item = (Option<Kind>, &'p str, bool)> {
        let shorter = self.lengths.range(..=own.name.len()).filter_map(|length| own.name.get(..*length));
        let open = shorter.map(|name| (own.kind, name, true));
        [(own.kind, &*own.name, own.open), (None, "", true)].into_iter().chain(open)
    }
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
