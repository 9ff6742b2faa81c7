//! Conditions that hold for nobody and on no row.
//!
//! Not every such condition is found: a condition is multiplied out into alternatives (Kleene's logic distributes as
//! Boole's does, so each keeps its truth, *unknown* too), and each alternative must have a part that cannot be, or two that
//! cannot be together. One alternative that might hold ends the search.

use super::datasets;
use super::ground::{Ground, place};
use crate::catalog::{TenantEntry, TenantRule};
use crate::model::{Assurance, Name, Value};
use crate::policy::condition::{Attribute, ClaimKind, Condition, List, Term, Tree};
use crate::policy::files::{Effect, Rule};
use crate::policy::predicate::{Operator, Truth};

/// How many alternatives are looked at; a condition with more is taken to hold somewhere.
const MAX_ALTERNATIVES: usize = 64;
/// How many reasons are told.
const MAX_REASONS: usize = 3;

/// One part of an alternative, without negations.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Compare(&'a Term, Operator, &'a Term),
    In(&'a Term, &'a Term),
    Present(&'a Term),
    Absent(&'a Term),
    /// Anything that is not looked into.
    Other,
}

/// Why an alternative is never true; `certain` if it is not unknown either.
struct Impossible {
    reason: String,
    certain: bool,
}

/// Says why a line can never match, for all that its condition says.
pub(super) fn never(rule: &Rule, ground: &Ground<'_>, complete: bool) -> Option<String> {
    let alternatives = alternatives(&rule.when, true)?;
    let mut reasons = Vec::new();
    let mut certain = true;
    for entry in ground.tenants(rule.tenant.as_ref()) {
        let line = LineInTenant { rule, ground, entry, complete };
        for parts in &alternatives {
            let Impossible { reason, certain: sure } = line.impossible(parts)?;
            certain &= sure;
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    if reasons.is_empty() {
        return None;
    }
    reasons.truncate(MAX_REASONS);
    let because = reasons.join(", and ");
    Some(match rule.effect {
        // A denial counts where its condition is unknown, but nobody writes one for that.
        Effect::Deny if !certain => format!(
            "the line can never match, but where something is absent: {because}; write `!(present(…))` if that is meant"
        ),
        Effect::Allow | Effect::Deny => format!("the line can never match: {because}"),
    })
}

/// The ways in which a condition can be true (or false); `None` if they are too many.
fn alternatives(condition: &Condition, holds: bool) -> Option<Vec<Vec<Part<'_>>>> {
    let one = |part| Some(vec![vec![part]]);
    match condition {
        Tree::Always if holds => Some(vec![Vec::new()]),
        Tree::Always => Some(Vec::new()),
        Tree::Compare { left, operator, right } => {
            one(Part::Compare(left, if holds { *operator } else { opposite(*operator) }, right))
        }
        Tree::In { item, list } => one(if holds { Part::In(item, list) } else { Part::Other }),
        Tree::Present(term) => one(if holds { Part::Present(term) } else { Part::Absent(term) }),
        Tree::Not(inner) => alternatives(inner, !holds),
        Tree::All(parts) if holds => product(parts, holds),
        Tree::Any(parts) if !holds => product(parts, holds),
        Tree::All(parts) | Tree::Any(parts) => {
            let mut sum = Vec::new();
            for part in parts {
                sum.append(&mut alternatives(part, holds)?);
            }
            (sum.len() <= MAX_ALTERNATIVES).then_some(sum)
        }
    }
}

fn product(parts: &[Condition], holds: bool) -> Option<Vec<Vec<Part<'_>>>> {
    let mut product = vec![Vec::new()];
    for part in parts {
        let factor = alternatives(part, holds)?;
        if product.len() * factor.len() > MAX_ALTERNATIVES {
            return None;
        }
        product = product.iter().flat_map(|left| factor.iter().map(|right| [&left[..], right].concat())).collect();
    }
    Some(product)
}

fn opposite(operator: Operator) -> Operator {
    match operator {
        Operator::Equal => Operator::NotEqual,
        Operator::NotEqual => Operator::Equal,
        Operator::Less => Operator::GreaterOrEqual,
        Operator::LessOrEqual => Operator::Greater,
        Operator::Greater => Operator::LessOrEqual,
        Operator::GreaterOrEqual => Operator::Less,
    }
}

/// One line in one tenant.
struct LineInTenant<'a> {
    rule: &'a Rule,
    ground: &'a Ground<'a>,
    entry: &'a TenantEntry,
    complete: bool,
}

