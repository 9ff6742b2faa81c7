//! `echo`: says its argument back, to see that a connection works.

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use super::{BadArgument, kind, object, read_only};

/// The longest text it repeats, in characters.
const LONGEST: usize = 10_000;

pub(in crate::mcp) fn describe() -> Tool {
    let input = json!({
        "type": "object",
        "properties": { "text": { "type": "string", "description": "What to say back", "maxLength": LONGEST } },
        "required": ["text"],
        "additionalProperties": false
    });
    let output = json!({
        "type": "object",
        "properties": { "text": { "type": "string", "description": "The text that was sent" } },
        "required": ["text"],
        "additionalProperties": false
    });
    Tool::new("echo", "Says the text back, to see that the connection works", object(input))
        .with_title("Echo")
        .with_raw_output_schema(object(output))
        .with_annotations(read_only("Echo".to_owned()))
}

pub(in crate::mcp) fn call(arguments: &JsonObject) -> Result<Value, BadArgument> {
    if let Some(unknown) = arguments.keys().find(|key| *key != "text") {
        return Err(BadArgument::Unknown { found: unknown.clone(), expected: "its only argument is `text`" });
    }
    match arguments.get("text") {
        None => Err(BadArgument::Missing("text")),
        Some(Value::String(text)) => match text.chars().count() {
            found if found > LONGEST => Err(BadArgument::TooLong { name: "text", found, most: LONGEST }),
            _ => Ok(json!({ "text": text })),
        },
        Some(other) => Err(BadArgument::NotText { name: "text", found: kind(other) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_argument_is_named() {
        let call = |value: Value| super::call(value.as_object().unwrap());
        assert_eq!(call(json!({ "text": "a" })).unwrap(), json!({ "text": "a" }));
        let message = |value| call(value).unwrap_err().to_string();
        assert_eq!(message(json!({})), "the argument `text` is missing; pass a text");
        assert_eq!(message(json!({ "text": 1 })), "the argument `text` is a number; pass a text");
        assert_eq!(
            message(json!({ "text": "a", "user": "b" })),
            "`user` is not an argument of this tool; its only argument is `text`"
        );
    }
}
