//! MCP prompts, as `bailiwick.toml` declares them. The policy says who has which; the rows in them are read one by one through
//! the caller's own permits, like a resource, so that a prompt never shows what its caller could not get.

use std::collections::BTreeMap;

use rmcp::ErrorData;
use rmcp::model::{
    ContentBlock, EmbeddedResource, GetPromptResult, JsonObject, ListPromptsResult, Prompt as Description,
    PromptArgument as ArgumentDescription, PromptMessage as Said, Role,
};
use serde_json::{Map, Value};

use super::reply::{self, Reply};
use super::rows::read_by;
use super::{Caller, Mcp, close, one_page, resources};
use crate::authz::{List, Refusal, Use};
use crate::catalog::{Choice, MessageBody, Operation, Piece, Prompt, PromptMessage};
use crate::dataset::address;
use crate::model::Name;
use crate::policy::{Listed, Object};
use crate::store::audit::Outcome;

pub(super) const METHOD: &str = "prompts/get";

/// The longest text of an argument, in characters.
const LONGEST: usize = 10_000;

/// What stands for a value that is not there: an empty cell, and one that this person may not read, are the same.
const NOTHING: &str = "(not available)";

/// What was chosen for one argument.
#[derive(Debug)]
enum Chosen {
    Text(String),
    Row { text: String, row: Map<String, Value> },
}

impl Mcp {
    /// The prompts that the policy allows this caller, in a stable order. Listing is one record.
    pub(super) async fn prompts_for(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let revision = self.revision();
        let permit = self.permit(caller, List(Listed::Prompts)).await.map_err(reply::refusal)?;
        let (_, visible, receipt) = permit.spend();
        let declared = self.parts.catalog.prompts.values();
        let seen: Vec<_> = declared.filter(|prompt| visible.contains_key(prompt.name.as_str())).map(describe).collect();
        let seen = one_page(receipt, cursor, seen).await?;
        self.gave(caller, Listed::Prompts, revision);
        Ok(reply::prompts(seen))
    }

    /// Gets a prompt: one record for it, and one for each row in it. One that does not exist and one that is hidden are
    /// answered alike.
    pub(super) async fn prompt(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &JsonObject,
    ) -> Result<GetPromptResult, ErrorData> {
        let Some(prompt) = self.parts.catalog.prompts.get(name) else {
            return Err(self.unknown_prompt(caller, name).await);
        };
        let permit = self.permit(caller, Use(Object::Prompt(prompt.name.clone()))).await;
        let (_, (), receipt) = permit.map_err(|refusal| reply::prompt_refusal(refusal, name))?.spend();
        let chosen = match check(prompt, arguments) {
            Ok(texts) => self.choose(caller, prompt, texts).await?,
            Err(wrong) => Err(wrong),
        };
        match chosen {
            Ok(chosen) => {
                let said: Vec<_> =
                    prompt.messages.iter().filter_map(|message| self.say(prompt, message, &chosen)).collect();
                let said = close(receipt, Outcome::Answered { rows: None }, said).await?;
                Ok(reply::prompt(said, prompt.description.clone()))
            }
            Err(wrong) => Err(reply::invalid(close(receipt, Outcome::BadArguments, wrong).await?.into_inner())),
        }
    }

    /// Records that something unknown was asked for.
    pub(super) async fn unknown_prompt(&self, caller: &Caller, name: &str) -> ErrorData {
        let object = format!("prompt:{}", super::dispatch::cut(name));
        self.unknown(caller, object, reply::unknown_prompt(name)).await
    }