impl LineInTenant<'_> {
    /// Whether a term has a value whoever asks.
    fn always_there(&self, term: &Term) -> bool {
        match term {
            Term::Literal(_) | Term::List(_) | Term::Attribute(Attribute::Tenant) => true,
            Term::Column(name) => self.is_own_tenant(name),
            Term::Attribute(_) | Term::Context(_) => false,
        }
    }

    /// Whether a column is the tenant's in every dataset that the line covers: nobody is ever given a row where it says another.
    fn is_own_tenant(&self, name: &Name) -> bool {
        let mut datasets = datasets(self.rule, self.ground.catalog).into_iter().flatten();
        datasets.all(|dataset| matches!(&dataset.tenant, TenantRule::Column(own) if own == name))
    }

    fn impossible(&self, parts: &[Part<'_>]) -> Option<Impossible> {
        let found = || parts.iter().filter_map(|part| self.alone(*part, parts)).chain(self.together(parts));
        found().find(|impossible| impossible.certain).or_else(|| found().next())
    }

    /// A part that cannot be.
    fn alone(&self, part: Part<'_>, parts: &[Part<'_>]) -> Option<Impossible> {
        let impossible = |reason: String, terms: &[&Term]| {
            Some(Impossible { reason, certain: terms.iter().all(|term| self.always_there(term)) })
        };
        match part {
            Part::Compare(Term::Literal(left), operator, Term::Literal(right)) => {
                let holds = operator.compare(left, right) == Truth::True;
                let sign = operator.as_str();
                if holds { None } else { impossible(format!("`{left} {sign} {right}` is not so"), &[]) }
            }
            Part::Compare(left, operator, right) if left == right => match operator {
                Operator::NotEqual | Operator::Less | Operator::Greater => {
                    let sign = operator.as_str();
                    impossible(format!("`{left} {sign} {right}` compares a thing with itself"), &[left])
                }
                Operator::Equal | Operator::LessOrEqual | Operator::GreaterOrEqual => None,
            },
            Part::In(item, list) => self.empty(item, list),
            Part::Absent(term) if self.always_there(term) => impossible(format!("`{term}` is never absent"), &[]),
            Part::Absent(term) => {
                let asked = parts.iter().any(|part| match part {
                    Part::Compare(left, _, right) => *left == term || *right == term,
                    Part::In(item, _) => *item == term,
                    Part::Present(other) => *other == term,
                    Part::Absent(_) | Part::Other => false,
                });
                // Where it is absent, what is asked of it is unknown.
                asked.then(|| Impossible {
                    reason: format!("`{term}` cannot be absent and have a value"),
                    certain: false,
                })
            }
            Part::Compare(..) | Part::Present(_) | Part::Other => None,
        }
    }

    /// A list in which nobody has an entry, or not this one.
    fn empty(&self, item: &Term, list: &Term) -> Option<Impossible> {
        let Term::List(list) = list else { return None };
        let List { name, prefix } = &**list;
        let entry = match item {
            Term::Literal(Value::Text(text)) => Some(&**text),
            Term::Literal(_) | Term::Attribute(_) | Term::List(_) | Term::Context(_) | Term::Column(_) => None,
        };
        if !self.complete || self.ground.has_entry(&self.entry.name, prefix, entry) {
            return None;
        }
        let place = place(self.rule.tenant.as_ref());
        let reason = match entry {
            Some(entry) => format!("nobody has `{prefix}{entry}` in {place}"),
            None => format!("nobody has an entry of `r.sub.{name}` (a name that begins with `{prefix}`) in {place}"),
        };
        Some(Impossible { reason, certain: self.always_there(item) })
    }

    /// Parts that cannot be together: what they ask of one term leaves it no value.
    fn together(&self, parts: &[Part<'_>]) -> Option<Impossible> {
        let mut asked: Vec<(&Term, Vec<(Operator, &Value)>)> = Vec::new();
        for part in parts {
            let (term, operator, value) = match part {
                Part::Compare(Term::Literal(_), _, Term::Literal(_)) => continue,
                Part::Compare(term, operator, Term::Literal(value)) => (*term, *operator, value),
                Part::Compare(Term::Literal(value), operator, term) => (*term, operator.mirrored(), value),
                Part::Compare(..) | Part::In(..) | Part::Present(_) | Part::Absent(_) | Part::Other => continue,
            };
            match asked.iter_mut().find(|(other, _)| *other == term) {
                Some((_, bounds)) => bounds.push((operator, value)),
                None => asked.push((term, vec![(operator, value)])),
            }
        }
        let impossible = |(term, bounds): &(&Term, Vec<(Operator, &Value)>)| {
            if satisfiable(bounds, self.values(term)) {
                return None;
            }
            let bounds: Vec<String> = bounds.iter().map(|(o, value)| format!("`{} {value}`", o.as_str())).collect();
            let place = match term {
                Term::Attribute(Attribute::Tenant | Attribute::Issuer) => {
                    format!(" in {}", place(self.rule.tenant.as_ref()))
                }
                Term::Column(name) if self.is_own_tenant(name) => {
                    format!(" in {}: it is the column of the tenant", place(self.rule.tenant.as_ref()))
                }
                Term::Attribute(_) | Term::Literal(_) | Term::List(_) | Term::Context(_) | Term::Column(_) => {
                    String::new()
                }
            };
            let reason = format!("`{term}` cannot be {}{place}", bounds.join(" and "));
            Some(Impossible { reason, certain: self.always_there(term) })
        };
        asked.iter().find_map(impossible)
    }

    /// All values that a term can have, where that is certain. The declared values of a column are not: the database may
    /// hold others, and a denial of those is a wall. The tenant's column has one, in every row that anybody is given.
    fn values(&self, term: &Term) -> Option<Vec<Value>> {
        match term {
            Term::Attribute(Attribute::Tenant) => Some(vec![Value::text(self.entry.name.as_str())]),
            Term::Column(name) if self.is_own_tenant(name) => Some(vec![Value::text(self.entry.name.as_str())]),
            Term::Attribute(Attribute::Issuer) => Some(self.ground.issuers(self.entry).map(Value::text).collect()),
            Term::Attribute(Attribute::Assurance) => {
                Some([Assurance::Verified, Assurance::Asserted].map(|a| Value::text(a.as_str())).to_vec())
            }
            Term::Attribute(Attribute::Claim(_, ClaimKind::Boolean)) => {
                Some(vec![Value::Boolean(true), Value::Boolean(false)])
            }
            Term::Attribute(_) | Term::Literal(_) | Term::List(_) | Term::Context(_) | Term::Column(_) => None,
        }
    }
}

