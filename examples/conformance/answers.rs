//! The fixtures' fixed answers: what the suite expects, word for word.

use rmcp::model::{
    AudioContent, CallToolResult, ContentBlock, GetPromptResult, ImageContent, Prompt, PromptArgument, PromptMessage,
    Resource, ResourceContents, ResourceTemplate, Role, Tool,
};
use serde_json::{Map, Value, json};

use crate::asking;

/// A red pixel.
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
/// No sound.
const AUDIO: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

pub(crate) const TEXT: &str = "test://static-text";
pub(crate) const BINARY: &str = "test://static-binary";
pub(crate) const WATCHED: &str = "test://watched-resource";
const TEMPLATE: &str = "test://template/{id}/data";

fn tool(name: String, description: &'static str, schema: Value) -> Tool {
    let schema: Map<String, Value> = if let Value::Object(schema) = schema { schema } else { Map::new() };
    Tool::new(name, description, schema)
}

/// The tool whose argument comes in a header too (SEP-2243).
pub(crate) fn with_header() -> Tool {
    let schema = json!({
        "type": "object", "properties": { "value": { "type": "string", "x-mcp-header": "Value" } }, "required": ["value"]
    });
    tool("test_custom_header".to_owned(), "Takes an argument from a header", schema)
}

/// Every fixture that is a tool.
pub(crate) fn tools() -> Vec<Tool> {
    let none = || json!({ "type": "object", "properties": {} });
    let plain = [
        ("test_simple_text", "Says something"),
        ("test_image_content", "Shows an image"),
        ("test_audio_content", "Plays a sound"),
        ("test_embedded_resource", "Embeds a resource"),
        ("test_multiple_content_types", "Says and shows something"),
        ("test_tool_with_logging", "Logs while it runs"),
        ("test_tool_with_progress", "Says how far it is"),
        ("test_error_handling", "Fails"),
        ("test_elicitation_sep1034_defaults", "Asks with defaults"),
        ("test_elicitation_sep1330_enums", "Asks for one of several"),
        ("test_reconnection", "Takes its time"),
        ("test_missing_capability", "Needs a client that can sample"),
        ("test_streaming_elicitation", "Asks for a value"),
        ("test_logging_tool", "Logs where the request says so"),
        ("test_trigger_tool_change", "Says that the tools changed"),
        ("test_trigger_prompt_change", "Says that the prompts changed"),
    ];
    let text =
        |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] });
    let asking = asking::TOOLS.map(|name| tool(format!("{}{name}", asking::PREFIX), "Asks before it answers", none()));
    let plain = plain.into_iter().map(|(name, description)| tool(name.to_owned(), description, none()));
    let others = [
        tool("test_sampling".to_owned(), "Asks the client's model", text("prompt")),
        tool("test_elicitation".to_owned(), "Asks the person", text("message")),
        tool("json_schema_2020_12_tool".to_owned(), "Has a schema of JSON Schema 2020-12", schema()),
        with_header(),
    ];
    plain.chain(asking).chain(others).collect()
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "address",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": { "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" } },
        "allOf": [{ "anyOf": [{ "required": ["name"] }, { "required": ["address"] }] }],
        "if": { "required": ["address"] },
        "then": { "properties": { "address": { "required": ["street"] } } },
        "else": { "required": ["name"] },
        "additionalProperties": false
    })
}

/// What the elicitation fixtures ask for.
pub(crate) fn asked(tool: &str) -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let titled = |words: [&str; 3]| -> Value {
        let values = words.into_iter().enumerate();
        values.map(|(index, title)| json!({ "const": format!("value{}", index + 1), "title": title })).collect()
    };
    let options = json!(["option1", "option2", "option3"]);
    match tool {
        "test_elicitation" => json!({
            "type": "object",
            "properties": { "username": text("User's response"), "email": text("User's email address") },
            "required": ["username", "email"]
        }),
        "test_elicitation_sep1034_defaults" => json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "default": "John Doe" },
                "age": { "type": "integer", "default": 30 },
                "score": { "type": "number", "default": 95.5 },
                "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
                "verified": { "type": "boolean", "default": true }
            }
        }),
        _ => json!({
            "type": "object",
            "properties": {
                "untitledSingle": { "type": "string", "enum": options },
                "titledSingle": { "type": "string", "oneOf": titled(["First Option", "Second Option", "Third Option"]) },
                "legacyEnum": {
                    "type": "string",
                    "enum": ["opt1", "opt2", "opt3"],
                    "enumNames": ["Option One", "Option Two", "Option Three"]
                },
                "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
                "titledMulti": {
                    "type": "array",
                    "items": { "anyOf": titled(["First Choice", "Second Choice", "Third Choice"]) }
                }
            }
        }),
    }
}