    /// Reads the rows that arguments name. One that is not there, one that is out of sight and one of a hidden dataset are one
    /// answer.
    async fn choose(
        &self,
        caller: &Caller,
        prompt: &Prompt,
        texts: BTreeMap<Name, String>,
    ) -> Result<Result<BTreeMap<Name, Chosen>, String>, ErrorData> {
        let mut chosen = BTreeMap::new();
        for (name, text) in texts {
            let dataset = match prompt.argument(name.as_str()).map(|argument| &argument.choice) {
                Some(Choice::Row(dataset)) => self.parts.catalog.datasets.get(dataset),
                Some(Choice::Text | Choice::Values(_)) | None => None,
            };
            let Some(dataset) = dataset else {
                chosen.insert(name, Chosen::Text(text));
                continue;
            };
            let none = || format!("the argument `{name}` names no row of {} that this person may see", dataset.name);
            let key = dataset.key.first().and_then(|key| dataset.column(key.as_str()));
            let key = key.and_then(|column| Some((column.name.to_string(), address::value(&text, column)?)));
            let Some(action) = read_by(dataset, Operation::Get, METHOD) else { return Ok(Err(none())) };
            let permit = match self.permit(caller, action).await {
                Ok(permit) => permit,
                Err(Refusal::Denied(_)) => return Ok(Err(none())),
                Err(refusal @ (Refusal::Scope(..) | Refusal::Audit(_) | Refusal::Random(_))) => {
                    return Err(reply::refusal(refusal));
                }
            };
            let read = self.rows(caller, permit, dataset, Operation::Get, &key.into_iter().collect()).await?;
            match read.into_inner() {
                Reply::Structured(mut answer) => match answer.get_mut("row").map(Value::take) {
                    Some(Value::Object(row)) => chosen.insert(name, Chosen::Row { text, row }),
                    Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))
                    | None => {
                        return Ok(Err(none()));
                    }
                },
                Reply::NotThere | Reply::Unfit(_) => return Ok(Err(none())),
                Reply::Failed(text) => return Err(reply::unread(text)),
            };
        }
        Ok(Ok(chosen))
    }

    /// One message; `None` where it speaks of an argument that was not given.
    fn say(&self, prompt: &Prompt, message: &PromptMessage, chosen: &BTreeMap<Name, Chosen>) -> Option<Said> {
        if !message.body.arguments().all(|argument| chosen.contains_key(argument)) {
            return None;
        }
        let role = if message.by_assistant { Role::Assistant } else { Role::User };
        let content = match &message.body {
            MessageBody::Text(pieces) => {
                ContentBlock::text(pieces.iter().map(|piece| spoken(piece, chosen)).collect::<String>())
            }
            MessageBody::Row(argument) => {
                let Some(Choice::Row(dataset)) = prompt.argument(argument.as_str()).map(|argument| &argument.choice)
                else {
                    return None;
                };
                let dataset = self.parts.catalog.datasets.get(dataset)?;
                let Some(Chosen::Row { row, .. }) = chosen.get(argument) else { return None };
                let contents = resources::contents(dataset, &address::of_row(dataset, row)?, row);
                ContentBlock::Resource(EmbeddedResource::new(contents))
            }
        };
        Some(Said::new(role, content))
    }
}

fn describe(prompt: &Prompt) -> Description {
    let arguments = prompt.arguments.iter().map(|argument| {
        let mut text = argument.description.clone().unwrap_or_default();
        let choice = match &argument.choice {
            Choice::Text => None,
            Choice::Values(values) => Some(format!("One of: {}", values.join(", "))),
            Choice::Row(dataset) => Some(format!("The key of one of {}", dataset.as_str().replace('_', " "))),
        };
        if let Some(choice) = choice {
            text = if text.is_empty() { choice } else { format!("{}. {choice}", text.trim_end_matches('.')) };
        }
        let described = ArgumentDescription::new(argument.name.to_string()).with_required(argument.required);
        if text.is_empty() { described } else { described.with_description(text) }
    });
    let description = Description::new(prompt.name.to_string(), prompt.description.clone(), Some(arguments.collect()));
    match &prompt.title {
        Some(title) => description.with_title(title),
        None => description,
    }
}

/// Holds the arguments against the declaration: each one known, a text, given where it must be, one of its values.
fn check(prompt: &Prompt, arguments: &JsonObject) -> Result<BTreeMap<Name, String>, String> {
    let known: Vec<&str> = prompt.arguments.iter().map(|argument| argument.name.as_str()).collect();
    if let Some(unknown) = arguments.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(reply::no_such_argument(unknown, &known));
    }
    let mut texts = BTreeMap::new();
    for argument in &prompt.arguments {
        let name = &argument.name;
        match arguments.get(name.as_str()) {
            None | Some(Value::Null) if argument.required => {
                return Err(format!("the argument `{name}` is missing; pass a text"));
            }
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.chars().count() > LONGEST => {
                return Err(format!("the argument `{name}` has more than {LONGEST} characters"));
            }
            Some(Value::String(text)) => {
                if let Choice::Values(values) = &argument.choice
                    && !values.contains(text)
                {
                    return Err(format!("the argument `{name}` must be one of: {}", values.join(", ")));
                }
                texts.insert(name.clone(), text.clone());
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(format!("the argument `{name}` must be a text"));
            }
        }
    }
    Ok(texts)
}

fn spoken<'a>(piece: &'a Piece, chosen: &'a BTreeMap<Name, Chosen>) -> std::borrow::Cow<'a, str> {
    match piece {
        Piece::Text(text) => text.as_str().into(),
        Piece::Argument(argument) => match chosen.get(argument) {
            Some(Chosen::Text(text) | Chosen::Row { text, .. }) => text.as_str().into(),
            None => NOTHING.into(),
        },
        Piece::Column { argument, column } => match chosen.get(argument) {
            Some(Chosen::Row { row, .. }) => match row.get(column.as_str()) {
                None | Some(Value::Null) => NOTHING.into(),
                Some(value) => address::written(value).unwrap_or_else(|| value.to_string()).into(),
            },
            Some(Chosen::Text(_)) | None => NOTHING.into(),
        },
    }
}
