//! What one policy line comes to, in words: for somebody, and on one row.

use std::collections::BTreeSet;

use super::words;
use crate::cli::config::visible;
use crate::model::{Name, Value};
use crate::policy::{Explanation, LineRef, LineReport, Predicate, Row, Truth};
use crate::store::audit::Verdict;

/// What a line comes to for a requester, before a row is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CameTo {
    pub(super) counts: Counts,
    pub(super) why: String,
}

/// In which rows a line counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Counts {
    /// In none; it plays no part.
    Never,
    /// In every row, or whatever is asked.
    Always,
    /// In those of the condition.
    Where(Predicate),
}

impl Counts {
    /// The word for machines.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
            Self::Where(_) => "where",
        }
    }
}

/// What a line comes to for these names and claims.
pub(super) fn came_to(line: &LineReport) -> CameTo {
    let never = |why: String| CameTo { counts: Counts::Never, why: format!("plays no part: {why}") };
    if !line.matched {
        return never(format!("not {}", line.who));
    }
    let unknown = words::has_unknown(&line.left);
    let left = match line.effect {
        Verdict::Allow => line.left.clone().where_true(),
        Verdict::Deny => line.left.clone().where_not_false(),
    };
    let Predicate::Known(truth) = left else {
        let rest = if line.effect == Verdict::Deny && unknown {
            format!(" ({}, and what is not known denies)", absent(line))
        } else {
            String::new()
        };
        let why = format!("{} where {}{rest}", line.effect.as_str(), words::condition(&left));
        return CameTo { counts: Counts::Where(left), why };
    };
    let always = |why: &str| CameTo { counts: Counts::Always, why: format!("{}: {why}", line.effect.as_str()) };
    match (line.effect, truth, unknown) {
        (Verdict::Allow, Truth::True, _) | (Verdict::Deny, Truth::True, false) => always("its condition is true"),
        (Verdict::Allow, Truth::False | Truth::Unknown, true) => never(format!(
            "its condition is not known to hold ({}), and what is not known grants nothing",
            absent(line)
        )),
        (Verdict::Allow | Verdict::Deny, Truth::False | Truth::Unknown, _) => {
            never(format!("its condition is false{}", known(line)))
        }
        (Verdict::Deny, Truth::True, true) => {
            always(&format!("its condition is not known to fail ({}), and what is not known denies", absent(line)))
        }
    }
}

/// What the requester lacks that the condition reads.
fn absent(line: &LineReport) -> String {
    let absent: Vec<&str> = line.reads.iter().filter(|(_, value)| value.is_none()).map(|(read, _)| &**read).collect();
    match &absent[..] {
        [] => "the rest is not known of this person".to_owned(),
        [one] => format!("{one} is absent"),
        [..] => format!("{} are absent", absent.join(" and ")),
    }
}

/// What the requester has that made it so.
fn known(line: &LineReport) -> String {
    let known = line.reads.iter().filter_map(|(read, value)| Some(format!("{read} is {}", value.as_ref()?)));
    let known = known.collect::<Vec<_>>().join(", ");
    if known.is_empty() { known } else { format!(" ({known})") }
}

/// What a matching line comes to on one row.
pub(super) fn on_row(line: &LineReport, row: &Row) -> String {
    let truth = line.left.evaluate(row);
    let what = match (line.effect, truth) {
        (Verdict::Allow, Truth::True) => "allows it: its condition is true",
        (Verdict::Allow, Truth::False) => "does not allow it: its condition is false",
        (Verdict::Allow, Truth::Unknown) => "does not allow it: its condition is unknown",
        (Verdict::Deny, Truth::True) => "denies it: its condition is true",
        (Verdict::Deny, Truth::False) => "does not deny it: its condition is false",
        (Verdict::Deny, Truth::Unknown) => "denies it: its condition is unknown",
    };
    let mut facts: Vec<String> = Vec::new();
    let mut columns = BTreeSet::new();
    speaks_of(&line.left, &mut columns);
    facts.extend(columns.iter().map(|column| match row.get(*column).and_then(Option::as_ref) {
        Some(value) => format!("{column} is {}", short(value)),
        None => format!("{column} is empty"),
    }));
    if words::has_unknown(&line.left) {
        facts.push(absent(line));
    }
    if facts.is_empty() { what.to_owned() } else { format!("{what} ({})", facts.join(", ")) }
}

