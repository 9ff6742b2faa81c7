//! Fields to typed lines: a rule (`p`) or a membership (`g`). The vocabulary is closed; the catalog holds the names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::content::Content;
use super::interned::Interned;
use super::record::{Field, Record};
use crate::catalog::{Catalog, Column, Dataset};
use crate::model::Tenant;
use crate::policy::condition::{self, Condition};
use crate::policy::finding::{Finding, Flaw, LineRef, Severity, instead};
use crate::policy::names::{self, NamePosition};
use crate::policy::object::{Kind, Pattern, Permission};
use crate::store::audit::Verdict;

/// What a line does where it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::policy) enum Effect {
    Allow,
    Deny,
}

impl Effect {
    pub(in crate::policy) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }

    pub(in crate::policy) fn verdict(self) -> Verdict {
        match self {
            Self::Allow => Verdict::Allow,
            Self::Deny => Verdict::Deny,
        }
    }
}

/// A `p` line.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Rule {
    pub(in crate::policy) at: LineRef,
    pub(in crate::policy) who: Arc<str>,
    /// `None` is `*`: every declared tenant.
    pub(in crate::policy) tenant: Option<Tenant>,
    pub(in crate::policy) what: Pattern,
    /// `None` is `*`: everything that may be done with such an object.
    pub(in crate::policy) may: Option<Permission>,
    pub(in crate::policy) when: Arc<Condition>,
    pub(in crate::policy) effect: Effect,
}

impl Rule {
    /// The rule as casbin is given it: six fields that were all understood, the condition as the rule's number.
    pub(in crate::policy) fn canonical(&self, position: usize) -> Vec<String> {
        let star = || "*".to_owned();
        vec![
            self.who.to_string(),
            self.tenant.as_ref().map_or_else(star, ToString::to_string),
            self.what.to_string(),
            self.may.map_or_else(star, |permission| permission.to_string()),
            position.to_string(),
            self.effect.as_str().to_owned(),
        ]
    }
}

/// A `g` line: who goes by `member` goes by `group` too.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Grant {
    pub(in crate::policy) at: LineRef,
    pub(in crate::policy) member: Arc<str>,
    pub(in crate::policy) group: Arc<str>,
    /// `None` is `*`: every declared tenant.
    pub(in crate::policy) tenant: Option<Tenant>,
}

/// What the files say, in order.
#[derive(Debug, Default)]
pub(in crate::policy) struct Lines {
    pub(in crate::policy) rules: Vec<Rule>,
    pub(in crate::policy) grants: Vec<Grant>,
    /// The files that they stand in, by name.
    pub(in crate::policy) files: BTreeMap<Arc<str>, Content>,
}

/// Reads the lines of one file.
pub(super) struct Reader<'a, 't> {
    pub(super) file: &'a Arc<str>,
    pub(super) path: &'a Path,
    pub(super) catalog: &'a Catalog,
    pub(super) interned: &'a mut Interned<'t>,
}

const COMMENT: &str = "a comment needs a line of its own";
const RULE: &str = "p, who, tenant, what, may, when, effect";
const GRANT: &str = "g, member, group, tenant";

