//! Names to typed terms, against the catalog: for every dataset that a line covers.

use std::sync::Arc;

use super::parse::{Named, Word};
use super::token::Owner;
use super::{Attribute, Condition, List, Term, Tree};
use crate::catalog::{Catalog, ClaimType, ColumnType, Dataset};
use crate::model::{Assurance, BadName, ContextField, IssuerName, Name, Tenant, Value};
use crate::policy::finding::{Flaw, instead};
use crate::policy::predicate::Operator;

/// The type of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Type {
    /// Text, with its only possible values where they are declared.
    Text(Option<Vec<String>>),
    Number,
    Boolean,
    List,
}

impl Type {
    fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
        }
    }
}

/// What conditions are checked against.
pub(super) struct Checker<'a> {
    /// The datasets that the line covers; `None` where its object has no rows.
    pub(super) datasets: Option<&'a [&'a Dataset]>,
    pub(super) catalog: &'a Catalog,
}

impl Checker<'_> {
    /// Gives every term its meaning, and checks every comparison for every dataset.
    pub(super) fn check(&self, parsed: Tree<Named<'_>>) -> Result<Condition, Vec<Flaw>> {
        let mut flaws = Vec::new();
        // Columns may have another type in each dataset; without a dataset the rest is checked once.
        let datasets: Vec<Option<&Dataset>> = match self.datasets {
            Some(datasets) if !datasets.is_empty() => datasets.iter().map(|dataset| Some(*dataset)).collect(),
            Some(_) | None => vec![None],
        };
        for dataset in datasets {
            self.check_tree(&parsed, dataset, &mut flaws);
        }
        flaws.sort_by_key(|flaw| flaw.at);
        flaws.dedup();
        let resolved = self.resolve(parsed);
        if flaws.is_empty() { resolved.map_err(|flaw| vec![flaw]) } else { Err(flaws) }
    }

    fn resolve(&self, tree: Tree<Named<'_>>) -> Result<Condition, Flaw> {
        let each = |parts: Box<[Tree<Named<'_>>]>| -> Result<Box<[Condition]>, Flaw> {
            parts.into_iter().map(|part| self.resolve(part)).collect()
        };
        Ok(match tree {
            Tree::Always => Tree::Always,
            Tree::Compare { left, operator, right } => {
                Tree::Compare { left: self.term(&left)?, operator, right: self.term(&right)? }
            }
            Tree::In { item, list } => Tree::In { item: self.term(&item)?, list: self.term(&list)? },
            Tree::Present(term) => Tree::Present(self.term(&term)?),
            Tree::Not(inner) => Tree::Not(Box::new(self.resolve(*inner)?)),
            Tree::All(parts) => Tree::All(each(parts)?),
            Tree::Any(parts) => Tree::Any(each(parts)?),
        })
    }

    /// What a term means, whatever its type.
    fn term(&self, named: &Named<'_>) -> Result<Term, Flaw> {
        let flaw = |message: String| Flaw::new(named.at, message);
        match &named.word {
            Word::Literal(value) => Ok(Term::Literal(value.clone())),
            Word::Path(Owner::Object, name) => {
                // The declared name where there is one, so that a hundred thousand conditions have no copy each.
                let mut datasets = self.datasets.into_iter().flatten();
                match datasets.find_map(|dataset| dataset.column(name)) {
                    Some(column) => Ok(Term::Column(column.name.clone())),
                    None => name.parse().map(Term::Column).map_err(|bad: BadName| flaw(bad.to_string())),
                }
            }
            Word::Path(Owner::Context, name) => {
                let Some(field) = ContextField::ALL.into_iter().find(|field| field.as_str() == *name) else {
                    let hint = instead(name, ContextField::ALL.map(ContextField::as_str));
                    return Err(flaw(format!("`r.ctx` has no `{name}`; {hint}")));
                };
                if !self.catalog.trusted_context.contains(&field) {
                    return Err(flaw(format!(
                        "`r.ctx.{name}` comes from a header, so the line would trust whoever sends it; where only a platform can, list it: `context.trusted = [\"{name}\"]`"
                    )));
                }
                Ok(Term::Context(field))
            }
            Word::Path(Owner::Subject, name) => self.attribute(name).ok_or_else(|| {
                let catalog = self.catalog;
                let built_in = Attribute::BUILT_IN.iter().map(Attribute::as_str);
                let declared = catalog.lists.keys().chain(catalog.claims.keys()).map(Name::as_str);
                let hint = instead(name, built_in.chain(declared));
                flaw(format!("`r.sub` has no `{name}`; {hint}"))
            }),
        }
    }

    fn attribute(&self, name: &str) -> Option<Term> {
        if let Some(attribute) = Attribute::BUILT_IN.into_iter().find(|built_in| built_in.as_str() == name) {
            return Some(Term::Attribute(attribute));
        }
        if let Some((name, prefix)) = self.catalog.lists.get_key_value(name) {
            return Some(Term::List(Box::new(List { name: name.clone(), prefix: Arc::clone(prefix) })));
        }
        let (name, kind) = self.catalog.claims.get_key_value(name)?;
        Some(Term::Attribute(Attribute::Claim(name.clone(), (*kind).into())))
    }

    fn check_tree(&self, tree: &Tree<Named<'_>>, dataset: Option<&Dataset>, flaws: &mut Vec<Flaw>) {
        let mut note = |checked: Result<(), Flaw>| flaws.extend(checked.err());
        match tree {
            Tree::Always => {}
            Tree::Compare { left, operator, right } => {
                note(self.check_comparison(left, *operator, right, dataset));
            }
            Tree::In { item, list } => note(self.check_in(item, list, dataset)),
            Tree::Present(term) => note(match self.type_of(term, dataset) {
                Ok(Type::List) => Err(Flaw::new(
                    term.at,
                    "a list is always there, though it may be empty; ask with `in` what it holds",
                )),
                Ok(Type::Text(_) | Type::Number | Type::Boolean) => Ok(()),
                Err(flaw) => Err(flaw),
            }),
            Tree::Not(inner) => self.check_tree(inner, dataset, flaws),
            Tree::All(parts) | Tree::Any(parts) => {
                for part in parts {
                    self.check_tree(part, dataset, flaws);
                }
            }
        }
    }

    fn type_of(&self, named: &Named<'_>, dataset: Option<&Dataset>) -> Result<Type, Flaw> {
        let tenants = || self.catalog.tenants.keys().map(Tenant::to_string).collect();
        let issuers = || self.catalog.issuers.iter().map(IssuerName::to_string).collect();
        let assurances = || [Assurance::Verified, Assurance::Asserted].map(|a| a.as_str().to_owned()).to_vec();
        Ok(match self.term(named)? {
            Term::Literal(Value::Text(_)) | Term::Context(_) => Type::Text(None),
            Term::Literal(Value::Number(_)) => Type::Number,
            Term::Literal(Value::Boolean(_)) => Type::Boolean,
            Term::List(_) => Type::List,
            Term::Column(name) => return column_type(&name, named.at, dataset),
            Term::Attribute(Attribute::Tenant) => Type::Text(Some(tenants())),
            Term::Attribute(Attribute::Issuer) => Type::Text(Some(issuers())),
            Term::Attribute(Attribute::Assurance) => Type::Text(Some(assurances())),
            Term::Attribute(Attribute::Id | Attribute::ExternalId | Attribute::Email | Attribute::Actor) => {
                Type::Text(None)
            }
            Term::Attribute(Attribute::Claim(name, _)) => match self.catalog.claims.get(&name) {
                Some(ClaimType::Text) | None => Type::Text(None),
                Some(ClaimType::Number) => Type::Number,
                Some(ClaimType::Boolean) => Type::Boolean,
            },
        })
    }

    fn check_comparison(
        &self,
        left: &Named<'_>,
        operator: Operator,
        right: &Named<'_>,
        dataset: Option<&Dataset>,
    ) -> Result<(), Flaw> {
        let types = (self.type_of(left, dataset)?, self.type_of(right, dataset)?);
        let of = dataset.map_or_else(String::new, |dataset| format!(" in dataset `{}`", dataset.name));
        let ordered = match operator {
            Operator::Equal | Operator::NotEqual => false,
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => true,
        };
        match &types {
            (Type::List, _) => Err(Flaw::new(left.at, "a list does not compare; write `term in list`")),
            (_, Type::List) => Err(Flaw::new(right.at, "a list does not compare; write `term in list`")),
            (a, b) if std::mem::discriminant(a) != std::mem::discriminant(b) => {
                let message = format!("{} is compared with {}{of}; compare like with like", a.describe(), b.describe());
                Err(Flaw::new(left.at, message))
            }
            (a @ (Type::Text(_) | Type::Boolean), _) if ordered => {
                let sign = operator.as_str();
                let message = format!("`{sign}` orders {}{of}; only numbers have an order", a.describe());
                Err(Flaw::new(left.at, message))
            }
            (Type::Text(Some(values)), _) => check_value(right, values, &declared_of(left, &of)),
            (_, Type::Text(Some(values))) => check_value(left, values, &declared_of(right, &of)),
            (Type::Text(_) | Type::Number | Type::Boolean, _) => Ok(()),
        }
    }

    fn check_in(&self, item: &Named<'_>, list: &Named<'_>, dataset: Option<&Dataset>) -> Result<(), Flaw> {
        match (self.type_of(item, dataset)?, self.type_of(list, dataset)?) {
            (Type::Text(_), Type::List) => Ok(()),
            (Type::Number | Type::Boolean | Type::List, Type::List) => {
                Err(Flaw::new(item.at, "lists hold text; only text can be in one"))
            }
            (_, Type::Text(_) | Type::Number | Type::Boolean) => {
                let hint = instead("", self.catalog.lists.keys().map(Name::as_str));
                Err(Flaw::new(list.at, format!("`in` needs a list on its right; in `r.sub` {hint}")))
            }
        }
    }
}

