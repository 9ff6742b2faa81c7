//! `[[prompt]]`: what messages speak of is declared.

use std::collections::BTreeMap;

use super::super::error::{BadDeclaration, Findings};
use super::super::{Choice, Dataset, MessageBody, Piece, Prompt, PromptArgument, PromptMessage};
use crate::config::{At, BodyDeclaration, MessageDeclaration, PromptArgumentDeclaration, PromptDeclaration};
use crate::model::Name;

/// Checks every `[[prompt]]`. A dataset that was refused for its own fault is none here.
pub(super) fn prompts(
    declared: &[PromptDeclaration],
    datasets: &[Dataset],
    findings: &mut Findings,
) -> BTreeMap<Name, Prompt> {
    let mut prompts = BTreeMap::new();
    for (index, declaration) in declared.iter().enumerate() {
        let key = format!("prompt.{}", declaration.name.value);
        if let Some(first) = declared.iter().take(index).find(|other| other.name.value == declaration.name.value) {
            let what = BadDeclaration::Twice {
                key: "prompt.name".to_owned(),
                found: declaration.name.value.clone(),
                first: first.name.origin.clone(),
                hint: "clients and policies call a prompt by its name",
            };
            findings.refuse(&declaration.name.origin, what);
            continue;
        }
        let name = named(&key, &declaration.name, findings);
        let arguments = declaration.arguments.iter().filter_map(|argument| {
            let key = format!("{key}.arguments.{}", argument.name.value);
            Some((named(&key, &argument.name, findings)?, choice(&key, argument, datasets, findings)?, argument))
        });
        let arguments: Vec<PromptArgument> = arguments
            .map(|(name, choice, declared)| PromptArgument {
                name,
                description: declared.description.clone(),
                required: declared.required,
                choice,
            })
            .collect();
        let checked = Checked { key: &key, declaration, arguments: &arguments, datasets };
        let messages = declaration.messages.iter().filter_map(|message| checked.message(message, findings)).collect();
        if let Some(name) = name {
            let (title, description) = (declaration.title.clone(), declaration.description.clone());
            prompts.insert(name.clone(), Prompt { name, title, description, arguments, messages });
        }
    }
    prompts
}

fn named(key: &str, name: &At<String>, findings: &mut Findings) -> Option<Name> {
    let parsed = name.value.parse::<Name>();
    parsed.map_err(|reason| findings.refuse(&name.origin, BadDeclaration::Name { key: key.to_owned(), reason })).ok()
}

fn choice(
    key: &str,
    argument: &PromptArgumentDeclaration,
    datasets: &[Dataset],
    findings: &mut Findings,
) -> Option<Choice> {
    let Some(name) = &argument.dataset else {
        let Some(values) = &argument.values else { return Some(Choice::Text) };
        if values.value.is_empty() {
            findings.unfit(&values.origin, format!("{key}.values"), "empty", "at least one text");
        }
        return Some(Choice::Values(values.value.iter().map(|value| value.value.clone()).collect()));
    };
    if let Some(values) = &argument.values {
        let expected = "left out beside `dataset`: the values are the keys of its rows";
        findings.unfit(&values.origin, format!("{key}.values"), "written", expected);
    }
    let Some(dataset) = datasets.iter().find(|dataset| dataset.name.as_str() == name.value) else {
        let known = datasets.iter().map(|dataset| dataset.name.as_str());
        findings.unknown(&name.origin, format!("{key}.dataset"), "dataset", &name.value, known);
        return None;
    };
    if dataset.key.len() != 1 {
        let found = format!("`{}`, whose key has {} columns", dataset.name, dataset.key.len());
        let expected = "a dataset with a key of one column, so that one text names a row";
        findings.unfit(&name.origin, format!("{key}.dataset"), found, expected);
    }
    if dataset.resource.is_none() {
        let found = format!("`{}`, whose rows are no resources", dataset.name);
        findings.unfit(&name.origin, format!("{key}.dataset"), found, "a dataset without `resource = \"none\"`");
    }
    Some(Choice::Row(dataset.name.clone()))
}

/// A prompt whose arguments were checked.
struct Checked<'p> {
    key: &'p str,
    declaration: &'p PromptDeclaration,
    arguments: &'p [PromptArgument],
    datasets: &'p [Dataset],
}

impl Checked<'_> {
    fn message(&self, message: &MessageDeclaration, findings: &mut Findings) -> Option<PromptMessage> {
        let body = match &message.body {
            BodyDeclaration::Text(text) => MessageBody::Text(self.pieces(text, findings)?),
            BodyDeclaration::Row(name) => {
                let argument = self.argument("row", name, findings)?;
                if !matches!(argument.choice, Choice::Row(_)) {
                    let found = format!("`{}`, an argument without `dataset`", argument.name);
                    findings.unfit(&name.origin, self.at("row"), found, "an argument that names a row");
                }
                MessageBody::Row(argument.name.clone())
            }
        };
        Some(PromptMessage { by_assistant: message.by_assistant, body })
    }

    fn at(&self, word: &str) -> String {
        format!("{}.messages.{word}", self.key)
    }

    fn argument(&self, word: &str, name: &At<String>, findings: &mut Findings) -> Option<&PromptArgument> {
        let found = self.arguments.iter().find(|argument| argument.name.as_str() == name.value);
        // A declared argument that is not among the checked ones was refused for its own fault.
        let mut declared = self.declaration.arguments.iter();
        if found.is_none() && !declared.any(|argument| argument.name.value == name.value) {
            let known = self.arguments.iter().map(|argument| argument.name.as_str());
            findings.unknown(&name.origin, self.at(word), "argument", &name.value, known);
        }
        found
    }

    /// Reads `{argument}` and `{argument.column}`; `{{` and `}}` are braces.
    fn pieces(&self, text: &At<String>, findings: &mut Findings) -> Option<Vec<Piece>> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text.value.as_str());
        while let Some(brace) = rest.find(['{', '}']) {
            plain.push_str(&rest[..brace]);
            let from = &rest[brace..];
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let Some((inner, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                let found = format!("a text with a single `{}`", &from[..1]);
                let expected = "`{argument}` or `{argument.column}`; a brace itself is written twice";
                findings.unfit(&text.origin, self.at("text"), found, expected);
                return None;
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(self.piece(&At::new(inner.to_owned(), text.origin.clone()), findings)?);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Some(pieces)
    }

    fn piece(&self, inner: &At<String>, findings: &mut Findings) -> Option<Piece> {
        let Some((name, column)) = inner.value.split_once('.') else {
            return self.argument("text", inner, findings).map(|argument| Piece::Argument(argument.name.clone()));
        };
        let name = At::new(name.to_owned(), inner.origin.clone());
        let argument = self.argument("text", &name, findings)?;
        let Choice::Row(dataset) = &argument.choice else {
            let found = format!("`{{{}}}`, where `{}` is an argument without `dataset`", inner.value, argument.name);
            findings.unfit(&inner.origin, self.at("text"), found, format!("`{{{}}}`", argument.name));
            return None;
        };
        let dataset = self.datasets.iter().find(|other| other.name == *dataset)?;
        let exposed: Vec<&str> = dataset.exposed().map(|column| column.name.as_str()).collect();
        let found = dataset.exposed().find(|known| known.name.as_str() == column);
        if found.is_none() {
            findings.unknown(&inner.origin, self.at("text"), "column", column, exposed.iter().copied());
        }
        found.map(|column| Piece::Column { argument: argument.name.clone(), column: column.name.clone() })
    }
}