/// Something that made an answer what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    /// The policy line with its text; `None` where it is no line.
    pub(super) line: Option<(LineRef, String)>,
    pub(super) why: String,
}

impl Reason {
    /// What a line did.
    pub(super) fn of(line: &LineReport, why: String) -> Self {
        Self { line: Some((line.line.clone(), compact(&line.text))), why }
    }

    /// What something else than a line did.
    pub(super) fn besides(why: String) -> Self {
        Self { line: None, why }
    }
}

/// The lines that decided; where none did, those that were considered and why they did not.
pub(super) fn deciding(told: &Explanation) -> Vec<Reason> {
    let decided: Vec<&LineReport> =
        told.lines.iter().filter(|line| line.matched && told.decision.lines.contains(&line.line)).collect();
    let shown = if decided.is_empty() { told.lines.iter().collect() } else { decided };
    if shown.is_empty() {
        return vec![Reason::besides("no line of the policy is about it".to_owned())];
    }
    shown.into_iter().map(|line| Reason::of(line, came_to(line).why)).collect()
}

/// A value as a line of a terminal shows it.
pub(super) fn short(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = visible(&value.to_string());
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

fn speaks_of<'a>(predicate: &'a Predicate, columns: &mut BTreeSet<&'a Name>) {
    match predicate {
        Predicate::Known(_) => {}
        Predicate::Compare { column, .. } | Predicate::In { column, .. } | Predicate::Present(column) => {
            columns.insert(column);
        }
        Predicate::CompareColumns { left, right, .. } => columns.extend([left, right]),
        Predicate::Not(inner) => speaks_of(inner, columns),
        Predicate::All(parts) | Predicate::Any(parts) => parts.iter().for_each(|part| speaks_of(part, columns)),
    }
}

/// A line of a policy file with one blank where there are several: the columns of a file are no columns elsewhere.
pub(super) fn compact(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Number;
    use crate::policy::{Operator, Permission};

    fn line(effect: Verdict, clearance: Option<i64>, left: Predicate) -> LineReport {
        LineReport {
            line: LineRef { file: "policy.csv".into(), line: 1 },
            text: "p, *".into(),
            permission: Permission::Read,
            effect,
            who: "*".into(),
            matched: true,
            reads: vec![(Arc::from("r.sub.clearance"), clearance.map(|level| Value::Number(Number::Integer(level))))],
            open: BTreeSet::new(),
            left,
        }
    }

    #[test]
    fn a_line_says_which_claim_is_absent_and_what_follows() {
        let unknown = || Predicate::Known(Truth::Unknown);
        let allow = came_to(&line(Verdict::Allow, None, unknown()));
        assert_eq!(allow.counts, Counts::Never);
        assert!(allow.why.contains("r.sub.clearance is absent") && allow.why.ends_with("grants nothing"), "{allow:?}");
        let deny = came_to(&line(Verdict::Deny, None, unknown()));
        assert_eq!(deny.counts, Counts::Always);
        assert!(deny.why.contains("r.sub.clearance is absent") && deny.why.ends_with("denies"), "{deny:?}");
        let known = came_to(&line(Verdict::Deny, Some(3), Predicate::Known(Truth::False)));
        assert_eq!(known.why, "plays no part: its condition is false (r.sub.clearance is 3)");
    }

    #[test]
    fn on_a_row_an_empty_cell_is_named() {
        let column: Name = "classification".parse().unwrap();
        let secret =
            Predicate::Compare { column: column.clone(), operator: Operator::Equal, value: Value::text("secret") };
        let row = |value: Option<&str>| Row::from([(column.clone(), value.map(Value::text))]);
        let told = |effect, value| on_row(&line(effect, Some(3), secret.clone()), &row(value));
        assert_eq!(told(Verdict::Deny, None), "denies it: its condition is unknown (classification is empty)");
        assert!(told(Verdict::Allow, None).starts_with("does not allow it: its condition is unknown"));
        assert_eq!(
            told(Verdict::Deny, Some("public")),
            "does not deny it: its condition is false (classification is \"public\")"
        );
        assert!(told(Verdict::Allow, Some("secret")).starts_with("allows it: its condition is true"));
    }
}
