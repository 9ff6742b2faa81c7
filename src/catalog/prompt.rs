//! Declared prompts.

use crate::model::Name;

/// A prompt: messages with places for what somebody chooses.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Its name for clients and policies.
    pub name: Name,
    /// Its title for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What is chosen, in the order of their declaration.
    pub arguments: Vec<PromptArgument>,
    /// What is said.
    pub messages: Vec<PromptMessage>,
}

impl Prompt {
    /// The argument of this name.
    pub fn argument(&self, name: &str) -> Option<&PromptArgument> {
        self.arguments.iter().find(|argument| argument.name.as_str() == name)
    }
}

/// An argument of a prompt.
#[derive(Debug, Clone)]
pub struct PromptArgument {
    /// Its name.
    pub name: Name,
    /// What it means.
    pub description: Option<String>,
    /// Whether it must be given. A message that speaks of one that is not is left out.
    pub required: bool,
    /// What it may be.
    pub choice: Choice,
}

/// What an argument may be.
#[derive(Debug, Clone)]
pub enum Choice {
    /// Any text.
    Text,
    /// One of these texts.
    Values(Vec<String>),
    /// The key of a row of this dataset, which the caller must be able to get.
    Row(Name),
}

/// A message of a prompt.
#[derive(Debug, Clone)]
pub struct PromptMessage {
    /// Whether the model says it, and not the person.
    pub by_assistant: bool,
    /// What is said.
    pub body: MessageBody,
}

/// What a message says.
#[derive(Debug, Clone)]
pub enum MessageBody {
    /// A text.
    Text(Vec<Piece>),
    /// The row that this argument names, embedded as a resource.
    Row(Name),
}

impl MessageBody {
    /// The arguments that it speaks of.
    pub fn arguments(&self) -> impl Iterator<Item = &Name> {
        let (pieces, row) = match self {
            Self::Text(pieces) => (pieces.as_slice(), None),
            Self::Row(argument) => (&[][..], Some(argument)),
        };
        let named = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Argument(argument) | Piece::Column { argument, .. } => Some(argument),
        });
        named.chain(row)
    }
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `{argument}`: what was chosen.
    Argument(Name),
    /// `{argument.column}`: a column of the row that was chosen.
    Column {
        /// The argument.
        argument: Name,
        /// The column.
        column: Name,
    },
}