/// The answer of a tool that always answers the same.
pub(crate) fn fixed(tool: &str) -> Option<CallToolResult> {
    let embedded = |uri: &str, media_type: &str, text: &str| {
        ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(media_type))
    };
    let content = match tool {
        "test_simple_text" => vec![ContentBlock::text("This is a simple text response for testing.")],
        "test_image_content" => vec![ContentBlock::image(IMAGE, "image/png")],
        "test_audio_content" => vec![ContentBlock::Audio(AudioContent::new(AUDIO, "audio/wav"))],
        "test_embedded_resource" => {
            vec![embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]
        }
        "test_multiple_content_types" => vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(IMAGE, "image/png"),
            embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ],
        "json_schema_2020_12_tool" => vec![ContentBlock::text("Hello!")],
        "test_error_handling" => {
            let text = "This tool intentionally returns an error for testing";
            return Some(CallToolResult::error(vec![ContentBlock::text(text)]));
        }
        _ => return None,
    };
    Some(CallToolResult::success(content))
}

/// Every fixture that is a resource.
pub(crate) fn resources() -> [Resource; 3] {
    [
        Resource::new(TEXT, "Static text").with_mime_type("text/plain"),
        Resource::new(BINARY, "Static bytes").with_mime_type("image/png"),
        Resource::new(WATCHED, "Watched").with_mime_type("text/plain"),
    ]
}

pub(crate) fn template() -> ResourceTemplate {
    ResourceTemplate::new(TEMPLATE, "Template").with_mime_type("application/json")
}

/// The contents of a fixture.
pub(crate) fn contents(uri: &str) -> Option<ResourceContents> {
    match uri {
        TEXT => Some(ResourceContents::text("This is the content of the static text resource.", uri)),
        WATCHED => Some(ResourceContents::text("Watched resource content", uri)),
        BINARY => Some(ResourceContents::blob(IMAGE, uri).with_mime_type("image/png")),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            Some(ResourceContents::text(data.to_string(), uri).with_mime_type("application/json"))
        }
    }
}

/// Every fixture that is a prompt.
pub(crate) fn prompts() -> Vec<Prompt> {
    let argument = |name: &str, required| PromptArgument::new(name).with_required(required);
    let prompt = |name: &str, arguments| Prompt::new(name, Some("A fixture"), arguments);
    vec![
        prompt("test_simple_prompt", None),
        prompt("test_prompt_with_arguments", Some(vec![argument("arg1", true), argument("arg2", false)])),
        prompt("test_prompt_with_embedded_resource", Some(vec![argument("resourceUri", true)])),
        prompt("test_prompt_with_image", None),
        prompt("test_input_required_result_prompt", None),
    ]
}

/// What a prompt says.
pub(crate) fn prompt(name: &str, arguments: &Map<String, Value>) -> Option<GetPromptResult> {
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = |text: String| PromptMessage::new_text(Role::User, text);
    Some(GetPromptResult::new(match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
        "test_prompt_with_arguments" => {
            vec![text(format!("Prompt with arguments: arg1='{}', arg2='{}'", argument("arg1"), argument("arg2")))]
        }
        "test_prompt_with_embedded_resource" => {
            let contents = ResourceContents::text("Embedded resource content for testing.", argument("resourceUri"));
            vec![
                PromptMessage::new(Role::User, ContentBlock::resource(contents)),
                text("Please process the embedded resource above.".to_owned()),
            ]
        }
        "test_prompt_with_image" => vec![
            PromptMessage::new(Role::User, ContentBlock::Image(ImageContent::new(IMAGE, "image/png"))),
            text("Please analyze the image above.".to_owned()),
        ],
        _ => return None,
    }))
}
