//! `[[prompt]]` as it is written: read for its form here, for its sense in `catalog::build`.

use super::document::Entry;
use super::origin::At;
use super::problem::BadSetting;
use super::section::Section;

/// A `[[prompt]]`.
#[derive(Debug, Clone)]
pub struct PromptDeclaration {
    /// Its name.
    pub name: At<String>,
    /// Its title.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// `[prompt.arguments]`, in the order of writing.
    pub arguments: Vec<PromptArgumentDeclaration>,
    /// `[[prompt.messages]]`, in their order.
    pub messages: Vec<MessageDeclaration>,
}

/// An argument of a `[[prompt]]`.
#[derive(Debug, Clone)]
pub struct PromptArgumentDeclaration {
    /// Its name.
    pub name: At<String>,
    /// What it means.
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// The only values.
    pub values: Option<At<Vec<At<String>>>>,
    /// The dataset whose row it names.
    pub dataset: Option<At<String>>,
}

/// A `[[prompt.messages]]`.
#[derive(Debug, Clone)]
pub struct MessageDeclaration {
    /// Whether `role` is `assistant`.
    pub by_assistant: bool,
    /// What it says.
    pub body: BodyDeclaration,
}

/// What a `[[prompt.messages]]` says.
#[derive(Debug, Clone)]
pub enum BodyDeclaration {
    /// `text`
    Text(At<String>),
    /// `row`: the argument that names it.
    Row(At<String>),
}

/// Reads every `[[prompt]]`.
pub(super) fn prompts(root: &mut Section<'_>) -> Vec<PromptDeclaration> {
    root.tables("prompt", false, |section| {
        let name = section.text("name");
        let name = section.need("name", name, "clients and policies call the prompt by it");
        let title = section.text("title");
        let description = section.text("description");
        let arguments = section.table("arguments", arguments).unwrap_or_default();
        let messages = section.tables("messages", false, message);
        if !section.has("messages") {
            let hint = "write one `[[prompt.messages]]` for each, with `text = \"...\"` or `row = \"<argument>\"`";
            let key = section.key("messages");
            section.refuse(section.origin(), BadSetting::Missing { key, hint: hint.into() });
        }
        let text = |text: Option<At<String>>| text.map(|text| text.value);
        let (title, description) = (text(title), text(description));
        Some(PromptDeclaration { name: name?, title, description, arguments, messages })
    })
}

fn arguments(section: &mut Section<'_>) -> Vec<PromptArgumentDeclaration> {
    let argument = |entry: &Entry, section: &mut Section<'_>| {
        let description = section.text("description").map(|description| description.value);
        let required = section.boolean("required").is_none_or(|required| required.value);
        let values = section.texts("values");
        let dataset = section.text("dataset");
        let name = At::new(entry.key.clone(), entry.origin.clone());
        PromptArgumentDeclaration { name, description, required, values, dataset }
    };
    section.free_keys().filter_map(|entry| section.table_at(entry, |inner| argument(entry, inner))).collect()
}

fn message(section: &mut Section<'_>) -> Option<MessageDeclaration> {
    let by_assistant = section.word("role", &[("user", false), ("assistant", true)]);
    let text = section.text("text");
    let row = section.text("row");
    let by_assistant = by_assistant.is_some_and(|word| word.value);
    let body = match (text, row) {
        (Some(_), Some(row)) => {
            let (one, other) = (section.key("text"), section.key("row"));
            let hint = "a message is either a text or a row; write two";
            section.refuse(&row.origin, BadSetting::Both { one, other, hint });
            return None;
        }
        (text, None) => BodyDeclaration::Text(section.need("text", text, "or `row = \"<argument>\"`")?),
        (None, Some(row)) => BodyDeclaration::Row(row),
    };
    Some(MessageDeclaration { by_assistant, body })
}