/// Says whether one value can be all of this. The values are those that there can be, where they are known.
fn satisfiable(bounds: &[(Operator, &Value)], values: Option<Vec<Value>>) -> bool {
    let fits = |candidate: &Value| bounds.iter().all(|(o, value)| o.compare(candidate, value) == Truth::True);
    if let Some(values) = values {
        return values.iter().any(fits);
    }
    // What must equal something can be nothing else. What is both `<= x` and `>= x` must equal it too, and then `x` fits
    // or nothing does; without such a pair, two bounds that leave something between them leave more than `!=` takes away.
    if let Some((_, value)) = bounds.iter().find(|(operator, _)| *operator == Operator::Equal) {
        return fits(value);
    }
    let lower = |operator| matches!(operator, Operator::Greater | Operator::GreaterOrEqual);
    let upper = |operator| matches!(operator, Operator::Less | Operator::LessOrEqual);
    let room = |from: &Value, to: &Value| Operator::Less.compare(from, to) == Truth::True;
    let same = |from: &Value, to: &Value| Operator::Equal.compare(from, to) == Truth::True;
    bounds.iter().filter(|(operator, _)| lower(*operator)).all(|(_, from)| {
        let mut to = bounds.iter().filter(|(operator, _)| upper(*operator));
        to.all(|(_, to)| room(from, to) || (same(from, to) && fits(from)))
    })
}