impl<'t> Reader<'_, 't> {
    /// Takes one line in, or says everything that is wrong with it.
    pub(super) fn read(&mut self, record: &Record<'t>, lines: &mut Lines, findings: &mut Vec<Finding>) {
        let mut flaws = Flaws { findings, path: self.path, line: record.line, clean: true };
        let at = LineRef { file: Arc::clone(self.file), line: record.line };
        match record.fields.as_slice() {
            [first, who, tenant, what, may, when, effect] if first.text == "p" => {
                let who_name = flaws.take(who, names::check(who.text, NamePosition::Who, self.catalog));
                let tenant_name = flaws.take(tenant, self.tenant(tenant.text));
                let effect_word = flaws.take(effect, read_effect(effect.text));
                let pattern = flaws.take(what, self.what(what.text, effect_word));
                let permission = flaws.take(may, self.permission(may.text, pattern.as_ref()));
                let condition = self.condition(when, pattern.as_ref().map(|pattern| (what.text, pattern)), &mut flaws);
                if let (Some(pattern), Some(Effect::Deny)) = (&pattern, effect_word)
                    && pattern.kind == Some(Kind::Column)
                    && permission != Some(Some(Permission::Update))
                {
                    flaws.take(what, self.refuse_key(pattern));
                }
                if let (Some(tenant), Some(effect), Some(what), Some(may), Some(when), Some(())) =
                    (tenant_name, effect_word, pattern, permission, condition, who_name)
                    && flaws.clean
                {
                    let who = self.interned.text(who.text);
                    lines.rules.push(Rule { at, who, tenant, what, may, when, effect });
                }
            }
            [first, member, group, tenant] if first.text == "g" => {
                flaws.take(member, names::check(member.text, NamePosition::Member, self.catalog));
                flaws.take(group, names::check(group.text, NamePosition::Group, self.catalog));
                if let Some(tenant) = flaws.take(tenant, self.tenant(tenant.text))
                    && flaws.clean
                {
                    let (member, group) = (self.interned.text(member.text), self.interned.text(group.text));
                    lines.grants.push(Grant { at, member, group, tenant });
                }
            }
            fields => {
                if let Some((column, message)) = misshapen(fields) {
                    flaws.push(column, message);
                }
            }
        }
    }

    fn tenant(&self, text: &str) -> Result<Option<Tenant>, Flaw> {
        if text == "*" {
            return Ok(None);
        }
        let tenants = &self.catalog.tenants;
        tenants.get_key_value(text).map(|(tenant, _)| Some(tenant.clone())).ok_or_else(|| {
            let known = || instead(text, tenants.keys().map(Tenant::as_str));
            let hint = if text.contains('#') { COMMENT.to_owned() } else { known() };
            Flaw::new(0, format!("the tenant `{text}` is not declared; {hint}"))
        })
    }

    fn what(&mut self, text: &'t str, effect: Option<Effect>) -> Result<Pattern, Flaw> {
        let pattern = match self.interned.pattern(text) {
            Some(known) => known,
            None => self.interned.keep_pattern(text, Pattern::parse(text, self.catalog)?),
        };
        if pattern.kind.is_none() && effect == Some(Effect::Allow) {
            let message = "`*` alone would allow everything there is; name a kind, as in `dataset:*`";
            return Err(Flaw::new(0, message));
        }
        Ok(pattern)
    }

    fn permission(&self, text: &str, what: Option<&Pattern>) -> Result<Option<Permission>, Flaw> {
        let permission = read_permission(text, what)?;
        match (permission, what) {
            (Some(permission), Some(what)) if !what.is_served(permission, self.catalog) => {
                let hint = match what.kind {
                    Some(Kind::Column) => {
                        "`writable = [\"update\"]` in the `[[dataset]]` makes its columns so".to_owned()
                    }
                    Some(_) | None => format!("`writable = [\"{permission}\"]` in a `[[dataset]]` makes its rows so"),
                };
                Err(Flaw::new(0, format!("nothing that `{what}` covers can be changed by `{permission}`; {hint}")))
            }
            (permission, _) => Ok(permission),
        }
    }

    /// The datasets whose rows a line speaks of; `None` where its objects have no rows.
    fn with_rows(&self, what: &Pattern) -> Option<Vec<&Dataset>> {
        let all = self.catalog.datasets.values().map(AsRef::as_ref);
        match what.kind? {
            Kind::Dataset => Some(all.filter(|d| what.covers(Kind::Dataset, d.name.as_str())).collect()),
            Kind::Column => Some(all.filter(|d| covered_columns(what, d).next().is_some()).collect()),
            Kind::Tool | Kind::Resource | Kind::Prompt => None,
        }
    }

    /// A row is asked for, and a page continued, by the key: nobody can be given rows without it.
    fn refuse_key(&self, what: &Pattern) -> Result<(), Flaw> {
        let covered = self.catalog.datasets.values().flat_map(|dataset| {
            covered_columns(what, dataset)
                .filter(|column| dataset.key.contains(&column.name))
                .map(move |c| (dataset, c))
        });
        let Some((dataset, column)) = covered.into_iter().next() else { return Ok(()) };
        let message = format!(
            "`{what}` would hide `{}`, which is in the key of `{}`; name the other columns, or deny the rows with `dataset:{}`",
            column.name, dataset.name, dataset.name
        );
        Err(Flaw::new(0, message))
    }

    fn condition(
        &mut self,
        when: &Field<'t>,
        what: Option<(&'t str, &Pattern)>,
        flaws: &mut Flaws<'_>,
    ) -> Option<Arc<Condition>> {
        if let Some(known) = what.and_then(|(what, _)| self.interned.condition(what, when.text)) {
            return Some(known);
        }
        let covered = what.and_then(|(_, pattern)| self.with_rows(pattern));
        match condition::read(when.text, covered.as_deref(), self.catalog) {
            Ok(condition) => Some(match what {
                Some((what, _)) => self.interned.keep(what, when.text, condition),
                None => Arc::new(condition),
            }),
            Err(found) => {
                // Without a valid *what* it cannot be said which columns there are: only the grammar is judged.
                let found =
                    if what.is_some() { found } else { condition::grammar(when.text).err().into_iter().collect() };
                for flaw in found {
                    flaws.push_at(when, flaw);
                }
                None
            }
        }
    }
}

