//! Columns that denials read, and that may be empty. A denial counts where its condition is unknown, so an empty cell hides
//! its row, or the column, from everybody whom the line is for: right, but seldom what its author had in mind.

use std::collections::{BTreeMap, BTreeSet};

use super::datasets;
use crate::model::Name;
use crate::policy::condition::{Condition, Term, Tree};
use crate::policy::files::Effect;
use crate::policy::finding::LineRef;
use crate::policy::snapshot::Snapshot;

impl Snapshot {
    /// The columns that deny lines compare without asking whether they are `present`: dataset and column, and those lines.
    pub fn denied_where_absent(&self) -> BTreeMap<(Name, Name), BTreeSet<LineRef>> {
        let mut found: BTreeMap<(Name, Name), BTreeSet<LineRef>> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.effect == Effect::Deny) {
            let (mut compared, mut asked) = (BTreeSet::new(), BTreeSet::new());
            read(&rule.when, &mut compared, &mut asked);
            for dataset in datasets(rule, &self.catalog).into_iter().flatten() {
                for column in compared.difference(&asked) {
                    let place = (dataset.name.clone(), (*column).clone());
                    found.entry(place).or_default().insert(rule.at.clone());
                }
            }
        }
        found
    }
}

fn read<'a>(condition: &'a Condition, compared: &mut BTreeSet<&'a Name>, asked: &mut BTreeSet<&'a Name>) {
    let mut compare = |term: &'a Term| match term {
        Term::Column(name) => drop(compared.insert(name)),
        Term::Literal(_) | Term::Attribute(_) | Term::List { .. } | Term::Context(_) => {}
    };
    match condition {
        Tree::Present(Term::Column(name)) => drop(asked.insert(name)),
        Tree::Always | Tree::Present(_) => {}
        Tree::Compare { left, right, .. } => [left, right].into_iter().for_each(compare),
        Tree::In { item, .. } => compare(item),
        Tree::Not(inner) => read(inner, compared, asked),
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| read(part, compared, asked)),
    }
}