/// What the values are of: a column of the dataset, or something that no dataset declares.
fn declared_of(named: &Named<'_>, dataset: &str) -> String {
    match &named.word {
        Word::Path(Owner::Object, _) | Word::Literal(_) => format!("the declared values{dataset}"),
        Word::Path(Owner::Subject, name) => format!("the values of `r.sub.{name}`"),
        Word::Path(Owner::Context, name) => format!("the values of `r.ctx.{name}`"),
    }
}

fn check_value(named: &Named<'_>, values: &[String], of: &str) -> Result<(), Flaw> {
    match &named.word {
        Word::Literal(Value::Text(text)) if !values.iter().any(|value| **value == **text) => {
            let hint = instead(text, values.iter().map(String::as_str));
            Err(Flaw::new(named.at, format!("`{text}` is not among {of}; {hint}")))
        }
        Word::Literal(_) | Word::Path(..) => Ok(()),
    }
}

fn column_type(name: &Name, at: usize, dataset: Option<&Dataset>) -> Result<Type, Flaw> {
    let Some(dataset) = dataset else {
        let message =
            format!("`r.obj.{name}` is a column, and only `dataset:` and `column:` lines have rows to look at");
        return Err(Flaw::new(at, message));
    };
    let Some(column) = dataset.column(name.as_str()) else {
        let hint = instead(name.as_str(), dataset.columns.iter().map(|column| column.name.as_str()));
        return Err(Flaw::new(at, format!("the dataset `{}` has no column `{name}`; {hint}", dataset.name)));
    };
    let refused = match column.kind {
        ColumnType::Id | ColumnType::Text => return Ok(Type::Text(column.values.clone())),
        ColumnType::Number => return Ok(Type::Number),
        ColumnType::Boolean => return Ok(Type::Boolean),
        ColumnType::Time(_) => "time",
        ColumnType::Json => "json",
        ColumnType::Bytes => "bytes",
    };
    let message = format!(
        "the column `{name}` of dataset `{}` is of type `{refused}`, which conditions cannot read; `id`, `text`, `number` and `boolean` can be",
        dataset.name
    );
    Err(Flaw::new(at, message))
}