/// The exposed columns of a dataset that a `column:` pattern covers.
fn covered_columns<'a>(what: &Pattern, dataset: &'a Dataset) -> impl Iterator<Item = &'a Column> {
    let covers = |column: &Column| what.covers(Kind::Column, &format!("{}/{}", dataset.name, column.name));
    dataset.exposed().filter(move |column| covers(column))
}

fn read_effect(text: &str) -> Result<Effect, Flaw> {
    let hint = match text {
        "allow" => return Ok(Effect::Allow),
        "deny" => return Ok(Effect::Deny),
        _ if text.contains('#') => COMMENT.to_owned(),
        _ => instead(text, ["allow", "deny"]),
    };
    Err(Flaw::new(0, format!("`{text}` is not an effect; {hint}")))
}

fn read_permission(text: &str, what: Option<&Pattern>) -> Result<Option<Permission>, Flaw> {
    if text == "*" {
        return Ok(None);
    }
    let kind = what.and_then(|pattern| pattern.kind);
    let kinds = kind.as_ref().map_or(Kind::ALL.as_slice(), std::slice::from_ref);
    let mut possible: Vec<Permission> = kinds.iter().flat_map(|kind| kind.permissions()).copied().collect();
    possible.sort();
    possible.dedup();
    if let Some(permission) = possible.iter().find(|permission| permission.as_str() == text) {
        return Ok(Some(*permission));
    }
    let of = kind.map_or_else(String::new, |kind| format!(" of `{}:` objects", kind.as_str()));
    let hint = instead(text, possible.iter().map(|permission| permission.as_str()));
    Err(Flaw::new(0, format!("`{text}` is not a permission{of}; {hint}")))
}

/// Says where and why fields are not a line, whatever they hold: by the first one, or by their number.
pub(super) fn misshapen(fields: &[Field<'_>]) -> Option<(u32, String)> {
    let first = fields.first()?;
    let (form, wanted) = match first.text {
        "p" => (RULE, 7),
        "g" => (GRANT, 4),
        other => {
            let hint = super::first_field(other);
            return Some((first.column, format!("`{other}` does not begin a policy line; {hint}")));
        }
    };
    (fields.len() != wanted).then(|| (first.column, wrong_count(form, wanted, fields)))
}

fn wrong_count(form: &str, wanted: usize, fields: &[Field<'_>]) -> String {
    let found = fields.len();
    let one_by_one = format!("; {}", condition::ONE_BY_ONE);
    let comment = fields.iter().skip(1).any(|field| field.text.starts_with('#') || field.text.contains(" #"));
    let comment_hint = format!("; {COMMENT}");
    let double = fields.iter().find(|field| found < wanted && holds_two(field.text));
    let double = double.map(|field| format!("; `{}` holds two, a comma is missing", field.text));
    let hint = if comment {
        &comment_hint
    } else if found > wanted && fields.iter().any(|field| field.text.contains(" in (")) {
        &one_by_one
    } else if let Some(double) = &double {
        double
    } else if fields.last().is_some_and(|field| field.text.is_empty()) && found > 1 {
        "; the line ends in a comma"
    } else if found > wanted && fields.iter().any(|field| field.text.contains('"')) {
        "; a quote does not protect a comma"
    } else {
        ""
    };
    let plural = if found == 1 { "" } else { "s" };
    format!("{found} field{plural}; `{form}` has {wanted}{hint}")
}

/// Whether a field that is too few hides in another: in one with a blank that is no condition.
fn holds_two(text: &str) -> bool {
    text.contains(' ') && !text.contains(['=', '<', '>', '!', '&', '|', '(', '"']) && !text.contains(" in ")
}

/// Collects the findings of one line.
struct Flaws<'a> {
    findings: &'a mut Vec<Finding>,
    path: &'a Path,
    line: u32,
    clean: bool,
}

impl Flaws<'_> {
    fn push(&mut self, column: u32, message: String) {
        self.clean = false;
        let severity = Severity::Refusal;
        self.findings.push(Finding { path: self.path.to_owned(), line: self.line, column, severity, message });
    }

    fn push_at(&mut self, field: &Field<'_>, flaw: Flaw) {
        let offset = u32::try_from(flaw.at).unwrap_or(u32::MAX);
        self.push(field.column.saturating_add(offset), flaw.message);
    }

    fn take<T>(&mut self, field: &Field<'_>, read: Result<T, Flaw>) -> Option<T> {
        read.map_err(|flaw| self.push_at(field, flaw)).ok()
    }
}
